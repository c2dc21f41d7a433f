"""Nights that are disturbed: killed or refused by the system at every file operation, and killed at random.

    PYTHONPATH=tests python tests/reliability/crash.py --n 500 --write

After each disturbance `current` has to be a whole release, readers that opened it all the time must have seen no error,
and the next run has to end where an undisturbed night ends, byte for byte, with nothing left over.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import json
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import page
import pandas as pd
import polars as pl
from night import Night, run
from projects import TRIAL

from dx_pipeline.declarations import catalogue
from dx_pipeline.settings import Settings

OPERATIONS = ("replace", "rename", "symlink", "link", "mkdir", "unlink", "rmdir", "fsync", "chmod")
"""What changes names or waits for the disk: a process may end before or after each of them."""

ERRORS = {"full disk": errno.ENOSPC, "error of the disk": errno.EIO, "read-only": errno.EROFS}
KILL, ANY_MOMENT, STOP = "killed at a file operation", "killed at a random moment", "asked to stop at a random moment"
NO_MEMORY, TWO = "too little memory", "two runs at once"
CLOCK = "the clock is 400 days slow, and jumps"
KINDS = (KILL, ANY_MOMENT, "full disk", KILL, STOP, "error of the disk", KILL, TWO, "read-only", KILL, NO_MEMORY, CLOCK)
"""In turn; a kill occurs more often than a refusal."""

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
"""The library that gives a process another clock (Debian's libfaketime); without it the clock is left alone."""

WAIT_SECONDS = 120
PAUSE_SECONDS = 0.1
"""How long a reader waits before it opens the current release again."""


@dataclass
class Interceptor:
    """Counts the file operations of this process, and does something at one of them.

    Args:
        at: before which of them, from 0 on; None only counts.
        then: what happens there.
        names: the operations so far.
    """

    at: int | None = None
    then: Callable[[], object] = lambda: None
    names: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Intercept the operations from here on, for good: a process that was forked for it calls this."""
        for name in OPERATIONS:
            setattr(os, name, partial(self._call, name, getattr(os, name)))

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if len(self.names) == self.at:
            self.then()
        self.names.append(name)
        return real(*arguments, **options)


def refuse(code: int) -> None:
    """Be the system that refuses an operation."""
    raise OSError(code, os.strerror(code))


def kill() -> None:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """Do something in a process of its own; returns its id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what it warns of is expected
        work()
    except BaseException:  # noqa: BLE001 - it is disturbed; how it ends is not looked at, only what it leaves
        os._exit(1)
    util._run_finalizers(0)  # type: ignore[attr-defined]  # noqa: SLF001 - as a worker ends
    os._exit(0)


def answer(work: Callable[[], Any], folder: Path) -> Any:
    """The result of something that a process of its own does.

    The process that forks others opens no database itself: threads of one would be missing in those that it forks.
    """
    written = folder / "answer.pickle"
    ended = wait_for(forked(lambda: written.write_bytes(pickle.dumps(work()))))
    if ended != "done":
        raise RuntimeError(f"a process that was not disturbed {ended}")
    return pickle.loads(written.read_bytes())  # noqa: S301 - this process wrote it


def wait_for(process: int) -> str:
    """How a process ended: `done`, `stopped` by itself, `killed`, or `hung`."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "killed" if os.WIFSIGNALED(status) else "stopped" if os.WEXITSTATUS(status) else "done"
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return "hung"


@contextmanager
def reading(settings: Settings, tally: Counter[str], said: list[str]) -> Iterator[None]:
    """Let a process open the current release all the time, as analysts do; count how often, and every error."""
    receiving, sending = os.pipe()
    reader = forked(partial(_read_on, settings, sending))
    os.close(sending)
    try:
        yield
    finally:
        os.kill(reader, signal.SIGKILL)  # whoever started us may have SIGTERM ignored
        os.waitpid(reader, 0)
        with os.fdopen(receiving, encoding="utf-8") as lines:
            for line in lines:
                if line == ".\n":
                    tally["times a reader opened the current release"] += 1
                else:
                    said.append(f"reader: {line.strip()}")


def _read_on(settings: Settings, sending: int) -> None:
    values = settings.current / "kpi" / "value.parquet"
    while True:
        try:
            with duckdb.connect(str(settings.current / "dx.duckdb"), read_only=True) as connection:
                connection.execute("SELECT count(*) FROM kpi.value").fetchall()
            pd.read_parquet(values)
            pl.read_parquet(values)
            os.write(sending, b".\n")
            time.sleep(PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is a violation
            os.write(sending, f"{type(error).__name__}: {error}".replace("\n", " ").encode() + b"\n")


Start = Callable[[Settings, Night], list[int]]
"""Starts the processes that run a night, and returns their ids."""


def prepared(prepare: Callable[[], object], processes: int = 1) -> Start:
    """Let some processes run the night, each after something that disturbs it."""

    def start(settings: Settings, night: Night) -> list[int]:
        def disturbed() -> None:
            prepare()
            run(settings, night.declared)

        return [forked(disturbed) for _ in range(processes)]

    return start


def disturbances(count: int, operations: int, seconds: float, seed: int) -> Iterator[tuple[str, Start]]:
    """What happens to each night, its kind and how it is started, in a repeatable order."""
    random_number = random.Random(seed)  # noqa: S311 - a repeatable order needs no secrecy
    places = list(range(operations))
    random_number.shuffle(places)
    kinds = [kind for kind in KINDS if kind != CLOCK or FAKETIME is not None]
    for number in range(count):
        kind, place = kinds[number % len(kinds)], places[number % operations]
        after, memory = random_number.uniform(0.01, seconds), random_number.randint(8, 96) << 20
        if kind in ERRORS:
            yield kind, prepared(Interceptor(place, partial(refuse, ERRORS[kind])).install)
        elif kind == KILL:
            yield kind, prepared(Interceptor(place, kill).install)
        elif kind == ANY_MOMENT:
            yield kind, prepared(partial(_end_after, after, signal.SIG_DFL))  # its default ends the process
        elif kind == STOP:
            yield kind, prepared(partial(_end_after, after, signal.default_int_handler))
        elif kind == NO_MEMORY:
            yield kind, prepared(partial(_limit_memory, memory))
        elif kind == TWO:
            yield kind, prepared(lambda: None, processes=2)
        else:
            yield kind, _with_another_clock


def _end_after(seconds: float, how: Any) -> None:
    signal.signal(signal.SIGALRM, how)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _with_another_clock(settings: Settings, night: Night) -> list[int]:  # noqa: ARG001 - every start has both
    """Run the night in a new process, while another one turns its clock back and forth."""
    clock = settings.warehouse.with_suffix(".clock")
    clock.write_text("-400d", encoding="ascii")
    preload = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    environment = {**os.environ, **preload, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def turn() -> None:
        for days in itertools.cycle((-400, 30, -1, 400)):
            clock.write_text(f"{days:+}d", encoding="ascii")
            time.sleep(0.05)

    def run_it() -> None:
        turning = forked(turn)
        command = [sys.executable, __file__, "--night", str(settings.warehouse)]
        ended = subprocess.run(command, env=environment, check=False, capture_output=True)
        os.kill(turning, signal.SIGKILL)
        os.waitpid(turning, 0)
        if ended.returncode:
            raise RuntimeError(ended.stderr)

    return [forked(run_it)]


def _limit_memory(more: int) -> None:
    """Let the process have little more memory than it has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@dataclass
class Report:
    """What a suite found: how often what was done, and every violation."""

    tally: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def crash(folder: Path, count: int, seed: int = 2022, announce: Callable[[str], object] = print) -> Report:
    """Disturb a night that many times."""
    night, report = answer(lambda: Night.prepare(folder), folder), Report()
    operations, seconds = _measured(night, folder / "measured")
    announce(f"an undisturbed night has {operations} file operations and takes {seconds:.1f} s")
    for number, (kind, start) in enumerate(disturbances(count, operations, seconds, seed), 1):
        said: list[str] = []
        settings = night.copy(folder / "disturbed")
        with reading(settings, report.tally, said):
            ended = ", ".join(map(wait_for, start(settings, night)))
        report.tally[f"{kind}: {ended}"] += 1
        said += answer(lambda: list(night.violations_after_disturbance(settings)), folder)  # noqa: B023
        if "hung" in ended or wait_for(forked(lambda: run(settings, night.declared))) != "done":  # noqa: B023
            said.append("the next run failed")
        said += answer(lambda: list(night.violations_after_next_run(settings)), folder)  # noqa: B023
        report.violations += [f"{number} ({kind}, {ended}): {sentence}" for sentence in said]
        shutil.rmtree(settings.warehouse)
        if number % 25 == 0:
            announce(f"{number} of {count}: {len(report.violations)} violations")
    return report


def _measured(night: Night, folder: Path) -> tuple[int, float]:
    """How many file operations an undisturbed night has, and how many seconds it takes, in a process of its own."""
    settings, interceptor = night.copy(folder), Interceptor()

    def undisturbed() -> int:
        interceptor.install()
        run(settings, night.declared)
        return len(interceptor.names)

    began = time.monotonic()
    return answer(undisturbed, folder.parent), time.monotonic() - began


def main() -> None:
    """Run the suite, print what it found, and with `--write` put it into docs/reliability.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--json", type=Path, help="a file for the report")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--night", type=Path, help="run the night of this warehouse, and nothing else")
    chosen = parser.parse_args()
    if chosen.night is not None:
        return run(Settings(chosen.night, TRIAL, threads=1), catalogue.load(TRIAL))
    with TemporaryDirectory() as folder:
        report = crash(Path(folder), chosen.n, chosen.seed)
    for what, times in sorted(report.tally.items()):
        print(f"{times:8,}  {what}")
    for violation in report.violations:
        print(violation)
    print(f"{len(report.violations)} violations")
    if chosen.json is not None:
        about = {"tally": report.tally, "violations": report.violations}
        chosen.json.write_text(json.dumps(about, indent=1), encoding="utf-8")
    if chosen.write:
        page.write("crash", f"make crash N={chosen.n}", report.tally, len(report.violations))
    raise SystemExit(bool(report.violations))


if __name__ == "__main__":
    main()

"""Nights that are disturbed: killed or refused by the system at every file operation, and killed at random.

    PYTHONPATH=tests python tests/reliability/crash.py --n 500 --write

After each disturbance `current` has to be a whole release, readers that opened it all the time must have seen no error,
and the next run has to end where an undisturbed night ends, byte for byte, with nothing left over.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import mounts
import page
import pandas as pd
import polars as pl
from disturbances import WHOLE, Disturbance, Interceptor, disturbances
from night import Night, run
from processes import answer, forked, wait_for

from dx_pipeline import audit
from dx_pipeline.settings import Settings

LANES = 2
"""How many nights are disturbed at once."""

PAUSE_SECONDS = 0.2
"""How long a reader waits before it opens the current release again."""


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
    values = Path("kpi") / "value.parquet"
    while True:
        try:
            with duckdb.connect(str(settings.current / "dx.duckdb"), read_only=True) as connection:
                connection.execute("SELECT count(*) FROM kpi.value").fetchall()
            for read in (pd.read_parquet, pl.read_parquet):  # both open a file twice: see README.md
                read(settings.current.resolve() / values)
            os.write(sending, b".\n")
            time.sleep(PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever a reader meets is a violation
            os.write(sending, f"{type(error).__name__}: {error}".replace("\n", " ").encode() + b"\n")


@dataclass
class Report:
    """What a suite found: how often what was done, and every violation."""

    tally: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def crash(
    folder: Path, count: int, seed: int = 2022, announce: Callable[[str], object] = print, lanes: int = LANES
) -> Report:
    """Disturb a night that many times, in some processes at once."""
    audit.load()  # once, here: the processes of the nights are forked from this one
    night = answer(lambda: Night.prepare(folder), folder)
    operations, seconds = _measured(night, folder / "measured")
    announce(f"an undisturbed night has {operations} file operations and takes {seconds:.1f} s")
    numbered = list(enumerate(disturbances(count, operations, seconds, seed), 1))

    def disturb(lane: Path, own: Sequence[tuple[int, Disturbance]]) -> None:
        lane.mkdir()
        (lane / "report.pickle").write_bytes(pickle.dumps(_disturb_each(night, own, lane / "disturbed", announce)))

    folders = [folder / f"lane{number}" for number in range(lanes)]
    started = [forked(partial(disturb, lane, numbered[place::lanes])) for place, lane in enumerate(folders)]
    report = Report()
    for lane, process in zip(folders, started, strict=True):
        if os.waitpid(process, 0)[1]:
            raise RuntimeError("a process of the suite has died")
        found = pickle.loads((lane / "report.pickle").read_bytes())  # noqa: S301 - it is ours
        report.tally.update(found.tally)
        report.violations += found.violations
    return report


def _disturb_each(
    night: Night, numbered: Sequence[tuple[int, Disturbance]], folder: Path, announce: Callable[[str], object]
) -> Report:
    """Disturb a night in each of these ways, one after the other."""
    report, began = Report(), time.monotonic()
    for done, (number, disturbance) in enumerate(numbered, 1):
        ended, said = _disturbed(night, disturbance, folder, report.tally)
        report.tally[f"{disturbance.kind}: {ended}"] += 1
        for sentence in said:
            report.violations.append(f"{number} ({disturbance.kind}, {ended}): {sentence}")
            announce(report.violations[-1])
        if done % 25 == 0:
            seconds = time.monotonic() - began
            announce(f"{done} of {len(numbered)}: {len(report.violations)} violations, {seconds:,.0f} s")
    return report


def _disturbed(night: Night, disturbance: Disturbance, folder: Path, tally: Counter[str]) -> tuple[str, list[str]]:
    """Disturb one night: how it ended, and its violations."""
    said: list[str] = []
    with ExitStack() as stack:
        leave = stack.enter_context(mounts.disk_of_its_own(folder)) if disturbance.room is not None else None
        settings = night.copy(folder)
        if leave is not None:
            leave(disturbance.room or 0)
        with reading(settings, tally, said):
            ended = ", ".join(map(wait_for, disturbance.start(settings, night)))
        if leave is not None:
            leave(mounts.ENOUGH)
        if disturbance.kind in WHOLE and ended != "done":
            said.append(settings.warehouse.with_suffix(".said").read_text(encoding="utf-8"))
        said += answer(lambda: list(night.violations_after_disturbance(settings)), folder.parent)
        if "hung" in ended or wait_for(forked(lambda: run(settings, night.declared))) != "done":
            said.append("the next run failed")
        said += answer(lambda: list(night.violations_after_next_run(settings)), folder.parent)
    for path in folder.parent.glob(f"{folder.name}*"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    return ended, said


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
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        report = crash(Path(folder), chosen.n, chosen.seed, partial(print, flush=True))
    for what, times in sorted(report.tally.items()):
        print(f"{times:8,}  {what}")
    print(f"{len(report.violations)} violations")
    if chosen.json is not None:
        about = {"tally": report.tally, "violations": report.violations}
        chosen.json.write_text(json.dumps(about, indent=1), encoding="utf-8")
    if chosen.write:
        rows = [(what, [times]) for what, times in sorted(report.tally.items())]
        page.write("crash", f"make crash N={chosen.n}", len(report.violations), ["times"], rows)
    raise SystemExit(bool(report.violations))


if __name__ == "__main__":
    main()

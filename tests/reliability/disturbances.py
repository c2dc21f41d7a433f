"""What happens to a night: it is killed, stopped, refused something by the system, or runs beside another one."""

from __future__ import annotations

import errno
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster_nights
import mounts
from night import Night, run
from processes import forked

from dx_pipeline.settings import Settings

OPERATIONS = ("replace", "rename", "symlink", "link", "mkdir", "unlink", "rmdir", "fsync", "chmod")
"""What changes names or waits for the disk: a process may end before or after each of them."""

ERRORS = {
    "refused: disk full": errno.ENOSPC,
    "refused: error of the disk": errno.EIO,
    "refused: read-only": errno.EROFS,
}
KILL, ANY_MOMENT, STOP = "killed at a file operation", "killed at a random moment", "asked to stop at a random moment"
NO_MEMORY, FULL, TWO = "too little memory", "a disk that is full", "two runs at once"
CLOCK = "the clock is 400 days slow, and jumps"
GROUP, WORKER = "`dx run` and its workers killed at a random moment", "a worker of `dx run` killed at a random moment"
BESIDE, TERMINATED = "Dagster's runs beside `dx run`", "a run terminated from Dagster"
DAEMON = "Dagster's daemon and its runs killed, `dx run` meanwhile"
WHOLE = {BESIDE, TERMINATED, DAEMON}
"""Nights that have to come to their end whatever happens."""

ROUND = {
    KILL: 20,
    ANY_MOMENT: 3,
    STOP: 3,
    GROUP: 3,
    WORKER: 2,
    BESIDE: 1,
    TERMINATED: 1,
    DAEMON: 1,
    FULL: 4,
    NO_MEMORY: 3,
    TWO: 2,
    CLOCK: 2,
    **dict.fromkeys(ERRORS, 4),
}
"""How often each kind comes in a round."""

NIGHT = Path(__file__).with_name("night.py")
ROOM = 8 << 20
"""A disk that is full has at most so many bytes left; a night needs more."""

DX_RUN_SECONDS = 8
"""About how long `dx run` takes for this night."""

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
"""The library that gives a process another clock (Debian's libfaketime); without it the clock is left alone."""


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


Start = Callable[[Settings, Night], list[int]]
"""Starts the processes that run a night, and returns their ids."""


@dataclass(frozen=True)
class Disturbance:
    """What happens to one night.

    Args:
        kind: what it is called in the figures.
        start: starts the night and what disturbs it.
        room: how many bytes the disk has left for the night; None if it has enough.
    """

    kind: str
    start: Start
    room: int | None = None


def disturbances(count: int, operations: int, seconds: float, seed: int) -> Iterator[Disturbance]:
    """What happens to each of that many nights, in a repeatable order.

    Args:
        count: how many nights.
        operations: how many file operations a night has.
        seconds: how long it takes.
        seed: of the order, the moments and the places.
    """
    order, chance = (random.Random(f"{seed} {use}") for use in ("order", "chance"))  # noqa: S311 - it needs no secrecy
    places = itertools.cycle(chance.sample(range(operations), operations))
    missing = {CLOCK} if FAKETIME is None else set()
    missing |= set() if mounts.may_mount() else {FULL}
    turns = [kind for kind, times in ROUND.items() if kind not in missing for _ in range(times)]
    for number in range(count):
        if number % len(turns) == 0:
            order.shuffle(turns)
        yield _disturbance(turns[number % len(turns)], places, seconds, chance)


def _disturbance(kind: str, places: Iterator[int], seconds: float, chance: random.Random) -> Disturbance:
    after, room = chance.uniform(0.01, seconds), None
    if kind in ERRORS:
        start = prepared(Interceptor(next(places), partial(refuse, ERRORS[kind])).install)
    elif kind == KILL:
        start = prepared(Interceptor(next(places), kill).install)
    elif kind == ANY_MOMENT:
        start = prepared(partial(_end_after, after, signal.SIG_DFL))  # its default ends the process
    elif kind == STOP:
        start = prepared(partial(_end_after, after, signal.default_int_handler))
    elif kind == NO_MEMORY:
        start = prepared(partial(_limit_memory, chance.randint(8, 96) << 20))
    elif kind == FULL:
        start, room = prepared(lambda: None), chance.randint(0, ROOM)
    elif kind == TWO:
        start = prepared(lambda: None, processes=2)
    elif kind == CLOCK:
        start = _with_another_clock
    else:
        start = _whole_run(_whole_runs(kind, after, chance))
    return Disturbance(kind, start, room)


def _whole_runs(kind: str, seconds: float, chance: random.Random) -> Callable[[Settings], None]:
    """The kinds that are processes as a province has them."""
    if kind == GROUP:
        return partial(dagster_nights.killed, seconds=chance.uniform(0.1, DX_RUN_SECONDS))
    if kind == WORKER:
        return partial(dagster_nights.without_a_worker, seconds=chance.uniform(0.1, DX_RUN_SECONDS))
    if kind == TERMINATED:
        return partial(dagster_nights.terminated, job=chance.choice(list(dagster_nights.JOBS)), seconds=seconds)
    return dagster_nights.beside_dx_run if kind == BESIDE else partial(dagster_nights.without_daemon, seconds=seconds)


def _whole_run(work: Callable[[Settings], None]) -> Start:
    return lambda settings, night: [forked(partial(work, settings), settings.warehouse.with_suffix(".said"))]  # noqa: ARG005


def prepared(prepare: Callable[[], object], processes: int = 1) -> Start:
    """Let some processes run the night, each after something that disturbs it."""

    def start(settings: Settings, night: Night) -> list[int]:
        def disturbed() -> None:
            prepare()
            run(settings, night.declared)

        return [forked(disturbed) for _ in range(processes)]

    return start


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
        command = [
            sys.executable,
            str(Path(__file__).with_name("night.py")),
            str(settings.project),
            str(settings.warehouse),
        ]
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

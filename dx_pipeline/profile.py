"""Profile: what each stage of a run takes, by table and month: time, processor time and memory.

Stages are recorded only within `recording`. The time of a stage within another one counts for the inner one alone.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

from dx_pipeline.period import Month

Item = TypeVar("Item")

STATUS, PEAK = Path("/proc/self/status"), "VmHWM:"
RESET, ONLY_PEAK = Path("/proc/self/clear_refs"), "5"
KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Stage:
    """What a stage took.

    Args:
        name: of the stage: fetch, scan, filter, land, read, audit, publish, derive, evaluate, release or report.
        table: the table, or the source, that it was about.
        month: the month that it was about; None for several, or none.
        seconds: from its beginning to its end.
        cpu_seconds: of all threads of its process; what other processes did meanwhile is in their own stages.
        peak_mib: the most memory that its process had meanwhile, whatever for.
        count: how many times it ran, where several are added up.
    """

    name: str
    table: str
    month: Month | None
    seconds: float
    cpu_seconds: float
    peak_mib: float
    count: int = 1


_RECORDED: ContextVar[list[Stage] | None] = ContextVar("stages recorded", default=None)
_OPEN: ContextVar[list[_Open]] = ContextVar("stages that run now")


@dataclass
class _Open:
    """A stage that runs now: what the stages within it took, and the highest peak so far."""

    seconds: float = 0
    cpu_seconds: float = 0
    peak_mib: float = 0


@contextmanager
def recording() -> Iterator[list[Stage]]:
    """Record the stages within the block; those around it, if any, get them, too."""
    stages: list[Stage] = []
    outer = _RECORDED.get()
    recorded, running = _RECORDED.set(stages), _OPEN.set([])
    try:
        yield stages
    finally:
        _OPEN.reset(running)
        _RECORDED.reset(recorded)
        if outer is not None:
            outer.extend(stages)


def is_recorded() -> bool:
    """Whether stages are recorded."""
    return _RECORDED.get() is not None


def add(stages: Iterable[Stage]) -> None:
    """Add what another process recorded."""
    recorded = _RECORDED.get()
    if recorded is not None:
        recorded.extend(stages)


@contextmanager
def stage(name: str, table: str, month: Month | None = None) -> Iterator[None]:
    """Record what the block takes."""
    recorded = _RECORDED.get()
    if recorded is None:
        yield
        return
    running = _OPEN.get()
    if running:
        running[-1].peak_mib = max(running[-1].peak_mib, _peak_mib())
    own = _Open()
    running.append(own)
    _forget_peak()
    seconds, cpu_seconds = perf_counter(), process_time()
    try:
        yield
    finally:
        seconds, cpu_seconds = perf_counter() - seconds, process_time() - cpu_seconds
        peak_mib = max(own.peak_mib, _peak_mib())
        running.pop()
        recorded.append(Stage(name, table, month, seconds - own.seconds, cpu_seconds - own.cpu_seconds, peak_mib))
        if running:
            running[-1].seconds += seconds
            running[-1].cpu_seconds += cpu_seconds
            running[-1].peak_mib = max(running[-1].peak_mib, peak_mib)
        _forget_peak()


def iterating(name: str, table: str, month: Month | None, items: Iterable[Item]) -> Iterator[Item]:
    """Items, of which each is made in a stage."""
    iterator, end = iter(items), object()
    while True:
        with stage(name, table, month):
            item = next(iterator, end)
        if item is end:
            _not_counted()
            return
        yield item  # type: ignore[misc] # it is not the end


def _not_counted() -> None:
    """The last stage took time, and was none by itself."""
    recorded = _RECORDED.get()
    if recorded:
        recorded[-1] = replace(recorded[-1], count=0)


def added_up(stages: Iterable[Stage]) -> list[Stage]:
    """One stage for each name and table, in the order in which they began; of all months together."""
    found: dict[tuple[str, str], Stage] = {}
    for each in stages:
        before = found.get((each.name, each.table))
        found[each.name, each.table] = (
            each
            if before is None
            else replace(
                before,
                month=None,
                seconds=before.seconds + each.seconds,
                cpu_seconds=before.cpu_seconds + each.cpu_seconds,
                peak_mib=max(before.peak_mib, each.peak_mib),
                count=before.count + each.count,
            )
        )
    return list(found.values())


def _peak_mib() -> float:
    """The most memory that this process has had since `_forget_peak`; where no system says so, since it began."""
    with suppress(OSError):
        for line in STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(PEAK):
                return int(line.split()[1]) / KIB_PER_MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / KIB_PER_MIB / (KIB_PER_MIB if sys.platform == "darwin" else 1)


def _forget_peak() -> None:
    with suppress(OSError):
        RESET.write_text(ONLY_PEAK, encoding="ascii")

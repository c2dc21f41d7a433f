"""Parts of months, for which counts are kept, and evaluations of windows, which have values.

A *part* is a stretch of days within one month on which neither a definition nor a unit changes. A window adds
parts up. A window of a flow that crosses a change of the definition is never blended: each version is evaluated
over its own days, and the window as a whole has no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from dx_pipeline.declarations.kpi import DeclaredKpi, Version
from dx_pipeline.kpi.units import DAY, Units
from dx_pipeline.period import Month, Window


@dataclass(frozen=True)
class Part:
    """One part of a month, and the number of the units' period that it is in."""

    part_number: int
    first_on: date
    last_on: date
    period: int | None


@dataclass(frozen=True)
class Evaluation:
    """One window of one KPI, or the part of it that one version of the definition applies to.

    Args:
        version: None where the window as a whole has no value: no version, or more than one, applies.
        part: first and last day of the part, where the window is divided.
        is_divided: whether this is a window as a whole, whose parts have values of their own.
        units_on: the day whose units the values are shown on; None: the last day.
    """

    kpi: DeclaredKpi
    window: Window
    version: Version | None
    part: tuple[date, date] | None = None
    is_divided: bool = False
    units_on: date | None = None

    @property
    def first_on(self) -> date:
        """The first day of the evaluation."""
        return self.part[0] if self.part else self.window.start

    @property
    def last_on(self) -> date:
        """The last day of the evaluation."""
        return self.part[1] if self.part else self.window.end

    @property
    def state_on(self) -> date:
        """The end of the last month that has ended by its last day: states are known at the end of months."""
        month = Month.of(self.last_on)
        return month.last if month.last == self.last_on else month.plus(-1).last

    @property
    def months(self) -> frozenset[Month]:
        """The months of its days and of the state at its end: it needs partitions of no other month."""
        return frozenset((*Month.of(self.first_on).through(Month.of(self.last_on)), Month.of(self.state_on)))

    def bounds(self, time_zone: str) -> dict[str, date | datetime]:
        """The parameters of free SQL: days, and moments, which are the same in any session's time zone."""
        zone = ZoneInfo(time_zone)
        return {
            "window_start": self.first_on,
            "window_end": self.last_on,
            "window_start_at": datetime.combine(self.first_on, time(), zone),
            "window_after_at": datetime.combine(self.last_on + DAY, time(), zone),
        }


def evaluations(kpi: DeclaredKpi, windows: Iterable[Window]) -> Iterator[Evaluation]:
    """The evaluations of some windows of a KPI: one a window, and one for each version if several apply to a flow."""
    for window in windows:
        if kpi.basis != "flow":
            yield Evaluation(kpi, window, kpi.definition.version_at(window.end))
            continue
        versions = kpi.definition.versions_within(window)
        spans = [
            (max(version.valid_from, window.start), min(version.valid_to or window.end, window.end))
            for version in versions
        ]
        if len(versions) == 1 and spans == [(window.start, window.end)]:
            yield Evaluation(kpi, window, versions[0])
            continue
        yield Evaluation(kpi, window, None, is_divided=bool(versions))
        for version, span in zip(versions, spans, strict=True):
            yield Evaluation(kpi, window, version, span)


def on_units(evaluated: Iterable[Evaluation], units: Units, day: date) -> Iterator[Evaluation]:
    """Evaluations of KPIs that add up, again on the units of a day, where these differ from their own."""
    for item in evaluated:
        if item.version is not None and item.kpi.adds_up and units.period(item.last_on) != units.period(day):
            yield replace(item, units_on=day)


def parts(months: Sequence[Month], kpis: Iterable[DeclaredKpi], units: Units) -> tuple[Part, ...]:
    """The parts of some months, in order."""
    cuts = {first for first, _ in units.periods}
    for kpi in kpis:
        for version in kpi.definition.versions:
            cuts.add(version.valid_from)
            if version.valid_to is not None:
                cuts.add(version.valid_to + DAY)
    found: list[Part] = []
    for month in months:
        starts = sorted({month.first, *(cut for cut in cuts if month.first < cut <= month.last)})
        for first, last in zip(starts, [*(start - DAY for start in starts[1:]), month.last], strict=True):
            found.append(Part(len(found), first, last, units.period(first)))
    return tuple(found)

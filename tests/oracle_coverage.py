"""Whether enough is there for a value: the second computation's words for coverage (decision 7, and the contract)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property, lru_cache

import pandas as pd
from oracle import DOSSIER, Kind, sources_of
from oracle_losses import lost
from oracle_tables import Tables, in_force, last_day
from territory import DAY

COVERAGE_AT_LEAST = Fraction(8, 10)
NONE = (0, 0, 0, 0)
REPORTERS = {
    "statistics.dossier": ("agency_code", "reference.agency", None),
    "statistics.portal_sync": ("agency_code", "reference.agency", None),
    "programme.community_group": ("unit_code", "reference.admin_unit", "commune"),
}
"""Tables of which every agency (every commune) in force at the end of the month is expected to report."""


@dataclass(frozen=True)
class Span:
    """A window of a KPI, or the part of it that one version of the definition applies to."""

    type: str
    start: date
    end: date
    version: int | None
    reason: str | None = None
    part_start: date | None = None
    part_end: date | None = None

    @property
    def first(self) -> date:
        """Its first day."""
        return self.part_start or self.start

    @property
    def last(self) -> date:
        """Its last day."""
        return self.part_end or self.end

    @property
    def state_on(self) -> date:
        """The end of the last month that has ended by its last day."""
        return self.last if last_day(self.last) == self.last else self.last.replace(day=1) - DAY


def spans(kind: Kind, type_: str, start: date, end: date) -> Iterator[Span]:
    """A window as a whole; and in parts, where it is of a flow and a definition changes within it."""
    within = [
        (number, max(first, start), min(last or end, end))
        for number, first, last in kind.versions
        if first <= end and (last is None or last >= start)
    ]
    on_last_day = [number for number, _, last in within if last == end]
    if not on_last_day and not within:
        yield Span(type_, start, end, None, "no_definition")
    elif kind.basis != "flow" or within == [(within[0][0], start, end)]:
        number = on_last_day[0] if on_last_day else None
        yield Span(type_, start, end, number, None if number else "no_definition")
    else:
        yield Span(type_, start, end, None, "definition_changed")
        for number, first, last in within:
            yield Span(type_, start, end, number, None, first, last)


class Coverage:
    """Whether enough of what a value needs is there."""

    def __init__(self, tables: Tables, systems: Sequence[str], kind: Kind, span: Span) -> None:
        self._tables, self._systems, self._kind, self._span = tables, systems, kind, span
        parts = [part for part in spans(kind, span.type, span.start, span.end) if part.part_start]
        self._parts = parts if span.reason == "definition_changed" else [span]
        self._months = {table: set(self._needed(table)) for table in kind.tables}

    def _needed(self, table: str) -> Iterator[date]:
        """The months that are needed of a table: a window that is divided needs those that its parts need."""
        for part in self._parts:
            if self._kind.basis != "flow" or table in self._kind.states:
                yield part.state_on.replace(day=1)
            else:
                yield from (month.date() for month in pd.date_range(part.first.replace(day=1), part.last, freq="MS"))

    def missing(self, system: str | None) -> str | None:
        """Whether a month is missing."""
        if self._kind.basis == "latest":
            months = self._tables.months
            return None if months and months[-1] >= self._span.last.replace(day=1) else "incomplete"
        shares = [self._partitions(table, system) for table in self._kind.tables]
        return "incomplete" if any(there < needed for there, needed in shares) else None

    def low(self, unit: str, system: str | None) -> str | None:
        """Whether too little of what was expected has come."""
        reports, rows = self.units.get(unit, (None, None))
        if reports == 0:
            return "silent"
        every = [Fraction(*self._partitions(table, system)) for table in self._kind.tables]
        every += [self._rows(table, system) for table in self._kind.tables]
        every += [share for share in (reports, rows) if share is not None]
        return "low_coverage" if min(every, default=Fraction(1)) < COVERAGE_AT_LEAST else None

    def _partitions(self, table: str, system: str | None) -> tuple[int, int]:
        """How many partitions of a table are there, and how many are needed."""
        there = self._tables.there(table)
        sources = sources_of(table, self._systems)
        sources = (system,) if system in sources else sources
        if self._kind.basis == "latest":
            until = self._span.last
            until_then = {source for source, month in there if month is not None and month <= until}
            return len(until_then.intersection(sources)), len(sources)
        needed = {(source, month) for source in sources for month in self._months[table]}
        return len(needed & there.keys()), len(needed)

    def _rows(self, table: str, system: str | None) -> Fraction:
        """The share of a table's rows that were accepted, where nobody in particular is expected to report."""
        if table in REPORTERS:
            return Fraction(1)
        tables = self._tables
        accepted = sum(count for key, count in tables.there(table).items() if self._concerns(table, *key, system))
        rejected = sum(count for key, count in tables.broken(table).items() if self._concerns(table, *key[:2], system))
        return Fraction(accepted, accepted + rejected) if accepted + rejected else Fraction(1)

    def _concerns(self, table: str, source: str, month: date | None, system: str | None) -> bool:
        return month in self._months[table] and (system is None or source == system)

    @cached_property
    def units(self) -> Mapping[str, tuple[Fraction | None, Fraction | None]]:
        """By unit: the share of the reports expected that came, and of the rows delivered that are in a figure."""
        if self._span.version is None and self._span.reason != "definition_changed":
            return {}
        found: dict[str, list[Fraction | None]] = {}
        for table in self._kind.tables:
            if not table.startswith("connection."):
                for unit, (expected, received, delivered, used) in self._reports(table).items():
                    shares = (_share(received, expected), _share(used, delivered))
                    found[unit] = [
                        min((each for each in pair if each is not None), default=None)
                        for pair in zip(found.get(unit, (None, None)), shares, strict=True)
                    ]
        return {unit: (reports, rows) for unit, (reports, rows) in found.items() if (reports, rows) != (None, None)}

    def _reports(self, table: str) -> dict[str, list[int]]:
        """By unit: reports expected and received, rows delivered and used."""
        totals: dict[str, list[int]] = {}
        for month in self._months[table]:
            counted_as = self._kind.losses if table == DOSSIER else () if table in self._kind.joined else (table,)
            missed = sum(lost(self._tables, each, month) for each in counted_as)
            province = str(self._tables.territory.province(last_day(month)))
            for unit, line in [*reports(self._tables, table, month), (province, (0, 0, 0, -missed))]:
                for above in self._tables.territory.place(unit, last_day(month), self._span.last):
                    totals[above] = [old + new for old, new in zip(totals.get(above, NONE), line, strict=True)]
        return totals


def _share(some: int, of_all: int) -> Fraction | None:
    return Fraction(some, of_all) if of_all else None


@lru_cache(maxsize=1000)
def reports(tables: Tables, table: str, month: date) -> list[tuple[str, tuple[int, ...]]]:
    """Reports expected and received, rows delivered and used, by the unit of each reporter."""
    return list(_reports(tables, table, month))


def _reports(tables: Tables, table: str, month: date) -> Iterator[tuple[str, tuple[int, ...]]]:
    territory, day = tables.territory, last_day(month)
    province = str(territory.province(day))
    if table not in REPORTERS:
        source = table.partition(".")[2]
        accepted_count = tables.there(table).get((source, month), 0)
        broken_count = sum(count for key, count in tables.broken(table).items() if key[1] == month)
        yield province, (0, 0, accepted_count + broken_count, accepted_count)
        return
    column, listed, level = REPORTERS[table]
    frame = tables.frame(table)
    accepted, broken = Counter[str](), Counter[str]()
    if not frame.empty:
        accepted.update(frame[frame["partition_month"] == month][column])
    for (_, of_month, reporter), count in tables.broken(table).items():
        broken[reporter] += count if of_month == month else 0
    rows = [row for row in tables.rows(listed) if level is None or row["unit_level"] == level]
    expected = {row[column] for row in rows if in_force(row, day)}
    for reporter in expected | set(+accepted) | set(+broken):
        counts = (accepted[reporter] + broken[reporter], accepted[reporter])
        is_expected = reporter in expected
        unit = territory.unit_of(reporter, day) or province
        yield unit, (int(is_expected), int(is_expected and accepted[reporter] > 0), *counts)

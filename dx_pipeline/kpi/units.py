"""Units through time: which unit a code counts towards on a day, and where a unit lies on another day.

A unit is named by its code *and* a day: codes live on with another name or area. Between two days on which any
unit changes nothing changes: such a stretch is a *period*. A unit that has ceased lies in its successor; one that
was split lies, as a whole, in the nearest unit above that has all of its parts. Shares are never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import product

FOREVER = date(9999, 12, 31)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Unit:
    """One unit over one period of validity (both days inclusive)."""

    code: str
    level: str
    parent_code: str | None
    valid_from: date
    valid_to: date


@dataclass(frozen=True)
class Succession:
    """A unit that ceased on the day before `succeeded_on`, and one in which all of it lies, or a part of it."""

    unit_code: str
    successor_code: str
    succeeded_on: date
    is_whole: bool


@dataclass(frozen=True)
class Agency:
    """An agency's code over one period of validity, and the unit its figures count towards."""

    code: str
    unit_code: str
    valid_from: date
    valid_to: date


@dataclass(frozen=True)
class Place:
    """A unit of one period, among the units of another: itself or its successor, and everything above."""

    from_period: int
    to_period: int
    unit_code: str
    above_code: str
    above_level: str
    above_parent_code: str | None


@dataclass(frozen=True)
class Continuation:
    """A unit of one period that is the same unit in another: all of either lies in the other, or both are the province.

    Args:
        from_parent, to_parent: the units above it.
        is_same_area: false for a province under another code, whose area includes other provinces.
    """

    from_period: int
    from_code: str
    from_parent: str | None
    to_period: int
    to_code: str
    to_parent: str | None
    is_same_area: bool


class Units:
    """Every unit at every time, with the successions between them."""

    def __init__(self, units: Iterable[Unit], agencies: Iterable[Agency], successions: Iterable[Succession]) -> None:
        self.units = tuple(sorted(units, key=lambda unit: (unit.code, unit.valid_from)))
        self.agencies = tuple(sorted(agencies, key=lambda agency: (agency.code, agency.valid_from)))
        self._successors: dict[tuple[str, date], list[Succession]] = defaultdict(list)
        self._predecessors: dict[tuple[str, date], list[Succession]] = defaultdict(list)
        recorded = tuple(successions)
        for item in (*recorded, *self._continued({(item.unit_code, item.succeeded_on) for item in recorded})):
            self._successors[item.unit_code, item.succeeded_on].append(item)
            self._predecessors[item.successor_code, item.succeeded_on].append(item)

    def _continued(self, ceased: Container[tuple[str, date]]) -> Iterator[Succession]:
        """Agencies that keep their code without a gap (renamed, or in another province): they have not ceased."""
        for unit, following in zip(self.units, self.units[1:], strict=False):
            day = unit.valid_to + DAY if unit.valid_to < FOREVER else FOREVER
            is_same = unit.level == "agency" and (following.code, following.valid_from) == (unit.code, day)
            if is_same and (unit.code, day) not in ceased:
                yield Succession(unit.code, unit.code, day, is_whole=True)

    @cached_property
    def periods(self) -> tuple[tuple[date, date], ...]:
        """First and last day of each period, in order."""
        ends = {unit.valid_to + DAY for unit in self.units if unit.valid_to < FOREVER}
        starts = sorted({unit.valid_from for unit in self.units} | ends)
        if not starts:
            return ()  # no list of units has been published
        return tuple(zip(starts, [*(start - DAY for start in starts[1:]), FOREVER], strict=True))

    def period(self, day: date) -> int | None:
        """The number of the period that a day is in; None before the first."""
        return next((number for number, (first, last) in enumerate(self.periods) if first <= day <= last), None)

    @cached_property
    def _in_force(self) -> tuple[dict[str, Unit], ...]:
        return tuple(
            {unit.code: unit for unit in self.units if unit.valid_from <= first <= unit.valid_to}
            for first, _ in self.periods
        )

    def in_force(self, period: int) -> dict[str, Unit]:
        """The units of a period, by code."""
        return self._in_force[period]

    def province(self, period: int) -> str | None:
        """The code of the province in a period."""
        return next((unit.code for unit in self.in_force(period).values() if unit.level == "province"), None)

    def above(self, code: str, period: int) -> Iterator[Unit]:
        """A unit and everything above it in a period, from the lowest."""
        unit = self.in_force(period).get(code)
        while unit is not None:
            yield unit
            unit = self.in_force(period).get(unit.parent_code or "")

    def moved(self, unit: Unit, period: int) -> str | None:
        """The lowest unit of a period that contains all of a unit; None if no unit of that period does."""
        first, _ = self.periods[period]
        if unit.valid_from <= first <= unit.valid_to:
            return unit.code
        if unit.level == "province":
            return self.province(period)
        if first > unit.valid_to:
            day = unit.valid_to + DAY
            items = self._successors[unit.code, day]
            others = [self._moved_on(item.successor_code, day, period) for item in items]
            is_certain = len(items) > 1 or all(item.is_whole for item in items)
        else:
            day = unit.valid_from - DAY
            items = self._predecessors[unit.code, unit.valid_from]
            others = [self._moved_on(item.unit_code, day, period) for item in items]
            is_certain = len(items) > 1 or all(self._is_renaming(item) for item in items)
        common = self._common(others, period) if is_certain else None
        day = unit.valid_to if first > unit.valid_to else unit.valid_from
        return common or self._moved_on(unit.parent_code, day, period)

    def _moved_on(self, code: str | None, day: date, period: int) -> str | None:
        """Where the unit that has a code on a day lies in a period."""
        found = self.period(day)
        unit = self.in_force(found).get(code or "") if found is not None else None
        return self.moved(unit, period) if unit is not None else None

    def shared(self, unit: Unit, period: int) -> frozenset[str]:
        """The units of a later period that have all or a part of a unit; none if nobody recorded what became of it."""
        if self.periods[period][0] <= unit.valid_to:
            return frozenset({unit.code})
        day = unit.valid_to + DAY
        found = self.period(day)
        in_force = self.in_force(found) if found is not None else {}
        items = self._successors.get((unit.code, day), ())
        others = [in_force[item.successor_code] for item in items if item.successor_code in in_force]
        return frozenset(code for other in others for code in self.shared(other, period))

    def _is_renaming(self, item: Succession) -> bool:
        """Whether the successor is that unit and nothing else."""
        return item.is_whole and len(self._predecessors[item.successor_code, item.succeeded_on]) == 1

    def _common(self, codes: Sequence[str | None], period: int) -> str | None:
        """The lowest unit of a period that has all of some units; None if there are none, or one is not known."""
        if not codes:
            return None
        chains = [[unit.code for unit in self.above(code or "", period)] for code in codes]
        return next((code for code in chains[0] if all(code in chain for chain in chains)), None)

    def places(self) -> Iterator[Place]:
        """Every unit of every period, among the units of every other."""
        for from_period in range(len(self.periods)):
            for unit in self.in_force(from_period).values():
                for to_period in range(len(self.periods)):
                    moved = self.moved(unit, to_period)
                    for above in self.above(moved, to_period) if moved else ():
                        yield Place(from_period, to_period, unit.code, above.code, above.level, above.parent_code)

    def continuations(self) -> Iterator[Continuation]:
        """Every unit of every period that is also a unit of another period."""
        for first, second in product(range(len(self.periods)), repeat=2):
            for unit in self.in_force(first).values():
                other = self.in_force(second).get(self.moved(unit, second) or "")
                if other is not None and self.moved(other, first) == unit.code:
                    is_same_area = unit == other or unit.level != "province"
                    before, after = (unit.code, unit.parent_code), (other.code, other.parent_code)
                    yield Continuation(first, *before, second, *after, is_same_area)

    @cached_property
    def digest(self) -> str:
        """A digest of what each code counts towards, and of what each unit lies in, at every time."""
        lies_in = sorted(map(astuple, self.places()), key=str)
        return sha256(repr((self.periods, lies_in, self.rows())).encode()).hexdigest()

    def rows(self) -> list[dict[str, object]]:
        """What each code counts towards, as rows of `reference.unit_of`."""
        columns = ("code", "unit_code", "valid_from", "valid_to")
        return [dict(zip(columns, row, strict=True)) for row in self._codes()]

    def _codes(self) -> Iterator[tuple[str, str, date, date]]:
        """Code, unit, first and last day. Before its first day a code has no unit."""
        rows: dict[str, list[Agency]] = defaultdict(list)
        for agency in self.agencies:
            rows[agency.code].append(agency)
        for unit in self.units:
            if unit.level != "agency":
                rows[unit.code].append(Agency(unit.code, unit.code, unit.valid_from, unit.valid_to))
        for code, of_code in sorted(rows.items()):
            for row, following in zip(of_code, [*of_code[1:], None], strict=True):
                until = following.valid_from - DAY if following else FOREVER
                for unit_code, first, last in self._stretches(row, until):
                    yield code, unit_code, first, last

    def _stretches(self, row: Agency, until: date) -> Iterator[tuple[str, date, date]]:
        """The units that an agency's code counts towards from its first day up to another, in order."""
        for number, (first, last) in enumerate(self.periods):
            start, end = max(first, row.valid_from), min(last, until)
            unit = self._moved_on(row.unit_code, row.valid_from, number) if start <= end else None
            if unit is not None:
                yield unit, start, end

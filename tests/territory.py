"""Units through time, in the words of decision 18: a second computation, on which tests compare the engine's figures.

A code counts towards its unit on the day, if its first day has come. A unit that has ceased lies in its successor. One
that was split lies, as a whole, in the smallest unit that has all of its parts. An agency that goes on under its code
has not ceased. Where nobody says what became of a unit, it lies in the unit that was above it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

DAY, FOREVER = timedelta(days=1), date(9999, 12, 31)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stretch:
    """A unit from its first to its last day."""

    code: str
    level: str
    parent: str | None
    first: date
    last: date


class Territory:
    """The units, agencies and successions of a province; where units lie on another day."""

    def __init__(self, units: Iterable[Row], agencies: Iterable[Row], successions: Iterable[Row]) -> None:
        self._agencies = sorted(agencies, key=lambda row: row["valid_from"])
        self._successors: dict[tuple[str, date], list[str]] = {}
        for row in successions:
            self._successors.setdefault((row["unit_code"], row["succeeded_on"]), []).append(row["successor_code"])
        self._stretches: dict[str, list[Stretch]] = {}
        for row in sorted(units, key=lambda row: row["valid_from"]):
            self._add(Stretch(row["unit_code"], row["unit_level"], row["parent_code"], *_days(row)))
        for row in self._agencies:
            if row["agency_level"] == "specialised":
                self._add(Stretch(row["unit_code"], "agency", None, *_days(row)))
        every = [stretch for found in self._stretches.values() for stretch in found]
        days = {
            day
            for stretch in every
            for day in (stretch.first, stretch.last + DAY if stretch.last < FOREVER else FOREVER)
        }
        self.changes = sorted(days | {row["valid_from"] for row in self._agencies})
        self._places: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._units: dict[tuple[str, int], str | None] = {}

    def _add(self, stretch: Stretch) -> None:
        """Add a stretch; one of an agency that goes on where the last one ended makes that one longer."""
        found = self._stretches.setdefault(stretch.code, [])
        if found and stretch.level == "agency" and self._goes_on(found[-1], stretch.first):
            found[-1] = Stretch(stretch.code, "agency", None, found[-1].first, stretch.last)
        else:
            found.append(stretch)

    def _goes_on(self, stretch: Stretch, day: date) -> bool:
        return stretch.last + DAY == day and (stretch.code, day) not in self._successors

    def number(self, day: date) -> int:
        """How many changes there were up to a day: days with the same number have the same units."""
        return bisect_right(self.changes, day)

    def on(self, code: str, day: date) -> Stretch | None:
        """The unit that has a code on a day."""
        found = [each for each in self._stretches.get(code, ()) if each.first <= day <= each.last]
        return found[0] if found else None

    def province(self, day: date) -> str | None:
        """The code of the province on a day."""
        every = (each for found in self._stretches.values() for each in found)
        return next((each.code for each in every if each.level == "province" and each.first <= day <= each.last), None)

    def above(self, code: str, day: date) -> tuple[str, ...]:
        """A unit and all units above it on a day, the smallest first."""
        unit = self.on(code, day)
        if unit is None:
            return ()
        parent = self.province(day) if unit.level == "agency" else unit.parent
        return (code, *(self.above(parent, day) if parent else ()))

    def level(self, code: str, day: date) -> str:
        """The level of a unit on a day."""
        unit = self.on(code, day)
        assert unit is not None
        return unit.level

    def place(self, code: str, day: date, seen_on: date) -> tuple[str, ...]:
        """The unit of another day in which a unit lies, and all units above it."""
        key = (code, self.number(day), self.number(seen_on))
        if key not in self._places:
            parts = {code}
            for change in self.changes[key[1] : key[2]]:
                parts = {after for part in parts for after in self._after(part, change)}
            for change in reversed(self.changes[key[2] : key[1]]):
                parts = {before for part in parts for before in self._before(part, change)}
            chains = [self.above(part, seen_on) for part in parts]
            common = next((each for each in chains[0] if all(each in chain for chain in chains)), "") if chains else ""
            self._places[key] = self.above(common, seen_on)
        return self._places[key]

    def _after(self, code: str, change: date) -> set[str]:
        """What a unit of the day before a change is on the day of the change."""
        before = self.on(code, change - DAY)
        if before is None:
            return set()
        if before.last >= change:
            return {code}
        if before.level == "province":
            return {str(self.province(change))}
        successors = self._successors.get((code, change))
        if successors:
            return set(successors)
        above = self.above(code, change - DAY)[1:]
        return self._after(above[0], change) if above else set()

    def _before(self, code: str, change: date) -> set[str]:
        """What a unit of the day of a change was on the day before: all units of which it has something."""
        after = self.on(code, change)
        if after is None:
            return set()
        if after.first < change:
            return {code}
        if after.level == "province":
            return {str(self.province(change - DAY))}
        found = {unit for (unit, day), others in self._successors.items() if day == change and code in others}
        is_part = len(found) == 1 and any(len(self._successors[unit, change]) > 1 for unit in found)
        if found and not is_part:
            return found
        above = self.above(code, change)[1:]
        return self._before(above[0], change) if above else set()

    def unit_of(self, code: str, day: date) -> str | None:
        """The unit that the code of an agency or unit counts towards on a day; None before its first day."""
        key = (code, self.number(day))
        if key not in self._units:
            started = [row for row in self._agencies if row["agency_code"] == code and row["valid_from"] <= day]
            units = [each for each in self._stretches.get(code, ()) if each.first <= day and each.level != "agency"]
            if started:
                place = self.place(started[-1]["unit_code"], started[-1]["valid_from"], day)
            else:
                place = self.place(code, units[-1].first, day) if units else ()
            self._units[key] = place[0] if place else None
        return self._units[key]


def _days(row: Row) -> tuple[date, date]:
    return row["valid_from"], row["valid_to"] or FOREVER

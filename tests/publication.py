"""What a province publishes about its dossiers, as plain values: units, months, measures, and the numbers they give.

A key is (measure, unit, window). The relations between keys are written down here from the unit tree, the calendar
and the measures, and not from the sets that the product works with: an attacker starts from them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dx_pipeline.kpi.disclosure import Cell, Suppression, suppression
from dx_pipeline.period import Month, Window, WindowType, windows

Key = tuple[Hashable, str, Window]
Relation = tuple[Key, tuple[Key, ...]]

THRESHOLD = 10


@dataclass(frozen=True)
class Publication:
    """Everything published about some dossiers.

    Args:
        units: the unit above each unit; none above the province.
        dossiers: how many dossiers each unit without units below it received, by unit, month and class.
        measures: what is counted: the classes that each measure counts.
        types: which windows there are.
        unpublished: measures that are not published but must not be computable either.
    """

    units: Mapping[str, str | None]
    dossiers: Mapping[tuple[str, Month, str], int]
    measures: Mapping[str, frozenset[str]]
    types: Sequence[WindowType] = ("month", "quarter", "ytd", "year")
    unpublished: frozenset[str] = frozenset()

    @property
    def months(self) -> list[Month]:
        """The months with dossiers."""
        return sorted({month for _, month, _ in self.dossiers})

    @property
    def windows(self) -> list[Window]:
        """The windows for which every month was delivered."""
        return [window for window in windows(self.months, self.types) if set(window.months) <= set(self.months)]

    def below(self, unit: str) -> list[str]:
        """The units directly below one."""
        return [each for each, above in self.units.items() if above == unit]

    def places(self, unit: str) -> frozenset[str]:
        """The units without units below them in one, or itself."""
        below = self.below(unit)
        return frozenset().union(*(self.places(each) for each in below)) if below else frozenset({unit})

    def cells(self) -> list[Cell]:
        """What the product is asked about."""
        places = {unit: self.places(unit) for unit in self.units}
        kinds = {
            (measure, window): frozenset(f"{month} {each}" for month in window.months for each in classes)
            for measure, classes in self.measures.items()
            for window in self.windows
        }
        return [
            Cell(
                (measure, unit, window),
                places[unit],
                kinds[measure, window],
                role="difference" if measure in self.unpublished else "published",
                zero_is_sensitive=measure not in self.unpublished,
            )
            for measure in self.measures
            for unit in self.units
            for window in self.windows
        ]

    def suppression(self) -> Suppression:
        """What the product withholds."""
        counts = {(place, f"{month} {each}"): count for (place, month, each), count in self.dossiers.items()}
        return suppression(counts, self.cells(), threshold=THRESHOLD)

    def value(self, key: Key) -> int:
        """The true number of a key."""
        measure, unit, window = key
        places, classes = self.places(unit), self.measures[str(measure)]
        return sum(
            count
            for (place, month, each), count in self.dossiers.items()
            if place in places and month in window.months and each in classes
        )

    def shown(self, withheld: frozenset[Hashable]) -> dict[Key, int]:
        """What anybody can read."""
        keys = [(m, u, w) for m in self.measures if m not in self.unpublished for u in self.units for w in self.windows]
        return {key: self.value(key) for key in keys if key not in withheld}

    def small(self) -> frozenset[Key]:
        """The keys that count fewer dossiers than the threshold."""
        keys = [(m, u, w) for m in self.measures for u in self.units for w in self.windows]
        return frozenset(key for key in keys if self.value(key) < THRESHOLD)

    def relations(self) -> Iterator[Relation]:
        """Every sum that anybody can write down: of units, of windows, of classes."""
        classes = sorted(frozenset().union(*self.measures.values()))
        counted: list[Hashable] = [*self.measures, *((each,) for each in classes)]
        spans = sorted({*self.windows, *windows(self.months, ("month",))})
        for unit in self.units:
            for window in spans:
                for what in counted:
                    if below := self.below(unit):
                        yield (what, unit, window), tuple((what, each, window) for each in below)
                    for parts in sums_of(window, spans):
                        yield (what, unit, window), tuple((what, unit, part) for part in parts)
                for measure, counts in self.measures.items():
                    yield (measure, unit, window), tuple(((each,), unit, window) for each in sorted(counts))


def sums_of(window: Window, spans: Sequence[Window]) -> Iterator[list[Window]]:
    """The months of a window, and its pairs of windows of which one begins where the other ends."""
    if window.type != "month":
        yield [Window("month", month.first, month.last) for month in window.months]
        for first in spans:
            for second in spans:
                follows = Month.of(first.end).plus(1) == Month.of(second.start)
                if follows and (first.start, second.end) == (window.start, window.end):
                    yield [first, second]
                if first < second == window and (first.start, first.end) == (window.start, window.end):
                    yield [first]

"""Suppression: cells that count too few dossiers are withheld, with enough others to protect them.

A cell is one unit in one window. Published cells add up (a district and its communes, a quarter and its
months); a single withheld cell of a sum could be computed from the others, so another one is withheld
with it, until no sum reveals a cell. These sums are those of the unit tree within each window and those
of the calendar within each unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dx_pipeline.period import Month, Window

MONTHS_OF_A_QUARTER = 3

Cell = tuple[Window, str]
"""A window and a unit code."""


@dataclass(frozen=True)
class Count:
    """The counts of one cell, before suppression."""

    unit_code: str
    parent_code: str | None
    window: Window
    numerator: int
    denominator: int

    @property
    def cell(self) -> Cell:
        """Which cell it is."""
        return self.window, self.unit_code


def withheld(counts: Sequence[Count], threshold: int) -> frozenset[Cell]:
    """The cells that may not be shown where counts under `threshold` are withheld."""
    size = {count.cell: count.denominator for count in counts}
    hidden = {count.cell for count in counts if count.numerator < threshold or count.denominator < threshold}
    if not hidden:
        return frozenset()
    sums = [*_sums_of_units(counts), *_sums_of_windows(counts)]
    by_cell: dict[Cell, list[int]] = defaultdict(list)
    for number, cells in enumerate(sums):
        for cell in cells:
            by_cell[cell].append(number)
    pending = list(range(len(sums)))
    while pending:
        cells = sums[pending.pop()]
        if sum(cell in hidden for cell in cells) != 1:
            continue
        other = _smallest((cell for cell in cells if cell not in hidden), size)
        if other is not None:
            hidden.add(other)
            pending.extend(by_cell[other])
    return frozenset(hidden)


def _smallest(cells: Iterable[Cell], size: Mapping[Cell, int]) -> Cell | None:
    """The cell with the smallest count; ties are decided by name, which makes the choice repeatable."""
    return min(cells, key=lambda cell: (size[cell], cell), default=None)


def _sums_of_units(counts: Sequence[Count]) -> Iterator[tuple[Cell, ...]]:
    """For each window and parent: the parent's cell and those of its children."""
    known = {count.cell for count in counts}
    children: dict[Cell, list[Cell]] = defaultdict(list)
    for count in counts:
        if count.parent_code is not None:
            children[count.window, count.parent_code].append(count.cell)
    for parent, cells in sorted(children.items()):
        yield (parent, *sorted(cells)) if parent in known else tuple(sorted(cells))


def _sums_of_windows(counts: Sequence[Count]) -> Iterator[tuple[Cell, ...]]:
    """For each unit: a quarter and its months, a year to date and what it is made of."""
    by_unit: dict[str, set[Window]] = defaultdict(set)
    for count in counts:
        by_unit[count.unit_code].add(count.window)
    for unit, windows in sorted(by_unit.items()):
        for window in sorted(windows):
            for parts in _made_of(window):
                if windows.issuperset(parts):
                    yield tuple((part, unit) for part in (window, *parts))


def _made_of(window: Window) -> Iterator[tuple[Window, ...]]:
    """The sets of other windows that add up to this one."""
    last = Month.of(window.end)
    match window.type:
        case "quarter":
            yield tuple(_month(month) for month in window.months)
        case "ytd":
            before = _ytd(last.plus(-1)) if last.number > 1 else None
            yield (_month(last),) if before is None else (before, _month(last))
            if last.number % MONTHS_OF_A_QUARTER == 0:
                quarter = Window("quarter", last.plus(-2).first, last.last)
                yield (quarter,) if last.number == MONTHS_OF_A_QUARTER else (_ytd(last.plus(-3)), quarter)
        case "year":
            yield (_ytd(last),)
        case _:
            return


def _month(month: Month) -> Window:
    return Window("month", month.first, month.last)


def _ytd(month: Month) -> Window:
    return Window("ytd", date(month.year, 1, 1), month.last)

"""Counts of dossiers as arrays: places by kinds, and the published cells as areas by scopes.

An *area* is a set of places that some cell counts over (a commune, a district), a *scope* a set of kinds (online
dossiers in the first quarter). A cell is one area and one scope. Places and kinds end with one more, elsewhere,
that no cell counts and that has room for any number of dossiers. Kinds that all cells count alike are one kind here.
What is small follows from all dossiers. Those of rare kinds stay as they are: what may be rearranged without them is
protected all the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

Role = Literal["published", "difference", "known", "detail"]

SHOWN: frozenset[Role] = frozenset({"published", "detail"})
"""The roles of what is shown unless it is withheld."""

UNLIMITED = 1e9
"""How many dossiers are elsewhere: more than any threshold asks for."""

KINDS, KINDS_OF_SCOPE = 700, 8
"""How many kinds may be rearranged at least, and how many of each scope: with thousands the search takes minutes."""

NEVER = 10**11
"""The cost of what cannot be withheld. All costs are whole numbers, and their sums are exact in 64 bits."""


class Cell(NamedTuple):
    """One count of dossiers: those of `kinds` in `places`. Cells with the same sets are one cell under two keys.

    Args:
        key: its name, of any hashable type.
        weight: what is lost when it is withheld, relative to other cells of about the same count.
        role: `published` unless it is withheld; a `difference` is never published and protected all the same
            ("received, but not online"); what is `known` to everybody is never withheld; a `detail` is shown by
            another number, such as how many procedures the dossiers are of, and is itself never too small.
        zero_is_sensitive: whether 0 is a count under the threshold like others.
    """

    key: Hashable
    places: frozenset[str]
    kinds: frozenset[str]
    weight: int = 1
    role: Role = "published"
    zero_is_sensitive: bool = True


class CountTable:
    """The counts, which cells are published, and which of them are withheld and protected so far.

    Attributes:
        counts: dossiers by place and kind, of the kinds that may be rearranged.
        can_occur: place by kind: whether there can be such dossiers at all, as far as everybody knows.
        in_area: area by place.
        in_scope: scope by kind.
        by_kind: kind by scope, the same.
        area_of: the area of each cell, in the order of the cells.
        scope_of: the scope of each cell.
        can_vary: area by scope: a cell that counts what can occur.
        is_sensitive: area by scope: a cell that counts under the threshold.
        is_protected: area by scope: a cell that is known to be protected.
        is_withheld: area by scope: a published cell that is not shown.
        cost: area by scope: what is lost if that cell is withheld; 0 where nothing is shown.
        lost: what was withheld, each time: areas, scopes, and what each cell cost.
    """

    def __init__(self, counts: Mapping[tuple[str, str], int], cells: Sequence[Cell], threshold: int) -> None:
        self.threshold = threshold
        places = {place: number for number, place in enumerate(sorted({place for place, _ in counts}))}
        kinds = {kind: number for number, kind in enumerate(sorted({kind for _, kind in counts}))}
        self.in_area, self.area_of = _sets([cell.places for cell in cells], places)
        in_scope, self.scope_of = _sets([cell.kinds for cell in cells], kinds)
        self.in_scope, merged = _merged(in_scope)
        self.counts, self.can_occur = _matrix(counts, places, kinds, merged)
        self._shape = len(self.in_area), len(self.in_scope)
        self._values = self._cell_sums(self.counts)[self.area_of, self.scope_of]
        frequent = self._frequent()
        self.counts, self.can_occur = self.counts[:, frequent], self.can_occur[:, frequent]
        self.in_scope = np.ascontiguousarray(self.in_scope[:, frequent])
        self.by_kind = np.ascontiguousarray(self.in_scope.T)
        self.is_sensitive = self._sensitive(cells)
        self._exclude_known_zeros(cells)
        self.can_vary = self._cell_sums(self.can_occur.astype(float)) > 0
        self.is_protected = np.zeros(self._shape, dtype=np.bool_)
        self.is_withheld = np.zeros(self._shape, dtype=np.bool_)
        self.cost = self._costs(cells)
        self.lost: list[tuple[Integers, Integers, Floats]] = []
        self.withhold(*np.nonzero(self.is_sensitive))

    def withhold(self, areas: Integers, scopes: Integers) -> None:
        """Withhold these cells, as far as they are published."""
        shown = (self.cost[areas, scopes] > 0) & (self.cost[areas, scopes] < NEVER)
        areas, scopes = areas[shown], scopes[shown]
        self.lost.append((areas, scopes, self.cost[areas, scopes]))
        self.cost[areas, scopes] = 0
        self.is_withheld[areas, scopes] = True

    def _frequent(self) -> Integers:
        """The kinds that may be rearranged: the most frequent ones of all and of each scope, and elsewhere."""
        order = np.argsort(-self.counts[:-1].sum(axis=0), kind="stable")
        of_scope = self.in_scope[:, order]
        first = of_scope & (np.cumsum(of_scope, axis=1) <= KINDS_OF_SCOPE)
        chosen: Bools = np.any(first, axis=0)
        chosen[:KINDS] = True
        found: Integers = np.sort(order[chosen | (order == len(order) - 1)])
        return found

    def _cell_sums(self, values: Floats) -> Floats:
        """Area by scope: the sum of the values of its places and kinds."""
        sums: Floats = self.in_area[:, :-1].astype(float) @ values[:-1, :-1] @ self.in_scope[:, :-1].T.astype(float)
        return sums

    def _exclude_known_zeros(self, cells: Sequence[Cell]) -> None:
        """Where everybody knows that a cell is 0, nothing that it counts can occur."""
        for number, cell in enumerate(cells):
            if cell.role == "known" and self._values[number] == 0:
                places, kinds = self.in_area[self.area_of[number]], self.in_scope[self.scope_of[number]]
                self.can_occur[np.ix_(places, kinds)] = False

    def _sensitive(self, cells: Sequence[Cell]) -> Bools:
        least = np.fromiter((0 if cell.zero_is_sensitive else 1 for cell in cells), float, len(cells))
        is_known = np.fromiter((cell.role == "known" for cell in cells), np.bool_, len(cells))
        is_open = np.fromiter((cell.role in {"published", "difference"} for cell in cells), np.bool_, len(cells))
        found = np.flatnonzero(is_open & (self._values < self.threshold) & (self._values >= least))
        sensitive = np.zeros(self._shape, dtype=np.bool_)
        sensitive[self.area_of[found], self.scope_of[found]] = True
        known = np.flatnonzero(is_known)
        sensitive[self.area_of[known], self.scope_of[known]] = False
        return sensitive

    def _costs(self, cells: Sequence[Cell]) -> Floats:
        """A cell costs more the more it counts, but less than in proportion."""
        weight = np.fromiter((cell.weight * (cell.role in SHOWN) for cell in cells), float, len(cells))
        cost = np.zeros(self._shape)
        np.maximum.at(cost, (self.area_of, self.scope_of), weight * (10 + np.floor(np.sqrt(self._values))))
        cost = np.minimum(cost, NEVER)
        known = np.flatnonzero(np.fromiter((cell.role == "known" for cell in cells), np.bool_, len(cells)))
        cost[self.area_of[known], self.scope_of[known]] = NEVER
        return cost


def _merged(in_scope: Bools) -> tuple[Bools, Integers]:
    """Scopes by distinct kinds, with elsewhere at the end, and for each kind the number of the one that it is now."""
    marks = np.vstack([in_scope, np.ones((1, in_scope.shape[1]), dtype=np.bool_)])  # there may be no scope at all
    packed = np.ascontiguousarray(np.packbits(marks.T, axis=1))  # in the same order, and eight times as short
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, first, number = np.unique(rows, return_index=True, return_inverse=True)
    distinct = in_scope.T[first]
    elsewhere = int(number[-1])
    order = np.delete(np.arange(len(distinct)), elsewhere)
    numbers = np.empty(len(distinct), dtype=np.intp)
    numbers[order], numbers[elsewhere] = np.arange(len(order)), len(order)
    return distinct[[*order, elsewhere]].T, numbers[number.reshape(-1)]


def _matrix(
    counts: Mapping[tuple[str, str], int], places: Mapping[str, int], kinds: Mapping[str, int], merged: Integers
) -> tuple[Floats, Bools]:
    """The counts by place and kind, and which of them can be other than 0, with one more place and kind."""
    rows = np.fromiter((places[place] for place, _ in counts), np.intp, len(counts))
    columns = merged[np.fromiter((kinds[kind] for _, kind in counts), np.intp, len(counts))]
    values = np.zeros((len(places) + 1, int(merged[-1]) + 1))
    np.add.at(values, (rows, columns), np.fromiter(counts.values(), float, len(counts)))
    can_occur = np.zeros(values.shape, dtype=np.bool_)
    can_occur[rows, columns] = True
    values[-1], values[:, -1] = UNLIMITED, UNLIMITED
    can_occur[-1], can_occur[:, -1] = True, True
    return values, can_occur


def _sets(sets: Sequence[frozenset[str]], numbers: Mapping[str, int]) -> tuple[Bools, Integers]:
    """The distinct sets, each as a row that marks its members, and the row of each of `sets`."""
    members = {each: sorted(numbers[name] for name in each if name in numbers) for each in set(sets)}
    row = {each: number for number, each in enumerate(sorted(members, key=lambda each: (members[each], sorted(each))))}
    marks = np.zeros((len(row), len(numbers) + 1), dtype=np.bool_)
    for each, number in row.items():
        marks[number, members[each]] = True
    return marks, np.fromiter(map(row.__getitem__, sets), np.intp, len(sets))

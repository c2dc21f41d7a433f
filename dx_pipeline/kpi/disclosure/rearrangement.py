"""Rearrangements: how dossiers of some kinds could be distributed otherwise over places, with nothing shown changed.

Take places of which each gets more dossiers of one kind and fewer of another, in such a way that each kind keeps its
number over all of these places. That changes a cell only where it counts some of the places and not all, and where
its scope counts the kinds unequally. If all such cells are withheld, nobody can exclude the rearrangement.

By how much a cell varies is known exactly, and in whole numbers. Let every place be able to lower the cell by up to
`part` and to raise it by up to `rest`, and let some of the places be in the cell and the others not. Then its
interval is as wide as the least of four sums: all that the places in the cell can do, all that the others can do,
all lowering, and all raising.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dx_pipeline.kpi.disclosure.count_table import Bools, CountTable, Floats, Integers


def width(own: Floats, part: Floats, rest: Floats) -> Floats:
    """How far a cell varies, where its own places can do `own`, and all places together `part` and `rest`."""
    least: Floats = np.minimum(np.minimum(own, part + rest - own), np.minimum(part, rest))
    return least


@dataclass(frozen=True)
class Effects:
    """What some rearrangements can do to what a scope counts.

    Attributes:
        changed: rearrangement by scope of the table: whether it changes it.
        of_layer: for each layer, the number of its rearrangement.
        part: place by layer: by how many dossiers it can lower the count of a place, or raise it.
        rest: place by layer: by how many it can do the opposite.
        can_occur: place by layer: whether the place can have all of its kinds.
    """

    changed: Bools
    of_layer: Integers
    part: Floats
    rest: Floats
    can_occur: Bools


@dataclass(frozen=True)
class Exchange:
    """In each layer the same number more of each kind in `gained` and fewer of each in `lost`, or the other way round.

    Layers are rows of two kinds, or of one twice. They rearrange each for itself, and all change the same scopes in
    the same sense: "online" for "direct" among the dossiers that were settled in May, and among those settled in
    June. So what they can do adds up.
    """

    gained: Integers
    lost: Integers

    def changed_scopes(self, table: CountTable) -> Bools:
        """Which scopes count the kinds unequally."""
        changed: Bools = table.by_kind[self.gained[0]].sum(axis=0) != table.by_kind[self.lost[0]].sum(axis=0)
        return changed

    @staticmethod
    def effects(table: CountTable, exchanges: Sequence[Exchange]) -> Effects:
        """What several can do: to every scope that they change the same."""
        layers = [len(each.gained) for each in exchanges]
        first = np.cumsum(layers) - layers
        gained, lost = (np.concatenate(sides) for sides in zip(*((e.gained, e.lost) for e in exchanges), strict=True))
        by_kind = table.by_kind.view(np.int8)
        changed = by_kind[gained[first]].sum(axis=1) != by_kind[lost[first]].sum(axis=1)
        possible: Bools = np.logical_and.reduce([table.can_occur[:, kinds] for kinds in (*gained.T, *lost.T)])
        part, rest = (np.minimum(table.counts[:, one], table.counts[:, other]) for one, other in (gained.T, lost.T))
        return Effects(changed, np.repeat(np.arange(len(layers)), layers), part * possible, rest * possible, possible)

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        effects = self.effects(table, [self])
        part, rest = effects.part[places], effects.rest[places]
        varies = width(table.in_area[:, places] @ (part + rest), part.sum(axis=0), rest.sum(axis=0)).sum(axis=1)
        return np.repeat((varies >= table.threshold)[:, None], len(scopes), axis=1)


@dataclass(frozen=True)
class Pool:
    """Any rearrangement of more than two kinds in which each place keeps its sum over all of them."""

    members: Integers

    def effects(self, table: CountTable, scope: int) -> Effects:
        """What it can do to a scope: it has one layer, of dossiers that the scope counts, and the others."""
        of_kinds, is_counted = table.by_kind[self.members], table.in_scope[scope, self.members]
        changed: Bools = np.any(of_kinds, axis=0) & ~np.all(of_kinds, axis=0)
        possible: Bools = np.all(table.can_occur[:, self.members], axis=1, keepdims=True)
        counts = table.counts[:, self.members] * possible
        part, rest = (counts[:, chosen].sum(axis=1, keepdims=True) for chosen in (is_counted, ~is_counted))
        return Effects(changed[None, :], np.zeros(1, dtype=np.intp), part, rest, possible)

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        counts = table.counts[np.ix_(places, self.members)]
        own, total = table.in_area[:, places] @ counts.sum(axis=1), counts.sum()
        part = table.in_scope[np.ix_(scopes, self.members)] @ counts.sum(axis=0)
        varies: Bools = width(own[:, None], part[None, :], total - part[None, :]) >= table.threshold
        return varies


Rearrangement = Exchange | Pool

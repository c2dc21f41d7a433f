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

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dx_pipeline.kpi.disclosure.count_table import Bools, CountTable, Floats, Integers


def width(own: Floats, part: Floats, rest: Floats) -> Floats:
    """How far a cell varies, where its own places can do `own`, and all places together `part` and `rest`."""
    least: Floats = np.minimum(np.minimum(own, part + rest - own), np.minimum(part, rest))
    return least


@dataclass(frozen=True)
class Exchange:
    """In each layer the same number more of each kind in `gained` and fewer of each in `lost`, or the other way round.

    Layers are rows of kinds. They rearrange each for itself, and all change the same scopes in the same sense:
    "online" for "direct" among the dossiers that were settled in May, and among those settled in June. So what they
    can do adds up.
    """

    gained: Integers
    lost: Integers

    @cached_property
    def kinds(self) -> Integers:
        """Layer by number: every kind that a layer concerns."""
        return np.hstack([self.gained, self.lost])

    def changed_scopes(self, table: CountTable) -> Bools:
        """Which scopes count the kinds unequally."""
        gained, lost = table.by_kind[self.gained[0]].sum(axis=0), table.by_kind[self.lost[0]].sum(axis=0)
        changed: Bools = gained != lost
        return changed

    def amounts(self, table: CountTable, _scope: int) -> tuple[Floats, Floats]:
        """Place by layer: by how much a place can lower and raise what a scope counts, or the other way round."""
        possible: Bools = np.all(table.can_occur[:, self.kinds], axis=2)
        gained, lost = (table.counts[:, kinds].min(axis=2) * possible for kinds in (self.gained, self.lost))
        return gained, lost

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        part, rest = (amount[places] for amount in self.amounts(table, 0))
        varies = width(table.in_area[:, places] @ (part + rest), part.sum(axis=0), rest.sum(axis=0)).sum(axis=1)
        return np.repeat((varies >= table.threshold)[:, None], len(scopes), axis=1)


@dataclass(frozen=True)
class Pool:
    """Any rearrangement of more than two kinds in which each place keeps its sum over all of them."""

    members: Integers

    @property
    def kinds(self) -> Integers:
        """Layer by number: every kind that it concerns, in one layer."""
        return self.members[None, :]

    def changed_scopes(self, table: CountTable) -> Bools:
        """Which scopes count some of the kinds and not all."""
        of_kinds = table.by_kind[self.members]
        changed: Bools = np.any(of_kinds, axis=0) & ~np.all(of_kinds, axis=0)
        return changed

    def amounts(self, table: CountTable, scope: int) -> tuple[Floats, Floats]:
        """Place by layer, of which there is one: dossiers of these kinds that the scope counts, and the others."""
        possible: Bools = np.all(table.can_occur[:, self.members], axis=1)
        counts, is_counted = table.counts[:, self.members] * possible[:, None], table.in_scope[scope, self.members]
        return counts[:, is_counted].sum(axis=1)[:, None], counts[:, ~is_counted].sum(axis=1)[:, None]

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        counts = table.counts[np.ix_(places, self.members)]
        own, total = table.in_area[:, places] @ counts.sum(axis=1), counts.sum()
        part = table.in_scope[np.ix_(scopes, self.members)] @ counts.sum(axis=0)
        varies: Bools = width(own[:, None], part[None, :], total - part[None, :]) >= table.threshold
        return varies


Rearrangement = Exchange | Pool

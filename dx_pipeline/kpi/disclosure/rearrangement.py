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

import numpy as np

from dx_pipeline.kpi.disclosure.count_table import Bools, CountTable, Floats, Integers


def width(own: Floats, part: Floats, rest: Floats) -> Floats:
    """How far a cell varies, where its own places can do `own`, and all places together `part` and `rest`."""
    least: Floats = np.minimum(np.minimum(own, part + rest - own), np.minimum(part, rest))
    return least


@dataclass(frozen=True)
class Exchange:
    """The same number more of each kind in `gained` and fewer of each in `lost`, or the other way round."""

    gained: Integers
    lost: Integers

    @property
    def kinds(self) -> Integers:
        """Every kind it concerns."""
        return np.concatenate([self.gained, self.lost])

    def changed_scopes(self, table: CountTable) -> Bools:
        """Which scopes count the kinds unequally."""
        gained, lost = table.by_kind[self.gained].sum(axis=0), table.by_kind[self.lost].sum(axis=0)
        changed: Bools = gained != lost
        return changed

    def amounts(self, table: CountTable, _scope: int) -> tuple[Floats, Floats]:
        """For each place, by how much it can lower and raise what a scope counts, or the other way round."""
        return table.counts[:, self.gained].min(axis=1), table.counts[:, self.lost].min(axis=1)

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        part, rest = (amount[places] for amount in self.amounts(table, 0))
        varies = width(table.in_area[:, places] @ (part + rest), part.sum(), rest.sum()) >= table.threshold
        return np.repeat(varies[:, None], len(scopes), axis=1)


@dataclass(frozen=True)
class Pool:
    """Any rearrangement of more than two kinds in which each place keeps its sum over all of them."""

    kinds: Integers

    def changed_scopes(self, table: CountTable) -> Bools:
        """Which scopes count some of the kinds and not all."""
        of_kinds = table.by_kind[self.kinds]
        changed: Bools = np.any(of_kinds, axis=0) & ~np.all(of_kinds, axis=0)
        return changed

    def amounts(self, table: CountTable, scope: int) -> tuple[Floats, Floats]:
        """For each place, its dossiers of these kinds that the scope counts, and the others."""
        is_counted = table.in_scope[scope, self.kinds]
        counts = table.counts[:, self.kinds]
        return counts[:, is_counted].sum(axis=1), counts[:, ~is_counted].sum(axis=1)

    def protects(self, table: CountTable, places: Integers, scopes: Integers) -> Bools:
        """Area by scope: which cells vary enough if these places rearrange. The scopes are those it changes."""
        counts = table.counts[np.ix_(places, self.kinds)]
        own, total = table.in_area[:, places] @ counts.sum(axis=1), counts.sum()
        part = table.in_scope[np.ix_(scopes, self.kinds)] @ counts.sum(axis=0)
        varies: Bools = width(own[:, None], part[None, :], total - part[None, :]) >= table.threshold
        return varies


Rearrangement = Exchange | Pool

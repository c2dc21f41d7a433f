"""Blocks: places that can rearrange their dossiers among themselves, and what it costs to let more places in.

A place is in a block once every cell is withheld that counts it, does not count all places of the enclosure, and is
changed by the rearrangement. More withheld cells only make blocks larger, so what is protected once stays protected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dx_pipeline.kpi.disclosure.count_table import NEVER, Bools, CountTable, Floats, Integers
from dx_pipeline.kpi.disclosure.rearrangement import Rearrangement, width


class Sets:
    """Sets of numbers 0, 1, …, for sums over each of them: rows of a matrix of booleans that mark the members."""

    def __init__(self, marks: Bools) -> None:
        self._marks = np.column_stack([marks, np.ones(len(marks), dtype=np.bool_)])
        self._sizes = np.count_nonzero(self._marks, axis=1)
        self._members = np.nonzero(self._marks)[1]

    def members(self, number: int) -> Integers:
        """The members of one set."""
        return np.flatnonzero(self._marks[number, :-1])

    def sums(self, values: Floats) -> Floats:
        """For each set, the sum of the rows of its members, which are few: a product of matrices takes longer."""
        rows = np.vstack([values, np.zeros((1, values.shape[1]))]).take(self._members, axis=0)
        sums: Floats = np.add.reduceat(rows, np.cumsum(self._sizes) - self._sizes, axis=0)
        return sums


@dataclass(frozen=True)
class Enclosure:
    """Places that a block may be made of: those of one area, or all.

    Attributes:
        places: their numbers.
        areas: the areas that count some of them and not all.
        areas_of: for each place, which of these areas count it.
        places_of: for each area of the table, which of the places it counts.
    """

    places: Integers
    areas: Integers
    areas_of: Sets
    places_of: Sets


@dataclass(frozen=True)
class Choices:
    """The rearrangements that are tried for one scope, each of which changes what the scope counts.

    Attributes:
        rearrangements: what they are.
        scopes: all scopes that any of them changes.
        changes: for each of them, which of these scopes it changes.
        first: the first layer of each of them.
        part: place by layer: by how many dossiers it lowers the scope's count there, at most.
        rest: place by layer: by how many it raises it.
        can_occur: place by rearrangement: whether the place can have all kinds of one of its layers.
    """

    rearrangements: list[Rearrangement]
    scopes: Integers
    changes: Sets
    first: Integers
    part: Floats
    rest: Floats
    can_occur: Bools

    @classmethod
    def of(cls, table: CountTable, scope: int, rearrangements: list[Rearrangement]) -> Choices:
        """The choices for a scope."""
        changed = np.array([each.changed_scopes(table) for each in rearrangements])
        scopes = np.flatnonzero(changed.any(axis=0))
        amounts = [each.amounts(table, scope) for each in rearrangements]
        layers = np.array([len(each.kinds) for each in rearrangements])
        return cls(
            rearrangements,
            scopes,
            Sets(changed[:, scopes]),
            np.cumsum(layers) - layers,
            np.hstack([part for part, _ in amounts]),
            np.hstack([rest for _, rest in amounts]),
            np.array([np.any(np.all(table.can_occur[:, each.kinds], axis=2), axis=1) for each in rearrangements]).T,
        )

    @cached_property
    def of_layer(self) -> Integers:
        """For each layer, the number of its rearrangement."""
        return np.repeat(np.arange(len(self.rearrangements)), np.diff([*self.first, self.part.shape[1]]))

    def total(self, by_layer: Floats) -> Floats:
        """For each rearrangement, the sum over its layers; they are the last axis."""
        sums: Floats = np.add.reduceat(by_layer, self.first, axis=-1)
        return sums


class Offer:
    """For one scope, each rearrangement's block: which places are in it now, and at what cost others join.

    Arrays are place by rearrangement, but for `_part` and `_rest`, which are place by layer.
    """

    def __init__(self, table: CountTable, scope: int, choices: Choices, enclosure: Enclosure) -> None:
        self._table, self._scope, self._choices, self._enclosure = table, scope, choices, enclosure
        of_area = choices.changes.sums(table.cost[np.ix_(enclosure.areas, choices.scopes)].T).T
        cost = enclosure.areas_of.sums(of_area)
        self._cost: Floats = np.where(choices.can_occur[enclosure.places], cost, NEVER)
        self._part, self._rest = choices.part[enclosure.places], choices.rest[enclosure.places]
        self._is_free: Bools = self._cost == 0

    def note_protected(self) -> None:
        """Note which sensitive cells of the scope the blocks protect that exist now."""
        table, scope = self._table, self._scope
        is_free = self._is_free[:, self._choices.of_layer]
        part, rest = self._part * is_free, self._rest * is_free
        by_layer = width(self._enclosure.places_of.sums(part + rest), part.sum(axis=0), rest.sum(axis=0))
        table.is_protected[:, scope] |= (self._choices.total(by_layer) >= table.threshold).any(axis=1)

    def take(self, area: int) -> None:
        """Withhold what makes the cheapest block that protects the cell of this area, if there is one."""
        inside = self._table.in_area[area, self._enclosure.places][:, None]
        joined = self._is_free.copy()
        part, rest = self._choices.total(self._part), self._choices.total(self._rest)
        row = part + rest
        own = self._missing(joined & inside, row)
        self._join(joined, inside, [(row, own)])
        needs = [
            (row, self._missing(joined & ~inside, row)),
            (part, self._missing(joined, part)),
            (rest, self._missing(joined, rest)),
        ]
        self._join(joined, ~inside, needs)
        of_layer = joined[:, self._choices.of_layer]
        part, rest = self._part * of_layer, self._rest * of_layer
        by_layer = width(((part + rest) * inside).sum(axis=0), part.sum(axis=0), rest.sum(axis=0))
        varies = self._choices.total(by_layer)
        price = np.where(varies >= self._table.threshold, (self._cost * joined).sum(axis=0), NEVER)
        best = int(np.argmin(price))
        if price[best] < NEVER:
            self._make(joined[:, best], best)

    def _missing(self, joined: Bools, dossiers: Floats) -> Floats:
        """For each set, how many dossiers are short of the threshold in these places."""
        short: Floats = self._table.threshold - (dossiers * joined).sum(axis=0)
        return short

    def _join(self, joined: Bools, among: Bools, needs: Sequence[tuple[Floats, Floats]]) -> None:
        """Let the cheapest place join that is enough by itself; where none is, the cheapest ones one by one."""
        short = np.any([missing > 0 for _, missing in needs], axis=0)
        open_to = among & ~joined & (self._cost < NEVER) & short
        enough = open_to & np.all([dossiers >= missing for dossiers, missing in needs], axis=0)
        alone = enough.any(axis=0)
        sets = np.flatnonzero(alone)
        joined[np.where(enough, self._cost, NEVER)[:, sets].argmin(axis=0), sets] = True
        sets = np.flatnonzero(short & ~alone)
        order = np.argsort(np.where(open_to, self._cost, NEVER)[:, sets], axis=0, kind="stable")
        sums = [np.cumsum((dossiers * open_to)[order, sets], axis=0) >= missing[sets] for dossiers, missing in needs]
        is_reached = np.all(sums, axis=0)
        taken = ~np.vstack([np.zeros_like(is_reached[:1]), is_reached[:-1]]) & is_reached.any(axis=0)
        joined[order, sets] |= taken & open_to[order, sets]

    def _make(self, joined: Bools, number: int) -> None:
        """Withhold what is shown of a block, and note all cells it protects."""
        table, choices, enclosure = self._table, self._choices, self._enclosure
        new = joined & ~self._is_free[:, number]
        is_counted = table.in_area[np.ix_(enclosure.areas, enclosure.places[new])].any(axis=1)
        areas, scopes = enclosure.areas[is_counted], choices.scopes[choices.changes.members(number)]
        table.withhold(np.repeat(areas, len(scopes)), np.tile(scopes, len(areas)))
        protects = choices.rearrangements[number].protects(table, enclosure.places[joined], scopes)
        table.is_protected[:, scopes] |= protects

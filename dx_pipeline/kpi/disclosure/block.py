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
from dx_pipeline.kpi.disclosure.rearrangement import Exchange, Pool, Rearrangement, width


@dataclass(frozen=True)
class Enclosure:
    """Places that a block may be made of: those of one area, or all.

    Attributes:
        places: their numbers.
        areas: the areas that count some of them and not all.
        areas_of: place by these areas: whether the area counts the place. As all of these, numbers to multiply with.
        is_counted: place by area of the table: whether the area is one of these and counts the place.
        places_of: area of the table by place: the same.
    """

    places: Integers
    areas: Integers
    areas_of: Floats
    is_counted: Floats
    places_of: Floats


@dataclass(frozen=True)
class Layers:
    """The layers of some rearrangements, in their order: for each layer the number of its rearrangement."""

    of: Integers

    @cached_property
    def first(self) -> Integers:
        """The first layer of each rearrangement."""
        return np.flatnonzero(np.diff(self.of, prepend=-1))

    def total(self, by_layer: Floats) -> Floats:
        """For each rearrangement, the sum over its layers; they are the last axis."""
        sums: Floats = np.add.reduceat(by_layer, self.first, axis=-1)
        return sums

    def some(self, chosen: Bools) -> tuple[Integers, Layers]:
        """Which layers the chosen rearrangements have, and the layers of these alone."""
        layers = np.flatnonzero(chosen[self.of])
        return layers, Layers((np.cumsum(chosen) - 1)[self.of[layers]])


@dataclass(frozen=True)
class Choices:
    """The rearrangements that are tried for one scope, each of which changes what the scope counts.

    Attributes:
        rearrangements: what they are.
        changed: rearrangement by scope of the table: whether it changes it.
        layers: of the rearrangements.
        part: place by layer: by how many dossiers it lowers the scope's count there, at most.
        rest: place by layer: by how many it raises it.
        can_occur: place by rearrangement: whether the place can have all kinds of one of its layers.
    """

    rearrangements: list[Rearrangement]
    changed: Bools
    layers: Layers
    part: Floats
    rest: Floats
    can_occur: Bools

    @classmethod
    def of(cls, table: CountTable, scope: int, rearrangements: list[Rearrangement]) -> Choices:
        """The choices for a scope."""
        exchanges = [each for each in rearrangements if isinstance(each, Exchange)]
        pools = [each for each in rearrangements if isinstance(each, Pool)]
        numbers = np.argsort([isinstance(each, Pool) for each in rearrangements], kind="stable")
        found = [Exchange.effects(table, exchanges), *(each.effects(table, scope) for each in pools)]
        starts = [0, *range(len(exchanges), len(rearrangements))]
        of_layer = numbers[np.concatenate([each.of_layer + start for start, each in zip(starts, found, strict=True)])]
        order = np.argsort(of_layer, kind="stable")
        layers = Layers(of_layer[order])
        can_occur = np.hstack([each.can_occur for each in found])[:, order]
        return cls(
            rearrangements,
            np.vstack([each.changed for each in found])[np.argsort(numbers)],
            layers,
            np.hstack([each.part for each in found])[:, order],
            np.hstack([each.rest for each in found])[:, order],
            np.logical_or.reduceat(can_occur, layers.first, axis=1),
        )

    def within(self, places: Integers, threshold: int) -> Choices:
        """Some places alone, with what can lower and raise a count there by the threshold."""
        part, rest = self.part[places], self.rest[places]
        least = np.minimum(self.layers.total(part.sum(axis=0)), self.layers.total(rest.sum(axis=0)))
        chosen = least >= threshold
        layers, of_chosen = self.layers.some(chosen)
        return Choices(
            [each for each, is_chosen in zip(self.rearrangements, chosen, strict=True) if is_chosen],
            self.changed[chosen],
            of_chosen,
            part[:, layers],
            rest[:, layers],
            self.can_occur[places][:, chosen],
        )


class Offer:
    """For one scope, each rearrangement's block: which places are in it now, and at what cost others join.

    Arrays are place by rearrangement.
    """

    def __init__(self, table: CountTable, scope: int, choices: Choices, enclosure: Enclosure) -> None:
        self._table, self._scope, self._enclosure = table, scope, enclosure
        self._choices = choices = choices.within(enclosure.places, table.threshold)
        self._part, self._rest = choices.layers.total(choices.part), choices.layers.total(choices.rest)
        scopes = np.flatnonzero(choices.changed.any(axis=0))
        of_area = table.cost[np.ix_(enclosure.areas, scopes)] @ choices.changed[:, scopes].T.astype(float)
        self._cost: Floats = np.where(choices.can_occur, enclosure.areas_of @ of_area, NEVER)
        self._is_free: Bools = self._cost == 0
        self._is_noted: Bools = np.zeros(len(choices.rearrangements), dtype=np.bool_)
        self._seen = len(table.lost)

    def update(self) -> None:
        """Take note of what was withheld since: it costs nothing any more."""
        for areas, scopes, costs in self._table.lost[self._seen :]:
            less = self._choices.changed[:, scopes] * costs
            self._cost -= self._enclosure.is_counted[:, areas] @ less.T
        self._cost[~self._choices.can_occur] = NEVER
        self._seen = len(self._table.lost)
        was_free, self._is_free = self._is_free, self._cost == 0
        self._is_noted &= (was_free == self._is_free).all(axis=0)

    def note_protected(self) -> None:
        """Note which sensitive cells of the scope the blocks protect that exist now."""
        layers, new = self._choices.layers.some(~self._is_noted)
        if len(layers):
            is_free = self._is_free[:, self._choices.layers.of[layers]]
            part, rest = self._choices.part[:, layers] * is_free, self._choices.rest[:, layers] * is_free
            own = self._enclosure.places_of @ (part + rest)
            varies = new.total(width(own, part.sum(axis=0), rest.sum(axis=0)))
            self._table.is_protected[:, self._scope] |= (varies >= self._table.threshold).any(axis=1)
            self._is_noted[:] = True

    def take(self, area: int) -> None:
        """Withhold what makes the cheapest block that protects the cell of this area, if there is one."""
        inside = self._table.in_area[area, self._enclosure.places][:, None]
        numbers = self._possible(inside)
        if not len(numbers):
            return
        chosen = np.zeros(len(self._is_noted), dtype=np.bool_)
        chosen[numbers] = True
        joined, cost = self._is_free[:, chosen], self._cost[:, chosen]
        part, rest = self._part[:, chosen], self._rest[:, chosen]
        row = part + rest
        own = self._missing(joined & inside, row)
        self._join(joined, cost, inside, [(row, own)])
        needs = [
            (row, self._missing(joined & ~inside, row)),
            (part, self._missing(joined, part)),
            (rest, self._missing(joined, rest)),
        ]
        self._join(joined, cost, ~inside, needs)
        layers, of_chosen = self._choices.layers.some(chosen)
        of_layer = joined[:, of_chosen.of]
        part, rest = self._choices.part[:, layers] * of_layer, self._choices.rest[:, layers] * of_layer
        by_layer = width(((part + rest) * inside).sum(axis=0), part.sum(axis=0), rest.sum(axis=0))
        is_enough = of_chosen.total(by_layer) >= self._table.threshold
        price = np.where(is_enough, (cost * joined).sum(axis=0), NEVER)
        best = int(np.argmin(price))
        if price[best] < NEVER:
            self._make(joined[:, best], int(numbers[best]))

    def _possible(self, inside: Bools) -> Integers:
        """The rearrangements that would protect a cell, going by all places that could join: mostly few."""
        can_join = self._cost < NEVER
        part, rest = self._part * can_join, self._rest * can_join
        own = ((part + rest) * inside).sum(axis=0)
        least = width(own, part.sum(axis=0), rest.sum(axis=0))
        return np.flatnonzero(least >= self._table.threshold)

    def _missing(self, joined: Bools, dossiers: Floats) -> Floats:
        """For each set, how many dossiers are short of the threshold in these places."""
        short: Floats = self._table.threshold - (dossiers * joined).sum(axis=0)
        return short

    def _join(self, joined: Bools, cost: Floats, among: Bools, needs: Sequence[tuple[Floats, Floats]]) -> None:
        """Let the cheapest place join that is enough by itself; where none is, the cheapest ones one by one."""
        short = np.any([missing > 0 for _, missing in needs], axis=0)
        open_to = among & ~joined & (cost < NEVER) & short
        enough = open_to & np.all([dossiers >= missing for dossiers, missing in needs], axis=0)
        alone = enough.any(axis=0)
        sets = np.flatnonzero(alone)
        joined[np.where(enough, cost, NEVER)[:, sets].argmin(axis=0), sets] = True
        sets = np.flatnonzero(short & ~alone)
        order = np.argsort(np.where(open_to, cost, NEVER)[:, sets], axis=0, kind="stable")
        sums = [np.cumsum((dossiers * open_to)[order, sets], axis=0) >= missing[sets] for dossiers, missing in needs]
        is_reached = np.all(sums, axis=0)
        taken = ~np.vstack([np.zeros_like(is_reached[:1]), is_reached[:-1]]) & is_reached.any(axis=0)
        joined[order, sets] |= taken & open_to[order, sets]

    def _make(self, joined: Bools, number: int) -> None:
        """Withhold what is shown of a block, and note all cells it protects."""
        table, choices, enclosure = self._table, self._choices, self._enclosure
        new = joined & ~self._is_free[:, number]
        is_counted = table.in_area[np.ix_(enclosure.areas, enclosure.places[new])].any(axis=1)
        areas, scopes = enclosure.areas[is_counted], np.flatnonzero(choices.changed[number])
        table.withhold(np.repeat(areas, len(scopes)), np.tile(scopes, len(areas)))
        protects = choices.rearrangements[number].protects(table, enclosure.places[joined], scopes)
        table.is_protected[:, scopes] |= protects

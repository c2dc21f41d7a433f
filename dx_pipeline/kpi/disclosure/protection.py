"""Which blocks to make: every sensitive cell is protected, at the least cost that is found.

The largest cells come first: what protects a year of a district also protects months and communes in it. For each
cell the search looks within the smallest area around it, then within larger ones, at last over everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from dx_pipeline.kpi.disclosure.block import Choices, Enclosure, Offer
from dx_pipeline.kpi.disclosure.count_table import NEVER, Bools, CountTable, Floats, Integers
from dx_pipeline.kpi.disclosure.rearrangement import Exchange, Pool, Rearrangement

KINDS_TRIED = 48
"""From how many kinds inside a scope rearrangements start."""

NEAREST = 8
"""With how many kinds outside the scope each of them is exchanged."""

DOUBLE, OPPOSITE = 2, 12
"""How many double exchanges are tried for each of them, and among how many other kinds they are sought."""

POOLED, LARGEST_POOL = 3, 14
"""Around how many of them more than two kinds are pooled, and how many: two kinds may count too few."""


def protect(table: CountTable) -> None:
    """Withhold more of the table until every sensitive cell is protected, or is found impossible to protect."""
    Search(table).protect_all()


class Search:
    """The search for blocks in one table."""

    def __init__(self, table: CountTable) -> None:
        self._table = table
        self._size = table.in_area.sum(axis=1)
        self._everything = len(table.in_area)
        self._enclosures: dict[int, Enclosure] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._doubles: dict[tuple[int, int], list[Exchange]] = {}
        self._pooled: dict[tuple[int, int], list[Pool]] = {}

    def protect_all(self) -> None:
        """Protect every sensitive cell."""
        in_scope = self._table.in_scope
        for scope in np.argsort(-in_scope.sum(axis=1), kind="stable").tolist():
            for tried in (KINDS_TRIED, in_scope.shape[1]):
                areas = self._unprotected(scope)
                if len(areas):
                    choices, offers = self._choices(scope, tried), dict[int, Offer]()
                    for area in areas:
                        self._protect(area, scope, choices, offers)

    def _unprotected(self, scope: int) -> list[int]:
        """The areas of a scope with a sensitive cell that is not protected, the largest first."""
        table = self._table
        pending = table.is_sensitive[:, scope] & table.can_vary[:, scope] & ~table.is_protected[:, scope]
        areas = np.flatnonzero(pending)
        found: list[int] = areas[np.argsort(-self._size[areas], kind="stable")].tolist()
        return found

    def _protect(self, area: int, scope: int, choices: Choices, offers: dict[int, Offer]) -> None:
        """Protect one cell, if it can be; `offers` of the scope are kept by enclosure."""
        for number in self._around(area):
            if self._table.is_protected[area, scope]:
                return
            if number not in offers:
                offers[number] = Offer(self._table, scope, choices, self._enclosure(number))
            offer = offers[number]
            offer.update()
            offer.note_protected()
            if not self._table.is_protected[area, scope]:
                offer.take(area)

    def _around(self, area: int) -> Iterator[int]:
        """The areas that contain this one, from the smallest, and at last everything."""
        inside = self._table.in_area[area]
        found = np.flatnonzero((self._table.in_area | ~inside).all(axis=1) & (self._size > self._size[area]))
        yield from found[np.argsort(self._size[found], kind="stable")].tolist()
        yield self._everything

    def _enclosure(self, number: int) -> Enclosure:
        if number not in self._enclosures:
            in_area = self._table.in_area
            if number == self._everything:
                places, areas = np.arange(in_area.shape[1]), np.arange(in_area.shape[0])
            else:
                places = np.flatnonzero(in_area[number])
                counted = np.count_nonzero(in_area[:, places], axis=1)
                areas = np.flatnonzero((counted > 0) & (counted < len(places)))
            areas_of = in_area[np.ix_(areas, places)].T.astype(float)
            is_counted = np.zeros((len(places), len(in_area)))
            is_counted[:, areas] = areas_of
            self._enclosures[number] = Enclosure(places, areas, areas_of, is_counted, in_area[:, places].astype(float))
        return self._enclosures[number]

    def _choices(self, scope: int, tried: int) -> Choices:
        return Choices.of(self._table, scope, list(self._rearrangements(scope, tried)))

    def _rearrangements(self, scope: int, tried: int) -> Iterator[Rearrangement]:
        """Those that change a scope: between kinds inside and outside it that few other scopes distinguish."""
        inside = np.flatnonzero(self._table.in_scope[scope])
        outside = np.flatnonzero(~self._table.in_scope[scope])
        distances = self._distances[np.ix_(inside, outside)]
        inside = inside[np.argsort(distances.min(axis=1), kind="stable")]
        distances = self._distances[np.ix_(inside, outside)]
        nearest = outside[_smallest(distances, NEAREST)]
        elsewhere, seen, pooled = int(outside[-1]), set[int](), 0
        for kind, others in zip(inside.tolist(), nearest.tolist(), strict=True):
            new = [other for other in dict.fromkeys([*others, elsewhere]) if self._difference(kind, other) not in seen]
            if not new:
                continue  # what it is exchanged with is a layer of an earlier exchange
            seen |= {self._difference(kind, other) for other in new}
            yield from (self._exchange(kind, other) for other in new)
            for exchange in self._double_exchanges(kind, others[0]):
                if exchange.changed_scopes(self._table)[scope]:
                    yield exchange
            if pooled < POOLED:
                yield from self._pools(kind, others[0])
            pooled += 1
            if pooled == tried:
                return

    @cached_property
    def _digest(self) -> Integers:
        """For each kind a number that follows from the scopes that count it."""
        drawn = np.random.default_rng(1).integers(1 << 40, size=self._table.by_kind.shape[1])
        digest: Integers = self._table.by_kind @ drawn
        return digest

    @cached_property
    def _by_digest(self) -> tuple[Integers, Integers]:
        """Kinds in the order of their digests, and these."""
        order = np.argsort(self._digest, kind="stable")
        return order, self._digest[order]

    @cached_property
    def _has_dossiers(self) -> Bools:
        """Which kinds any place has."""
        found: Bools = np.any(self._table.counts[:-1] > 0, axis=0)
        return found

    @cached_property
    def _nearest(self) -> Integers:
        """For each kind, all kinds by their distance from it."""
        nearest: Integers = np.argsort(self._distances, axis=1, kind="stable")
        return nearest

    def _difference(self, kind: int, other: int) -> int:
        """Which scopes distinguish two kinds, and in which sense, as a number."""
        return int(self._digest[kind] - self._digest[other])

    def _exchange(self, kind: int, other: int) -> Exchange:
        """The exchange of two kinds; its other layers are the pairs that the same scopes distinguish."""
        difference = self._difference(kind, other)
        if difference not in self._exchanges:
            order, ordered = self._by_digest
            wanted = ordered - difference
            place = np.searchsorted(ordered, wanted).clip(max=len(order) - 1)  # what is in order is found sooner
            found = np.flatnonzero(ordered[place] == wanted)
            found = found[np.argsort(order[found])]
            gained, lost = order[found], order[place[found]]
            by_kind, has_dossiers = self._table.by_kind.view(np.int8), self._has_dossiers
            same = (by_kind[gained] - by_kind[lost] == by_kind[kind] - by_kind[other]).all(axis=1)
            chosen = same & (has_dossiers[gained] & has_dossiers[lost] | (gained == kind))
            twice = (np.repeat(kinds[chosen], 2).reshape(-1, 2) for kinds in (gained, lost))
            self._exchanges[difference] = Exchange(*twice)
        return self._exchanges[difference]

    @cached_property
    def _scope_cost(self) -> Floats:
        """For each scope, the cost of all cells that are not withheld yet.

        Places rearrange within a unit, which leaves the unit as it is: the more places a cell counts, the less it
        matters.
        """
        of_place = np.where(self._table.cost < NEVER, self._table.cost, 0) / np.maximum(self._size, 1)[:, None]
        cost: Floats = np.ceil(of_place).sum(axis=0) + 1
        return cost

    @cached_property
    def _distances(self) -> Floats:
        """Kind by kind: the cost of all scopes that count one of the two."""
        of_kind = self._table.by_kind.astype(float)
        both = (of_kind * self._scope_cost) @ of_kind.T
        one = np.diagonal(both)
        distances: Floats = one[:, None] + one[None, :] - 2 * both
        return distances

    def _double_exchanges(self, kind: int, other: int) -> list[Exchange]:
        """Exchanges of this pair together with another pair in the opposite sense: many scopes count both alike."""
        if (kind, other) not in self._doubles:
            by_kind = self._table.by_kind.view(np.int8)
            lost, gained = self._nearest[kind, 1 : 1 + OPPOSITE], self._nearest[other, 1 : 1 + OPPOSITE]
            changes = (by_kind[kind] - by_kind[other] - by_kind[lost])[:, None] + by_kind[gained] != 0
            cost = changes @ self._scope_cost
            cost[(lost == kind) | (lost == other)] = cost[:, (gained == kind) | (gained == other)] = NEVER
            cost[lost[:, None] == gained] = NEVER
            found = []
            for number in np.argsort(cost, axis=None, kind="stable")[:DOUBLE].tolist():
                row, column = divmod(number, len(gained))
                if cost[row, column] < self._distances[kind, other]:
                    found.append(Exchange(np.array([[kind, gained[column]]]), np.array([[other, lost[row]]])))
            self._doubles[kind, other] = found
        return self._doubles[kind, other]

    def _pools(self, kind: int, other: int) -> list[Pool]:
        """Larger and larger sets of kinds around a pair, by what few scopes distinguish."""
        if (kind, other) not in self._pooled:
            by_kind = self._table.by_kind
            near = self._nearest[kind, : 2 * LARGEST_POOL]
            chosen, pools = [kind, other], []
            some, every = by_kind[kind] | by_kind[other], by_kind[kind] & by_kind[other]
            while len(chosen) < LARGEST_POOL and len(near := near[~np.isin(near, chosen)]):
                changed = (some | by_kind[near]) & ~(every & by_kind[near])
                best = int(near[np.argmin(changed @ self._scope_cost)])
                some, every = some | by_kind[best], every & by_kind[best]
                chosen.append(best)
                pools.append(Pool(np.array(chosen)))
            self._pooled[kind, other] = pools
        return self._pooled[kind, other]


def _smallest(values: Floats, count: int) -> Integers:
    """For each row, the columns of its smallest values, in order; of equal values the first. All are whole numbers."""
    width = values.shape[1]
    ranked = values.astype(np.int64) * width + np.arange(width)
    if width > count:
        columns = np.argpartition(ranked, count, axis=1)[:, :count]
        ranked = np.take_along_axis(ranked, columns, axis=1)
    ranked.sort(axis=1)
    found: Integers = ranked % width
    return found

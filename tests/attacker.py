"""Somebody who wants to know what is withheld: has every published number and knows every sum, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

EXACT = 1e-6


class Attacker:
    """Confines hidden counts by what is shown.

    Args:
        relations: a total, and the parts that it is the sum of.
        shown: the published numbers.
    """

    def __init__(self, relations: Iterable[tuple[Any, Sequence[Any]]], shown: Mapping[Any, int]) -> None:
        self.relations = [(total, tuple(parts)) for total, parts in relations]
        self.shown = shown
        keys = dict.fromkeys(key for total, parts in self.relations for key in (total, *parts) if key not in shown)
        self.unknown = {key: number for number, key in enumerate(keys)}

    def by_differencing(self) -> dict[Hashable, tuple[float, float]]:
        """The interval of each hidden count, by one sum after the other until nothing more is found."""
        low: dict[Hashable, float] = {**dict.fromkeys(self.unknown, 0), **self.shown}
        high: dict[Hashable, float] = {**dict.fromkeys(self.unknown, math.inf), **self.shown}
        changed = True
        while changed:
            before = (dict(low), dict(high))
            for total, parts in self.relations:
                low[total] = max(low[total], sum(low[part] for part in parts))
                high[total] = min(high[total], sum(high[part] for part in parts))
                for part in parts:
                    others = [other for other in parts if other != part]
                    low[part] = max(low[part], low[total] - sum(high[other] for other in others))
                    high[part] = min(high[part], high[total] - sum(low[other] for other in others))
            changed = before != (low, high)
        return {key: (low[key], high[key]) for key in self.unknown}

    def by_linear_programming(self, keys: Iterable[Hashable]) -> dict[Hashable, tuple[float, float]]:
        """The interval of each of these hidden counts, by all sums at once."""
        matrix, right = self._equations
        found = {}
        for key in keys:
            one = np.zeros(len(self.unknown))
            one[self.unknown[key]] = 1
            least = linprog(one, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")
            most = linprog(-one, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")
            assert least.status == 0
            assert most.status in {0, 3}  # 3: without bound
            found[key] = (float(least.fun), math.inf if most.status else -float(most.fun))
        return found

    def by_linear_algebra(self) -> set[Hashable]:
        """The hidden counts that all sums together determine: nothing that solves the equations changes them."""
        matrix, _ = self._equations
        _, strength, directions = np.linalg.svd(matrix.toarray())
        free = directions[np.count_nonzero(strength > EXACT) :]
        return {key for key, number in self.unknown.items() if np.abs(free[:, number]).max(initial=0) < EXACT}

    @cached_property
    def _equations(self) -> tuple[coo_array, np.ndarray]:
        """One equation a relation, over what is unknown."""
        entries: list[tuple[int, int, int]] = []
        right = np.zeros(len(self.relations))
        for row, (total, parts) in enumerate(self.relations):
            for key, sign in [(total, 1), *((part, -1) for part in parts)]:
                if key in self.shown:
                    right[row] -= sign * self.shown[key]
                else:
                    entries.append((row, self.unknown[key], sign))
        rows, columns, signs = zip(*entries, strict=True) if entries else ((), (), ())
        return coo_array((signs, (rows, columns)), shape=(len(self.relations), len(self.unknown))), right


def confined(intervals: Mapping[Hashable, tuple[float, float]], width: float) -> set[Hashable]:
    """The keys whose interval is narrower than that."""
    return {key for key, (low, high) in intervals.items() if high - low < width - EXACT}

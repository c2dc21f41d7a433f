"""Draws: a stream of random numbers for each purpose and month, and exact shares of a total.

No stream depends on another, so a month is the same whether it is made alone or among others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from dx_pipeline.period import Month

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]


def generator(seed: int, purpose: str, month: Month | None = None) -> np.random.Generator:
    """The stream of one purpose, in one month or for all time."""
    named = int.from_bytes(sha256(purpose.encode()).digest()[:8], "big")
    when = month.year * 12 + month.number if month else 0
    return np.random.default_rng(np.random.SeedSequence([seed, named, when]))


def apportioned(total: int, weights: Sequence[float] | Floats) -> Integers:
    """`total` split into whole numbers in proportion to `weights`, adding up to it exactly."""
    given = np.asarray(weights, dtype=np.float64)
    quotas = total * given / given.sum()
    shares: Integers = np.floor(quotas).astype(np.int64)
    left = total - int(shares.sum())
    largest_rest_first = np.argsort(shares - quotas, kind="stable")
    shares[largest_rest_first[:left]] += 1
    return shares


def normalised(weights: Sequence[float] | Floats) -> Floats:
    """The weights as shares of one."""
    given: Floats = np.asarray(weights, dtype=np.float64)
    shares: Floats = given / given.sum()
    return shares


def months_since(first: Month, month: Month) -> int:
    """How many months lie between two months."""
    return (month.year - first.year) * 12 + month.number - first.number


def continued(known: Mapping[Month, float], month: Month, growth: float, most: float) -> float:
    """The value of a month; after the last one that is known it grows by as much every month, up to `most`."""
    last = max(known)
    return known[month] if month in known else min(most, known[last] + growth * months_since(last, month))


def zipf(count: int) -> Floats:
    """The shares of `count` items of which few are common and most are rare (Zipf)."""
    return normalised(1.0 / np.arange(1, count + 1, dtype=np.float64))

"""Draws: a stream of random numbers for each purpose and month, and exact shares of a total.

No stream depends on another, so a month is the same whether it is made alone or among others.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def zipf(count: int) -> Floats:
    """The shares of `count` items of which few are common and most are rare (Zipf)."""
    return normalised(1.0 / np.arange(1, count + 1, dtype=np.float64))

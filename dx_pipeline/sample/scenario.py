"""Scenario: the province through time, its procedures and working days, the seed and the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dx_pipeline.period import Month
from dx_pipeline.sample import procedure, province, workday
from dx_pipeline.sample.draw import generator, months_since
from dx_pipeline.sample.procedure import Procedure
from dx_pipeline.sample.province import FIRST_MONTH, LAST_MONTH, History, Province
from dx_pipeline.sample.workday import Workdays


@dataclass(frozen=True, eq=False)  # two are the same only if they are one: what is made from it may be kept for it
class Scenario:
    """What a sample is made from. `scale` multiplies dossiers and calls: 1 is the whole province.

    Args:
        by_change: the procedures from each change of the province on, always in the same order.
    """

    history: History
    workdays: Workdays
    by_change: Mapping[Month, tuple[Procedure, ...]]
    seed: int
    scale: float

    @property
    def procedures(self) -> tuple[Procedure, ...]:
        """Every procedure, as it is in the first month. How often each is applied for never changes."""
        return self.by_change[FIRST_MONTH]

    def procedures_in(self, month: Month) -> tuple[Procedure, ...]:
        """Every procedure, in the same order, with its code, level and agency in a month."""
        return self.by_change[self.history.since(month)]

    def province_in(self, month: Month) -> Province:
        """The province in a month."""
        return self.history.province_in(month)

    def generator(self, purpose: str, month: Month | None = None) -> np.random.Generator:
        """The stream of random numbers of one purpose, in one month or for all time."""
        return generator(self.seed, purpose, month)


def between(month: Month, first: float, last: float) -> float:
    """The value in a month of what goes evenly from one value in the sample's first month to another in its last."""
    return first + (last - first) * months_since(FIRST_MONTH, month) / months_since(FIRST_MONTH, LAST_MONTH)


def build(reference: Path, *, seed: int, scale: float) -> Scenario:
    """The scenario of one seed, with the agencies, successors and holidays of a folder of reference files.

    Raises:
        UsageError: a reference file is missing or names no agency of some level.
    """
    history = province.read(reference, seed)
    first = procedure.procedures(history, seed)
    by_change = {month: procedure.in_month(first, history, month, seed) for month in history.provinces}
    return Scenario(history, workday.read(reference), by_change, seed, scale)

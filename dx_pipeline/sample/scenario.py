"""Scenario: the province, its procedures, the seed and the scale. It is the same in every month."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator
from dx_pipeline.sample.procedure import Procedure, procedures
from dx_pipeline.sample.province import Province, read


@dataclass(frozen=True)
class Scenario:
    """What a sample is made from. `scale` multiplies dossiers and calls: 1 is the whole province."""

    province: Province
    procedures: tuple[Procedure, ...]
    seed: int
    scale: float

    def generator(self, purpose: str, month: Month | None = None) -> np.random.Generator:
        """The stream of random numbers of one purpose, in one month or for all time."""
        return generator(self.seed, purpose, month)


def build(reference: Path, *, seed: int, scale: float) -> Scenario:
    """The scenario of one seed, with the agencies and codes of a folder of reference files.

    Raises:
        UsageError: a reference file is missing or names no agency of some level.
    """
    province = read(reference, seed)
    return Scenario(province, procedures(reference, province, seed), seed, scale)

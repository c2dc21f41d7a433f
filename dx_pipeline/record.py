"""Records: what the latest attempt at a partition came to, good or not.

A record is the ledger of one partition: which deliveries were read or refused, where their rows
went, and what became of each expectation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Counts(BaseModel):
    """Where the rows of one delivery went."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    rows_in: int
    accepted: int
    duplicate: int
    filtered: int
    quarantined: int


class Refusal(BaseModel):
    """A delivery that could not be read, and the sentence that says why."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    file_name: str
    problem: str


class Expected(BaseModel):
    """What became of one expectation.

    `outcome` is `broken` where the expectation itself could not be evaluated: then nothing is
    known about the data.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    subject: str
    severity: Literal["critical", "warning", "info"]
    outcome: Literal["met", "unmet", "broken"]
    element_count: int | None = None
    unexpected_count: int | None = None
    observed: str | None = None
    reason_vi: str
    reason_en: str
    problem: str | None = None


class Record(BaseModel):
    """The latest attempt at one partition.

    Args:
        fingerprint: of everything the attempt rested on; the same again need not be tried again.
        published: whether its rows were published; if not, the last good ones still stand.
        superseded: deliveries whose rows no longer hold because a later one replaced them.
        derived_from: the partitions that a derived one was computed from; empty for delivered ones.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    source: str
    month: str | None
    fingerprint: str
    published: bool
    synthetic: bool
    rows: int
    counts: tuple[Counts, ...] = ()
    refused: tuple[Refusal, ...] = ()
    superseded: tuple[str, ...] = ()
    derived_from: tuple[str, ...] = ()
    audit: tuple[Expected, ...] = ()

    @property
    def problem(self) -> str | None:
        """Why what stands is not the latest, in one sentence; None if it is."""
        for expected in self.audit:
            if expected.severity == "critical" and expected.outcome != "met":
                what = "is broken" if expected.outcome == "broken" else "does not hold"
                detail = expected.problem or expected.reason_en
                return f"{expected.type} on {expected.subject} {what}: {detail}"
        if self.refused:
            return f"{self.refused[-1].file_name}: {self.refused[-1].problem}"
        return None


@dataclass(frozen=True)
class Attempt:
    """What became of one partition: its record, and whether there was anything to do."""

    record: Record
    changed: bool

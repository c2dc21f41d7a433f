"""Partition runs: what the latest run of each partition came to, good or not."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.period import MONTH
from dx_pipeline.reading.conservation import Counts


class Refusal(BaseModel):
    """A delivery that could not be read or is held back, and why, in one sentence.

    `problem_vi` is the same in Vietnamese, where that is known.
    """

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    file_name: str
    problem: str
    problem_vi: str | None = None


class RunInputs(BaseModel):
    """What the run of a partition was made from: enough to make it again.

    Args:
        deliveries: the ids of what had landed for its source and month, in order of precedence.
        withdrawn: those of them whose files were no longer in the inbox.
        references: each reference table that its contract refers to, with the delivery that its rows were made from.
        revisions: how many revisions of the month had been accepted; None while the month is open.
        attempts: of fetch attempts, each month with the number of them in the log.
        accepted: those of the deliveries that were taken although they may differ much from what they replace.
    """

    model_config = ConfigDict(frozen=True)

    deliveries: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    revisions: int | None = None
    attempts: tuple[tuple[str, int], ...] = ()
    accepted: tuple[str, ...] = ()


class PartitionRun(BaseModel):
    """The latest run of one partition: which deliveries it read or refused, where their rows went, its audit.

    Args:
        partition: the partition's name within its table.
        source, month: of a table that sources deliver; month is None for tables without months.
        kpi_code: of a partition of KPI values.
        fingerprint: of all inputs of the run; the same inputs need not run again.
        published: whether its rows were published; if not, the last good rows stay.
        held_back: where the rows of deliveries would go that differ too much from what they would replace.
        superseded: deliveries whose rows no longer count because a later delivery replaced them.
        proposed: where the rows of deliveries would go that came after the month had closed, and wait until a revision
            is accepted.
        revision: how many revisions of the partition have been accepted.
        derived_from: the partitions that a derived one was computed from.
        inputs: what the run was made from; None for what is computed from other partitions.
        inputs_of_rows: the same of the published rows: those of an earlier run where this one was held back.
        failure, failure_vi: why nothing could be computed, in English and in Vietnamese.
        entries: by the ids of the deliveries that it was made from, the digests of their entries.
        sha256: of the file with the published rows, which may be of an earlier run; None if there is none.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    partition: str
    source: str | None = None
    month: str | None = Field(default=None, pattern=MONTH)
    kpi_code: str | None = None
    fingerprint: str
    published: bool
    synthetic: bool
    rows: int
    counts: tuple[Counts, ...] = ()
    refused: tuple[Refusal, ...] = ()
    held_back: tuple[Counts, ...] = ()
    superseded: tuple[str, ...] = ()
    proposed: tuple[Counts, ...] = ()
    revision: int = 0
    derived_from: tuple[str, ...] = ()
    inputs: RunInputs | None = None
    inputs_of_rows: RunInputs | None = None
    entries: dict[str, str] = {}
    failure: str | None = None
    failure_vi: str | None = None
    sha256: str | None = None
    audit: tuple[ExpectationResult, ...] = ()

    @property
    def deliveries(self) -> tuple[str, ...]:
        """The ids of all deliveries that the run or its published rows were made from."""
        made = (inputs.deliveries for inputs in (self.inputs, self.inputs_of_rows) if inputs is not None)
        return tuple(dict.fromkeys(each for ids in made for each in ids))

    @property
    def had_closed(self) -> bool:
        """Whether its month had closed by then."""
        return self.inputs is not None and self.inputs.revisions is not None

    @property
    def _unmet(self) -> ExpectationResult | None:
        """The first critical expectation that is not met."""
        return next((each for each in self.audit if each.severity == "critical" and each.status != "met"), None)

    @property
    def problem(self) -> str | None:
        """Why the published rows are not the latest, in one sentence; None if they are."""
        if self.failure is not None:
            return self.failure
        unmet = self._unmet
        if unmet is not None:
            return unmet.sentence(self.table).en
        if self.refused:
            return f"{self.refused[-1].file_name}: {self.refused[-1].problem}"
        return None

    @property
    def problem_vi(self) -> str | None:
        """The same in Vietnamese; what an older version recorded may be in English alone."""
        if self.failure is not None:
            return self.failure_vi or self.failure
        unmet = self._unmet
        if unmet is not None:
            return unmet.sentence(self.table).vi
        if self.refused:
            last = self.refused[-1]
            return f"{last.file_name}: {last.problem_vi or last.problem}"
        return None


@dataclass(frozen=True)
class RunResult:
    """A partition run, and whether it had anything to do (false: the same inputs had run before)."""

    run: PartitionRun
    changed: bool

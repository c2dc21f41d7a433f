"""The ledger as tables: what was delivered, how many rows went where, and the state of every partition.

It is read from the landing area and the partitions' runs; nothing of it is kept a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import AnyKey, Key
from dx_pipeline.tables.run import PartitionRun

Row = dict[str, Any]

NOTHING_DELIVERED, NOTHING_DELIVERED_VI = "nothing was delivered", "chưa giao gì"
NEVER_EVALUATED = ("it was never evaluated: run 'dx run'", "chưa được tính lần nào: hãy chạy 'dx run'")


@dataclass(frozen=True)
class PartitionState:
    """The state of one partition of a table, or of the values of one KPI.

    `current`: its rows are the latest delivered. `stale`: a newer delivery was held back, and the last
    good rows stay. `missing`: it has no rows.
    """

    key: AnyKey
    state: str
    rows: int | None
    problem: str | None
    synthetic: bool | None
    problem_vi: str | None = None

    @property
    def is_of_delivery(self) -> bool:
        """Whether something was delivered for the partition, or was published of it."""
        return self.problem != NOTHING_DELIVERED

    @property
    def month(self) -> Month | None:
        """The month of the partition, if it has one."""
        return self.key.month if isinstance(self.key, Key) else None

    def as_json(self) -> Row:
        """What was held back, and why, as the data package and `--json` report it."""
        return {
            "table": self.key.table,
            "source": self.key.source if isinstance(self.key, Key) else self.key.code,
            "month": str(self.month) if self.month else None,
            "state": self.state,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Ledger:
    """Everything that was delivered and run, in a repeatable order."""

    runs: Mapping[Key, PartitionRun]
    deliveries: tuple[Delivery, ...]
    states: tuple[PartitionState, ...]
    evaluated: tuple[PartitionRun, ...] = ()

    @classmethod
    def read(cls, settings: Settings, catalogue: Catalogue) -> Ledger:
        """The ledger of a warehouse, over the tables that are declared."""
        runs = {
            partition.key_of(run): run
            for run in partition.runs(settings)
            if run.source in catalogue.sources and run.table in catalogue.contracts
        }
        months = sorted({key.month for key in runs if key.month is not None})
        span = list(months[0].through(months[-1])) if months else []
        landed = tuple(
            delivery
            for name, declared in catalogue.sources.items()
            for month in ([None] if declared.is_reference else list(deliveries.months_landed(settings, name)))
            for delivery in deliveries.landed(settings, name, month)
        )
        expected = [
            Key(table, name, month)
            for name, declared in catalogue.sources.items()
            for table in declared.source.tables
            for month in ([None] if declared.is_reference else span)
        ]
        tables = {KPI_TABLE, *catalogue.summaries}
        every = {(run.table, run.partition): run for run in partition.runs(settings) if run.table in tables}
        computed = [partition.evaluated(catalogue, code) for code in catalogue.evaluated]
        values = [_state(settings, key, every.get((key.table, key.name)), is_computed=True) for key in computed]
        observed = [key for key in sorted(runs, key=str) if catalogue.contracts[key.table].origin == "observed"]
        delivered = (_state(settings, key, runs.get(key)) for key in [*expected, *observed])
        evaluations = (every.get((key.table, key.name)) for key in computed)
        return cls(runs, landed, (*delivered, *values), tuple(run for run in evaluations if run is not None))

    @property
    def keys(self) -> tuple[AnyKey, ...]:
        """Every partition that has published rows."""
        return tuple(state.key for state in self.states if state.state != "missing")

    @property
    def held_back(self) -> tuple[PartitionState, ...]:
        """The partitions whose rows are not the latest delivered, each with its reason."""
        return tuple(state for state in self.states if state.state != "current")

    @property
    def arrivals(self) -> list[Row]:
        """When each delivery arrived, by source and id."""
        entries = (delivery.entry for delivery in self.deliveries)
        return [entry.model_dump(include={"source", "delivery_id", "delivered_at"}) for entry in entries]

    @property
    def digest(self) -> str:
        """One digest of everything in the ledger's tables."""
        content = [list(rows) for rows in self.tables().values()]
        return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def _delivery(self) -> Iterator[Row]:
        dispositions = dict(self._dispositions())
        unrecognised = {"table_name": None, "disposition": "unrecognised", "problem": None, "synthetic": None}
        for delivery in self.deliveries:
            entry = delivery.entry
            place = entry.source, entry.month, entry.delivery_id
            unlisted = {"cursor_range", "stripped", "kept_sha256", "withheld_vi"}
            yield {**entry.model_dump(exclude=unlisted), **dispositions.get(place, unrecognised)}

    def _dispositions(self) -> Iterator[tuple[tuple[str, str | None, str], Row]]:
        """What became of each delivery, by source, month and id."""
        for key, run in self.runs.items():
            for refusal in run.refused:
                is_held_back = refusal.delivery_id in {counts.delivery_id for counts in run.held_back}
                what = "held_back" if is_held_back else "refused"
                refused = {"disposition": what, "problem": refusal.problem, "synthetic": None}
                yield (key.source, run.month, refusal.delivery_id), {"table_name": run.table, **refused}
        for key, run in self.runs.items():
            for counts in run.proposed:
                proposed = {"disposition": "proposed", "problem": None, "synthetic": run.synthetic}
                yield (key.source, run.month, counts.delivery_id), {"table_name": run.table, **proposed}
            for counts in run.counts:
                disposition = "superseded" if counts.delivery_id in run.superseded else "read"
                read = {"disposition": disposition, "problem": None, "synthetic": run.synthetic}
                yield (key.source, run.month, counts.delivery_id), {"table_name": run.table, **read}

    def _stripped(self) -> Iterator[Row]:
        for delivery in self.deliveries:
            place = delivery.entry.model_dump(include={"source", "month", "delivery_id"})
            for kind, count in sorted(delivery.entry.stripped.items()):
                yield {**place, "kind": kind, "stripped_count": count}

    def _conservation(self) -> Iterator[Row]:
        for run in self.runs.values():
            place = {"table_name": run.table, "source": run.source, "month": run.month}
            for counts in (*run.counts, *run.proposed):
                rows = {
                    f"rows_{name}": getattr(counts, name)
                    for name in ("accepted", "duplicate", "filtered", "quarantined")
                }
                yield {**place, "delivery_id": counts.delivery_id, "rows_in": counts.rows_in, **rows}

    def _partition(self) -> Iterator[Row]:
        for state in self.states:
            described = state.as_json()
            table = described.pop("table")
            yield {"table_name": table, **described, "row_count": state.rows, "synthetic": state.synthetic}

    def _audit(self) -> Iterator[Row]:
        for run in (*self.runs.values(), *self.evaluated):
            place = {"table_name": run.table, "source": run.source or run.kpi_code, "month": run.month}
            for position, result in enumerate(run.audit, 1):
                described = result.model_dump()
                expectation = described.pop("type")
                audited = {"position": position, "expectation": expectation, "synthetic": run.synthetic}
                yield {**place, **audited, **described}

    def tables(self) -> dict[str, Iterator[Row]]:
        """The rows of the ledger's tables, as analysts inside the office see them."""
        return {
            "ledger.delivery": self._delivery(),
            "ledger.stripped": self._stripped(),
            "ledger.conservation": self._conservation(),
            "ledger.partition": self._partition(),
            "ledger.audit": self._audit(),
        }


def _state(settings: Settings, key: AnyKey, run: PartitionRun | None, *, is_computed: bool = False) -> PartitionState:
    problem = run.problem if run else None
    if partition.rows(settings, key) is None:
        nothing, nothing_vi = NEVER_EVALUATED if is_computed else (NOTHING_DELIVERED, NOTHING_DELIVERED_VI)
        said = (problem, run.problem_vi) if run is not None and problem is not None else (nothing, nothing_vi)
        return PartitionState(key, "missing", None, said[0], None, said[1])
    if run is None or problem is not None or not run.published:
        problem_vi = run.problem_vi if run else None
        return PartitionState(key, "stale", None, problem, run.synthetic if run else None, problem_vi)
    return PartitionState(key, "current", run.rows, None, run.synthetic)


def months_known(settings: Settings, catalogue: Catalogue) -> tuple[Month, ...]:
    """Every month for which any declared source has landed anything, or something was published, in order."""
    found = {month for name in catalogue.monthly for month in deliveries.months_landed(settings, name)}
    runs = (run for run in partition.runs(settings) if run.source in catalogue.monthly)
    found |= {key.month for run in runs if (key := partition.key_of(run)).month is not None}
    return tuple(sorted(found))

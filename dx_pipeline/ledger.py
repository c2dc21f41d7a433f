"""The ledger as tables: what was delivered, how many rows went where, and what state that left.

It is read from the landing area and the partitions' records; nothing of it is kept a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline import landing, partition
from dx_pipeline.catalogue import Catalogue
from dx_pipeline.contract import arrow_schema, literal, qualified
from dx_pipeline.landing import Delivery
from dx_pipeline.partition import Key
from dx_pipeline.period import Month
from dx_pipeline.record import Record
from dx_pipeline.settings import Settings

Row = dict[str, Any]


@dataclass(frozen=True)
class State:
    """How one partition stands.

    `current`: its rows are the latest delivered. `stale`: a newer delivery was held back, the last
    good rows stand. `missing`: it has no rows at all.
    """

    key: Key
    state: str
    rows: int | None
    problem: str | None
    synthetic: bool | None


@dataclass(frozen=True)
class Ledger:
    """Everything that was attempted and what came of it, in a repeatable order."""

    records: Mapping[Key, Record]
    deliveries: tuple[Delivery, ...]
    states: tuple[State, ...]

    @classmethod
    def read(cls, settings: Settings, catalogue: Catalogue) -> Ledger:
        """The ledger of a warehouse, over the tables that are declared."""
        records = {
            partition.key_of(record): record
            for record in partition.records(settings)
            if record.source in catalogue.sources and record.table in catalogue.contracts
        }
        months = sorted({key.month for key in records if key.month is not None})
        span = list(months[0].through(months[-1])) if months else []
        deliveries = tuple(
            delivery
            for name, declared in catalogue.sources.items()
            for month in ([None] if declared.is_reference else list(landing.months_landed(settings, name)))
            for delivery in landing.landed(settings, name, month)
        )
        states = tuple(
            _state(settings, Key(table, name, month), records)
            for name, declared in catalogue.sources.items()
            for table in declared.source.tables
            for month in ([None] if declared.is_reference else span)
        )
        observed = tuple(
            _state(settings, key, records)
            for key in sorted(records, key=str)
            if catalogue.contracts[key.table].origin == "observed"
        )
        return cls(records, deliveries, (*states, *observed))

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every partition that has rows in force."""
        return tuple(state.key for state in self.states if state.state != "missing")

    @property
    def held(self) -> tuple[State, ...]:
        """The partitions that are not the latest delivered, each with its reason."""
        return tuple(state for state in self.states if state.state != "current")

    @property
    def digest(self) -> str:
        """One digest of everything the ledger's tables say."""
        said = [list(rows) for rows in self._tables().values()]
        return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def delivery_rows(self) -> Iterator[Row]:
        """The rows of `ledger.delivery`."""
        outcomes = dict(self._outcomes())
        for delivery in self.deliveries:
            entry = delivery.entry
            place = (entry.source, entry.month, entry.delivery_id)
            outcome = outcomes.get(
                place, {"table_name": None, "outcome": "unrecognised", "problem": None, "synthetic": None}
            )
            yield {
                "source": entry.source,
                "month": entry.month,
                "delivery_id": entry.delivery_id,
                "file_name": entry.file_name,
                "size_bytes": entry.size_bytes,
                "connector": entry.connector,
                "delivered_at": entry.delivered_at,
                **outcome,
                "withheld": entry.withheld,
                "kept_bytes": entry.size_bytes if entry.kept_bytes is None else entry.kept_bytes,
            }

    def stripped_rows(self) -> Iterator[Row]:
        """The rows of `ledger.stripped`."""
        for delivery in self.deliveries:
            entry = delivery.entry
            for kind, count in sorted(entry.stripped.items()):
                yield {
                    "source": entry.source,
                    "month": entry.month,
                    "delivery_id": entry.delivery_id,
                    "kind": kind,
                    "stripped_count": count,
                }

    def _outcomes(self) -> Iterator[tuple[tuple[str, str | None, str], Row]]:
        for record in self.records.values():
            for refusal in record.refused:
                yield (
                    (record.source, record.month, refusal.delivery_id),
                    {
                        "table_name": record.table,
                        "outcome": "refused",
                        "problem": refusal.problem,
                        "synthetic": None,
                    },
                )
        for record in self.records.values():
            for counts in record.counts:
                superseded = counts.delivery_id in record.superseded
                yield (
                    (record.source, record.month, counts.delivery_id),
                    {
                        "table_name": record.table,
                        "outcome": "superseded" if superseded else "read",
                        "problem": None,
                        "synthetic": record.synthetic,
                    },
                )

    def conservation_rows(self) -> Iterator[Row]:
        """The rows of `ledger.conservation`."""
        for record in self.records.values():
            for counts in record.counts:
                yield {
                    "table_name": record.table,
                    "source": record.source,
                    "month": record.month,
                    "delivery_id": counts.delivery_id,
                    "rows_in": counts.rows_in,
                    "rows_accepted": counts.accepted,
                    "rows_duplicate": counts.duplicate,
                    "rows_filtered": counts.filtered,
                    "rows_quarantined": counts.quarantined,
                }

    def partition_rows(self) -> Iterator[Row]:
        """The rows of `ledger.partition`."""
        for state in self.states:
            yield {
                "table_name": state.key.table,
                "source": state.key.source,
                "month": str(state.key.month) if state.key.month else None,
                "state": state.state,
                "row_count": state.rows,
                "problem": state.problem,
                "synthetic": state.synthetic,
            }

    def _tables(self) -> dict[str, Iterator[Row]]:
        return {
            "ledger.delivery": self.delivery_rows(),
            "ledger.stripped": self.stripped_rows(),
            "ledger.conservation": self.conservation_rows(),
            "ledger.partition": self.partition_rows(),
        }

    def write(self, settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection) -> None:
        """Fill the ledger's tables, which must exist and be empty."""
        for table, rows in self._tables().items():
            contract = catalogue.contracts[table]
            told = pa.Table.from_pylist(list(rows), arrow_schema(contract, contract.published))
            connection.register("told", told)
            connection.execute(f"INSERT INTO {qualified(table)} BY NAME SELECT * FROM told")
            connection.unregister("told")
        for key in self.records:
            path = settings.quarantine / key.path / partition.ROWS
            if path.is_file() and pq.read_metadata(path).num_rows:
                month = literal(str(key.month)) if key.month else "NULL"
                connection.execute(
                    f"""
                    INSERT INTO ledger.quarantine BY NAME
                    SELECT {literal(key.table)} AS table_name, {literal(key.source)} AS source,
                        {month} AS month, * FROM read_parquet({literal(str(path))}, hive_partitioning = false)
                    """
                )


def _state(settings: Settings, key: Key, records: Mapping[Key, Record]) -> State:
    record = records.get(key)
    has_rows = partition.rows(settings, key) is not None
    problem = record.problem if record else None
    if not has_rows:
        return State(key, "missing", None, problem or "nothing was delivered", None)
    if record is None or problem is not None or not record.published:
        return State(key, "stale", None, problem, record.synthetic if record else None)
    return State(key, "current", record.rows, None, record.synthetic)


def months_known(settings: Settings, catalogue: Catalogue) -> tuple[Month, ...]:
    """Every month for which any declared source has landed anything, in order."""
    found = {month for name in catalogue.monthly for month in landing.months_landed(settings, name)}
    return tuple(sorted(found))

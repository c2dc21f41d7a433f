"""A project in a warehouse of a test's own: what is put in, run, and looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from deliveries import MAY
from deliveries import put as put_into_inbox

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.declarations.view import UNITS
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi import reference, states
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect, fill
from dx_pipeline.tables import attempts, closing, history, partition
from dx_pipeline.tables.ledger import Ledger, PartitionState
from dx_pipeline.tables.partition import Key, KpiKey
from dx_pipeline.tables.run import PartitionRun, RunResult

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Engine:
    """The engine over one project and warehouse; months are written YYYY-MM."""

    settings: Settings
    catalogue: Catalogue

    def put(self, source: str, content: bytes, month: str = MAY, name: str = "file.dat", day: int = 5) -> Path:
        """Put a file into the inbox, as delivered on a day of the following month."""
        return put_into_inbox(self.settings, source, content, month, name, day)

    def results(self, source: str, *months: str) -> list[RunResult]:
        """The results of ingesting a source, without its fetch attempts."""
        found = ingest(self.settings, self.catalogue, source, [Month.parse(month) for month in months or (MAY,)])
        return [result for result in found if result.run.table != attempts.TABLE]

    def ingest(self, source: str) -> PartitionRun:
        """The run of a source with one table, for May."""
        (result,) = self.results(source)
        return result.run

    def deliver(self, source: str, content: bytes, name: str = "file.dat", day: int = 5) -> PartitionRun:
        """Put a file into the inbox for May, and ingest its source with one table."""
        self.put(source, content, name=name, day=day)
        return self.ingest(source)

    def runs(self, source: str, *months: Month) -> dict[tuple[str, str | None], PartitionRun]:
        """The runs of a source, by table and month."""
        return {(run.table, run.month): run for run in (item.run for item in self.results(source, *map(str, months)))}

    def hours(self, system: str, month: Month) -> list[dict[str, Any]]:
        """The published traffic of a system, by hour and operation, wherever it was delivered."""
        path = partition.rows(self.settings, Key("connection.traffic", system, month))
        rows = pq.read_table(path).to_pylist() if path else []
        return [{name: value for name, value in row.items() if not name.startswith("delivery_")} for row in rows]

    def total(self, system: str, month: Month) -> Counter[str]:
        """What the hours of a month add up to."""
        found: Counter[str] = Counter()
        for row in self.hours(system, month):
            found.update({name: row[name] for name in row if name.endswith("_count") and row[name]})
        return found

    def evaluate(self, code: str) -> PartitionRun:
        """Evaluate a KPI, which must be published."""
        run = evaluate(self.settings, self.catalogue, code).run
        assert run.published, run.problem
        return run

    def publish(self) -> Published:
        """Ingest every source for May, evaluate every KPI, and publish."""
        for name, source in self.catalogue.sources.items():
            ingest(self.settings, self.catalogue, name, [None] if source.is_reference else [Month.parse(MAY)])
        for code in self.catalogue.kpis:
            self.evaluate(code)
        return release.publish(self.settings, self.catalogue)

    def rows(self, key: Key, columns: str = "*") -> Rows:
        """The published rows of a partition."""
        path = partition.rows(self.settings, key)
        assert path is not None
        return duckdb.execute(f"SELECT {columns} FROM '{path}' ORDER BY delivery_line").fetchall()

    def reasons(self, key: Key) -> Rows:
        """Line, reason and column of a partition's quarantined rows."""
        path = partition.quarantined(self.settings, key)
        columns = "delivery_line, reason_code, column_name"
        return duckdb.execute(f"SELECT {columns} FROM '{path}' ORDER BY delivery_line").fetchall()

    def values(self, code: str, where: str, columns: str) -> Rows:
        """The published values of a KPI."""
        path = partition.rows(self.settings, KpiKey(code))
        assert path is not None
        return duckdb.execute(f"SELECT {columns} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()

    def view(self, name: str, columns: str, where: str = "true") -> Rows:
        """Columns of a view, over all that is published."""
        declared = self.catalogue.views[name]
        with connect(self.settings) as connection:
            shared = [view for view in self.catalogue.views.values() if view.view.is_shared]
            reads = {table for view in (declared, *shared) for table in view.reads if table in self.catalogue.contracts}
            for table in {*reads, *reference.TABLES} - {UNITS}:
                paths = partition.all_rows(self.settings, table)
                history.attach(connection, table, self.catalogue.contracts[table], paths)
            connection.execute(create_table(UNITS, self.catalogue.contracts[UNITS].stored))
            fill(connection, UNITS, reference.units(connection).rows())
            states.prepare(connection, closing.every(self.settings))
            connection.execute('CREATE SCHEMA "view"')
            for view in shared:
                connection.execute(f"CREATE VIEW {view.table} AS {view.sql}")
            sql = states.select(connection, declared) if declared.has_states else declared.sql
            return connection.execute(f"SELECT {columns} FROM ({sql}) WHERE {where} ORDER BY ALL").fetchall()

    def state(self, key: Key) -> PartitionState:
        """The state of a partition."""
        (found,) = [state for state in Ledger.read(self.settings, self.catalogue).states if state.key == key]
        return found


def counts(run: PartitionRun) -> list[tuple[int, int, int, int, int]]:
    """By delivery: rows in, accepted, duplicate, filtered, quarantined."""
    return [(item.rows_in, item.accepted, item.duplicate, item.filtered, item.quarantined) for item in run.counts]

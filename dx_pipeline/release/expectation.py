"""Expectations: which reports were due for which months, and when they came, as `ledger.expectation`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.sql import qualified, quoted, sql_file
from dx_pipeline.period import Month
from dx_pipeline.storage.database import fill


def fill_expectations(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    months: Sequence[Month],
    rows: dict[str, list[Path]],
    arrivals: Sequence[Mapping[str, object]],
) -> None:
    """Fill `ledger.expectation` in a release's database that has the ledger and the reference tables.

    Args:
        connection: of the release.
        catalogue: sources with their calendars, tables with their reporters.
        months: every month for which anything was delivered.
        rows: the partition files of each table.
        arrivals: when each delivery arrived, by source and id.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE arrived (source VARCHAR, delivery_id VARCHAR, delivered_at TIMESTAMPTZ)"
    )
    fill(connection, "arrived", arrivals)
    connection.execute("CREATE OR REPLACE TEMP TABLE due (source VARCHAR, month VARCHAR, due_on DATE, late_after DATE)")
    calendars = {name: catalogue.sources[name].source.calendar for name in catalogue.monthly}
    expected = [
        {"source": name, "month": str(month), "due_on": each.due(month), "late_after": each.late_after(month)}
        for name, each in calendars.items()
        for month in months
    ]
    fill(connection, "due", expected)
    connection.execute(sql_file(__file__, "expected_of_sources"))
    for table, contract in catalogue.contracts.items():
        if contract.reporters is None or not rows.get(table):
            continue
        for source in catalogue.sources_of(table):
            paths = [str(path) for path in rows[table] if path.parent.name.startswith(f"partition={source}_")]
            if paths:
                connection.execute(_of_reporters(contract), {"table": table, "source": source, "paths": paths})


def _of_reporters(contract: Contract) -> str:
    """The statement that adds the reports expected of those who report a table."""
    assert contract.reporters is not None  # noqa: S101 - asked by the caller
    column = quoted(contract.reporters.column)
    listed, _, code = str(contract.columns[contract.reporters.column].references).rpartition(".")
    return f"""
        INSERT INTO ledger.expectation
        WITH expected AS (
            SELECT DISTINCT due.*, last_day(strptime(due.month, '%Y-%m')::DATE) AS month_end,
                listed.{quoted(code)} AS reporter
            FROM due
            JOIN {qualified(listed)} AS listed
                ON last_day(strptime(due.month, '%Y-%m')::DATE)
                    BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
            WHERE due.source = $source AND ({contract.reporters.where})
        ),
        delivered AS (
            SELECT delivery_id, min(delivered_at)::DATE AS delivered_on
            FROM arrived WHERE source = $source GROUP BY delivery_id
        ),
        received AS (
            SELECT strftime(rows.month, '%Y-%m') AS month, rows.{column} AS reporter,
                min(delivered.delivered_on) AS received_on
            FROM read_parquet($paths, hive_partitioning = false) AS rows JOIN delivered USING (delivery_id)
            GROUP BY ALL
        )
        SELECT expected.source, expected.month, $table, expected.reporter, unit.unit_code, expected.due_on,
            expected.late_after, received.received_on, greatest(received.received_on - expected.late_after, 0)
        FROM expected
        LEFT JOIN received USING (month, reporter)
        LEFT JOIN reference.unit_of AS unit
            ON unit.code = expected.reporter AND expected.month_end BETWEEN unit.valid_from AND unit.valid_to
        ORDER BY ALL
        """

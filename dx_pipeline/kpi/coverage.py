"""Coverage: which partitions, reports and rows were expected, and which of them figures are computed from.

A table may declare who is expected to report: every agency or unit of a list that is in force at the end of the month.
One without rows is silent. Rows in quarantine, and rows that a view has no unit
for, are expected too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.sql import literal, qualified, quoted
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun

Row = dict[str, object]


def reported(catalogue: Catalogue, kpis: Iterable[DeclaredKpi]) -> dict[str, Contract]:
    """The tables of some KPIs that declare who is expected to report, with their contracts."""
    names = sorted({table for kpi in kpis for table in kpi.every_table})
    return {name: catalogue.contracts[name] for name in names if catalogue.contracts[name].reporters is not None}


def partitions(settings: Settings, known: Mapping[Key, PartitionRun]) -> list[Row]:
    """Every monthly partition that was run: whether it has rows, and how many were accepted and quarantined."""
    return [
        {
            "table_name": key.table,
            "source": key.source,
            "month": key.month.first,
            "is_there": partition.rows(settings, key) is not None,
            "is_stale": not run.published or run.problem is not None,
            "synthetic": run.synthetic,
            "revision": run.revision,
            "accepted": sum(item.accepted for item in run.counts),
            "quarantined": sum(item.quarantined for item in run.counts if item.delivery_id not in run.superseded),
        }
        for key, run in known.items()
        if key.month is not None
    ]


def tables(kpis: Iterable[DeclaredKpi]) -> list[Row]:
    """The tables that each version of each KPI reads, each with its bases."""
    return [
        {"kpi_code": kpi.code, "definition_version": version, "table_name": table, "basis": basis}
        for kpi in kpis
        for version, tables_of in kpi.tables.items()
        for table, bases in tables_of.items()
        for basis in bases
    ]


def sources(catalogue: Catalogue, kpis: Iterable[DeclaredKpi]) -> list[Row]:
    """Which sources deliver each table, and which of them are systems."""
    return [
        {
            "table_name": table,
            "source": source,
            "is_system": source in catalogue.systems,
            "has_reporters": catalogue.contracts[table].reporters is not None,
        }
        for table in sorted({table for kpi in kpis for table in kpi.every_table})
        if catalogue.contracts[table].origin == "delivered"
        for source in catalogue.sources_of(table)
    ]


def months(every: Iterable[Month]) -> list[Row]:
    """Months as rows."""
    return [{"first_on": month.first, "last_on": month.last} for month in sorted(set(every))]


def fill_reports(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    kpis: Sequence[DeclaredKpi],
    known: Mapping[Key, PartitionRun],
) -> None:
    """Fill `report`: for each table and month that anybody is expected to report, who did, by unit."""
    for name, contract in reported(catalogue, kpis).items():
        _fill_broken(settings, connection, name, known)
        connection.execute(_reports(name, contract))


def _fill_broken(
    settings: Settings, connection: duckdb.DuckDBPyConnection, table: str, known: Mapping[Key, PartitionRun]
) -> None:
    """Make `broken`: the rows of a table in quarantine by month and reporter, without deliveries that were replaced."""
    connection.execute("CREATE OR REPLACE TEMP TABLE broken (month DATE, reporter VARCHAR, row_count BIGINT)")
    for key, run in known.items():
        path = partition.quarantined(settings, key) if key.table == table else None
        if path is None or key.month is None or not sum(item.quarantined for item in run.counts):
            continue
        connection.execute(
            f"""
            INSERT INTO broken SELECT $month, reporter, count(*)
            FROM read_parquet({literal(str(path))}, hive_partitioning = false)
            WHERE delivery_id NOT IN (SELECT unnest($replaced::VARCHAR[])) GROUP BY ALL
            """,
            {"month": key.month.first, "replaced": list(run.superseded)},
        )


def _reports(name: str, contract: Contract) -> str:
    """The statement that compares the reporters of a table with those expected."""
    assert contract.reporters is not None  # noqa: S101 - `reported` returns no other
    column = quoted(contract.reporters.column)
    listed, _, code = str(contract.columns[contract.reporters.column].references).rpartition(".")
    return f"""
        INSERT INTO report
        WITH expected AS (
            SELECT DISTINCT month.first_on AS month, listed.{quoted(code)} AS reporter
            FROM month JOIN {qualified(listed)} AS listed
                ON month.last_on BETWEEN listed.valid_from AND coalesce(listed.valid_to, DATE '9999-12-31')
            WHERE {contract.reporters.where}
        ),
        accepted AS (
            SELECT month, {column} AS reporter, count(*) AS row_count FROM {qualified(name)} GROUP BY ALL
        ),
        joined AS (
            SELECT month, reporter, expected.reporter IS NOT NULL AS is_expected,
                coalesce(accepted.row_count, 0) AS accepted, coalesce(broken.row_count, 0) AS broken
            FROM expected
            FULL JOIN accepted USING (month, reporter)
            FULL JOIN broken USING (month, reporter)
        )
        SELECT {literal(name)}, joined.month, whole.period, coalesce(unit.unit_code, whole.unit_code),
            count(*) FILTER (is_expected), count(*) FILTER (is_expected AND accepted > 0),
            sum(accepted + broken), sum(accepted)
        FROM joined
        JOIN whole ON last_day(joined.month) BETWEEN whole.first_on AND whole.last_on
        LEFT JOIN reference.unit_of AS unit
            ON unit.code = joined.reporter AND last_day(joined.month) BETWEEN unit.valid_from AND unit.valid_to
        GROUP BY ALL
        """

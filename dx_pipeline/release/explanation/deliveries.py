"""Deliveries: the files behind a value, where their rows went, and the lines that the value counts.

Single lines are named only where the rows are public. Of exchanges the first and the last line of the whole delivery
are given. Of dossiers, and of every other table that withholds something, neither lines, numbers of rows nor the hash
of a delivery are given: a delivery may be of one agency, and of few rows. They are given inside the office alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import PROVENANCE
from dx_pipeline.declarations.sql import qualified, sql_file
from dx_pipeline.period import Month
from dx_pipeline.release.explanation.inputs import Inputs
from dx_pipeline.release.explanation.rows import Lines, Place, Ranges, merged
from dx_pipeline.release.rows import query
from dx_pipeline.settings import Settings
from dx_pipeline.storage import parquet
from dx_pipeline.storage.database import fill
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

LinesOf = Literal["unit", "delivery"]


@dataclass(frozen=True)
class Delivery:
    """One delivery behind a value, as in `ledger.delivery` and `ledger.conservation`.

    Args:
        delivered_at: None of a reference file, which is in git and has no time of arrival.
        delivery_id: None, as everything that follows `synthetic`, where the table withholds something from everybody.
        lines: of the rows that are looked at, as ranges; None if no row of it was read, or if the partition has changed
            since the release.
        lines_of: whether they are those of the unit and window, or first and last line of the whole delivery.
        counted_lines: those of the unit and window that the numerator counts, where it does not count all.
    """

    table_name: str | None
    source: str
    month: str | None
    delivery_id: str | None
    file_name: str
    delivered_at: datetime | None
    disposition: str
    problem: str | None
    withheld: str | None
    synthetic: bool | None
    rows_in: int | None
    rows_accepted: int | None
    rows_duplicate: int | None
    rows_filtered: int | None
    rows_quarantined: int | None
    lines_of: LinesOf | None
    lines: Ranges | None
    counted_lines: Ranges | None


@dataclass(frozen=True)
class Quarantined:
    """Quarantined rows of one delivery with one reason; `rows_of`: those of the unit, or all of the delivery.

    Args:
        delivery_id: None where the table withholds something from everybody; then they are those of all deliveries of
            the month.
        lines: only where the rows of the table are public.
    """

    table_name: str
    source: str
    month: str | None
    delivery_id: str | None
    reason_code: str
    column_name: str | None
    row_count: int
    rows_of: LinesOf
    lines: Ranges | None


def fill_wanted(connection: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    """Make `wanted`: the partitions whose deliveries a value is computed from, and whether it needs them."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE wanted (table_name VARCHAR, source VARCHAR, month VARCHAR, is_needed BOOLEAN)"
    )
    rows = [
        {"table_name": table, "source": source, "month": str(month) if month else None, "is_needed": is_needed}
        for (table, source, month), is_needed in inputs.delivered.items()
    ]
    fill(connection, "temp.wanted", rows)


def behind(
    settings: Settings,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    inputs: Inputs,
    lines: Lines,
    hashes: Mapping[str, str],
    *,
    is_inside: bool = False,
) -> tuple[Delivery, ...]:
    """The deliveries of a value, in order of table, month and arrival.

    Args:
        settings: the warehouse, which has the partitions that the release does not show.
        catalogue: what is declared.
        connection: has the tables of the release, and `wanted`.
        inputs: what the value is computed from.
        lines: of rows that may be named one by one.
        hashes: of the rows of each partition that the release was made from, by table and name.
        is_inside: whether lines of tables that withhold something are given too.
    """
    whole: dict[Place, Ranges] = {}
    by_table: dict[str, list[tuple[str, Month | None]]] = defaultdict(list)
    for table, source, month in inputs.delivered:
        by_table[table].append((source, month))
    for table, keys in by_table.items():
        columns = catalogue.contracts[table].stored.keys()
        if catalogue.withholds(table) and not is_inside:
            continue
        if PROVENANCE.keys() <= columns and catalogue.contracts[table].shows_every_row:
            whole |= _in_release(connection, table, has_months="month" in columns)
        elif PROVENANCE.keys() <= columns:
            for source, month in keys:
                whole |= _in_warehouse(settings, connection, Key(table, source, month), hashes)
    found = query(connection, sql_file(__file__, "deliveries"))
    return tuple(_delivery(row, lines, whole) for row in found)


def _delivery(row: dict[str, Any], lines: Lines, whole: Mapping[Place, Ranges]) -> Delivery:
    place = (row["table_name"], row["month"], row["delivery_id"])
    named = lines.looked_at.get(place)
    ranges = named or whole.get(place)
    lines_of: LinesOf | None = "unit" if named else "delivery" if ranges else None
    return Delivery(**row, lines_of=lines_of, lines=ranges, counted_lines=lines.counted.get(place))


def _in_release(connection: duckdb.DuckDBPyConnection, table: str, *, has_months: bool) -> dict[Place, Ranges]:
    """First and last accepted line of each delivery of a public table."""
    month = "strftime(month, '%Y-%m')" if has_months else "NULL"
    rows = connection.execute(
        f"SELECT {month} AS month, delivery_id, min(delivery_line), max(delivery_line)"
        f" FROM {qualified(table)} GROUP BY ALL"
    ).fetchall()
    return {(table, of, delivery): ((first, last),) for of, delivery, first, last in rows}


def _in_warehouse(
    settings: Settings, connection: duckdb.DuckDBPyConnection, key: Key, hashes: Mapping[str, str]
) -> dict[Place, Ranges]:
    """First and last line of each delivery of a partition that the release does not show.

    Quarantined rows are included. Otherwise a range that begins one line later would reveal a quarantined line.
    """
    path = partition.rows(settings, key)
    if path is None or hashes.get(f"{key.table}/{key.name}") != parquet.digest(path):
        return {}
    every = [str(each) for each in (path, partition.quarantined(settings, key)) if each is not None]
    rows = connection.execute(
        "SELECT delivery_id, min(delivery_line), max(delivery_line)"
        " FROM read_parquet($paths, hive_partitioning = false, union_by_name = true) GROUP BY ALL",
        {"paths": every},
    ).fetchall()
    month = str(key.month) if key.month else None
    return {(key.table, month, delivery): ((first, last),) for delivery, first, last in rows}


def quarantined(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, inputs: Inputs) -> tuple[Quarantined, ...]:
    """The quarantined rows of the partitions that a value needs: those of its unit, if the release names the unit."""
    tables = {table for table, _, _ in inputs.delivered}
    by_unit = [
        table
        for table in sorted(tables & catalogue.of_audience("public").keys())
        if catalogue.contracts[table].reporters is not None
    ]
    rows = query(connection, sql_file(__file__, "quarantined"), by_unit=by_unit, is_province=inputs.is_of_province)
    found = []
    for row in rows:
        lines = [(line, line) for line in row.pop("lines") or ()]
        found.append(Quarantined(**row, lines=merged(lines) or None))
    return tuple(found)

"""Quarantine: the lines that broke their contract and still count, with the delivery of each and who reported it.

Lines of a delivery that a later one replaced no longer count. Those of a delivery that is held back do: whoever
delivered it is to know what is wrong with it. What is in a line was never kept, so nothing here is personal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import literal, quoted, sql_file
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect, fill
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun

GROUPINGS = {
    "table": ("table_name",),
    "reason": ("reason_code", "column_name"),
    "delivery": ("source", "month", "file_name", "delivery_id"),
    "age": ("age_days",),
    "agency": ("agency", "agency_name"),
}
"""What lines can be counted by, each with its columns."""

FINEST = (
    *("table_name", "source", "month", "file_name", "delivery_id", "agency", "agency_name"),
    *("reason_code", "column_name", "is_held_back"),
)
"""The columns of the finest groups."""


@dataclass(frozen=True)
class Chosen:
    """Which lines are asked for; None: all.

    Args:
        table, source, reason: by name.
        delivery: the first digits of its SHA-256, or its file name.
        agency: the code of who reported a line, else the source that delivered it.
        months: that the deliveries are for.
        older_than: so many days ago at least the delivery came.
    """

    table: str | None = None
    source: str | None = None
    reason: str | None = None
    delivery: str | None = None
    agency: str | None = None
    months: tuple[Month, ...] = ()
    older_than: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values that `quarantine_lines.sql` binds."""
        return {**asdict(self), "months": [str(month) for month in self.months]}


@dataclass(frozen=True)
class Line:
    """One line that broke its contract.

    Args:
        delivery_line: physical line, sheet row or record, from 1.
        column_name: the column that broke the contract, if it was one.
        agency: the code of who reported the line, if it names one; else the source that delivered it.
        agency_name: the name under that code in its list, else the title of the source (vi).
        age_days: how many days ago the delivery came.
        is_held_back: whether nothing of the delivery counts, because it is held back.
    """

    table_name: str
    source: str
    month: str | None
    delivery_id: str
    file_name: str
    delivery_line: int
    column_name: str | None
    reason_code: str
    agency: str
    agency_name: str
    age_days: int
    is_held_back: bool
    synthetic: bool


def lines(
    settings: Settings, catalogue: Catalogue, chosen: Chosen, today: date, limit: int | None = None
) -> list[Line]:
    """The chosen lines in the order of tables, deliveries and lines, at most `limit` of them."""
    names = ", ".join(Line.__dataclass_fields__)
    order = "table_name, source, month, delivered_at, delivery_id, delivery_line, column_name"
    with _opened(settings, catalogue, chosen, today) as connection:
        query = f"SELECT {names} FROM chosen ORDER BY {order} {f'LIMIT {limit}' if limit is not None else ''}"
        return [Line(*row) for row in connection.execute(query).fetchall()]


def groups(
    settings: Settings, catalogue: Catalogue, chosen: Chosen, today: date, by: Sequence[str] = FINEST
) -> list[dict[str, Any]]:
    """How many of the chosen lines there are by some columns of `Line`, the most first, with the age of the oldest."""
    names = ", ".join(by)
    with _opened(settings, catalogue, chosen, today) as connection:
        found = connection.execute(
            f"SELECT {names}, count(*) AS line_count, count(DISTINCT delivery_id) AS delivery_count,"
            f" max(age_days) AS oldest_days FROM chosen GROUP BY {names} ORDER BY line_count DESC, {names}"
        )
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def partitions(settings: Settings, catalogue: Catalogue, chosen: Chosen, today: date) -> list[Key]:
    """The partitions with chosen lines, in order."""
    found = groups(settings, catalogue, chosen, today, ("table_name", "source", "month"))
    keys = (Key(row["table_name"], row["source"], Month.parse(row["month"]) if row["month"] else None) for row in found)
    return sorted(keys, key=str)


@contextmanager
def _opened(
    settings: Settings, catalogue: Catalogue, chosen: Chosen, today: date
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the table `chosen` has the chosen lines."""
    with connect(settings) as connection:
        connection.execute(sql_file(__file__, "quarantine_tables"))
        runs = {
            partition.key_of(run): run
            for run in partition.runs(settings)
            if run.source in catalogue.sources and run.table in catalogue.contracts
        }
        for key, run in runs.items():
            _insert(settings, connection, key, run)
        titles = {name: declared.source.title.vi for name, declared in catalogue.sources.items()}
        fill(connection, "source_title", [{"source": name, "title": title} for name, title in titles.items()])
        for name in sorted({key.table for key in runs}):
            _name_agencies(settings, catalogue, connection, name)
        connection.execute(sql_file(__file__, "quarantine_lines"), {"today": today, **chosen.parameters})
        yield connection


def _insert(settings: Settings, connection: duckdb.DuckDBPyConnection, key: Key, run: PartitionRun) -> None:
    """Insert the lines of one partition that count, and what is known of their deliveries."""
    is_broken = any(item.quarantined for item in run.counts)
    sides = {"": is_broken, partition.HELD_BACK: any(item.quarantined for item in run.held_back)}
    paths = {
        folder: path
        for folder, has_lines in sides.items()
        if has_lines and (path := partition.quarantined(settings, key, folder)) is not None
    }
    for folder, path in paths.items():
        connection.execute(
            f"""
            INSERT INTO broken BY NAME
            SELECT $table AS table_name, $source AS source, $month AS month, $is_held_back AS is_held_back,
                delivery_id, delivery_line, column_name, reason_code, reporter, synthetic
            FROM read_parquet({literal(str(path))}, hive_partitioning = false)
            WHERE NOT list_contains($superseded::VARCHAR[], delivery_id)
            """,
            {
                "table": key.table,
                "source": key.source,
                "month": run.month,
                "is_held_back": folder == partition.HELD_BACK,
                "superseded": list(run.superseded),
            },
        )
    entries = [item.entry for item in deliveries.landed(settings, key.source, key.month)] if paths else []
    names = ("source", "month", "delivery_id", "file_name", "delivered_at")
    fill(connection, "delivery", [{name: getattr(entry, name) for name in names} for entry in entries])


def _name_agencies(settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Insert the names of those who report a table: the latest name of each code in the list."""
    contract = catalogue.contracts[table]
    listed = contract.columns[contract.reporters.column].references if contract.reporters else None
    name, _, code = str(listed).rpartition(".")
    paths = partition.all_rows(settings, name) if listed else []
    if not paths or "name_vi" not in catalogue.contracts[name].columns:
        return
    columns = catalogue.contracts[name].columns
    latest = "valid_from" if "valid_from" in columns else quoted(code)
    connection.execute(
        f"""
        INSERT INTO agency_name
        SELECT $table, {quoted(code)}, arg_max(name_vi, {latest}) FROM ({partition.select(columns, paths)})
        GROUP BY {quoted(code)}
        """,
        {"table": table},
    )

"""Reports: which were expected of a unit and of those below it, and which of them came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.release.explanation.inputs import Inputs
from dx_pipeline.release.rows import Row, query


@dataclass(frozen=True)
class Missing:
    """A report that was expected and has not come; `reporter` is None where it is the source itself."""

    source: str
    month: str
    table_name: str | None
    reporter: str | None
    reporter_name: str | None
    unit_code: str | None
    due_on: date
    late_after: date


@dataclass(frozen=True)
class Expected:
    """The reports of one table that were expected of one unit (None: of the source itself), and those that came."""

    table_name: str | None
    unit_code: str | None
    expected: int
    received: int


@dataclass(frozen=True)
class Reports:
    """What was expected to report of a value.

    Args:
        expected, received: how many reports, and how many of them have arrived, whether their rows are counted or not.
        held_back: of the partitions that the value needs, those for which reports have arrived, but whose rows were
            held back: the value counts an earlier state of them, or nothing.
        missing: those that have not come.
        by_unit: the same by table and unit.
        units_below: coverage of the same KPI and window in the units below, as rows of `kpi.value`.
    """

    expected: int
    received: int
    held_back: int
    missing: tuple[Missing, ...]
    by_unit: tuple[Expected, ...]
    units_below: tuple[Row, ...]


def expected(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, inputs: Inputs) -> Reports:
    """The reports that a value needs of its unit and of everything below; of a table that no list reports the source's.

    Args:
        connection: has the tables of the release, `wanted` and `unit_within`.
        catalogue: which tables say who reports.
        inputs: what the value is computed from.
    """
    listed = [name for name, contract in catalogue.contracts.items() if contract.reporters is not None]
    rows = query(connection, sql_file(__file__, "reports"), listed=listed)
    by_unit: dict[tuple[str | None, str | None], list[bool]] = {}
    for row in rows:
        by_unit.setdefault((row["table_name"], row["unit_code"]), []).append(row.pop("has_come"))
    arrived = {(row["source"], row["month"]) for row in rows if row["received_on"] is not None}
    of_missing = [row for row in rows if row.pop("received_on") is None]
    row = inputs.row
    below = query(
        connection,
        sql_file(__file__, "below"),
        **{
            name: row[name]
            for name in ("kpi_code", "window_type", "window_end", "part_start", "statistic", "unit_code")
        },
        day=row["part_end"] or row["window_end"],
    )
    return Reports(
        expected=len(rows),
        received=len(rows) - len(of_missing),
        held_back=sum(
            each.is_needed and each.state != "current" and (each.source, str(each.month)) in arrived
            for each in inputs.partitions
        ),
        missing=tuple(Missing(**each) for each in of_missing),
        by_unit=tuple(Expected(table, unit, len(came), sum(came)) for (table, unit), came in by_unit.items()),
        units_below=tuple(below) if row["system"] is None else (),
    )

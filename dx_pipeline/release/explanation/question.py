"""Questions: which value of a release is asked for, and the row of `kpi.value` that has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import HEADLINE
from dx_pipeline.period import Window
from dx_pipeline.vietnamese.heading import folded

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One value of a release.

    Args:
        code: the KPI.
        unit: the code or the name of a unit; by default the province.
        window: by default the one that `dx kpi` shows.
        part: first day of the part of a window that a change of the definition divides; by default the window as a
            whole.
        system: of a KPI by system; by default all of them together.
        statistic: of a KPI with several; by default the first one.
    """

    code: str
    unit: str | None = None
    window: Window | None = None
    part: date | None = None
    system: str | None = None
    statistic: str | None = None


def query(connection: duckdb.DuckDBPyConnection, statement: str, **parameters: object) -> list[Row]:
    """The rows that a statement returns, by the names of its columns."""
    found = connection.execute(statement, parameters)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def find(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, question: Question) -> Row:
    """The row of `kpi.value` that a question asks for, with the unit's name.

    Args:
        connection: has the tables of the release.
        catalogue: what is declared.
        question: what is asked.

    Raises:
        UsageError: the release has no such KPI, statistic, system, window, part or unit; says which there are.
    """
    if question.code not in catalogue.kpis:
        raise UsageError(f"'{question.code}' is no declared KPI{_instead(question.code, catalogue.kpis)}.")
    rows = query(connection, sql_file(__file__, "value"), code=question.code)
    if not rows:
        raise UsageError(f"KPI {question.code} has no values in this release: 'dx doctor' says why it is held back.")
    statistics = [name for name in catalogue.kpis[question.code].definition.statistic_names if name is not None]
    statistic = question.statistic or next(iter(statistics), None)
    rows = _chosen(rows, "statistic", statistic, f"KPI {question.code}")
    rows = _chosen(rows, "system", question.system, f"KPI {question.code}")
    rows = _of_window(connection, rows, question, statistic)
    return _of_unit(rows, question)


def _chosen(rows: list[Row], column: str, wanted: object, what: str) -> list[Row]:
    found = [row for row in rows if row[column] == wanted]
    if not found:
        known = sorted({str(row[column]) for row in rows if row[column] is not None})
        there = f"known are {', '.join(known)}" if known else f"it is not divided by {column}"
        raise UsageError(f"{what} has no {column} '{wanted}': {there}.")
    return found


def _of_window(
    connection: duckdb.DuckDBPyConnection, rows: list[Row], question: Question, statistic: str | None
) -> list[Row]:
    """The rows of a window, or of a part of it: of the one asked for, or of the one that is shown where few are."""
    part = question.part
    if question.window is None:
        connection.execute(HEADLINE)
        shown = "SELECT * FROM headline('kpi.value') WHERE kpi_code = $code AND place = 1"
        (headline,) = [row for row in query(connection, shown, code=question.code) if row["statistic"] == statistic]
        window, part = _window(headline), part or headline["part_start"]
    else:
        window = question.window
    of_window = [row for row in rows if _window(row) == window]
    if not of_window:
        known = sorted({_window(row) for row in rows if _window(row).type == window.type})
        there = f"there are {known[0]} to {known[-1]}" if known else f"it has no window of type {window.type}"
        raise UsageError(f"KPI {question.code} has no value of {window}: {there}.")
    found = [row for row in of_window if row["part_start"] == part]
    if not found:
        starts = sorted({str(row["part_start"]) for row in of_window if row["part_start"] is not None})
        there = f"parts begin on {', '.join(starts)}" if starts else "no change of the definition divides it"
        raise UsageError(f"{window} of KPI {question.code} has no part from {part} on: {there}.")
    return found


def _window(row: Row) -> Window:
    return Window(row["window_type"], row["window_start"], row["window_end"])


def _of_unit(rows: list[Row], question: Question) -> Row:
    """The row of a unit, given by its code, its name, or the end of its name if no other name ends in it."""
    if question.unit is None:
        return next(row for row in rows if row["unit_level"] == "province")
    wanted = folded(question.unit)
    names = {row["unit_code"]: folded(row["unit_name"] or "") for row in rows}
    for match in (
        [row for row in rows if row["unit_code"] == question.unit],
        [row for row in rows if names[row["unit_code"]] == wanted],
        [row for row in rows if names[row["unit_code"]].endswith(f" {wanted}")],
    ):
        if len(match) == 1:
            return match[0]
        if match:
            each = ", ".join(f"{row['unit_code']} {row['unit_name']}" for row in match)
            raise UsageError(f"'{question.unit}' is the name of several units: write the code of one ({each}).")
    by_name = {f"{names[row['unit_code']]}": f"{row['unit_code']} {row['unit_name']}" for row in rows}
    near = [by_name[name] for name in get_close_matches(wanted, by_name, 3)]
    levels = ", ".join(sorted({row["unit_level"] for row in rows}))
    there = f"did you mean {' or '.join(near)}?" if near else f"it is published for the levels {levels}."
    raise UsageError(f"KPI {question.code} has no value of unit '{question.unit}' in this window: {there}")


def _instead(text: str, known: dict[str, Any]) -> str:
    """Known names that are similar to an unknown text, or all of them."""
    near = get_close_matches(text, known, 3)
    return f": did you mean {' or '.join(near)}?" if near else f"; known are {', '.join(known)}"

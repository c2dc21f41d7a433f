"""Questions: which value of a release is asked for, and the row of `kpi.value` that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Literal

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import HEADLINE
from dx_pipeline.kpi.reference import units
from dx_pipeline.period import Window
from dx_pipeline.release.rows import VALUES, Row, query
from dx_pipeline.vietnamese.heading import folded


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

    @classmethod
    def written(
        cls,
        code: str,
        unit: str | None,
        window: str | None,
        part: datetime | None,
        system: str | None,
        statistic: str | None,
    ) -> Question:
        """The question that the options of a command ask.

        Raises:
            UsageError: the text is no window.
        """
        parsed = Window.parse(window) if window else None
        return cls(code, unit, parsed, part.date() if part else None, system, statistic)


def find(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, question: Question) -> Row:
    """The row of `kpi.value` that a question asks for, with the unit's name.

    Args:
        connection: has the tables of the release.
        catalogue: what is declared.
        question: what is asked.

    Raises:
        UsageError: the release has no such KPI, statistic, system, window, part or unit; says which there are.
    """
    rows = _of_kpi(connection, catalogue, question)
    of_window = _of_window(connection, rows, question)
    found = named(of_window, question.unit)
    if found is None:
        raise _no_such_unit(connection, rows, of_window, question)
    return found


def find_latest(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, question: Question) -> Row:
    """As `find`; without a window, the latest month that a value of the unit is shown of, or else the latest window.

    Raises:
        UsageError: as `find`.
    """
    if question.window is None and question.part is None:
        rows = [row for row in _of_kpi(connection, catalogue, question) if row["part_start"] is None]
        windows = {window_of(row) for row in rows if row["value"] is not None}
        for window in sorted(windows, key=lambda each: (each.type == "month", each.end), reverse=True):
            found = named([row for row in rows if window_of(row) == window], question.unit)
            if found is not None and found["value"] is not None:
                return found
    return find(connection, catalogue, question)


def named(rows: Sequence[Row], unit: str | None) -> Row | None:
    """The row of a unit, which is given by its code, its name, or the end of its name if no other name ends in it.

    Marks and case do not matter. Without a unit it is the province's; None if there is no such unit.

    Args:
        rows: one of each unit, with `unit_code`, `unit_name` and `unit_level`.
        unit: what was written.

    Raises:
        UsageError: several units are called so; names them.
    """
    if unit is None:
        return next((row for row in rows if row["unit_level"] == "province"), None)
    wanted = folded(unit)
    names = {row["unit_code"]: folded(row["unit_name"] or "") for row in rows}
    for match in (
        [row for row in rows if row["unit_code"] == unit],
        [row for row in rows if names[row["unit_code"]] == wanted],
        [row for row in rows if names[row["unit_code"]].endswith(f" {wanted}")],
    ):
        if len(match) == 1:
            return match[0]
        if match:
            each = ", ".join(f"{row['unit_code']} {row['unit_name']}" for row in match)
            raise UsageError(
                f"'{unit}' is the name of several units: write the code of one ({each}).",
                vi=f"'{unit}' là tên của nhiều đơn vị: hãy ghi mã của một đơn vị ({each}).",
            )
    return None


def of_unit(rows: Sequence[Row], code: str, unit: str) -> list[Row]:
    """The rows of a unit among those of a KPI, one of each window, part, statistic and system: see `named`.

    Raises:
        UsageError: there are none, or several units are called so.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = ("window_type", "window_end", "part_start", "statistic", "system")
        groups.setdefault(tuple(row[name] for name in key), []).append(row)
    found = [row for group in groups.values() for row in [named(group, unit)] if row is not None]
    if not found:
        near = _near(unit, rows)
        raise UsageError(
            f"KPI {code} has no value of unit '{unit}'{near.en}.",
            vi=f"KPI {code} không có giá trị của đơn vị '{unit}'{near.vi}.",
        )
    return found


def window_of(row: Row) -> Window:
    """The window of a row of `kpi.value`."""
    return Window(row["window_type"], row["window_start"], row["window_end"])


def _of_kpi(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, question: Question) -> list[Row]:
    """The rows of a KPI, declared or not, of one statistic and of one system or all together."""
    code = question.code
    rows = query(connection, VALUES, code=code)
    if not rows and code in catalogue.kpis:
        raise UsageError(
            f"KPI {code} has no values in this release: 'dx doctor' says why it is held back.",
            vi=f"KPI {code} không có giá trị nào trong bản công bố này: 'dx doctor' cho biết vì sao bị giữ.",
        )
    if not rows:
        near = get_close_matches(code, catalogue.kpis, 3)
        instead = f": did you mean {' or '.join(near)}?" if near else f"; known are {', '.join(catalogue.kpis)}."
        instead_vi = f": có phải {' hoặc '.join(near)}?" if near else f"; có {', '.join(catalogue.kpis)}."
        raise UsageError(
            f"'{code}' is no declared KPI{instead}", vi=f"'{code}' không phải là KPI đã khai báo{instead_vi}"
        )
    rows = _chosen(rows, "statistic", _statistic(catalogue, rows, question), code)
    return _chosen(rows, "system", question.system, code)


def _statistic(catalogue: Catalogue, rows: Sequence[Row], question: Question) -> str | None:
    """The statistic asked for, or the first one: as declared or, if the KPI is no longer, by its name."""
    if question.code in catalogue.kpis:
        known = [name for name in catalogue.kpis[question.code].definition.statistic_names if name is not None]
    else:
        known = sorted({row["statistic"] for row in rows} - {None})
    return question.statistic or next(iter(known), None)


def _chosen(rows: list[Row], column: Literal["statistic", "system"], wanted: object, code: str) -> list[Row]:
    found = [row for row in rows if row[column] == wanted]
    if not found:
        known = sorted({str(row[column]) for row in rows if row[column] is not None})
        column_vi = {"statistic": "số liệu", "system": "hệ thống"}[column]
        there = f"known are {', '.join(known)}" if known else f"it is not divided by {column}"
        there_vi = f"có {', '.join(known)}" if known else f"KPI này không chia theo {column_vi}"
        raise UsageError(
            f"KPI {code} has no {column} '{wanted}': {there}.",
            vi=f"KPI {code} không có {column_vi} '{wanted}': {there_vi}.",
        )
    return found


def _of_window(connection: duckdb.DuckDBPyConnection, rows: list[Row], question: Question) -> list[Row]:
    """The rows of a window, or of a part of it: of the one asked for, or of the one that is shown where few are."""
    part = question.part
    if question.window is None:
        connection.execute(HEADLINE)
        shown = "SELECT * FROM headline('kpi.value') WHERE kpi_code = $code AND place = 1"
        statistic = rows[0]["statistic"]
        (headline,) = [row for row in query(connection, shown, code=question.code) if row["statistic"] == statistic]
        window, part = window_of(headline), part or headline["part_start"]
    else:
        window = question.window
    of_window = [row for row in rows if window_of(row) == window]
    if not of_window:
        known = sorted({window_of(row) for row in rows if window_of(row).type == window.type})
        there = f"there are {known[0]} to {known[-1]}" if known else f"it has no window of type {window.type}"
        there_vi = f"có từ {known[0]} đến {known[-1]}" if known else f"không có kỳ loại {window.type}"
        raise UsageError(
            f"KPI {question.code} has no value of {window}: {there}.",
            vi=f"KPI {question.code} không có giá trị của kỳ {window}: {there_vi}.",
        )
    found = [row for row in of_window if row["part_start"] == part]
    if not found:
        starts = sorted({str(row["part_start"]) for row in of_window if row["part_start"] is not None})
        there = f"parts begin on {', '.join(starts)}" if starts else "no change of the definition divides it"
        there_vi = f"các phần bắt đầu ngày {', '.join(starts)}" if starts else "kỳ này không bị chia do đổi định nghĩa"
        raise UsageError(
            f"{window} of KPI {question.code} has no part from {part} on: {there}.",
            vi=f"kỳ {window} của KPI {question.code} không có phần từ ngày {part}: {there_vi}.",
        )
    return found


def _no_such_unit(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Row], of_window: Sequence[Row], question: Question
) -> UsageError:
    """Why a window has no value of a unit: it is there at another time, under another code, or not at all."""
    unit, window = question.unit, window_of(of_window[0])
    last_on = of_window[0]["part_end"] or window.end
    others = {window_of(row) for row in rows}
    for other in sorted(others, key=lambda each: abs((each.end - window.end).days)):
        of_other = [row for row in rows if window_of(row) == other and row["part_start"] is None]
        found = named(of_other, unit)
        if found is None:
            continue
        lies_in = _lies_in(connection, found, last_on)
        if lies_in is not None and lies_in != found["unit_code"]:
            said = f"{found['unit_code']} {found['unit_name']}"
            return UsageError(
                f"{said} is no unit of {window}: it lies in {lies_in} then, so write '--unit {lies_in}'.",
                vi=f"{said} không là đơn vị của kỳ {window}: khi đó nó thuộc {lies_in}, hãy ghi '--unit {lies_in}'.",
            )
    near = _near(unit or "", of_window)
    return UsageError(
        f"KPI {question.code} has no value of unit '{unit}' in this window{near.en}.",
        vi=f"KPI {question.code} không có giá trị của đơn vị '{unit}' trong kỳ này{near.vi}.",
    )


def _near(unit: str, rows: Sequence[Row]) -> Bilingual:
    """Units like the one that was written, or the levels that there are."""
    by_name = {folded(row["unit_name"] or ""): f"{row['unit_code']} {row['unit_name']}" for row in rows}
    near = [by_name[name] for name in get_close_matches(folded(unit), by_name, 3)]
    levels = ", ".join(sorted({row["unit_level"] for row in rows}))
    if near:
        return Bilingual(vi=f": có phải {' hoặc '.join(near)}", en=f": did you mean {' or '.join(near)}")
    return Bilingual(vi=f": được công bố cho các cấp {levels}", en=f": it is published for the levels {levels}")


def _lies_in(connection: duckdb.DuckDBPyConnection, row: Row, day: date) -> str | None:
    """The code of the lowest unit of a day in which all of the unit of a row lies."""
    known = units(connection)
    own, other = known.period(row["part_end"] or row["window_end"]), known.period(day)
    unit = known.in_force(own).get(row["unit_code"]) if own is not None else None
    return known.moved(unit, other) if unit is not None and other is not None else None

"""Excel workbooks as agencies send them: titles above, merged headings, numbers typed or as text."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import python_calamine as calamine

from dx_pipeline.contract import quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.reading.raw import SYNTHETIC, Raw, Reader, check_headings
from dx_pipeline.source import Excel, Layout, Placement

Cell = Any
"""What calamine gives: str, float, int, bool, date, datetime or time; '' where a cell is empty."""

AS_PRINTED = Placement(header="")


def headings(path: Path, layout: Layout) -> list[str]:
    """The headings of the sheet, each as its cells from top to bottom joined by " / ".

    Raises:
        DeliveryRefusedError: it is no workbook, lacks the sheet, or ends before the headings.
    """
    return [heading for _, heading in _headings(*_sheet(path, layout), _format(layout))]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    shape = _format(layout)
    sheet, rows = _sheet(path, layout)
    placed = _headings(sheet, rows, shape)
    first_row = shape.preamble_rows + shape.header_rows
    check_headings([heading for _, heading in placed], layout, first_row)
    placements = {field.header: field for field in layout.columns.values()}
    data = [(line, row) for line, row in enumerate(rows[first_row:], first_row + 1) if any(_is_filled(c) for c in row)]
    columns: dict[str, pa.Array] = {
        "line": pa.array([line for line, _ in data], pa.int64()),
        "fault": pa.nulls(len(data), pa.string()),
    }
    for position, heading in placed:
        placement = placements.get(heading, AS_PRINTED)
        columns[heading] = pa.array([_text(row[position], placement) for _, row in data], pa.string())
    table = pa.table(columns)
    connection.register("sheet_as_arrow", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM sheet_as_arrow")
    connection.unregister("sheet_as_arrow")
    return Raw(name, len(data), shape.preamble_rows > 0 and any(SYNTHETIC in str(cell) for cell in rows[0]))


def _format(layout: Layout) -> Excel:
    assert isinstance(layout.format, Excel)  # noqa: S101 - the caller chose this reader by the format
    return layout.format


def _sheet(path: Path, layout: Layout) -> tuple[calamine.CalamineSheet, list[list[Cell]]]:
    shape = _format(layout)
    try:
        with path.open("rb") as handle:
            workbook = calamine.CalamineWorkbook.from_object(handle)
            if shape.sheet is not None and shape.sheet not in workbook.sheet_names:
                message = f"it has no sheet '{shape.sheet}' but {', '.join(workbook.sheet_names)}."
                raise DeliveryRefusedError(message)
            name = shape.sheet if shape.sheet is not None else workbook.sheet_names[0]
            sheet = workbook.get_sheet_by_name(name)
            rows = sheet.to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError) as error:
        message = f"it is not an Excel workbook ({error}); ask the sender to save it as .xlsx."
        raise DeliveryRefusedError(message) from error
    if len(rows) < shape.preamble_rows + shape.header_rows:
        message = "the sheet ends before its headings; ask the sender for the whole workbook."
        raise DeliveryRefusedError(message, line=len(rows) + 1)
    return sheet, rows


def _headings(
    sheet: calamine.CalamineSheet, rows: list[list[Cell]], shape: Excel
) -> list[tuple[int, str]]:
    """The position and heading of each column that has a heading or anything under it."""
    merged = {}
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                merged[row, column] = (top, left)
    found = []
    first, last = shape.preamble_rows, shape.preamble_rows + shape.header_rows
    for column in range(len(rows[first])):
        cells = dict.fromkeys(merged.get((row, column), (row, column)) for row in range(first, last))
        steps = [" ".join(str(rows[row][col]).split()) for row, col in cells]
        heading = " / ".join(step for step in steps if step)
        if heading or any(_is_filled(row[column]) for row in rows[last:]):
            found.append((column, heading))
    return found


def _is_filled(cell: Cell) -> bool:
    return not (cell is None or (isinstance(cell, str) and not cell.strip()))


def _text(cell: Cell, placement: Placement) -> str | None:
    """A cell as the layout says its column is printed, so that typed cells and text read alike."""
    if not _is_filled(cell):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        plain = str(int(cell)) if float(cell).is_integer() else repr(float(cell))
        return plain if placement.number == "plain" else plain.replace(".", ",")
    if isinstance(cell, datetime):
        return cell.strftime(placement.date or "%Y-%m-%dT%H:%M:%S")
    if isinstance(cell, date):
        return cell.strftime(placement.date or "%Y-%m-%d")
    return cell.isoformat() if isinstance(cell, time) else str(cell)


READER = Reader(headings, load)

"""Workbooks as agencies make them: titles on top, merged headings over several rows, plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Cell = str | int | float | bool | None


def write(
    path: Path,
    *,
    preamble: Sequence[str],
    headings: Sequence[tuple[str, ...]],
    header_rows: int,
    lines: Sequence[Sequence[Cell]],
    sheet: str | None,
    created_on: date,
) -> None:
    """Write one sheet, the same bytes for the same content.

    Args:
        path: the file to write.
        preamble: the title lines above the headings.
        headings: each column's heading as its cells from top to bottom.
        header_rows: over how many rows the headings stand.
        lines: the cells of each line under the headings; None leaves a cell empty.
        sheet: the name of the sheet, where it matters.
        created_on: what the workbook says of its making; the clock has no part in it.
    """
    book = xlsxwriter.Workbook(str(path), {"in_memory": True})
    book.set_properties({"created": datetime.combine(created_on, time(8)), "title": preamble[0]})
    page = book.add_worksheet(sheet)
    title = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "align": "center", "valign": "vcenter", "border": 1, "text_wrap": True})
    for row, text in enumerate(preamble):
        page.write_string(row, 0, text, title)
    _write_headings(page, len(preamble), headings, header_rows, head)
    for row, line in enumerate(lines, len(preamble) + header_rows):
        for column, cell in enumerate(line):
            if isinstance(cell, str):
                page.write_string(row, column, cell)
            elif isinstance(cell, bool):
                page.write_boolean(row, column, cell)
            elif cell is not None:
                page.write_number(row, column, cell)
    page.set_column(0, len(headings) - 1, 16)
    book.close()


def _write_headings(
    page: Worksheet, first_row: int, headings: Sequence[tuple[str, ...]], header_rows: int, style: Format
) -> None:
    """Write the headings: one cell over all columns that share it, the last one down to the data."""
    for column, steps in enumerate(headings):
        for depth, step in enumerate(steps):
            is_last = depth == len(steps) - 1
            shared = steps[: depth + 1]
            if not is_last and column > 0 and headings[column - 1][: depth + 1] == shared:
                continue  # the cell of the column before reaches over this one
            right = column
            while not is_last and right + 1 < len(headings) and headings[right + 1][: depth + 1] == shared:
                right += 1
            top = first_row + depth
            bottom = first_row + header_rows - 1 if is_last else top
            if (top, column) == (bottom, right):
                page.write_string(top, column, step, style)
            else:
                page.merge_range(top, column, bottom, right, step, style)

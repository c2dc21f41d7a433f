"""The tables of a page as files, in both languages at once: each as CSV, and all of them as one workbook.

Numbers are plain: the dot is the decimal mark, nothing groups digits, a percentage is 0–100 and a share 0–1.
"""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.report.page import PICTURES, Column, Link, Page, Table

FOLDER = "data"
CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook has a date of its own; the same release gives the same bytes
PLAIN_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
LONGEST_SHEET_NAME = 31
SYNTHETIC = "Mô phỏng / Synthetic"
"""The heading of a last column that marks every row of synthetic data."""


def workbook_name(page: Page) -> str:
    """What the workbook of a page is called."""
    return posixpath.basename(page.path).removesuffix(".html") + ".xlsx"


def write(page: Page, folder: Path, *, is_synthetic: bool) -> None:
    """Write the tables of a page, if it has any.

    Args:
        page: the page.
        folder: the folder of the report.
        is_synthetic: whether each row is marked as synthetic.
    """
    if not page.tables:
        return
    data = folder / FOLDER
    data.mkdir(parents=True, exist_ok=True)
    for table in page.tables:
        headings, rows = _cells(table, is_synthetic=is_synthetic)
        with (data / f"{table.name}.csv").open("w", encoding="utf-8-sig", newline="") as file:  # Excel reads the mark
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(headings)
            writer.writerows([["" if cell is None else _number(cell) for cell in row] for row in rows])
    _workbook(page, data / workbook_name(page), is_synthetic=is_synthetic)


def both(text: Bilingual) -> str:
    """Words in Vietnamese and English, once where they are the same."""
    return text.vi if text.vi == text.en else f"{text.vi} / {text.en}"


def _cells(table: Table, *, is_synthetic: bool) -> tuple[list[str], list[list[Any]]]:
    """Headings and plain values of a table, without the columns that are drawn."""
    shown = [place for place, column in enumerate(table.columns) if column.kind not in PICTURES]
    headings = [_heading(table.columns[place]) for place in shown]
    rows = [[_plain(row[place]) for place in shown] for row in table.rows]
    return ([*headings, SYNTHETIC], [[*row, "x"] for row in rows]) if is_synthetic else (headings, rows)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of any kind
    """A cell as a program reads it."""
    if isinstance(value, Link):
        value = value.words
    if isinstance(value, Bilingual):
        return both(value)
    return both(words.STATUS[value]) if value in words.STATUS else value


def _heading(column: Column) -> str:
    if column.kind == "share":
        return f"{both(column.title)} (0–1)"
    unit = column.unit and both(Bilingual(vi=VIETNAMESE.unit(column.unit), en=ENGLISH.unit(column.unit)))
    return f"{both(column.title)} ({unit})" if unit else both(column.title)


def _number(cell: Any) -> Any:  # noqa: ANN401 - a cell of any kind
    return f"{cell:.0f}" if isinstance(cell, float) and cell.is_integer() else cell


def _workbook(page: Page, path: Path, *, is_synthetic: bool) -> None:
    with xlsxwriter.Workbook(str(path), PLAIN_TEXT) as book:
        book.set_properties({"created": CREATED, "title": both(page.title)})
        title = book.add_format({"bold": True, "font_size": 13})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        formats = {
            "day": book.add_format({"num_format": "dd/mm/yyyy", "align": "left"}),
            "share": book.add_format({"num_format": "0.0%"}),
        }
        for position, table in enumerate(page.tables, 1):
            sheet = book.add_worksheet(f"{position} {(table.name or '').rpartition('-')[2]}"[:LONGEST_SHEET_NAME])
            headings, rows = _cells(table, is_synthetic=is_synthetic)
            kinds = [column.kind for column in table.columns if column.kind not in PICTURES]
            sheet.write_string(0, 0, both(table.title), title)
            for place, heading in enumerate(headings):
                sheet.write_string(2, place, heading, bold)
            for line, row in enumerate(rows, 3):
                _row(sheet, line, row, kinds, formats)
            sheet.freeze_panes(3, 1)
            sheet.autofilter(2, 0, 2 + len(rows), len(headings) - 1)
            sheet.set_column(0, 0, 34)
            sheet.set_column(1, len(headings), 16)


def _row(sheet: Any, line: int, row: Sequence[Any], kinds: Sequence[str], formats: dict[str, Any]) -> None:  # noqa: ANN401
    for place, cell in enumerate(row):
        if isinstance(cell, date):
            sheet.write_datetime(line, place, cell, formats["day"])
        elif isinstance(cell, int | float):
            sheet.write_number(line, place, cell, formats["share"] if kinds[place] == "share" else None)
        elif cell is not None:
            sheet.write_string(line, place, str(cell))

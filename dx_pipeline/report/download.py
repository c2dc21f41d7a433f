"""The tables of a page as files: each as CSV, and all of them as one workbook.

Numbers are plain: the dot is the decimal mark, nothing groups digits, a percentage is 0–100 and a share 0–1.
"""

from __future__ import annotations

import csv
import posixpath
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.language import Language
from dx_pipeline.report import html
from dx_pipeline.report.page import PICTURES, Column, Link, Page, Table

CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook has a date of its own; the same release gives the same bytes
PLAIN_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
LONGEST_SHEET_NAME = 31


def write(page: Page, language: Language, folder: Path) -> None:
    """Write the tables of a page in a language, if it has any.

    Args:
        page: the page.
        language: the language.
        folder: the folder of the report.
    """
    if not page.tables:
        return
    data = (folder / html.place("data/x", language)).parent
    data.mkdir(parents=True, exist_ok=True)
    for table in page.tables:
        _csv(table, language, data / f"{table.name}.csv")
    _workbook(page, language, data / f"{posixpath.basename(page.path).removesuffix('.html')}.xlsx")


def cells(table: Table, language: Language) -> tuple[list[str], list[list[Any]]]:
    """Headings and plain values of a table, without the columns that are drawn."""
    shown = [place for place, column in enumerate(table.columns) if column.kind not in PICTURES]
    headings = [_heading(table.columns[place], language) for place in shown]
    return headings, [[plain(row[place], language) for place in shown] for row in table.rows]


def plain(value: Any, language: Language) -> Any:  # noqa: ANN401 - a cell of any kind
    """A cell as a program reads it."""
    if isinstance(value, Link):
        value = value.words
    if isinstance(value, Bilingual):
        return language.of(value)
    return language.of(words.STATUS[value]) if value in words.STATUS else value


def _heading(column: Column, language: Language) -> str:
    unit = language.unit(column.unit) if column.unit else ""
    return f"{language.of(column.title)} ({unit})" if unit else language.of(column.title)


def _csv(table: Table, language: Language, path: Path) -> None:
    headings, rows = cells(table, language)
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark lets Excel read its letters
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(headings)
        writer.writerows([["" if cell is None else _number(cell) for cell in row] for row in rows])


def _number(cell: Any) -> Any:  # noqa: ANN401 - a cell of any kind
    return f"{cell:.0f}" if isinstance(cell, float) and cell.is_integer() else cell


def _workbook(page: Page, language: Language, path: Path) -> None:
    with xlsxwriter.Workbook(str(path), PLAIN_TEXT) as book:
        book.set_properties({"created": CREATED, "title": language.of(page.title)})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        day = book.add_format({"num_format": language.pick("dd/mm/yyyy", "d mmmm yyyy"), "align": "left"})
        share = book.add_format({"num_format": "0.0%"})
        for position, table in enumerate(page.tables, 1):
            sheet = book.add_worksheet(f"{position} {(table.name or '').rpartition('-')[2]}"[:LONGEST_SHEET_NAME])
            headings, rows = cells(table, language)
            kinds = [column.kind for column in table.columns if column.kind not in PICTURES]
            sheet.write_string(0, 0, language.of(table.title), book.add_format({"bold": True, "font_size": 13}))
            for place, heading in enumerate(headings):
                sheet.write_string(2, place, heading, bold)
            for line, row in enumerate(rows, 3):
                for place, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(line, place, cell, day)
                    elif isinstance(cell, int | float):
                        sheet.write_number(line, place, cell, share if kinds[place] == "share" else None)
                    elif cell is not None:
                        sheet.write_string(line, place, str(cell))
            sheet.freeze_panes(3, 1)
            sheet.autofilter(2, 0, 2 + len(rows), len(headings) - 1)
            sheet.set_column(0, 0, 34)
            sheet.set_column(1, len(headings), 14)

"""Privacy filter of sheets: workbooks and HTML tables, cell by cell.

A clean file stays as it is. Any other is written anew from the cells of the one sheet that is read, because there
may be personal data beside them: in properties, comments, other sheets.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from html import escape, unescape
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Excel, Html, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel, html
from dx_pipeline.formats.grid import Cell, Grid, is_filled
from dx_pipeline.formats.text import CODECS, in_unicode, opened
from dx_pipeline.privacy.column import FREE_TEXT, ColumnFilter, column_filters
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data

AS_THEY_ARE = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}
LOOKED_AT_ROWS = 30
LONGEST_HEADING = 80
MADE_ON = datetime(2000, 1, 1)  # noqa: DTZ001 - Excel knows no zones; a clock would change the bytes
TOOLS = frozenset({"", "openpyxl", "XlsxWriter"})
"""What programs write in properties where a person's name may be."""

PLAIN_PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(?:app|core)\.xml|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/styles\.xml|xl/sharedStrings\.xml|xl/theme/theme\d+\.xml|xl/worksheets/sheet\d+\.xml|xl/calcChain\.xml"
)
"""The parts of a workbook with cells and their formats; any other part may contain anything."""

HIDDEN = re.compile(
    rb"<(?:headerFooter|dataValidation|hyperlink|legacyDrawing|drawing|picture|extLst|definedName|f[ >])"
)
SHARED_TEXT = re.compile(rb"<t[^>]*>([^<]*)</t>")
PERSON = re.compile(rb"<(?:dc:creator|cp:lastModifiedBy|Manager|dc:subject|dc:description|cp:keywords)[^>]*>([^<]*)<")


@dataclass(frozen=True)
class Sheet:
    """What may stay of a sheet: `kept` are the positions of the columns that stay."""

    grid: Grid
    kept: tuple[int, ...]


def workbook(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
    """Filter a workbook; what may stay of the sheet that is read is written to `target` if that is not everything."""
    shape = layout.format if layout is not None and isinstance(layout.format, Excel) else None
    found: Counter[str] = Counter()
    chosen, texts = None, set[str]()
    shows_styles = zipfile.is_zipfile(path)
    with excel.opened(path) as book:
        names = book.sheet_names
    for name in names:
        bare = Excel(kind="excel", sheet=name, encoding=shape.encoding if shape else "unicode")
        grid = excel.sheet(path, bare.model_copy(update={"header_rows": 0}))
        is_read = chosen is None if shape is None or shape.sheet is None else name == shape.sheet
        kept = _filtered(grid, shape if is_read else None, layout, contract, found, shows_styles=shows_styles)
        texts.update(cell for row in kept.grid.rows for cell in row if isinstance(cell, str))
        if is_read:
            chosen = (name, kept)
    found.update(_beside(path, texts))
    if found and chosen is not None:
        name, sheet = chosen
        styles = excel.Styles(path, names.index(name))
        places = ((row, column) for row, cells in enumerate(sheet.grid.rows) for column in range(len(cells)))
        _write_workbook(target, name, sheet, {place for place in places if styles.is_percent(*place)})
    return found


def _filtered(
    grid: Grid,
    shape: Excel | Html | None,
    layout: Layout | None,
    contract: Contract | None,
    found: Counter[str],
    *,
    shows_styles: bool = True,
) -> Sheet:
    """What may stay of a sheet. Without a format, forbidden headings are looked for in its first rows."""
    width = max((len(row) for row in grid.rows), default=0)
    first = shape.preamble_rows + shape.header_rows if shape is not None else 0
    columns: dict[int, ColumnFilter] = {}
    if shape is not None and len(grid.rows) >= first > 0:
        placed = grid.headings(shape)
        filters = column_filters([heading for _, heading in placed], layout, contract)
        columns = {position: column for (position, _), column in zip(placed, filters, strict=True)}
    announced = _announced(grid, width) if shape is None else {}
    rows: list[list[Cell]] = []
    for number, row in enumerate(grid.rows):
        kept: list[Cell] = []
        for position, cell in enumerate(row):
            column = columns.get(position, FREE_TEXT) if number >= first else FREE_TEXT
            if column.announced is None and number > announced.get(position, (len(grid.rows), ""))[0]:
                column = ColumnFilter(announced=announced[position][1])
            stays = _cell(cell, column, found)
            if not shows_styles and column.is_percent and isinstance(stays, int | float):
                stays = excel.ambiguous(str(stays))  # the copy would show a style that the file did not
            kept.append(stays)
        rows.append(kept)
    found.update(column.announced or "" for column in columns.values() if column.is_removed)
    stay = tuple(position for position in range(width) if not columns.get(position, FREE_TEXT).is_removed)
    return Sheet(Grid(rows, grid.merged, grid.printed), stay)


def _announced(grid: Grid, width: int) -> dict[int, tuple[int, str]]:
    """By column, the row of a cell that reads like a forbidden heading, and the kind of personal data it announces."""
    found: dict[int, tuple[int, str]] = {}
    for row, cells in enumerate(grid.rows[:LOOKED_AT_ROWS]):
        for position, cell in enumerate(cells[:width]):
            if isinstance(cell, str) and len(cell) < LONGEST_HEADING and ":" not in cell and position not in found:
                kind = headings.kind_of(cell)
                if kind is not None:
                    found[position] = (row, kind)
    return found


def _cell(cell: Cell, column: ColumnFilter, found: Counter[str]) -> Cell:
    """What may stay of a cell. A typed number outside a column of numbers is searched as it is printed."""
    if not is_filled(cell) or isinstance(cell, bool):
        return cell
    if column.announced is None and isinstance(cell, date | datetime | time):
        return cell
    if isinstance(cell, str):
        return column.cell(cell, found)
    number = float(cell) if isinstance(cell, int | float) else None
    if number is not None and column.announced is None and column.is_plausible(number):
        return cell
    text = str(int(number)) if number is not None and number.is_integer() else str(cell)
    before = found.total()
    column.cell(text, found)
    return cell if found.total() == before else ""


def _beside(path: Path, texts: AbstractSet[str]) -> Counter[str]:
    """What a workbook has beside its cells, by kind. That of an `.xls` cannot be read; it always names its author.

    `texts` are the texts that may stay; a workbook can contain others, of cells that were deleted.
    """
    found: Counter[str] = Counter()
    if not zipfile.is_zipfile(path):
        return Counter(document_part=1)
    try:
        with zipfile.ZipFile(path) as book:
            for part in book.namelist():
                content = book.read(part)
                if PLAIN_PARTS.fullmatch(part) is None or HIDDEN.search(content):
                    found["document_part"] += 1
                if part.startswith("docProps/"):
                    people = {text.decode("utf-8", "replace").strip() for text in PERSON.findall(content)}
                    found["name"] += len(people - TOOLS)
                if part == "xl/sharedStrings.xml":
                    for shared in SHARED_TEXT.findall(content):
                        text = unescape(shared.decode("utf-8", "replace"))
                        if text not in texts and personal_data.strip(text)[1]:
                            found["document_part"] += 1
    except excel.DAMAGED:
        raise DeliveryRefusedError(excel.no_workbook(path)) from None
    return +found


def _write_workbook(target: Path, name: str, sheet: Sheet, percents: AbstractSet[tuple[int, int]]) -> None:
    book = xlsxwriter.Workbook(str(target), AS_THEY_ARE)
    book.set_properties({"created": MADE_ON})
    page = book.add_worksheet(name)
    styles = {
        datetime: book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"}),
        date: book.add_format({"num_format": "dd/mm/yyyy"}),
        time: book.add_format({"num_format": "hh:mm:ss"}),
    }
    percent = book.add_format({"num_format": "0.00%"})
    for (top, left), (bottom, right) in _merged(sheet):
        try:
            page.merge_range(top, left, bottom, right, "")
        except XlsxWriterException:
            continue  # overlapping ranges are no headings
    for row, cells in enumerate(sheet.grid.rows):
        for column, position in enumerate(sheet.kept):
            cell = cells[position] if position < len(cells) else ""
            style = percent if (row, position) in percents else styles.get(type(cell))
            if is_filled(cell):
                page.write(row, column, cell, style)
    book.close()


def _merged(sheet: Sheet) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The merged ranges without the removed columns."""
    found = []
    for (top, left), (bottom, right) in sheet.grid.merged:
        within = [column for column, position in enumerate(sheet.kept) if left <= position <= right]
        if within and (top, within[0]) != (bottom, within[-1]):
            found.append(((top, within[0]), (bottom, within[-1])))
    return found


def page(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
    """Filter an HTML page; what may stay is written to `target` if that is not everything."""
    shape = layout.format if layout is not None and isinstance(layout.format, Html) else None
    encoding = shape.encoding if shape is not None else "utf-8"
    with opened(path, encoding) as stream:
        text = stream.read()
    raw = html.read(text)
    one_byte = encoding in {"tcvn3", "vni"}
    found: Counter[str] = Counter()
    tables = []
    for number, table in enumerate(raw.tables, 1):
        rows, merged = table.laid_out()
        meant = [[in_unicode(str(cell), encoding) for cell in row] for row in rows]
        is_read = shape is not None and number == shape.table
        cleaned = _filtered(Grid(meant, merged, html.printed), shape if is_read else None, layout, contract, found)
        if one_byte:  # what stays must stay in its own letters, and MARK cannot be written in them
            kept = [
                [own if after == before else "" for own, before, after in zip(*cells, strict=True)]
                for cells in zip(rows, meant, cleaned.grid.rows, strict=True)
            ]
            cleaned = replace(cleaned, grid=replace(cleaned.grid, rows=kept))
        tables.append(cleaned)
    above = [FREE_TEXT.cell(in_unicode(line, encoding), found) for line in raw.text]
    for hidden in raw.hidden:
        found.update(personal_data.strip(in_unicode(hidden, encoding))[1])
    if found:
        lines = [line for line in above if line] if not one_byte else []
        content = _html(lines, tables)
        target.write_bytes(content.encode(CODECS[encoding].removesuffix("-sig"), "replace"))
    return found


def _html(above: Sequence[str], tables: Sequence[Sheet]) -> str:
    parts = ["<html><body>\r\n", *(f"<p>{escape(line)}</p>\r\n" for line in above)]
    for sheet in tables:
        spans: dict[tuple[int, int], tuple[int, int]] = {}
        covered: set[tuple[int, int]] = set()
        for (top, left), (bottom, right) in _merged(sheet):
            spans[top, left] = (bottom - top + 1, right - left + 1)
            covered.update((r, c) for r in range(top, bottom + 1) for c in range(left, right + 1))
        parts.append('<table border="1">\r\n')
        for row, cells in enumerate(sheet.grid.rows):
            parts.append("<tr>")
            for column, position in enumerate(sheet.kept):
                if (row, column) in covered and (row, column) not in spans:
                    continue
                down, across = spans.get((row, column), (1, 1))
                span = f' rowspan="{down}"' * (down > 1) + f' colspan="{across}"' * (across > 1)
                cell: Any = cells[position] if position < len(cells) else ""
                parts.append(f"<td{span}>{escape(str(cell)) or '&nbsp;'}</td>")
            parts.append("</tr>\r\n")
        parts.append("</table>\r\n")
    return "".join([*parts, "</body></html>\r\n"])

"""Privacy filter of sheets: workbooks and HTML tables, cell by cell.

A clean file stays as it is. Any other is written anew from the cells of the one sheet that is read, because there
may be personal data beside them: in properties, comments, other sheets.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Encoding, Excel, Html, Layout, Source
from dx_pipeline.formats import excel, html, limits
from dx_pipeline.formats.grid import Cell, Grid, is_filled
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.formats.text import CODECS, in_unicode, opened
from dx_pipeline.privacy import part
from dx_pipeline.privacy.column import FREE_TEXT, ColumnFilter, column_filters, has_no_code
from dx_pipeline.privacy.letters import check_cells
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data

AS_THEY_ARE = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}
FORMULA = re.compile(r"\s*(?:[=@]|[-+](?![\d.,\s]*%?\s*$))")
"""Text that Excel takes for a formula where a page says no more about it; a number with a sign is none."""

AS_TEXT = """ style="mso-number-format:'\\@'\""""
"""The attribute by which a page marks a cell as text for Excel."""

LOOKED_AT_ROWS = 30
LONGEST_HEADING = 80
MADE_ON = datetime(2000, 1, 1)  # noqa: DTZ001 - Excel knows no zones; a clock would change the bytes


Shape = TypeVar("Shape", Excel, Html)


@dataclass(frozen=True)
class Sheet:
    """What may stay of a sheet: `kept` are the positions of the columns that stay."""

    grid: Grid
    kept: tuple[int, ...]


@dataclass(frozen=True)
class _Page:
    """A sheet to write: its name, what stays of it, and its styles in the file that arrived."""

    title: str
    sheet: Sheet
    styles: excel.Styles


def workbook(path: Path, target: Path, expected: Expected) -> Counter[str]:
    """Filter a workbook; what may stay is written to `target` if that is not everything.

    That is the sheet that the layout reads; without a layout, which may be corrected, every sheet.

    Raises:
        DeliveryRefusedError: it is damaged, or in letters of a legacy encoding that is not declared.
    """
    shape = expected.shape(Excel)
    encoding = shape.encoding if shape is not None else "unicode"
    found: Counter[str] = Counter()
    shows_styles = zipfile.is_zipfile(path)
    with excel.opened(path) as book:
        names = book.sheet_names
    read = shape.sheet if shape is not None and shape.sheet is not None else next(iter(names), "")
    bare = Excel(kind="excel", encoding=encoding).model_copy(update={"header_rows": 0})
    grids = {name: excel.sheet(path, bare.model_copy(update={"sheet": name})) for name in names}
    texts = {cell for grid in grids.values() for row in grid.rows for cell in row if isinstance(cell, str)}
    if encoding == "unicode":
        check_cells(texts)
    sheets = {}
    for name, grid in grids.items():
        rows = expected.rows(grid, Excel, is_read=shape is None or name == read)
        sheets[name] = rows.filtered(found, shows_styles=shows_styles)
    stay = {cell for sheet in sheets.values() for row in sheet.grid.rows for cell in row if isinstance(cell, str)}
    found.update(part.of_workbook(path, stay) + part.in_labels(names))
    if found:
        _write_workbook(
            target,
            [
                _Page(_title(name, position, shape), sheets[name], excel.Styles(path, position))
                for position, name in enumerate(names)
                if shape is None or name == read
            ],
        )
    return found


def _title(name: str, position: int, shape: Excel | None) -> str:
    """The name under which a sheet stays: its own, unless that is personal."""
    is_declared = shape is not None and shape.sheet == name
    return f"Sheet{position + 1}" if not is_declared and part.in_labels([name]) else name


@dataclass(frozen=True)
class Expected:
    """What a source delivers: the layout that a file has, or those that it may have under misplaced headings.

    `has_codes` says whether codes of dossiers may be anywhere in a sheet without a layout.
    """

    layout: Layout | None
    source: Source
    contracts: Mapping[str, Contract]
    has_codes: bool = False

    def shape(self, kind: type[Shape]) -> Shape | None:
        """The format of the layout that the file has."""
        shape = self.layout.format if self.layout is not None else None
        return shape if isinstance(shape, kind) else None

    def rows(self, grid: Grid, kind: type[Excel | Html], *, is_read: bool) -> _Rows:
        """The rows of a sheet under the headings that it has."""
        layout, shape = self._placed(grid, kind) if self.layout is None else (self.layout, self.layout.format)
        shape = shape if isinstance(shape, Excel | Html) else None
        contract = self.contracts.get(layout.table) if layout is not None else None
        return _Rows(grid, shape if is_read else None, layout, contract, has_codes=self.has_codes)

    def _placed(self, grid: Grid, kind: type[Excel | Html]) -> tuple[Layout, Excel | Html] | tuple[None, None]:
        """The layout of which a sheet has most headings, half of them at least, and the rows that they are in."""
        best: tuple[Layout, Excel | Html] | None = None
        most = 0
        for layout in self.source.deliveries:
            shape = layout.format
            if not isinstance(shape, Excel | Html) or not isinstance(shape, kind):
                continue
            for above in range(LOOKED_AT_ROWS):
                moved = shape.model_copy(update={"preamble_rows": above})
                if above + moved.header_rows > len(grid.rows):
                    break
                headings_there = as_declared([heading for _, heading in grid.headings(moved)], layout)
                shared = len({*headings_there} & {*layout.expected})
                if shared > most and shared * 2 >= len(layout.expected):
                    best, most = (layout, moved), shared
        return best or (None, None)


class _Rows:
    """The rows of a sheet under their headings; without a format, under forbidden headings in the first rows."""

    def __init__(
        self,
        grid: Grid,
        shape: Excel | Html | None,
        layout: Layout | None,
        contract: Contract | None,
        *,
        has_codes: bool,
    ) -> None:
        self._grid = grid
        self._width = max((len(row) for row in grid.rows), default=0)
        self._first = shape.preamble_rows + shape.header_rows if shape is not None else 0
        columns: dict[int, ColumnFilter] = {}
        if shape is not None and len(grid.rows) >= self._first > 0:
            placed = grid.headings(shape)
            filters = column_filters([heading for _, heading in placed], layout, contract)
            columns = {position: column for (position, _), column in zip(placed, filters, strict=True)}
        self._columns = [columns.get(position, FREE_TEXT) for position in range(self._width)]
        self._announced = _announced(grid, self._width) if shape is None else {}
        self._has_codes = has_codes and shape is None

    def filtered(self, found: Counter[str], *, shows_styles: bool = True) -> Sheet:
        """What may stay of the sheet; what was taken out is counted."""
        stay = tuple(position for position, column in enumerate(self._columns) if not column.is_removed)
        rows = []
        for number, row in enumerate(self._grid.rows):
            kept = self._row(number, row, found, shows_styles=shows_styles)
            is_emptied = any(map(is_filled, row)) and not any(is_filled(kept[each]) for each in stay if each < len(row))
            if is_emptied and stay:
                kept[stay[0]] = personal_data.MARK  # a row without anything in it would count as none
            rows.append(kept)
        found.update(column.announced or "" for column in self._columns if column.is_removed)
        return Sheet(Grid(rows, self._grid.merged, self._grid.printed), stay)

    def _row(self, number: int, row: Sequence[Cell], found: Counter[str], *, shows_styles: bool) -> list[Cell]:
        """What may stay of a row."""
        is_data = number >= self._first
        is_misplaced = is_data and has_no_code(self._columns, row, has_codes=self._has_codes)
        kept: list[Cell] = []
        for position, cell in enumerate(row):
            if is_misplaced and isinstance(cell, str) and personal_data.is_code(cell):
                kept.append(cell)
                continue
            column = self._columns[position] if is_data else FREE_TEXT
            if column.announced is None and number > self._announced.get(position, (len(self._grid.rows), ""))[0]:
                column = ColumnFilter(announced=self._announced[position][1])
            stays = _cell(cell, column, found)
            if not shows_styles and column.is_percent and isinstance(stays, int | float):
                stays = excel.ambiguous(str(stays))  # the copy would show a style that the file did not
            kept.append(stays)
        return kept


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


def _write_workbook(target: Path, pages: Sequence[_Page]) -> None:
    book = xlsxwriter.Workbook(str(target), AS_THEY_ARE)
    book.set_properties({"created": MADE_ON})
    styles = {
        datetime: book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"}),
        date: book.add_format({"num_format": "dd/mm/yyyy"}),
        time: book.add_format({"num_format": "hh:mm:ss"}),
    }
    percent = book.add_format({"num_format": "0.00%"})
    for sheet in pages:
        page = book.add_worksheet(sheet.title)
        for (top, left), (bottom, right) in _merged(sheet.sheet):
            try:
                page.merge_range(top, left, bottom, right, "")
            except XlsxWriterException:
                continue  # overlapping ranges are no headings
        for row, cells in enumerate(sheet.sheet.grid.rows):
            for column, position in enumerate(sheet.sheet.kept):
                cell = cells[position] if position < len(cells) else ""
                if is_filled(cell):
                    style = percent if sheet.styles.is_percent(row, position) else styles.get(type(cell))
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


def page(path: Path, target: Path, expected: Expected) -> Counter[str]:
    """Filter an HTML page; what may stay is written to `target` if that is not everything. See `workbook`."""
    shape = expected.shape(Html)
    encoding = shape.encoding if shape is not None else "utf-8"
    with opened(path, encoding) as stream:
        text = limits.whole(stream)
    raw = html.read(text)
    one_byte = encoding in {"tcvn3", "vni"}
    found: Counter[str] = Counter()
    tables = []
    for number, table in enumerate(raw.tables, 1):
        rows, merged = table.laid_out()
        meant, _ = table.laid_out(partial(_telling, encoding=encoding))
        is_read = shape is None or number == shape.table
        cleaned = expected.rows(Grid(meant, merged, html.printed), Html, is_read=is_read).filtered(found)
        if one_byte:  # what stays must stay in its own letters
            kept = [
                [
                    own if after == before else after if after == personal_data.MARK else ""
                    for own, before, after in zip(*cells, strict=True)
                ]
                for cells in zip(rows, meant, cleaned.grid.rows, strict=True)
            ]
            cleaned = replace(cleaned, grid=replace(cleaned.grid, rows=kept))
        tables.append(cleaned)
    lines = _with_split_numbers([_telling(pieces, encoding) for pieces in raw.lines])
    above = [FREE_TEXT.cell(line, found) for line in lines]
    for hidden in raw.hidden:
        found.update(personal_data.strip(in_unicode(hidden, encoding))[1])
    if found:
        content = _html([line for line in above if line] if not one_byte else [], tables)
        target.write_bytes(content.encode(CODECS[encoding].removesuffix("-sig"), "replace"))
    return found


def _telling(pieces: list[str], encoding: Encoding) -> str:
    """The text of neighbouring elements as it is shown, or apart, or joined: the one with most that is personal."""
    if len(pieces) < 2:  # noqa: PLR2004 - a single piece has one reading
        return in_unicode(html.shown(pieces), encoding)
    readings = ("".join(pieces), " ".join(pieces), "".join(piece.strip() for piece in pieces))
    texts = [in_unicode(html.shown([reading]), encoding) for reading in readings]
    return max(texts, key=lambda text: personal_data.strip(text, may_be_name=True)[1].total())


def _with_split_numbers(lines: Sequence[str]) -> list[str]:
    """Lines of text; two that have a number of a person only together are one."""
    found: list[str] = []
    for line in filter(None, lines):
        last = found[-1] if found else ""
        together = f"{last} {line}"
        is_split = (
            last[-1:].isdigit() and line[:1].isdigit() and _count_in(together) > _count_in(last) + _count_in(line)
        )
        found[-1:] = [together] if is_split else [*found[-1:], line]
    return found


def _count_in(text: str) -> int:
    return personal_data.strip(text)[1].total()


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
                text = str(cell)
                as_text = AS_TEXT if FORMULA.match(text) else ""
                parts.append(f"<td{span}{as_text}>{escape(text) or '&nbsp;'}</td>")
            parts.append("</tr>\r\n")
        parts.append("</table>\r\n")
    return "".join([*parts, "</body></html>\r\n"])

"""Excel workbooks as agencies send them: titles above, merged headings, numbers typed or as text."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import cached_property, partial
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import python_calamine as calamine

from dx_pipeline.declarations.source import Excel, Layout, Placement
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import grid, refusal, workbook_size
from dx_pipeline.formats.grid import Cell, Grid, Range, is_filled
from dx_pipeline.formats.raw import Raw, Reader, format_of
from dx_pipeline.vietnamese import legacy

BUILT_IN_PERCENT_STYLES = {9, 10}
SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
PERCENT_DIGITS = 12

DAMAGED: tuple[type[Exception], ...] = (
    calamine.CalamineError,
    ET.ParseError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    OverflowError,
    StopIteration,
    RuntimeError,  # an encrypted part, or a way of packing that nobody uses
)
"""What reading a damaged workbook may raise."""


def headings(path: Path, layout: Layout) -> list[str]:
    """The headings of the sheet, each as its cells from top to bottom joined by " / "."""
    shape = format_of(layout, Excel)
    return [heading for _, heading in sheet(path, shape).headings(shape)]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    shape = format_of(layout, Excel)
    return grid.load(connection, sheet(path, shape), shape, layout, name)


@contextmanager
def opened(path: Path) -> Iterator[calamine.CalamineWorkbook]:
    """A workbook.

    Raises:
        DeliveryRefusedError: it is no workbook, a damaged or a locked one, or one that is too large.
    """
    try:
        check(path)
        with path.open("rb") as handle:
            yield calamine.CalamineWorkbook.from_object(handle)
    except calamine.PasswordError:
        raise DeliveryRefusedError(
            "the workbook is locked with a password; ask the sender for it without one.",
            "bảng tính bị khóa bằng mật khẩu; hãy đề nghị nơi gửi gửi bản không có mật khẩu.",
        ) from None
    except DAMAGED:
        raise refusal.no_workbook(path) from None  # calamine's own words may quote a cell


def check(path: Path) -> None:
    """Refuse an archive that is no workbook or has a part twice, or a workbook that is too large: see `workbook_size`.

    Raises:
        DeliveryRefusedError: it is.
    """
    try:
        if zipfile.is_zipfile(path):
            workbook_size.check(path)
            with zipfile.ZipFile(path) as book:
                names = book.namelist()
            if len({name.lstrip("/").lower() for name in names}) < len(names):
                raise DeliveryRefusedError(
                    "it has a part twice, and programs differ in which one they read; ask the sender to save it again"
                    " as .xlsx.",
                    "bảng tính có một phần hai lần, mỗi chương trình đọc một phần khác nhau; hãy đề nghị nơi gửi lưu"
                    " lại dạng .xlsx.",
                )
            if "xl/workbook.xml" not in names:
                raise refusal.no_workbook(path)
    except DAMAGED:
        raise refusal.no_workbook(path) from None


def sheet(path: Path, shape: Excel) -> Grid:
    """The declared sheet of a workbook (the first where none is declared), from its cell A1 on.

    Raises:
        DeliveryRefusedError: it is no workbook, lacks the sheet, or ends before the headings.
    """
    with opened(path) as workbook:
        names = workbook.sheet_names
        if not names or (shape.sheet is not None and shape.sheet not in names):
            raise DeliveryRefusedError(
                f"it has {len(names)} sheets and none is '{shape.sheet or ''}'; ask the sender which it is.",
                f"bảng tính có {len(names)} trang và không trang nào là '{shape.sheet or ''}'; hãy hỏi nơi gửi đó là"
                " trang nào.",
            )
        name = shape.sheet if shape.sheet is not None else names[0]
        page = workbook.get_sheet_by_name(name)
        rows: list[list[Cell]] = page.to_python(skip_empty_area=False)
        merged = _within(page.merged_cell_ranges or [], len(rows), max(map(len, rows), default=0))
    if len(rows) < shape.preamble_rows + shape.header_rows:
        raise DeliveryRefusedError(
            "the sheet ends before its headings; ask the sender for the whole workbook.",
            "trang tính hết trước dòng tiêu đề; hãy đề nghị nơi gửi gửi đủ bảng tính.",
            line=len(rows) + 1,
        )
    if shape.encoding == "tcvn3" or shape.encoding == "vni":  # noqa: PLR1714 - mypy narrows by ==, not by in
        convert = partial(legacy.to_unicode, legacy=shape.encoding)
        rows = [[convert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return Grid(rows, merged, partial(_printed, styles=Styles(path, names.index(name))))


def _within(merged: Sequence[Range], height: int, width: int) -> list[Range]:
    """The parts of merged ranges that are within a sheet: whole rows and columns may be merged for looks."""
    return [
        ((top, left), (min(bottom, height - 1), min(right, width - 1)))
        for (top, left), (bottom, right) in merged
        if top < height and left < width
    ]


def _printed(cell: Cell, position: tuple[int, int], placement: Placement, *, styles: Styles) -> str | None:
    """A cell as its column is printed by the layout: typed cells and text read alike."""
    if not is_filled(cell):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        is_percent = styles.is_percent(*position) if placement.percent else False
        return _number(float(cell), placement, is_percent=is_percent)
    if isinstance(cell, datetime):
        return cell.strftime(placement.date or "%Y-%m-%dT%H:%M:%S")
    if isinstance(cell, date):
        return cell.strftime(placement.date or "%Y-%m-%d")
    return cell.isoformat() if isinstance(cell, time) else str(cell)


def _number(number: float, placement: Placement, *, is_percent: bool | None) -> str:
    if is_percent:
        number = round(number * 100, PERCENT_DIGITS)
    plain = str(int(number)) if number.is_integer() else repr(number)
    text = plain if placement.number == "plain" else plain.replace(".", ",")
    return ambiguous(text) if is_percent is None else text


def ambiguous(number: str) -> str:
    """A number printed in no style, which reading finds ambiguous: 0.5 may be half a percent or one half."""
    return f"{number}.,"


class Styles:
    """Which cells of a sheet are in a percent style; read when first needed, which is for few columns."""

    def __init__(self, path: Path, sheet_position: int) -> None:
        self._path = path
        self._position = sheet_position

    def is_percent(self, row: int, column: int) -> bool | None:
        """Whether a cell prints a percent sign; None where that is not known: styles of `.xls` cannot be read."""
        return None if self._percent_cells is None else (row, column) in self._percent_cells

    @cached_property
    def _percent_cells(self) -> set[tuple[int, int]] | None:
        try:
            with zipfile.ZipFile(self._path) as book:
                styles = _percent_styles(book)
                if not styles:
                    return set()
                with book.open(self._part(book)) as part:
                    return {
                        _position(cell.attrib["r"])
                        for _, cell in ET.iterparse(part)  # noqa: S314 - expat bounds what entities unfold to
                        if cell.tag == f"{SPREADSHEET}c" and int(cell.get("s", "0")) in styles
                    }
        except DAMAGED:
            return None

    def _part(self, book: zipfile.ZipFile) -> str:
        """The name of the sheet's part."""
        listed = ET.fromstring(book.read("xl/workbook.xml")).iter(f"{SPREADSHEET}sheet")  # noqa: S314
        wanted = list(listed)[self._position].attrib[f"{RELATION}id"]
        relations = ET.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        target = next(item.attrib["Target"] for item in relations if item.attrib["Id"] == wanted)
        return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _percent_styles(book: zipfile.ZipFile) -> set[int]:
    """The numbers of the cell styles that print a percent sign."""
    root = ET.fromstring(book.read("xl/styles.xml"))  # noqa: S314
    own = {
        int(item.attrib["numFmtId"])
        for item in root.iter(f"{SPREADSHEET}numFmt")
        if "%" in re.sub(r'"[^"]*"|\\.', "", item.attrib["formatCode"])
    }
    cells = root.find(f"{SPREADSHEET}cellXfs")
    kinds = [int(item.get("numFmtId", "0")) for item in cells] if cells is not None else []
    return {number for number, kind in enumerate(kinds) if kind in own | BUILT_IN_PERCENT_STYLES}


def _position(reference: str) -> tuple[int, int]:
    """`B3` as (2, 1)."""
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]) - 1, column - 1


READER = Reader(headings, load)

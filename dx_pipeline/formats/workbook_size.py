"""The size of an Excel workbook: what reading it would take, found by one pass over its unpacked parts.

calamine allocates every cell up to the last one that is filled, and ends the whole process if memory is short: one
stray cell at the end of a sheet is enough. A text that many cells share is copied for each of them.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits

SHEET_PART = re.compile(r"/?xl/(?:worksheets|chartsheets|macrosheets)/[^/]+\.(?:xml|bin)", re.IGNORECASE)
TEXTS_PART = re.compile(r"/?xl/sharedStrings\.xml", re.IGNORECASE)
CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")
ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br=[\"']([0-9]{1,7})[\"']")
ANY_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")
FAR = re.compile(rb' r="(?:[A-Z]{2,3}[0-9]|[A-Z]?[0-9]{6,})')
CELL_START = re.compile(rb"<(?:\w+:)?c[\s/>]")
OTHERS = (b"<co", b"<cf", b"<cu", b"<ce")
"""How the other elements of a sheet begin that begin with a c."""

END_OF_TEXT = re.compile(rb"</(?:\w+:)?si>")
SHARED = re.compile(rb"\bt=[\"']s[\"'][^>]*>\s*<(?:\w+:)?v>\s*(\d{1,9})\s*<")
LONGEST_TAG_BYTES = 4 * limits.MIB


@dataclass
class _Sheet:
    """What is known of a sheet so far: how many cells it has, and how far they reach."""

    cells: int = 0
    rows: int = 0
    columns: int = 0
    in_row: int = 0

    def add(self, chunk: bytes) -> None:
        """Count what a stretch of the sheet's XML has, which ends between two tags."""
        found = _cells_in(chunk)
        self.cells += found
        places = CELL.findall(chunk)
        rows = [*map(int, ROW.findall(chunk)), *(int(row) for _, row in places)]
        self.rows = max(self.rows, *rows, 0)
        self.columns = max(self.columns, *map(_number, {letters for letters, _ in places}), 0)
        if len(places) < found:  # a cell without a place follows the one before it
            first, *following = ANY_ROW.split(chunk)
            counts = [self.in_row + _cells_in(first), *map(_cells_in, following)]
            self.in_row = counts[-1]
            self.columns = max(self.columns, *counts)
            self.rows += len(following)

    @property
    def area(self) -> int:
        """At most how many cells there are from A1 to the last row and column."""
        return self.rows * self.columns if self.cells else 0


@dataclass
class _Texts:
    """How long each of the texts is that cells share, with the tags around it."""

    lengths: list[int] = field(default_factory=list)
    unfinished: int = 0

    def add(self, chunk: bytes) -> None:
        """Count what a stretch of their XML has."""
        *ended, last = map(len, END_OF_TEXT.split(chunk))
        if ended:
            self.lengths += [self.unfinished + ended[0], *ended[1:]]
            self.unfinished = 0
        self.unfinished += last


def check(path: Path) -> None:
    """Refuse a workbook that is too large to be read. What is no ZIP archive is not looked at.

    Raises:
        DeliveryRefusedError: it is.
        zipfile.BadZipFile, zlib.error, OSError: it is damaged.
    """
    about = path.stat()
    if zipfile.is_zipfile(path):
        _check(str(path), about.st_size, about.st_mtime_ns, about.st_ino)


def _is_near(chunk: bytes) -> bool:
    """Whether all cells of a stretch are within Z99999, and written as most programs write them: most sheets are so."""
    cells = chunk.count(b"<c") - sum(map(chunk.count, OTHERS))
    is_plain = cells == chunk.count(b'<c r="') and b":c" not in chunk and b":row" not in chunk
    return is_plain and chunk.count(b"<row") == chunk.count(b'<row r="') and FAR.search(chunk) is None


@lru_cache(maxsize=8)  # a workbook is opened for every sheet and layout
def _check(path: str, size: int, _modified: int, _inode: int) -> None:
    with zipfile.ZipFile(path) as book:
        parts = book.infolist()
        sheets = [part for part in parts if SHEET_PART.fullmatch(part.filename)]
        if len(sheets) > limits.MOST_SHEETS or len(parts) > limits.MOST_PARTS:
            raise DeliveryRefusedError(
                f"it has {len(sheets)} sheets in {len(parts)} parts; ask the sender for the sheet that counts.",
                f"bảng tính có {len(sheets)} trang trong {len(parts)} phần; hãy đề nghị nơi gửi chỉ gửi trang cần.",
            )
        unpacked = cells = 0
        texts = _Texts()
        far = []
        for part in parts:
            is_near = True
            for chunk in _chunks(book, part):
                unpacked += len(chunk)
                limits.check_expansion(unpacked, size)
                if part in sheets:
                    is_near = is_near and _is_near(chunk)
                    cells += chunk.count(b"<c r") if is_near else _cells_in(chunk)
                elif TEXTS_PART.fullmatch(part.filename):
                    texts.add(chunk)
            far += [] if is_near else [part]
        _check_cells(cells)
        _check_areas(book, far)
        if cells * max(texts.lengths, default=0) > limits.MOST_CELL_TEXT_BYTES:
            _check_shared_texts(book, sheets, texts.lengths)


def _check_areas(book: zipfile.ZipFile, sheets: list[zipfile.ZipInfo]) -> None:
    """Refuse sheets that reach too far."""
    area = 0
    for part in sheets:
        sheet = _Sheet()
        for chunk in _chunks(book, part):
            sheet.add(chunk)
            _check_cells(area + sheet.area)
        area += sheet.area


def _check_cells(count: int) -> None:
    if count > limits.MOST_CELLS:
        raise DeliveryRefusedError(
            "a cell is far away from its table; ask the sender to delete what is not part of it.",
            "có ô nằm rất xa bảng; hãy đề nghị nơi gửi xóa những gì không thuộc bảng.",
        )


def _check_shared_texts(book: zipfile.ZipFile, sheets: list[zipfile.ZipInfo], lengths: list[int]) -> None:
    """Refuse a workbook whose cells have too much text, each shared text counted as often as it is used."""
    total = 0
    for part in sheets:
        for chunk in _chunks(book, part, overlap=b"<c "):
            numbers = map(int, SHARED.findall(chunk))
            total += sum(lengths[number] for number in numbers if number < len(lengths))
            if total > limits.MOST_CELL_TEXT_BYTES:
                most = limits.MOST_CELL_TEXT_BYTES // limits.MIB
                raise DeliveryRefusedError(
                    f"its cells have more than {most} MiB of text;"
                    " ask the sender to leave out what is not part of the table.",
                    f"các ô có hơn {most} MiB chữ; hãy đề nghị nơi gửi bỏ những gì không thuộc bảng.",
                )


def _chunks(book: zipfile.ZipFile, part: zipfile.ZipInfo, overlap: bytes = b"<") -> Iterator[bytes]:
    """The content of a part, cut before an `overlap` so that no tag is cut in two.

    zipfile reads as many bytes as the archive says and compares their checksum: a part that says less than it has is
    damaged.
    """
    waiting = b""
    with book.open(part) as handle:
        while piece := handle.read(limits.PIECE_BYTES):
            whole = waiting + piece
            cut = whole.rfind(overlap)
            if cut <= 0:
                cut = 0 if len(whole) < LONGEST_TAG_BYTES else len(whole)
            waiting = whole[cut:]
            yield whole[:cut]
    yield waiting


def _cells_in(chunk: bytes) -> int:
    return len(CELL_START.findall(chunk))


def _number(letters: bytes) -> int:
    """The number of a column, from 1, by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number

"""Privacy filter of lines: delimited text, plain text; `json_line` has that of one JSON object a line.

Every clean line stays as it is, byte for byte. A line that is as declared costs one match of one regular expression,
made of the shapes of its columns.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Csv, Encoding, Layout, Source
from dx_pipeline.formats import physical_line
from dx_pipeline.formats.csv import READER as CSV
from dx_pipeline.formats.raw import as_declared, format_of
from dx_pipeline.formats.text import CODECS, bytes_of, in_unicode, is_compressed
from dx_pipeline.formats.undecoded import NOT_UTF8
from dx_pipeline.privacy.column import FREE_TEXT, ColumnFilter, column_filters, delivers_codes, has_no_code
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data

LOOKED_AT_LINES = 50
LONGEST_HEADING = 80
DELIMITERS = ";,\t|"
MOST_KNOWN = 10_000

LONGEST_SPLIT = 200
"""Of how many letters before a line something personal may be the end."""

NUL = "\x00"
"""What no line of text has; between the letters of a name it would hide the name."""

UNDECODED = "\udcff"
"""What is kept of a line that is no UTF-8: one byte that is none."""

ONE_BYTE: frozenset[Encoding] = frozenset({"tcvn3", "vni"})
"""Where what stays of a text could not be written in its own letters: a cell stays as a whole, or not at all."""

Rewrite = Callable[[str, Counter[str]], str]
"""What may stay of a line, its end included; what was taken out is counted."""


@dataclass(frozen=True)
class Place:
    """Where a delimited text has the headings of a layout: in which line, counted from 0, between which signs."""

    layout: Layout
    line: int
    headings: Sequence[str]
    delimiter: str
    quote: str


def filter_lines(
    path: Path, target: Path, letters: Encoding, rewrites: Callable[[], Iterator[Rewrite]]
) -> Counter[str]:
    """Filter a file line by line; what may stay is written to `target` if that is not everything.

    Args:
        path: the file, compressed or not.
        target: where the cleaned file goes.
        letters: the encoding of its bytes. Of a line that is no UTF-8 nothing stays but one byte that is none.
        rewrites: one rewrite for each line of the file, in order, each time it is called.
    """
    if _is_clean(path, letters, rewrites):
        return Counter()
    found: Counter[str] = Counter()
    each = map(_without_undecoded, rewrites()) if letters == "utf-8" else rewrites()
    with _lines(path, letters) as text, _writer(target, letters, is_gzip=is_compressed(path)) as output:
        for line, rewrite in zip(text, each, strict=False):
            output.write(rewrite(line, found))
    return found


def _is_clean(path: Path, letters: Encoding, rewrites: Callable[[], Iterator[Rewrite]]) -> bool:
    """Whether every line of a file stays as it is. One that is no UTF-8 never does."""
    found: Counter[str] = Counter()
    try:
        with _lines(path, letters, errors="strict" if letters == "utf-8" else None) as text:
            for line, rewrite in zip(text, rewrites(), strict=False):
                if NUL in line or rewrite(line, found) != line:
                    return False
    except UnicodeDecodeError:
        return False
    return True


def _without_undecoded(rewrite: Rewrite) -> Rewrite:
    """The rewrite of a line that may be no UTF-8."""

    def rewritten(line: str, found: Counter[str]) -> str:
        is_decoded = line.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in line)
        if is_decoded and NUL not in line:
            return rewrite(line, found)
        body = line.rstrip("\r\n")
        found[NOT_UTF8] += body != UNDECODED
        return UNDECODED + line[len(body) :]

    return rewritten


@contextmanager
def _lines(path: Path, letters: Encoding, errors: str | None = None) -> Iterator[IO[str]]:
    """The lines of a file with their ends; a line feed alone ends one. `errors`: see `codecs`."""
    codec, usual = _codec(letters)
    with bytes_of(path) as handle:
        text = io.TextIOWrapper(handle, codec, errors or usual, newline="\n")
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def _writer(path: Path, letters: Encoding, *, is_gzip: bool) -> Iterator[IO[str]]:
    """A text file to write, compressed or not."""
    with (
        gzip_writer(path) if is_gzip else path.open("wb") as file,
        io.TextIOWrapper(file, *_codec(letters), newline="") as text,
    ):
        yield text


@contextmanager
def gzip_writer(path: Path) -> Iterator[IO[bytes]]:
    """A gzip file to write, with no name and no time in it."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        yield cast("IO[bytes]", packed)


def _codec(letters: Encoding) -> tuple[str, str]:
    """Python's name of an encoding, and how it treats errors. A byte-order mark of UTF-8 is part of the text."""
    if letters == "utf-8":
        return "utf-8", "surrogateescape"
    return CODECS[letters], "replace" if letters == "utf-16" else "surrogateescape"


def delimited(
    path: Path, target: Path, layout: Layout, contract: Contract, searched: Sequence[int] | None = None
) -> Counter[str]:
    """Filter delimited text that has its layout's headings where they are declared to be.

    `searched`: the numbers of the lines to be searched, in order; a scan has found all others clean, and has found no
    quotation mark in them, nor one among these that goes on in the next line. None for all lines.
    """
    shape = format_of(layout, Csv)
    place = Place(layout, shape.preamble_rows, CSV.headings(path, layout), shape.delimiter, shape.quote)
    if searched is not None:
        return _filter_some(path, target, place, contract, searched)
    return _filter_table(path, target, place, contract, shape.encoding)


def _filter_some(path: Path, target: Path, place: Place, contract: Contract, searched: Sequence[int]) -> Counter[str]:
    """Filter some lines of a table in UTF-8; all others stay."""
    found: Counter[str] = Counter()
    kept: dict[int, bytes] = {}
    table = _Table(column_filters(place.headings, place.layout, contract), place.delimiter, place.quote, "utf-8")
    for number, content in physical_line.pick(path, searched):
        rewrite: Rewrite = table.line
        if number <= place.line + 1:
            rewrite = table.heading_line if number == place.line + 1 else partial(_free_line, letters="utf-8")
        text = content.decode("utf-8", "surrogateescape")
        stays = _without_undecoded(rewrite)(text, found)
        if stays != text or NUL in text:
            kept[number] = stays.encode("utf-8", "surrogateescape")
    if not kept:
        return Counter()
    physical_line.replace(path, target, kept)
    return found


def _filter_table(path: Path, target: Path, place: Place, contract: Contract | None, letters: Encoding) -> Counter[str]:
    def rewrites() -> Iterator[Rewrite]:
        columns = column_filters(place.headings, place.layout, contract)
        table = _Table(columns, place.delimiter, place.quote, letters)
        for _ in range(place.line):
            yield partial(_free_line, letters=letters)
        yield table.heading_line
        while True:
            yield table.line

    return filter_lines(path, target, letters, rewrites)


def plain(
    path: Path, target: Path, letters: Encoding, source: Source, contracts: Mapping[str, Contract]
) -> Counter[str]:
    """Filter text that is not as a layout says.

    If a line has most headings of a layout, that line counts as its headings; else the first line with a forbidden
    heading. Without either, codes of dossiers may stay in cells of their own, if the source has any.
    """
    with _lines(path, letters) as text:
        first = [line for line, _ in zip(text, range(LOOKED_AT_LINES), strict=False)]
    found = _headings_of_layout(first, letters, source)
    if found is not None:
        return _filter_table(path, target, found, contracts.get(found.layout.table), letters)
    place, delimiter = _heading_line(first, letters)
    codes = delivers_codes(source, contracts)

    def rewrites() -> Iterator[Rewrite]:
        free: Rewrite = partial(_free_line, letters=letters)
        if place is None and codes:
            free = _Table([], _delimiter(first), '"', letters, has_codes=True).line
        for _ in range(len(first) if place is None else place):
            yield free
        if place is not None:
            cells = _cells(first[place].strip("\ufeff\r\n"), delimiter, '"')
            columns = column_filters([in_unicode(cell, letters) for cell in cells], None, None)
            table = _Table(columns, delimiter, '"', letters, has_codes=codes)
            yield table.heading_line
            free = table.line
        while True:
            yield free

    return filter_lines(path, target, letters, rewrites)


def _headings_of_layout(lines: Sequence[str], letters: Encoding, source: Source) -> Place | None:
    """The line with most headings of one of a source's layouts, if it has half of them at least."""
    best, most = None, 0
    for layout in source.deliveries:
        shape = layout.format if isinstance(layout.format, Csv) else Csv(kind="csv")
        for position, line in enumerate(lines):
            for delimiter in dict.fromkeys([shape.delimiter, *DELIMITERS]):
                cells = _cells(in_unicode(line.strip("\ufeff\r\n"), letters), delimiter, shape.quote)
                shared = len(set(as_declared(cells, layout)) & set(layout.expected))
                if shared > most and shared * 2 >= len(layout.expected):
                    best, most = Place(layout, position, cells, delimiter, shape.quote), shared
    return best


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that most lines have."""
    return max(DELIMITERS, key=lambda delimiter: sum(delimiter in line for line in lines))


def _heading_line(lines: Sequence[str], letters: Encoding) -> tuple[int | None, str]:
    """The position of the first line with a forbidden heading, and its delimiter."""
    for position, line in enumerate(lines):
        for delimiter in DELIMITERS:
            cells = _cells(line.strip("\ufeff\r\n"), delimiter, '"')
            titles = (in_unicode(cell, letters) for cell in cells if ":" not in cell and len(cell) < LONGEST_HEADING)
            if len(cells) > 1 and any(map(headings.kind_of, titles)):
                return position, delimiter
    return None, ""


def _free_line(line: str, found: Counter[str], *, letters: Encoding) -> str:
    """What may stay of a line of free text."""
    body = line.rstrip("\r\n")
    kept = _kept(FREE_TEXT, body, letters, found)
    return (kept if kept.strip() or not body.strip() else personal_data.MARK) + line[len(body) :]


def _kept(column: ColumnFilter, cell: str, letters: Encoding, found: Counter[str]) -> str:
    """What may stay of a cell. In letters of one byte nothing of it stays if anything has to go."""
    if letters not in ONE_BYTE:
        return column.cell(cell, found)
    before = found.total()
    column.cell(in_unicode(cell, letters), found)
    return cell if found.total() == before else ""


class _Table:
    """Rewrites the lines of delimited text under its headings."""

    def __init__(
        self,
        columns: Sequence[ColumnFilter],
        delimiter: str,
        quote: str,
        letters: Encoding,
        *,
        has_codes: bool = False,
    ) -> None:
        self._columns, self._has_codes = columns, has_codes
        self._delimiter, self._quote, self._letters = delimiter, quote, letters
        self._has_forbidden = any(column.announced is not None for column in columns)
        self._declared, self._free = _declared_line(columns, delimiter, quote)
        self._known: set[tuple[str, ...]] = set() if self._free else {()}
        self._open: str | None = None
        """What the line before has of a cell that goes on in the next; None where its cells are closed."""

    def heading_line(self, line: str, found: Counter[str]) -> str:
        """The line of headings without those of removed columns; a heading is free text."""
        body = line.rstrip("\r\n")
        mark = "\ufeff" if body.startswith("\ufeff") else ""
        cells = _cells(body.removeprefix(mark), self._delimiter, self._quote)
        kept = []
        for position, cell in enumerate(cells):
            column = self._column(position)
            if column.is_removed:
                found[column.announced or ""] += 1
            else:
                kept.append(_kept(FREE_TEXT, cell, self._letters, found) if column.announced is None else cell)
        if kept == cells:
            return line
        return mark + self._joined(kept) + line[len(body) :]

    def line(self, line: str, found: Counter[str]) -> str:
        """What may stay of a line of data."""
        if self._open is not None or self._quote in line:
            line = self._continued(line, found)
        return self._line(line, found)

    def _continued(self, line: str, found: Counter[str]) -> str:
        """A line without what makes something personal of the end of the line before."""
        head, quote, _ = line.rstrip("\r\n").partition(self._quote)
        is_open = (self._open is not None) ^ (line.count(self._quote) % 2 == 1)
        if self._open is not None:
            before, here = (in_unicode(text, self._letters) for text in (self._open, head))
            across = personal_data.strip(f"{before} {here}")[1]
            across -= personal_data.strip(before)[1] + personal_data.strip(here)[1]
            if across:
                found.update(across)
                line = personal_data.MARK + line[len(head) :]
        tail = line.rstrip("\r\n").rpartition(self._quote)[2]
        self._open = (
            (tail if quote or self._open is None else f"{self._open[-LONGEST_SPLIT:]} {tail}") if is_open else None
        )
        return line

    def _line(self, line: str, found: Counter[str]) -> str:
        """What may stay of a line by itself."""
        if not self._has_forbidden:
            match = self._declared.fullmatch(line)
            if match and match.groups() in self._known:
                return line
        body = line.rstrip("\r\n")
        cells = _cells(body, self._delimiter, self._quote)
        kept = []
        is_misplaced = has_no_code(self._columns, cells, has_codes=self._has_codes)
        for position, cell in enumerate(cells):
            column = self._column(position)
            is_code = is_misplaced and personal_data.is_code(cell)
            text = cell if is_code else _kept(column, cell, self._letters, found)
            if not column.is_removed or is_code:
                kept.append(text)
        if not any(map(str.strip, kept)) and any(map(str.strip, cells)):
            kept = [personal_data.MARK, *kept[1:]]  # a line without anything in it would count as none
        if kept == cells:
            if len(cells) == len(self._columns) and len(self._known) < MOST_KNOWN:  # words repeat: search them once
                self._known.add(tuple(cells[position] for position in self._free))
            return line
        return self._joined(kept) + line[len(body) :]

    def _column(self, position: int) -> ColumnFilter:
        return self._columns[position] if position < len(self._columns) else FREE_TEXT

    def _joined(self, cells: Sequence[str]) -> str:
        printed = io.StringIO()
        csv.writer(printed, delimiter=self._delimiter, quotechar=self._quote, lineterminator="").writerow(cells)
        return printed.getvalue()


def _declared_line(columns: Sequence[ColumnFilter], delimiter: str, quote: str) -> tuple[re.Pattern[str], list[int]]:
    """The regular expression of a line that is as declared, and the columns of free text in it, as groups."""
    free, parts = [], []
    text = f"([^{re.escape(delimiter + quote)}\r\n]*)"
    for position, column in enumerate(columns):
        if column.shape is None or re.compile(column.shape).groups:
            free.append(position)
            parts.append(text)
        else:
            parts.append(f"(?:{column.shape})?")
    return re.compile(re.escape(delimiter).join(parts) + "\r?\n?"), free


def _cells(line: str, delimiter: str, quote: str) -> list[str]:
    """The cells of one physical line, however broken it is."""
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return line.split(delimiter)

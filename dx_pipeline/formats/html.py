"""Tables of HTML pages, as reports save them under names that end in `.xls`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import duckdb

from dx_pipeline.declarations.source import Html, Layout, Placement
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import grid, limits
from dx_pipeline.formats.grid import Cell, Grid, Range, is_filled
from dx_pipeline.formats.raw import Raw, Reader, format_of
from dx_pipeline.formats.text import PIECE_CHARACTERS, in_unicode, opened
from dx_pipeline.vietnamese.spelling import normal

MOST_ROWS = 1_000_000
UNREAD = frozenset({"script", "style", "title", "xml", "head"})
INLINE = frozenset({"a", "b", "big", "em", "font", "i", "s", "small", "span", "strong", "sub", "sup", "u"})
"""Elements within a line."""

BREAKS = frozenset({"br", "p", "div", "li"})


def headings(path: Path, layout: Layout) -> list[str]:
    """The headings of the table, each as its cells from top to bottom joined by " / "."""
    shape = format_of(layout, Html)
    return [heading for _, heading in table(path, shape)[1].headings(shape)]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    shape = format_of(layout, Html)
    above, found = table(path, shape)
    return grid.load(connection, found, shape, layout, name, above)


def table(path: Path, shape: Html) -> tuple[tuple[str, ...], Grid]:
    """The lines of text above the declared table, and the table.

    Raises:
        DeliveryRefusedError: it has no such table, or the table ends before its headings.
    """
    with opened(path, shape.encoding) as stream:
        page = read(in_unicode(limits.whole(stream), shape.encoding))
    if len(page.tables) < shape.table:
        raise DeliveryRefusedError(
            f"it is a page with {len(page.tables)} tables, not one with {shape.table}; ask the sender for the report.",
            f"trang này có {len(page.tables)} bảng, không phải {shape.table} bảng; hãy đề nghị nơi gửi gửi báo cáo.",
        )
    chosen = page.tables[shape.table - 1]
    rows, merged = chosen.laid_out()
    if len(rows) < shape.preamble_rows + shape.header_rows:
        raise DeliveryRefusedError(
            "the table ends before its headings; ask the sender for the whole report.",
            "bảng hết trước dòng tiêu đề; hãy đề nghị nơi gửi gửi đủ báo cáo.",
            line=len(rows) + 1,
        )
    return tuple(chosen.above), Grid(rows, merged, printed)


def _too_large() -> DeliveryRefusedError:
    return DeliveryRefusedError(
        "its table is larger than any report; ask the sender for a file with one month.",
        "bảng lớn hơn mọi báo cáo; hãy đề nghị nơi gửi gửi tệp của một tháng.",
    )


def printed(cell: Cell, _position: tuple[int, int], _placement: Placement) -> str | None:
    """A cell's text, None where there is none."""
    return str(cell) if is_filled(cell) else None


def shown(pieces: list[str]) -> str:
    """The text that a page shows of the pieces between its tags."""
    return normal("".join(pieces))


@dataclass
class Spanning:
    """One cell as it is written: its text, and over how many rows and columns it reaches."""

    rows: int = 1
    columns: int = 1
    pieces: list[str] = field(default_factory=list)


@dataclass
class Table:
    """One table as it is written, and the lines of text above it."""

    above: list[str]
    rows: list[list[Spanning]] = field(default_factory=list)
    cell: Spanning | None = None
    """The cell that is open."""

    def laid_out(self, text_of: Callable[[list[str]], str] = shown) -> tuple[list[list[Cell]], list[Range]]:
        """The table as a grid: a spanning cell has its text in its first place, the others are empty.

        `text_of` makes the text of a cell from its pieces.
        """
        taken: dict[tuple[int, int], str] = {}
        merged: list[Range] = []
        for row, cells in enumerate(self.rows):
            column = 0
            if len(taken) > limits.MOST_CELLS:
                raise _too_large()
            for cell in cells:
                while (row, column) in taken:
                    column += 1
                last_row, last_column = row + cell.rows - 1, column + cell.columns - 1
                last_row = min(last_row, len(self.rows) - 1)
                for place in ((r, c) for r in range(row, last_row + 1) for c in range(column, last_column + 1)):
                    taken.setdefault(place, "")
                taken[row, column] = text_of(cell.pieces)
                if (last_row, last_column) != (row, column):
                    merged.append(((row, column), (last_row, last_column)))
                column = last_column + 1
        width = max((column + 1 for _, column in taken), default=0)
        return [[taken.get((row, column), "") for column in range(width)] for row in range(len(self.rows))], merged


class Page(HTMLParser):
    """The tables of a page in order of their opening tags, those within cells among them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[Table] = []
        self.hidden: list[str] = []
        """What is in the page and not shown: comments, attributes, scripts."""
        self._open: list[Table] = []
        self.lines: list[list[str]] = [[]]
        """The lines of text outside every table, as the pieces between their tags."""
        self._unread = 0

    @property
    def text(self) -> list[str]:
        """The lines of text outside every table."""
        return [line for line in map(shown, self.lines) if line]

    def handle_comment(self, data: str) -> None:
        """Keep what is not shown."""
        self.hidden.append(data)

    unknown_decl = handle_comment

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row, a cell or a line."""
        self.hidden.extend(value for name, value in attrs if value and not name.startswith("xmlns"))
        if tag in UNREAD:
            self._unread += 1
        elif tag == "table":
            self.tables.append(Table(self.text))
            self._open.append(self.tables[-1])
        elif tag == "tr" and self._open:
            self._open[-1].rows.append([])
            self._open[-1].cell = None
        elif tag in {"td", "th"} and self._open:
            self._cell(dict(attrs))
        elif tag in BREAKS:
            self._break()

    def handle_endtag(self, tag: str) -> None:
        """End what is open."""
        if tag in UNREAD:
            self._unread = max(0, self._unread - 1)
        elif tag == "table" and self._open:
            self._open.pop()
        elif tag in {"td", "th", "tr"} and self._open:
            self._open[-1].cell = None
        elif not self._open and tag not in INLINE:
            self._break()

    def handle_data(self, data: str) -> None:
        """Add text to the cell that is open, or to the lines above the next table."""
        if self._unread:
            self.hidden.append(data)
            return
        if not self._open:
            self.lines[-1].append(data)
        elif self._open[-1].cell is not None:
            self._open[-1].cell.pieces.append(data)

    def _cell(self, attributes: dict[str, str | None]) -> None:
        current = self._open[-1]
        if not current.rows:
            current.rows.append([])
        if len(current.rows) > MOST_ROWS or len(current.rows[-1]) > limits.MOST_COLUMNS:
            raise _too_large()
        columns = min(_span(attributes.get("colspan")), limits.MOST_COLUMNS)
        current.cell = Spanning(_span(attributes.get("rowspan")), columns)
        current.rows[-1].append(current.cell)

    def _break(self) -> None:
        if not self._open:
            self.lines.append([])
        elif self._open[-1].cell is not None:
            self._open[-1].cell.pieces.append(" ")


def read(text: str) -> Page:
    """A page, however carelessly it is written."""
    page = Page()
    for start in range(0, len(text), PIECE_CHARACTERS):
        page.feed(text[start : start + PIECE_CHARACTERS])
    page.close()
    return page


def _span(value: str | None) -> int:
    digits = (value or "").strip()
    return max(1, min(int(digits), MOST_ROWS)) if digits.isascii() and digits.isdigit() and len(digits) < 8 else 1  # noqa: PLR2004


READER = Reader(headings, load)

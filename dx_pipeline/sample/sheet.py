"""Sheets as agencies make them, as a workbook or an HTML page: titles, merged headings over several rows, lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from html import escape
from pathlib import Path

import xlsxwriter

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Sheet:
    """A sheet.

    Args:
        titles: the lines of text above the headings.
        headings: the heading of each column, as its cells from top to bottom.
        header_rows: the number of rows with headings.
        lines: the cells of each line below the headings; None is an empty cell.
    """

    titles: Sequence[str]
    headings: Sequence[tuple[str, ...]]
    header_rows: int
    lines: Sequence[Sequence[Cell]]

    def heading_cells(self) -> Iterator[tuple[str, int, int, int, int]]:
        """Text, first row and column, last row and column of each cell of the headings.

        One cell covers all columns that share it; the last cell of a column reaches down to the lines.
        """
        for column, steps in enumerate(self.headings):
            for depth, step in enumerate(steps):
                is_last = depth == len(steps) - 1
                shared = steps[: depth + 1]
                if not is_last and column > 0 and self.headings[column - 1][: depth + 1] == shared:
                    continue  # covered by the cell of the column before
                right = column
                while not is_last and [each[: depth + 1] for each in self.headings[right + 1 : right + 2]] == [shared]:
                    right += 1
                yield step, depth, column, self.header_rows - 1 if is_last else depth, right

    def write_workbook(self, path: Path, name: str | None, created_on: date) -> None:
        """Write it as a workbook with one sheet of that name; the same sheet gives the same bytes."""
        book = xlsxwriter.Workbook(str(path), {"in_memory": True})
        book.set_properties({"created": datetime.combine(created_on, time(8)), "title": self.titles[0]})
        page = book.add_worksheet(name)
        title = book.add_format({"bold": True})
        head = book.add_format({"bold": True, "align": "center", "valign": "vcenter", "border": 1, "text_wrap": True})
        first = len(self.titles)
        for row, text in enumerate(self.titles):
            page.write_string(row, 0, text, title)
        for text, top, left, bottom, right in self.heading_cells():
            if (top, left) == (bottom, right):
                page.write_string(first + top, left, text, head)
            else:
                page.merge_range(first + top, left, first + bottom, right, text, head)
        for row, line in enumerate(self.lines, first + self.header_rows):
            for column, cell in enumerate(line):
                if isinstance(cell, str):
                    page.write_string(row, column, cell)
                elif isinstance(cell, bool):
                    page.write_boolean(row, column, cell)
                elif cell is not None:
                    page.write_number(row, column, cell)
        page.set_column(0, len(self.headings) - 1, 16)
        book.close()

    def as_html(self) -> Iterator[str]:
        """The pieces of an HTML page with one table."""
        rows: list[str] = [""] * self.header_rows
        for text, top, left, bottom, right in self.heading_cells():
            spans = f' rowspan="{bottom - top + 1}"' * (bottom > top) + f' colspan="{right - left + 1}"' * (
                right > left
            )
            rows[top] += f"<th{spans}>{escape(text)}</th>"
        rows += ("".join(f"<td>{_as_html(cell)}</td>" for cell in line) for line in self.lines)
        yield "<html><body>\r\n"
        yield from (f"<p>{escape(line)}</p>\r\n" for line in self.titles)
        yield '<table border="1">\r\n'
        yield from (f"<tr>{row}</tr>\r\n" for row in rows)
        yield "</table>\r\n</body></html>\r\n"


def _as_html(cell: Cell) -> str:
    if cell is None:
        return "&nbsp;"
    return escape(str(cell).lower() if isinstance(cell, bool) else str(cell))

"""Pages: a table as reports save it under a name that ends in `.xls`: HTML with merged headings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

Cell = str | int | float | bool | None


def write(
    path: Path,
    *,
    above: Sequence[str],
    headings: Sequence[tuple[str, ...]],
    header_rows: int,
    lines: Sequence[Sequence[Cell]],
    encoding: str,
) -> None:
    """Write one page with one table.

    Args:
        path: the file to write.
        above: the lines of text above the table.
        headings: each column's heading as its cells from top to bottom.
        header_rows: over how many rows the headings stand.
        lines: the cells of each line under the headings; None leaves a cell empty.
        encoding: Python's name of the encoding.
    """
    parts = ["<html><body>\r\n", *(f"<p>{escape(line)}</p>\r\n" for line in above), '<table border="1">\r\n']
    parts += (f"<tr>{''.join(row)}</tr>\r\n" for row in _heading_rows(headings, header_rows))
    parts += (f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>\r\n" for line in lines)
    with path.open("w", encoding=encoding, newline="") as stream:
        stream.writelines([*parts, "</table>\r\n</body></html>\r\n"])


def _text(cell: Cell) -> str:
    if cell is None:
        return "&nbsp;"
    return escape(str(cell).lower() if isinstance(cell, bool) else str(cell))


def _heading_rows(headings: Sequence[tuple[str, ...]], header_rows: int) -> list[list[str]]:
    """One cell over all columns that share it, the last one down to the data."""
    rows: list[list[str]] = [[] for _ in range(header_rows)]
    for column, steps in enumerate(headings):
        for depth, step in enumerate(steps):
            is_last = depth == len(steps) - 1
            shared = steps[: depth + 1]
            if not is_last and column > 0 and headings[column - 1][: depth + 1] == shared:
                continue  # the cell of the column before reaches over this one
            right = column
            while not is_last and right + 1 < len(headings) and headings[right + 1][: depth + 1] == shared:
                right += 1
            down = header_rows - depth if is_last else 1
            spans = f' rowspan="{down}"' * (down > 1) + f' colspan="{right - column + 1}"' * (right > column)
            rows[depth].append(f"<th{spans}>{escape(step)}</th>")
    return rows

"""Grids: rows of cells with merged ranges, as workbooks and HTML tables have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.source import Excel, Html, Layout, Placement
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.formats.raw import Raw, check_headings, is_marked, placements
from dx_pipeline.vietnamese.spelling import normal

Cell = Any
"""What a reader gives: str, float, int, bool, date, datetime or time; '' or None where a cell is empty."""

Range = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell (row, column; from 0) of what is merged into one."""


@dataclass(frozen=True)
class Grid:
    """One sheet or table: its rows, all equally long, and its merged cells.

    `printed` gives a cell's text, by its position and how its column is printed.
    """

    rows: Sequence[Sequence[Cell]]
    merged: Sequence[Range]
    printed: Callable[[Cell, tuple[int, int], Placement], str | None]

    def headings(self, shape: Excel | Html) -> list[tuple[int, str]]:
        """The position and heading of each column that has a heading or anything under it."""
        origin: Mapping[tuple[int, int], tuple[int, int]] = {
            (row, column): (top, left)
            for (top, left), (bottom, right) in self.merged
            for row in range(top, min(bottom + 1, shape.preamble_rows + shape.header_rows))
            for column in range(left, right + 1)
        }
        found = []
        first, last = shape.preamble_rows, shape.preamble_rows + shape.header_rows
        for column in range(len(self.rows[first])):
            cells = dict.fromkeys(origin.get((row, column), (row, column)) for row in range(first, last))
            steps = [normal(str(self.rows[row][col])) for row, col in cells if is_filled(self.rows[row][col])]
            heading = " / ".join(step for step in steps if step)
            if heading or any(is_filled(row[column]) for row in self.rows[last:]):
                found.append((column, heading))
        return found

    def titles(self, shape: Excel | Html) -> tuple[str, ...]:
        """The rows above the headings, each as one line of text."""
        rows = self.rows[: shape.preamble_rows]
        return tuple(normal(" ".join(str(cell) for cell in row if is_filled(cell))) for row in rows)


def load(
    connection: duckdb.DuckDBPyConnection,
    grid: Grid,
    shape: Excel | Html,
    layout: Layout,
    name: str,
    more_titles: Sequence[str] = (),
) -> Raw:
    """Load a grid's lines: see `formats.load`. `more_titles` are above the grid itself."""
    first_row = shape.preamble_rows + shape.header_rows
    placed = grid.headings(shape)
    headings = check_headings([heading for _, heading in placed], layout, first_row)
    placed_as = placements(layout)
    data = [row for row in range(first_row, len(grid.rows)) if any(map(is_filled, grid.rows[row]))]
    columns: dict[str, pa.Array] = {
        "line": pa.array([row + 1 for row in data], pa.int64()),
        "fault": pa.nulls(len(data), pa.string()),
    }
    for (position, _), heading in zip(placed, headings, strict=True):
        texts = [grid.printed(grid.rows[row][position], (row, position), placed_as[heading]) for row in data]
        columns[heading] = pa.array(texts, pa.string())
    connection.register("grid_as_arrow", pa.table(columns))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT * FROM grid_as_arrow")
    connection.unregister("grid_as_arrow")
    titles = (*more_titles, *grid.titles(shape))
    return Raw(name, len(data), is_marked(titles), titles)


def is_filled(cell: Cell) -> bool:
    """Whether there is anything in a cell."""
    return not (cell is None or (isinstance(cell, str) and not cell.strip()))

"""Odd lines: those of a scanned delivery that are not canonical are loaded as those of any other are."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from dx_pipeline import formats
from dx_pipeline.declarations.source import Layout
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import physical_line
from dx_pipeline.formats.raw import Raw
from dx_pipeline.formats.text import private_file
from dx_pipeline.reading.scan import Scanned

NUMBERS = "odd_line_numbers"


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, scanned: Scanned, name: str) -> Raw | None:
    """Load the odd lines of a delivery; None where something is wrong with the delivery as a whole.

    The result has the rows in of the whole delivery; its table has the odd lines alone, if there are any.
    """
    rows = 0
    if scanned.odd:
        with private_file(connection) as private:
            with private.open("wb") as written:
                written.writelines(line for _, line in physical_line.pick(path, scanned.searched))
            try:
                rows = formats.load(connection, private, layout, name).rows
            except DeliveryRefusedError:
                return None
        _number(connection, scanned, name)
    return Raw(name, scanned.count + rows, scanned.is_synthetic, scanned.titles)


def _number(connection: duckdb.DuckDBPyConnection, scanned: Scanned, name: str) -> None:
    """Give the lines the numbers that they have in the delivery."""
    here = range(scanned.first, scanned.first + len(scanned.odd))
    connection.register(NUMBERS, pa.table({"line": pa.array(here), "in_delivery": pa.array(scanned.odd)}))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS"
        f" SELECT in_delivery AS line, lines.* EXCLUDE (line) FROM {quoted(name)} AS lines JOIN {NUMBERS} USING (line)"
    )
    connection.unregister(NUMBERS)

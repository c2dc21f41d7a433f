"""Reading: a delivery becomes rows of text, then typed rows, each accepted or accounted for.

    recognise   which of its source's layouts a delivery has
    load        its lines as text, one column a heading (`csv`, `excel`, `json`)
    rows        typed, held against the contract, split; nothing lost (`rows`, `conservation`)
"""

from __future__ import annotations

import duckdb

from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.landing import Delivery
from dx_pipeline.reading import csv, excel, json
from dx_pipeline.reading.raw import Raw, Reader
from dx_pipeline.source import Layout, Source

READERS: dict[str, Reader] = {
    "csv": csv.READER,
    "excel": excel.READER,
    "json": json.ENVELOPE,
    "ndjson": json.LINES,
}


def recognise(delivery: Delivery, source: Source) -> Layout:
    """The layout of a delivery: the one whose headings it has most of.

    A source with one layout always gets that one, so that its mistakes are told against it.

    Raises:
        DeliveryRefusedError: it has the headings of none of the source's layouts.
    """
    if len(source.deliveries) == 1:
        return source.deliveries[0]
    best, found = None, 0
    for layout in source.deliveries:
        try:
            headings = READERS[layout.format.kind].headings(delivery.content, layout)
        except DeliveryRefusedError:
            continue
        shared = len(set(headings) & set(layout.expected))
        if shared > found:
            best, found = layout, shared
    if best is None:
        shapes = "; or ".join(
            f"{layout.table} as {layout.format.kind} with {', '.join(layout.expected[:3])} …"
            for layout in source.deliveries
        )
        message = f"it is none of what this source delivers: {shapes}."
        raise DeliveryRefusedError(message)
    return best


def load(connection: duckdb.DuckDBPyConnection, delivery: Delivery, layout: Layout, name: str) -> Raw:
    """Load a delivery's lines as the temporary table `name`.

    The table has `line` (physical line, sheet row or record, from 1), `fault` (why the line is no
    record, or NULL) and one text column for each heading of the layout.

    Raises:
        DeliveryRefusedError: it cannot be read, lacks a heading or has an unknown one.
    """
    return READERS[layout.format.kind].load(connection, delivery.content, layout, name)

"""Reading: a delivery becomes rows of text, then typed rows, each accepted or accounted for.

recognise   which of its source's layouts a delivery has
load        its lines as text, one column a heading (`csv`, `excel`, `html`, `json`, `parquet`, `xroad`)
rows        typed, held against the contract, split; nothing lost (`rows`, `values`)

What the formats share: `text` (encodings, compression), `legacy` (letters from before Unicode),
`grid` (merged headings), `raw` (what is handed on). No message of theirs quotes what a cell says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from dx_pipeline.contract import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.reading import csv, excel, html, json, legacy, parquet, xroad
from dx_pipeline.reading.raw import Raw, Reader, as_declared
from dx_pipeline.source import Layout, Source

if TYPE_CHECKING:
    from dx_pipeline.landing import Delivery  # the door in front of landing reads, too

READERS: dict[str, Reader] = {
    "csv": csv.READER,
    "excel": excel.READER,
    "html": html.READER,
    "json": json.ENVELOPE,
    "ndjson": json.LINES,
    "parquet": parquet.READER,
    "xroad": xroad.READER,
}


BUNDLE_BYTES = 12 * 1024 * 1024
"""How much of what is read at once may be, as it lies on the disk."""


def recognise(delivery: Delivery, source: Source) -> Layout:
    """The layout of a delivery: the one whose headings it has most of.

    A source with one layout always gets that one, so that its mistakes are told against it.

    Raises:
        DeliveryRefusedError: it has the headings of none of the source's layouts, or the door kept
            nothing of it.
    """
    if delivery.entry.withheld is not None:
        raise DeliveryRefusedError(delivery.entry.withheld)
    layout = layout_of(delivery.content, source)
    if layout is None:
        _refuse_unreadable(delivery.content, source)
        shapes = "; or ".join(
            f"{layout.table} as {layout.format.kind} with {', '.join(layout.expected[:3])} …"
            for layout in source.deliveries
        )
        raise DeliveryRefusedError(f"it is none of what this source delivers: {shapes}.")
    return layout


def _refuse_unreadable(path: Path, source: Source) -> None:
    """Refuse a file for the reason why it cannot be read, where it is the same in every layout."""
    problems = []
    for layout in source.deliveries:
        try:
            READERS[layout.format.kind].headings(path, layout)
        except DeliveryRefusedError as refusal:
            problems.append(refusal)
    if len(problems) == len(source.deliveries) and len(set(map(str, problems))) == 1:
        raise problems[0]


def layout_of(path: Path, source: Source) -> Layout | None:
    """The layout that a file is told against; None where it has the headings of none."""
    if len(source.deliveries) == 1:
        return source.deliveries[0]
    best, most = None, 0
    for layout in source.deliveries:
        shared = headings_shared(path, layout)
        if shared > most:
            best, most = layout, shared
    return best


def headings_shared(path: Path, layout: Layout) -> int:
    """How many of a layout's headings a file has; none where it cannot be read as that layout says."""
    try:
        found = READERS[layout.format.kind].headings(path, layout)
    except DeliveryRefusedError:
        return 0
    return len(set(as_declared(found, layout)) & set(layout.expected))


def load(connection: duckdb.DuckDBPyConnection, delivery: Delivery, layout: Layout, name: str) -> Raw:
    """Load a delivery's lines as the temporary table `name`.

    The table has `line` (physical line, sheet row or record, from 1), `fault` (why the line is no
    record, or NULL) and one text column for each heading of the layout.

    Raises:
        DeliveryRefusedError: it cannot be read, lacks a heading or has an unknown one, or its
            letters are not in Unicode.
    """
    try:
        raw = READERS[layout.format.kind].load(connection, delivery.content, layout, name)
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise  # the machine's trouble, not the delivery's
    except duckdb.Error:
        kind = layout.format.kind
        message = f"it is damaged and cannot be read as {kind}; ask the sender to send it again."
        raise DeliveryRefusedError(message) from None  # DuckDB's own words may quote a cell
    _refuse_legacy(connection, raw, layout)
    return raw


def in_bundles(deliveries: Sequence[tuple[Delivery, Layout]]) -> Iterator[list[tuple[Delivery, Layout]]]:
    """The deliveries in their order, those together that are read at once: pages, up to some size."""
    bundle: list[tuple[Delivery, Layout]] = []
    size = 0
    for delivery, layout in deliveries:
        weight = delivery.content.stat().st_size
        is_page = READERS[layout.format.kind].load_pages is not None
        if bundle and not (is_page and bundle[0][1] is layout and size + weight <= BUNDLE_BYTES):
            yield bundle
            bundle, size = [], 0
        bundle.append((delivery, layout))
        size += weight
    if bundle:
        yield bundle


def load_pages(
    connection: duckdb.DuckDBPyConnection, bundle: Sequence[tuple[Delivery, Layout]], name: str
) -> list[Raw] | None:
    """Load a bundle of deliveries into one table `name`; None where one of them cannot be read."""
    layout = bundle[0][1]
    pages = READERS[layout.format.kind].load_pages
    assert pages is not None  # noqa: S101 - bundles are made of such deliveries alone
    try:
        return pages(connection, [delivery.content for delivery, _ in bundle], layout, name)
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except (duckdb.Error, DeliveryRefusedError):
        connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
        return None


def _refuse_legacy(connection: duckdb.DuckDBPyConnection, raw: Raw, layout: Layout) -> None:
    """Refuse a delivery with more legacy letters than Vietnamese ones in some column."""
    headings = list(layout.headers.values())
    beyond_ascii = ", ".join(f"bool_or(strlen({text}) > length({text}))" for text in map(quoted, headings))
    (has_letters,) = connection.execute(f"SELECT {beyond_ascii} FROM {quoted(raw.name)}").fetchall()
    for heading in compress(headings, has_letters):
        text = quoted(heading)
        signs = [legacy.VIETNAMESE, *(legacy.SIGNS[kind] for kind in legacy.NAMES)]
        counts = ", ".join(f"count(*) FILTER (regexp_matches({text}, {literal(sign)}))" for sign in signs)
        ((vietnamese, *found),) = connection.execute(
            f"SELECT {counts} FROM {quoted(raw.name)} WHERE strlen({text}) > length({text})"
        ).fetchall()
        for kind, count in zip(legacy.NAMES, found, strict=True):
            if count >= legacy.FEWEST_SIGNS and count > vietnamese:
                raise DeliveryRefusedError(legacy.advice(kind), column=heading)

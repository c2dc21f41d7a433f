"""Formats: how the bytes of a delivery become rows of text, one module a file format.

    csv, excel, html, json, parquet, xroad    each reads headings (to recognise a layout), then all lines
    text, grid, raw                           what they share: encodings, merged headings, what they return
    recognition                               why a file is not what its layout says
    refusal                                   what several of them say of a file that cannot be read
    limits, workbook_size                     how large a delivery may be

No message of a format quotes the content of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import duckdb

from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import csv, excel, html, json, parquet, recognition, refusal, text, xroad
from dx_pipeline.formats.raw import Raw, Reader, as_declared
from dx_pipeline.storage.database import OF_THE_SYSTEM
from dx_pipeline.vietnamese import legacy

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an Excel workbook of 1997 begins."""

READERS: dict[str, Reader] = {
    "csv": csv.READER,
    "excel": excel.READER,
    "html": html.READER,
    "json": json.ENVELOPE,
    "ndjson": json.LINES,
    "parquet": parquet.READER,
    "xroad": xroad.READER,
}


def check(path: Path) -> None:
    """Hold a file against the limits for its kind, in one pass, before anything is made of it: see `limits`.

    Raises:
        DeliveryRefusedError: it is too large, or a compressed one is not whole.
    """
    with path.open("rb") as handle:
        start = handle.read(8)
    if start.startswith(b"PK"):
        excel.check(path)
    elif start.startswith(b"PAR1"):
        parquet.check(path)
    elif not start.startswith(OLE_MAGIC):
        text.check(path)


def recognise(path: Path, source: Source) -> Layout:
    """The layout of a file: of the source's layouts, the one that it shares most headings with.

    A source with one layout always gets that one, so that errors are reported against it.

    Raises:
        DeliveryRefusedError: it has the headings of none of the source's layouts.
    """
    layout = layout_of(path, source)
    if layout is None:
        _refuse_unreadable(path, source)
        if (known := recognition.reason(path, source.deliveries)) is not None:
            raise known
        about = [(each.table, each.format.kind, ", ".join(each.expected[:3])) for each in source.deliveries]
        shapes = "; or ".join(f"{table} as {kind} with {first} …" for table, kind, first in about)
        shapes_vi = "; hoặc ".join(f"{table} dạng {kind} có {first} …" for table, kind, first in about)
        raise DeliveryRefusedError(
            f"it is none of what this source delivers: {shapes}.",
            f"tệp này không phải là gì trong những thứ nguồn này giao: {shapes_vi}.",
        )
    return layout


def layout_of(path: Path, source: Source) -> Layout | None:
    """The layout that a file is read with; None where it has the headings of none."""
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


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """Load a file's lines as the temporary table `name`.

    The table has `line` (physical line, sheet row or record, from 1), `fault` (why the line is no
    record, or NULL) and one text column for each heading of the layout.

    Raises:
        DeliveryRefusedError: it cannot be read, lacks a heading or has an unknown one, or its
            letters are not in Unicode.
    """
    try:
        raw = READERS[layout.format.kind].load(connection, path, layout, name)
    except DeliveryRefusedError as refused:
        known = recognition.reason(path, [layout]) if refused.line is not None else None
        raise known or refused from None
    except OF_THE_SYSTEM:
        raise
    except duckdb.Error:
        kind = layout.format.kind
        raise DeliveryRefusedError(
            f"it is damaged and cannot be read as {kind}; ask the sender to send it again.",
            f"tệp bị hỏng, không đọc được theo dạng {kind}; hãy đề nghị nơi gửi gửi lại.",
        ) from None  # DuckDB's own words may quote a cell
    _refuse_legacy(connection, raw, layout)
    return raw


def load_pages(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], layout: Layout, name: str
) -> list[Raw] | None:
    """Load several files of one layout into one table `name`; None if one of them cannot be read."""
    pages = READERS[layout.format.kind].load_pages
    assert pages is not None  # noqa: S101 - only formats with it are loaded in bundles
    try:
        return pages(connection, paths, layout, name)
    except OF_THE_SYSTEM:
        raise
    except (duckdb.Error, DeliveryRefusedError):
        connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")
        return None


def _refuse_unreadable(path: Path, source: Source) -> None:
    """Refuse a file that no layout can read, if the reason is the same for all."""
    problems = []
    for layout in source.deliveries:
        try:
            READERS[layout.format.kind].headings(path, layout)
        except DeliveryRefusedError as refused:
            problems.append(refused)
    if len(problems) == len(source.deliveries) and len(set(map(str, problems))) == 1:
        raise problems[0]


def _refuse_legacy(connection: duckdb.DuckDBPyConnection, raw: Raw, layout: Layout) -> None:
    """Refuse a file with more letters of a legacy encoding than Vietnamese ones in some column."""
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
                raise refusal.legacy_letters(kind, column=heading)

"""X-Road: records of operational monitoring, one line a record, whichever generation sent them.

An answer is split and unpacked here, and DuckDB reads its JSON: no record passes through Python. Pages are read
together, one for each thread of DuckDB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.source import Layout, XRoadAnswers
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.declarations.xroad import EXCHANGE_ID, OLDER, OPERATION
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import xroad_answer
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.raw import SYNTHETIC_KEY, Raw, Reader, format_of
from dx_pipeline.formats.text import bytes_of

STARTS_AT = 4096
NEEDED = {
    EXCHANGE_ID: ("xRequestId", "messageId"),
    OPERATION: ("serviceCode", "serviceVersion", "restPath"),
}
"""The fields from which the headings that are not the protocol's own are derived."""

FAULT = f"""
    CASE WHEN record IS NULL THEN 'not_json' WHEN record."{xroad_answer.REPEATED}" THEN 'repeated_name' END"""

PAGE = pa.schema([("page", pa.int32()), ("content", pa.string())])


def headings(path: Path, layout: Layout) -> list[str]:
    """All headings of the layout: every field of the protocol is optional, so a record may have any of them."""
    with bytes_of(path) as handle:
        start = handle.read(STARTS_AT)
    if not xroad_answer.is_answer(start):
        raise DeliveryRefusedError(
            "it is no answer of X-Road's operational monitoring; ask its operator for the answer as it came.",
            "đây không phải là trả lời của giám sát vận hành X-Road; hãy đề nghị đơn vị vận hành gửi nguyên trả lời.",
        )
    return list(layout.expected)


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    (raw,) = load_pages(connection, [path], layout, name)
    return raw


def load_pages(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], layout: Layout, name: str) -> list[Raw]:
    """Load answers into one table, each under its `page`, counted from 0."""
    announced: list[int | None] = []
    pages = pa.RecordBatchReader.from_batches(PAGE, _pages(paths, announced))
    connection.register("answers_as_arrow", pages)
    try:
        connection.execute(_statement(layout, name))
    finally:
        connection.unregister("answers_as_arrow")
    pages_read = connection.execute(
        f"SELECT page, count(*), coalesce(bool_or(is_marked), false) FROM {quoted(name)} GROUP BY page"
    ).fetchall()
    counted = {page: rest for page, *rest in pages_read}
    found = []
    for page, expected in enumerate(announced):
        count, is_synthetic = counted.get(page, (0, False))
        try:
            xroad_answer.check_count(expected, count)
        except AnswerError as error:
            raise DeliveryRefusedError(str(error), error.vi) from None
        found.append(Raw(name, count, is_synthetic, page=page))
    return found


def _pages(paths: Sequence[Path], announced: list[int | None]) -> Iterator[pa.RecordBatch]:
    """The JSON text of each answer, as DuckDB asks for it; what it announces is noted."""
    for page, path in enumerate(paths):
        try:
            packed = xroad_answer.packed(path.read_bytes())
            text = pa.array([packed.text], pa.binary()).cast(pa.string())
        except AnswerError as error:
            raise DeliveryRefusedError(str(error), error.vi) from None
        except pa.ArrowInvalid:
            raise DeliveryRefusedError(
                "its records are not UTF-8; ask its operator what changed.",
                "các bản ghi không phải UTF-8; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
            ) from None
        announced.append(packed.announced)
        yield pa.record_batch([pa.array([page], pa.int32()), text], schema=PAGE)


def _statement(layout: Layout, name: str) -> str:
    """The statement that makes the table of lines."""
    fields = dict.fromkeys(field for heading in layout.expected for field in _fields(heading))
    record = {**dict.fromkeys(fields, "VARCHAR"), xroad_answer.REPEATED: "BOOLEAN"}
    shape = json.dumps({SYNTHETIC_KEY: "BOOLEAN", "records": [record]})
    columns = ", ".join(f"{_expression(heading, layout)} AS {quoted(heading)}" for heading in layout.expected)
    return f"""
        CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
        WITH answer AS (SELECT page, from_json(content, {literal(shape)}) AS document FROM answers_as_arrow),
        numbered AS (
            SELECT page, document.{SYNTHETIC_KEY} AS is_marked,
                generate_subscripts(document.records, 1) AS line, unnest(document.records) AS record
            FROM answer
        )
        SELECT page, line, {FAULT} AS fault, is_marked, {columns} FROM numbered
        """


def _fields(heading: str) -> tuple[str, ...]:
    """The fields of a record that a heading is read from, the current generation's first."""
    return NEEDED.get(heading, (heading, *OLDER.get(heading, ())))


def _expression(heading: str, layout: Layout) -> str:
    if heading == OPERATION:
        return _operation(format_of(layout, XRoadAnswers).operations)
    texts = [f"nullif(record.{quoted(field)}, '')" for field in _fields(heading)]
    return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]


def _operation(templates: Sequence[str]) -> str:
    """Service code and version, as the register lists services; or a declared path, where it is one."""
    path = """record."serviceCode" || '/' || ltrim(record."restPath", '/')"""
    patterns = ["[^/]+".join(map(re.escape, re.split(r"\{[^{}]*\}", template))) + "/?" for template in templates]
    branches = "".join(
        f" WHEN regexp_full_match({path}, {literal(pattern)}) THEN {literal(template)}"
        for template, pattern in zip(templates, patterns, strict=True)
    )
    named = """record."serviceCode" || coalesce('.' || nullif(record."serviceVersion", ''), '')"""
    return f"CASE{branches} ELSE {named} END" if branches else named


READER = Reader(headings, load, load_pages)

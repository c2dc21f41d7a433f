"""JSON: an envelope around an array of records, or one object a line.

DuckDB turns a line that is no JSON into NULLs without a word, so lines are read as text and split
by `json_valid`; a record is its position in the array, or its physical line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.source import JsonEnvelope, Layout
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats.raw import SYNTHETIC_KEY, Raw, Reader, check_headings
from dx_pipeline.formats.text import opened, plain

LOOKED_AT = 100
"""How many records say which names a delivery uses, when its layout has yet to be recognised."""

MAX_LINE_BYTES = 64 * 1024 * 1024
SPACE = re.compile(r"[ \t\r\n]*")


def _names_of(records: list[Any]) -> list[str]:
    names = (name for record in records if isinstance(record, dict) for name in record)
    return [name for name in dict.fromkeys(names) if name != SYNTHETIC_KEY]


@dataclass(frozen=True)
class _Page:
    """One document of a delivery: its text, and what is in it."""

    text: str
    document: dict[str, Any]
    records: list[Any]


def _format(layout: Layout) -> JsonEnvelope:
    assert isinstance(layout.format, JsonEnvelope)  # noqa: S101 - chosen by the format
    return layout.format


def _pages(path: Path, layout: Layout) -> list[_Page]:
    """The documents of a delivery, in order.

    Raises:
        DeliveryRefusedError: it is no JSON, not whole, has no records, or not as many as it announces.
    """
    shape = _format(layout)
    with opened(path, "utf-8") as stream:
        content = stream.read()
    pages = []
    for text, document in _documents(content):
        records: Any = document
        for step in shape.records.split("."):
            records = records.get(step) if isinstance(records, dict) else None
        if not isinstance(records, list):
            message = f"it has no array '{shape.records}' of records; ask the sender what changed."
            raise DeliveryRefusedError(message)
        pages.append(_Page(text, document, records))
    if len(pages) > 1 and not shape.pages:
        message = (
            f"it is {len(pages)} JSON documents, not one; ask the sender for one,"
            " or declare 'pages: true' in its format."
        )
        raise DeliveryRefusedError(message)
    _check_counts(pages, shape)
    return pages


@lru_cache(maxsize=1)
def _documents(content: str) -> tuple[tuple[str, Any], ...]:
    """Each JSON document of a text, with the text of its own.

    The last text is remembered: a delivery is looked at once for every layout it may have.
    """
    return tuple(_each_document(content))


def _each_document(content: str) -> Iterator[tuple[str, Any]]:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    position = _after_space(content, 0)
    while True:
        try:
            document, end = decoder.raw_decode(content, position)
        except json.JSONDecodeError as error:
            message = f"it is not JSON ({error.msg}, column {error.colno}); ask the sender for the whole answer."
            raise DeliveryRefusedError(message, line=error.lineno) from None
        except (RecursionError, ValueError):
            message = "it is JSON that no record is written in; ask the sender for plain records."
            raise DeliveryRefusedError(message) from None
        yield content[position:end], document
        position = _after_space(content, end)
        if position == len(content):
            return


def _after_space(content: str, position: int) -> int:
    match = SPACE.match(content, position)
    return match.end() if match else position


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def _check_counts(pages: list[_Page], shape: JsonEnvelope) -> None:
    """Hold the records against the number announced: by each page for itself, or by each for all."""
    announced = [page.document.get(shape.count or "") for page in pages]
    found = [len(page.records) for page in pages]
    said = [number for number in announced if number is not None]
    if not said or said == [len(page.records) for page in pages if page.document.get(shape.count or "") is not None]:
        return
    if all(number == sum(found) for number in said):
        return
    if not all(isinstance(number, int) for number in said):
        message = f"'{shape.count}' is no number of records; ask the sender what changed."
        raise DeliveryRefusedError(message)
    message = f"it announces {sum(said) if len(said) > 1 else said[0]} records and holds {sum(found)}"
    raise DeliveryRefusedError(f"{message}; ask the sender for the whole answer.")


def _envelope_headings(path: Path, layout: Layout) -> list[str]:
    """The names that the first records use."""
    return _names_of([record for page in _pages(path, layout) for record in page.records][:LOOKED_AT])


def _load_envelope(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    pages = _pages(path, layout)
    steps = "".join(f'."{step}"' for step in _format(layout).records.split("."))
    texts = pa.table({"page": list(range(len(pages))), "content": pa.array([page.text for page in pages], pa.string())})
    connection.register("pages_as_arrow", texts)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(f"{name} records")} AS
        SELECT row_number() OVER (ORDER BY page, position) AS line, text
        FROM (
            SELECT page, unnest(range(len(records))) AS position, unnest(records) AS text
            FROM (
                SELECT page, from_json(json_extract(content, {literal("$" + steps)}), '["JSON"]') AS records
                FROM pages_as_arrow
            )
        )
        """
    )
    connection.unregister("pages_as_arrow")
    is_synthetic = any(page.document.get(SYNTHETIC_KEY) is True for page in pages)
    has_records = any(page.records for page in pages)
    return _spread(connection, layout, name, has_records=has_records, is_synthetic=is_synthetic)


def _lines_headings(path: Path, _layout: Layout) -> list[str]:
    """The names that the first lines use.

    Raises:
        DeliveryRefusedError: it is no text in UTF-8, or no line of it is a JSON object.
    """
    records: list[Any] = []
    with opened(path, "utf-8") as text:
        while len(records) < LOOKED_AT and (line := text.readline(MAX_LINE_BYTES)):
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    names = _names_of(records)
    if not names:
        message = "no line of it is a JSON object; ask the sender for one object a line."
        raise DeliveryRefusedError(message, line=1)
    return names


def _load_lines(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    _lines_headings(path, layout)
    with plain(connection, path, "utf-8") as text:
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {quoted(f"{name} records")} AS
            SELECT line, text FROM (
                SELECT row_number() OVER () AS line, rtrim(text, chr(13)) AS text
                FROM read_csv($path, auto_detect = false, header = false,
                    columns = {{'text': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
                    strict_mode = false, max_line_size = {MAX_LINE_BYTES})
            )
            WHERE trim(coalesce(text, '')) <> ''
            """,
            {"path": str(text)},
        )
    (marked,), *_ = connection.execute(
        f"""SELECT coalesce(bool_or(
                CASE WHEN json_valid(text) THEN json_extract_string(text, '$.{SYNTHETIC_KEY}') = 'true' END), false)
            FROM {quoted(f"{name} records")}"""
    ).fetchall()
    return _spread(connection, layout, name, has_records=True, is_synthetic=marked)


def _spread(
    connection: duckdb.DuckDBPyConnection, layout: Layout, name: str, *, has_records: bool, is_synthetic: bool
) -> Raw:
    """Turn `<name> records` (line, text) into one column a heading."""
    records = quoted(f"{name} records")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {quoted(f"{name} checked")} AS
            SELECT line, text, CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END AS is_object
            FROM {records}"""
    )
    names = {heading: heading for heading in layout.expected}
    if has_records:
        names |= _check_names(connection, layout, f"{name} checked")
    structure = ", ".join(f'"{printed}": "VARCHAR"' for printed in map(_json_escaped, names.values()))
    columns = ", ".join(f"record[{literal(printed)}] AS {quoted(heading)}" for heading, printed in names.items())
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
        SELECT line, CASE WHEN NOT is_object THEN 'not_json' END AS fault, {columns}
        FROM (
            SELECT line, is_object,
                json_transform(CASE WHEN is_object THEN text ELSE '{{}}' END,
                    {literal("{" + structure + "}")}) AS record
            FROM {quoted(f"{name} checked")}
        )
        """
    )
    (rows,), *_ = connection.execute(f"SELECT count(*) FROM {records}").fetchall()
    for part in ("records", "checked"):
        connection.execute(f"DROP TABLE {quoted(f'{name} {part}')}")
    return Raw(name, rows, is_synthetic)


def _check_names(connection: duckdb.DuckDBPyConnection, layout: Layout, checked: str) -> dict[str, str]:
    """Hold the names in use against the layout; returns how each heading is spelt in the delivery."""
    found = connection.execute(
        f"""
        SELECT name, min(line) FROM (
            SELECT line, unnest(json_keys(text)) AS name FROM {quoted(checked)} WHERE is_object
        )
        WHERE name <> $synthetic GROUP BY name ORDER BY min(line), name
        """,
        {"synthetic": SYNTHETIC_KEY},
    ).fetchall()
    unknown = next((line for name, line in found if name not in layout.expected), 1)
    printed = [name for name, _ in found]
    return dict(zip(check_headings(printed, layout, unknown), printed, strict=True))


def _json_escaped(heading: str) -> str:
    return json.dumps(heading, ensure_ascii=False)[1:-1]


ENVELOPE = Reader(_envelope_headings, _load_envelope)
LINES = Reader(_lines_headings, _load_lines)

"""JSON: an envelope around an array of records, or one object a line.

DuckDB turns a line that is no JSON into NULLs without a word, so lines are read as text and split
by `json_valid`; a record is its position in the array, or its physical line.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.contract import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.reading.raw import SYNTHETIC_KEY, Raw, Reader, check_headings
from dx_pipeline.source import JsonEnvelope, Layout

LOOKED_AT = 100
"""How many records say which names a delivery uses, when its layout has yet to be recognised."""

MAX_LINE_BYTES = 64 * 1024 * 1024


def _names_of(records: list[Any]) -> list[str]:
    names = (name for record in records if isinstance(record, dict) for name in record)
    return [name for name in dict.fromkeys(names) if name != SYNTHETIC_KEY]


def _envelope(path: Path, layout: Layout) -> tuple[dict[str, Any], list[Any]]:
    assert isinstance(layout.format, JsonEnvelope)  # noqa: S101 - chosen by the format
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; ask the sender for JSON in UTF-8."
        raise DeliveryRefusedError(message) from error
    except json.JSONDecodeError as error:
        message = f"it is not JSON ({error.msg}, column {error.colno}); ask the sender for the whole answer."
        raise DeliveryRefusedError(message, line=error.lineno) from error
    records: Any = document
    for step in layout.format.records.split("."):
        records = records.get(step) if isinstance(records, dict) else None
    if not isinstance(records, list):
        message = f"it has no array '{layout.format.records}' of records; ask the sender what changed."
        raise DeliveryRefusedError(message)
    announced = document.get(layout.format.count) if layout.format.count else None
    if announced is not None and announced != len(records):
        message = f"it announces {announced} records and holds {len(records)}; ask the sender for the whole answer."
        raise DeliveryRefusedError(message)
    return document, records


def _envelope_headings(path: Path, layout: Layout) -> list[str]:
    """The names that the first records use."""
    return _names_of(_envelope(path, layout)[1][:LOOKED_AT])


def _load_envelope(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    document, records = _envelope(path, layout)
    assert isinstance(layout.format, JsonEnvelope)  # noqa: S101 - chosen by the format
    steps = "".join(f'."{step}"' for step in layout.format.records.split("."))
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(f"{name} records")} AS
        SELECT unnest(range(1, len(records) + 1)) AS line, unnest(records) AS text
        FROM (
            SELECT from_json(json_extract(content, {literal("$" + steps)}), '["JSON"]') AS records
            FROM read_text($path)
        )
        """,
        {"path": str(path)},
    )
    is_synthetic = bool(document.get(SYNTHETIC_KEY)) if isinstance(document, dict) else False
    return _spread(connection, layout, name, has_records=bool(records), is_synthetic=is_synthetic)


def _lines_headings(path: Path, _: Layout) -> list[str]:
    """The names that the first lines use.

    Raises:
        DeliveryRefusedError: it is no text in UTF-8, or no line of it is a JSON object.
    """
    records = []
    try:
        with path.open(encoding="utf-8-sig") as text:
            for line in islice(text, LOOKED_AT):
                try:
                    records.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8; ask the sender for JSON in UTF-8."
        raise DeliveryRefusedError(message) from error
    names = _names_of(records)
    if not names:
        message = "no line of it is a JSON object; ask the sender for one object a line."
        raise DeliveryRefusedError(message, line=1)
    return names


def _load_lines(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    _lines_headings(path, layout)
    try:
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
            {"path": str(path)},
        )
    except duckdb.Error as error:
        message = f"it cannot be read as lines of text ({str(error).splitlines()[0]})."
        raise DeliveryRefusedError(message) from error
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
    if has_records:
        _check_names(connection, layout, f"{name} checked")
    structure = ", ".join(f'"{heading}": "VARCHAR"' for heading in map(_json_escaped, layout.expected))
    columns = ", ".join(
        f"record[{literal(heading)}] AS {quoted(heading)}" for heading in layout.expected
    )
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


def _check_names(connection: duckdb.DuckDBPyConnection, layout: Layout, checked: str) -> None:
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
    check_headings([name for name, _ in found], layout, unknown)


def _json_escaped(heading: str) -> str:
    return json.dumps(heading, ensure_ascii=False)[1:-1]


ENVELOPE = Reader(_envelope_headings, _load_envelope)
LINES = Reader(_lines_headings, _load_lines)

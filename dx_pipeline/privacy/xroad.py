"""Privacy filter of answers of X-Road's operational monitoring: only fields of a list may be kept.

An answer with any other field is written anew without it; so is one with a query string or a long number in a path,
and one whose SOAP part says who asked. Most pages are clean, and filtering must not take longer than reading: DuckDB
reads a page, and each different value is looked at once.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.declarations.sql import literal
from dx_pipeline.declarations.xroad import ORDER, PERIOD
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import xroad_answer
from dx_pipeline.formats.json import as_text
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.formats.xroad_answer import Packed
from dx_pipeline.privacy import xroad_value
from dx_pipeline.storage.database import OF_THE_SYSTEM

WHITE_SPACE = np.frombuffer(b" \t\r\n", np.uint8)
AROUND = frozenset({*PERIOD, SYNTHETIC_KEY})
FIELD = "exchange_field"
TEXTS = [name for name in ORDER if name not in xroad_value.FIGURES]
ARE_NUMBERS = [
    f'TRY_CAST(record."{name}" AS BIGINT)::VARCHAR = record."{name}"' for name in ORDER if name in xroad_value.FIGURES
]
FIGURES_READ = "figures_read"
RECORDS = f"""
    SELECT {", ".join(f'record."{name}"' for name in TEXTS)},
        {" + ".join(f"coalesce({is_number}, false)::INTEGER" for is_number in ARE_NUMBERS)} AS {FIGURES_READ}
    FROM (
        SELECT unnest(from_json(content, {literal(json.dumps({"records": [dict.fromkeys(ORDER, "VARCHAR")]}))}).records)
            AS record
        FROM page
    )
"""
"""Reads the records of a document. What is no object is refused, but for null: a record without any value."""


def answer(path: Path, target: Path) -> Counter[str]:
    """Filter an answer; what may stay is written to `target`, as a fetched page lands, if that is not everything."""
    try:
        content = path.read_bytes()
        packed = xroad_answer.packed(content)
        if content.lstrip().startswith(b"--"):
            packed = replace(packed, is_bare=packed.is_bare and xroad_value.is_clean_around(content))
        if packed.is_bare and _is_clean(packed):
            return Counter()
        return written_anew(packed, target)
    except AnswerError as error:
        raise DeliveryRefusedError(str(error), error.vi) from None


def _is_clean(answer: Packed) -> bool:
    """Whether a document has only fields that may be kept, each with a value that may stay.

    DuckDB reads the fields that are known. There is nothing else if the text has as many names as values were read
    (what is there twice, or within another value, is one name more), and as many objects as records. False where that
    is not certain.
    """
    text = answer.text
    if b"\\" in text or text.count(b"[") != 1 or text.count(b"]") != 1:
        return False
    around = xroad_answer.document(text[: text.index(b"[") + 1] + text[text.index(b"]") :])
    if not all(isinstance(value, int) for name, value in around.items() if name != "records"):
        return False
    if not around.keys() <= {*AROUND, "records"}:
        return False
    try:
        records = _read(text)
    except OF_THE_SYSTEM:
        raise
    except (duckdb.Error, pa.ArrowInvalid):
        return False  # reading it says what is wrong
    xroad_answer.check_count(answer.announced, len(records))
    texts = [records.column(name) for name in TEXTS]
    values = sum(len(column) - column.null_count for column in texts) + (
        pc.sum(records.column(FIGURES_READ)).as_py() or 0
    )
    if _names(text) != values + len(around) or text.count(b"{") != len(records) + 1:
        return False
    return all(
        xroad_value.kept(name, value)[1] is None and "{" not in value
        for name, column in zip(TEXTS, texts, strict=True)
        for value in _distinct(name, column)
    )


def _names(text: bytes) -> int | None:
    """How many names a JSON text has: quotes before colons. No text has these two signs without a backslash.

    None where there is a blank before a colon, which may be a name, too.
    """
    signs = np.frombuffer(text, np.uint8)
    before = signs[np.flatnonzero(signs == ord(":")) - 1]
    return None if np.isin(before, WHITE_SPACE).any() else int(np.count_nonzero(before == ord('"')))


def _distinct(name: str, column: pa.ChunkedArray) -> list[str]:
    """The different values of a field, as far as it matters: random parts of ids do not."""
    if name in xroad_value.IDS:
        column = pc.replace_substring_regex(column, xroad_value.UUID, "")
    return [value for value in pc.unique(column).to_pylist() if value is not None]


def _read(text: bytes) -> pa.Table:
    """The records of a JSON document: their fields of text, and how many of their figures are numbers."""
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    content = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text))
    content.validate(full=True)  # it is UTF-8
    connection = _database().cursor()
    connection.register("page", pa.table({"content": content}))
    try:
        return connection.sql(RECORDS).to_arrow_table()
    finally:
        connection.close()


@lru_cache(maxsize=1)  # one thread, no files: a filter has no settings, and an instance takes long to start
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


def written_anew(answer: Packed, target: Path) -> Counter[str]:
    """Write the fields that may be kept, as fetched pages land."""
    found: Counter[str] = Counter()
    document = xroad_answer.document(answer.text)
    records = document["records"]
    xroad_answer.check_count(answer.announced, len(records))
    kept = [_kept(record, found) for record in records]
    found["repeated_name"] += sum(xroad_answer.REPEATED in record for record in kept)
    around = {name: value for name, value in document.items() if name in AROUND and isinstance(value, int)}
    found[FIELD] += len(document) - len(around) - 1
    found["document_part"] += not answer.is_bare
    found = +found
    if found:
        content = as_text({**around, "records": kept}, is_compact=True).encode()
        target.write_bytes(gzip.compress(content, 6, mtime=0))
    return found


def _kept(record: dict[str, Any], found: Counter[str]) -> xroad_answer.Record:
    kept = xroad_answer.projected(record)
    found[FIELD] += sum(value is not None and name not in kept for name, value in record.items())
    for name in list(kept):
        value = record[name]
        if isinstance(value, bool):
            continue
        text, kind = xroad_value.kept(name, str(value))
        if kind is not None:
            found[kind] += 1
            if text is None:
                del kept[name]
            else:
                kept[name] = text
    return kept

"""Answers of X-Road's operational monitoring: only fields that may be kept, whatever a server sends.

What may be kept is a list of names, so an answer with any other field is written anew, without it;
so is one with a query string or a long number in a path, and one whose SOAP part says who asked.
The names in use and the paths are told by DuckDB, page by page: a page in which nothing has to go is
never taken apart in Python.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline.connector import xroad_answer
from dx_pipeline.connector.xroad_answer import ORDER, PERIOD, AnswerError, Packed
from dx_pipeline.contract import Contract
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.reading.raw import SYNTHETIC_KEY
from dx_pipeline.source import Layout

PLAIN = frozenset({"VARCHAR", "BOOLEAN", "UBIGINT", "BIGINT", "NULL"})
"""The types of values that the protocol knows, as DuckDB calls them."""

AROUND = frozenset({*PERIOD, SYNTHETIC_KEY})
FIELD, QUERY, NUMBER, PART = "exchange_field", "query_string", "identity_number", "document_part"


def judged(path: Path, target: Path, _layout: Layout | None, _contract: Contract | None) -> Counter[str]:
    """Judge an answer; write what may be kept of it to `target`, as a page lands, if anything had to go.

    Raises:
        DeliveryRefusedError: it is no answer, or not a whole one.
    """
    try:
        answer = xroad_answer.packed(path.read_bytes())
        if answer.is_bare and _is_clean(answer):
            return Counter()
        return _written_anew(answer, target)
    except AnswerError as error:
        raise DeliveryRefusedError(str(error)) from None


def _is_clean(answer: Packed) -> bool:
    """Whether there is nothing in a document but fields that may be kept, each of a plain value."""
    structure, count, restpaths = _looked_into(answer.text)
    _check_count(answer, count)
    around = set(structure) - {"records"}
    records = structure.get("records")
    names = records[0] if isinstance(records, list) and records else {}
    return (
        around <= AROUND
        and all(isinstance(structure[name], str) for name in around)
        and isinstance(names, dict)
        and names.keys() <= set(ORDER)
        and all(isinstance(kind, str) and kind in PLAIN for kind in names.values())
        # A path that stands twice in a record, or under an escaped name, would not be among those found.
        and answer.text.count(b'"restPath"') == len(restpaths)
        and all(path is None or xroad_answer.bare_path(path) == path for path in set(restpaths))
    )


def _looked_into(text: bytes) -> tuple[dict[str, Any], int | None, list[str | None]]:
    """The names and types in a JSON document, how many records it has, and the paths of those.

    Raises:
        AnswerError: it is no JSON in UTF-8, or no object.
    """
    try:
        page = pa.table({"content": pa.array([text], pa.binary()).cast(pa.string())})
        connection = _database().cursor()
        connection.register("page", page)
        ((structure, count, paths),) = connection.execute(
            """
            SELECT json_structure(content), json_array_length(content, '$.records'),
                json_extract_string(content, '$.records[*].restPath')
            FROM page
            """
        ).fetchall()
        connection.close()
    except (duckdb.Error, pa.ArrowInvalid):
        raise AnswerError("its records are not JSON; ask its operator what changed.") from None
    told = json.loads(structure)
    if not isinstance(told, dict):
        raise AnswerError("it has no array 'records' of objects; ask its operator what changed.")
    return told, count, paths


@lru_cache(maxsize=1)
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


def _check_count(answer: Packed, count: int | None) -> None:
    if answer.announced is not None and count is not None:
        xroad_answer.check_count(answer.announced, count)


def _written_anew(answer: Packed, target: Path) -> Counter[str]:
    """Write the fields that may be kept, in the form in which fetched pages land."""
    document = xroad_answer.document(answer.text)
    records = document["records"]
    _check_count(answer, len(records))
    found: Counter[str] = Counter()
    kept = [_kept(record, found) for record in records]
    around = {name: value for name, value in document.items() if name in AROUND and isinstance(value, int)}
    found[FIELD] += len(document) - len(around) - 1
    found[PART] += not answer.is_bare
    found = +found
    if found:
        content = json.dumps({**around, "records": kept}, ensure_ascii=False, separators=(",", ":")).encode()
        target.write_bytes(gzip.compress(content, 6, mtime=0))
    return found


def _kept(record: dict[str, Any], found: Counter[str]) -> xroad_answer.Record:
    kept = xroad_answer.projected(record)
    found[FIELD] += sum(value is not None and name not in kept for name, value in record.items())
    path = record.get("restPath")
    if "restPath" in kept and kept["restPath"] != path:
        found[QUERY if any(sign in str(path) for sign in "?#;") else NUMBER] += 1
    return kept

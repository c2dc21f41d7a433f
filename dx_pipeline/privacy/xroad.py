"""Privacy filter of answers of X-Road's operational monitoring: only fields of a list may be kept.

An answer with any other field is written anew without it; so is one with a query string or a long number in a path,
and one whose SOAP part says who asked. Most pages are clean, and filtering must not take longer than reading: a page
is searched for names as a whole, and parsed only if something is found.
"""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dx_pipeline.declarations.xroad import ORDER, PERIOD
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import xroad_answer
from dx_pipeline.formats.json import as_text
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.formats.xroad_answer import Packed
from dx_pipeline.privacy import xroad_value
from dx_pipeline.storage.database import OF_THE_SYSTEM

LONGEST = 64
"""No name that is known is as long as that, in bytes."""

WHITE_SPACE = np.frombuffer(b" \t\r\n", np.uint8)
AROUND = frozenset({*PERIOD, SYNTHETIC_KEY})
FIELD = "exchange_field"


def answer(path: Path, target: Path) -> Counter[str]:
    """Filter an answer; what may stay is written to `target`, as a fetched page lands, if that is not everything."""
    try:
        content = path.read_bytes()
        packed = xroad_answer.packed(content)
        if content.lstrip().startswith(b"--"):
            packed = replace(packed, is_bare=packed.is_bare and xroad_value.is_clean_around(content))
        if packed.is_bare and _is_clean(packed):
            return Counter()
        return _written_anew(packed, target)
    except AnswerError as error:
        raise DeliveryRefusedError(str(error), error.vi) from None


def _is_clean(answer: Packed) -> bool:
    """Whether a document has only fields that may be kept, each with a plain value.

    False where that is not certain without parsing: an escaped letter or a second array.
    """
    text = answer.text
    count = _count(text)
    xroad_answer.check_count(answer.announced, count)
    if b"\\" in text or text.count(b"[") != 1 or count is None or text.count(b"{") != count + 1:
        return False
    ends = _ends_of_names(text)
    if ends is None or any(xroad_value.kept("restPath", path)[1] for path in _paths(text, ends)):
        return False
    return xroad_value.are_clean(text)


def _ends_of_names(text: bytes) -> npt.NDArray[np.int64] | None:
    """Where in a JSON text the names `restPath` end; None where there is a name that may not be kept, or one twice.

    Every name ends with a quote and a colon, and no text has these two without a backslash. The bytes before all
    colons are compared with a known name at once, eight at a time.
    """
    padded = np.frombuffer(b" " * LONGEST + text, np.uint8)
    colons = np.flatnonzero(padded == ord(":"))
    before = padded[colons - 1]
    if np.isin(before, WHITE_SPACE).any():
        return None
    colons = colons[before == ord('"')]  # any other colon is within a text
    records = np.flatnonzero(padded == ord("{"))
    words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))
    last = words[colons - 8]
    known, paths = 0, colons[:0]
    for name in (*ORDER, *AROUND, "records"):
        token = f'"{name}"'.encode().rjust(LONGEST, b" ")
        found = colons[last == np.frombuffer(token[-8:], "<u8")[0]]
        for start in range(8, len(name) + 2, 8):
            rest = f'"{name}"'.encode()[:-start][-8:]
            mask = np.frombuffer((b"\xff" * len(rest)).rjust(8, b"\0"), "<u8")[0]
            found = found[words[found - start - 8] & mask == np.frombuffer(rest.rjust(8, b"\0"), "<u8")[0]]
        known += len(found)
        if not np.diff(np.searchsorted(records, found)).all():
            return None  # a record has the name twice
        if name == "restPath":
            paths = found
    return paths - LONGEST if known == len(colons) else None


def _paths(text: bytes, ends: npt.NDArray[np.int64]) -> set[str]:
    """The different texts that follow the names which end at `ends`."""
    found = set()
    for end in ends.tolist():
        start = text.index(b'"', end) + 1
        found.add(text[start : text.index(b'"', start)])
    return {path.decode() for path in found}


def _count(text: bytes) -> int | None:
    """How many records a JSON document has; None where it has no array of them."""
    try:
        page = pa.table({"content": pa.array([text], pa.binary()).cast(pa.string())})
        connection = _database().cursor()
        connection.register("page", page)
        ((count,),) = connection.execute("SELECT json_array_length(content, '$.records') FROM page").fetchall()
        connection.close()
    except OF_THE_SYSTEM:
        raise
    except (duckdb.Error, pa.ArrowInvalid):
        raise xroad_answer.no_json() from None
    return None if count is None else int(count)


@lru_cache(maxsize=1)  # one thread, no files: a filter has no settings, and an instance takes long to start
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


def _written_anew(answer: Packed, target: Path) -> Counter[str]:
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

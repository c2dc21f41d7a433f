"""Privacy filter of documents that are read as a whole: JSON envelopes and Parquet files."""

from __future__ import annotations

import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import JsonEnvelope, Layout
from dx_pipeline.formats import limits, refusal
from dx_pipeline.formats.json import as_text, each_document, members, refuse_repeated
from dx_pipeline.formats.parquet import schema
from dx_pipeline.formats.raw import SYNTHETIC_KEY, as_declared
from dx_pipeline.formats.text import is_compressed, opened
from dx_pipeline.privacy import part
from dx_pipeline.privacy.column import ColumnFilter, column_filters
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.vietnamese import personal_data

SHORTEST_NUMBER = 100_000_000
"""No number of a person is smaller: it has nine digits at least."""


def envelope(
    path: Path, target: Path, layout: Layout | None, contract: Contract | None, *, has_codes: bool = False
) -> Counter[str]:
    """Filter JSON documents; what may stay is written to `target` if that is not everything."""
    with opened(path, "utf-8") as stream:
        text = limits.whole(stream)
    cleaner = Cleaner(layout, contract, has_codes=has_codes)
    found: Counter[str] = Counter()
    kept = [_cleaned(document, cleaner, layout, found) for _, document in each_document(text, members)]
    if found:
        content = "".join(as_text(document) + "\n" for document in kept).encode()
        target.write_bytes(gzip.compress(content, mtime=0) if is_compressed(path) else content)
    return found


def _cleaned(document: Any, cleaner: Cleaner, layout: Layout | None, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
    """A document with its records filtered by the layout, and what is around them by no layout."""
    shape = layout.format if layout is not None else None
    steps = shape.records.split(".") if isinstance(shape, JsonEnvelope) else []
    within = document
    for step in steps:
        refuse_repeated(within)
        within = within.get(step) if isinstance(within, dict) else None
    if not steps or not isinstance(within, list):
        return cleaner.anything(document, found)
    records = [cleaner.record(record, found) for record in within]
    around = cleaner.anything(_replaced(document, steps, []), found)
    return _replaced(around, steps, records)


def _replaced(document: Any, steps: list[str], content: list[Any]) -> Any:  # noqa: ANN401 - JSON
    """A copy of a document with other content at the place of its records."""
    step, *rest = steps
    inner = document.get(step, {}) if isinstance(document, dict) else {}
    return {
        **(document if isinstance(document, dict) else {}),
        step: _replaced(inner, rest, content) if rest else content,
    }


def parquet(
    path: Path, target: Path, layout: Layout | None, contract: Contract | None, *, has_codes: bool = False
) -> Counter[str]:
    """Filter a Parquet file; what may stay is written to `target` if that is not everything."""
    columns = schema(path)
    found: Counter[str] = Counter()
    kept: dict[str, pa.ChunkedArray] = {}
    try:
        table = pq.read_table(path)
        table.validate(full=True)
        for name, column in zip(columns.names, column_filters(columns.names, layout, contract), strict=True):
            if column.is_removed:
                found[column.announced or ""] += max(1, table[name].length() - table[name].null_count)
            else:
                title = _title(name, len(kept), layout, found)
                kept[title] = _kept(table[name], column, found, has_codes=has_codes and layout is None)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError):
        raise refusal.damaged_parquet() from None
    found += part.of_parquet(path)
    metadata = dict(columns.metadata or {})
    if found:
        mark = {SYNTHETIC_KEY: metadata[SYNTHETIC_KEY.encode()]} if SYNTHETIC_KEY.encode() in metadata else None
        pq.write_table(pa.table(kept).replace_schema_metadata(mark), target, compression="zstd")
    return found


def _title(name: str, position: int, layout: Layout | None, found: Counter[str]) -> str:
    """The name under which a column stays: its own, unless that is personal."""
    if layout is not None and as_declared([name], layout)[0] in layout.expected:
        return name
    personal = part.in_labels([name])
    found += personal
    return f"column {position + 1}" if personal else name


def _kept(values: pa.ChunkedArray, column: ColumnFilter, found: Counter[str], *, has_codes: bool) -> pa.ChunkedArray:
    """What may stay of a column. Only texts and, where nothing is declared, numbers can be personal data."""
    filled = values.length() - values.null_count
    if column.announced is not None:
        found[column.announced] += max(1, filled)
        return pa.chunked_array([pa.nulls(values.length(), values.type)])
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    is_whole = pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if not filled or not (is_text or is_number or is_whole) or (is_number and _are_plausible(values, column)):
        return values
    cleaned: dict[str, Any] = {}
    for text, amount in _amounts(values, is_whole=is_whole).items():
        if has_codes and personal_data.is_code(text):
            continue
        taken: Counter[str] = Counter()
        kept = column.cell(text, taken)
        if taken:
            cleaned[text] = kept or None if is_text else None
            found.update({kind: count * amount for kind, count in taken.items()})
    if not cleaned:
        return values
    kept_values = [cleaned.get(_printed(value), value) if value is not None else None for value in values.to_pylist()]
    return pa.chunked_array([pa.array(kept_values, kind)])


def _amounts(values: pa.ChunkedArray, *, is_whole: bool) -> Counter[str]:
    """The different values of a column as text, and how often each is there. Some types cannot be counted by Arrow."""
    if is_whole:
        return Counter(_printed(value) for value in values.to_pylist() if value is not None)
    counted = ((item["values"], item["counts"]) for item in values.value_counts().to_pylist())
    found: Counter[str] = Counter()
    for value, count in counted:
        if value is not None:
            found[_printed(value)] += count
    return found


def _are_plausible(values: pa.ChunkedArray, column: ColumnFilter) -> bool:
    """Whether all numbers of a column are as large as they may be: few enough digits to be nobody's number."""
    most = pc.max(pc.abs(values.cast(pa.float64(), safe=False))).as_py()
    return most is None or most < max(column.below, SHORTEST_NUMBER)


def _printed(value: Any) -> str:  # noqa: ANN401 - whatever a Parquet file has
    """A value as text; a whole number without decimals."""
    is_whole = isinstance(value, float | Decimal) and value == value // 1
    return str(int(value)) if is_whole else str(value)

"""Privacy filter of documents that are read as a whole: JSON envelopes and Parquet files."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import JsonEnvelope, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits
from dx_pipeline.formats.json import as_text, each_document, members, refuse_repeated
from dx_pipeline.formats.parquet import schema
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.formats.text import is_compressed, opened
from dx_pipeline.privacy.column import ColumnFilter, column_filters
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.vietnamese import personal_data

ARROW = b"ARROW:schema"


def envelope(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
    """Filter JSON documents; what may stay is written to `target` if that is not everything."""
    with opened(path, "utf-8") as stream:
        text = limits.whole(stream)
    cleaner = Cleaner(layout, contract)
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


def parquet(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
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
                kept[name] = _kept(table[name], column, found)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        raise DeliveryRefusedError("the Parquet file is damaged; ask the sender to send it again.") from None
    metadata = dict(columns.metadata or {})
    for key, value in metadata.items():
        if key != ARROW:
            text = f"{key.decode('utf-8', 'replace')} {value.decode('utf-8', 'replace')}"
            found.update(personal_data.strip(text)[1])
    if found:
        mark = {SYNTHETIC_KEY: metadata[SYNTHETIC_KEY.encode()]} if SYNTHETIC_KEY.encode() in metadata else None
        pq.write_table(pa.table(kept).replace_schema_metadata(mark), target, compression="zstd")
    return found


def _kept(values: pa.ChunkedArray, column: ColumnFilter, found: Counter[str]) -> pa.ChunkedArray:
    """What may stay of a column. Only texts and, where nothing is declared, numbers can be personal data."""
    filled = values.length() - values.null_count
    if column.announced is not None:
        found[column.announced] += max(1, filled)
        return pa.chunked_array([pa.nulls(values.length(), values.type)])
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    is_nested = pa.types.is_nested(values.type) or pa.types.is_binary(values.type)
    if not filled or not (is_text or is_nested or (column.shape is None and pa.types.is_integer(values.type))):
        return values
    texts = values.to_pylist() if is_nested else values.unique().to_pylist()
    cleaned = {}
    for text in map(str, (text for text in texts if text is not None)):
        taken: Counter[str] = Counter()
        kept = column.cell(text, taken)
        if taken:
            cleaned[text] = kept or None if is_text else None
            amount = 1 if is_nested else pc.sum(pc.equal(values.cast(pa.string()), text)).as_py()
            found.update({kind: count * amount for kind, count in taken.items()})
    if not cleaned:
        return values
    kept_values = [cleaned.get(str(value), value) if value is not None else None for value in values.to_pylist()]
    return pa.chunked_array([pa.array(kept_values, values.type)])

"""Documents that are read whole: JSON envelopes and Parquet files."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import JsonEnvelope, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats.parquet import schema
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.formats.text import bytes_of, is_compressed
from dx_pipeline.privacy.column import Judge, judges
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.vietnamese import personal_data as values

PANDAS, ARROW = b"pandas", b"ARROW:schema"


def envelope(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
    """Judge JSON documents; write them anew to `target` if anything had to be taken out of them.

    Raises:
        ValueError: it is no JSON.
        DeliveryRefusedError: a compressed file is damaged.
    """
    with bytes_of(path) as handle:
        text = handle.read().decode("utf-8-sig")
    cleaner = Cleaner(layout, contract)
    found: Counter[str] = Counter()
    kept, position = [], 0
    decoder = json.JSONDecoder(object_pairs_hook=cleaner.pairs)
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        document, position = decoder.raw_decode(text, position)
        kept.append(_cleaned(document, cleaner, layout, found))
    if found:
        content = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in kept).encode()
        target.write_bytes(gzip.compress(content, mtime=0) if is_compressed(path) else content)
    return found


def _cleaned(document: Any, cleaner: Cleaner, layout: Layout | None, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
    """A document with its records judged by the layout, and what is around them as anything else."""
    shape = layout.format if layout is not None else None
    steps = shape.records.split(".") if isinstance(shape, JsonEnvelope) else []
    within = document
    for step in steps:
        within = within.get(step) if isinstance(within, dict) else None
    if not steps or not isinstance(within, list):
        return cleaner.anything(document, found)
    records = [cleaner.record(record, found) for record in within]
    around = cleaner.anything(_replaced(document, steps, []), found)
    return _replaced(around, steps, records)


def _replaced(document: Any, steps: list[str], content: list[Any]) -> Any:  # noqa: ANN401 - JSON
    """A copy of a document with other content at the place of its records."""
    step, *rest = steps
    held = document.get(step, {}) if isinstance(document, dict) else {}
    return {
        **(document if isinstance(document, dict) else {}),
        step: _replaced(held, rest, content) if rest else content,
    }


def parquet(path: Path, target: Path, layout: Layout | None, contract: Contract | None) -> Counter[str]:
    """Judge a Parquet file; write it anew to `target` if anything had to be taken out of it.

    Raises:
        DeliveryRefusedError: it is no Parquet file, or not a whole one.
    """
    columns = schema(path)
    found: Counter[str] = Counter()
    kept: dict[str, pa.ChunkedArray] = {}
    try:
        table = pq.read_table(path)
        table.validate(full=True)
        for name, judge in zip(columns.names, judges(columns.names, layout, contract), strict=True):
            if judge.is_removed:
                found[judge.kind or ""] += max(1, table[name].length() - table[name].null_count)
            else:
                kept[name] = _column(table[name], judge, found)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        message = "the Parquet file is damaged; ask the sender to send it again."
        raise DeliveryRefusedError(message) from None
    metadata = dict(columns.metadata or {})
    for key, said in metadata.items():
        if key != ARROW:
            found.update(values.strip(f"{key.decode('utf-8', 'replace')} {said.decode('utf-8', 'replace')}")[1])
    if found:
        mark = {SYNTHETIC_KEY: metadata[SYNTHETIC_KEY.encode()]} if SYNTHETIC_KEY.encode() in metadata else None
        pq.write_table(pa.table(kept).replace_schema_metadata(mark), target, compression="zstd")
    return found


def _column(column: pa.ChunkedArray, judge: Judge, found: Counter[str]) -> pa.ChunkedArray:
    """What may stay of a column. Only texts and, where nothing is declared, numbers can be personal."""
    filled = column.length() - column.null_count
    if judge.kind is not None:
        found[judge.kind] += max(1, filled)
        return pa.chunked_array([pa.nulls(column.length(), column.type)])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    is_nested = pa.types.is_nested(column.type) or pa.types.is_binary(column.type)
    if not filled or not (is_text or is_nested or (judge.shape is None and pa.types.is_integer(column.type))):
        return column
    texts = column.to_pylist() if is_nested else column.unique().to_pylist()
    cleaned = {}
    for text in map(str, (text for text in texts if text is not None)):
        taken: Counter[str] = Counter()
        kept = judge.cell(text, taken)
        if taken:
            cleaned[text] = kept
            amount = 1 if is_nested else pc.sum(pc.equal(column.cast(pa.string()), text)).as_py()
            found.update({kind: count * amount for kind, count in taken.items()})
    if not cleaned:
        return column
    if not is_text:
        return pa.chunked_array([pa.array([None if str(v) in cleaned else v for v in column.to_pylist()], column.type)])
    kept_texts = [cleaned.get(text, text) or None if text is not None else None for text in column.to_pylist()]
    return pa.chunked_array([pa.array(kept_texts, column.type)])

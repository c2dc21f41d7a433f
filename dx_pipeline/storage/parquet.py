"""Parquet files: written under a private name, verified, and put in place by one rename."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.declarations.sql import quoted
from dx_pipeline.errors import ReleaseError
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.files import private_name, replace

ROW_GROUP = 122_880
ROWS_SHA256 = b"dx_rows_sha256"
"""The key under which a file's footer has the digest of its rows."""

FOOTER_END = 8
"""How many bytes end a file: the length of its footer, and a mark."""

BLOCK = 1 << 20


def digest(path: Path) -> str:
    """SHA-256 of the rows of a file: of all that is before its footer, which may also say what they were made from."""
    with files.opened(path) as file:
        after = file.seek(-FOOTER_END, os.SEEK_END)
        after -= int.from_bytes(file.read(4), "little")
        file.seek(0)
        found = sha256()
        while (left := after - file.tell()) > 0:
            found.update(file.read(min(left, BLOCK)))
    return found.hexdigest()


def is_whole(path: Path) -> bool:
    """Whether the rows of a file are those that its footer has the digest of; without one (older files), they are."""
    try:
        written = (pq.read_metadata(path).metadata or {}).get(ROWS_SHA256)
        return written is None or written == digest(path).encode()
    except (pa.ArrowInvalid, OSError):
        return False


def write(
    settings: Settings,
    relation: duckdb.DuckDBPyRelation,
    target: Path,
    schema: pa.Schema,
    metadata: Mapping[bytes, bytes],
) -> int:
    """Write a relation as Parquet under its contract's Arrow schema; the file appears whole or not at all.

    The same rows in the same order give the same bytes. Returns how many rows were written.

    Raises:
        ReleaseError: the file does not have as many rows as the relation.
    """
    private = private_name(settings, ".parquet")
    schema = schema.with_metadata({**(schema.metadata or {}), **metadata})
    count = 0
    names = ", ".join(quoted(name) for name in schema.names)
    with private.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in relation.select(names).to_arrow_reader(ROW_GROUP):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema), ROW_GROUP)
            count += batch.num_rows
        file.flush()
        writer.add_key_value_metadata({ROWS_SHA256: files.digest(private).encode()})
    written = pq.read_metadata(private).num_rows
    if written != count:
        raise ReleaseError(
            f"{target.name}: {count} rows were to be written and {written} were; the old file stays.",
            f"{target.name}: cần ghi {count} dòng nhưng chỉ ghi được {written}; tệp cũ vẫn được giữ.",
        )
    replace(settings, private, target)
    return count

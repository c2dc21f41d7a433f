"""Parquet files: written under a private name, verified, and put in place by one rename."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.contract import quoted
from dx_pipeline.errors import ReleaseError
from dx_pipeline.settings import Settings

ROW_GROUP = 122_880


def write(
    settings: Settings,
    relation: duckdb.DuckDBPyRelation,
    target: Path,
    schema: pa.Schema,
    about: Mapping[bytes, bytes],
) -> int:
    """Write a relation as Parquet under its contract's Arrow schema; the file appears whole or not at all.

    The same rows in the same order give the same bytes.

    Raises:
        ReleaseError: what was written does not hold as many rows as the relation.
    """
    private = private_name(settings, ".parquet")
    schema = schema.with_metadata({**(schema.metadata or {}), **about})
    count = 0
    names = ", ".join(quoted(name) for name in schema.names)
    with pq.ParquetWriter(private, schema, compression="zstd") as writer:
        for batch in relation.select(names).to_arrow_reader(ROW_GROUP):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema), ROW_GROUP)
            count += batch.num_rows
    with private.open("rb") as handle:
        os.fsync(handle.fileno())
    written = pq.read_metadata(private).num_rows
    if written != count:
        message = f"{target.name}: {count} rows were to be written and {written} are there; the old file stays."
        raise ReleaseError(message)
    replace(private, target)
    return count


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


def private_name(settings: Settings, suffix: str) -> Path:
    """A name that nobody else writes under, on the same file system as the warehouse."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    return settings.scratch / f"{uuid.uuid4().hex}{suffix}"


def replace(private: Path, target: Path) -> None:
    """Put a finished file in place, durably."""
    target.parent.mkdir(parents=True, exist_ok=True)
    private.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

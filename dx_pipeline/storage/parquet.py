"""Parquet files: written under a private name, verified, and put in place by one rename."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Self

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

PARTITION = b"dx_partition"
"""The key under which a file's footer has the name of its partition."""

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


def identity(path: Path) -> str:
    """The digest of the rows of a file, as its footer has it; older files have none, and theirs is computed."""
    written = (pq.read_metadata(path).metadata or {}).get(ROWS_SHA256)
    return digest(path) if written is None else str(written, "ascii")


def is_whole(path: Path) -> bool:
    """Whether the rows of a file are those that its footer has the digest of; without one (older files), they are."""
    try:
        written = (pq.read_metadata(path).metadata or {}).get(ROWS_SHA256)
        return written is None or written == digest(path).encode()
    except (pa.ArrowInvalid, OSError):
        return False


class Writer:
    """A Parquet file that is written in row groups of one size, whatever the sizes of the tables that it gets.

    The same rows in the same order give the same bytes.

    Args:
        path: the file, which no reader knows yet.
        schema: its Arrow schema.
        metadata: what its footer says besides.
    """

    def __init__(self, path: Path, schema: pa.Schema, metadata: Mapping[bytes, bytes]) -> None:
        self.count = 0
        self._path, self._schema = path, schema.with_metadata({**(schema.metadata or {}), **metadata})
        self._waiting: list[pa.Table] = []
        self._waiting_count = 0

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._write(self._waiting_count)
                self._file.flush()
                self._writer.add_key_value_metadata({ROWS_SHA256: files.digest(self._path).encode()})
        finally:
            self._writer.close()
            self._file.close()

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self._waiting.append(rows)
        self._waiting_count += rows.num_rows
        self.count += rows.num_rows
        self._write(self._waiting_count - self._waiting_count % ROW_GROUP)

    def _write(self, count: int) -> None:
        if not count:
            return
        together = pa.concat_tables(self._waiting)
        for first in range(0, count, ROW_GROUP):
            group = together.slice(first, min(ROW_GROUP, count - first)).combine_chunks()
            self._writer.write_table(group.cast(self._schema), ROW_GROUP)
        self._waiting = [together.slice(count)]
        self._waiting_count -= count


def write(
    settings: Settings,
    relation: duckdb.DuckDBPyRelation,
    target: Path,
    schema: pa.Schema,
    metadata: Mapping[bytes, bytes],
) -> int:
    """Write a relation as Parquet under its contract's Arrow schema; the file appears whole or not at all.

    Returns how many rows were written.

    Raises:
        ReleaseError: the file does not have as many rows as the relation.
    """
    private = private_name(settings, ".parquet")
    names = ", ".join(quoted(name) for name in schema.names)
    with Writer(private, schema, metadata) as writer:
        for batch in relation.select(names).to_arrow_reader(ROW_GROUP):
            writer.write(pa.Table.from_batches([batch]))
    put_in_place(settings, private, target, writer.count)
    return writer.count


def put_in_place(settings: Settings, private: Path, target: Path, count: int) -> None:
    """Put a written file in the place of another.

    Raises:
        ReleaseError: it does not have so many rows.
    """
    written = pq.read_metadata(private).num_rows
    if written != count:
        raise ReleaseError(
            f"{target.name}: {count} rows were to be written and {written} were; the old file stays.",
            f"{target.name}: cần ghi {count} dòng nhưng chỉ ghi được {written}; tệp cũ vẫn được giữ.",
        )
    replace(settings, private, target)

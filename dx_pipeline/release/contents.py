"""Contents of a release: its report, and the rows of its tables however a database stores and orders them.

A release that is made again has the same rows, but its databases are other bytes, and so are its seals.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import duckdb

from dx_pipeline.declarations.sql import qualified
from dx_pipeline.release.part import PARTS, PUBLIC, RENDERED, files_in
from dx_pipeline.storage import files

VIEWS = "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"


def digest(release: Path) -> str:
    """SHA-256 of the files of a release's report, of the rows of each table: how many, and the sum of their hashes."""
    found = sha256()
    for part in PARTS:
        with duckdb.connect(str(release / part.name / part.database), read_only=True) as connection:
            listed = "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            listed += " WHERE table_type = 'BASE TABLE' ORDER BY 1"
            for (name,) in connection.execute(listed).fetchall():
                count, total = of(connection, qualified(name))
                found.update(f"{part.name} {name} {count} {total}\n".encode())
            for view in connection.execute(VIEWS).fetchall():
                found.update(f"{view}\n".encode())
    public = release / PUBLIC.name
    for path in files_in(public):
        name = path.relative_to(public)
        if name.parts[0] in RENDERED:
            found.update(f"{name.as_posix()} {files.digest(path)}\n".encode())
    return found.hexdigest()


def of(connection: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, int]:
    """How many rows a table or another source of rows has, and the sum of their hashes."""
    counted = f"SELECT count(*), coalesce(sum(hash(row)::HUGEINT), 0) FROM {rows} AS row"
    ((count, total),) = connection.execute(counted).fetchall()
    return count, total

"""Connections: each step has an in-memory DuckDB database of its own, with limits and a place to spill.

No process opens a shared database file for writing, so no process waits. Within a process all of these
databases are attached to one DuckDB instance: setting an instance up takes longer than most
queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.sql import literal, qualified, quoted
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

OF_THE_SYSTEM = (MemoryError, duckdb.OutOfMemoryException, duckdb.InterruptException, duckdb.IOException)
"""What ends a statement although nothing is wrong with it or with its rows: it is no result, and is tried again."""

STAGED = "staged"
"""The table of a connection with the rows that are to be published."""

QUARANTINED = "quarantined"
"""The table of a connection with the rows that broke the contract: where they are, and why."""


FEW = 100
"""So many rows are bound as parameters of a statement."""


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database; it is dropped at the end, whatever happens."""
    spill = files.own_folder(settings) / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = _instance(settings.threads, settings.memory_limit, str(spill)).cursor()
    name = f"step_{uuid.uuid4().hex}"
    connection.execute(f"SET TimeZone = {literal(settings.time_zone)}; SET enable_progress_bar = false")
    connection.execute(f"ATTACH ':memory:' AS {name} (COMPRESS); USE {name}")
    try:
        yield connection
    finally:
        with suppress(duckdb.TransactionException):  # of an error within a transaction; mostly there is none
            connection.rollback()
        connection.execute(f"USE memory; DETACH {name}")
        connection.close()


@contextmanager
def attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[str]:
    """A database file, read-only, under a name of its own for all connections of the process."""
    name = f"file_{uuid.uuid4().hex}"
    connection.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")
    try:
        yield name
    finally:
        connection.execute(f"DETACH {name}")


def tables_of(connection: duckdb.DuckDBPyConnection, name: str) -> set[str]:
    """The tables of an attached database, as `schema.table`."""
    tables = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = $name"
    return {table for (table,) in connection.execute(tables, {"name": name}).fetchall()}


def show(connection: duckdb.DuckDBPyConnection, name: str, tables: Iterable[str]) -> None:
    """Make tables of an attached database readable as `schema.table`; one that is readable already stays."""
    for table in sorted(tables):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.partition('.')[0])}")
        connection.execute(f"CREATE VIEW IF NOT EXISTS {qualified(table)} AS FROM {name}.{qualified(table)}")


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> None:
    """Insert plain rows into an existing table, all in one statement: `executemany` plans each row anew."""
    connection.register("inserted_rows", pa.Table.from_pylist(list(rows), schema))
    connection.execute(f"INSERT INTO {qualified(table)} BY NAME FROM inserted_rows")
    connection.unregister("inserted_rows")


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert plain rows into a table by the names of their columns, all in one statement.

    A few are bound as parameters: Arrow imports pandas to make a table of plain values, which takes half a second.
    """
    if 0 < len(rows) <= FEW:
        names = list(rows[0])
        places = ", ".join(f"({', '.join('?' * len(names))})" for _ in rows)
        values = [row.get(name) for row in rows for name in names]
        columns = ", ".join(map(quoted, names))
        connection.execute(f"INSERT INTO {qualified(table)} ({columns}) VALUES {places}", values)
    elif rows:
        connection.register("filled_rows", pa.Table.from_pylist([dict(row) for row in rows]))
        connection.execute(f"INSERT INTO {qualified(table)} BY NAME FROM filled_rows")
        connection.unregister("filled_rows")


@lru_cache(maxsize=1)  # an instance stays alive while a step is connected to it
def _instance(threads: int, memory_limit: str, spill: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )

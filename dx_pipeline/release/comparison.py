"""Comparison of two builds of a release: bytes of Parquet and JSON, contents of database tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.sql import literal, qualified, quoted
from dx_pipeline.release.datapackage import NAME, as_text
from dx_pipeline.release.part import PARTS, Part, files_in
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect

ORIGINAL, REBUILT = "original", "rebuilt"
"""The names under which the databases of both builds are attached."""


def differences(settings: Settings, original: Path, rebuilt: Path, not_compared: Mapping[str, str]) -> list[str]:
    """Every difference between a release and a rebuilt one, each in one sentence that names the file or table.

    Args:
        settings: where the comparison may spill to disk.
        original: the folder of the release.
        rebuilt: the folder of the rebuilt one.
        not_compared: tables of which something is missing that they are computed from, with the reason of each.
    """
    found = [sentence for part in PARTS for sentence in _part(settings, part, original, rebuilt, not_compared)]
    return [*found, *(f"{table} could not be compared: {reason}" for table, reason in not_compared.items())]


def _part(
    settings: Settings, part: Part, original: Path, rebuilt: Path, not_compared: Mapping[str, str]
) -> Iterator[str]:
    names = {
        path.relative_to(folder).as_posix() for folder in (original, rebuilt) for path in files_in(folder / part.name)
    }
    for name in sorted(name for name in names if name.startswith(f"{part.name}/")):
        first, second = original / name, rebuilt / name
        if not first.is_file() or not second.is_file():
            yield f"{name} is only in the {'rebuilt release' if second.is_file() else 'release'}."
        elif first.suffix == ".duckdb":
            yield from _database(settings, name, first, second, not_compared)
        elif first.name == NAME:
            yield from _description(name, first, second, not_compared)
        elif first.read_bytes() != second.read_bytes():
            yield _parquet(settings, name, first, second)


def _parquet(settings: Settings, name: str, first: Path, second: Path) -> str:
    relations = [f"read_parquet({literal(str(path))}, hive_partitioning = false)" for path in (first, second)]
    with connect(settings) as connection:
        try:
            return f"{name}: {_rows(connection, *relations) or 'the same rows are written in another way.'}"
        except duckdb.Error:
            return f"{name} cannot be compared: it cannot be read, or has other columns."


def _database(
    settings: Settings, name: str, first: Path, second: Path, not_compared: Mapping[str, str]
) -> Iterator[str]:
    with connect(settings) as connection:
        try:
            with _attached(connection, first, ORIGINAL), _attached(connection, second, REBUILT):
                yield from _tables(connection, name, not_compared)
        except duckdb.Error:
            yield f"{name} cannot be compared: it cannot be read."


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> Iterator[None]:
    connection.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")
    try:
        yield
    finally:
        connection.execute(f"DETACH {name}")


def _tables(connection: duckdb.DuckDBPyConnection, database: str, not_compared: Mapping[str, str]) -> Iterator[str]:
    columns = {name: _columns(connection, name) for name in (ORIGINAL, REBUILT)}
    for table in sorted((columns[ORIGINAL].keys() | columns[REBUILT].keys()) - not_compared.keys()):
        found = [columns[name].get(table) for name in (ORIGINAL, REBUILT)]
        if None in found:
            yield f"{database} {table} is only in the {'release' if found[0] else 'rebuilt release'}."
        elif found[0] != found[1]:
            yield f"{database} {table} has other columns than the rebuilt one."
        elif sentence := _rows(connection, *(f"{name}.{qualified(table)}" for name in (ORIGINAL, REBUILT))):
            yield f"{database} {table}: {sentence}"


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[tuple[str, str]]]:
    """The columns of each table of an attached database, with their types, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = $database AND NOT internal ORDER BY schema_name, table_name, column_index",
        {"database": database},
    ).fetchall()
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found


def _rows(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> str | None:
    """How many rows only one of two relations has, in one sentence; None if they have the same rows."""
    removed, added = (
        connection.execute(f"SELECT count(*) FROM (FROM {here} EXCEPT ALL FROM {there})").fetchall()[0][0]
        for here, there in ((first, second), (second, first))
    )
    if not removed and not added:
        return None
    return f"{removed} rows are only in the release, {added} only in the rebuilt one."


def _description(name: str, first: Path, second: Path, not_compared: Mapping[str, str]) -> Iterator[str]:
    """Where two descriptions differ; bytes and hash of a database are not its content, which is compared."""
    found = [_comparable(path, not_compared) for path in (first, second)]
    if None in found:
        yield f"{name} cannot be compared: it cannot be read."
    elif found[0] != found[1]:
        assert found[0] is not None and found[1] is not None  # noqa: S101, PT018 - checked above
        keys = [key for key in sorted(found[0].keys() | found[1].keys()) if found[0].get(key) != found[1].get(key)]
        yield f"{name} differs in {', '.join(map(quoted, keys))}."
    elif first.read_text(encoding="utf-8") != as_text(json.loads(first.read_text(encoding="utf-8"))):
        yield f"{name} is written in another way than a release writes it."


def _comparable(path: Path, not_compared: Mapping[str, str]) -> dict[str, Any] | None:
    try:
        package: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for resource in package["resources"]:
            if resource["format"] == "duckdb":
                resource["dx"] = None
        for table in not_compared:
            package["dx"]["tables"].pop(table, None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return package

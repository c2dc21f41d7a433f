"""Comparison of two builds of a release: bytes of Parquet and JSON, contents of database tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import literal, qualified, quoted
from dx_pipeline.release import manifest
from dx_pipeline.release.datapackage import NAME, as_text
from dx_pipeline.release.part import PARTS, Part, files_in
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect, tables_of

WRITTEN_OTHERWISE = Bilingual(
    vi="cùng các dòng nhưng được ghi theo cách khác.", en="the same rows are written in another way."
)
ORIGINAL, REBUILT = "original", "rebuilt"
"""The names under which the databases of both builds are attached."""


def differences(
    settings: Settings, original: Path, rebuilt: Path, not_compared: Mapping[str, Bilingual]
) -> list[Bilingual]:
    """Every difference between a release and a rebuilt one, each in one sentence that names the file or table.

    Args:
        settings: where the comparison may spill to disk.
        original: the folder of the release.
        rebuilt: the folder of the rebuilt one.
        not_compared: tables of which something is missing that they are computed from, with the reason of each.
    """
    found = [sentence for part in PARTS for sentence in _part(settings, part, original, rebuilt, not_compared)]
    for table, reason in not_compared.items():
        found.append(
            Bilingual(vi=f"{table} không so sánh được: {reason.vi}", en=f"{table} could not be compared: {reason.en}")
        )
    return found


def _part(
    settings: Settings, part: Part, original: Path, rebuilt: Path, not_compared: Mapping[str, Bilingual]
) -> Iterator[Bilingual]:
    names = {
        path.relative_to(folder).as_posix() for folder in (original, rebuilt) for path in files_in(folder / part.name)
    }
    own = {f"{part.name}/{name}" for name in manifest.OWN}  # DuckDB gives each database file an identifier of its own
    for name in sorted(name for name in names - own if name.startswith(f"{part.name}/")):
        first, second = original / name, rebuilt / name
        if not first.is_file() or not second.is_file():
            yield _only_in(name, is_rebuilt=second.is_file())
        elif first.suffix == ".duckdb":
            yield from _database(settings, name, first, second, not_compared)
        elif first.name == NAME:
            yield from _description(name, first, second, not_compared)
        elif first.read_bytes() != second.read_bytes():
            yield _parquet(settings, name, first, second)


def _only_in(name: str, *, is_rebuilt: bool) -> Bilingual:
    where = ("bản dựng lại", "rebuilt release") if is_rebuilt else ("bản công bố", "release")
    return Bilingual(vi=f"{name} chỉ có trong {where[0]}.", en=f"{name} is only in the {where[1]}.")


def _about(name: str, sentence: Bilingual) -> Bilingual:
    """A sentence with the file or table that it is about."""
    return Bilingual(vi=f"{name}: {sentence.vi}", en=f"{name}: {sentence.en}")


def _unreadable(name: str) -> Bilingual:
    return Bilingual(
        vi=f"{name} không so sánh được: không đọc được.", en=f"{name} cannot be compared: it cannot be read."
    )


def _parquet(settings: Settings, name: str, first: Path, second: Path) -> Bilingual:
    relations = [f"read_parquet({literal(str(path))}, hive_partitioning = false)" for path in (first, second)]
    with connect(settings) as connection:
        try:
            return _about(name, _rows(connection, *relations) or WRITTEN_OTHERWISE)
        except duckdb.Error:
            return Bilingual(
                vi=f"{name} không so sánh được: không đọc được, hoặc có các cột khác.",
                en=f"{name} cannot be compared: it cannot be read, or has other columns.",
            )


def _database(
    settings: Settings, name: str, first: Path, second: Path, not_compared: Mapping[str, Bilingual]
) -> Iterator[Bilingual]:
    with connect(settings) as connection:
        try:
            with _attached(connection, first, ORIGINAL), _attached(connection, second, REBUILT):
                yield from _tables(connection, name, not_compared)
        except duckdb.Error:
            yield _unreadable(name)


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> Iterator[None]:
    connection.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")
    try:
        yield
    finally:
        connection.execute(f"DETACH {name}")


def _tables(
    connection: duckdb.DuckDBPyConnection, database: str, not_compared: Mapping[str, Bilingual]
) -> Iterator[Bilingual]:
    columns = {name: _columns(connection, name) for name in (ORIGINAL, REBUILT)}
    for table in sorted((columns[ORIGINAL].keys() | columns[REBUILT].keys()) - not_compared.keys()):
        found = [columns[name].get(table) for name in (ORIGINAL, REBUILT)]
        if None in found:
            yield _only_in(f"{database} {table}", is_rebuilt=found[0] is None)
        elif found[0] != found[1]:
            yield Bilingual(
                vi=f"{database} {table} có các cột khác với bản dựng lại.",
                en=f"{database} {table} has other columns than the rebuilt one.",
            )
        elif sentence := _rows(connection, *(f"{name}.{qualified(table)}" for name in (ORIGINAL, REBUILT))):
            yield _about(f"{database} {table}", sentence)


def _columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[tuple[str, str]]]:
    """The columns of each table of an attached database, with their types, in order; views only show tables' rows."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = $database AND NOT internal ORDER BY schema_name, table_name, column_index",
        {"database": database},
    ).fetchall()
    tables = tables_of(connection, database)
    for table, column, kind in (row for row in rows if row[0] in tables):
        found.setdefault(table, []).append((column, kind))
    return found


def _rows(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> Bilingual | None:
    """How many rows only one of two relations has, in one sentence; None if they have the same rows."""
    removed, added = (
        connection.execute(f"SELECT count(*) FROM (FROM {here} EXCEPT ALL FROM {there})").fetchall()[0][0]
        for here, there in ((first, second), (second, first))
    )
    if not removed and not added:
        return None
    return Bilingual(
        vi=f"{removed} dòng chỉ có trong bản công bố, {added} dòng chỉ có trong bản dựng lại.",
        en=f"{removed} rows are only in the release, {added} only in the rebuilt one.",
    )


def _description(name: str, first: Path, second: Path, not_compared: Mapping[str, Bilingual]) -> Iterator[Bilingual]:
    """Where two descriptions differ; bytes and hash of a database are not its content, which is compared."""
    found = [_comparable(path, not_compared) for path in (first, second)]
    if None in found:
        yield _unreadable(name)
    elif found[0] != found[1]:
        assert found[0] is not None and found[1] is not None  # noqa: S101, PT018 - checked above
        keys = [key for key in sorted(found[0].keys() | found[1].keys()) if found[0].get(key) != found[1].get(key)]
        listed = ", ".join(map(quoted, keys))
        yield Bilingual(vi=f"{name} khác ở {listed}.", en=f"{name} differs in {listed}.")
    elif first.read_text(encoding="utf-8") != as_text(json.loads(first.read_text(encoding="utf-8"))):
        yield Bilingual(
            vi=f"{name} được ghi khác cách mà một bản công bố ghi.",
            en=f"{name} is written in another way than a release writes it.",
        )


def _comparable(path: Path, not_compared: Mapping[str, Bilingual]) -> dict[str, Any] | None:
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

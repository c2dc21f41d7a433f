"""Differences between two releases on disk: values, definitions, and the tables and files behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.errors import ReleaseError, UsageError
from dx_pipeline.kpi import change
from dx_pipeline.kpi.change import Row
from dx_pipeline.kpi.reference import units
from dx_pipeline.progress import announce
from dx_pipeline.release.part import INTERNAL, PUBLIC
from dx_pipeline.release.predecessor import opened, values_of
from dx_pipeline.settings import Settings

STEPS = 3
"""How many steps of a comparison report progress: reading, comparing the values, and the rest."""


@dataclass(frozen=True)
class Table:
    """A table that differs between two releases.

    Args:
        partitions: those that differ, or that only one of them has.
        files: the deliveries of these that only one of them has, or has read, by name.
        is_read: whether a declared KPI reads it: then it can have changed a value.
    """

    name: str
    partitions: tuple[str, ...]
    files: tuple[str, ...]
    is_read: bool


@dataclass(frozen=True)
class Difference:
    """What differs between two releases.

    Args:
        changes: the values that differ and that both show, as rows of `kpi.change` with their `size`, largest first.
        appeared, vanished: the values that only the later or only the earlier one shows, with the reason.
        definitions: the versions of definitions that only one of them has or that differ, each with `what` differs.
        tables: the tables that differ.
        is_other_program: whether they were made by different versions of the program.
    """

    before_id: str
    after_id: str
    changes: list[Row]
    appeared: list[Row]
    vanished: list[Row]
    definitions: list[Row]
    tables: list[Table]
    is_other_program: bool


def difference(settings: Settings, catalogue: Catalogue, before_id: str, after_id: str) -> Difference:
    """Every difference between two releases on disk.

    Raises:
        UsageError: one of them cannot be compared; says why.
    """
    announce(after_id)
    release, before = released(settings, after_id), released(settings, before_id)
    with compared(settings, catalogue, release, before) as connection:
        changes, appeared, vanished = _values(connection, release, before)
    announce("tables")
    return Difference(
        before_id,
        after_id,
        changes,
        appeared,
        vanished,
        list(_redefined(before, release)),
        list(_tables(settings, catalogue, before, release)),
        release.inputs.program != before.inputs.program,
    )


def values(
    settings: Settings, catalogue: Catalogue, before_id: str, after_id: str
) -> tuple[list[Row], list[Row], list[Row]]:
    """The values of two releases that changed (the largest difference first), that appeared, and that vanished.

    Raises:
        UsageError: one of them cannot be compared; says why.
    """
    release, before = released(settings, after_id), released(settings, before_id)
    with compared(settings, catalogue, release, before) as connection:
        return _values(connection, release, before)


def _values(
    connection: duckdb.DuckDBPyConnection, release: change.Release, before: change.Release
) -> tuple[list[Row], list[Row], list[Row]]:
    changes = change.differences(connection, release, before)
    seen = change.appeared(connection)
    appeared, vanished = ([row for row in seen if (row["value"] is None) is gone] for gone in (False, True))
    return changes, appeared, vanished


def _redefined(before: change.Release, after: change.Release) -> Iterator[Row]:
    """The versions of definitions that only one of two releases has or that differ, with the columns that differ."""
    found = [
        {
            (row["kpi_code"], row["definition_version"]): row
            for row in pq.read_table(release.values.with_name("definition.parquet")).to_pylist()
        }
        for release in (before, after)
    ]
    for code, version in sorted(found[0].keys() | found[1].keys()):
        old, new = (rows.get((code, version), {}) for rows in found)
        differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if differing:
            state = "new" if not old else "gone" if not new else "changed"
            columns = differing if state == "changed" else []
            yield {"kpi_code": code, "definition_version": version, "state": state, "columns": columns}


def _tables(settings: Settings, catalogue: Catalogue, before: change.Release, after: change.Release) -> Iterator[Table]:
    """The tables that differ and that a KPI reads, then others that something else was delivered for."""
    delivered: dict[str, set[str]] = {}
    of_releases = [_deliveries(settings, release.release_id) for release in (before, after)]
    for table, file_name, *_ in of_releases[0] ^ of_releases[1]:
        delivered.setdefault(table, set()).add(file_name)
    partitions: dict[str, list[str]] = {}
    for name, _ in sorted(before.inputs.partitions.items() ^ after.inputs.partitions.items()):
        table, _, partition = name.partition("/")
        if table in catalogue.contracts and not table.startswith(f"{KPI_TABLE.split('.')[0]}."):
            partitions.setdefault(table, []).append(partition)
    read = change.tables_read(catalogue)
    for table in sorted(partitions, key=lambda name: (name not in read, name)):
        files = tuple(sorted(delivered.get(table, ())))
        if table in read or files:
            yield Table(table, tuple(dict.fromkeys(partitions[table])), files, table in read)


def _deliveries(settings: Settings, release_id: str) -> set[tuple[str, str, str, str]]:
    """Table, file name, hash and disposition of each delivery that a release knows of."""
    columns = "table_name, file_name, delivery_id, disposition"
    query = f"SELECT {columns} FROM ledger.delivery WHERE table_name IS NOT NULL"
    with for_users(), opened(settings, release_id, PUBLIC) as connection:
        return set(connection.execute(query).fetchall())


@contextmanager
def compared(
    settings: Settings, catalogue: Catalogue, release: change.Release, before: change.Release | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the values of one or two releases can be compared; units are those of the later one.

    Raises:
        UsageError: it lacks a table that is needed.
    """
    with for_users(), opened(settings, release.release_id, PUBLIC) as connection:
        change.prepare(connection, catalogue, units(connection), release, before)
        announce("values")
        yield connection


def released(settings: Settings, release_id: str) -> change.Release:
    """A release on disk, with the partitions that accepted revisions changed.

    Raises:
        UsageError: its values cannot be compared; says why.
    """
    with for_users():
        release = values_of(settings, release_id)
        with opened(settings, release_id, INTERNAL) as connection:
            revised = connection.execute(
                "SELECT DISTINCT proposal, table_name || '/' || source || '_' || month FROM kpi.revised_value"
            ).fetchall()
    return replace(release, revised=frozenset(revised))


@contextmanager
def for_users() -> Iterator[None]:
    """Whoever asked for a release that cannot be read can ask for another one."""
    try:
        yield
    except ReleaseError as error:
        raise UsageError(str(error), vi=error.vi) from error

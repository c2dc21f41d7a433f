"""Partitions: one Parquet file each, replaced whole or not at all.

    tables/<schema>.<table>/partition=<name>/rows.parquet
    tables/_runs/<schema>.<table>/<name>.json
    quarantine/<schema>.<table>/partition=<name>/rows.parquet
    quarantine/_held_back/<schema>.<table>/partition=<name>/rows.parquet

A folder `tables/<schema>.<table>` has nothing but Parquet, so pandas, pyarrow, Polars and DuckDB read it as one
data set. The run is recorded last: a crash before that only means that the run is made again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations import definition
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.contract import Column, Contract, arrow_schema
from dx_pipeline.declarations.definition import DEFINITION, OF_EVERY_VERSION
from dx_pipeline.declarations.sql import create_table, literal, qualified, quoted
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet, proven
from dx_pipeline.storage.database import fill
from dx_pipeline.tables.run import PartitionRun

ROWS = "rows.parquet"
RUNS = "_runs"
PARTITION_IS = "partition="
HELD_BACK = "_held_back"
"""The folder with the bad rows of deliveries that are held back: nothing else of them counts."""
RECORD = ".json"
"""The ending of records of runs."""
WITHOUT_RECORDS = "ledger."
"""How the names of tables begin whose partitions come with others and have no records of their own."""
LOG = logging.getLogger(__name__)

SMALL = 200_000
"""Tables of up to this many rows are read into memory where they are queried often."""


@dataclass(frozen=True, order=True)
class Key:
    """A partition of a table that a source fills, for one month (None: a table without months)."""

    table: str
    source: str
    month: Month | None

    @property
    def name(self) -> str:
        """Its name within its table."""
        return f"{self.source}_{self.month}" if self.month else self.source

    def __str__(self) -> str:
        return f"{self.table} {self.source} {self.month}" if self.month else f"{self.table} {self.source}"


@dataclass(frozen=True, order=True)
class KpiKey:
    """The partition of `kpi.value` with the values of one KPI."""

    code: str
    table: str = KPI_TABLE

    @property
    def name(self) -> str:
        """Its name within its table."""
        return self.code

    def __str__(self) -> str:
        return f"{self.table} {self.code}"


AnyKey = Key | KpiKey


def evaluated(catalogue: Catalogue, code: str) -> AnyKey:
    """The partition with the values of a KPI, or with the rows of a summary, whose code is the name of its table."""
    return Key(code, catalogue.summaries[code].name, None) if code in catalogue.summaries else KpiKey(code)


def name_of(key: AnyKey) -> str:
    """What a file of rows says that it is: its table and its partition."""
    return f"{key.table}/{key.name}"


def key_of(run: PartitionRun) -> Key:
    """The partition of a run over what a source delivers."""
    return Key(run.table, run.source or "", Month.parse(run.month) if run.month else None)


def rows(settings: Settings, key: AnyKey) -> Path | None:
    """The published rows of a partition, if it has any."""
    path = _rows_path(settings.tables, key)
    return path if path.is_file() else None


def quarantined(settings: Settings, key: AnyKey, folder: str = "") -> Path | None:
    """The quarantined rows of a partition, if any run recorded them; `folder` may be `HELD_BACK`."""
    path = _rows_path(settings.quarantine / folder, key)
    return path if path.is_file() else None


def all_rows(settings: Settings, table: str) -> list[Path]:
    """The published rows of every partition of a table, in the order of their names; no files that do not belong."""
    found = sorted(path for path in (settings.tables / table).glob(f"{PARTITION_IS}*/{ROWS}") if path.is_file())
    return [path for path in found if _belongs(settings, path)]


def run(settings: Settings, key: AnyKey) -> PartitionRun | None:
    """The latest run of a partition; None if there was none, or its record is damaged."""
    return _read_run(_record_path(settings, key.table, key.name))


def place_of_rows(settings: Settings, table: str, name: str) -> Path:
    """Where the published rows of a partition are, or would be."""
    return settings.tables / table / f"{PARTITION_IS}{name}" / ROWS


def record_of(settings: Settings, table: str, name: str) -> PartitionRun | None:
    """The latest run of a partition, by its name within its table."""
    return _read_run(_record_path(settings, table, name))


def runs(settings: Settings) -> Iterator[PartitionRun]:
    """The latest run of every partition there is, ordered by table and partition; damaged records are left out."""
    for path in sorted((settings.tables / RUNS).glob("*/*.json")):
        found = _read_run(path)
        if found is not None:
            yield found


def record(settings: Settings, key: AnyKey, latest: PartitionRun) -> None:
    """Record a run, after everything that it wrote. A damaged record in its place is set aside."""
    path = _record_path(settings, key.table, key.name)
    if path.is_file() and _read_run(path) is None:
        LOG.warning("%s", _damaged(settings, path))
        files.set_aside(settings, path)
    files.write_text(settings, path, proven.text(latest))


def damage(settings: Settings, key: AnyKey) -> DxError | None:
    """What is wrong with the published rows of a partition: they are other ones than those that were published.

    Without a record the file is held against what its own footer says.
    """
    path = _rows_path(settings.tables, key)
    return _damaged(settings, path) if _is_damaged(path, run(settings, key), name_of(key)) else None


def _is_damaged(path: Path, recorded: PartitionRun | None, name: str) -> bool:
    """Whether something is there and is not the rows that were written."""
    if not path.is_file():
        return os.path.lexists(path)
    if recorded is not None and recorded.sha256 is not None:
        return files.known_digest(path) != recorded.sha256
    return not parquet.is_whole(path) or _named(path) not in {None, name}


def problems(settings: Settings, tables: Collection[str]) -> Iterator[DxError]:
    """Everything in `tables/` and `quarantine/` that is not what was written there, is missing, or does not belong.

    Args:
        settings: the warehouse.
        tables: the names of all tables that are declared.
    """
    for root in (settings.tables, settings.tables / RUNS, settings.quarantine):
        if os.path.lexists(root) and not root.is_dir():
            yield _damaged(settings, root)
    yield from _problems_of_records(settings, tables)
    recorded = {(found.table, found.partition): found for found in runs(settings)}
    for latest in recorded.values():
        yield from (missing(settings, path) for path in _missing_rows(settings, latest))
    for root in _roots(settings):
        for path in sorted(each for each in root.glob("[!_]*/*/*") if each.name == ROWS):
            table, name = path.parts[-3], path.parent.name.removeprefix(PARTITION_IS)
            if not _belongs(settings, path) and root == settings.tables:
                yield files.stray(settings, path.parent)
                continue
            about = recorded.get((table, name)) if root == settings.tables else None
            if _is_damaged(path, about, f"{table}/{name}"):
                yield _damaged(settings, path)
            is_recorded = root != settings.tables or table.startswith(WITHOUT_RECORDS)
            if not is_recorded and not os.path.lexists(_record_path(settings, table, name)):
                yield missing(settings, _record_path(settings, table, name))
        yield from (files.stray(settings, path) for path in _strays(root, tables))


def _problems_of_records(settings: Settings, tables: Collection[str]) -> Iterator[DxError]:
    root = settings.tables / RUNS
    for table in sorted(root.glob("*")):
        if table.name not in tables:
            yield files.stray(settings, table)
        elif not table.is_dir():
            yield _damaged(settings, table)
    for path in sorted(root.glob("*/*")):
        if path.parent.name in tables and path.suffix != RECORD:
            yield files.stray(settings, path)
        elif path.parent.name in tables and _read_run(path) is None:
            yield _damaged(settings, path)


def _belongs(settings: Settings, path: Path) -> bool:
    """Whether rows were written where they are: a run recorded them, or they say so themselves."""
    table, name = path.parts[-3], path.parent.name.removeprefix(PARTITION_IS)
    if os.path.lexists(_record_path(settings, table, name)):
        return True
    return parquet.is_whole(path) and _named(path) == f"{table}/{name}"


def strays(settings: Settings, tables: Collection[str]) -> list[Path]:
    """Everything in the folders of partitions and their records that is neither.

    A table that is not declared has its place as long as runs of it are recorded.
    """
    records = settings.tables / RUNS
    recorded = {table.name for table in records.glob("*") if any(table.glob(f"*{RECORD}"))}
    known = frozenset(tables) | recorded
    found = [path for root in _roots(settings) for path in _strays(root, known)]
    found += [table for table in sorted(records.glob("*")) if table.name not in known]
    found += [path for path in sorted(records.glob("*/*")) if path.parent.name in known and path.suffix != RECORD]
    rows = [path for table in sorted(known) for path in sorted((settings.tables / table).glob(f"*/{ROWS}"))]
    return found + [path.parent for path in rows if path.is_file() and not _belongs(settings, path)]


def missing(settings: Settings, path: Path) -> DxError:
    """The error of rows or a record that are no longer there."""
    name = path.relative_to(settings.warehouse)
    return DxError(
        f"{name} is missing: 'dx run' makes it again from landing.",
        f"{name} bị thiếu: 'dx run' tạo lại từ nơi nhận.",
    )


def _strays(root: Path, tables: Collection[str]) -> Iterator[Path]:
    """What is in a folder of partitions and is none."""
    for table in sorted(path for path in root.glob("*") if path.name not in {RUNS, HELD_BACK}):
        if not table.is_dir() or table.name not in tables:
            yield table
            continue
        for folder in sorted(table.iterdir()):
            if not folder.is_dir() or not folder.name.startswith(PARTITION_IS):
                yield folder
            else:
                yield from sorted(path for path in folder.iterdir() if path.name != ROWS)


def set_aside_damaged(settings: Settings, key: AnyKey) -> bool:
    """Move damaged rows of a partition, published or in quarantine, out of the way; whether they are made again.

    So are rows that are missing.
    """
    latest = run(settings, key)
    recorded = {root: latest if root == settings.tables else None for root in _roots(settings)}
    places = {_rows_path(root, key): about for root, about in recorded.items()}
    damaged = [path for path, about in places.items() if _is_damaged(path, about, f"{key.table}/{key.name}")]
    for path in damaged:
        LOG.warning("%s", _damaged(settings, path))
        files.set_aside(settings, path)
    lost = list(_missing_rows(settings, latest)) if latest is not None else []
    for path in lost:
        if path not in damaged:
            LOG.warning("%s", missing(settings, path))
    return bool(damaged or lost)


def _roots(settings: Settings) -> tuple[Path, ...]:
    """The folders of tables of partitions: published, in quarantine, and of deliveries that are held back."""
    return settings.tables, settings.quarantine, settings.quarantine / HELD_BACK


def _missing_rows(settings: Settings, latest: PartitionRun) -> Iterator[Path]:
    """The files of rows that a run has and that are no longer there."""
    path = place_of_rows(settings, latest.table, latest.partition)
    if latest.sha256 is not None and not os.path.lexists(path):
        yield path
    path = settings.quarantine / path.relative_to(settings.tables)
    if any(counts.quarantined for counts in latest.counts) and not os.path.lexists(path):
        yield path


def _damaged(settings: Settings, path: Path) -> DxError:
    name = path.relative_to(settings.warehouse)
    return DxError(
        f"{name} is not what was written there: it is moved to {settings.set_aside.name}/ and made again by 'dx run'.",
        f"{name} không còn như khi được ghi: tệp được chuyển vào {settings.set_aside.name}/, 'dx run' tạo lại.",
    )


def _read_run(path: Path) -> PartitionRun | None:
    """The run in a record; None if it cannot be read, or is of another partition."""
    found = proven.read(path, PartitionRun)
    return found if found is not None and (found.table, found.partition) == (path.parent.name, path.stem) else None


def _named(path: Path) -> str | None:
    """The partition that a file says it is of; older files say none."""
    named = (pq.read_schema(path).metadata or {}).get(parquet.PARTITION)
    return None if named is None else str(named, "utf-8")


def replace(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    key: AnyKey,
    contract: Contract,
    staged: str,
) -> None:
    """Replace a partition's published rows by those of a staged table.

    Raises:
        ReleaseError: the file written does not have as many rows as were staged.
    """
    schema = arrow_schema(contract, contract.stored)
    path = _rows_path(settings.tables, key)
    about = {parquet.PARTITION: name_of(key).encode()}
    parquet.write(settings, connection.table(staged), path, schema, about)


def remove(settings: Settings, key: AnyKey) -> None:
    """Remove a partition's published rows, if it has any."""
    path = _rows_path(settings.tables, key)
    path.unlink(missing_ok=True)


def quarantine(
    settings: Settings, broken: duckdb.DuckDBPyRelation, key: AnyKey, contract: Contract, folder: str = ""
) -> None:
    """Replace a partition's quarantined rows; `folder` may be `HELD_BACK`."""
    columns = {name: contract.columns[name] for name in broken.columns}
    parquet.write(settings, broken, _rows_path(settings.quarantine / folder, key), arrow_schema(contract, columns), {})


def attach(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Column], paths: Sequence[Path]
) -> None:
    """Make the given partition files readable as `schema.table`; without files, as an empty table.

    Small tables are read into memory: opening many files for every query takes longer than the query.
    Large ones stay views over their files. A table that is attached already stays as it is.
    """
    if not paths:
        _create_schema(connection, table)
        connection.execute(create_table(table, columns).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
        return
    attach_rows(connection, table, select(columns, paths), paths)


def attach_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: str, paths: Sequence[Path]) -> None:
    """Make a SELECT over partition files readable as `schema.table`: in memory if they are small, else as a view."""
    count = sum(pq.read_metadata(path).num_rows for path in paths)
    kind = "TABLE" if count <= SMALL else "VIEW"
    _create_schema(connection, table)
    connection.execute(f"CREATE {kind} IF NOT EXISTS {qualified(table)} AS {rows}")


def select(columns: Iterable[str], paths: Sequence[Path]) -> str:
    """The SELECT that reads some columns of partition files."""
    listed = ", ".join(literal(str(path)) for path in paths)
    names = ", ".join(quoted(column) for column in columns)
    return f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning = false)"


def attach_references(
    settings: Settings, connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, contract: Contract
) -> None:
    """Make the reference tables that a contract refers to readable, and what it may read of KPIs."""
    for table in contract.references:
        columns = catalogue.contracts[table].stored
        if table == DEFINITION:
            of_every_version = {name: columns[name] for name in OF_EVERY_VERSION}
            attach(connection, table, of_every_version, [])
            connection.execute(f"DELETE FROM {qualified(table)}")
            fill(connection, table, definition.of_every_version(catalogue.kpis))
        else:
            attach(connection, table, columns, all_rows(settings, table))


def _create_schema(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.split('.', maxsplit=1)[0])}")


def _rows_path(root: Path, key: AnyKey) -> Path:
    return root / key.table / f"{PARTITION_IS}{key.name}" / ROWS


def _record_path(settings: Settings, table: str, name: str) -> Path:
    return settings.tables / RUNS / table / f"{name}{RECORD}"

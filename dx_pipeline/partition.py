"""Partitions: one Parquet file for each table, source and month, replaced whole or not at all.

    tables/<schema>.<table>/source=<source>/month=<YYYY-MM or all>/rows.parquet
                                                                   /record.json
    quarantine/<schema>.<table>/source=…/month=…/rows.parquet

`rows.parquet` is what is published. `record.json` tells of the latest attempt to replace it, good
or not; it is written last, so a crash in between only means that the attempt is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from dx_pipeline import parquet
from dx_pipeline.contract import Column, Contract, arrow_schema, create_table, literal, qualified, quoted
from dx_pipeline.landing import WITHOUT_MONTH
from dx_pipeline.period import Month
from dx_pipeline.record import Record
from dx_pipeline.settings import Settings

ROWS = "rows.parquet"
RECORD = "record.json"
FINGERPRINT = b"dx_fingerprint"

SMALL = 200_000
"""Tables of up to this many rows are read into memory where they are queried often."""


@dataclass(frozen=True, order=True)
class Key:
    """Which partition: a table, the source that delivers it, and a month (None for reference tables)."""

    table: str
    source: str
    month: Month | None

    @property
    def path(self) -> Path:
        """Its folder, below `tables/` and below `quarantine/`."""
        return Path(self.table) / f"source={self.source}" / f"month={self.month or WITHOUT_MONTH}"

    def __str__(self) -> str:
        return f"{self.table} {self.source} {self.month}" if self.month else self.table


def key_of(attempt: Record) -> Key:
    """The partition that a record tells of."""
    return Key(attempt.table, attempt.source, Month.parse(attempt.month) if attempt.month else None)


def folder(settings: Settings, key: Key) -> Path:
    """Where a partition's rows and record are."""
    return settings.tables / key.path


def rows(settings: Settings, key: Key) -> Path | None:
    """The published rows of a partition, if it has any."""
    path = folder(settings, key) / ROWS
    return path if path.is_file() else None


def record(settings: Settings, key: Key) -> Record | None:
    """What the latest attempt at a partition came to."""
    path = folder(settings, key) / RECORD
    return Record.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def records(settings: Settings) -> Iterator[Record]:
    """The latest attempt at every partition there is, ordered by table, source and month."""
    for path in sorted(settings.tables.glob(f"*/*/*/{RECORD}")):
        yield Record.model_validate_json(path.read_text(encoding="utf-8"))


def keep(settings: Settings, attempt: Record) -> None:
    """Write down an attempt, after everything it tells of has been written."""
    target = folder(settings, key_of(attempt)) / RECORD
    target.parent.mkdir(parents=True, exist_ok=True)
    private = parquet.private_name(settings, ".json")
    private.write_text(attempt.model_dump_json(indent=1), encoding="utf-8")
    parquet.replace(private, target)


def publish(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    key: Key,
    contract: Contract,
    staged: str,
    fingerprint: str,
) -> int:
    """Replace a partition's rows by those of a staged table; returns how many there are.

    Raises:
        ReleaseError: what was written does not hold as many rows as were staged.
    """
    return parquet.write(
        settings,
        connection.table(staged),
        folder(settings, key) / ROWS,
        arrow_schema(contract, contract.stored),
        {FINGERPRINT: fingerprint.encode()},
    )


def set_aside(settings: Settings, quarantined: duckdb.DuckDBPyRelation, key: Key, contract: Contract) -> int:
    """Replace a partition's quarantine; returns how many rows it holds."""
    columns = {name: contract.columns[name] for name in quarantined.columns}
    target = settings.quarantine / key.path / ROWS
    return parquet.write(settings, quarantined, target, arrow_schema(contract, columns), {})


def fingerprint_of(path: Path) -> str:
    """What the rows of a partition rest on, as its file says."""
    metadata = pq.read_schema(path).metadata or {}
    return str(metadata.get(FINGERPRINT, b""), "utf-8")


def attach(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Column], paths: Sequence[Path]
) -> None:
    """Make the given partition files readable as `schema.table`; without files, as an empty table.

    Small tables are read into memory, because opening many files for every query takes longer than
    the query; large ones stay views over their files.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.split('.', maxsplit=1)[0])}")
    if not paths:
        connection.execute(create_table(table, dict(columns)))
        return
    rows_in_all = sum(pq.read_metadata(path).num_rows for path in paths)
    kind = "TABLE" if rows_in_all <= SMALL else "VIEW"
    files = ", ".join(literal(str(path)) for path in paths)
    names = ", ".join(quoted(column) for column in columns)
    connection.execute(
        f"CREATE {kind} {qualified(table)} AS SELECT {names} FROM read_parquet([{files}], hive_partitioning = false)"
    )

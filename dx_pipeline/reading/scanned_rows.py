"""Scanned rows: what a scan has typed becomes the rows of a partition, with other lines or by itself."""

from __future__ import annotations

import duckdb

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.sql import literal, quoted, sql_file
from dx_pipeline.reading import Loaded
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.reading.scan import Scanned
from dx_pipeline.storage.database import QUARANTINED, STAGED


def insert(connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scanned, position: int) -> None:
    """Add the rows that a scan has typed to `typed`: nothing is wrong with them."""
    columns = ", ".join(quoted(name) for name in contract.columns)
    connection.execute(
        f"INSERT INTO typed SELECT $position, delivery_line, NULL, NULL, {columns}"
        " FROM read_parquet($path, hive_partitioning = false)",
        {"position": position, "path": str(scanned.rows)},
    )


def stage(connection: duckdb.DuckDBPyConnection, contract: Contract, item: Loaded) -> Counts | None:
    """Make `staged` as a view of the rows of the only delivery, and an empty `quarantined`, if all of it was scanned.

    None where it was not, or where a key is there twice.
    """
    scanned = item.scanned
    if scanned is None or scanned.count != item.raw.rows:
        return None
    file = f"read_parquet({literal(str(scanned.rows))}, hive_partitioning = false)"
    if contract.key:
        key = ", ".join(quoted(name) for name in contract.key)
        twice = f"SELECT hash({key}) AS key_hash FROM {file} GROUP BY key_hash HAVING count(*) > 1 LIMIT 1"
        if connection.execute(twice).fetchall():
            return None
    for name in (STAGED, QUARANTINED):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"CREATE VIEW {STAGED} AS FROM {file}")
    connection.execute(sql_file(__file__, "none_quarantined"))
    counts = Counts(
        delivery_id=item.delivery.entry.delivery_id,
        rows_in=item.raw.rows,
        accepted=scanned.count,
        duplicate=0,
        filtered=0,
        quarantined=0,
    )
    counts.check()
    return counts

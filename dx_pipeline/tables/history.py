"""History: which row of a table that changes is the latest state of its key, across all partitions.

A row is a state as of the last day of the month that it was delivered for. The row of the latest month is the latest
state, in whatever order the months arrived; within a month reading has left one row a key. Earlier states stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dx_pipeline.declarations.contract import AS_OF, IS_LATEST, Contract
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.tables import partition

PLACES = ("file_index", "file_row_number")
PLACE = ", ".join(PLACES)
"""Where a row is among partition files (columns that DuckDB adds): two months may have delivered the same bytes."""


def attach(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, paths: Sequence[Path]) -> None:
    """Make a table readable as `schema.table`, with what is known of its states; see `partition.attach`."""
    if contract.changes and paths:
        partition.attach_rows(connection, table, select(connection, table, contract, paths), paths)
    else:
        partition.attach(connection, table, contract.readable, paths)


def select(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, paths: Sequence[Path]) -> str:
    """The SELECT that reads a table from its partition files, with what is known of its states.

    Which states are earlier ones is found now, and kept in a temporary table.
    """
    if not contract.changes:
        return partition.select(contract.stored, paths)
    earlier = quoted(f"earlier states of {table}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {earlier} AS {_earlier(contract, paths)}")
    return f"""
        SELECT state.* EXCLUDE ({PLACE}), last_day(state.month) AS {AS_OF}, earlier.file_index IS NULL AS {IS_LATEST}
        FROM ({partition.select((*contract.stored, *PLACES), paths)}) AS state
        LEFT JOIN {earlier} AS earlier USING ({PLACE})
        """


def _earlier(contract: Contract, paths: Sequence[Path]) -> str:
    """The SELECT of the places of the rows whose key a later month has again.

    Few keys have more than one row, so only theirs are put in order. They are found by their hashes, which take less
    memory; two keys of one hash do no harm.
    """
    key = ", ".join(map(quoted, contract.key))
    return f"""
        WITH repeated AS (
            SELECT hash({key}) AS key_hash FROM ({partition.select(contract.key, paths)})
            GROUP BY key_hash HAVING count(*) > 1
        ),
        ordered AS (
            SELECT {PLACE}, row_number() OVER (PARTITION BY {key} ORDER BY month DESC, {PLACE}) AS position
            FROM ({partition.select((*contract.key, "month", *PLACES), paths)})
            WHERE hash({key}) IN (SELECT key_hash FROM repeated)
        )
        SELECT {PLACE} FROM ordered WHERE position > 1
        """

"""History: which row of a table that changes is the latest state of its key, across all partitions.

A row is a state as of the last day of the month that it was delivered for. The row of the latest month is the latest
state, in whatever order the months arrived; within a month reading has left one row a key. Earlier states stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dx_pipeline.declarations.contract import AS_OF, IS_LATEST, Contract
from dx_pipeline.declarations.contract import PLACE as LINE_OF_DELIVERY
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.tables import partition

STATE = "state_hash"
"""The column of the table of states that names one; see `state_hash`."""

PLACE_OF_STATE = ("month", *LINE_OF_DELIVERY)

PLACES = ("file_index", "file_row_number")
PLACE = ", ".join(PLACES)
"""Where a row is among partition files (columns that DuckDB adds): two months may have delivered the same bytes."""


def attach(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, paths: Sequence[Path]) -> None:
    """Make a table readable as `schema.table`, with what is known of its states; see `partition.attach`."""
    if contract.changes and paths:
        partition.attach_rows(connection, table, select(connection, table, contract, paths), paths)
    else:
        partition.attach(connection, table, contract.readable, paths)
        if contract.changes:
            create_states(connection, table)


def select(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, paths: Sequence[Path]) -> str:
    """The SELECT that reads a table from its partition files, with what is known of its states."""
    if not contract.changes:
        return partition.select(contract.stored, paths)
    _find_states(connection, table, contract, paths)
    replaced = f"{states_of(table)} WHERE NOT {IS_LATEST}"
    if not connection.execute(f"SELECT 1 FROM {replaced} LIMIT 1").fetchall():
        rows = partition.select(contract.stored, paths)
        return f"SELECT *, last_day(month) AS {AS_OF}, true AS {IS_LATEST} FROM ({rows})"
    return f"""
        SELECT row.* EXCLUDE ({PLACE}), last_day(row.month) AS {AS_OF},
            coalesce(state.is_latest, true) AS {IS_LATEST}
        FROM ({partition.select((*contract.stored, *PLACES), paths)}) AS row
        LEFT JOIN (FROM {replaced}) AS state USING ({PLACE})
        """


def states_of(table: str) -> str:
    """The temporary table of those rows of an attached table that other states may replace, or that may replace some.

    Grain: one row a state, of keys with several, or delivered for a later month than the one it is of: the number of
    its key, its position among them, the source that delivered it, and its month.
    """
    return quoted(f"states of {table}")


def create_states(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Create the table of states of a table that has no rows."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {states_of(table)} (file_index UBIGINT, file_row_number BIGINT, source VARCHAR,"
        f" month DATE, {STATE} UBIGINT, key_number UHUGEINT, position BIGINT, is_latest BOOLEAN)"
    )


def _find_states(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, paths: Sequence[Path]) -> None:
    """Fill the table of states.

    Few keys have more than one row, so only theirs are put in order. They are found by their hashes, which take less
    memory; two keys of one hash do no harm. Within one partition a key has one row.
    """
    key, of_month = ", ".join(map(quoted, contract.key)), quoted(str(contract.month))
    columns = dict.fromkeys((*contract.key, str(contract.month), *PLACE_OF_STATE, *PLACES))
    repeated = f"""
        SELECT hash({key}) AS key_hash FROM ({partition.select(contract.key, paths)})
        GROUP BY key_hash HAVING count(*) > 1
        """
    sources = [path.parent.name.removeprefix("partition=").rpartition("_")[0] for path in paths]
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {states_of(table)} AS
        WITH repeated AS ({repeated if len(paths) > 1 else "SELECT NULL::UBIGINT AS key_hash LIMIT 0"}),
        state AS (
            SELECT {PLACE}, $sources[file_index::BIGINT + 1] AS source, month, {state_hash()} AS {STATE},
                md5_number(concat_ws(chr(31), {key})) AS key_number
            FROM ({partition.select(columns, paths)})
            WHERE hash({key}) IN (SELECT key_hash FROM repeated) OR {of_month} < month
        ),
        ordered AS (
            SELECT *, row_number() OVER (
                PARTITION BY key_number ORDER BY month, file_index DESC, file_row_number DESC
            ) AS position
            FROM state
        ),
        last AS (SELECT key_number, max(position) AS last_position FROM ordered GROUP BY ALL)
        SELECT ordered.*, position = last_position AS is_latest FROM ordered JOIN last USING (key_number)
        """,
        {"sources": sources},
    )


def state_hash() -> str:
    """The expression that names a state by one number: its month and its place in the delivery."""
    return f"hash({', '.join(PLACE_OF_STATE)})"

"""Balances in a release: public forms, without small cells and those that would reveal small ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from dx_pipeline.declarations.contract import WITHHELD_COLUMNS, Balance, Contract, arrow_schema
from dx_pipeline.declarations.sql import qualified, quoted
from dx_pipeline.kpi.balance import withheld
from dx_pipeline.storage.database import insert
from dx_pipeline.tables import partition


def fill_balance(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    contract: Contract,
    balance: Balance,
    paths: Sequence[Path],
    threshold: int,
) -> None:
    """Fill the public table of a form. Its cells that are withheld are empty, and named in the row.

    Args:
        connection: has the empty table, and the summary that the form is beside.
        table: its name.
        contract: its contract.
        balance: that of the contract.
        paths: the rows of all of its partitions.
        threshold: the smallest count that is shown.
    """
    order = f"ORDER BY {quoted(balance.last_day)}, {quoted(balance.of)}"
    read = connection.sql(f"{partition.select(contract.stored, paths)} {order}")
    rows = [dict(zip(read.columns, row, strict=True)) for row in read.fetchall()]
    hidden = withheld(rows, balance, threshold)
    months = _months_withheld(connection, balance)
    counts = [name for name in contract.columns if name in balance.parts]
    for row in rows:
        first, last = row[balance.first_day], row[balance.last_day]
        is_hidden = any(first <= end and last >= start for start, end in months)
        names = [name for name in counts if is_hidden or (row[balance.of], (first, last), name) in hidden]
        row |= {**dict.fromkeys(names), WITHHELD_COLUMNS: ", ".join(names) or None}
    insert(connection, table, rows, arrow_schema(contract, contract.published))


def _months_withheld(connection: duckdb.DuckDBPyConnection, balance: Balance) -> list[tuple[object, object]]:
    """First and last day of the months of which a count of the whole province is withheld beside the form.

    As long as these counts are shown, what protects smaller units changes nothing in the whole province.
    """
    if balance.beside is None:
        return []
    return connection.execute(
        f"""
        SELECT month, last_day(month) FROM {qualified(balance.beside.table)}
        WHERE
            unit_level = 'province' AND withheld_reason = 'few_dossiers'
            AND list_has_any(string_split(withheld_columns, ', '), $columns::VARCHAR[])
        ORDER BY ALL
        """,
        {"columns": list(balance.beside.columns)},
    ).fetchall()

"""Summaries: the values of their figures, as a table with one row a unit and month."""

from __future__ import annotations

import duckdb

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.sql import create_table, literal, quoted, sql_file
from dx_pipeline.declarations.summary import DeclaredSummary
from dx_pipeline.storage.database import STAGED


def stage(connection: duckdb.DuckDBPyConnection, summary: DeclaredSummary, contract: Contract) -> None:
    """Make `staged` a view of the rows of a summary, from the values in `every_value`."""
    connection.execute(f"DROP TABLE IF EXISTS summary; {create_table('summary', contract.stored)}")
    columns = list(summary.summary.counts)
    counts = ", ".join(f"max(value) FILTER (statistic = {literal(name)}) AS {quoted(name)}" for name in columns)
    connection.execute(
        sql_file(__file__, "summary").replace("$counts", counts), {"table": summary.table, "columns": columns}
    )
    connection.execute(f"CREATE OR REPLACE VIEW {STAGED} AS FROM summary")

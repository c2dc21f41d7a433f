"""States: which state of a row that changes counts in a view, given the months that have closed.

A view of a table that changes has each row in each of its states. By the day that the view gives a state, it
counts towards a month; a closed month keeps the state that it was published with until a revision is accepted. In a
view of what there is at the end of months (`basis: stock`), a row may have another state at each of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from dx_pipeline.declarations.contract import AS_OF
from dx_pipeline.declarations.sql import content_hash, quoted, sql_file
from dx_pipeline.declarations.view import EXCLUDED, DeclaredView
from dx_pipeline.period import Month
from dx_pipeline.storage.database import fill
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.history import PLACE_OF_STATE, STATE, state_hash, states_of
from dx_pipeline.tables.partition import Key


def prepare(connection: duckdb.DuckDBPyConnection, closings: Mapping[Key, Closing]) -> None:
    """Make `closed`, the months that have closed, and `waiting`, those whose figures a later state would change."""
    connection.execute("CREATE TEMP TABLE closed (table_name VARCHAR, source VARCHAR, month DATE, states_until DATE)")
    rows = [
        {
            "table_name": key.table,
            "source": key.source,
            "month": key.month.first,
            "states_until": Month.parse(closing.basis.states_until).first,
        }
        for key, closing in closings.items()
        if key.month is not None
    ]
    fill(connection, "closed", rows)
    connection.execute(
        "CREATE TEMP TABLE waiting"
        " (view_name VARCHAR, table_name VARCHAR, source VARCHAR, month DATE, state_month DATE, row_count BIGINT)"
    )


def select(connection: duckdb.DuckDBPyConnection, view: DeclaredView) -> str:
    """The SELECT of a view of a table that changes, with a reason for each state that does not count.

    The states that do not count are found now and kept in a temporary table.
    """
    uncounted = quoted(f"states that do not count in {view.name}")
    named, matched = STATE, f"uncounted.{STATE} = {state_hash()}"
    if _is_behind(connection, view.view.of):
        _decide(connection, view)
        if view.view.basis == "stock":  # by the end of each month
            named += ", day"
            matched += f" AND uncounted.day IS NOT DISTINCT FROM every.{quoted(view.view.date)}"
    else:
        last = f"SELECT {STATE}, 'earlier_state' AS reason FROM {states_of(view.view.of)}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE state AS {last} WHERE NOT is_latest")
    connection.execute(f"CREATE TEMP TABLE {uncounted} AS SELECT {named}, reason FROM state WHERE reason IS NOT NULL")
    return f"""
        SELECT every.* REPLACE (coalesce(uncounted.reason, every.{EXCLUDED}) AS {EXCLUDED})
        FROM ({view.sql}\n) AS every LEFT JOIN {uncounted} AS uncounted ON {matched}
        """


def _is_behind(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether states exist of a month after the last that some closed month counts, or after the last closed month."""
    found = connection.execute(
        f"""
        SELECT 1 FROM (SELECT source, max(month) AS month FROM {states_of(table)} GROUP BY ALL) AS state
        JOIN closed ON closed.source = state.source AND closed.table_name = $table
        WHERE closed.states_until < state.month LIMIT 1
        """,
        {"table": table},
    )
    return found.fetchone() is not None


def _decide(connection: duckdb.DuckDBPyConnection, view: DeclaredView) -> None:
    """Make `state`: which states count in a view, month by month; add those that wait for a revision to `waiting`."""
    about, is_stock = view.view, view.view.basis == "stock"
    said = {name: column for name, column in view.contract.columns.items() if name not in {*PLACE_OF_STATE, AS_OF}}
    in_view = f"""
        SELECT {state_hash()} AS {STATE}, {quoted(about.date)} AS day, {EXCLUDED} IS NULL AS counts,
            {content_hash(said)} AS content
        FROM ({view.sql}\n)
        """
    if about.repeats:
        day = "day" if is_stock else "min(day) AS day"
        summed = f"{day}, bool_or(counts) AS counts, sum(content) AS content"
        in_view = f"SELECT {STATE}, {summed} FROM ({in_view}) GROUP BY ALL"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE every_state AS FROM {states_of(about.of)} JOIN ({in_view}) USING ({STATE})"
    )
    connection.execute(sql_file(__file__, "stock_states" if is_stock else "states"), {"table": about.of})
    connection.execute(sql_file(__file__, "waiting"), {"table": about.of, "view": view.name})

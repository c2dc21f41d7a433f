"""Unexpected rows: each query of a suite runs once in an audit, and those that can share a scan of the table do.

Great Expectations asks for the rows that a query returns, all of them, and for their number, by a query each. It gets
the number from one count, and no more rows than it keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from dx_pipeline.declarations.sql import qualified, quoted
from dx_pipeline.declarations.suite import Suite
from dx_pipeline.storage.database import OF_THE_SYSTEM
from dx_pipeline.storage.keys import Keys
from dx_pipeline.storage.parquet import ROW_GROUP

MOST_ROWS = 20
"""So many unexpected rows are fetched at most; Great Expectations keeps as many in its result."""

BATCH = "(SELECT * FROM {table} WHERE true) AS subselect"
"""What Great Expectations puts in the place of `{batch}`; if another version puts something else, nothing is shared."""

REPEATED = re.compile(r"SELECT (\w+) FROM \{batch\} GROUP BY ALL HAVING count\(\*\) > 1")
"""The query for a key that is there twice; see `expectations`."""

REPEATED_KEY = re.compile(r"SELECT [\w, ]+ FROM \{batch\} GROUP BY ALL HAVING count\(\*\) > 1")
"""The same, for a key of several columns."""

MANY_ROWS = 500_000
"""Fewer texts are grouped as quickly."""

COUNT = re.compile(r"SELECT COUNT\(\*\) as unexpected_row_count FROM \((.*)\) AS substituted_batch_subquery", re.DOTALL)


class UnexpectedRows:
    """The queries for unexpected rows of one audit, and how many rows each returns.

    Args:
        connection: has the table.
        table: that is audited.
        suite: what it is audited by.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str, suite: Suite) -> None:
        self._connection, self._table = connection, table
        declared = [expectation.kwargs.get("unexpected_rows_query") for expectation in suite.expectations]
        batch = BATCH.format(table=table)
        self._queries = {plain(query.format(batch=batch)): query for query in declared if query is not None}
        self._counts: dict[str, int] = {}
        self._has_shared = False

    def instead(self, statement: str) -> str:
        """The statement that answers one of Great Expectations' at least cost: often the same."""
        counted = COUNT.fullmatch(statement.strip())
        query = plain(counted[1] if counted else statement)
        if query not in self._queries:
            return statement
        count = self._count(query)
        if count is None:  # its own error says why
            return statement
        if counted:
            return f"SELECT {count} AS unexpected_row_count"
        return f"SELECT * FROM ({statement.strip().rstrip(';')}\n) LIMIT {MOST_ROWS if count else 0}"

    def _count(self, query: str) -> int | None:
        """How many rows a query returns; None where it cannot be evaluated."""
        if not self._has_shared:
            self._has_shared = True
            self._count_together()
        if query not in self._counts and self._is_of_unique_texts(query):
            self._counts[query] = 0
        if query not in self._counts:
            declared = self._queries[query].format(batch=qualified(self._table)).strip().rstrip(";")
            counts = self._evaluated([f"(SELECT count(*) FROM ({declared}\n))"])
            if counts is None:
                return None
            (self._counts[query],) = counts
        return self._counts[query]

    def _count_together(self) -> None:
        """Count, in one scan, the rows of all queries that are one condition on the rows of the table."""
        conditions = {query: found for query, text in self._queries.items() if (found := _condition(text)) is not None}
        counts = self._evaluated(f"count(*) FILTER (WHERE {each})" for each in conditions.values())
        if counts is not None:
            self._counts |= dict(zip(conditions, counts, strict=True))

    def _is_of_unique_texts(self, query: str) -> bool:
        """Whether a query asks for texts that are there twice in a large table, and it is proven that none is.

        To group many texts takes much memory, and twice the time.
        """
        found = REPEATED.fullmatch(plain(self._queries[query]))
        rows = self._evaluated(["count(*)"]) if found else None
        if found is None or rows is None or rows[0] < MANY_ROWS:
            return False
        texts = self._connection.sql(f"SELECT {quoted(found[1])} FROM {qualified(self._table)}")
        if texts.types != ["VARCHAR"]:
            return False
        keys = Keys(rows[0])
        for batch in texts.to_arrow_reader(ROW_GROUP):  # to its end, or the connection answers nothing else
            keys.add(pa.chunked_array(batch.columns))
        return keys.are_unique()

    def _evaluated(self, counts: Iterable[str]) -> tuple[int, ...] | None:
        columns = ", ".join(counts)
        source = f" FROM {qualified(self._table)}" if columns.startswith("count") else ""
        try:
            return self._connection.execute(f"SELECT {columns}{source}").fetchall()[0] if columns else ()
        except OF_THE_SYSTEM:
            raise
        except duckdb.Error:
            return None


def plain(query: str) -> str:
    """A query with single spaces."""
    return " ".join(query.split())


@cache
def _condition(query: str) -> str | None:
    """The condition of a query that selects rows of the table by one; None of any other query."""
    try:
        parsed = sqlglot.parse_one(query.format(batch="batch"), dialect="duckdb")
    except sqlglot.ParseError:
        return None
    plain = sqlglot.parse_one("SELECT * FROM batch WHERE true", dialect="duckdb")
    where = parsed.args.get("where") if isinstance(parsed, exp.Select) else None
    if where is None or where.find(exp.Subquery, exp.Select, exp.Exists, exp.AggFunc, exp.Window, exp.Alias):
        return None
    condition = where.this
    where.set("this", exp.true())
    return str(condition.sql(dialect="duckdb")) if parsed == plain else None

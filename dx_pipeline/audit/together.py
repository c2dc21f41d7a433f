"""Audits of several small tables by one suite: together as far as that says the same as one by one.

A condition on single rows, a unique key and the columns are met by each of several tables if they are met by all of
their rows together: one validation answers for all. How many rows there are, sums and shares (`mostly`) are asked of
each table, and so is whatever all rows together do not meet: two tables may well have the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp

from dx_pipeline.audit import audit
from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.audit.unexpected_rows import REPEATED_KEY, plain
from dx_pipeline.declarations.sql import qualified
from dx_pipeline.declarations.suite import Expectation, Suite

EVERY = "every_audited"
"""The view of all rows."""

OF_SINGLE_ROWS = {
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
}
OF_DISTINCT_ROWS = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
OF_COLUMNS = {"expect_table_columns_to_match_ordered_list"}


def audit_each(
    connections: Sequence[duckdb.DuckDBPyConnection], table: str, suite: Suite
) -> list[tuple[ExpectationResult, ...]]:
    """The results of auditing the table of each connection by one suite: those that `audit` gives, one after the other.

    Args:
        connections: of one process, each with a database of its own (`storage.database.connect`).
        table: its name in all of them.
        suite: what they are audited by.
    """
    counted = (connection.execute(f"SELECT count(*) FROM {qualified(table)}").fetchall() for connection in connections)
    rows = [count for ((count,),) in counted]
    filled = [connection for connection, count in zip(connections, rows, strict=True) if count]
    together = _met_together(filled, table, suite) if len(filled) > 1 else {}
    positions = range(len(suite.expectations))
    alone = tuple(suite.expectations[position] for position in positions if position not in together)
    rest, found = Suite(name=suite.name, expectations=alone), []
    for connection, count in zip(connections, rows, strict=True):
        if not count:  # Great Expectations' results on no rows are not like others
            found.append(audit(connection, table, suite))
            continue
        own = iter(audit(connection, table, rest) if alone else ())
        of_rows = {position: _of_rows(result, count) for position, result in together.items()}
        found.append(tuple(of_rows[position] if position in of_rows else next(own) for position in positions))
    return found


def _met_together(
    connections: Sequence[duckdb.DuckDBPyConnection], table: str, suite: Suite
) -> dict[int, ExpectationResult]:
    """The expectations that are met by all rows together, and therefore by each table: their results, by position."""
    shared = {position: each for position, each in enumerate(suite.expectations) if _is_met_by_parts(each)}
    if not shared or len({tuple(connection.table(table).columns) for connection in connections}) > 1:
        return {}
    databases = (connection.execute("SELECT current_database()").fetchall()[0][0] for connection in connections)
    rows = " UNION ALL ".join(f"FROM {qualified(f'{database}.main.{table}')}" for database in databases)
    connections[0].execute(f"CREATE OR REPLACE VIEW {EVERY} AS {rows}")
    results = audit(connections[0], EVERY, Suite(name=suite.name, expectations=tuple(shared.values())))
    return {position: result for position, result in zip(shared, results, strict=True) if result.status == "met"}


def _of_rows(result: ExpectationResult, rows: int) -> ExpectationResult:
    """The result of one of the tables, which has so many rows."""
    return result if result.element_count is None else result.model_copy(update={"element_count": rows})


def _is_met_by_parts(expectation: Expectation) -> bool:
    """Whether any part of some rows meets an expectation that all of them meet."""
    query = expectation.kwargs.get("unexpected_rows_query")
    if query is not None:
        return REPEATED_KEY.fullmatch(plain(query)) is not None or _selects_single_rows(query)
    is_of_rows = expectation.type in OF_SINGLE_ROWS and expectation.kwargs.get("mostly", 1) == 1
    is_of_some = expectation.type in OF_COLUMNS or is_of_rows or expectation.type in OF_DISTINCT_ROWS
    return is_of_some and "row_condition" not in expectation.kwargs


@cache
def _selects_single_rows(query: str) -> bool:
    """Whether a query selects rows of the table one by one, whatever other tables it reads."""
    try:
        parsed = sqlglot.parse_one(query.format(batch="batch"), dialect="duckdb")
    except sqlglot.ParseError:
        return False
    where = parsed.args.get("where") if isinstance(parsed, exp.Select) else None
    if where is None or [each.name for each in parsed.find_all(exp.Table)].count("batch") != 1:
        return False
    where.set("this", exp.true())
    return bool(parsed == sqlglot.parse_one("SELECT * FROM batch WHERE true", dialect="duckdb"))

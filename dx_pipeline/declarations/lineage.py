"""Column lineage: which columns of which tables a SELECT computes each of its columns from (by sqlglot)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column

DIALECT = "duckdb"


@dataclass(frozen=True)
class Lineage:
    """The lineage of one column.

    Args:
        origins: the (table, column) pairs that it is computed from, sorted.
        is_unchanged: whether it is one of them as it is.
    """

    origins: tuple[tuple[str, str], ...]
    is_unchanged: bool


def of_query(sql: str, tables: Mapping[str, Mapping[str, Column]]) -> dict[str, Lineage]:
    """The lineage of each column that a SELECT returns, over tables given by `schema.table`."""
    by_schema: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in tables.items():
        of_schema, _, table = name.rpartition(".")
        types = {column: DUCKDB_TYPES[declared.type] for column, declared in columns.items()}
        by_schema.setdefault(of_schema, {})[table] = types
    schema = MappingSchema(dict(by_schema.items()), dialect=DIALECT)
    query = qualify(sqlglot.parse_one(sql, read=DIALECT), schema=schema, dialect=DIALECT, quote_identifiers=False)
    scope = build_scope(query)
    found = {}
    for name in query.named_selects if isinstance(query, exp.Query) else ():
        # Trimmed, every node would have a copy of the whole query.
        node = lineage(name, query, schema=schema, scope=scope, dialect=DIALECT, trim_selects=False, copy=False)
        leaves = tuple(sorted(set(_leaves(node))))
        found[name] = Lineage(leaves, len(leaves) == 1 and _is_unchanged(node))
    return found


def columns_of(expression: str) -> set[str]:
    """The names of the columns that an expression uses."""
    return {column.name for column in sqlglot.parse_one(expression, read=DIALECT).find_all(exp.Column)}


def is_aggregate(expression: str) -> bool:
    """Whether an expression looks at several rows."""
    kinds = (exp.AggFunc, exp.Window, exp.Subquery)
    return any(sqlglot.parse_one(expression, read=DIALECT).find_all(*kinds))


def _leaves(node: Node) -> Iterator[tuple[str, str]]:
    for found in node.walk():
        if isinstance(found.expression, exp.Table):
            table = found.expression
            yield f"{table.db}.{table.name}" if table.db else table.name, found.name.rpartition(".")[2]


def _is_unchanged(node: Node) -> bool:
    """Whether a column is passed on as it is, from step to step."""
    if isinstance(node.expression, exp.Table):
        return True
    selected = node.expression.unalias() if isinstance(node.expression, exp.Alias) else node.expression
    return isinstance(selected, exp.Column) and len(node.downstream) == 1 and _is_unchanged(node.downstream[0])

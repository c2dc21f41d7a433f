"""Binding: SQL of declarations is checked against empty tables, before there are any data.

DuckDB itself says whether a SELECT fits the tables of the contracts, and what types it returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

from dx_pipeline.declarations.contract import Column
from dx_pipeline.declarations.mistake import Mistake, of_sql
from dx_pipeline.declarations.sql import create_table, qualified, quoted
from dx_pipeline.errors import DeclarationError

UNKNOWN = (
    re.compile(r'Referenced column "(?P<name>[^"]+)" not found'),
    re.compile(r'does not have a column named "(?P<name>[^"]+)"'),
)
CANDIDATES = re.compile(r"Candidate bindings: :? ?(?P<names>.+)")
LINE = re.compile(r"^LINE (?P<line>[0-9]+):", re.MULTILINE)
FEW = 3
"""So many names are proposed for one that is not known."""


class Binder:
    """An empty database with the tables of the contracts and every view that has been added."""

    def __init__(self, tables: Mapping[str, Mapping[str, Column]]) -> None:
        self._connection = duckdb.connect()
        schemas = sorted({name.split(".")[0] for name in tables} | {"view"})
        statements = [f"CREATE SCHEMA {quoted(schema)}" for schema in schemas]
        statements += [create_table(name, columns) for name, columns in tables.items()]
        self._connection.execute("; ".join(statements))

    def types(
        self,
        path: Path,
        line: int,
        sql: str,
        parameters: Mapping[str, str] | None = None,
        expression: str = "",
    ) -> dict[str, str]:
        """The columns that a SELECT returns, with their DuckDB types.

        Args:
            path: the file that it is in.
            line: the line of the file that it begins on.
            sql: the SELECT.
            parameters: the type of each parameter in it.
            expression: the part of it that is declared, where that is not all.

        Raises:
            DeclarationError: it does not fit the tables; says where, and which column may have been meant.
        """
        bound = sql
        for name, kind in (parameters or {}).items():
            bound = re.sub(rf"\${name}\b", f"(NULL::{kind})", bound)
        try:
            described = self._connection.execute(f"DESCRIBE {bound}").fetchall()
        except duckdb.Error as error:
            mistake = _mistake(str(error), expression)
            raise DeclarationError(path, line + line_of(error) - 1, mistake.en, mistake.vi) from error
        return {name: kind for name, kind, *_ in described}

    def add_view(self, name: str, sql: str) -> None:
        """Create a view, which has been checked."""
        self._connection.execute(f"CREATE VIEW {qualified(name)} AS {sql}")

    def close(self) -> None:
        """Give the database up."""
        self._connection.close()


def line_of(error: duckdb.Error) -> int:
    """The line of a statement that DuckDB complains about; the first, if it names none."""
    found = LINE.search(str(error))
    return int(found["line"]) if found else 1


def one_select(path: Path, sql: str) -> exp.Query:
    """The SELECT that a file consists of, parsed.

    Raises:
        DeclarationError: it is not one SELECT.
    """
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="duckdb") if statement]
    except sqlglot.ParseError as error:
        first = error.errors[0]
        mistake = of_sql(
            str(first.get("description")), f"{first.get('start_context') or ''}{first.get('highlight') or ''}"
        )
        raise DeclarationError(path, first.get("line") or 1, mistake.en, mistake.vi) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise DeclarationError(path, 1, "write exactly one SELECT.", "hãy ghi đúng một câu SELECT.")
    return statements[0]


def tables_in(query: exp.Query) -> tuple[str, ...]:
    """The tables and views that a SELECT reads, as `schema.table`, sorted."""
    defined = {cte.alias for cte in query.find_all(exp.CTE)}
    named = {f"{table.db}.{table.name}" if table.db else table.name for table in query.find_all(exp.Table)}
    return tuple(sorted(named - defined))


def check_known(path: Path, sql: str, reads: Iterable[str], known: Iterable[str]) -> None:
    """Check that everything a SELECT reads is declared.

    Raises:
        DeclarationError: names the first table or view that is not.
    """
    names = sorted(known)
    for table in reads:
        if table not in names:
            line = next((n for n, text in enumerate(sql.splitlines(), start=1) if table in text), 1)
            listed = ", ".join(names)
            raise DeclarationError(
                path,
                line,
                f"'{table}' is no declared table or view: known are {listed}.",
                f"'{table}' không phải là bảng hay khung nhìn đã khai báo: có {listed}.",
            )


def _mistake(message: str, expression: str) -> Mistake:
    """What DuckDB says of a SELECT, in one sentence."""
    first = message.splitlines()[0].partition("Error: ")[2] or message.splitlines()[0]
    unknown = next((found for pattern in UNKNOWN if (found := pattern.search(message))), None)
    candidates = CANDIDATES.search(message)
    if unknown is None:
        return of_sql(first, expression)
    names = re.findall(r'"([^"]+)"', candidates["names"])[:FEW] if candidates else []
    meant = f": perhaps {' or '.join(names)} is meant" if names else ""
    meant_vi = f": có lẽ là {' hoặc '.join(names)}" if names else ""
    return Mistake(
        f"'{unknown['name']}' is no column here{meant}.", f"ở đây không có cột '{unknown['name']}'{meant_vi}."
    )

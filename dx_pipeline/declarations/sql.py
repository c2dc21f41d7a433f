"""Contracts as SQL: identifiers, literals, tables, comments, and the condition that breaks each constraint.

One place turns a column's constraints into SQL; reading quarantines by it, and audits check by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dx_pipeline.declarations.contract import Column, Contract


@cache
def sql_file(module: str, name: str) -> str:
    """The SQL in a file beside a module, which is given by its `__file__`."""
    return Path(module).with_name(f"{name}.sql").read_text(encoding="utf-8")


def quoted(identifier: str) -> str:
    """An identifier as SQL takes it, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal, for the few statements that bind no parameters (COMMENT, COPY)."""
    return "'" + text.replace("'", "''") + "'"


def create_table(name: str, columns: Mapping[str, Column]) -> str:
    """The statement that creates an empty table of these columns. `name` may be qualified."""
    from dx_pipeline.declarations.contract import DUCKDB_TYPES  # who only reads an SQL file needs no contract

    body = ", ".join(f"{quoted(column)} {DUCKDB_TYPES[declared.type]}" for column, declared in columns.items())
    return f"CREATE TABLE {qualified(name)} ({body})"


def comments(name: str, contract: Contract, columns: Mapping[str, Column]) -> list[str]:
    """The statements that put the contract's words beside the table and its columns in a database."""
    about = f"{contract.title.vi} / {contract.title.en}. {contract.grain.vi} / {contract.grain.en}"
    statements = [f"COMMENT ON TABLE {qualified(name)} IS {literal(about)}"]
    return statements + [comment(name, column, described(declared)) for column, declared in columns.items()]


def comment(name: str, column: str, words: str) -> str:
    """The statement that puts words beside a column of a table or view."""
    return f"COMMENT ON COLUMN {qualified(name)}.{quoted(column)} IS {literal(words)}"


def described(column: Column) -> str:
    """What a column is, in both languages, with its unit."""
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{column.vi} / {column.en}{unit}"


def qualified(name: str) -> str:
    """`schema.table` with each part quoted."""
    return ".".join(quoted(part) for part in name.split("."))


def row_hash(columns: Iterable[str], texts: Iterable[str]) -> str:
    """The expression that hashes a row: equal rows share a number, and others practically never do.

    DuckDB's hash of a text beyond 12 bytes is weak: texts that differ in two places, eight bytes apart, may share one
    (8% of ten million dossier codes of one month do). So a text is hashed twice, also from its fifth character on.

    Args:
        columns: the names of the row's columns.
        texts: the names of those of them that are text.
    """
    hashed = [*map(quoted, columns), *(f"substr({quoted(name)}, 5)" for name in texts)]
    return f"hash({', '.join(hashed)})"


def content_hash(columns: Mapping[str, Column]) -> str:
    """The expression that hashes a row of these columns; see `row_hash`."""
    return row_hash(columns, (name for name, column in columns.items() if column.type == "text"))


def violations(name: str, column: Column) -> Iterator[tuple[str, str]]:
    """Each constraint of a column: the SQL condition that is true where a value breaks it, and the reason code.

    A condition on `references` reads the reference table, which must be in the connection.
    """
    value = quoted(name)
    if column.required:
        yield f"{value} IS NULL", "missing"
    if column.allowed is not None:
        yield f"{value} NOT IN ({', '.join(literal(code) for code in column.allowed)})", "unknown_word"
    if column.pattern is not None:
        yield f"NOT regexp_matches({value}, {literal(column.pattern)})", "malformed"
    if column.min is not None:
        yield f"{value} < {column.min}", "too_small"
    if column.max is not None:
        yield f"{value} > {column.max}", "too_large"
    if column.references is not None:
        table, _, key = column.references.rpartition(".")
        known = f"SELECT {quoted(key)} FROM {qualified(table)}"
        yield f"{value} IS NOT NULL AND {value} NOT IN ({known})", "unknown_reference"

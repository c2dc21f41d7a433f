"""Delimited text, one record a physical line, in the dialect that the layout declares.

DuckDB parses; the physical lines are counted beside it, because a parser that loses its place
(a quote that is never closed) would otherwise lose rows without a word.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import duckdb

from dx_pipeline.declarations.source import Csv, Encoding, Layout
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats.raw import Raw, Reader, as_declared, check_headings, is_marked
from dx_pipeline.formats.text import CODECS, in_unicode, opened, plain
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import normal

ABSENT = "\x01"
"""A character that stands in no text, where DuckDB asks for one that must not split lines."""

LONGEST_HEADING_LINE = 1 << 20


def headings(path: Path, layout: Layout) -> list[str]:
    """The headings of the file, as they are printed.

    Raises:
        DeliveryRefusedError: it is not in the declared encoding, or ends before the headings.
    """
    return _opening(path, layout)[1]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `dx_pipeline.reading.load`."""
    dialect = _dialect(layout)
    titles, found = _opening(path, layout)
    heading_line = dialect.preamble_rows + 1
    found = check_headings(found, layout, heading_line)
    with plain(connection, path, dialect.encoding) as text:
        _parse(connection, text, dialect, found, name)
        _number(connection, text, dialect, found, name)
    (rows,) = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchall()[0]
    return Raw(name, rows, is_marked(titles), titles)


def _dialect(layout: Layout) -> Csv:
    assert isinstance(layout.format, Csv)  # noqa: S101 - the caller chose this reader by the format
    return layout.format


def _opening(path: Path, layout: Layout) -> tuple[tuple[str, ...], list[str]]:
    """The title lines, and the headings under them."""
    dialect = _dialect(layout)
    try:
        return _opening_in(path, dialect, dialect.encoding)
    except DeliveryRefusedError as refusal:
        other = _other_encoding(path, layout)
        if other is None:
            raise
        message = (
            f"it is in {other}, not in {dialect.encoding}; declare 'encoding: {other}' in its format,"
            " or ask the sender to save the file as UTF-8 ('CSV UTF-8' in Excel)."
        )
        if other == "tcvn3" or other == "vni":  # noqa: PLR1714 - mypy narrows by ==, not by in
            message = legacy.advice(other)
        raise DeliveryRefusedError(message) from refusal


def _opening_in(path: Path, dialect: Csv, encoding: Encoding) -> tuple[tuple[str, ...], list[str]]:
    with opened(path, encoding) as text:
        first = list(islice(_bounded(text), dialect.preamble_rows + 1))
    if len(first) <= dialect.preamble_rows:
        message = "the file ends before its headings; ask the sender for the whole file."
        raise DeliveryRefusedError(message, line=len(first) + 1)
    first = [in_unicode(line, encoding) for line in first]
    parsed = next(_reader(first[-1:], dialect), [])
    return tuple(normal(line) for line in first[:-1]), [normal(heading) for heading in parsed]


def _reader(lines: list[str], dialect: Csv) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote)
    except csv.Error as error:
        message = "its headings cannot be told apart; ask the sender for the whole file."
        raise DeliveryRefusedError(message) from error


def _bounded(text: IO[str]) -> Iterator[str]:
    """The lines of a text, none longer than any title or heading line needs to be."""
    while line := text.readline(LONGEST_HEADING_LINE):
        yield line


def _other_encoding(path: Path, layout: Layout) -> Encoding | None:
    """The encoding in which the file does have the layout's headings, if it is another than declared."""
    for encoding in CODECS:
        try:
            _, found = _opening_in(path, _dialect(layout), encoding)
        except DeliveryRefusedError:
            continue
        if set(as_declared(found, layout)) & set(layout.expected):
            return encoding
    return None


def _parse(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str], name: str) -> None:
    """Parse the well-formed lines into `<name> parsed`, the others into `<name> rejected`."""
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    columns = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in found)
    try:
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {quoted(f"{name} parsed")} AS
            SELECT * FROM read_csv($path, auto_detect = false, header = true, columns = {{{columns}}},
                delim = $delimiter, quote = $quote, escape = $quote, skip = $skip, nullstr = '',
                strict_mode = true, null_padding = false, ignore_errors = true, store_rejects = true)
            """,
            {
                "path": str(path),
                "delimiter": dialect.delimiter,
                "quote": dialect.quote,
                "skip": dialect.preamble_rows,
            },
        )
    except duckdb.Error:
        message = "it cannot be read as delimited text; ask the sender to save the file again as CSV."
        raise DeliveryRefusedError(message) from None  # DuckDB's own words quote the line
    # DuckDB's text of a rejected line begins with the end of the line before, in files with CRLF.
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(f"{name} rejected")} AS
        SELECT line, any_value(error_type ORDER BY error_type) AS error_type,
            bool_or(contains(trim(csv_line, chr(10) || chr(13)), chr(10))) AS is_several_lines
        FROM reject_errors GROUP BY line
        """
    )


def _number(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str], name: str) -> None:
    """Give every parsed record its physical line, and make the rejected ones rows of their own."""
    torn = connection.execute(
        f"""SELECT line FROM {quoted(f"{name} rejected")} WHERE is_several_lines ORDER BY line LIMIT 1"""
    ).fetchall()
    if torn:
        _refuse_open_quote(torn[0][0])
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(f"{name} lines")} AS
        SELECT line FROM (
            SELECT row_number() OVER () AS line, text
            FROM read_csv($path, auto_detect = false, header = false, columns = {{'text': 'VARCHAR'}},
                delim = '{ABSENT}', quote = '', escape = '', strict_mode = false)
        )
        WHERE line > $heading_line AND trim(coalesce(text, ''), chr(13) || ' ') <> ''
            AND line NOT IN (SELECT line FROM {quoted(f"{name} rejected")})
        ORDER BY line
        """,
        {"path": str(path), "heading_line": dialect.preamble_rows + 1},
    )
    (physical, parsed), *_ = connection.execute(
        f"""SELECT (SELECT count(*) FROM {quoted(f"{name} lines")}),
                   (SELECT count(*) FROM {quoted(f"{name} parsed")})"""
    ).fetchall()
    if physical != parsed:
        _refuse_broken_lines(connection, path, dialect, physical, parsed)
    columns = ", ".join(quoted(heading) for heading in found)
    nothing = ", ".join("NULL" for _ in found)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
        SELECT line, NULL::VARCHAR AS fault, {columns}
        FROM {quoted(f"{name} parsed")} POSITIONAL JOIN {quoted(f"{name} lines")}
        UNION ALL
        SELECT line, CASE error_type
                WHEN 'MISSING COLUMNS' THEN 'too_few_fields'
                WHEN 'TOO MANY COLUMNS' THEN 'too_many_fields'
                WHEN 'INVALID ENCODING' THEN 'not_utf8'
                ELSE 'not_csv' END, {nothing}
        FROM {quoted(f"{name} rejected")}
        """
    )
    for part in ("parsed", "rejected", "lines"):
        connection.execute(f"DROP TABLE {quoted(f'{name} {part}')}")


def _refuse_open_quote(line: int) -> None:
    message = (
        "a quotation mark is opened and not closed on the same line, so what follows cannot be told"
        " apart; ask the sender to close it or to double it."
    )
    raise DeliveryRefusedError(message, line=line)


def _refuse_broken_lines(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, physical: int, parsed: int
) -> None:
    """Fewer records than lines: some record runs over a line end. Find where, and refuse."""
    found = connection.execute(
        f"""
        SELECT min(line) FROM (
            SELECT row_number() OVER () AS line, text
            FROM read_csv($path, auto_detect = false, header = false, columns = {{'text': 'VARCHAR'}},
                delim = '{ABSENT}', quote = '', escape = '', strict_mode = false)
        )
        WHERE (length(text) - length(replace(text, $quote, ''))) % 2 = 1
        """,
        {"path": str(path), "quote": dialect.quote},
    ).fetchall()[0][0]
    if found is not None:
        _refuse_open_quote(found)
    message = f"it has {physical} lines of data but {parsed} records; ask the sender for one record a line."
    raise DeliveryRefusedError(message)


READER = Reader(headings, load)

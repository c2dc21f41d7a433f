"""Delimited text, one record a physical line, in the dialect that the layout declares.

DuckDB parses, and physical lines are counted besides: a quotation mark that is never closed would lose rows
unnoticed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import duckdb

from dx_pipeline.declarations.source import Csv, Encoding, Layout
from dx_pipeline.declarations.sql import literal, quoted, sql_file
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import physical_line, refusal, undecoded
from dx_pipeline.formats.limits import LONGEST_LINE_BYTES
from dx_pipeline.formats.raw import Raw, Reader, as_declared, check_headings, format_of, is_marked
from dx_pipeline.formats.text import (
    CODECS,
    in_unicode,
    opened,
    plain,
    private_file,
    with_line_feeds,
)
from dx_pipeline.storage.database import OF_THE_SYSTEM
from dx_pipeline.vietnamese.spelling import normal


def headings(path: Path, layout: Layout) -> list[str]:
    """The headings of the file, as they are printed."""
    return opening(path, layout)[1]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    dialect = format_of(layout, Csv)
    titles, printed = opening(path, layout)
    line = dialect.preamble_rows + 1
    named = printed[: len("".join("x" if heading else " " for heading in printed).rstrip())]
    empty = [f" {number}" for number in range(len(named), len(printed))]  # no heading begins with a space
    found = check_headings(named, layout, line) + empty
    rejected = dialect.delimiter.join("?" * (len(found) + 2)).encode()
    with (
        plain(connection, path, dialect.encoding) as unpacked,
        undecoded.set_aside(connection, unpacked, rejected) as (text, lines),
        _narrowed(connection, text, dialect, len(found)) as narrow,
        _parsed(connection, narrow, dialect, found) as parsed,
    ):
        update = "UPDATE csv_rejected SET fault = $fault WHERE line IN (SELECT unnest($lines::BIGINT[]))"
        connection.execute(update, {"fault": undecoded.NOT_UTF8, "lines": lines})
        _number(connection, parsed, dialect, found, name)
    if empty:
        filled = ", ".join(f"count(trim({quoted(column)})) FILTER (trim({quoted(column)}) <> '')" for column in empty)
        (counts,) = connection.execute(f"SELECT {filled} FROM {quoted(name)}").fetchall()
        if any(counts):
            check_headings(printed, layout, line)  # refuses the column without a heading
        for column in empty:
            connection.execute(f"ALTER TABLE {quoted(name)} DROP COLUMN {quoted(column)}")
    (rows,) = connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchall()[0]
    return Raw(name, rows, is_marked(titles), titles, empty_columns=len(empty))


def opening(path: Path, layout: Layout) -> tuple[tuple[str, ...], list[str]]:
    """The title lines, and the headings under them.

    Raises:
        DeliveryRefusedError: there are none, or they cannot be read in the declared encoding.
    """
    dialect = format_of(layout, Csv)
    try:
        return _opening_in(path, dialect, dialect.encoding)
    except DeliveryRefusedError as refused:
        other = _other_encoding(path, layout)
        if other is None:
            raise
        if other == "tcvn3" or other == "vni":  # noqa: PLR1714 - mypy narrows by ==, not by in
            raise refusal.legacy_letters(other) from refused
        raise DeliveryRefusedError(
            f"it is in {other}, not in {dialect.encoding}; declare 'encoding: {other}' in its format,"
            f" or {refusal.SAVE_AS_UTF8}.",
            f"tệp theo bảng mã {other}, không phải {dialect.encoding}; hãy khai báo 'encoding: {other}' trong định"
            f" dạng, hoặc {refusal.SAVE_AS_UTF8_VI}.",
        ) from refused


def _opening_in(path: Path, dialect: Csv, encoding: Encoding) -> tuple[tuple[str, ...], list[str]]:
    with opened(path, encoding) as text:
        if encoding == "utf-8":  # a bad byte further down is no other encoding
            lines = [
                cast("BinaryIO", text.buffer).readline(LONGEST_LINE_BYTES) for _ in range(dialect.preamble_rows + 1)
            ]
            first = [line.decode("utf-8-sig") for line in lines if line]
        else:
            first = [line for _ in range(dialect.preamble_rows + 1) if (line := text.readline(LONGEST_LINE_BYTES))]
    if len(first) <= dialect.preamble_rows:
        raise DeliveryRefusedError(
            "the file ends before its headings; ask the sender for the whole file.",
            "tệp hết trước dòng tiêu đề; hãy đề nghị nơi gửi gửi đủ tệp.",
            line=len(first) + 1,
        )
    first = [in_unicode(line, encoding) for line in first]
    try:
        parsed = next(csv.reader(first[-1:], delimiter=dialect.delimiter, quotechar=dialect.quote), [])
    except csv.Error as error:
        raise DeliveryRefusedError(
            "its headings cannot be separated; ask the sender for the whole file.",
            "không tách được các tiêu đề cột; hãy đề nghị nơi gửi gửi đủ tệp.",
        ) from error
    return tuple(normal(line) for line in first[:-1]), [normal(heading) for heading in parsed]


def first_lines(path: Path, dialect: Csv, most: int) -> list[list[str]]:
    """The cells of each of the first lines, as headings are read.

    Raises:
        DeliveryRefusedError: they are not in the declared encoding.
    """
    found: list[list[str]] = []
    with opened(path, dialect.encoding) as text:
        for _ in range(most):
            line = in_unicode(text.readline(LONGEST_LINE_BYTES), dialect.encoding)
            if not line:
                break
            found.append([normal(cell) for cell in _cells(line.removeprefix("\ufeff"), dialect)])
    return found


def _cells(line: str, dialect: Csv) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=dialect.delimiter, quotechar=dialect.quote), [])
    except csv.Error:
        return []


def _other_encoding(path: Path, layout: Layout) -> Encoding | None:
    """Another encoding than declared, in which the file has the layout's headings."""
    for encoding in CODECS:
        try:
            _, found = _opening_in(path, format_of(layout, Csv), encoding)
        except DeliveryRefusedError:
            continue
        if set(as_declared(found, layout)) & set(layout.expected):
            return encoding
    return None


@contextmanager
def _narrowed(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, width: int) -> Iterator[Path]:
    """A file in which no line has more than one field too many: a copy, where one has.

    DuckDB notes the whole line once for each field too many: two megabytes of such lines would take gigabytes.
    """
    delimiter = dialect.delimiter.encode()
    with path.open("rb") as lines:
        is_narrow = not any(line.count(delimiter) >= width and _is_wide(line, dialect, width) for line in lines)
    if is_narrow:
        yield path
        return
    instead = delimiter.join([b"x"] * (width + 1))
    with private_file(connection) as copy:
        with path.open("rb") as lines, copy.open("wb") as target:
            for number, line in enumerate(lines):
                is_wide = line.count(delimiter) >= width and number > dialect.preamble_rows
                if is_wide and _is_wide(line, dialect, width):
                    line = instead + line[len(line.rstrip(b"\r\n")) :]  # noqa: PLW2901 - its end stays
                target.write(line)
        yield copy


def _is_wide(line: bytes, dialect: Csv, width: int) -> bool:
    """Whether a line has anything in more fields than there are headings, or cannot be separated."""
    cells = _cells(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"), dialect)
    return not cells or any(cells[width:])


@contextmanager
def _parsed(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str]) -> Iterator[Path]:
    """Parse a file; yields the one that was parsed: a copy, where lines end in two ways, of which DuckDB takes one.

    What the copy changes within quotation marks is in no row: a record of several lines is refused.
    """
    if not physical_line.census(path).has_two_ends and _can_be_parsed(connection, path, dialect, found):
        yield path
        return
    with with_line_feeds(connection, path) as copy:
        if not _can_be_parsed(connection, copy, dialect, found):
            raise DeliveryRefusedError(
                "it cannot be read as delimited text; ask the sender to save the file again as CSV.",
                "không đọc được tệp theo dạng CSV; hãy đề nghị nơi gửi lưu lại tệp dạng CSV.",
            )  # DuckDB's own words quote the line
        yield copy


def _can_be_parsed(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str]) -> bool:
    """Parse a file; false where DuckDB cannot."""
    try:
        _parse(connection, path, dialect, found)
    except OF_THE_SYSTEM:
        raise
    except duckdb.Error:
        return False
    return True


def _parse(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str]) -> None:
    """Parse the well-formed lines into `csv_parsed`, the others into `csv_rejected`."""
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    columns = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in found)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE csv_parsed AS
        SELECT * FROM read_csv($path, auto_detect = false, header = true, columns = {{{columns}}},
            delim = $delimiter, quote = $quote, escape = $quote, skip = $skip, nullstr = '',
            strict_mode = true, null_padding = false, ignore_errors = true, store_rejects = true)
        """,
        {"path": str(path), "delimiter": dialect.delimiter, "quote": dialect.quote, "skip": dialect.preamble_rows},
    )
    connection.execute(sql_file(__file__, "csv_rejected"))


def _number(connection: duckdb.DuckDBPyConnection, path: Path, dialect: Csv, found: list[str], name: str) -> None:
    """Give every parsed record its physical line, and make the rejected ones rows of their own."""
    ((open_quote,),) = connection.execute("SELECT min(line) FROM csv_rejected WHERE is_several_lines").fetchall()
    if open_quote is not None:
        _refuse_open_quote(open_quote)
    bounds = {"path": str(path), "most_bytes": LONGEST_LINE_BYTES}
    lines = {**bounds, "heading_line": dialect.preamble_rows + 1}
    connection.execute(sql_file(__file__, "csv_line"), lines)
    ((physical, parsed),) = connection.execute(
        "SELECT (SELECT count(*) FROM csv_line), (SELECT count(*) FROM csv_parsed)"
    ).fetchall()
    if physical != parsed:  # some record has more than one line
        quotes = {**bounds, "quote": dialect.quote}
        ((open_quote,),) = connection.execute(sql_file(__file__, "csv_open_quote"), quotes).fetchall()
        if open_quote is not None:
            _refuse_open_quote(open_quote)
        raise DeliveryRefusedError(
            f"it has {physical} lines of data but {parsed} records; ask the sender for one record a line.",
            f"tệp có {physical} dòng dữ liệu nhưng {parsed} bản ghi; hãy đề nghị nơi gửi ghi mỗi bản ghi một dòng.",
        )
    columns = ", ".join(quoted(heading) for heading in found)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
        SELECT line, NULL::VARCHAR AS fault, {columns} FROM csv_parsed POSITIONAL JOIN csv_line
        UNION ALL BY NAME
        SELECT line, fault FROM csv_rejected
        """
    )
    connection.execute("DROP TABLE csv_parsed; DROP TABLE csv_rejected; DROP TABLE csv_line")


def _refuse_open_quote(line: int) -> NoReturn:
    raise DeliveryRefusedError(
        "a quotation mark is opened and not closed on the same line, so records cannot be separated;"
        " ask the sender to close it or to double it.",
        "có dấu nháy mở mà không đóng trên cùng dòng, nên không tách được các bản ghi;"
        " hãy đề nghị nơi gửi đóng lại hoặc viết đôi dấu nháy.",
        line=line,
    )


READER = Reader(headings, load)

"""Writing: a table of a contract becomes a delivery, as its source's layout says it looks.

This is reading turned round: headings, words, number and date styles come from the layout. What
the layout calls a line without data (column numbers, totals) is planted, so that it can be filtered.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column
from dx_pipeline.declarations.source import Csv, Excel, Html, JsonEnvelope, Layout, Ndjson, Parquet, Placement
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.sample import page, workbook
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.letters import Taken, codec, with_tones_apart
from dx_pipeline.sample.spelling import AS_DECLARED, STEP
from dx_pipeline.sample.workday import TIME_ZONE, UTC_OFFSET_HOURS
from dx_pipeline.vietnamese.spelling import normal

COUNTERS = ("STT", "TT")
TOTAL, OF_WHICH = "Tổng cộng", "Trong đó"
FROM_EXCEL = frozenset({";", "\t"})
BATCH_ROWS = 100_000
ISO_LOCAL = f"%Y-%m-%dT%H:%M:%S+{UTC_OFFSET_HOURS:02d}:00"

Cell = str | int | float | bool | None


def write(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form) -> None:
    """Write the rows of a contract's table to `path` as the delivery of that form.

    Raises:
        DxError: the layout leaves no room to mark the delivery as synthetic.
    """
    with _given(connection, table, form) as (rows, typed):
        match typed.layout.format:
            case Csv() as shape:
                _write_csv(connection, path, rows, typed, shape)
            case Excel() as shape:
                _write_excel(connection, path, rows, typed, shape)
            case JsonEnvelope() as shape:
                _write_json(connection, path, rows, typed, shape)
            case Ndjson():
                _write_ndjson(connection, path, rows, typed)
            case Html() as shape:
                _write_html(connection, path, rows, typed, shape)
            case Parquet():
                _write_parquet(connection, path, rows, typed)
    if getattr(form.layout.format, "compression", None) == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def records(connection: duckdb.DuckDBPyConnection, table: pa.Table, form: Form) -> list[dict[str, Cell]]:
    """The rows of a contract's table as the JSON records of that form."""
    with _given(connection, table, form) as (rows, typed):
        return list(_records(connection, rows, typed))


@contextmanager
def _given(connection: duckdb.DuckDBPyConnection, table: pa.Table, form: Form) -> Iterator[tuple[pa.Table, Form]]:
    """The rows and names of a delivery within reach of SQL, typed as their source types them."""
    if form.spelling != AS_DECLARED:
        names_as_typed = {code: form.spelling.of(name) for code, name in form.names.items()}
        form = replace(form, layout=form.spelling.layout(form.layout), names=names_as_typed)
        table = form.spelling.table(table)
    numbered = table.append_column("row_position", pa.array(np.arange(1, table.num_rows + 1)))
    names = pa.table({"code": list(form.names), "name": list(form.names.values())})
    connection.register("sample_rows", numbered)
    connection.register("sample_names", names)
    try:
        yield table, form
    finally:
        connection.unregister("sample_rows")
        connection.unregister("sample_names")


def _write_csv(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form, shape: Csv) -> None:
    """What Excel saves in Vietnam has semicolons or tabs, a byte-order mark and DOS line ends; other CSV has not."""
    from_excel = shape.delimiter in FROM_EXCEL
    end = "\r\n" if from_excel else "\n"
    cells = _cells(table, form)
    named = ", ".join(f"({cell})::VARCHAR AS cell_{number}" for number, cell in enumerate(cells.values()))
    printed = ", ".join(_in_csv(f"cell_{number}", shape) for number in range(len(cells)))
    lines = connection.sql(
        f"""
        SELECT concat_ws({literal(shape.delimiter)}, {printed})
        FROM (SELECT row_position, {named} FROM sample_rows) ORDER BY row_position
        """
    )
    preamble = form.preamble(shape.preamble_rows)
    by_name = "utf-8-sig" if from_excel and shape.encoding == "utf-8" else codec(shape.encoding)
    with path.open("w", encoding=by_name, newline="") as file:
        stream = Taken(file, shape.encoding)
        by_hand = csv.writer(stream, delimiter=shape.delimiter, quotechar=shape.quote, lineterminator=end)
        stream.write("".join(line + end for line in preamble))
        by_hand.writerow(cells)
        by_hand.writerows(_opening_lines(form, list(cells)))
        with lines.to_arrow_reader(BATCH_ROWS) as reader:
            for batch in reader:
                stream.write(end.join([*batch.column(0).to_pylist(), ""]))
        by_hand.writerows(_closing_lines(connection, form, list(cells)))


def _in_csv(text: str, shape: Csv) -> str:
    """The expression that prints a text in CSV: quoted only where it must be, nothing for NULL."""
    special = (shape.delimiter, shape.quote, "\n", "\r")
    is_special = " OR ".join(f"contains({text}, {literal(character)})" for character in special)
    quote = literal(shape.quote)
    return (
        f"CASE WHEN {is_special} THEN {quote} || replace({text}, {quote}, {quote} || {quote}) || {quote}"
        f" ELSE coalesce({text}, '') END"
    )


def _write_excel(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form, shape: Excel) -> None:
    cells = _cells(table, form)
    headings = list(cells)
    workbook.write(
        path,
        preamble=form.preamble(shape.preamble_rows),
        headings=[tuple(heading.split(STEP)) for heading in headings],
        header_rows=shape.header_rows,
        lines=[
            *_opening_lines(form, headings),
            *_rows(connection, cells),
            *_closing_lines(connection, form, headings),
        ],
        sheet=shape.sheet,
        created_on=form.month.plus(1).first,
    )


def _write_html(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form, shape: Html) -> None:
    cells = _cells(table, form)
    printed = list(cells)
    texts = {heading: f"({cell})::VARCHAR" for heading, cell in cells.items()}
    lines = [*_opening_lines(form, printed), *_rows(connection, texts), *_closing_lines(connection, form, printed)]
    taken = with_tones_apart if shape.encoding == "windows-1258" else str
    page.write(
        path,
        above=[taken(line) for line in form.preamble(3)],
        headings=[tuple(taken(step) for step in heading.split(STEP)) for heading in printed],
        header_rows=shape.header_rows,
        lines=[[taken(cell) if isinstance(cell, str) else cell for cell in line] for line in lines],
        encoding=codec(shape.encoding),
    )


def _write_parquet(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form) -> None:
    cells = ", ".join(f"{cell} AS {quoted(heading)}" for heading, cell in _cells(table, form).items())
    rows = connection.sql(f"SELECT {cells} FROM sample_rows ORDER BY row_position").to_arrow_table()
    pq.write_table(rows.replace_schema_metadata({SYNTHETIC_KEY: "true"}), path, compression="zstd")


def _write_json(
    connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form, shape: JsonEnvelope
) -> None:
    records = list(_records(connection, table, form))
    document: dict[str, Any] = {}
    if shape.count is not None:
        document[shape.count] = len(records)
    document |= {"Status": 1, "Message": "Thành công", SYNTHETIC_KEY: True}
    *outer, last = shape.records.split(".")
    inner = document
    for step in outer:
        inner = inner.setdefault(step, {})
    inner[last] = records
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(json.dumps(document, ensure_ascii=False) + "\n")


def _write_ndjson(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        for record in _records(connection, table, form):
            stream.write(json.dumps(record | {SYNTHETIC_KEY: True}, ensure_ascii=False) + "\n")


def _records(connection: duckdb.DuckDBPyConnection, table: pa.Table, form: Form) -> Iterator[dict[str, Cell]]:
    cells = _cells(table, form)
    for row in _rows(connection, cells):
        yield dict(zip(cells, row, strict=True))


def _rows(connection: duckdb.DuckDBPyConnection, cells: Mapping[str, str]) -> list[tuple[Cell, ...]]:
    return connection.execute(f"SELECT {', '.join(cells.values())} FROM sample_rows ORDER BY row_position").fetchall()


def headings(layout: Layout) -> tuple[str, ...]:
    """Every heading as printed: the counter first, and what stands under one merged heading together."""
    counters = [heading for heading in layout.ignored if heading in COUNTERS]
    others = [heading for heading in layout.expected if heading not in counters]
    first_seen: dict[tuple[str, ...], int] = {}
    for heading in others:
        steps = tuple(heading.split(STEP))
        for depth in range(1, len(steps) + 1):
            first_seen.setdefault(steps[:depth], len(first_seen))

    def place(heading: str) -> tuple[int, ...]:
        steps = tuple(heading.split(STEP))
        return tuple(first_seen[steps[:depth]] for depth in range(1, len(steps) + 1))

    return (*counters, *sorted(others, key=place))


def _cells(table: pa.Table, form: Form) -> dict[str, str]:
    """The expression of each cell of a row by heading, in printed order."""
    columns = {heading: name for name, heading in form.layout.headers.items()}
    found = {}
    for heading in headings(form.layout):
        if heading in COUNTERS and heading not in columns:
            found[heading] = "row_position"
        elif heading not in columns:
            found[heading] = _name_beside_a_code(heading, table)
        elif columns[heading] not in table.column_names:
            found[heading] = "NULL"  # the contract knows more than the sample does
        else:
            name = columns[heading]
            found[heading] = _cell(name, form.contract.columns[name], form.layout.columns[name], form)
    return found


def _name_beside_a_code(heading: str, table: pa.Table) -> str:
    """What a heading carries that the table has no column for: the name of the agency or unit, if any."""
    code = next((name for name in ("agency_code", "unit_code") if name in table.column_names), None)
    if code is None or not normal(heading).rsplit(STEP, 1)[-1].lower().startswith("tên"):
        return "NULL"
    return f"(SELECT any_value(name) FROM sample_names WHERE code = {quoted(code)})"


def _cell(name: str, column: Column, placement: Placement, form: Form) -> str:
    """The expression that prints a value: a plain number (in JSON also a boolean) stays what it is."""
    value = f"{quoted(name)}::{DUCKDB_TYPES[column.type]}"
    if placement.values is not None:
        return _word(f"({value})::VARCHAR", placement.values)
    if _is_kept(column, placement, form):
        return value
    match column.type:
        case "boolean":
            return f"({value})::VARCHAR"
        case "date":
            return f"strftime({value}, {literal(placement.date or '%Y-%m-%d')})"
        case "timestamp":
            local = f"timezone({literal(TIME_ZONE)}, {value})"
            return f"strftime({local}, {literal(placement.date or ISO_LOCAL)})"
        case _:
            return _number(value, column, placement)


def _is_kept(column: Column, placement: Placement, form: Form) -> bool:
    """Whether a value is delivered as the type that it is, and not printed."""
    is_parquet = isinstance(form.layout.format, Parquet)
    match column.type:
        case "text":
            return True
        case "boolean":
            return form.is_typed
        case "date" | "timestamp":
            return is_parquet and placement.date is None
        case _:
            return is_parquet


def _word(code: str, words: Mapping[str, str]) -> str:
    """The delivery's word for a code, the first where it has several."""
    first_word: dict[str, str] = {}
    for word, meant in words.items():
        first_word.setdefault(meant, word)
    branches = " ".join(f"WHEN {literal(meant)} THEN {literal(word)}" for meant, word in first_word.items())
    return f"CASE {code} {branches} ELSE {code} END"


def _number(value: str, column: Column, placement: Placement) -> str:
    if placement.number == "plain" and not placement.percent:
        return value
    text = f"({value})::VARCHAR"
    if column.type == "number":
        text = f"regexp_replace({text}, '\\.0$', '')"
    match placement.number:
        case "comma":
            text = f"replace({text}, '.', ',')"
        case "vi":
            whole = f"replace(format('{{:,}}', trunc({value})::BIGINT), ',', '.')"
            text = f"{whole} || CASE WHEN contains({text}, '.') THEN ',' || split_part({text}, '.', 2) ELSE '' END"
        case _:
            pass
    return f"({text}) || '%'" if placement.percent else text


def _opening_lines(form: Form, printed: list[str]) -> Iterator[list[Cell]]:
    """The row of column numbers under the headings, where a filter expects one."""
    for rule in form.layout.filters:
        if re.search(rule.matches, f"({printed.index(rule.header) + 1})"):
            yield [f"({number})" for number in range(1, len(printed) + 1)]


def _closing_lines(connection: duckdb.DuckDBPyConnection, form: Form, printed: list[str]) -> Iterator[list[Cell]]:
    """The lines of totals under the rows, where a filter expects them."""
    written: set[str] = set()
    for rule in form.layout.filters:
        place = printed.index(rule.header)
        for label, count in _totals(connection, form):
            if label not in written and re.search(rule.matches, label):
                written.add(label)
                line: list[Cell] = [None] * len(printed)
                line[place] = label
                sums = _sums(connection, form, printed) if label == TOTAL else {}
                for position, amount in (sums or {place + 1: count}).items():
                    if position < len(printed):
                        line[position] = amount
                yield line


def _sums(connection: duckdb.DuckDBPyConnection, form: Form, printed: list[str]) -> dict[int, int]:
    """What the columns of counts add up to, by their position."""
    given = connection.table("sample_rows").columns
    counts = {
        name: heading for name, heading in form.layout.headers.items() if name in given and name.endswith("_count")
    }
    if not counts:
        return {}
    sums = ", ".join(f"coalesce(sum({quoted(name)}), 0)::BIGINT" for name in counts)
    (found,) = connection.execute(f"SELECT {sums} FROM sample_rows").fetchall()
    return {printed.index(heading): amount for heading, amount in zip(counts.values(), found, strict=True)}


def _totals(connection: duckdb.DuckDBPyConnection, form: Form) -> Iterator[tuple[str, int]]:
    """How many rows there are, and how many of them have the commonest word of the first worded column."""
    (count,) = connection.execute("SELECT count(*) FROM sample_rows").fetchall()[0]
    yield TOTAL, count
    worded = [(name, field.values) for name, field in form.layout.columns.items() if field.values]
    if count and worded:
        name, words = worded[0]
        word = _word(f"{quoted(name)}::VARCHAR", words)
        found = connection.execute(
            f"SELECT {word}, count(*) FROM sample_rows GROUP BY ALL ORDER BY ALL DESC"
        ).fetchall()
        commonest = max(found, key=lambda row: row[1])
        yield f"{OF_WHICH}: {commonest[0]}", commonest[1]

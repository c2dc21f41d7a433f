"""Writing: the rows of a table as a delivery, by the same layout with which the pipeline reads it.

Headings, words, number and date styles come from the layout. Lines that its filters take out (column
numbers, totals) are written too.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column
from dx_pipeline.declarations.source import (
    Csv,
    Excel,
    Html,
    JsonEnvelope,
    Layout,
    Ndjson,
    Parquet,
    Placement,
    XRoadAnswers,
)
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.sample import xroad_server
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.sheet import Cell, Sheet
from dx_pipeline.sample.spelling import STEP, with_separate_tones
from dx_pipeline.sample.workday import TIME_ZONE, UTC_OFFSET_HOURS
from dx_pipeline.vietnamese.spelling import normal

COUNTERS = ("STT", "TT")
TOTAL, OF_WHICH = "Tổng cộng", "Trong đó"
FROM_EXCEL = frozenset({";", "\t"})
TYPED = frozenset({"json", "ndjson", "parquet", "xroad"})
BATCH_ROWS = 100_000
ISO_LOCAL = f"%Y-%m-%dT%H:%M:%S+{UTC_OFFSET_HOURS:02d}:00"
LISTS = 36
"""How many lists of the catalogue are asked for over X-Road, each by a path of its own."""


def write(connection: duckdb.DuckDBPyConnection, path: Path, table: pa.Table, form: Form) -> None:
    """Write the rows of a contract's table to `path` as the delivery of that form.

    Raises:
        DxError: the layout has no line to mark the delivery as synthetic, or an encoding of the past.
    """
    with _registered(connection, table, form) as delivery:
        match form.layout.format:
            case Csv() as shape:
                codec = "utf-8-sig" if shape.delimiter in FROM_EXCEL and form.codec == "utf-8" else form.codec
                _save(path, _csv(delivery, shape), codec)
            case Excel() as shape:
                delivery.sheet(form.preamble(shape.preamble_rows), shape.header_rows).write_workbook(
                    path, shape.sheet, created_on=form.month.plus(1).first
                )
            case Html() as shape:
                _save(path, delivery.sheet(form.preamble(3), shape.header_rows).as_html(), form.codec)
            case JsonEnvelope() as shape:
                _save(path, [_json(_envelope(delivery.records(), shape))])
            case Ndjson():
                _save(path, (_json(record | {SYNTHETIC_KEY: True}) for record in delivery.records()))
            case Parquet():
                cells = ", ".join(f"{cell} AS {quoted(heading)}" for heading, cell in delivery.cells.items())
                rows = connection.sql(f"SELECT {cells} FROM sample_rows ORDER BY row_position").to_arrow_table()
                pq.write_table(rows.replace_schema_metadata({SYNTHETIC_KEY: "true"}), path, compression="zstd")
            case XRoadAnswers():
                document = f'{{"{SYNTHETIC_KEY}":true,"records":[{",".join(delivery.exchange_records())}]}}'
                packed = gzip.compress(document.encode(), 6, mtime=0)
                path.write_bytes(xroad_server.answer(packed, table.num_rows))
    if form.is_compressed:
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def records(connection: duckdb.DuckDBPyConnection, table: pa.Table, form: Form) -> list[dict[str, Any]]:
    """The rows of a contract's table as the JSON records of that form, as a service answers with them."""
    with _registered(connection, table, form) as delivery:
        if isinstance(form.layout.format, XRoadAnswers):
            return [json.loads(text) for text in delivery.exchange_records()]
        return list(delivery.records())


def csv_line(cells: Iterable[Cell], shape: Csv, end: str = "") -> str:
    """One line of a delivery in CSV."""
    line = io.StringIO()
    csv.writer(line, delimiter=shape.delimiter, quotechar=shape.quote, lineterminator=end).writerow(cells)
    return line.getvalue()


def headings(layout: Layout) -> tuple[str, ...]:
    """Every heading in printed order: the counter first, and together what is under one merged heading."""
    counters = [heading for heading in layout.ignored if heading in COUNTERS]
    others = [tuple(heading.split(STEP)) for heading in layout.expected if heading not in counters]
    first_seen: dict[tuple[str, ...], int] = {}
    for steps in others:
        for depth in range(1, len(steps) + 1):
            first_seen.setdefault(steps[:depth], len(first_seen))
    others.sort(key=lambda steps: [first_seen[steps[: depth + 1]] for depth in range(len(steps))])
    return (*counters, *map(STEP.join, others))


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, table: pa.Table, form: Form) -> Iterator[_Delivery]:
    """A delivery whose rows and names SQL can read."""
    numbered = table.append_column("row_position", pa.array(np.arange(1, table.num_rows + 1)))
    connection.register("sample_rows", numbered)
    connection.register("sample_names", pa.table({"code": list(form.names), "name": list(form.names.values())}))
    try:
        yield _Delivery(connection, form, tuple(table.column_names))
    finally:
        connection.unregister("sample_rows")
        connection.unregister("sample_names")


@dataclass(frozen=True)
class _Delivery:
    """A delivery to write: its rows are the table `sample_rows`, with these columns of the contract."""

    connection: duckdb.DuckDBPyConnection
    form: Form
    columns: Sequence[str]

    @cached_property
    def cells(self) -> dict[str, str]:
        """The SQL expression of a cell by heading, in printed order."""
        layout, contract = self.form.layout, self.form.contract
        names = {heading: name for name, heading in layout.headers.items()}
        found = {}
        for heading in headings(layout):
            name = names.get(heading)
            if name is not None and name in self.columns:
                found[heading] = _cell(name, contract.columns[name], layout.columns[name], layout.format.kind)
            elif name is None:
                found[heading] = "row_position" if heading in COUNTERS else self._name_of_a_code(heading)
            else:
                found[heading] = "NULL"  # a column that the sample has no values for
        return found

    def _name_of_a_code(self, heading: str) -> str:
        """The name of the row's agency or unit, under a heading that is a name and no column of the contract."""
        code = next((name for name in ("agency_code", "unit_code") if name in self.columns), None)
        if code is None or not normal(heading).rsplit(STEP, 1)[-1].lower().startswith("tên"):
            return "NULL"
        return f"(SELECT any_value(name) FROM sample_names WHERE code = {quoted(code)})"

    def rows(self, cells: Iterable[str]) -> Iterator[list[Cell]]:
        """The cells of each row, spelled as the source spells."""
        found = self.connection.execute(f"SELECT {', '.join(cells)} FROM sample_rows ORDER BY row_position").fetchall()
        spelled = self.form.spelling.of
        yield from ([spelled(cell) if isinstance(cell, str) else cell for cell in row] for row in found)

    def records(self) -> Iterator[dict[str, Cell]]:
        """Each row by heading."""
        names = list(map(self.form.spelling.of_heading, self.cells))
        yield from (dict(zip(names, row, strict=True)) for row in self.rows(self.cells.values()))

    def sheet(self, titles: Sequence[str], header_rows: int) -> Sheet:
        """The delivery as a sheet."""
        printed = map(self.form.spelling.of_heading, self.cells)
        as_text = isinstance(self.form.layout.format, Html)
        cells = [f"({cell})::VARCHAR" if as_text else cell for cell in self.cells.values()]
        lines = [*self.column_numbers(), *self.rows(cells), *self.totals()]
        return Sheet(titles, [tuple(heading.split(STEP)) for heading in printed], header_rows, lines)

    def column_numbers(self) -> Iterator[list[Cell]]:
        """The line of column numbers under the headings, where a filter takes it out."""
        numbers: list[Cell] = [f"({number})" for number in range(1, len(self.cells) + 1)]
        for rule in self.form.layout.filters:
            if re.search(rule.matches, str(numbers[list(self.cells).index(rule.header)])):
                yield numbers

    def totals(self) -> Iterator[list[Cell]]:
        """The lines of totals under the rows, where a filter takes them out."""
        labelled = self._counts()
        for rule in self.form.layout.filters:
            place = list(self.cells).index(rule.header)
            for label in [label for label in labelled if re.search(rule.matches, label)]:
                line: list[Cell] = [None] * (len(self.cells) + 1)
                line[place : place + 2] = label, labelled.pop(label)
                if label == TOTAL and (sums := self._sums()):
                    line = [label if position == place else sums.get(position) for position in range(len(line))]
                yield line[:-1]

    def _counts(self) -> dict[str, int]:
        """The number of rows, and of those with the commonest word of the first column of words."""
        ((count,),) = self.connection.execute("SELECT count(*) FROM sample_rows").fetchall()
        found = {TOTAL: int(count)}
        worded = [(name, field.values) for name, field in self.form.layout.columns.items() if field.values]
        if worded:
            word = _word(f"{quoted(worded[0][0])}::VARCHAR", worded[0][1])
            words = self.connection.execute(
                f"SELECT {word} AS word, count(*) FROM sample_rows WHERE word IS NOT NULL"
                " GROUP BY ALL ORDER BY 2 DESC, 1 DESC LIMIT 1"
            ).fetchall()
            found |= {f"{OF_WHICH}: {self.form.spelling.of(text)}": int(number) for text, number in words}
        return found

    def _sums(self) -> dict[int, int]:
        """The sums of the columns of counts, by their position."""
        counts = [name for name in self.form.layout.headers if name in self.columns and name.endswith("_count")]
        if not counts:
            return {}
        sums = ", ".join(f"coalesce(sum({quoted(name)}), 0)::BIGINT" for name in counts)
        (found,) = self.connection.execute(f"SELECT {sums} FROM sample_rows").fetchall()
        positions = [list(self.cells).index(self.form.layout.headers[name]) for name in counts]
        return dict(zip(positions, found, strict=True))

    def exchange_records(self) -> list[str]:
        """Each row as the JSON record that an X-Road server sends."""
        cells = self.cells
        members = {
            **{name: cells[name] for name in ("monitoringDataTs", "securityServerType")},
            **{name: cells[name] for name in ("requestInTs", "requestOutTs", "responseInTs", "responseOutTs")},
            **{f"client{part}": literal(text) for part, text in xroad_server.CLIENT.items()},
            **{f"service{part}": literal(text) for part, text in xroad_server.PROVIDER.items()},
            "serviceCode": f"split_part({cells['operation']}, '/', 1)",
            "serviceType": "'REST'",
            "restMethod": "'GET'",
            "restPath": f"'/DM_' || hash({cells['exchangeId']}) % {LISTS}",
            "messageId": cells["messageId"],
            "xRequestId": cells["exchangeId"],
            "messageProtocolVersion": "'1'",
            **{name: cells[name] for name in ("requestSize", "responseSize", "succeeded", "faultCode", "statusCode")},
            "xRoadVersion": "'6.26.1'",
        }
        record = ", ".join(f"{literal(name)}: {cell}" for name, cell in members.items())
        without_nulls = rf"""regexp_replace(to_json({{{record}}})::VARCHAR, ',"\w+":null', '', 'g')"""
        return [str(text) for (text,) in self.rows([without_nulls])]


def _save(path: Path, texts: Iterable[str], codec: str = "utf-8") -> None:
    encoded = with_separate_tones if codec == "cp1258" else str
    with path.open("w", encoding=codec, newline="") as stream:
        stream.writelines(map(encoded, texts))


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _envelope(records: Iterable[dict[str, Cell]], shape: JsonEnvelope) -> dict[str, Any]:
    """A document with the records where the layout has them."""
    found: Any = list(records)
    count = {} if shape.count is None else {shape.count: len(found)}
    for step in reversed(shape.records.split(".")):
        found = {step: found}
    return {**count, "Status": 1, "Message": "Thành công", SYNTHETIC_KEY: True, **found}


def _csv(delivery: _Delivery, shape: Csv) -> Iterator[str]:
    """CSV from Excel in Vietnam has semicolons or tabs, a byte-order mark and DOS line ends; other CSV has none."""
    end = "\r\n" if shape.delimiter in FROM_EXCEL else "\n"
    yield from (line + end for line in delivery.form.preamble(shape.preamble_rows))
    yield from (csv_line(line, shape, end) for line in (delivery.cells, *delivery.column_numbers()))
    named = ", ".join(f"({cell})::VARCHAR AS cell_{number}" for number, cell in enumerate(delivery.cells.values()))
    printed = ", ".join(_in_csv(f"cell_{number}", shape) for number in range(len(delivery.cells)))
    lines = delivery.connection.sql(
        f"""
        SELECT concat_ws({literal(shape.delimiter)}, {printed})
        FROM (SELECT row_position, {named} FROM sample_rows) ORDER BY row_position
        """
    )
    with lines.to_arrow_reader(BATCH_ROWS) as reader:
        yield from (end.join([*batch.column(0).to_pylist(), ""]) for batch in reader)
    yield from (csv_line(line, shape, end) for line in delivery.totals())


def _in_csv(text: str, shape: Csv) -> str:
    """The SQL expression of a text in CSV: quoted only where it must be, nothing for NULL."""
    special = (shape.delimiter, shape.quote, "\n", "\r")
    is_special = " OR ".join(f"contains({text}, {literal(character)})" for character in special)
    quote = literal(shape.quote)
    return (
        f"CASE WHEN {is_special} THEN {quote} || replace({text}, {quote}, {quote} || {quote}) || {quote}"
        f" ELSE coalesce({text}, '') END"
    )


def _cell(name: str, column: Column, placement: Placement, kind: str) -> str:
    """The SQL expression of a value as it is delivered; typed formats keep numbers and booleans."""
    value = f"{quoted(name)}::{DUCKDB_TYPES[column.type]}"
    if placement.values is not None:
        return _word(f"({value})::VARCHAR", placement.values)
    is_kept = column.type == "text" or (column.type == "boolean" and kind in TYPED)
    if is_kept or (kind == "parquet" and placement.date is None):
        return value
    match column.type:
        case "boolean":
            return f"({value})::VARCHAR"
        case "timestamp" if placement.date == "%s":
            return f"epoch({value})::BIGINT"
        case "timestamp":
            local = f"timezone({literal(TIME_ZONE)}, {value})"
            return f"strftime({local}, {literal(placement.date or ISO_LOCAL)})"
        case _:
            is_date = column.type == "date"
            style = literal(placement.date or "%Y-%m-%d")
            return f"strftime({value}, {style})" if is_date else _number(value, column, placement)


def _word(code: str, words: Mapping[str, str]) -> str:
    """The SQL expression of the delivery's word for a code, the first of several."""
    first_words = {meant: word for word, meant in reversed(list(words.items()))}
    branches = " ".join(f"WHEN {literal(meant)} THEN {literal(word)}" for meant, word in first_words.items())
    return f"CASE {code} {branches} ELSE {code} END"


def _number(value: str, column: Column, placement: Placement) -> str:
    if placement.number == "plain" and not placement.percent:
        return value
    text = f"({value})::VARCHAR"
    if column.type == "number":
        text = f"regexp_replace({text}, '\\.0$', '')"
    if placement.number == "comma":
        text = f"replace({text}, '.', ',')"
    elif placement.number == "vi":
        whole = f"replace(format('{{:,}}', trunc({value})::BIGINT), ',', '.')"
        text = f"{whole} || CASE WHEN contains({text}, '.') THEN ',' || split_part({text}, '.', 2) ELSE '' END"
    return f"({text}) || '%'" if placement.percent else text

"""Scan: one pass over delimited text that types its canonical lines, and finds all others.

A line is canonical if it has no quotation mark and as many cells as there are headings, each of which the privacy
filter leaves as it is, and its row breaks no rule of the contract. Cells repeat: each distinct text of a column is
checked once, by the code that checks every line elsewhere (`values`, `privacy.column`), and a line by what is known of
its cells. Lines that are not canonical are read by `formats` and `rows`, as those of any other format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv

from dx_pipeline.declarations.contract import KNOWN_UNTIL, Contract, arrow_schema
from dx_pipeline.declarations.source import Csv, Layout
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import csv as delimited
from dx_pipeline.formats import physical_line, undecoded
from dx_pipeline.formats.raw import check_headings, is_marked
from dx_pipeline.formats.text import is_compressed
from dx_pipeline.period import Month
from dx_pipeline.privacy.column import column_filters
from dx_pipeline.privacy.letters import MOST_UNDECODED_SHARE
from dx_pipeline.reading.cell import CellColumn, CodeColumn, NotScannedError, is_code
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import OF_THE_SYSTEM
from dx_pipeline.storage.keys import Keys

BLOCK_BYTES = 8 * 1024 * 1024
"""How much text is parsed at a time; a line is never longer."""

WORTHWHILE_BYTES = 1 << 20
"""Smaller files are read as quickly line by line."""

ROWS_AT_A_TIME = 250_000
"""For about so many rows the rules of a contract are evaluated at a time."""

MOST_ODD_SHARE = 0.2
"""Where more lines than these are not canonical, all are read as any others: it costs less."""


@dataclass(frozen=True)
class Scanned:
    """What a scan found.

    Args:
        rows: a Parquet file with the rows of the canonical lines, in their order, as the contract stores them.
        count: how many there are.
        odd: the numbers of all other lines below the headings, in order.
        first: the number of the first line below the headings.
        titles: the lines above the headings.
        has_unique_keys: whether no key is in two of the canonical lines; False where that is not known, too.
    """

    rows: Path
    count: int
    odd: tuple[int, ...]
    first: int
    titles: tuple[str, ...]
    has_unique_keys: bool

    @property
    def is_synthetic(self) -> bool:
        """Whether the delivery says that its data are made up."""
        return is_marked(self.titles)

    @property
    def searched(self) -> tuple[int, ...]:
        """The lines that the privacy filter has not seen yet: titles, headings, and those that are not canonical."""
        return (*range(1, self.first), *self.odd)


@dataclass(frozen=True)
class Identity:
    """What a delivery is, in the rows that come from it.

    Args:
        delivery_id: its id.
        delivered_at: when it was delivered.
        partition: the name of the partition that its rows are for.
    """

    delivery_id: str
    delivered_at: datetime
    partition: str


def scan(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    layout: Layout,
    contract: Contract,
    month: Month | None,
    identity: Identity,
) -> Scanned | None:
    """Scan a delivery; None where it has to be read line by line.

    Args:
        settings: the warehouse.
        connection: has the reference tables of the contract.
        path: the delivery.
        layout: that it is read with.
        contract: of the table that it fills.
        month: that it is for.
        identity: what its rows say of it.
    """
    if not _can_be_scanned(path, layout, contract, month):
        return None
    assert month is not None and isinstance(layout.format, Csv)  # noqa: S101, PT018
    try:
        titles, printed = delimited.opening(path, layout)
        found = check_headings(printed, layout, len(titles) + 1)
        census = physical_line.census(path)
        if census.has_lone_returns:
            return None
        table = _Table(connection, found, layout, contract, month, identity, is_synthetic=is_marked(titles))
        uneven = layout.format.delimiter.join("?" * (len(found) + 2)).encode()
        with undecoded.set_aside(connection, path, uneven, is_plain=census.is_plain) as (text, unread):
            if len(unread) > max(1, census.lines * MOST_UNDECODED_SHARE):
                return None
            return table.scan(settings, text, titles, census.lines)
    except OF_THE_SYSTEM:
        raise
    except (DeliveryRefusedError, NotScannedError, pa.ArrowInvalid, duckdb.Error):
        return None  # reading line by line says what is wrong, and where


def is_worthwhile(path: Path) -> bool:
    """Whether a file is so large that a scan takes less time."""
    return path.stat().st_size >= WORTHWHILE_BYTES


def _can_be_scanned(path: Path, layout: Layout, contract: Contract, month: Month | None) -> bool:
    shape = layout.format
    return (
        isinstance(shape, Csv)
        and shape.encoding == "utf-8"
        and f"{shape.delimiter}{shape.quote}".isascii()
        and contract.origin == "delivered"
        and month is not None
        and all(placement.header is not None for placement in layout.columns.values())
        and is_worthwhile(path)
        and not is_compressed(path)
    )


@dataclass(frozen=True)
class _Block:
    """Some consecutive lines.

    Args:
        numbers: of the lines.
        is_canonical: of each, whether it is canonical.
        values: of their cells; those of lines that are not canonical mean nothing.
    """

    numbers: np.ndarray
    is_canonical: np.ndarray
    values: pa.Table


class _Table:
    """The lines of one delivery, as they become rows."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        found: Sequence[str],
        layout: Layout,
        contract: Contract,
        month: Month,
        identity: Identity,
        *,
        is_synthetic: bool,
    ) -> None:
        assert isinstance(layout.format, Csv)  # noqa: S101
        self._connection, self._contract, self._month = connection, contract, month
        self._identity, self._dialect, self._synthetic = identity, layout.format, is_synthetic
        self._found = found
        names = {header: name for name, header in layout.headers.items()}
        self._columns: list[CellColumn | CodeColumn] = []
        for heading, privacy in zip(found, column_filters(found, layout, contract), strict=True):
            if privacy.announced is not None:
                raise NotScannedError
            name = names.get(heading)
            quote = layout.format.quote
            if name is not None and is_code(name, contract, layout, privacy):
                self._columns.append(CodeColumn(name, privacy, quote))
            else:
                self._columns.append(CellColumn(connection, heading, name, layout, contract, privacy, quote))
        self._schema = arrow_schema(contract, contract.stored)
        self._rules = _broken_rules(contract, month)
        only = contract.key[0] if len(contract.key) == 1 else None
        self._key = only if only is not None and contract.columns[only].type == "text" else None

    def scan(self, settings: Settings, path: Path, titles: tuple[str, ...], lines: int) -> Scanned | None:
        """Write the rows of the canonical lines; None if there are too few of them."""
        first = len(titles) + 2
        odd: list[int] = []
        target = files.private_name(settings, ".parquet")
        about = {parquet.PARTITION: self._identity.partition.encode()}
        keys = Keys(lines)
        kept = None
        try:
            with parquet.Writer(target, self._schema, about) as writer:
                checked = (self._checked(*each) for each in self._batches(settings, path, first, odd))
                for block in self._following_rules(checked):
                    odd.extend(block.numbers[~block.is_canonical].tolist())
                    rows = self._rows(block)
                    if self._key is not None:
                        keys.add(rows.column(self._key))
                    writer.write(rows)
                    if len(odd) > max(1, MOST_ODD_SHARE * lines):
                        return None
            odd.sort()
            if first - 1 + writer.count + len(odd) != lines or self._has_open_quote(path, odd):
                return None
            is_unique = self._key is not None and keys.are_unique()
            kept = Scanned(target, writer.count, tuple(odd), first, titles, is_unique)
            return kept
        finally:
            if kept is None:
                target.unlink(missing_ok=True)

    def _batches(
        self, settings: Settings, path: Path, first: int, odd: list[int]
    ) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """The lines below the headings, split at every delimiter, with their numbers.

        Lines with another number of cells than there are headings are left out: they are `odd`.
        """
        uneven: list[int] = []

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            uneven.append(row.number)
            return "skip"

        names = [str(place) for place in range(len(self._found))]
        kinds = {name: column.arrow_type for name, column in zip(names, self._columns, strict=True)}
        reader = pyarrow.csv.open_csv(
            path,
            pyarrow.csv.ReadOptions(skip_rows=first - 1, column_names=names, use_threads=False, block_size=BLOCK_BYTES),
            pyarrow.csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=False,
                double_quote=False,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False, null_values=[], check_utf8=False),
        )
        following = first
        for batch in _read_ahead(reader, is_parallel=settings.threads > 1):
            passed = [number for number in uneven if number >= following]
            numbers = _without(following, batch.num_rows, passed)
            following = int(numbers[-1]) + 1 if len(numbers) else following
            yield numbers, batch
        odd.extend(uneven)

    def _checked(self, numbers: np.ndarray, batch: pa.RecordBatch) -> _Block:
        """The lines of a batch, of which those are canonical that have no other cells."""
        is_canonical = np.ones(batch.num_rows, dtype=bool)
        values: dict[str, pa.Array] = {}
        for cells, column in zip(batch.columns, self._columns, strict=True):
            typed, is_clean = column.checked(cells)
            if is_clean is not None:
                is_canonical &= is_clean
            if column.name is not None:
                values[column.name] = typed
        return _Block(numbers, is_canonical, pa.table(values))

    def _following_rules(self, blocks: Iterator[_Block]) -> Iterator[_Block]:
        """Blocks in which no line is canonical that breaks a rule, or belongs to another month."""
        for together in _together(blocks):
            if self._rules:
                broken, first = self._breaking(together), 0
                for block in together:
                    count = len(block.numbers)
                    block.is_canonical[broken[(broken >= first) & (broken < first + count)] - first] = False
                    first += count
            yield from together

    def _breaking(self, blocks: Sequence[_Block]) -> np.ndarray:
        """The positions of the rows of some blocks that break a rule."""
        rows = pa.concat_tables([block.values for block in blocks])
        self._connection.register("scanned_batch", rows.append_column("position", [np.arange(rows.num_rows)]))
        broken = self._connection.execute(
            self._rules, {"delivered_at": self._identity.delivered_at} if "$delivered_at" in self._rules else {}
        ).fetchnumpy()["position"]
        self._connection.unregister("scanned_batch")
        return np.asarray(broken, dtype=np.int64)

    def _rows(self, block: _Block) -> pa.Table:
        """The rows of the canonical lines, as the contract stores them."""
        values, numbers = block.values, block.numbers
        if not block.is_canonical.all():
            values, numbers = values.filter(pa.array(block.is_canonical)), numbers[block.is_canonical]
        fixed = {
            "month": self._month.first,
            "delivery_id": self._identity.delivery_id,
            "synthetic": self._synthetic,
        }
        stored: list[pa.Array] = []
        for field in self._schema:
            if field.name in values.column_names:
                found = values.column(field.name)
                stored.append(found.cast(field.type) if found.type != field.type else found)
            elif field.name == "delivery_line":
                stored.append(pa.array(numbers, field.type))
            else:
                stored.append(pa.repeat(pa.scalar(fixed.get(field.name), field.type), len(numbers)))
        return pa.Table.from_arrays(stored, schema=self._schema)

    def _has_open_quote(self, path: Path, odd: Sequence[int]) -> bool:
        """Whether a line may open a quotation mark that it does not close: then lines are no records."""
        sign, between = re.escape(self._dialect.quote), re.escape(self._dialect.delimiter)
        cell = f"(?:{sign}(?:[^{sign}]|{sign}{sign})*{sign}|[^{sign}{between}][^{between}]*|)"
        closed, quote = re.compile(f"{cell}(?:{between}{cell})*".encode()), self._dialect.quote.encode()
        return bool(odd) and any(
            quote in text and (text.count(quote) % 2 or not closed.fullmatch(text.rstrip(b"\r\n")))
            for _, text in physical_line.pick(path, odd)
        )


def _broken_rules(contract: Contract, month: Month) -> str:
    """The query for the positions of rows that break a rule on several columns; empty where there is none."""
    broken = [f"({rule.sql}) IS FALSE" for rule in contract.rules]
    if contract.month is not None:
        day = f"{quoted(contract.month)}::DATE"
        broken.append(f"{day} > DATE '{month.last}'")
        broken += [] if contract.changes else [f"{day} < DATE '{month.first}'"]
    if not broken:
        return ""
    known = f"greatest(DATE '{month.last}', $delivered_at::TIMESTAMPTZ::DATE)"
    has_known = any(KNOWN_UNTIL in rule.sql for rule in contract.rules)
    batch = f"(SELECT *, {known} AS {KNOWN_UNTIL} FROM scanned_batch)" if has_known else "scanned_batch"
    return f"SELECT position FROM {batch} WHERE {' OR '.join(broken)}"


def _together(blocks: Iterator[_Block]) -> Iterator[list[_Block]]:
    """Blocks, some at a time: to plan a query costs as much as it does to evaluate it for the rows of a block."""
    waiting: list[_Block] = []
    for block in blocks:
        waiting.append(block)
        if sum(len(each.numbers) for each in waiting) >= ROWS_AT_A_TIME:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _without(first: int, count: int, passed: Sequence[int]) -> np.ndarray:
    """So many numbers from the first on, without those that are passed over."""
    numbers = np.arange(first, first + count + len(passed))
    if passed:
        numbers = np.setdiff1d(numbers, passed, assume_unique=True)
    return numbers[:count]


def _read_ahead(reader: pyarrow.csv.CSVStreamingReader, *, is_parallel: bool) -> Iterator[pa.RecordBatch]:
    """The batches of a reader; in parallel, the next one is parsed while one is used."""
    if not is_parallel:
        yield from reader
        return
    with ThreadPoolExecutor(1) as parsing:
        following = parsing.submit(next, reader, None)
        while (batch := following.result()) is not None:
            following = parsing.submit(next, reader, None)
            yield batch

"""Parquet: typed columns, printed as the layout says: the same code then types every format."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dx_pipeline.declarations.source import Layout, Placement
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits, refusal
from dx_pipeline.formats.raw import SYNTHETIC_KEY, Raw, Reader, check_headings, placements
from dx_pipeline.storage.database import OF_THE_SYSTEM

PRINTED_ALIKE = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
)
"""Types whose values DuckDB prints as they are in every other format."""


def schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file, and its metadata.

    Raises:
        DeliveryRefusedError: it is no Parquet file, or not a whole one.
    """
    try:
        return pq.read_schema(path)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise refusal.no_parquet() from None


def check(path: Path) -> None:
    """Refuse a file with more values, bytes or text than is read at once: a column may be one value, repeated.

    Raises:
        DeliveryRefusedError: it is, or has.
    """
    try:
        file = pq.ParquetFile(path)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        return  # whoever reads it says so
    with file:
        about = file.metadata
    rows, columns = about.num_rows, about.num_columns
    if rows * columns > limits.MOST_VALUES or columns > limits.MOST_COLUMNS:
        raise DeliveryRefusedError(
            f"it has {rows:,} rows of {columns:,} columns; ask the sender to send less at once.",
            f"tệp có {rows} dòng và {columns} cột; hãy đề nghị nơi gửi gửi ít hơn mỗi lần.",
        )
    chunks = _chunks(path)
    limits.check_expansion(sum(size for _, _, _, size in chunks), path.stat().st_size)
    texts = [(name, values * size) for name, kind, values, size in chunks if kind == "BYTE_ARRAY"]
    if sum(size for _, size in texts) > limits.MOST_UNPACKED_BYTES:
        _check_texts(path, sorted({name for name, _ in texts}))


def _chunks(path: Path) -> list[tuple[str, str, int, int]]:
    """Name, type, number of values and unpacked bytes of each piece of a column, as the footer says.

    DuckDB reads them: where what the footer says of a piece is damaged, pyarrow ends the whole process.

    Raises:
        DeliveryRefusedError: the footer is damaged.
    """
    sql = "SELECT path_in_schema, type, num_values, total_uncompressed_size FROM parquet_metadata($path)"
    try:
        with duckdb.connect() as connection:
            return connection.execute(sql, {"path": str(path)}).fetchall()
    except (MemoryError, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error:
        raise refusal.no_parquet() from None


def _check_texts(path: Path, names: list[str]) -> None:
    """Refuse a file whose texts are too much, each counted as often as it is repeated."""
    try:
        lines = pq.read_table(path, columns=names, read_dictionary=names)
        total = 0
        for column in lines.columns:
            for chunk in column.chunks:
                is_packed = pa.types.is_dictionary(chunk.type)
                lengths = pc.binary_length(chunk.dictionary if is_packed else chunk)
                total += pc.sum(lengths.take(chunk.indices) if is_packed else lengths).as_py() or 0
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError):
        return
    limits.check_expansion(total, limits.MOST_UNPACKED_BYTES)


def headings(path: Path, _: Layout) -> list[str]:
    """The names of the columns."""
    columns = schema(path)
    return [name for position, name in enumerate(columns.names) if position != _mark(columns)]


def load(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    columns = schema(path)
    mark = _mark(columns)
    places = [position for position in range(len(columns)) if position != mark]
    named = check_headings([columns.names[position] for position in places], layout, 1)
    placed_as = placements(layout)
    printed = [
        f"{_printed(position, columns.field(position), placed_as[heading])} AS {quoted(heading)}"
        for position, heading in zip(places, named, strict=True)
    ]
    try:
        lines = pq.read_table(path).rename_columns([f"c{position}" for position in range(len(columns))])
        lines.validate(full=True)  # DuckDB trusts Arrow's types
        connection.register("parquet_as_arrow", lines)
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
            SELECT row_number() OVER () AS line, NULL::VARCHAR AS fault, {", ".join(printed)} FROM parquet_as_arrow
            """
        )
        connection.unregister("parquet_as_arrow")
    except OF_THE_SYSTEM:
        raise
    except (pa.ArrowException, OSError, ValueError, duckdb.Error):
        raise refusal.damaged_parquet() from None
    is_synthetic = (columns.metadata or {}).get(SYNTHETIC_KEY.encode(), b"") == b"true"
    if mark is not None:
        is_synthetic = is_synthetic or pc.any(lines.column(mark)).as_py() is True
    return Raw(name, lines.num_rows, is_synthetic)


def _mark(columns: pa.Schema) -> int | None:
    """The position of a column that says of each row whether it is made up: a database view may have one."""
    places = columns.get_all_field_indices(SYNTHETIC_KEY)
    return places[0] if len(places) == 1 and pa.types.is_boolean(columns.field(places[0]).type) else None


def _printed(position: int, column: pa.Field, placement: Placement) -> str:
    """The expression that prints one column."""
    value, kind = f"c{position}", column.type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    types = pa.types
    if types.is_floating(kind) or types.is_decimal(kind):
        return _number(value, placement)
    if types.is_date(kind):
        return f"strftime({value}::DATE, {literal(placement.date or '%Y-%m-%d')})"
    if types.is_timestamp(kind):
        return _moment(value, placement, has_zone=kind.tz is not None)
    if any(is_plain(kind) for is_plain in PRINTED_ALIKE):
        return f"{value}::VARCHAR"
    raise DeliveryRefusedError(
        f"the values of column {position + 1} are not plain ones; ask the sender for one value a cell.",
        f"giá trị của cột {position + 1} không phải giá trị đơn; hãy đề nghị nơi gửi ghi mỗi ô một giá trị.",
    )


def _moment(value: str, placement: Placement, *, has_zone: bool) -> str:
    if not has_zone:
        return f"strftime({value}::TIMESTAMP, {literal(placement.date or '%Y-%m-%dT%H:%M:%S.%f')})"
    zone = "current_setting('TimeZone')" if placement.date else "'UTC'"  # a time without a zone is the province's
    moment = f"timezone({zone}, {value}::TIMESTAMPTZ)"
    return f"strftime({moment}, {literal(placement.date or '%Y-%m-%dT%H:%M:%S.%fZ')})"


def _number(value: str, placement: Placement) -> str:
    text = f"regexp_replace({value}::VARCHAR, '\\.0+$', '')"
    return text if placement.number == "plain" else f"replace({text}, '.', ',')"


READER = Reader(headings, load)

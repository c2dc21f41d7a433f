"""Scanned rows: those of the only delivery of a partition are its rows, with what its other lines add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.declarations.contract import Contract, arrow_schema
from dx_pipeline.declarations.sql import literal
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, rows
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import STAGED

LINE = "delivery_line"


def stage(
    settings: Settings, connection: duckdb.DuckDBPyConnection, contract: Contract, item: Loaded, month: Month | None
) -> tuple[Counts, Path] | None:
    """Make `staged` as a view of a file with the rows of the only delivery, and `quarantined`.

    Returns where its lines went, and the file; None where it was not scanned, or a key is there twice.

    Raises:
        ConservationError: rows were lost or added.
    """
    scanned = item.scanned
    if scanned is None:
        return None
    odd = rows.stage_odd(connection, contract, item, month)
    if odd is None:
        return None
    file = _merged(settings, connection, contract, scanned.rows) if odd["accepted"] else scanned.rows
    connection.execute(f"DROP TABLE {STAGED}")
    source = f"read_parquet({literal(str(file))}, hive_partitioning = false)"
    connection.execute(f"CREATE VIEW {STAGED} AS FROM {source}")
    counts = Counts(
        delivery_id=item.delivery.entry.delivery_id,
        rows_in=item.raw.rows,
        **{**odd, "accepted": odd["accepted"] + scanned.count},
    )
    counts.check()
    return counts, file


def _merged(settings: Settings, connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Path) -> Path:
    """A file with scanned and staged rows, in the order of their lines."""
    target = files.private_name(settings, ".parquet")
    with pq.ParquetFile(scanned) as source:
        schema = arrow_schema(contract, contract.stored)
        names = ", ".join(f'"{name}"' for name in schema.names)
        odd = connection.sql(f"SELECT {names} FROM {STAGED} ORDER BY {LINE}").to_arrow_table().cast(schema)
        about = {parquet.PARTITION: (source.metadata.metadata or {})[parquet.PARTITION]}
        with parquet.Writer(target, schema, about) as writer:
            for together in _in_order(source, odd):
                writer.write(together)
    return target


def _in_order(source: pq.ParquetFile, odd: pa.Table) -> Iterator[pa.Table]:
    """The rows of a file and of a table, both in the order of their lines, as one sequence."""
    lines = odd.column(LINE).to_numpy()
    taken = 0
    for batch in source.iter_batches(parquet.ROW_GROUP):
        here = batch.column(LINE).to_numpy()
        until = int(np.searchsorted(lines, here[-1]))
        part = pa.concat_tables([pa.Table.from_batches([batch]).cast(odd.schema), odd.slice(taken, until - taken)])
        if until > taken:
            part = part.take(pa.array(np.argsort(np.concatenate([here, lines[taken:until]]), kind="stable")))
        taken = until
        yield part
    yield odd.slice(taken)

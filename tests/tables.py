"""Published tables as plain rows, without the deliveries that they would come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key, KpiKey
from dx_pipeline.tables.run import PartitionRun

Row = dict[str, Any]


def publish(
    settings: Settings,
    catalogue: Catalogue,
    table: str,
    source: str,
    month: str | None,
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Publish the rows of one partition as if they had been delivered and accepted, in their order."""
    of_month = Month.parse(month) if month else None
    key = Key(table, source, of_month)
    contract = catalogue.contracts[table]
    schema = arrow_schema(contract, contract.stored)
    about: Row = {"month": month if schema.field("month").type == pa.string() else of_month.first} if of_month else {}
    about |= {"delivery_id": "0" * 64, "source": source, "synthetic": False}
    full = [
        {name: {**about, "delivery_line": line, **row}.get(name) for name in schema.names}
        for line, row in enumerate(rows, 1)
    ]
    path = settings.tables / table / f"partition={key.name}" / partition.ROWS
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(full, schema.with_metadata({b"dx_fingerprint": b"x"})), path)
    count: Row = {"delivery_id": about["delivery_id"], "rows_in": len(full), "accepted": len(full)}
    run = PartitionRun(
        table=table,
        partition=key.name,
        source=source,
        month=month,
        fingerprint="x",
        published=True,
        synthetic=False,
        rows=len(full),
        counts=(Counts(**count, duplicate=0, filtered=0, quarantined=0),),
    )
    partition.record(settings, key, run)


def published(settings: Settings, table: str) -> list[Row]:
    """The rows of every partition of a table."""
    return [row for path in partition.all_rows(settings, table) for row in pq.read_table(path).to_pylist()]


def values(settings: Settings, catalogue: Catalogue, *codes: str) -> list[Row]:
    """The values of some KPIs (all, if none is named), evaluated together."""
    wanted = codes or tuple(catalogue.kpis)
    found: list[Row] = []
    for code in wanted:
        run = evaluate(settings, catalogue, code, wanted).run
        assert run.published, run.problem
        path = partition.rows(settings, KpiKey(code))
        assert path is not None
        found += pq.read_table(path).to_pylist()
    return found


def one(rows: Iterable[Row], **wanted: str | date | None) -> Row:
    """The one row that has these values."""
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found

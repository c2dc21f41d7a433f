"""What a release was made from as OpenLineage events: a line for each source, summary and KPI, and for the release.

Standard: OpenLineage (openlineage.io), run events. Deliveries are named by source and month, as in the inbox: what
says more of a single delivery may not be public.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import output_statistics_output_dataset, sql_job
from openlineage.client.serde import Serde

from dx_pipeline.declarations.catalogue import Catalogue

if TYPE_CHECKING:
    from openlineage.client.generated.base import JobFacet

NAME = "openlineage.ndjson"
PRODUCER = "urn:dx-pipeline"
INBOX, TABLES, PUBLISHED = "inbox", "tables", "release"
"""The namespaces of what is read and written."""

DELIVERED = """
    SELECT source, table_name, month, row_count FROM ledger.partition
    WHERE table_name <> 'kpi.value' ORDER BY source, table_name, month
"""
DEFINED = """
    SELECT kpi_code, list(DISTINCT read ORDER BY read), arg_max(sql, definition_version),
        (SELECT count(*) FROM kpi.value WHERE value.kpi_code = defined.kpi_code AND units_on IS NULL)
    FROM (SELECT *, unnest(string_split(reads, ', ')) AS read FROM kpi.definition) AS defined
    GROUP BY kpi_code ORDER BY kpi_code
"""
LATEST = "SELECT coalesce(max(delivered_at), TIMESTAMPTZ '2000-01-01 00:00:00+00') FROM ledger.delivery"


def write(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, folder: Path) -> None:
    """Write the events of a release, one a line.

    Args:
        connection: has the tables of the release.
        catalogue: what is declared.
        release_id: of the release.
        folder: where to.
    """
    ((latest,),) = connection.execute(LATEST).fetchall()
    lines = (Serde.to_json(event) for event in _events(connection, catalogue, release_id, latest.isoformat()))
    (folder / NAME).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _events(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, at: str
) -> Iterator[RunEvent]:
    """The events of a release: it has no clock of its own, so each is dated by the last delivery."""

    def event(
        job: str, inputs: Iterable[InputDataset], outputs: Iterable[OutputDataset], sql: str | None = None
    ) -> RunEvent:
        facets: dict[str, JobFacet] = {} if sql is None else {"sql": sql_job.SQLJobFacet(sql, "duckdb")}
        run = Run(str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}:{release_id}:{job}")))
        return RunEvent(
            eventTime=at,
            eventType=RunState.COMPLETE,
            producer=PRODUCER,
            run=run,
            job=Job(PRODUCER, job, facets),
            inputs=list(inputs),
            outputs=list(outputs),
        )

    by_source: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for source, *about in connection.execute(DELIVERED).fetchall():
        by_source[source].append(tuple(about))
    for source, partitions in by_source.items():
        table = partitions[0][0]
        if table in catalogue.summaries:
            views = catalogue.summaries[table].kpi.every_view
            read = sorted({name for view in views for name in catalogue.views[view].reads})
            yield event(f"summary/{source}", [InputDataset(TABLES, name) for name in read], _tables(partitions))
            continue
        months = dict.fromkeys(month for _, month, _ in partitions)
        inputs = [InputDataset(INBOX, f"{source}/{month}" if month else source) for month in months]
        yield event(f"ingest/{source}", inputs, _tables(partitions))
    codes = connection.execute(DEFINED).fetchall()
    for code, reads, sql, count in codes:
        yield event(f"kpi/{code}", [InputDataset(TABLES, name) for name in reads], [_output(f"kpi.{code}", count)], sql)
    every = [InputDataset(TABLES, f"kpi.{code}") for code, *_ in codes]
    yield event("publish", every, [OutputDataset(PUBLISHED, release_id)])


def _tables(partitions: Sequence[tuple[Any, ...]]) -> Iterator[OutputDataset]:
    """The tables that a source fills, with their rows where those are public."""
    for table in dict.fromkeys(table for table, _, _ in partitions):
        counts = [count for name, _, count in partitions if name == table]
        yield _output(table, sum(counts) if None not in counts else None)


def _output(name: str, count: int | None) -> OutputDataset:
    facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=count)
    return OutputDataset(TABLES, name, {} if count is None else {"outputStatistics": facet})

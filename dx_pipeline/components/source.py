"""Systems, tables and reference files as Dagster assets: one asset a source, one check a table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel

from dx_pipeline.components.asset import (
    POOL,
    both,
    check_name,
    check_result,
    column_schema,
    months_definition,
    months_of,
    source_key,
)
from dx_pipeline.declarations import source as declared
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.errors import DxError
from dx_pipeline.ingest import ingest
from dx_pipeline.settings import Settings
from dx_pipeline.tables import attempts as fetch_attempts
from dx_pipeline.tables.run import PartitionRun

RETENTION = "retention"


class _SourceComponent(dg.Component):
    """A source, as it is declared in the folder the component stands in."""

    model: type[BaseModel] = declared.Source

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return cls.model

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        return cls(context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[build_asset(open_project()[1], self.name)])


class System(_SourceComponent):
    """A national system that the province is connected to: its register and its traffic, monthly."""


class Table(_SourceComponent):
    """One of the province's own tables, as the agency that keeps it returns it monthly."""


class Reference(_SourceComponent):
    """A reference table: one CSV file under `warehouse/reference/`, versioned with the code."""

    model = declared.Reference


def build_asset(catalogue: Catalogue, name: str) -> dg.AssetsDefinition:
    """The asset of one source, in monthly partitions unless it is a reference file."""
    source = catalogue.sources[name]
    key = source_key(catalogue, name)
    tables = {table: catalogue.contracts[table].stored for table in source.source.tables}
    observed = [] if source.is_reference else [fetch_attempts.TABLE]

    @dg.asset(
        key=key,
        description=f"**{source.source.title.vi}** / {source.source.title.en}\n\n{both(source.source.description)}",
        group_name=source.group,
        owners=[source.source.owner],
        kinds={"duckdb", "parquet", *(str(layout.format.kind) for layout in source.source.deliveries)},
        metadata={"dagster/column_schema": column_schema(tables)},
        check_specs=[
            dg.AssetCheckSpec(
                check_name(table),
                asset=key,
                blocking=True,
                description=f"Great Expectations on {table}, before it is published",
            )
            for table in (*tables, *observed)
        ]
        + (
            [
                dg.AssetCheckSpec(
                    RETENTION,
                    asset=key,
                    description="Máy chủ sắp quên dữ liệu chưa lấy / The server will soon forget what is not fetched",
                )
            ]
            if source.source.connector.kind == "xroad"
            else []
        ),
        output_required=False,
        pool=POOL,
        partitions_def=None if source.is_reference else months_definition(catalogue.province),
        backfill_policy=None if source.is_reference else dg.BackfillPolicy.single_run(),
    )
    def ingested(context: dg.AssetExecutionContext) -> Iterator[Any]:
        settings = open_project()[0]
        months = (None,) if source.is_reference else months_of(context)
        try:
            attempts = ingest(settings, catalogue, name, months)
        except DxError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        if isinstance(source.source.connector, XRoad):
            yield _retention(settings, name, source.source.connector, key)
        run_for = {str(month) for month in months if month is not None}
        yield from _told(context, key, [*tables, *observed], [attempt.run for attempt in attempts], run_for)

    return ingested


def _told(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    tables: list[str],
    records: list[PartitionRun],
    run_for: set[str],
) -> Iterator[Any]:
    """What Dagster is told: materialised where all is well; else the good months, and red checks.

    A materialisation that is not yielded is what holds the asset back: a failed check after one
    would come too late. Months that the run was not for are told one by one: what is derived of
    them has changed with their neighbour.
    """
    checks = [
        check_result(check_name(table), key, [record for record in records if record.table == table])
        for table in tables
    ]
    held = {record.month for record in records if record.problem}
    good_months = {record.month for record in records if record.month} - held
    for month in sorted(good_months if held else good_months - run_for):
        good = [record for record in records if record.month == month]
        context.log_event(dg.AssetMaterialization(asset_key=key, partition=f"{month}-01", metadata=_counts(good)))
    if records and not held:
        yield dg.MaterializeResult(asset_key=key, metadata=_counts(records), check_results=checks)
        return
    yield from checks


def _retention(settings: Settings, name: str, declared: XRoad, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Whether an X-Road server will forget records before the nights to come can fetch them."""
    from dx_pipeline.connectors import xroad

    now = datetime.now(UTC)
    told = xroad.retention(settings, name, declared, now=now, next_fetch_at=now + timedelta(days=1))
    return dg.AssetCheckResult(
        check_name=RETENTION,
        asset_key=key,
        passed=not told.is_in_danger,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "complete_until": str(told.covered_until or "nothing has landed"),
            "forgotten_after": str(told.lost_after or "unknown"),
        },
        description=f"records not fetched by {told.lost_after or 'now'} are lost for good"
        if told.is_in_danger
        else None,
    )


def _counts(records: list[PartitionRun]) -> dict[str, Any]:
    counts = [counts for record in records for counts in record.counts]
    return {
        "dagster/row_count": sum(record.rows for record in records),
        "rows_in": sum(item.rows_in for item in counts),
        "rows_duplicate": sum(item.duplicate for item in counts),
        "rows_filtered": sum(item.filtered for item in counts),
        "rows_quarantined": sum(item.quarantined for item in counts),
        "synthetic": any(record.synthetic for record in records),
    }

"""Systems, tables and reference files as Dagster assets: one asset a source, one check a table."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from dx_pipeline import connectors
from dx_pipeline.components.asset import (
    POOL,
    both,
    code_references,
    column_schema,
    months_definition,
    partition_key,
    source_key,
)
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import Event, Results, check_evaluation, check_name, report_to_dagster
from dx_pipeline.declarations import source as declarations
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource, open_project
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.errors import DxError
from dx_pipeline.ingest import ingest
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import attempts, partition
from dx_pipeline.tables.partition import Key

LATENESS = "lateness"
RETENTION = "retention"
DECLARED_IN = ("assets/contract", "checks")


class _SourceComponent(Declaration):
    """A source, declared in the component's folder."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the source."""
        settings, catalogue = open_project(context.project_root)
        return dg.Definitions(assets=[build_asset(settings, catalogue, context.path.name)])


class System(_SourceComponent, declarations.Source):
    """A national system that the province is connected to: its register and its traffic, monthly."""


class Table(_SourceComponent, declarations.Source):
    """One of the province's own tables, as the agency that keeps it returns it monthly."""


class Reference(_SourceComponent, declarations.Reference):
    """A reference table: one CSV file under `warehouse/reference/`, versioned with the code."""


def build_asset(settings: Settings, catalogue: Catalogue, name: str) -> dg.AssetsDefinition:
    """The asset of one source, in monthly partitions unless it is a reference file."""
    source = catalogue.sources[name]
    declared, key = source.source, source_key(catalogue, name)
    months = None if source.is_reference else months_definition(catalogue.province)
    tables = {table: catalogue.contracts[table].stored for table in declared.tables}
    names = (f"{kind}:{table}" for table in tables for kind in ("contract", "suite"))
    code_version = catalogue.digest(f"source:{name}", *(each for each in names if each in catalogue.digests))
    files = [
        settings.project / folder / f"{table.replace('.', '/')}.yaml" for table in tables for folder in DECLARED_IN
    ]

    @dg.asset(
        key=key,
        description=f"**{declared.title.vi}** / {declared.title.en}\n\n{both(declared.description)}",
        group_name=source.group,
        owners=[declared.owner],
        kinds={"duckdb", "parquet", *(str(layout.format.kind) for layout in declared.deliveries)},
        tags={"connector": declared.connector.kind},
        metadata={
            "dagster/column_schema": column_schema(tables),
            "dagster/code_references": code_references(files),
        },
        code_version=code_version,
        check_specs=list(_check_specs(source, key, months)),
        output_required=False,
        pool=POOL,
        partitions_def=months,
        backfill_policy=dg.BackfillPolicy.single_run() if months else None,
    )
    def ingested(context: dg.AssetExecutionContext, project: Project) -> Iterator[Event]:
        settings, catalogue = project.open()
        run_for = [Month.of(date.fromisoformat(each)) for each in context.partition_keys] if months else [None]
        try:
            runs = [result.run for result in ingest(settings, catalogue, name, run_for)]
        except DxError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        derived = {Month.parse(run.month) for run in runs if run.month}  # also for months next to those of the run
        for month in sorted({*run_for, *derived}, key=str):
            latest = {table: partition.run(settings, Key(table, name, month)) for table in tables}
            yield from report_to_dagster(settings, Results(key, code_version, month, latest))
        yield from _other_checks(settings, catalogue, name, run_for)

    return ingested


def _check_specs(
    source: DeclaredSource, key: dg.AssetKey, months: dg.PartitionsDefinition[str] | None
) -> Iterator[dg.AssetCheckSpec]:
    """An audit of each table; lateness of a monthly source; fetch attempts of a remote one; retention on X-Road."""
    for table in source.source.tables:
        yield dg.AssetCheckSpec(
            check_name(table),
            asset=key,
            blocking=True,
            partitions_def=months,
            description=f"Great Expectations kiểm tra {table} trước khi công bố / audits {table} before publication",
        )
    if months:
        yield dg.AssetCheckSpec(
            LATENESS,
            asset=key,
            partitions_def=months,
            description="Dữ liệu của tháng đã đến hạn mà chưa giao / The month's delivery is late",
        )
    if connectors.is_remote(source):
        yield dg.AssetCheckSpec(
            check_name(attempts.TABLE),
            asset=key,
            blocking=True,
            description=f"Great Expectations kiểm tra {attempts.TABLE} / audits {attempts.TABLE}",
        )
    if source.source.connector.kind == "xroad":
        yield dg.AssetCheckSpec(
            RETENTION,
            asset=key,
            description="Máy chủ sắp xóa dữ liệu chưa lấy / The server will soon delete what has not been fetched",
        )


def _other_checks(
    settings: Settings,
    catalogue: Catalogue,
    name: str,
    months: list[Month | None],
) -> Iterator[Event]:
    source, key = catalogue.sources[name], source_key(catalogue, name)
    today = datetime.now(ZoneInfo(settings.time_zone)).date()
    for month in months:
        if month is not None:
            yield lateness(settings, source, key, month, today)
    if connectors.is_remote(source):
        fetched = partition.run(settings, Key(attempts.TABLE, name, None))
        yield check_evaluation(settings, key, attempts.TABLE, fetched, None)
    if isinstance(source.source.connector, XRoad):
        yield _retention(settings, name, source.source.connector, key)


def lateness(
    settings: Settings, source: DeclaredSource, key: dg.AssetKey, month: Month, today: date
) -> dg.AssetCheckEvaluation:
    """Whether a month has been delivered or is not yet late by the source's calendar; a warning if not.

    Args:
        settings: the warehouse that deliveries have landed in.
        source: with its calendar.
        key: the asset.
        month: which month's delivery.
        today: the day in the province's time zone.
    """
    calendar = source.source.calendar
    is_late = today > calendar.late_after(month) and not deliveries.landed(settings, source.name, month)
    due = f"the delivery of {month} was due on {calendar.due(month)} and late after {calendar.late_after(month)}"
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=LATENESS,
        passed=not is_late,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"due": str(calendar.due(month)), "late_after": str(calendar.late_after(month))},
        description=due if is_late else None,
        blocking=False,
        partition=partition_key(month),
    )


def _retention(settings: Settings, name: str, declared: XRoad, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Whether an X-Road server will delete records before the next nights can fetch them."""
    from dx_pipeline.connectors import xroad

    now = datetime.now(UTC)
    kept = xroad.retention(settings, name, declared, now=now, next_fetch_at=now + timedelta(days=1))
    lost = f"records not fetched by {kept.lost_after or 'now'} are lost for good"
    return dg.AssetCheckResult(
        check_name=RETENTION,
        asset_key=key,
        passed=not kept.is_in_danger,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "complete_until": str(kept.covered_until or "nothing has landed"),
            "deleted_after": str(kept.lost_after or "unknown"),
        },
        description=lost if kept.is_in_danger else None,
    )

"""Systems, tables and reference files as Dagster assets: one asset a source, one check a table."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from dx_pipeline import connectors, profile
from dx_pipeline.components.asset import (
    POOL,
    both,
    code_references,
    column_schema,
    contract_file,
    failure,
    months_definition,
    report_page,
    source_key,
    suite_file,
)
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import (
    AUDITED,
    Event,
    Partition,
    audit_evaluation,
    check_name,
    check_outputs,
    profiled,
    report_to_dagster,
)
from dx_pipeline.declarations import source as declarations
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource, open_project
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.errors import DxError
from dx_pipeline.ingest import ingest
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.report import place
from dx_pipeline.settings import Settings
from dx_pipeline.tables import attempts, partition
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun

LATENESS = "lateness"
RETENTION = "retention"
REVISION = "revision"


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
    code_version = catalogue.table_digest(tables, f"source:{name}")
    files = [find(settings, table) for table in tables for find in (contract_file, suite_file)]
    check_specs = list(_check_specs(source, key, months))

    @dg.asset(
        key=key,
        description=f"{declared.title.vi} / {declared.title.en}\n\n{both(declared.description)}",
        group_name=source.group,
        owners=[declared.owner],
        kinds={"duckdb", "parquet", *(str(layout.format.kind) for layout in declared.deliveries)},
        tags={"connector": declared.connector.kind},
        metadata={
            "dagster/column_schema": column_schema(tables),
            "dagster/code_references": code_references(files),
            "report": report_page(settings, place.of_system(name) if name in catalogue.systems else place.QUALITY),
        },
        code_version=code_version,
        check_specs=check_specs,
        output_required=False,
        pool=POOL,
        partitions_def=months,
        backfill_policy=dg.BackfillPolicy.single_run() if months else None,
    )
    def ingested(context: dg.AssetExecutionContext, project: Project) -> Iterator[Event]:
        settings, catalogue = project.open()
        run_for = [Month.of(date.fromisoformat(each)) for each in context.partition_keys] if months else [None]
        try:
            with profile.recording() as stages:
                runs = [result.run for result in ingest(settings, catalogue, name, run_for)]
        except DxError as error:
            raise failure(error) from error
        derived = {Month.parse(run.month) for run in runs if run.month}  # also for months next to those of the run
        today = datetime.now(ZoneInfo(settings.time_zone)).date()
        for month in sorted({*run_for, *derived}, key=str):
            of_month = Partition(context.instance, key, code_version, month)
            latest = {table: partition.run(settings, Key(table, name, month)) for table in tables}
            yield from report_to_dagster(settings, of_month, latest, profiled(stages, month))
            if month:
                yield lateness(settings, source, of_month, month, today)
                yield _revision(of_month, [run for run in latest.values() if run is not None])
        yield from _fetching(settings, source, Partition(context.instance, key, code_version))
        yield from check_outputs(check_specs)

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
            description=AUDITED.format(table=table),
        )
    if months:
        yield dg.AssetCheckSpec(
            LATENESS,
            asset=key,
            partitions_def=months,
            description="Dữ liệu của tháng đã đến hạn mà chưa giao / The month's delivery is late",
        )
        yield dg.AssetCheckSpec(
            REVISION,
            asset=key,
            partitions_def=months,
            description="Tệp đến sau khi khóa sổ chờ đính chính / Deliveries after closing wait for a revision",
        )
    if connectors.is_remote(source):
        yield dg.AssetCheckSpec(
            check_name(attempts.TABLE),
            asset=key,
            blocking=True,
            description=AUDITED.format(table=attempts.TABLE),
        )
    if source.source.connector.kind == "xroad":
        yield dg.AssetCheckSpec(
            RETENTION,
            asset=key,
            description="Máy chủ sắp xóa dữ liệu chưa lấy / The server will soon delete what has not been fetched",
        )


def lateness(
    settings: Settings, source: DeclaredSource, reported: Partition, month: Month, today: date
) -> dg.AssetCheckEvaluation:
    """Whether a month has been delivered or is not yet late by the source's calendar; a warning if not.

    Args:
        settings: the warehouse that deliveries have landed in.
        source: with its calendar.
        reported: the partition of the month.
        month: which month's delivery.
        today: the day in the province's time zone.
    """
    due, late_after = source.source.calendar.due(month), source.source.calendar.late_after(month)
    is_late = today > late_after and not deliveries.landed(settings, source.name, month)
    return reported.evaluation(
        LATENESS,
        passed=not is_late,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"due": dg.MetadataValue.text(str(due)), "late_after": dg.MetadataValue.text(str(late_after))},
        description=f"the delivery of {month} was due on {due} and late after {late_after}" if is_late else None,
    )


def _revision(reported: Partition, runs: Sequence[PartitionRun]) -> dg.AssetCheckEvaluation:
    """Whether nothing came after the month had closed; a warning if something waits to be accepted."""
    proposed = sum(len(run.proposed) for run in runs)
    waiting = f"{proposed} deliveries came after {reported.month} had closed: see 'dx revision list'"
    return reported.evaluation(
        REVISION,
        passed=not proposed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"proposed": dg.MetadataValue.int(proposed)},
        description=waiting if proposed else None,
    )


def _fetching(settings: Settings, source: DeclaredSource, reported: Partition) -> Iterator[Event]:
    """The checks of a remote source: its fetch attempts, and for X-Road how long records are still there."""
    if not connectors.is_remote(source):
        return
    yield audit_evaluation(
        settings, reported, attempts.TABLE, partition.run(settings, Key(attempts.TABLE, source.name, None))
    )
    if isinstance(source.source.connector, XRoad):
        from dx_pipeline.connectors import xroad

        now = datetime.now(UTC)
        tomorrow = now + timedelta(days=1)
        kept = xroad.retention(settings, source.name, source.source.connector, now=now, next_fetch_at=tomorrow)
        lost = f"records not fetched by {kept.lost_after or 'now'} are lost for good"
        yield reported.evaluation(
            RETENTION,
            passed=not kept.is_in_danger,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "complete_until": dg.MetadataValue.text(str(kept.covered_until or "nothing has landed")),
                "deleted_after": dg.MetadataValue.text(str(kept.lost_after or "unknown")),
            },
            description=lost if kept.is_in_danger else None,
        )

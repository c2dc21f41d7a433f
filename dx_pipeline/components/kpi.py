"""KPIs as Dagster assets: what they depend on comes from what they count."""

from collections.abc import Iterator

import dagster as dg

from dx_pipeline import profile
from dx_pipeline.components.asset import (
    POOL,
    code_references,
    column_schema,
    evaluated_key,
    failure,
    kpi_key,
    report_page,
    source_key,
    view_key,
)
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import (
    AUDITED,
    Event,
    Metadata,
    Partition,
    check_name,
    check_outputs,
    profiled,
    report_to_dagster,
)
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue, open_project
from dx_pipeline.declarations.kpi import PUBLISHED, DeclaredKpi, Definition
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import HEADLINE
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.report import place
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import KpiKey

NUMBERS = ("value", "numerator", "denominator", "target", "coverage")


class Kpi(Declaration, Definition):
    """A KPI: its definition is in `defs.yaml`; free SQL, if it has any, is beside it."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the KPI."""
        settings, catalogue = open_project(context.project_root)
        return dg.Definitions(assets=[build_asset(settings, catalogue, context.path.name)])


def build_asset(settings: Settings, catalogue: Catalogue, code: str) -> dg.AssetsDefinition:
    """The asset of one KPI: all of its windows and units, evaluated anew."""
    kpi, key = catalogue.kpis[code], kpi_key(code)
    code_version = catalogue.table_digest([KPI_TABLE], f"kpi:{code}", *(f"view:{name}" for name in kpi.every_view))
    check = dg.AssetCheckSpec(
        check_name(KPI_TABLE),
        asset=key,
        blocking=True,
        description=AUDITED.format(table=KPI_TABLE),
    )

    @dg.asset(
        key=key,
        deps=_upstream(catalogue, kpi),
        description=_description(kpi),
        group_name="kpi",
        owners=[kpi.definition.owner],
        kinds={"duckdb", "sql", "parquet"},
        tags={"basis": kpi.basis, **({"headline": ""} if code in catalogue.province.headline else {})},
        code_version=code_version,
        metadata={
            "dagster/column_schema": column_schema({KPI_TABLE: catalogue.contracts[KPI_TABLE].published}),
            "dagster/code_references": code_references(query.path for query in kpi.queries.values()),
            "report": report_page(settings, place.of_kpi(code)),
        },
        check_specs=[check],
        output_required=False,
        pool=POOL,
    )
    def evaluated(context: dg.AssetExecutionContext, project: Project) -> Iterator[Event]:
        settings, catalogue = project.open()
        try:
            with profile.recording() as stages:
                run = evaluate(settings, catalogue, code, selected(context, catalogue)).run
        except DxError as error:
            raise failure(error) from error
        metadata = {**profiled(stages), **(headline(settings, code) if run.published else {})}
        reported = Partition(context.instance, key, code_version)
        yield from report_to_dagster(settings, reported, {KPI_TABLE: run}, metadata)
        yield from check_outputs([check])

    return evaluated


def _upstream(catalogue: Catalogue, kpi: DeclaredKpi) -> list[dg.AssetKey]:
    """The views that a KPI reads, and the sources of what its free SQL reads besides."""
    reads = {table for query in kpi.queries.values() for table in query.reads}
    reads |= {PUBLISHED} if kpi.definition.is_reported else set()
    sources = {source for table in reads for source in catalogue.sources_of(table)}
    return [*map(view_key, kpi.every_view), *(source_key(catalogue, source) for source in sorted(sources))]


def selected(context: dg.AssetExecutionContext, catalogue: Catalogue) -> list[str]:
    """The KPIs and summaries that the run is to evaluate."""
    selection = context.run.asset_selection
    return [code for code in catalogue.evaluated if selection is None or evaluated_key(catalogue, code) in selection]


def headline(settings: Settings, code: str) -> Metadata:
    """The numbers of a KPI's headline window, which Plots shows over time, and where its values are.

    A KPI with several statistics has each number once a statistic (`value_p95`).
    """
    path = partition.rows(settings, KpiKey(code))
    if path is None:
        return {}
    metadata: Metadata = {"path": dg.MetadataValue.path(str(path))}
    with connect(settings) as connection:
        connection.execute(HEADLINE)
        rows = connection.execute(sql_file(__file__, "headline"), {"path": str(path)}).fetchall()
    for statistic, *numbers, window_type, window_end in rows:
        suffix = f"_{statistic}" if statistic else ""
        metadata |= {
            f"{name}{suffix}": dg.MetadataValue.float(float(number))
            for name, number in zip(NUMBERS, numbers, strict=True)
            if number is not None
        }
        metadata[f"window{suffix}"] = dg.MetadataValue.text(f"{window_type} {window_end}")
    return metadata


def _description(kpi: DeclaredKpi) -> str:
    lines = [f"{kpi.definition.title.vi} / {kpi.definition.title.en}", ""]
    for version in kpi.definition.versions:
        until = version.valid_to or "nay / now"
        lines += [
            f"**v{version.version}** ({version.valid_from} – {until})",
            "",
            f"{version.formula.vi}. *{version.formula.en}.*",
            "",
            f"Căn cứ / Basis: {version.legal_basis.vi}. *{version.legal_basis.en}.*",
            "",
            f"```sql\n{kpi.sql(version).rstrip()}\n```",
            "",
        ]
    return "\n".join(lines)

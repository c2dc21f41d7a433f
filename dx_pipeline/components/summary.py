"""Summaries as Dagster assets: evaluated together with the KPIs, because small counts are withheld together."""

from collections.abc import Iterator

import dagster as dg

from dx_pipeline.components.asset import POOL, both, column_schema, evaluated_key, report_page, view_key
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.kpi import selected
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import AUDITED, Event, Partition, check_name, check_outputs, report_to_dagster
from dx_pipeline.declarations import summary as declarations
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.report import place
from dx_pipeline.settings import Settings


class Summary(Declaration, declarations.Summary):
    """A public table of counts by unit and month."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the summary."""
        settings, catalogue = open_project(context.project_root)
        return dg.Definitions(
            assets=[build_asset(settings, catalogue, f"{context.path.parent.name}.{context.path.name}")]
        )


def build_asset(settings: Settings, catalogue: Catalogue, table: str) -> dg.AssetsDefinition:
    """The asset of one summary: all units and months, evaluated anew."""
    declared, key = catalogue.summaries[table], evaluated_key(catalogue, table)
    title, views = declared.summary.title, declared.kpi.every_view
    code_version = catalogue.table_digest([table], f"kpi:{table}", *(f"view:{name}" for name in views))
    check = dg.AssetCheckSpec(check_name(table), asset=key, blocking=True, description=AUDITED.format(table=table))

    @dg.asset(
        key=key,
        deps=list(map(view_key, views)),
        description=f"{title.vi} / {title.en}\n\n{both(declared.summary.description)}",
        group_name=key.path[0],
        owners=[declared.summary.owner],
        kinds={"duckdb", "parquet"},
        code_version=code_version,
        metadata={
            "dagster/column_schema": column_schema({table: catalogue.contracts[table].published}),
            "report": report_page(settings, place.QUALITY),
        },
        check_specs=[check],
        output_required=False,
        pool=POOL,
    )
    def counted(context: dg.AssetExecutionContext, project: Project) -> Iterator[Event]:
        settings, catalogue = project.open()
        run = evaluate(settings, catalogue, table, selected(context, catalogue)).run
        yield from report_to_dagster(settings, Partition(context.instance, key, code_version), {table: run})
        yield from check_outputs([check])

    return counted

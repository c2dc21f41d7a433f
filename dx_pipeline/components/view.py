"""Views as Dagster assets: computed when they are read, so they are only shown, with the lineage of each column."""

import dagster as dg

from dx_pipeline.components.asset import both, code_references, column_schema, report_page, source_key, view_key
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.declarations import view as declarations
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.declarations.view import SCHEMA, DeclaredView
from dx_pipeline.report import place
from dx_pipeline.settings import Settings


class View(Declaration, declarations.View):
    """A row-level SELECT over tables, which KPIs count on."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the view."""
        settings, catalogue = open_project(context.project_root)
        return dg.Definitions(assets=[asset(settings, catalogue, catalogue.views[context.path.name])])


def asset(settings: Settings, catalogue: Catalogue, view: DeclaredView) -> dg.AssetSpec:
    """The asset of one view: nothing materializes it."""
    title = f"{view.view.title.vi} / {view.view.title.en}"
    return dg.AssetSpec(
        key=view_key(view.name),
        deps=[key for table in view.reads for key in _keys(catalogue, table)],
        description=f"{title}\n\n{both(view.view.grain)}\n\n```sql\n{view.sql}\n```",
        group_name="view",
        code_version=catalogue.digest(f"view:{view.name}"),
        kinds={"duckdb", "sql", "view"},
        metadata={
            "dagster/column_schema": column_schema({view.table: view.contract.columns}),
            "dagster/column_lineage": _lineage(catalogue, view),
            "dagster/code_references": code_references([view.path]),
            "report": report_page(settings, place.QUALITY),
        },
    )


def _keys(catalogue: Catalogue, table: str) -> list[dg.AssetKey]:
    """The assets that a table or view is in: its sources, or itself."""
    if table.startswith(f"{SCHEMA}."):
        return [view_key(table.removeprefix(f"{SCHEMA}."))]
    return [source_key(catalogue, source) for source in catalogue.sources_of(table)]


def _lineage(catalogue: Catalogue, view: DeclaredView) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(asset_key=key, column_name=origin)
                for table, origin in origins
                for key in _keys(catalogue, table)
            ]
            for column, origins in view.origins.items()
        }
    )

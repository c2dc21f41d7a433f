"""KPIs as Dagster assets: what they depend on comes from their SQL."""

from collections.abc import Iterator
from typing import Any, Self

import dagster as dg
from pydantic import BaseModel

from dx_pipeline.components.asset import POOL, check_name, check_result, column_schema, kpi_key, source_key
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue, open_project
from dx_pipeline.declarations.kpi import Definition
from dx_pipeline.errors import DxError
from dx_pipeline.kpi.evaluation import evaluate


class Kpi(dg.Component):
    """A KPI: its definition stands in `defs.yaml`, the SQL of each version beside it."""

    def __init__(self, code: str) -> None:
        self.code = code

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return Definition

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        return cls(context.path.name)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[build_asset(open_project()[1], self.code)])


def build_asset(catalogue: Catalogue, code: str) -> dg.AssetsDefinition:
    """The asset of one KPI: all of its windows and units, evaluated anew."""
    kpi = catalogue.kpis[code]
    key = kpi_key(code)
    name = check_name(KPI_TABLE)

    @dg.asset(
        key=key,
        deps=[source_key(catalogue, source) for table in kpi.tables for source in catalogue.sources_of(table)],
        description=_description(catalogue, code),
        group_name="kpi",
        owners=[kpi.definition.owner],
        kinds={"duckdb", "sql", "parquet"},
        code_version=str(kpi.definition.versions[-1].version),
        metadata={"dagster/column_schema": column_schema({KPI_TABLE: catalogue.contracts[KPI_TABLE].published})},
        check_specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                blocking=True,
                description="Great Expectations on the values, before they are published",
            )
        ],
        output_required=False,
        pool=POOL,
    )
    def evaluated() -> Iterator[Any]:
        try:
            record = evaluate(open_project()[0], catalogue, code).run
        except DxError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        check = check_result(name, key, [record])
        if record.published:
            metadata = {"dagster/row_count": record.rows, "synthetic": record.synthetic}
            yield dg.MaterializeResult(asset_key=key, metadata=metadata, check_results=[check])
        else:
            yield check

    return evaluated


def _description(catalogue: Catalogue, code: str) -> str:
    kpi = catalogue.kpis[code]
    lines = [f"**{kpi.definition.title.vi}** / {kpi.definition.title.en}", ""]
    for version in kpi.definition.versions:
        until = version.valid_to or "nay / now"
        lines += [
            f"**v{version.version}** ({version.valid_from} – {until})",
            "",
            f"{version.formula.vi}. *{version.formula.en}.*",
            "",
            f"Căn cứ / Basis: {version.legal_basis.vi}. *{version.legal_basis.en}.*",
            "",
            f"```sql\n{kpi.queries[version.version].text}```",
            "",
        ]
    return "\n".join(lines)

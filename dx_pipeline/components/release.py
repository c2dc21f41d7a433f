"""The release as a Dagster asset: downstream of every KPI, upstream of every reader."""

from typing import Any, Self

import dagster as dg
from pydantic import BaseModel

from dx_pipeline import release
from dx_pipeline.components.asset import POOL, RELEASE_KEY, both, kpi_key
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.declarations.document import Bilingual, Declared, Owner
from dx_pipeline.errors import DxError


class ReleaseDeclaration(Declared):
    """What is said of the release."""

    title: Bilingual
    owner: Owner


class Release(dg.Component):
    """The immutable, verified set of everything published."""

    def __init__(self, declared: ReleaseDeclaration) -> None:
        self.declared = declared

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return ReleaseDeclaration

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions(assets=[build_asset(open_project()[1], self.declared)])


def build_asset(catalogue: Catalogue, declared: ReleaseDeclaration) -> dg.AssetsDefinition:
    """The asset that builds, verifies and switches to a release."""

    @dg.asset(
        key=RELEASE_KEY,
        deps=[kpi_key(code) for code in catalogue.kpis],
        description=both(declared.title),
        group_name="release",
        owners=[declared.owner],
        kinds={"duckdb", "parquet"},
        pool=POOL,
    )
    def published() -> dg.MaterializeResult[None]:
        settings = open_project()[0]
        try:
            result = release.publish(settings, catalogue)
        except DxError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        held = result.ledger.held_back
        return dg.MaterializeResult(
            metadata={
                "release_id": result.release_id,
                "changed": result.changed,
                "path": dg.MetadataValue.path(str(settings.current)),
                "stale": sum(state.state == "stale" for state in held),
                "missing": sum(state.state == "missing" for state in held),
            }
        )

    return published

"""The release as a Dagster asset: downstream of every KPI, upstream of every reader."""

import dagster as dg

from dx_pipeline import release
from dx_pipeline.components.asset import POOL, RELEASE_KEY, both, evaluated_key
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.project import Project
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.declarations.document import Bilingual, Declared, Owner
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import revision


class Release(Declaration, Declared):
    """The immutable, verified set of everything published."""

    title: Bilingual
    owner: Owner

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the release."""
        return dg.Definitions(assets=[self._asset(open_project(context.project_root)[1])])

    def _asset(self, catalogue: Catalogue) -> dg.AssetsDefinition:
        """The asset that builds, verifies and switches to a release."""

        @dg.asset(
            key=RELEASE_KEY,
            deps=[evaluated_key(catalogue, code) for code in catalogue.evaluated],
            description=both(self.title),
            group_name="release",
            owners=[self.owner],
            kinds={"duckdb", "parquet"},
            code_version=catalogue.digest(*catalogue.digests),
            pool=POOL,
        )
        def published(project: Project) -> dg.MaterializeResult[None]:
            settings, catalogue = project.open()
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
                    "internal": dg.MetadataValue.path(str(settings.internal)),
                    "stale": sum(state.state == "stale" for state in held),
                    "missing": sum(state.state == "missing" for state in held),
                    "proposed_revisions": len(revision.proposals(settings)),
                }
            )

        return published

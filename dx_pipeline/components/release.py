"""The release as a Dagster asset: downstream of every KPI, upstream of every reader."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from dx_pipeline import integrity, notification, profile, release
from dx_pipeline.components.asset import INTEGRITY, POOL, RELEASE_KEY, both, evaluated_key, failure, report_page
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import profiled
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.declarations.document import Bilingual, Declared, Owner, in_both
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import revision
from dx_pipeline.notification import Cause
from dx_pipeline.report import place

SHOWN = 20
"""How many damaged files a check names."""

BEFORE = ("ingest", "evaluation")
"""The jobs that publication follows, however they ended."""


class Release(Declaration, Declared):
    """The immutable, verified set of everything published."""

    title: Bilingual
    owner: Owner

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the release."""
        catalogue = open_project(context.project_root)[1]
        return dg.Definitions(assets=[self._asset(catalogue)], asset_checks=[_integrity_check()])

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
        def published(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
            settings, catalogue = project.open()
            failed = list(_failed_jobs(context.instance))
            try:
                with profile.recording() as stages:
                    result = release.publish(settings, catalogue)
            except DxError as error:
                failed.append(Cause(f"no release: {error}", in_both(error)))
                raise failure(error) from error
            finally:
                found = notification.causes(settings, catalogue, datetime.now(UTC))
                notification.notify(settings, catalogue, [*failed, *found])
            held = result.ledger.held_back
            return dg.MaterializeResult(
                metadata={
                    **profiled(stages),
                    "release_id": result.release_id,
                    "changed": result.changed,
                    "path": dg.MetadataValue.path(str(settings.current)),
                    "report": report_page(settings, place.FRONT),
                    "internal": dg.MetadataValue.path(str(settings.internal)),
                    "stale": sum(state.state == "stale" for state in held),
                    "missing": sum(state.state == "missing" for state in held),
                    "proposed_revisions": len(revision.proposals(settings)),
                }
            )

        return published


def _integrity_check() -> dg.AssetChecksDefinition:
    """The check that everything that the warehouse keeps is what was written there."""

    @dg.asset_check(
        asset=RELEASE_KEY,
        name=INTEGRITY.name,
        description="Mọi thứ đã giữ còn nguyên như khi ghi / Everything that is kept is what was written there",
        pool=POOL,
    )
    def check(project: Project) -> dg.AssetCheckResult:
        settings, catalogue = project.open()
        found = list(integrity.problems(settings, catalogue))
        sentences = [dg.MarkdownMetadataValue(f"{problem.vi}\n\n{problem.en}") for problem in found[:SHOWN]]
        return dg.AssetCheckResult(
            passed=not found,
            metadata={"problems": len(found), **{str(number): text for number, text in enumerate(sentences, 1)}},
        )

    return check


def _failed_jobs(instance: dg.DagsterInstance) -> Iterator[Cause]:
    """The jobs before publication whose latest run failed."""
    for job in BEFORE:
        for run in instance.get_runs(dg.RunsFilter(job_name=job), limit=1):
            if run.is_failure:
                yield Cause(
                    f"failed job: {job}",
                    Bilingual(
                        vi=f"Lượt chạy '{job}' gần nhất bị lỗi (lượt {run.run_id[:8]}): xem lỗi trong Dagster.",
                        en=f"The latest run of '{job}' failed (run {run.run_id[:8]}): see its error in Dagster.",
                    ),
                )

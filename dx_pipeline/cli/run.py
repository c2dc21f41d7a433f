"""`dx run`: the same Dagster jobs as in the UI, in this process, against the project's own instance."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from dx_pipeline import release, workers
from dx_pipeline.cli.failure import INTERRUPTED, OUT_OF_MEMORY, TOO_LITTLE_MEMORY, is_stop
from dx_pipeline.cli.project import template
from dx_pipeline.cli.reader import pick
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import evaluation
from dx_pipeline.period import Month, consecutive
from dx_pipeline.release.rendered import PAGES, TABLES
from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.execution.execution_result import ExecutionResult
    from dagster._core.execution.plan.objects import UserFailureData

CODE_LOCATION, REPOSITORY = "dx-pipeline", "__repository__"
"""The code location's name in workspace.yaml, and Dagster's name for what it defines."""

NOT_COPIED = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Result:
    """The result of a run's jobs.

    Args:
        errors: why steps failed, each in one sentence; bad data are not among them.
        is_published: whether publication ended with a current release.
        changed: whether that release differs from the one before.
    """

    errors: tuple[str, ...]
    is_published: bool
    changed: bool


def steps(catalogue: Catalogue, months: Sequence[Month]) -> int:
    """How many steps of a run report progress: sources and months, KPIs, the release, and what is rendered of it."""
    return len(catalogue.monthly) * len(months) + len(catalogue.evaluated) + len(PAGES) + len(TABLES) + 1


def run(settings: Settings, catalogue: Catalogue, months: Sequence[Month]) -> Result:
    """Ingest the months, evaluate every KPI and publish a release; a failure of one part does not stop the others."""
    os.environ["DX_PROJECT"] = str(settings.project)
    os.environ["DX_WAREHOUSE"] = str(settings.warehouse)
    before = release.current_id(settings)
    try:
        with workers.worker_pool(settings, catalogue):  # workers start while Dagster is imported
            return _run(settings, catalogue, months)
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_stop(error):
            raise
        raise stopped(settings, before) from None


def _run(settings: Settings, catalogue: Catalogue, months: Sequence[Month]) -> Result:
    # Dagster takes a second to import: only a command that runs jobs pays for it
    from dx_pipeline.components.asset import RELEASE_KEY
    from dx_pipeline.components.nightly import months_tags
    from dx_pipeline.definitions import definitions_of

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    definitions = definitions_of(settings.project)
    errors: list[str] = []
    with open_instance(settings) as instance:
        for first, last in consecutive(months):
            errors += _errors(_execute(definitions, "ingest", instance, months_tags(first, last)))
        with evaluation.in_parallel(settings, catalogue):
            errors += _errors(_execute(definitions, "evaluation", instance, {}))
        result = _execute(definitions, "publication", instance, {})
        errors += _errors(result)
        materialized = [event for event in result.get_asset_materialization_events() if event.asset_key == RELEASE_KEY]
    changed = any(bool(event.materialization.metadata["changed"].value) for event in materialized)
    return Result(tuple(dict.fromkeys(errors)), bool(materialized), changed)


def stopped(settings: Settings, before: str | None) -> DxError:
    """The error of a run that somebody stopped: says whether it had published a release by then.

    Args:
        settings: the warehouse.
        before: the id of the release that was current before the run.
    """
    current = release.current_id(settings)
    if current == before:
        return DxError("stopped; nothing was published.", vi="đã dừng; chưa công bố gì.")
    return DxError(f"stopped; release {current} had been published.", vi=f"đã dừng; đã kịp công bố bản {current}.")


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The project's Dagster instance: in `DAGSTER_HOME`, or else in the project's `.dagster/`, made if it is new.

    It does not copy what a step prints: that takes four processes a step, which Ctrl-C would end with tracebacks.
    """
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef

    folder = Path(os.environ.get("DAGSTER_HOME") or settings.project / ".dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(folder)
    with FileLock(folder / "dx.lock"):  # two processes that make its storage at once break it
        if not (folder / "dagster.yaml").exists():
            own = settings.project / "dagster.yaml"
            shutil.copyfile(own if own.is_file() else template() / "dagster.yaml", folder / "dagster.yaml")
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides={"compute_logs": NOT_COPIED}))


def _execute(
    definitions: dg.Definitions, job_name: str, instance: dg.DagsterInstance, tags: dict[str, str]
) -> ExecutionResult:
    """Execute a job in this process as a run of the code location, and the UI lists it under the job."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run
    from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

    from dx_pipeline.components.nightly import ALONE
    from dx_pipeline.components.run_launcher import PROCESS

    job = definitions.resolve_job_def(job_name)
    location = RegisteredCodeLocationOrigin(CODE_LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job_name)
    every = {**job.run_tags, **tags, ALONE: "true", PROCESS: str(os.getpid())}
    run = instance.create_run_for_job(job, run_config=QUIET, tags=every, remote_job_origin=origin)
    return execute_run(InMemoryJob(job), run, instance)


def _errors(result: ExecutionResult) -> Iterator[str]:
    """Why steps failed, in one sentence each; a failed check is not an error."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None and (error.cls_name == "DagsterExecutionInterruptedError" or INTERRUPTED in error.message):
            raise KeyboardInterrupt  # Dagster ends its run; the jobs after it are not to start
        if error is None or error.cls_name == "DagsterAssetCheckFailedError":
            continue
        if error.cls_name in OUT_OF_MEMORY:
            yield pick(*TOO_LITTLE_MEMORY)  # once, whatever the number of steps
            continue
        described = event.step_failure_data.user_failure_data
        yield (_described(described) if described else None) or f"{event.step_key}: {error.message.strip()}"


def _described(failure: UserFailureData) -> str | None:
    """Why a step failed, in the reader's language if it is an error of ours: see `components.asset.failure`."""
    in_vietnamese = failure.metadata.get("vi")
    return pick(str(in_vietnamese.value), str(failure.description)) if in_vietnamese else failure.description

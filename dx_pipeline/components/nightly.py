"""The nightly refresh: ingest over the open months, then the KPIs, then the release, whatever failed before."""

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import available_timezones

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob
from dagster._utils.schedules import is_valid_cron_string
from pydantic import AfterValidator, Field

from dx_pipeline.components.asset import INTEGRITY, RELEASE_KEY, evaluated_key, partition_key, source_key
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.declarations.catalogue import open_project
from dx_pipeline.declarations.document import Declared
from dx_pipeline.declarations.mistake import no_time_zone
from dx_pipeline.errors import RuleError
from dx_pipeline.period import Month

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
ALONE = "dx/alone"
"""Tag of a run that no other run follows by itself: whoever started it starts the next one too."""


def _is_cron(value: str) -> str:
    if not is_valid_cron_string(value):
        raise RuleError(
            f"'{value}' is no schedule: write minute, hour, day, month and day of the week, such as '30 1 * * *'.",
            f"'{value}' không phải là lịch: hãy ghi phút, giờ, ngày, tháng và thứ, chẳng hạn '30 1 * * *'.",
        )
    return value


def _is_time_zone(value: str) -> str:
    if value not in available_timezones():
        raise no_time_zone(value)
    return value


class Nightly(Declaration, Declared):
    """The jobs `ingest`, `evaluation`, `publication` and `verification`, and the schedule that starts them every night.

    `open_months` says how many months, the current one among them, are still open.
    """

    cron: Annotated[str, AfterValidator(_is_cron)]
    timezone: Annotated[str, AfterValidator(_is_time_zone)]
    open_months: int = Field(ge=1, le=24)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The jobs, the schedule, and the sensors that start each job when the one before has ended."""
        catalogue = open_project(context.project_root)[1]
        ingest = dg.define_asset_job(
            "ingest",
            selection=dg.AssetSelection.assets(*(source_key(catalogue, name) for name in catalogue.sources)),
            description="Đọc mọi nguồn cho các tháng đã chọn / Every source, for the chosen months",
            executor_def=dg.in_process_executor,
        )
        evaluation = dg.define_asset_job(
            "evaluation",
            selection=dg.AssetSelection.assets(*(evaluated_key(catalogue, code) for code in catalogue.evaluated)),
            description="Tính mọi KPI và bảng tổng hợp / Every KPI and summary",
            executor_def=dg.in_process_executor,
        )
        publication = dg.define_asset_job(
            "publication",
            selection=dg.AssetSelection.assets(RELEASE_KEY),
            description="Phát hành những gì đã công bố / The release of everything that is published",
            executor_def=dg.in_process_executor,
        )
        verification = dg.define_asset_job(
            "verification",
            selection=dg.AssetSelection.checks(INTEGRITY),
            description="Kiểm chứng mọi thứ đã giữ và mọi bản công bố / Everything that is kept, and every release",
            executor_def=dg.in_process_executor,
        )

        @dg.schedule(
            name="nightly_refresh",
            job=ingest,
            cron_schedule=self.cron,
            execution_timezone=self.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Đọc các tháng còn mở mỗi đêm, rồi phát hành / The open months, every night; then publication",
        )
        def nightly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
            now = context.scheduled_execution_time
            last = Month(now.year, now.month)
            first = max(last.plus(1 - self.open_months), catalogue.province.start)
            return dg.RunRequest(run_key=now.isoformat(), tags=months_tags(first, last))

        return dg.Definitions(
            jobs=[ingest, evaluation, publication, verification],
            schedules=[nightly_refresh],
            sensors=[
                *_followed_by(ingest, evaluation),
                *_followed_by(evaluation, publication),
                *_followed_by(publication, verification),
            ],
        )


def months_tags(first: Month, last: Month) -> dict[str, str]:
    """The run tags that make one run cover a range of months."""
    return {RANGE_START: partition_key(first), RANGE_END: partition_key(last)}


def _followed_by(first: AssetJob, then: AssetJob) -> Iterator[dg.SensorDefinition]:
    """One sensor for each way in which a run can end: a job also follows one that failed."""
    for status in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):

        @dg.run_status_sensor(
            name=f"{then.name}_after_{status.value.lower()}",
            run_status=status,
            monitored_jobs=[first],
            request_job=then,
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=15,
        )
        def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
            if ALONE in context.dagster_run.tags:
                return dg.SkipReason("whoever started this run starts the next one too")
            return dg.RunRequest(run_key=context.dagster_run.run_id)

        yield follow

"""The inbox sensor: a file that is dropped in starts the run of the source and month it belongs to."""

from hashlib import sha256
from pathlib import Path

import dagster as dg
from pydantic import Field

from dx_pipeline.components.asset import source_key
from dx_pipeline.components.declaration import Declaration
from dx_pipeline.components.nightly import months_tags
from dx_pipeline.components.project import Project
from dx_pipeline.connectors import inbox as files
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Declared
from dx_pipeline.settings import Settings
from dx_pipeline.storage.folder import readable


class Inbox(Declaration, Declared):
    """The sensor `inbox`: publication follows the runs it starts, as it follows every ingest run."""

    interval_seconds: int = Field(ge=10, le=3600)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The sensor. What has landed decides what is new; it keeps no state of its own."""

        @dg.sensor(
            name="inbox",
            job_name="ingest",
            minimum_interval_seconds=self.interval_seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Tệp đặt vào inbox tự khởi chạy nguồn và tháng của nó / A file in the inbox starts its run",
        )
        def inbox(context: dg.SensorEvaluationContext, project: Project) -> dg.RunRequest | dg.SkipReason:
            settings, catalogue = project.open()
            strays = [f"{stray} ({stray.why})" for stray in files.strays(settings, catalogue)]
            for stray in strays:
                context.log.error("not read: %s", stray)
            request = _request(settings, catalogue)
            if request is not None:
                return request
            belongs_nowhere = f"; these are not read: {', '.join(strays)}" if strays else ""
            return dg.SkipReason(f"nothing new{belongs_nowhere}")

        return dg.Definitions(sensors=[inbox])


def _request(settings: Settings, catalogue: Catalogue) -> dg.RunRequest | None:
    """One run for everything that is new: its sources, over the months from the first to the last.

    Months in between that have nothing new cost next to nothing, and one run is published once.
    """
    new = {
        (name, month): paths
        for name in catalogue.monthly
        for month in files.months_waiting(settings, catalogue, name)
        if (paths := files.new(settings, name, month))
    }
    if not new:
        return None
    states = "\n".join(f"{name} {month} {_state(path)}" for (name, month), paths in new.items() for path in paths)
    months = [month for _, month in new]
    return dg.RunRequest(
        run_key=sha256(states.encode()).hexdigest(),
        asset_selection=[source_key(catalogue, name) for name in sorted({name for name, _ in new})],
        tags=months_tags(min(months), max(months)),
    )


def _state(path: Path) -> str:
    about = path.lstat()
    return f"{readable(path.name)}:{about.st_size}:{about.st_mtime_ns}"

"""Dagster's run launcher, which can also tell whether the process of a run is alive: named in `dagster.yaml`.

Runs that write wait for each other. Dagster's own launcher cannot tell that a process was killed, or that the machine
went down: such a run would be "started" for ever, and every later one would wait behind it.
"""

from __future__ import annotations

import os

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value

PROCESS = "dx/process"
"""Tag of a run that `dx run` executes itself: the id of its process."""


class MonitoredRunLauncher(DefaultRunLauncher):
    """Starts runs as Dagster's own launcher does; its run monitor finds those whose process has died."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run is alive: `dx run` itself, or the code server that was asked to run it."""
        alive = _exists(int(run.tags[PROCESS])) if PROCESS in run.tags else self._is_running(run)
        return CheckRunHealthResult(WorkerStatus.RUNNING if alive else WorkerStatus.FAILED)

    def _is_running(self, run: DagsterRun) -> bool:
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return True  # it has ended meanwhile
        try:
            running = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError:
            return False
        return run.run_id in running.current_runs


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True

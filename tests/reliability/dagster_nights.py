"""Nights as a province runs them: `dx run`, and Dagster with a web server and a daemon, each in its own processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import yaml
from dagster import DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from night import MAY
from projects import PROJECT

from dx_pipeline.cli.run import CODE_LOCATION, QUIET, REPOSITORY
from dx_pipeline.components.nightly import ALONE, months_tags
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

WEB_SERVER, DAEMON = "dagster_webserver", "dagster._daemon"
JOBS = {"ingest": months_tags(Month.parse(MAY), Month.parse(MAY)), "evaluation": {}, "publication": {}}
"""The jobs of a night, and the tags that each is started with."""

STARTED = DagsterRunStatus.STARTED
ENDED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}
WAIT_SECONDS = 120


def environment(settings: Settings) -> dict[str, str]:
    """What every process that runs this project has in its environment."""
    home = settings.warehouse.with_suffix(".dagster")
    named = {"DX_PROJECT": settings.project, "DX_WAREHOUSE": settings.warehouse, "DAGSTER_HOME": home}
    return {**os.environ, **{name: str(path) for name, path in named.items()}, "DX_THREADS": "2"}


def dx_run(settings: Settings) -> subprocess.Popen[bytes]:
    """Start `dx run` in a process group of its own."""
    command = [sys.executable, "-m", "dx_pipeline", "run", "--months", MAY]
    return _process(command, environment(settings))


@dataclass
class Services:
    """The web server and the daemon of one warehouse."""

    settings: Settings
    _started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _port: int = 0

    def start(self) -> None:
        """Make Dagster's storage, start both, and wait until the web server answers."""
        home = Path(environment(self.settings)["DAGSTER_HOME"])
        home.mkdir()
        configured = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
        configured["run_monitoring"]["poll_interval_seconds"] = 3
        (home / "dagster.yaml").write_text(yaml.safe_dump(configured), encoding="utf-8")
        migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]  # both making it at once would break it
        subprocess.run(migrate, env=environment(self.settings), check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._start(WEB_SERVER, "-h", "127.0.0.1", "-p", str(self._port))
        self.start_daemon()
        _until(self._answers, "the web server does not answer")

    def start_daemon(self) -> None:
        """Start the daemon: it starts the runs that are queued, and finds those whose process has died."""
        self._start(DAEMON, "run")

    def kill_daemon(self) -> None:
        """End the daemon, its code server and the runs that it has started, at once."""
        _kill(self._started.pop(DAEMON))

    def stop(self) -> None:
        """End everything."""
        while self._started:
            _kill(self._started.popitem()[1])

    def launch(self, job: str) -> str:
        """Ask for a run as the UI does; returns its id."""
        return self._client.submit_job_execution(job, CODE_LOCATION, REPOSITORY, QUIET, {**JOBS[job], ALONE: "true"})

    def terminate(self, run: str) -> None:
        """End a run as the UI does; nothing if it has ended meanwhile."""
        with suppress(DagsterGraphQLClientError):
            self._client.terminate_run(run)

    def wait_for(self, run: str, *statuses: DagsterRunStatus) -> DagsterRunStatus:
        """Wait until a run has one of these statuses, or has ended; returns its status.

        Raises:
            RuntimeError: it takes too long.
        """
        _until(lambda: self._client.get_run_status(run) in {*statuses, *ENDED}, f"run {run} does not end")
        return self._client.get_run_status(run)

    @property
    def _client(self) -> DagsterGraphQLClient:
        return DagsterGraphQLClient("127.0.0.1", self._port)

    def _answers(self) -> bool:
        address = f"http://127.0.0.1:{self._port}/graphql"
        question = json.dumps({"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"})
        headers = {"Content-Type": "application/json"}
        asked = Request(address, question.encode(), headers)
        try:
            with urlopen(asked, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - it is ours
                return bool(json.load(answer)["data"]["repositoriesOrError"]["nodes"])
        except OSError:
            return False

    def _start(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments, "-w", str(PROJECT / "workspace.yaml")]
        self._started[module] = _process(command, environment(self.settings))


def killed(settings: Settings, seconds: float) -> None:
    """Kill `dx run`, with its workers, some time after it has started."""
    running = dx_run(settings)
    time.sleep(seconds)
    _kill(running)


def without_a_worker(settings: Settings, seconds: float) -> None:
    """Kill one worker of `dx run`; the run itself ends by itself."""
    running = dx_run(settings)
    time.sleep(seconds)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    with suppress(FileNotFoundError, ProcessLookupError):
        for child in children.read_text(encoding="ascii").split()[-1:]:
            os.kill(int(child), signal.SIGKILL)
    running.wait(WAIT_SECONDS)


def beside_dx_run(settings: Settings) -> None:
    """Let Dagster run every job of the night while `dx run` runs it too."""
    with _services(settings) as services:
        beside = dx_run(settings)
        for job in JOBS:
            _expect_success(services, services.launch(job))
        if beside.wait(WAIT_SECONDS) not in {0, 1}:  # 1: a source of the trial project delivers nothing
            raise RuntimeError(f"`dx run` ended with status {beside.returncode}")


def terminated(settings: Settings, job: str, seconds: float) -> None:
    """Let Dagster run the jobs of the night up to one, and end that one from the UI some time after it has started."""
    with _services(settings) as services:
        for each in JOBS:
            run = services.launch(each)
            if each == job:
                services.wait_for(run, STARTED)
                time.sleep(seconds)
                services.terminate(run)
                services.wait_for(run)
                return
            _expect_success(services, run)


def without_daemon(settings: Settings, seconds: float) -> None:
    """Kill the daemon and all it has started while it runs the night; `dx run` goes on, and so does the next daemon."""
    with _services(settings) as services:
        killed = services.launch("ingest")
        services.wait_for(killed, STARTED)
        time.sleep(seconds)
        services.kill_daemon()
        waiting = services.launch("evaluation")
        if dx_run(settings).wait(WAIT_SECONDS) not in {0, 1}:
            raise RuntimeError("`dx run` does not work without the daemon")
        services.start_daemon()
        services.wait_for(killed)
        _expect_success(services, waiting)


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    made = Services(settings)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _expect_success(services: Services, run: str) -> None:
    status = services.wait_for(run)
    if status != DagsterRunStatus.SUCCESS:
        raise RuntimeError(f"run {run} ended as {status}")


def _process(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own that ends when this one does, however that ends."""
    nothing = subprocess.DEVNULL
    command = ["/usr/bin/setpriv", "--pdeathsig", "KILL", *command]
    return subprocess.Popen(command, env=environment, start_new_session=True, stdout=nothing, stderr=nothing)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError(f"{otherwise} within {WAIT_SECONDS} s")
        time.sleep(0.2)

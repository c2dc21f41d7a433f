"""What the tests share: a warehouse of their own, the declarations, and how to run `dx`."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dx_client
import pytest
from deliveries import GROUPS, groups
from engine import Engine
from filelock import FileLock
from hypothesis import HealthCheck, settings
from projects import PROJECT, TRIAL, Dx, Fresh, with_references

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings

settings.register_profile("default", max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("long", max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SAMPLES = {"province", "nine_months"}
"""Fixtures that make the sample province."""

# DuckDB's binding prints about leaks when the interpreter ends; by then all output of the tests is written.
atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


@pytest.hookimpl(tryfirst=True)  # before the choice by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the sample province are slow, and come first: one worker makes it while the other runs the rest."""
    items.sort(key=lambda item: SAMPLES.isdisjoint(getattr(item, "fixturenames", ())))
    for item in items:
        if not SAMPLES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def warehouse(tmp_path: Path) -> Settings:
    """An empty warehouse of the trial project, for the test's own process."""
    return Settings(tmp_path / "warehouse", TRIAL, threads=1)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Another empty warehouse with every call: an example of a property has one of its own."""
    return lambda: Settings(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def declared() -> Catalogue:
    """The declarations of the trial project."""
    return catalogue.load(TRIAL)


@pytest.fixture(scope="session")
def references(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which the reference tables are published, and nothing else."""
    return with_references(Settings(tmp_path_factory.mktemp("references") / "warehouse", TRIAL, threads=1), declared)


@pytest.fixture
def furnished(references: Path, warehouse: Settings) -> Settings:
    """A warehouse of the test's own in which the reference tables are published."""
    shutil.copytree(references, warehouse.warehouse)
    return warehouse


@pytest.fixture
def engine(furnished: Settings, declared: Catalogue) -> Engine:
    """The engine over a warehouse in which the reference tables are published."""
    return Engine(furnished, declared)


@pytest.fixture(scope="session")
def published(
    references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Published]:
    """A warehouse with a release of one month of community groups, and nothing else."""
    engine = Engine(Settings(tmp_path_factory.mktemp("published") / "warehouse", TRIAL), declared)
    shutil.copytree(references, engine.settings.warehouse)
    engine.put("community_group", groups(*GROUPS))
    return engine.settings.warehouse, engine.publish()


@pytest.fixture
def first(published: tuple[Path, Published], warehouse: Settings) -> Published:
    """The same release, in a warehouse of the test's own."""
    made, release_in_it = published
    shutil.copytree(made, warehouse.warehouse, symlinks=True)
    return replace(release_in_it, path=warehouse.releases / release_in_it.release_id)


@pytest.fixture
def sealed(warehouse: Settings, declared: Catalogue, first: Published) -> Engine:
    """The engine over a warehouse with one release."""
    assert first.path.is_relative_to(warehouse.warehouse)
    return Engine(warehouse, declared)


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster instance that only this test process uses."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    return home


@pytest.fixture(scope="session")
def dx_server() -> Iterator[str]:
    """The socket of the server that `dx` is run by: see `dx_server.py`."""
    with TemporaryDirectory(prefix="dx") as folder, socket.socket(socket.AF_UNIX) as listening:
        path = f"{folder}/socket"  # a socket's path must be short
        listening.bind(path)
        listening.listen()
        command = [sys.executable, str(Path(__file__).with_name("dx_server.py")), str(listening.fileno())]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "160"}
        passed = [listening.fileno()]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, pass_fds=passed):
            listening.close()
            yield path


@pytest.fixture(scope="session")
def dx(dagster_home: Path, dx_server: str, tmp_path_factory: pytest.TempPathFactory) -> Dx:
    """Run `dx` as a user would: another process, nothing of this one in it; with `threads`, workers of its own.

    It answers in English, unless its arguments or `DX_LANG` ask for Vietnamese.
    """
    written = tmp_path_factory.mktemp("written")

    def run(
        *arguments: str, warehouse: Path, project: Path = PROJECT, home: Path = dagster_home, threads: object = 1
    ) -> subprocess.CompletedProcess[str]:
        folders = {"DX_WAREHOUSE": str(warehouse), "DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT)}
        environment = {**os.environ, **folders, "DX_THREADS": str(threads), "COLUMNS": "160"}
        environment.setdefault("DX_LANG", "en")
        files = [Path(os.devnull), written / "stdout", written / "stderr"]
        with files[0].open() as nothing, files[1].open("w") as stdout, files[2].open("w") as stderr:
            descriptors = [file.fileno() for file in (nothing, stdout, stderr)]
            status = dx_client.run(dx_server, arguments, str(project), environment, descriptors)
        shown = (path.read_text(encoding="utf-8") for path in files[1:])
        return subprocess.CompletedProcess(["dx", *arguments], status, *shown)

    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all workers."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def province(shared: Path, dx: Dx) -> dict[str, Any]:
    """The sample of the first half of 2022 at a fifth of its size, run once for all workers: enough to be shown.

    The answer of `dx run --json`, and the `warehouse`.
    """
    warehouse, answer = shared / "province", shared / "province.json"
    with FileLock(shared / "province.lock"):
        if not answer.is_file():
            made = dx("sample", "--months", "2022-01:2022-06", "--scale", "0.2", warehouse=warehouse)
            assert made.returncode == 0, made.stderr
            ran = dx("run", "--json", warehouse=warehouse, threads=2)
            assert ran.returncode == 0, ran.stderr
            answer.write_text(ran.stdout, encoding="utf-8")
    return {"warehouse": warehouse, **json.loads(answer.read_text(encoding="utf-8"))}


@pytest.fixture(scope="session")
def nine_months(shared: Path, dx: Dx) -> Path:
    """The warehouse that `make run` makes: the whole sample, run once for all workers."""
    warehouse = shared / "nine_months"
    with FileLock(shared / "nine_months.lock"):
        if not (warehouse / "current").exists():
            for command in (("sample", "--if-empty"), ("run",)):
                ran = dx(*command, warehouse=warehouse, threads=2)
                assert ran.returncode == 0, ran.stderr
    return warehouse

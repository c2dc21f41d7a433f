"""What the tests share: a warehouse of their own, the declarations, and how to run `dx`."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from project import PROJECT

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.settings import Settings

settings.register_profile("default", max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("long", max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# DuckDB's binding prints about leaks when the interpreter ends; by then all output of the tests is written.
atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))

Dx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def warehouse(tmp_path: Path) -> Settings:
    """An empty warehouse, worked on in the test's own process."""
    return Settings(warehouse=tmp_path / "warehouse", threads=1)


@pytest.fixture(scope="session")
def declared() -> Catalogue:
    """The project's own declarations."""
    return catalogue.load(PROJECT)


@pytest.fixture(scope="session")
def references(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which the reference tables are published, and nothing else."""
    made = Settings(warehouse=tmp_path_factory.mktemp("references") / "warehouse", threads=1)
    for name, source in declared.sources.items():
        if source.is_reference:
            ingest(made, declared, name, [None])
    return made.warehouse


@pytest.fixture
def furnished(references: Path, tmp_path: Path) -> Settings:
    """A warehouse of the test's own in which the reference tables are published."""
    shutil.copytree(references, tmp_path / "warehouse")
    return Settings(warehouse=tmp_path / "warehouse", threads=1)


def smaller(folder: Path, *kept: str) -> Path:
    """A copy of the project with some of its monthly sources and KPIs: a night takes no longer than it must."""
    for part in ("assets", "checks", "dx_pipeline", "warehouse/reference"):
        shutil.copytree(PROJECT / part, folder / part)
    for part in ("dagster.yaml", "pyproject.toml"):
        shutil.copyfile(PROJECT / part, folder / part)
    for path in folder.glob("assets/*/*/defs.yaml"):
        declared = path.read_text(encoding="utf-8").split("\n", 1)[0].rpartition(".")[2]
        if declared in {"System", "Table", "Kpi"} and path.parent.name not in kept:
            shutil.rmtree(path.parent)
    return folder


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster instance that only this test process uses."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    return home


@pytest.fixture(scope="session")
def dx(dagster_home: Path) -> Dx:
    """Run `dx` as a user would: another process, nothing of this one in it; with `threads`, workers of its own."""

    def run(
        *arguments: str, warehouse: Path, project: Path = PROJECT, home: Path = dagster_home, threads: int = 1
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dx_pipeline", *arguments],
            cwd=project,
            env={
                **os.environ,
                "DX_WAREHOUSE": str(warehouse),
                "DX_THREADS": str(threads),
                "DAGSTER_HOME": str(home),
                "PYTHONPATH": str(project),
                "COLUMNS": "160",
            },
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def province(tmp_path_factory: pytest.TempPathFactory, dx: Dx) -> dict[str, Any]:
    """The sample of the first half of 2022 at a twentieth of its size, run once for all workers.

    The answer of `dx run --json`, and the `warehouse`.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    warehouse, answer = shared / "province", shared / "province.json"
    with FileLock(shared / "province.lock"):
        if not answer.is_file():
            made = dx("sample", "--months", "2022-01:2022-06", "--scale", "0.05", warehouse=warehouse)
            assert made.returncode == 0, made.stderr
            ran = dx("run", "--json", warehouse=warehouse, threads=2)
            assert ran.returncode == 0, ran.stderr
            answer.write_text(ran.stdout, encoding="utf-8")
    return {"warehouse": warehouse, **json.loads(answer.read_text(encoding="utf-8"))}

"""The wheel works without a checkout: it carries what `dx init` copies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from projects import PROJECT

pytestmark = pytest.mark.slow


def succeeds(*command: str | Path, folder: Path = PROJECT) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DX_", "PYTHONPATH"))}
    environment |= {"DX_THREADS": "1", "DAGSTER_HOME": ""}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    succeeds(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A virtual environment with the wheel, and with the libraries (but not the checkout) of this one."""
    folder = wheel.parent / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    succeeds(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-deps", "--no-index", wheel)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    (Path(packages) / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin"


def test_the_wheel_installs_one_package(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"dx_pipeline"}


def test_a_project_of_the_wheel_runs_the_sample_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = succeeds(installed / "python", "-c", "import dx_pipeline; print(dx_pipeline.__file__)", folder=tmp_path)
    assert where.startswith(str(installed.parent))
    dx = installed / "dx"
    succeeds(dx, "init", "new", "--title", "tỉnh Một / One", folder=tmp_path)
    for needless in ("connection/[!c]*", "kpi/connection_*", "kpi/exchange_*", "kpi/orphan_*"):
        for declared in (tmp_path / "new" / "assets").glob(needless):  # with civil_status alone the run is shorter
            shutil.rmtree(declared)
    succeeds(dx, "--project", "new", "sample", "--months", "2022-05", "--scale", "0.01", folder=tmp_path)
    answer = json.loads(succeeds(dx, "--project", "new", "run", "--json", folder=tmp_path))
    assert answer["held_back"] == answer["errors"] == []
    values = {row["kpi_code"]: row["value"] for row in answer["kpis"] if row["window_type"] == "ytd" and row["value"]}
    assert values["dx_plan_coverage"] == 100
    assert answer["connections"] == []
    assert Path(answer["current"]).is_relative_to(tmp_path / "new" / "warehouse")
    assert "smart_city_progress" not in {row["kpi_code"] for row in answer["kpis"]}

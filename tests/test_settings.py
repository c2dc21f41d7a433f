"""The project that is worked on, and the fingerprint of the code: whatever decides a figure is part of it."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from dx_pipeline import settings


def fingerprint() -> str:
    return settings.code_version.__wrapped__()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "dx_pipeline"
    shutil.copytree(settings.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(settings, "PACKAGE", copy)
    return copy


@pytest.mark.parametrize(
    ("file", "is_part"),
    [
        ("kpi/staged.sql", True),
        ("reading/values.py", True),
        ("declarations/contracts/kpi/value.yaml", True),
        ("cli/command.py", False),
        ("sample/exchange.py", False),
    ],
)
def test_a_file_that_decides_a_figure_changes_it(package: Path, file: str, is_part: bool) -> None:  # noqa: FBT001
    before = fingerprint()
    path = package / file
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert (fingerprint() != before) is is_part


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("engine", ["duckdb", "sqlglot", "great-expectations"])
def test_the_version_of_an_engine_changes_it(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    before = fingerprint()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99" if name == engine else version(name))
    assert fingerprint() != before


def test_outside_every_project_there_is_no_default_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DX_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert settings.default_project() == tmp_path

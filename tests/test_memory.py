"""What a run meets for want of memory is no result: the next run does it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from deliveries import DOSSIERS, GROUPS, MAY, dossiers, groups
from engine import Engine
from projects import TRIAL, Dx, runnable

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import OF_THE_SYSTEM

pytestmark = pytest.mark.slow


def steps(settings: Settings, declared: Catalogue) -> Iterator[Callable[[], object]]:
    """What a night does, one step after the other."""
    for name, source in declared.sources.items():
        months = [None] if source.is_reference else [Month.parse(MAY)]
        yield lambda name=name, months=months: ingest(settings, declared, name, months)  # type: ignore[misc]
    first, *others = declared.evaluated
    yield lambda: evaluate(settings, declared, first, others)
    yield lambda: release.publish(settings, declared)


@pytest.fixture(scope="module")
def delivered(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse with deliveries that nobody has read."""
    engine = Engine(Settings(tmp_path_factory.mktemp("delivered") / "warehouse", TRIAL, threads=1), declared)
    shutil.copytree(references, engine.settings.warehouse)
    engine.put("community_group", groups(*GROUPS))
    engine.put("dossier", dossiers(*DOSSIERS))
    return engine.settings


def published(settings: Settings) -> dict[str, bytes]:
    """Every row and record of the tables, as bytes."""
    files = (path for path in settings.tables.rglob("*") if path.is_file())
    return {str(path.relative_to(settings.tables)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def undisturbed(delivered: Settings, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of a night that nothing disturbs."""
    settings = replace(delivered, warehouse=tmp_path_factory.mktemp("undisturbed") / "warehouse")
    shutil.copytree(delivered.warehouse, settings.warehouse)
    for step in steps(settings, declared):
        step()
    return published(settings)


@pytest.mark.parametrize("limit", ["2MB", "4MB", "6MB", "8MB"])
def test_after_too_little_memory_the_next_run_ends_where_an_undisturbed_one_does(
    limit: str, delivered: Settings, undisturbed: dict[str, bytes], declared: Catalogue, warehouse: Settings
) -> None:
    shutil.copytree(delivered.warehouse, warehouse.warehouse)
    stopped = []
    for step in steps(replace(warehouse, memory_limit=limit), declared):
        try:
            step()
        except OF_THE_SYSTEM as error:
            stopped.append(error)
    assert stopped
    for step in steps(warehouse, declared):
        step()
    assert published(warehouse) == undisturbed


def test_too_little_memory_is_said_once_in_one_sentence(
    delivered: Settings, warehouse: Settings, dx: Dx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(delivered.warehouse, warehouse.warehouse)
    monkeypatch.setenv("DX_MEMORY_LIMIT", "2MB")
    ran = dx("run", "--lang", "en", warehouse=warehouse.warehouse, project=runnable(tmp_path / "project"))
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.startswith("Error")]
    assert lines == ["Error: too little memory: raise DX_MEMORY_LIMIT or lower DX_THREADS, then run again"]
    assert "Possible solutions" not in ran.stderr

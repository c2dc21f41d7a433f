"""Whatever has the place of what is kept: verification names it and ends, the next run heals it or says what is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from deliveries import GROUPS, groups
from engine import Engine

from dx_pipeline import integrity
from dx_pipeline.ingest import ingest

MAY, JUNE = "2022-05", "2022-06"
TABLE, SOURCE = "programme.community_group", "community_group"


@pytest.fixture
def delivered(engine: Engine) -> Engine:
    """Two months of one source, of which all is published."""
    engine.put(SOURCE, groups(*GROUPS), MAY)
    engine.put(SOURCE, groups(*GROUPS[:1]), JUNE)
    engine.results(SOURCE, MAY, JUNE)
    return engine


def found(engine: Engine) -> list[str]:
    return [problem.en for problem in integrity.problems(engine.settings, engine.catalogue)]


def one(engine: Engine, pattern: str) -> Path:
    (path,) = engine.settings.warehouse.glob(pattern)
    return path


KEPT = {
    "content": f"landing/{SOURCE}/{MAY}/*/content",
    "entry": f"landing/{SOURCE}/{MAY}/*/entry.json",
    "rows": f"tables/{TABLE}/partition={SOURCE}_{MAY}/rows.parquet",
    "record": f"tables/_runs/{TABLE}/{SOURCE}_{MAY}.json",
}
FORMS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kept", KEPT)
def test_what_is_no_file_is_damage_and_is_made_again(delivered: Engine, kept: str, form: str) -> None:
    path = one(delivered, KEPT[kept])
    before = path.read_bytes()
    path.unlink()
    FORMS[form](path)
    (problem,) = found(delivered)
    assert str(path.parent.relative_to(delivered.settings.warehouse)) in problem
    delivered.results(SOURCE, MAY, JUNE)
    assert path.read_bytes() == before
    assert found(delivered) == []


@pytest.mark.parametrize("folder", ["landing", f"landing/{SOURCE}", "tables", f"tables/{TABLE}", "tables/_runs"])
def test_a_file_in_place_of_a_folder_is_named_and_the_folder_is_made_again(delivered: Engine, folder: str) -> None:
    path = delivered.settings.warehouse / folder
    shutil.rmtree(path)
    path.touch()
    assert any(problem.startswith(f"{folder} ") for problem in found(delivered)), found(delivered)
    for name, source in delivered.catalogue.sources.items():
        if source.is_reference:
            ingest(delivered.settings, delivered.catalogue, name, [None])
    delivered.results(SOURCE, MAY, JUNE)
    assert found(delivered) == []


def test_folders_of_no_month_stop_nothing_and_are_named(delivered: Engine) -> None:
    for name in ("2022-13", "abc", "0000-01"):
        (delivered.settings.landing / SOURCE / name).mkdir()
        (delivered.settings.landing / ".attempts" / SOURCE).mkdir(parents=True, exist_ok=True)
        (delivered.settings.landing / ".attempts" / SOURCE / f"{name}.ndjson").touch()
    results = delivered.results(SOURCE, MAY, JUNE)
    assert [result.changed for result in results] == [False, False]
    named = [problem for problem in found(delivered) if "does not belong there, and nothing reads it" in problem]
    assert [problem.split()[0] for problem in named] == [
        f"landing/{SOURCE}/{name}" for name in ("0000-01", "2022-13", "abc")
    ]

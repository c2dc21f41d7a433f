"""Damage to releases and to what leads to them: each is named in a sentence, and the next run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deliveries import GROUPS, groups
from engine import Engine
from sealing import PARTS, alter_values, seal_again

from dx_pipeline import integrity, release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.release import Published, ReleaseLog, manifest
from dx_pipeline.release.contents import digest
from dx_pipeline.release.verification import LINK, OTHER_ROWS
from dx_pipeline.settings import Settings


@pytest.fixture
def engine(warehouse: Settings, declared: Catalogue, first: Published) -> Engine:
    """The engine over a warehouse with one release."""
    assert first.path.is_relative_to(warehouse.warehouse)
    return Engine(warehouse, declared)


def problems(engine: Engine, path: Path) -> list[str]:
    return [each.en for each in release.problems(path, engine.catalogue)]


def alter(path: Path) -> None:
    """Leave a row of a Parquet file out, and put another one in twice."""
    table = pq.read_table(path)
    pq.write_table(table.take([0, *range(table.num_rows - 1)]), path)


def write_into_log(engine: Engine, of: Published, **changes: object) -> None:
    """Add a line to the log as it would be if the release had been published as it is now."""
    releases = engine.settings.releases
    last = ReleaseLog.read(releases)
    seals = {part: str(manifest.seal(of.path / part)) for part in PARTS}
    line = last.lines[-1].model_copy(
        update={"number": len(last.lines) + 1, "previous": last.head, "seals": seals, **changes}
    )
    with (releases / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{line.model_dump_json(exclude_none=True)}\n")


@pytest.mark.parametrize("contents", ["as before", "as they are now", "left out"])
def test_a_release_that_was_altered_and_written_into_the_log_once_more_does_not_verify(
    engine: Engine, first: Published, contents: str
) -> None:
    alter_values(first.path)
    seal_again(first.path)
    changes: dict[str, dict[str, object]]
    changes = {"as before": {}, "as they are now": {"contents": digest(first.path)}, "left out": {"contents": None}}
    write_into_log(engine, first, **changes[contents])
    assert problems(engine, first.path) == [OTHER_ROWS.en]


def test_a_file_and_the_table_of_its_name_have_the_same_rows(engine: Engine, first: Published) -> None:
    alter(first.path / "public/kpi/value.parquet")
    seal_again(first.path)
    (engine.settings.releases / "log.jsonl").unlink()
    release.store.record(engine.settings, "published", first.release_id)
    (problem,) = problems(engine, first.path)
    assert problem == "kpi/value.parquet and the table kpi.value of the database have different rows."


@pytest.mark.parametrize("name", ["datapackage.json", "SHA256SUMS", "dx.duckdb", "kpi/value.parquet"])
def test_a_pipe_in_a_release_is_named_and_not_waited_for(engine: Engine, first: Published, name: str) -> None:
    path = first.path / "public" / name
    path.unlink()
    os.mkfifo(path)
    assert any(name in problem for problem in problems(engine, first.path))


def test_an_empty_folder_in_a_release_is_named(engine: Engine, first: Published) -> None:
    (first.path / "public" / "more").mkdir()
    assert problems(engine, first.path) == ["public/more does not belong to the release."]


def test_a_release_that_is_a_link_is_named(engine: Engine, first: Published, tmp_path: Path) -> None:
    first.path.rename(tmp_path / "elsewhere")
    first.path.symlink_to(tmp_path / "elsewhere")
    assert problems(engine, first.path) == [LINK.en]


def as_folder(link: Path) -> None:
    link.unlink()
    (link / "kpi").mkdir(parents=True)


def as_file(link: Path) -> None:
    link.unlink()
    link.write_text("x", encoding="ascii")


def as_link_elsewhere(link: Path) -> None:
    link.unlink()
    link.symlink_to("landing")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["current", "internal"])
@pytest.mark.parametrize("damage", [as_folder, as_file, as_link_elsewhere])
def test_what_should_lead_to_a_release_is_named_and_made_again(
    engine: Engine, first: Published, damage: Callable[[Path], None], name: str
) -> None:
    damage(engine.settings.warehouse / name)
    found = [each.en for each in integrity.problems(engine.settings, engine.catalogue)]
    assert found == [f"{name} is no link to a release: run 'dx run' or 'dx release switch'."]
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    made = engine.publish()
    assert made.release_id != first.release_id
    assert (engine.settings.current / "datapackage.json").is_file()
    assert (engine.settings.internal / "datapackage.json").is_file()
    assert list(integrity.problems(engine.settings, engine.catalogue)) == []


@pytest.mark.usefixtures("first")
def test_a_run_that_brings_nothing_new_makes_the_internal_link_again(engine: Engine) -> None:
    as_folder(engine.settings.internal)
    assert not engine.publish().changed
    assert (engine.settings.internal / "datapackage.json").is_file()

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
from dx_pipeline.release import Published, ReleaseLog, manifest
from dx_pipeline.release.contents import digest
from dx_pipeline.release.verification import LINK, OTHER_ROWS


def problems(sealed: Engine, path: Path) -> list[str]:
    return [each.en for each in release.problems(path, sealed.catalogue)]


def alter(path: Path) -> None:
    """Leave a row of a Parquet file out, and put another one in twice."""
    table = pq.read_table(path)
    pq.write_table(table.take([0, *range(table.num_rows - 1)]), path)


def write_into_log(sealed: Engine, of: Published, **changes: object) -> None:
    """Add a line to the log as it would be if the release had been published as it is now."""
    releases = sealed.settings.releases
    last = ReleaseLog.read(releases)
    seals = {part: str(manifest.seal(of.path / part)) for part in PARTS}
    line = last.lines[-1].model_copy(
        update={"number": len(last.lines) + 1, "previous": last.head, "seals": seals, **changes}
    )
    with (releases / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{line.model_dump_json(exclude_none=True)}\n")


@pytest.mark.parametrize("contents", ["as before", "as they are now", "left out"])
def test_a_release_that_was_altered_and_written_into_the_log_once_more_does_not_verify(
    sealed: Engine, first: Published, contents: str
) -> None:
    alter_values(first.path)
    seal_again(first.path)
    changes: dict[str, dict[str, object]]
    changes = {"as before": {}, "as they are now": {"contents": digest(first.path)}, "left out": {"contents": None}}
    write_into_log(sealed, first, **changes[contents])
    assert problems(sealed, first.path) == [OTHER_ROWS.en]


def test_a_file_and_the_table_of_its_name_have_the_same_rows(sealed: Engine, first: Published) -> None:
    alter(first.path / "public/kpi/value.parquet")
    seal_again(first.path)
    (sealed.settings.releases / "log.jsonl").unlink()
    release.store.record(sealed.settings, "published", first.release_id)
    (problem,) = problems(sealed, first.path)
    assert problem == "kpi/value.parquet and the table kpi.value of the database have different rows."


@pytest.mark.parametrize("name", ["datapackage.json", "SHA256SUMS", "dx.duckdb", "kpi/value.parquet"])
def test_a_pipe_in_a_release_is_named_and_not_waited_for(sealed: Engine, first: Published, name: str) -> None:
    path = first.path / "public" / name
    path.unlink()
    os.mkfifo(path)
    assert any(name in problem for problem in problems(sealed, first.path))


def test_an_empty_folder_in_a_release_is_named(sealed: Engine, first: Published) -> None:
    (first.path / "public" / "more").mkdir()
    assert problems(sealed, first.path) == ["public/more does not belong to the release."]


def test_a_release_that_is_a_link_is_named(sealed: Engine, first: Published, tmp_path: Path) -> None:
    first.path.rename(tmp_path / "elsewhere")
    first.path.symlink_to(tmp_path / "elsewhere")
    assert problems(sealed, first.path) == [LINK.en]


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
    sealed: Engine, first: Published, damage: Callable[[Path], None], name: str
) -> None:
    damage(sealed.settings.warehouse / name)
    found = [each.en for each in integrity.problems(sealed.settings, sealed.catalogue)]
    assert found == [f"{name} is no link to a release: run 'dx run' or 'dx release switch'."]
    sealed.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    made = sealed.publish()
    assert made.release_id != first.release_id
    assert (sealed.settings.current / "datapackage.json").is_file()
    assert (sealed.settings.internal / "datapackage.json").is_file()
    assert list(integrity.problems(sealed.settings, sealed.catalogue)) == []


@pytest.mark.usefixtures("first")
def test_a_run_that_brings_nothing_new_makes_the_internal_link_again(sealed: Engine) -> None:
    as_folder(sealed.settings.internal)
    assert not sealed.publish().changed
    assert (sealed.settings.internal / "datapackage.json").is_file()

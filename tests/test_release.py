"""Releases: built in private, verified, switched to in one step, and readable by whoever has one open."""

from __future__ import annotations

import json
import shutil
import unittest.mock
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from deliveries import GROUPS, groups
from engine import Engine
from projects import TRIAL

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import ReleaseError
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings
from dx_pipeline.tables.ledger import Ledger

MAY = Month(2022, 5)


@pytest.fixture(scope="module")
def published(
    declared: Catalogue, references: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Published]:
    """A warehouse with a release of one month of community groups, and nothing else."""
    engine = Engine(Settings(tmp_path_factory.mktemp("published") / "warehouse", TRIAL), declared)
    shutil.copytree(references, engine.settings.warehouse)
    engine.put("community_group", groups(*GROUPS))
    return engine.settings.warehouse, engine.publish()


@pytest.fixture
def engine(warehouse: Settings, declared: Catalogue) -> Engine:
    """The engine over an empty warehouse, or over the `first` release."""
    return Engine(warehouse, declared)


@pytest.fixture
def first(published: tuple[Path, Published], warehouse: Settings) -> Published:
    """The same release, in a warehouse of the test's own."""
    made, release_in_it = published
    shutil.copytree(made, warehouse.warehouse, symlinks=True)
    return replace(release_in_it, path=warehouse.releases / release_in_it.release_id)


def publish_later(engine: Engine) -> Published:
    """Publish a later delivery with two of the three groups."""
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    return engine.publish()


def group_count(folder: Path) -> int:
    with duckdb.connect(str(folder / "dx.duckdb"), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM programme.community_group").fetchall()[0][0])


def test_a_release_is_verified_and_current(first: Published, engine: Engine) -> None:
    assert release.current_id(engine.settings) == first.release_id
    assert release.problems(engine.settings.current, engine.catalogue) == []
    assert group_count(engine.settings.current) == 3


def test_the_same_inputs_are_the_same_release(first: Published, engine: Engine) -> None:
    again = engine.publish()
    assert (again.release_id, again.changed) == (first.release_id, False)


def test_a_new_delivery_makes_a_new_release_and_leaves_the_old_one_readable(first: Published, engine: Engine) -> None:
    reader = duckdb.connect(str(engine.settings.current / "dx.duckdb"), read_only=True)
    assert publish_later(engine).release_id != first.release_id
    assert group_count(engine.settings.current) == 2
    assert reader.execute("SELECT count(*) FROM programme.community_group").fetchall() == [(3,)]
    reader.close()
    assert group_count(first.path) == 3


@pytest.mark.parametrize("file", ["kpi/value.parquet", "dx.duckdb", "kpi/online_dossier_rate.parquet"])
def test_a_damaged_release_does_not_verify(first: Published, declared: Catalogue, file: str) -> None:
    path = first.path / file
    content = path.read_bytes()
    path.write_bytes(content[:99] + bytes([content[99] ^ 0xFF]) + content[100:])
    with pytest.raises(ReleaseError, match=f"{file} is not the file that was described"):
        release.verify(first.path, declared)


def test_a_release_that_does_not_verify_is_never_switched_to(
    first: Published, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = release.datapackage.write

    def with_a_wrong_count(folder: Path, *arguments: object) -> None:
        real(folder, *arguments)  # type: ignore[arg-type]
        path = folder / "datapackage.json"
        package = json.loads(path.read_text(encoding="utf-8"))
        package["dx"]["tables"]["programme.community_group"]["rows"] += 1
        path.write_text(json.dumps(package), encoding="utf-8")

    monkeypatch.setattr(release.datapackage, "write", with_a_wrong_count)
    with pytest.raises(ReleaseError, match=r"programme\.community_group has 2 rows instead of 3"):
        publish_later(engine)
    assert release.current_id(engine.settings) == first.release_id
    assert group_count(engine.settings.current) == 3
    assert [path.name for path in engine.settings.releases.iterdir()] == [first.release_id]


def test_a_kpi_that_was_never_evaluated_stops_the_release(engine: Engine) -> None:
    with pytest.raises(ReleaseError, match="has never been evaluated"):
        release.publish(engine.settings, engine.catalogue)
    assert release.current_id(engine.settings) is None


@pytest.mark.usefixtures("first")
def test_a_release_says_what_is_stale_and_what_is_missing(engine: Engine) -> None:
    bad = groups(*GROUPS).replace(b",so_thanh_vien", b"")
    engine.put("community_group", bad, name="bad.csv", day=9)
    engine.publish()
    package = json.loads((engine.settings.current / "datapackage.json").read_text(encoding="utf-8"))
    states = {(item["table"], item["source"]): item for item in package["dx"]["held_back"]}
    stale = states["programme.community_group", "community_group"]
    assert stale["state"] == "stale"
    assert "bad.csv: line 2: the column 'so_thanh_vien' is missing" in stale["problem"]
    assert states["statistics.dossier", "dossier"]["state"] == "missing"
    query = "SELECT file_name, disposition FROM ledger.delivery WHERE source = 'community_group' ORDER BY ALL"
    with duckdb.connect(str(engine.settings.current / "dx.duckdb"), read_only=True) as connection:
        dispositions = connection.execute(query).fetchall()
    assert dispositions == [("bad.csv", "refused"), ("file.dat", "read")]


def test_rolling_back_is_a_switch(first: Published, engine: Engine) -> None:
    publish_later(engine)
    release.switch(engine.settings, first.release_id)
    assert group_count(engine.settings.current) == 3


def test_releases_beyond_the_last_ones_are_removed(first: Published, engine: Engine) -> None:
    two_are_kept = Engine(replace(engine.settings, releases_kept=2), engine.catalogue)
    for day in (6, 7):
        engine.put("community_group", groups(*GROUPS, title=f"# {day}"), name=f"{day}.csv", day=day)
        two_are_kept.publish()
    assert [item.is_current for item in release.kept(engine.settings)] == [True, False]
    assert first.release_id not in {item.release_id for item in release.kept(engine.settings)}


@pytest.mark.usefixtures("first")
def test_a_release_is_built_from_one_reading_of_the_ledger(engine: Engine) -> None:
    shutil.rmtree(engine.settings.releases)
    with unittest.mock.patch.object(Ledger, "read", wraps=Ledger.read) as read:
        assert release.publish(engine.settings, engine.catalogue).changed
    assert read.call_count == 1

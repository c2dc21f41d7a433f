"""Releases: built in private, verified, switched to in one step, and readable by whoever has one open."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from deliveries import GROUPS, groups, put
from projects import TRIAL

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import ReleaseError
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings
from dx_pipeline.tables.ledger import Ledger

MAY = Month(2022, 5)


def publish(settings: Settings, declared: Catalogue) -> Published:
    for name, source in declared.sources.items():
        ingest(settings, declared, name, [None] if source.is_reference else [MAY])
    for code in declared.kpis:
        evaluate(settings, declared, code)
    return release.publish(settings, declared)


@pytest.fixture(scope="module")
def published(
    declared: Catalogue, references: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Published]:
    """A warehouse with a release of one month of community groups, and nothing else."""
    settings = Settings(tmp_path_factory.mktemp("published") / "warehouse", TRIAL)
    shutil.copytree(references, settings.warehouse)
    put(settings, "community_group", groups(*GROUPS))
    return settings.warehouse, publish(settings, declared)


@pytest.fixture
def first(published: tuple[Path, Published], warehouse: Settings) -> Published:
    """The same release, in a warehouse of the test's own."""
    made, release_in_it = published
    shutil.copytree(made, warehouse.warehouse, symlinks=True)
    return replace(release_in_it, path=warehouse.releases / release_in_it.release_id)


def group_count(folder: Path) -> int:
    connection = duckdb.connect(str(folder / "dx.duckdb"), read_only=True)
    try:
        return int(connection.execute("SELECT count(*) FROM programme.community_group").fetchall()[0][0])
    finally:
        connection.close()


def test_a_release_is_verified_and_current(first: Published, warehouse: Settings, declared: Catalogue) -> None:
    assert release.current_id(warehouse) == first.release_id
    assert release.problems(warehouse.current, declared) == []
    assert group_count(warehouse.current) == 3


def test_the_same_inputs_are_the_same_release(first: Published, warehouse: Settings, declared: Catalogue) -> None:
    again = publish(warehouse, declared)
    assert (again.release_id, again.changed) == (first.release_id, False)


def test_a_new_delivery_makes_a_new_release_and_leaves_the_old_one_readable(
    first: Published, warehouse: Settings, declared: Catalogue
) -> None:
    reader = duckdb.connect(str(warehouse.current / "dx.duckdb"), read_only=True)
    put(warehouse, "community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    second = publish(warehouse, declared)
    assert second.release_id != first.release_id
    assert group_count(warehouse.current) == 2
    assert reader.execute("SELECT count(*) FROM programme.community_group").fetchall() == [(3,)]
    reader.close()
    assert group_count(first.path) == 3


@pytest.mark.parametrize("file", ["kpi/value.parquet", "dx.duckdb", "kpi/online_dossier_rate.parquet"])
def test_a_damaged_release_does_not_verify(first: Published, declared: Catalogue, file: str) -> None:
    path = first.path / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ReleaseError, match=f"{file} is not the file that was described"):
        release.verify(first.path, declared)


def test_a_release_that_does_not_verify_is_never_switched_to(
    first: Published, warehouse: Settings, declared: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, "community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    real = release.datapackage.write

    def with_a_wrong_count(folder: Path, *arguments: object) -> None:
        real(folder, *arguments)  # type: ignore[arg-type]
        path = folder / "datapackage.json"
        package = json.loads(path.read_text(encoding="utf-8"))
        package["dx"]["tables"]["programme.community_group"]["rows"] += 1
        path.write_text(json.dumps(package), encoding="utf-8")

    monkeypatch.setattr(release.datapackage, "write", with_a_wrong_count)
    with pytest.raises(ReleaseError, match=r"programme\.community_group has 2 rows instead of 3"):
        publish(warehouse, declared)
    assert release.current_id(warehouse) == first.release_id
    assert group_count(warehouse.current) == 3
    assert [path.name for path in warehouse.releases.iterdir()] == [first.release_id]


def test_a_kpi_that_was_never_evaluated_stops_the_release(warehouse: Settings, declared: Catalogue) -> None:
    put(warehouse, "community_group", groups(*GROUPS))
    ingest(warehouse, declared, "community_group", [MAY])
    with pytest.raises(ReleaseError, match="has never been evaluated"):
        release.publish(warehouse, declared)
    assert release.current_id(warehouse) is None


@pytest.mark.usefixtures("first")
def test_a_release_says_what_is_stale_and_what_is_missing(warehouse: Settings, declared: Catalogue) -> None:
    bad = groups(*GROUPS).replace(b",so_thanh_vien", b"")
    put(warehouse, "community_group", bad, name="bad.csv", day=9)
    publish(warehouse, declared)
    package = json.loads((warehouse.current / "datapackage.json").read_text(encoding="utf-8"))
    states = {(item["table"], item["source"]): item for item in package["dx"]["held_back"]}
    stale = states["programme.community_group", "community_group"]
    assert stale["state"] == "stale"
    assert "bad.csv: line 2: the column 'so_thanh_vien' is missing" in stale["problem"]
    assert states["statistics.dossier", "dossier"]["state"] == "missing"
    connection = duckdb.connect(str(warehouse.current / "dx.duckdb"), read_only=True)
    dispositions = connection.execute(
        "SELECT file_name, disposition FROM ledger.delivery WHERE source = 'community_group' ORDER BY ALL"
    ).fetchall()
    connection.close()
    assert dispositions == [("bad.csv", "refused"), ("file.dat", "read")]


def test_rolling_back_is_a_switch(first: Published, warehouse: Settings, declared: Catalogue) -> None:
    put(warehouse, "community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    publish(warehouse, declared)
    release.switch(warehouse, first.release_id)
    assert group_count(warehouse.current) == 3


def test_releases_beyond_the_last_ones_are_removed(first: Published, warehouse: Settings, declared: Catalogue) -> None:
    two_are_kept = replace(warehouse, releases_kept=2)
    for day in (6, 7):
        put(warehouse, "community_group", groups(*GROUPS, title=f"# {day}"), name=f"{day}.csv", day=day)
        publish(two_are_kept, declared)
    kept = release.kept(warehouse)
    assert len(kept) == 2
    assert kept[0].is_current
    assert first.release_id not in {item.release_id for item in kept}


@pytest.mark.usefixtures("first")
def test_a_release_is_built_from_one_reading_of_the_ledger(
    warehouse: Settings, declared: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(warehouse.releases)
    real, readings = Ledger.read, []

    def counted(settings: Settings, catalogue: Catalogue) -> Ledger:
        readings.append(settings)
        return real(settings, catalogue)

    monkeypatch.setattr(Ledger, "read", counted)
    assert release.publish(warehouse, declared).changed
    assert len(readings) == 1

"""Releases: built in private, verified, switched to in one step, and readable by whoever has one open."""

from __future__ import annotations

import json
import shutil
import unittest.mock
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, OLD, dossiers, groups, in_older_layout
from engine import Engine

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import ReleaseError
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.release.verification import OTHER_SEALS
from dx_pipeline.settings import Settings
from dx_pipeline.tables.ledger import Ledger

MAY = Month(2022, 5)


@pytest.fixture
def engine(warehouse: Settings, declared: Catalogue) -> Engine:
    """The engine over an empty warehouse, or over the `first` release."""
    return Engine(warehouse, declared)


def publish_later(engine: Engine) -> Published:
    """Publish a later delivery with two of the three groups."""
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    return engine.publish()


def group_count(folder: Path) -> int:
    with duckdb.connect(str(folder / "dx.duckdb"), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM programme.community_group").fetchall()[0][0])


def test_a_release_is_verified_and_current(first: Published, engine: Engine) -> None:
    assert release.current_id(engine.settings) == first.release_id
    assert release.problems(first.path, engine.catalogue) == []
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
    assert group_count(first.path / "public") == 3


@pytest.mark.parametrize(
    "file",
    [
        "public/kpi/value.parquet",
        "public/dx.duckdb",
        "public/kpi/online_dossier_rate.parquet",
        "internal/dx_internal.duckdb",
    ],
)
def test_a_damaged_release_does_not_verify(first: Published, declared: Catalogue, file: str) -> None:
    path = first.path / file
    content = path.read_bytes()
    path.write_bytes(content[:99] + bytes([content[99] ^ 0xFF]) + content[100:])
    with pytest.raises(ReleaseError, match=f"{file} is not the file that was sealed"):
        release.verify(first.path, declared)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("public/dossiers.csv", "public/dossiers.csv does not belong to the release"),
        ("internal/kpi/note.txt", "internal/kpi/note.txt does not belong to the release"),
        ("note.txt", "note.txt belongs to no part of a release"),
    ],
)
def test_a_release_with_one_file_more_does_not_verify(
    first: Published, declared: Catalogue, file: str, sentence: str
) -> None:
    (first.path / file).parent.mkdir(exist_ok=True)
    (first.path / file).touch(0o600)
    with pytest.raises(ReleaseError, match=sentence):
        release.verify(first.path, declared)


@pytest.mark.parametrize(("name", "mode"), [("", 0o755), ("dx_internal.duckdb", 0o644), ("datapackage.json", 0o660)])
def test_a_release_whose_internal_part_is_open_to_others_does_not_verify(
    first: Published, declared: Catalogue, name: str, mode: int
) -> None:
    (first.path / "internal" / name).chmod(mode)
    with pytest.raises(ReleaseError, match="can be read or changed by more people than it is for"):
        release.verify(first.path, declared)


@pytest.mark.slow
def test_parts_of_two_releases_do_not_verify_together(first: Published, engine: Engine) -> None:
    later = publish_later(engine)
    shutil.rmtree(later.path / "internal")
    assert [each.en for each in release.problems(later.path, engine.catalogue)] == [
        "it is not whole: one of its folders, public and internal, is missing."
    ]
    shutil.copytree(first.path / "internal", later.path / "internal")
    assert [each.en for each in release.problems(later.path, engine.catalogue)] == [OTHER_SEALS.en]
    problems = [each.en for each in release.problems(later.path, engine.catalogue, is_private=True)]
    assert "its two parts are not of the same release." in problems


def test_a_public_table_that_is_declared_internal_since_keeps_a_release_from_being_switched_to(
    first: Published, declared: Catalogue
) -> None:
    name = "programme.community_group"
    closed = declared.contracts[name].model_copy(update={"audience": "internal"})
    problems = release.problems(first.path, replace(declared, contracts={**declared.contracts, name: closed}))
    assert f"{name} is in public, and is declared 'audience: internal'." in [each.en for each in problems]


@pytest.mark.slow
def test_one_switch_moves_both_parts(first: Published, engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS))
    later = publish_later(engine)
    settings = engine.settings
    for id_, dossier_count in ((later.release_id, 3), (first.release_id, 0), (later.release_id, 3)):
        inode = settings.internal.lstat().st_ino
        release.switch_to(settings, id_, "switched")
        assert settings.internal.lstat().st_ino == inode
        assert release.current_id(settings) == id_
        assert settings.current.resolve() == settings.releases / id_ / "public"
        assert settings.internal.resolve() == settings.releases / id_ / "internal"
        with duckdb.connect(str(settings.internal / "dx_internal.duckdb"), read_only=True) as connection:
            assert len(connection.execute("FROM statistics.dossier").fetchall()) == dossier_count


@pytest.mark.slow
def test_internal_rows_are_the_same_however_the_dossiers_were_numbered_and_delivered(
    warehouse: Settings, references: Path, declared: Catalogue
) -> None:
    """What a release has of dossiers follows from their content: not from codes, deliveries, lines or order."""
    cells = [row.partition(";")[2] for row in (*DOSSIERS, *DOSSIERS, DOSSIERS[0].replace("200000", "7"))]
    code = "{}-{:%y%m%d}-{:04}".format
    day = date(2022, 5, 2)
    ways = {
        "as they came": [[code("H53.07", day, number) + ";" + row for number, row in enumerate(cells)]],
        "the other way round": [[code("H53.20", day, number) + ";" + row for number, row in enumerate(cells[::-1])]],
        "in two files": [
            [code("H53.07", day, number) + ";" + row for number, row in enumerate(cells[half::2], 100 * half)]
            for half in (1, 0)
        ],
    }
    found = {}
    for way, files in ways.items():
        engine = Engine(replace(warehouse, warehouse=warehouse.warehouse / way.replace(" ", "_")), declared)
        shutil.copytree(references, engine.settings.warehouse)
        for number, rows in enumerate(files):
            engine.put("dossier", dossiers(*rows), name=f"{number}.csv", day=5 + number)
        engine.ingest("dossier")
        release.publish(engine.settings, declared)
        with duckdb.connect(str(engine.settings.internal / "dx_internal.duckdb"), read_only=True) as connection:
            found[way] = connection.execute("FROM statistics.dossier").fetchall()
    assert len(found["as they came"]) == len(cells)
    assert found["the other way round"] == found["as they came"]
    assert found["in two files"] == found["as they came"]


@pytest.mark.slow
def test_quarantined_rows_are_published_with_their_line_only_where_the_rows_of_the_table_are(
    first: Published, engine: Engine
) -> None:
    spoilt = [row.replace("-0001;", "-0002;").replace("giải quyết;", "xem;") for row in DOSSIERS]
    engine.put("dossier", dossiers(*spoilt, *DOSSIERS))
    engine.put("community_group", groups(*GROUPS, "TCN-25456-02,25456,31/02/2022,,7"), name="bad.csv", day=9)
    engine.publish()
    query = "SELECT source, delivery_line, reason_code, count(*) FROM ledger.quarantine GROUP BY ALL ORDER BY ALL"
    with duckdb.connect(str(engine.settings.current / "dx.duckdb"), read_only=True) as connection:
        assert connection.execute(query).fetchall() == [
            ("community_group", 6, "not_a_date", 1),
            ("dossier", None, "unknown_word", 3),
        ]
    assert release.current_id(engine.settings) != first.release_id


@pytest.mark.slow
def test_a_release_of_an_older_layout_is_named_as_such_and_replaced_by_the_next(
    first: Published, engine: Engine
) -> None:
    settings = engine.settings
    in_older_layout(settings)
    assert release.current_id(settings) == OLD
    (problem,) = release.problems(settings.releases / OLD, engine.catalogue)
    assert "it is of an older layout" in problem.en
    later = publish_later(engine)
    assert release.current_id(settings) == later.release_id
    has_parts = {item.release_id: item.has_parts for item in release.kept(settings)}
    assert has_parts == {later.release_id: True, first.release_id: True, OLD: False}


def test_a_release_that_does_not_verify_is_never_switched_to(
    first: Published, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = release.datapackage.write

    def with_a_wrong_count(part: release.Part, folder: Path, *arguments: object) -> None:
        real(part, folder, *arguments)  # type: ignore[arg-type]
        path = folder / "datapackage.json"
        package = json.loads(path.read_text(encoding="utf-8"))
        if part is release.PUBLIC:
            package["dx"]["tables"]["programme.community_group"]["rows"] += 1
        path.write_text(json.dumps(package), encoding="utf-8")

    monkeypatch.setattr(release.datapackage, "write", with_a_wrong_count)
    with pytest.raises(ReleaseError, match=r"programme\.community_group has 2 rows instead of 3"):
        publish_later(engine)
    assert release.current_id(engine.settings) == first.release_id
    assert group_count(engine.settings.current) == 3
    assert [path.name for path in engine.settings.releases.iterdir() if path.is_dir()] == [first.release_id]


def test_a_kpi_that_was_never_evaluated_is_missing_and_does_not_stop_the_release(engine: Engine) -> None:
    release.publish(engine.settings, engine.catalogue)
    package = json.loads((engine.settings.current / "datapackage.json").read_text(encoding="utf-8"))
    missing = {item["source"]: item["problem"] for item in package["dx"]["held_back"] if item["table"] == "kpi.value"}
    assert missing == dict.fromkeys(engine.catalogue.kpis, "it was never evaluated: run 'dx run'")


@pytest.mark.slow
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


@pytest.mark.slow
def test_rolling_back_is_a_switch(first: Published, engine: Engine) -> None:
    publish_later(engine)
    release.switch_to(engine.settings, first.release_id, "switched")
    assert group_count(engine.settings.current) == 3


@pytest.mark.slow
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

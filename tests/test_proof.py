"""What is kept is held against what was written, each time it is used; what is damaged is made again from landing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deliveries import GROUPS, groups
from engine import Engine

from dx_pipeline import release
from dx_pipeline.errors import DxError, ReleaseError
from dx_pipeline.ingest import publish_landed
from dx_pipeline.period import Month
from dx_pipeline.storage import parquet
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import ROWS, Key

MAY, JUNE = "2022-05", "2022-06"


def rows_of(engine: Engine, month: str = MAY) -> Path:
    folder = engine.settings.tables / "programme.community_group" / f"partition=community_group_{month}"
    return folder / ROWS


def record_of(engine: Engine, month: str = MAY) -> Path:
    return engine.settings.tables / "_runs" / "programme.community_group" / f"community_group_{month}.json"


def flip_a_bit(path: Path, place: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.fixture
def delivered(engine: Engine) -> Engine:
    """Two months of one source, of which all is published."""
    engine.put("community_group", groups(*GROUPS), MAY)
    engine.put("community_group", groups(*GROUPS[:1]), JUNE)
    engine.results("community_group", MAY, JUNE)
    return engine


def test_a_file_says_whether_its_rows_are_those_that_were_written(delivered: Engine) -> None:
    path = rows_of(delivered)
    assert parquet.is_whole(path)
    flip_a_bit(path, 40)
    assert not parquet.is_whole(path)


DAMAGES: dict[str, Callable[[Engine], object]] = {
    "a bit of the rows": lambda made: flip_a_bit(rows_of(made), 40),
    "a bit of the footer": lambda made: flip_a_bit(rows_of(made), -20),
    "another month": lambda made: shutil.copyfile(rows_of(made, JUNE), rows_of(made)),
    "nothing": lambda made: rows_of(made).write_bytes(b""),
    "half of it": lambda made: rows_of(made).write_bytes(rows_of(made).read_bytes()[:200]),
    "no file": lambda made: rows_of(made).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_set_aside_and_made_again(
    delivered: Engine, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = rows_of(delivered).read_bytes()
    DAMAGES[damage](delivered)
    may, june = delivered.results("community_group", MAY, JUNE)
    assert (may.changed, june.changed, may.run.published) == (True, False, True)
    assert rows_of(delivered).read_bytes() == before
    aside = list(delivered.settings.set_aside.rglob("*.parquet.*"))
    named = [each for each in caplog.messages if "is not what was written there" in each]
    assert len(aside) == len(named) == (0 if damage == "no file" else 1)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe", None])
def test_a_damaged_record_is_set_aside_and_the_month_read_again(delivered: Engine, content: bytes | None) -> None:
    """`None`: it is the record of another month."""
    record = record_of(delivered)
    before = record.read_bytes()
    record.write_bytes(record_of(delivered, JUNE).read_bytes() if content is None else content)
    may, june = delivered.results("community_group", MAY, JUNE)
    assert (may.changed, june.changed) == (True, False)
    assert record.read_bytes() == before
    assert len(list(delivered.settings.set_aside.rglob("*.json.*"))) == 1


def test_rows_without_a_record_prove_themselves(delivered: Engine) -> None:
    record_of(delivered).unlink()
    key = Key("programme.community_group", "community_group", Month.parse(MAY))
    assert partition.damage(delivered.settings, key) is None
    shutil.copyfile(rows_of(delivered, JUNE), rows_of(delivered))
    assert partition.damage(delivered.settings, key) is not None


def test_rows_of_an_older_version_are_believed(delivered: Engine) -> None:
    path = rows_of(delivered)
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    record_of(delivered).unlink()
    key = Key("programme.community_group", "community_group", Month.parse(MAY))
    assert partition.damage(delivered.settings, key) is None


def test_nothing_is_evaluated_over_damaged_rows(delivered: Engine) -> None:
    """Otherwise the values would stay, because their inputs are the same once the rows are made again."""
    flip_a_bit(rows_of(delivered), 40)
    with pytest.raises(DxError, match=r"community_group_2022-05/rows.parquet is not what was written there"):
        delivered.evaluate("community_group_count")
    delivered.results("community_group", MAY)
    assert delivered.evaluate("community_group_count").published


def test_no_release_is_made_of_damaged_rows(delivered: Engine) -> None:
    delivered.evaluate("community_group_count")
    first = release.publish(delivered.settings, delivered.catalogue)
    flip_a_bit(rows_of(delivered), 40)
    with pytest.raises(ReleaseError, match=r"community_group_2022-05/rows.parquet is not what was written there"):
        release.publish(delivered.settings, delivered.catalogue)
    assert release.current_id(delivered.settings) == first.release_id


def landed_of(engine: Engine, month: str = MAY) -> Path:
    (folder,) = (engine.settings.landing / "community_group" / month).iterdir()
    return folder


ENTRIES: dict[str, Callable[[Path], object]] = {
    "empty": lambda folder: (folder / "entry.json").write_bytes(b""),
    "cut": lambda folder: (folder / "entry.json").write_bytes((folder / "entry.json").read_bytes()[:100]),
    "missing": lambda folder: (folder / "entry.json").unlink(),
    "bytes": lambda folder: flip_a_bit(folder / "content", 40),
    "no bytes": lambda folder: (folder / "content").unlink(),
}


@pytest.mark.parametrize("damage", ENTRIES)
def test_a_damaged_delivery_is_landed_again_from_the_inbox(
    delivered: Engine, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder, rows = landed_of(delivered), rows_of(delivered).read_bytes()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ENTRIES[damage](folder)
    results = delivered.results("community_group", MAY, JUNE)
    assert [result.changed for result in results] == [False, False]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert rows_of(delivered).read_bytes() == rows
    assert len([each for each in caplog.messages if "what was landed" in each or "is missing" in each]) == 1


def test_a_month_with_a_damaged_delivery_is_held_back_until_it_is_restored(delivered: Engine) -> None:
    """Nobody delivers it again: the last good rows stay, and other months go on."""
    content, rows = landed_of(delivered) / "content", rows_of(delivered).read_bytes()
    before = content.read_bytes()
    flip_a_bit(content, 40)
    months = [Month.parse(MAY), Month.parse(JUNE)]
    may, june = publish_landed(delivered.settings, delivered.catalogue, "community_group", months)
    assert "content (file.dat) is not what was landed: restore it from a backup." in str(may.run.problem)
    assert (june.changed, june.run.published) == (False, True)
    assert rows_of(delivered).read_bytes() == rows
    content.write_bytes(before)
    may, _ = publish_landed(delivered.settings, delivered.catalogue, "community_group", months)
    assert (may.run.problem, may.run.published) == (None, True)
    assert rows_of(delivered).read_bytes() == rows


def test_strays_in_landing_and_tables_stop_nothing(delivered: Engine) -> None:
    for folder in ("landing", "landing/community_group", f"landing/community_group/{MAY}", "tables", "tables/_runs"):
        (delivered.settings.warehouse / folder / "stray.txt").write_text("x", encoding="utf-8")
        (delivered.settings.warehouse / folder / "stray").mkdir()
        (delivered.settings.warehouse / folder / "stray" / "file.json").write_text("{}", encoding="utf-8")
    may, june = delivered.results("community_group", MAY, JUNE)
    assert (may.changed, june.changed) == (False, False)
    delivered.evaluate("community_group_count")
    assert release.publish(delivered.settings, delivered.catalogue).changed

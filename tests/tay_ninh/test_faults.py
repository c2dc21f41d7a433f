"""Planted faults: each is caught by the reason that it names, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.formats import READERS
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

SCALE = 0.02
MAY, JUNE = Month(2022, 5), Month(2022, 6)
MADE = (MAY, JUNE)


@pytest.fixture(scope="module")
def faulty(declared: Catalogue, references: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(tmp_path_factory.mktemp("faulty") / "warehouse", PROJECT, threads=1)
    shutil.copytree(references, settings.warehouse, symlinks=True)
    sample.make(settings, declared, MADE, scale=SCALE, faults=True)
    return settings


def planted_in(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((settings.warehouse / "sample_faults.json").read_text(encoding="utf-8"))
    return found


def files_in(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


def test_planted_faults_are_of_more_than_sixty_kinds_and_leave_the_sound_rows_alone(
    declared: Catalogue, faulty: Settings, tmp_path: Path
) -> None:
    listed = planted_in(faulty)
    sample.make(Settings(tmp_path, PROJECT), declared, MADE, scale=SCALE)
    assert len({(fault["disposition"], fault["reason_code"], fault["reason"]) for fault in listed}) >= 60
    for path in files_in(tmp_path / "inbox"):
        name = path.relative_to(tmp_path / "inbox").as_posix()
        faults = [fault for fault in listed if fault["file"] == name]
        planted = {fault["line"] for fault in faults if fault["disposition"] != "refused"}
        refused = any(fault["disposition"] == "refused" for fault in faults)
        lines = (faulty.inbox / name).read_bytes().split(b"\n")
        kept = b"\n".join(line for number, line in enumerate(lines, 1) if number not in planted)
        assert (kept == path.read_bytes()) is not refused, name


def test_a_sample_without_faults_lists_none(declared: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "sample_faults.json").write_text("[]", encoding="utf-8")
    sample.make(Settings(tmp_path, PROJECT), declared, [JUNE], scale=SCALE)
    assert not (tmp_path / "sample_faults.json").exists()


@dataclass
class Caught:
    """What reading the deliveries came to.

    Args:
        not_read: why what is in the inbox is not read, by file.
        refused: what a refusal says, by file.
        stripped: the digest of a delivery and each kind that was taken out of it.
        quarantined: the reason of each line in quarantine, by table, month and line.
        duplicates: how many rows each table had more than once.
    """

    not_read: Mapping[str, str]
    refused: dict[str, str] = field(default_factory=dict)
    stripped: set[tuple[str, str]] = field(default_factory=set)
    quarantined: dict[tuple[str, str, int], str] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)

    def becomes_of(self, fault: dict[str, Any], delivery_id: str) -> object:
        """The reason that caught a fault, or what came instead."""
        match fault["disposition"]:
            case "quarantined":
                return self.quarantined.pop((fault["table"], fault["month"], fault["line"]), None)
            case "refused":
                said = self.refused.get(fault["file"], "")
                return fault["reason_code"] if fault["says"] in said else said
            case "stripped":
                return fault["says"] if (delivery_id, fault["says"]) in self.stripped else None
            case "not_read":
                return self.not_read.get(fault["file"])
        return ""


def read(settings: Settings, declared: Catalogue, tables: set[tuple[str, str]]) -> Caught:
    """Read the deliveries of these sources and tables."""
    unread = {str(stray.path.relative_to(settings.inbox)): stray.why for stray in inbox.unread(settings, declared)}
    caught = Caught(unread)
    for name in sorted({source for source, _ in tables}):
        for run in (result.run for result in ingest(settings, declared, name, MADE)):
            caught.refused |= {f"{name}/{run.month}/{each.file_name}": each.problem for each in run.refused}
            caught.duplicates[run.table] += sum(counts.duplicate for counts in run.counts)
            if run.month is not None and (name, run.table) in tables:
                path = partition.quarantined(settings, Key(run.table, name, Month.parse(run.month)))
                rows = duckdb.execute(f"SELECT delivery_line, reason_code FROM '{path}'").fetchall() if path else []
                caught.quarantined |= {(run.table, run.month, line): code for line, code in rows}
    entries = [json.loads(path.read_bytes()) for path in settings.landing.rglob("entry.json")]
    caught.stripped = {(entry["delivery_id"], kind) for entry in entries for kind in entry["stripped"]}
    return caught


def test_each_planted_fault_is_caught_by_the_reason_that_it_names(declared: Catalogue, faulty: Settings) -> None:
    listed = planted_in(faulty)
    delivered = {path.relative_to(faulty.inbox).as_posix(): digest(path) for path in files_in(faulty.inbox)}
    caught = read(faulty, declared, {(fault["source"], fault["table"]) for fault in listed})
    missed = [
        (fault["file"], fault["reason"], found)
        for fault in listed
        if (found := caught.becomes_of(fault, delivered.get(fault["file"], ""))) != fault["reason_code"]
    ]
    assert missed == []
    assert caught.quarantined == {}
    planted = Counter(fault["table"] for fault in listed if fault["disposition"] == "duplicate")
    assert {table: caught.duplicates[table] for table in planted} == planted


def test_a_refused_delivery_lacks_one_column_and_nothing_else(declared: Catalogue, tmp_path: Path) -> None:
    sample.make(Settings(tmp_path, PROJECT), declared, [JUNE], scale=SCALE, faults=True)
    path = tmp_path / "inbox/social_insurance/2022-06/traffic_202206.csv"
    (layout,) = [
        each for each in declared.sources["social_insurance"].source.deliveries if each.table == "connection.traffic"
    ]
    assert set(layout.expected) - set(READERS["csv"].headings(path, layout)) == {"Thành công"}
    widths = {len(line.split(";")) for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]}
    assert widths == {len(layout.expected) - 1}

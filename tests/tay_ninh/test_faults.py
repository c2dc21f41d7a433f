"""Planted faults: each is caught by the reason that it names, and nothing else changes."""

from __future__ import annotations

import json
import shutil
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


def test_each_planted_fault_is_caught_by_the_reason_that_it_names(declared: Catalogue, faulty: Settings) -> None:
    listed = planted_in(faulty)
    not_read = {str(stray.path.relative_to(faulty.inbox)): stray.why for stray in inbox.unread(faulty, declared)}
    refused: dict[str, str] = {}
    quarantined: dict[tuple[str, str, int], str] = {}
    duplicates = 0
    delivered = {path.relative_to(faulty.inbox).as_posix(): digest(path) for path in files_in(faulty.inbox)}
    for name in sorted({fault["source"] for fault in listed}):
        for run in (result.run for result in ingest(faulty, declared, name, MADE)):
            refused |= {f"{name}/{run.month}/{each.file_name}": each.problem for each in run.refused}
            if run.table in {fault["table"] for fault in listed if fault["disposition"] == "duplicate"}:
                duplicates += sum(counts.duplicate for counts in run.counts)
            if run.month is not None and (name, run.table) in {(fault["source"], fault["table"]) for fault in listed}:
                path = partition.quarantined(faulty, Key(run.table, name, Month.parse(run.month)))
                rows = duckdb.execute(f"SELECT delivery_line, reason_code FROM '{path}'").fetchall() if path else []
                quarantined |= {(run.table, run.month, line): code for line, code in rows}

    entries = [json.loads(path.read_bytes()) for path in faulty.landing.rglob("entry.json")]
    stripped = {(entry["delivery_id"], kind) for entry in entries for kind in entry["stripped"]}

    def becomes_of(fault: dict[str, Any]) -> object:
        match fault["disposition"]:
            case "quarantined":
                return quarantined.pop((fault["table"], fault["month"], fault["line"]), None)
            case "refused" if fault["says"] in refused.get(fault["file"], ""):
                return fault["reason_code"]
            case "refused":
                return refused.get(fault["file"])
            case "stripped" if (delivered[fault["file"]], fault["says"]) in stripped:
                return fault["reason_code"]
            case "not_read":
                return not_read.get(fault["file"])
        return ""

    missed = [
        (fault["file"], fault["reason"], found)
        for fault in listed
        if (found := becomes_of(fault)) != fault["reason_code"]
    ]
    assert missed == []
    assert quarantined == {}
    assert duplicates == sum(fault["disposition"] == "duplicate" for fault in listed)


def test_a_refused_delivery_lacks_one_column_and_nothing_else(declared: Catalogue, tmp_path: Path) -> None:
    sample.make(Settings(tmp_path, PROJECT), declared, [JUNE], scale=SCALE, faults=True)
    path = tmp_path / "inbox/social_insurance/2022-06/traffic_202206.csv"
    (layout,) = [
        each for each in declared.sources["social_insurance"].source.deliveries if each.table == "connection.traffic"
    ]
    assert set(layout.expected) - set(READERS["csv"].headings(path, layout)) == {"Thành công"}
    widths = {len(line.split(";")) for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]}
    assert widths == {len(layout.expected) - 1}

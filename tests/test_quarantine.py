"""Lines in quarantine are listed with what to do, given back to whoever delivered them, and read again once."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deliveries import DOSSIERS, GROUPS, MAY, SECRETS, dossiers, groups
from engine import Engine
from projects import TRIAL
from python_calamine import CalamineWorkbook

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import replay
from dx_pipeline.period import Month
from dx_pipeline.report import delivery_workbook
from dx_pipeline.report.reason import REMEDIES, WHY, reason
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition, quarantine
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.quarantine import Chosen, Line

JUNE_15 = date(2022, 6, 15)
GROUP, APRIL = "community_group", "2022-04"
TOO_MANY = "TCN-25456-02,25456,15/02/2022,,400"
NO_DAY = "TCN-25459-02,25459,31/02/2022,,9"
NO_PLACE = "TCN-25456-03,99999,15/02/2022,,7"


@pytest.fixture(scope="module")
def filled(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with bad lines in two months of one source and in another source; June of the first one is good."""
    settings = Settings(tmp_path_factory.mktemp("filled") / "warehouse", TRIAL, threads=1)
    shutil.copytree(references, settings.warehouse)
    engine = Engine(settings, declared)
    engine.put(GROUP, groups(*GROUPS, TOO_MANY, NO_DAY), APRIL, name="april.csv")
    engine.put(GROUP, groups(*GROUPS, TOO_MANY, NO_PLACE), MAY, name="may.csv", day=10)
    engine.put(GROUP, groups(*GROUPS), "2022-06")
    engine.results(GROUP, APRIL, MAY, "2022-06")
    engine.deliver("dossier", dossiers(*DOSSIERS, DOSSIERS[0].replace("Trực tuyến", "Bưu điện")), name="dossiers.csv")
    return settings.warehouse


@pytest.fixture
def quarantined(filled: Path, warehouse: Settings, declared: Catalogue) -> Engine:
    """The engine over such a warehouse of the test's own."""
    shutil.copytree(filled, warehouse.warehouse)
    return Engine(warehouse, declared)


def lines(engine: Engine, **chosen: Any) -> list[Line]:
    return quarantine.lines(engine.settings, engine.catalogue, Chosen(**chosen), JUNE_15)


def places(engine: Engine, **chosen: Any) -> list[tuple[str, int, str, str]]:
    found = lines(engine, **chosen)
    return [(line.file_name, line.delivery_line, line.reason_code, line.agency) for line in found]


def counted(engine: Engine, by: str) -> list[tuple[Any, ...]]:
    columns = quarantine.GROUPINGS[by]
    rows = quarantine.groups(engine.settings, engine.catalogue, Chosen(), JUNE_15, columns)
    return [(*(row[name] for name in columns), row["line_count"]) for row in rows]


def raised(engine: Engine) -> Engine:
    """The engine after somebody allowed more members in the contract."""
    contract = engine.catalogue.contracts["programme.community_group"]
    members = contract.columns["member_count"].model_copy(update={"max": 500.0})
    contract = contract.model_copy(update={"columns": {**contract.columns, "member_count": members}})
    name = "contract:programme.community_group"
    return Engine(
        engine.settings,
        replace(
            engine.catalogue,
            contracts={**engine.catalogue.contracts, "programme.community_group": contract},
            digests={**engine.catalogue.digests, name: "another"},
        ),
    )


def test_lines_are_found_by_table_reason_delivery_age_and_agency(quarantined: Engine) -> None:
    april = [("april.csv", 6, "too_large", "25456"), ("april.csv", 7, "not_a_date", "25459")]
    may = [("may.csv", 6, "too_large", "25456"), ("may.csv", 7, "unknown_reference", GROUP)]
    (dossier,) = lines(quarantined, table="statistics.dossier")
    assert (dossier.reason_code, dossier.agency, dossier.agency_name) == ("unknown_word", "H53.07", "Sở Một")
    assert places(quarantined, source=GROUP) == april + may
    assert places(quarantined, reason="too_large") == [april[0], may[0]]
    assert places(quarantined, delivery="may.csv") == may
    assert places(quarantined, delivery=lines(quarantined, delivery="may.csv")[0].delivery_id[:9]) == may
    assert places(quarantined, agency="25459") == april[1:]
    assert places(quarantined, months=(Month.parse(APRIL),)) == april
    assert places(quarantined, older_than=30) == april  # of 5 May; the others came in June
    assert counted(quarantined, "table") == [("programme.community_group", 4), ("statistics.dossier", 1)]
    assert counted(quarantined, "age") == [(5, 2), (41, 2), (10, 1)]
    assert counted(quarantined, "reason")[0] == ("too_large", "member_count", 2)


def test_lines_of_a_delivery_that_was_replaced_no_longer_count(quarantined: Engine) -> None:
    quarantined.put(GROUP, groups(*GROUPS), MAY, name="corrected.csv", day=12)
    quarantined.results(GROUP, MAY)
    assert places(quarantined, source=GROUP, months=(Month.parse(MAY),)) == []


def test_lines_of_a_delivery_that_is_held_back_are_listed_for_whoever_corrects_it(quarantined: Engine) -> None:
    bad = [row.replace("/2022", "/22") for row in GROUPS]
    quarantined.put(GROUP, groups(*bad), "2022-06", name="bad.csv", day=8)
    quarantined.results(GROUP, "2022-06")
    found = lines(quarantined, delivery="bad.csv")
    assert [(line.delivery_line, line.is_held_back) for line in found] == [(3, True), (4, True), (5, True)]
    key = Key("programme.community_group", GROUP, Month.parse("2022-06"))
    assert quarantined.reasons(key) == []  # nothing of it counts


def test_replay_reads_the_months_concerned_again_and_only_once(quarantined: Engine) -> None:
    corrected = raised(quarantined)
    keys = quarantine.partitions(
        corrected.settings, corrected.catalogue, Chosen(reason="too_large", months=(Month.parse(APRIL),)), JUNE_15
    )
    assert [str(key) for key in keys] == ["programme.community_group community_group 2022-04"]
    paths = partition.all_rows(corrected.settings, "programme.community_group")
    before = {path.parent.name: path.stat().st_mtime_ns for path in paths}
    months = [key.month for key in keys]
    (first,) = replay(corrected.settings, corrected.catalogue, GROUP, months)
    (second,) = replay(corrected.settings, corrected.catalogue, GROUP, months)
    assert (first.changed, first.run.rows, second.changed) == (True, 4, False)
    after = {path.parent.name: path.stat().st_mtime_ns for path in paths}
    assert [name for name in before if before[name] != after[name]] == ["partition=community_group_2022-04"]
    assert places(corrected, months=(Month.parse(APRIL),)) == [("april.csv", 7, "not_a_date", "25459")]


def test_replay_without_a_correction_changes_nothing(quarantined: Engine) -> None:
    found = replay(quarantined.settings, quarantined.catalogue, GROUP, [Month.parse(APRIL), Month.parse(MAY)])
    assert [result.changed for result in found] == [False, False]


def test_replay_after_a_reference_row_was_added(quarantined: Engine) -> None:
    own = quarantined.settings.reference
    shutil.copytree(own, quarantined.settings.warehouse / "reference")
    units = quarantined.settings.warehouse / "reference" / "admin_unit.csv"
    rows = units.read_text(encoding="utf-8")
    last = rows.strip().splitlines()[-1]
    units.write_text(f"{rows.rstrip()}\n{last.replace(last.split(',')[0], '99999', 1)}\n", encoding="utf-8")
    (may,) = replay(quarantined.settings, quarantined.catalogue, GROUP, [Month.parse(MAY)])
    assert (may.changed, may.run.rows) == (True, 4)


def test_a_file_that_was_withdrawn_stays_withdrawn_in_a_replay(engine: Engine) -> None:
    engine.deliver(GROUP, groups(*GROUPS, TOO_MANY), name="good.csv", day=4)
    refused = engine.put(GROUP, groups(*GROUPS).replace(b",so_thanh_vien", b""), name="bad.csv", day=6)
    assert engine.ingest(GROUP).problem is not None
    refused.unlink()
    assert engine.ingest(GROUP).problem is None
    (again,) = replay(engine.settings, raised(engine).catalogue, GROUP, [Month.parse(MAY)])
    assert (again.changed, again.run.problem, again.run.rows) == (True, None, 4)


def test_the_workbook_of_an_agency_says_where_why_and_what_to_do(quarantined: Engine, tmp_path: Path) -> None:
    path = tmp_path / "new" / "25456.xlsx"
    (line, *_) = lines(quarantined, agency="25456")
    like_a_formula = replace(line, file_name="=HYPERLINK(1)", column_name=None, reason_code="too_few_fields")
    delivery_workbook.write(quarantined.catalogue, "-Xã Một", [line, like_a_formula], JUNE_15, path)
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert rows[1][0] == "Cơ quan: -Xã Một"
    assert rows[2][0] == "Ngày lập: 15/06/2022; số dòng cần sửa: 2"
    assert rows[5][:7] == [
        *("april.csv", "Tổ công nghệ", APRIL, 6, "so_thanh_vien"),
        *("không được lớn hơn 100", "kiểm tra lại số, gồm cả đơn vị tính"),
    ]
    assert rows[6][0] == "=HYPERLINK(1)"
    assert b"<f>" not in content_of(path)


def content_of(path: Path) -> bytes:
    """The sheet's XML, which has an element `f` for each formula."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


def test_nothing_of_a_line_is_shown(engine: Engine, tmp_path: Path) -> None:
    bad = [f"{secret},25456,15/02/2022,,{secret}" for secret in SECRETS.values()]
    engine.deliver(GROUP, groups(*GROUPS, *bad))
    found = lines(engine)
    assert len(found) == len(SECRETS)
    delivery_workbook.write(engine.catalogue, "Xã", found, JUNE_15, tmp_path / "w.xlsx")
    rows = CalamineWorkbook.from_path(str(tmp_path / "w.xlsx")).get_sheet_by_index(0).to_python()
    shown = f"{rows} {found}"
    assert not [secret for secret in SECRETS.values() if secret in shown]


def test_every_reason_has_words_that_can_be_filled_in(engine: Engine) -> None:
    for code in {*WHY, *REMEDIES, "of_a_later_version"}:
        for table, column in (("programme.community_group", "unit_code"), ("statistics.dossier", None)):
            source = table.rpartition(".")[2]
            why = reason(engine.catalogue, source, table, column, code)
            assert "{" not in f"{why.why} {why.remedy}"
    rule = reason(engine.catalogue, GROUP, "programme.community_group", None, "dissolved_before_established")
    assert rule.why.vi == "Ngày giải thể không được trước ngày thành lập"

"""Tây Ninh's reference files: which units and agencies there are on which day, and what becomes of them."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from projects import PROJECT

from dx_pipeline.cli.reference import quarantined
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month, windows
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.run import PartitionRun

Row = dict[str, str]
Change = Callable[[list[Row]], object]


@pytest.fixture
def changed(warehouse: Settings, declared: Catalogue) -> Callable[[str, Change], PartitionRun]:
    """Ingest a reference file of the province after a change of its rows."""
    folder = warehouse.warehouse / "reference"
    shutil.copytree(PROJECT / "warehouse" / "reference", folder)

    def ingested(name: str, change: Change) -> PartitionRun:
        rows = list(read(folder / f"{name}.csv"))
        change(rows)
        write(folder / f"{name}.csv", rows)
        (result,) = ingest(warehouse, declared, name, [None])
        return result.run

    return ingested


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_a_renamed_agency_is_accepted(changed: Callable[[str, Change], PartitionRun]) -> None:
    def rename(rows: list[Row]) -> None:
        latest = max((row for row in rows if row["agency_code"] == "H53.14"), key=lambda row: row["valid_from"])
        rows.append(latest | {"name_vi": "Sở Công Thương và Dịch vụ", "valid_from": "2026-05-01"})
        latest["valid_to"] = "2026-04-30"

    run = changed("agency", rename)
    assert (run.published, run.problem) == (True, None)


def test_every_reference_table_of_the_province_is_published_whole(declared: Catalogue, references: Path) -> None:
    tables = {f"{source.group}.{name}" for name, source in declared.sources.items() if source.is_reference}
    settings = Settings(references, PROJECT)
    runs = {run.table: run for run in partition.runs(settings)}
    assert set(runs) == tables
    for table, run in runs.items():
        unmet = [result.reason_en for result in run.audit if result.status != "met"]
        assert (run.published, unmet, sum(item.quarantined for item in run.counts)) == (True, [], 0), table


def close(rows: list[Row]) -> None:
    """An agency ends, and no other takes its place."""
    (office,) = (row for row in rows if row["agency_code"] == "H53.01" and not row["valid_to"])
    office["valid_to"] = "2026-04-30"


def overlap(rows: list[Row]) -> None:
    """One code has two names on one day."""
    (office,) = (row for row in rows if row["agency_code"] == "H53.01" and row["valid_to"])
    office["valid_to"] = "2025-07-01"


def outlive(rows: list[Row]) -> None:
    """A committee goes on after its unit."""
    (committee,) = (row for row in rows if row["agency_code"] == "H53.20.01")
    committee["valid_to"] = "2025-07-15"


def misplace(rows: list[Row]) -> None:
    """A specialised agency counts towards another unit than itself."""
    rows[0]["unit_code"] = "72"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (close, "On each day of a change"),
        (overlap, "One code cannot mean two agencies"),
        (outlive, "in force for the agency's whole period"),
        (misplace, "a specialised agency is its own unit"),
    ],
)
def test_an_inconsistent_list_of_agencies_is_held_back(
    changed: Callable[[str, Change], PartitionRun], change: Change, reason: str
) -> None:
    run = changed("agency", change)
    assert not run.published
    assert reason in " ".join(result.reason_en for result in run.audit if result.status == "unmet")


def split_with_a_whole(rows: list[Row]) -> None:
    next(row for row in rows if row["is_whole"] == "false")["is_whole"] = "true"


def split_in_one(rows: list[Row]) -> None:
    next(row for row in rows if row["is_whole"] == "true")["is_whole"] = "false"


def succeed_too_late(rows: list[Row]) -> None:
    rows[0]["succeeded_on"] = "2025-07-02"


def succeed_to_nothing(rows: list[Row]) -> None:
    rows[0]["successor_code"] = "81"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (split_with_a_whole, "exactly one whole successor"),
        (split_in_one, "exactly one whole successor"),
        (succeed_too_late, "the day before it is succeeded"),
        (succeed_to_nothing, "in force on the day it succeeds"),
    ],
)
def test_an_inconsistent_succession_is_held_back(
    changed: Callable[[str, Change], PartitionRun], change: Change, reason: str
) -> None:
    run = changed("succession", change)
    assert not run.published
    assert reason in " ".join(result.reason_en for result in run.audit if result.status == "unmet")


def test_a_unit_without_a_successor_is_published_with_a_warning(
    changed: Callable[[str, Change], PartitionRun],
) -> None:
    run = changed("succession", lambda rows: rows.pop())
    assert run.published
    assert [result.severity for result in run.audit if result.status != "met"] == ["warning"]


REFERENCE = PROJECT / "warehouse" / "reference"
BEFORE, MERGED, AFTER = "2025-02-28", "2025-03-01", "2025-07-01"


def in_force(name: str, day: str) -> list[Row]:
    return [row for row in read(REFERENCE / f"{name}.csv") if row["valid_from"] <= day <= (row["valid_to"] or day)]


@pytest.mark.parametrize(
    ("day", "agencies"),
    [
        (BEFORE, {"specialised": 19, "district": 9, "commune": 94}),
        (MERGED, {"specialised": 14, "district": 9, "commune": 94}),
        (AFTER, {"specialised": 14, "commune": 96}),
    ],
)
def test_the_agencies_of_each_period(day: str, agencies: dict[str, int]) -> None:
    assert Counter(row["agency_level"] for row in in_force("agency", day)) == agencies


def test_the_merged_province_has_82_rural_and_14_urban_communes_and_no_districts() -> None:
    units = in_force("admin_unit", AFTER)
    assert Counter(row["unit_type_vi"] for row in units) == {"Tỉnh": 1, "Xã": 82, "Phường": 14}
    assert {row["parent_code"] for row in units if row["unit_level"] == "commune"} == {"80"}
    committees = {row["unit_code"] for row in in_force("agency", AFTER) if row["agency_level"] == "commune"}
    assert committees == {row["unit_code"] for row in units if row["unit_level"] == "commune"}


def test_ten_old_communes_were_split_and_all_other_units_lie_whole_in_one() -> None:
    rows = read(REFERENCE / "succession.csv")
    split = {row["unit_code"] for row in rows if row["is_whole"] == "false"}
    assert len(split) == 10
    ended = {row["unit_code"] for row in in_force("admin_unit", BEFORE)}
    assert {row["unit_code"] for row in rows if not row["unit_code"].startswith("H")} == ended
    assert {row["successor_code"] for row in rows if row["unit_code"] in {"72", "703", "712"}} == {"80"}
    merged = {row["unit_code"]: row["successor_code"] for row in rows if row["succeeded_on"] == MERGED}
    assert merged == {
        "H53.03": "H53.08", "H53.09": "H53.06", "H53.16": "H53.15", "H53.17": "H53.04", "H53.18": "H53.11",
    }  # fmt: skip


def test_a_commune_code_that_is_used_again_succeeds_itself_only_where_the_area_is_its_own() -> None:
    successors = {row["unit_code"]: row["successor_code"] for row in read(REFERENCE / "succession.csv")}
    assert successors["25489"] == "25489"  # xã Tân Lập, which took in xã Thạnh Bắc
    assert successors["25483"] == "25567"  # phường Ninh Thạnh has another code since, that of xã Bàu Năng


def test_communes_of_the_same_name_in_two_provinces_are_not_confused() -> None:
    rows = [row for row in read(REFERENCE / "succession.csv") if row["unit_code"] == "25462"]
    assert [(row["successor_code"], row["is_whole"], row["certainty"]) for row in rows] == [("25459", "true", "U")]


def test_the_operator_of_the_judicial_records_changes_and_the_system_stays() -> None:
    for day, ministry in ((BEFORE, "Bộ Tư pháp"), (MERGED, "Bộ Công an")):
        found = [row for row in in_force("system_operator", day) if row["system"] == "judicial_record"]
        assert [row["ministry_vi"] for row in found] == [ministry]
    assert [row["system"] for row in read(REFERENCE / "system.csv")].count("judicial_record") == 1


def test_targets_due_after_the_merger_are_carried_on_as_assumed() -> None:
    rows = read(REFERENCE / "target.csv")
    old = {(row["kpi_code"], row["due_on"], row["target"]) for row in rows if row["unit_code"] == "72"}
    new = [row for row in rows if row["unit_code"] == "80"]
    assert {(row["kpi_code"], row["due_on"], row["target"]) for row in new} == old
    assert {row["certainty"] for row in new} == {"U"}


def test_every_published_figure_belongs_to_a_kpi_and_to_one_of_its_windows(declared: Catalogue) -> None:
    for row in (row for row in read(REFERENCE / "published_figure.csv") if row["kpi_code"]):
        start, end = date.fromisoformat(row["period_start"]), date.fromisoformat(row["period_end"])
        found = windows([Month.of(start), Month.of(end)], declared.kpis[row["kpi_code"]].definition.windows)
        assert (start, end) in {(window.start, window.end) for window in found}, row


def miscount(figures: list[Row]) -> None:
    """960 of 1,818 becomes 961, which is 52.9%."""
    next(row for row in figures if row["numerator"] == "960")["numerator"] = "961"


def forget_why(figures: list[Row]) -> None:
    next(row for row in figures if row["numerator"] == "731")["explanation_vi"] = ""


@pytest.mark.parametrize("change", [miscount, forget_why])
def test_a_figure_that_does_not_follow_from_its_counts_and_has_no_explanation_is_a_warning(
    changed: Callable[[str, Change], PartitionRun], change: Change
) -> None:
    run: PartitionRun = changed("published_figure", change)
    unmet = [(result.severity, result.reason_en) for result in run.audit if result.status == "unmet"]
    reason = "A published figure does not follow from its own counts, and no explanation is given"
    assert (run.published, unmet) == (True, [("warning", reason)])


def test_holidays_go_on_through_2026() -> None:
    rows = {row["day"]: row["name_vi"] for row in read(REFERENCE / "holiday.csv")}
    assert {day[:4] for day in rows} == {"2022", "2023", "2024", "2025", "2026"}
    new_year = {2022: "2022-02-01", 2023: "2023-01-22", 2024: "2024-02-10", 2025: "2025-01-29", 2026: "2026-02-17"}
    assert {rows[day] for day in new_year.values()} == {"Tết Nguyên đán"}


MAXIMA = {
    "transparency": 18, "timeliness": 20, "online_service": 12, "online_payment": 10, "digitisation": 22,
    "satisfaction": 18,
}  # fmt: skip
"""Points of the groups of the 766 index, as they are published of the province, too."""


def test_the_criteria_of_the_766_index_add_up_to_the_published_maxima_of_their_groups() -> None:
    points: Counter[str] = Counter()
    for row in read(REFERENCE / "criterion_766.csv"):
        assert int(row["group_maximum"]) == MAXIMA[row["group_code"]]
        points[row["group_code"]] += int(row["maximum"])
    assert points == MAXIMA
    assert points.total() == 100


def test_each_kpi_measures_one_criterion_and_what_is_assumed_of_it_is_said() -> None:
    rows = read(REFERENCE / "criterion_766.csv")
    measured = {row["kpi_code"]: row["criterion"] for row in rows if row["kpi_code"]}
    assert len(measured) == sum(bool(row["kpi_code"]) for row in rows) == 11
    assert (measured["service_usage_rate"], measured["online_dossier_rate"]) == ("3.2", "3.3")
    assert {row["threshold"] for row in rows if row["criterion"] in {"3.1", "3.5", "4.2", "4.3"}} == {"80"}
    assert [row["threshold"] for row in rows if row["criterion"] in {"3.3", "5.4"}] == ["50", "90"]
    assert {row["criterion"] for row in rows if row["is_assumed"] == "true"} == {
        "3.1", "3.2", "3.3", "3.5b", "3.6", "4.6",
    }  # fmt: skip


def test_a_wrong_criterion_is_named_and_the_list_without_it_is_held_back(
    changed: Callable[[str, Change], PartitionRun], warehouse: Settings, declared: Catalogue
) -> None:
    wrong = {
        "3.1": ("unknown_statistic", {"statistic": ""}),
        "3.2": ("unknown_reference", {"kpi_code": "service_usage"}),
        "3.3": ("unknown_statistic", {"statistic": "all"}),
        "4.1": ("no_percentage", {"kpi_code": "community_group_count"}),
        "4.2": ("maximum_not_in_hundredths", {"maximum": "3.333"}),
        "5.2": ("too_small", {"maximum": "0"}),
    }

    def mistype(rows: list[Row]) -> None:
        for row in rows:
            row.update(wrong.get(row["criterion"], ("", {}))[1])

    run = changed("criterion_766", mistype)
    lines = {row["criterion"]: line for line, row in enumerate(read(REFERENCE / "criterion_766.csv"), start=2)}
    assert [(row.line, row.reason_code) for row in quarantined(warehouse, declared)] == [
        (lines[criterion], code) for criterion, (code, _) in wrong.items()
    ]
    assert not run.published
    unmet = " ".join(result.reason_en for result in run.audit if result.status == "unmet")
    assert "add up to the published maximum of the group" in unmet
    assert "The index has 100 points" in unmet


def test_a_wrong_target_is_named(
    changed: Callable[[str, Change], PartitionRun], warehouse: Settings, declared: Catalogue
) -> None:
    wrong = [
        ("unknown_reference", {"kpi_code": "digital_enterprises"}),
        ("unknown_unit", {"unit_code": "79"}),
        ("kpi_not_of_this_level", {"kpi_code": "satisfaction_rate", "unit_code": "25456"}),
    ]
    run = changed("target", lambda rows: [row.update(cells) for row, (_, cells) in zip(rows, wrong, strict=False)])
    found = [(row.line, row.reason_code) for row in quarantined(warehouse, declared)]
    assert found == [(line, code) for line, (code, _) in enumerate(wrong, start=2)]
    assert (run.published, run.rows) == (True, 5)


def lose_a_criterion(rows: list[Row]) -> None:
    del rows[0]


def lose_a_group(rows: list[Row]) -> None:
    rows[:] = [row for row in rows if row["group_code"] != "timeliness"]


def end_a_criterion(rows: list[Row]) -> None:
    rows[0]["valid_to"] = "2024-12-31"


def one_point_too_many(rows: list[Row]) -> None:
    rows[0]["maximum"] = "7"


def two_at_once(rows: list[Row]) -> None:
    rows.append({**rows[-1], "valid_from": "2023-01-01"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (one_point_too_many, "published maximum of the group"),
        (lose_a_criterion, "published maximum of the group"),
        (lose_a_group, "100 points"),
        (end_a_criterion, "published maximum of the group"),
        (two_at_once, "two ways"),
    ],
)
def test_criteria_that_contradict_each_other_are_held_back(
    changed: Callable[[str, Change], PartitionRun], change: Change, reason: str
) -> None:
    run = changed("criterion_766", change)
    assert not run.published
    assert reason in " ".join(result.reason_en for result in run.audit if result.status == "unmet")

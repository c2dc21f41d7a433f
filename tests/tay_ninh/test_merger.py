"""The sample over the merger of 2025-07-01: each month's units and agencies report, and no others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.period import Month, parse_months
from dx_pipeline.sample import dossier, scenario
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample.province import LAST_MONTH
from dx_pipeline.sample.scenario import Scenario
from dx_pipeline.settings import Settings

FEBRUARY, MARCH, JUNE, JULY = (Month(2025, number) for number in (2, 3, 6, 7))
JANUARY = Month(2026, 1)
TO_THE_END = parse_months(f"2025-07:{LAST_MONTH}")


@pytest.fixture(scope="module")
def small() -> Scenario:
    return scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.05)


def rows(made: Scenario, table: str, month: Month, source: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table_rows.make(made, table, source, month).to_pylist()
    return found


def in_office(made: Scenario, month: Month) -> set[str]:
    return {agency.code for agency in made.province_in(month).agencies}


@pytest.mark.parametrize("month", [Month(2022, 1), FEBRUARY, MARCH, JUNE, JULY, LAST_MONTH])
def test_at_full_scale_every_agency_in_office_receives_dossiers_and_no_other_does(
    small: Scenario, month: Month
) -> None:
    received = dossier.received(replace(small, scale=1.0), month)["agency_code"].unique().to_pylist()
    assert set(received) == in_office(small, month)


@pytest.mark.parametrize(
    ("month", "levels"),
    [
        (FEBRUARY, {"province": 1_700, "district": 350, "commune": 170}),
        (JUNE, {"province": 1_700, "district": 350, "commune": 170}),
        (JULY, {"province": 1_778, "commune": 442}),
        (LAST_MONTH, {"province": 1_778, "commune": 442}),
    ],
)
def test_no_service_is_lost_when_the_districts_are(small: Scenario, month: Month, levels: dict[str, int]) -> None:
    services = rows(small, "statistics.service", month)
    assert Counter(row["authority_level"] for row in services) == levels
    assert sum(levels.values()) == 2_220
    agencies = {row["agency_code"] for row in services if row["authority_level"] == "province"}
    assert agencies <= in_office(small, month)


@pytest.mark.parametrize("month", [Month(2022, 6), FEBRUARY, MARCH, JULY, LAST_MONTH])
def test_the_list_of_procedures_has_every_procedure_that_is_applied_for(small: Scenario, month: Month) -> None:
    listed = {row["procedure_code"]: row for row in rows(small, "reference.procedure", month)}
    assert len(listed) == 2_470
    assert set(dossier.received(small, month)["procedure_code"].to_pylist()) <= set(listed)
    services = {row["procedure_code"]: row for row in rows(small, "statistics.service", month)}
    assert {code: row["authority_level"] for code, row in services.items()} == {
        code: listed[code]["authority_level"] for code in services
    }
    for row in listed.values():
        assert row["valid_from"] <= month.last <= (row["valid_to"] or month.last), row


def test_a_full_service_is_eligible_and_level_4_is_no_substitute(small: Scenario) -> None:
    eligible = {
        row["procedure_code"]
        for row in rows(small, "reference.procedure", Month(2022, 8))
        if row["is_full_online_eligible"]
    }
    full = {
        row["procedure_code"]
        for row in rows(small, "statistics.service", Month(2022, 8))
        if row["service_level"] == "full"
    }
    level_4 = {
        row["procedure_code"]
        for row in rows(small, "statistics.service", Month(2022, 7))
        if row["service_level"] == "level_4"
    }
    assert full < eligible
    assert level_4 - eligible
    assert eligible - level_4


def test_the_denominators_of_the_online_rate_in_the_first_half_of_2022(small: Scenario) -> None:
    whole = replace(small, scale=1.0)
    procedures = {item.code: item for item in small.procedures}
    counts: Counter[str] = Counter()
    for month in dossier.FIRST_HALF:
        found = dossier.received(whole, month)["procedure_code"].value_counts().to_pylist()
        for code, count in ((pair["values"], pair["counts"]) for pair in found):
            counts["all"] += count
            counts["with a service"] += count * procedures[code].has_service
            counts["eligible"] += count * procedures[code].is_eligible
            counts["level 4"] += count * (procedures[code].service_level == "level_4")
    assert counts == {"all": 400_000, "with a service": 385_969, "eligible": 265_200, "level 4": 262_515}


def test_the_merged_province_receives_near_700_000_dossiers_in_its_first_five_months(small: Scenario) -> None:
    whole = replace(small, scale=1.0)
    total = sum(dossier.volume(whole, month).total for month in parse_months("2025-07:2025-11"))
    assert 680_000 < total < 700_000


def test_the_judicial_records_go_on_under_another_code(small: Scenario) -> None:
    listed = {
        month: {row["procedure_code"]: row for row in rows(small, "reference.procedure", month)}
        for month in (Month(2025, 1), FEBRUARY, MARCH)
    }
    ends = [month["2.000488"]["valid_to"] for month in listed.values() if "2.000488" in month]
    assert ends == [None, FEBRUARY.last]
    assert listed[MARCH]["3.000330"]["valid_from"] == MARCH.first
    assert "3.000330" in dossier.received(small, MARCH)["procedure_code"].to_pylist()


def test_every_agency_has_a_line_for_its_plan(small: Scenario) -> None:
    for month, count in ((FEBRUARY, 28), (MARCH, 23), (JULY, 110), (LAST_MONTH, 110)):
        agencies = {row["agency_code"] for row in rows(small, "programme.plan", month)}
        assert len(agencies) == count
        assert agencies <= in_office(small, month)
    new = rows(small, "programme.plan", JANUARY)
    assert {(row["plan_status"], row["period_from_year"]) for row in new} == {("issued", 2026)}


def test_a_group_keeps_its_code_and_works_in_the_commune_in_force(small: Scenario) -> None:
    before, after = (
        {row["group_code"]: row for row in rows(small, "programme.community_group", month)} for month in (JUNE, JULY)
    )
    assert set(before) < set(after)
    communes = {month: {each.unit_code for each in small.province_in(month).communes} for month in (JUNE, JULY)}
    assert {row["unit_code"] for row in before.values()} == communes[JUNE]
    assert {row["unit_code"] for row in after.values()} == communes[JULY]
    for code, group in before.items():
        assert after[code]["unit_code"] in small.history.units_of(group["unit_code"], JULY)


@pytest.mark.parametrize("month", [JULY, LAST_MONTH])
def test_units_of_the_programme_exist_in_the_month(small: Scenario, month: Month) -> None:
    for table in ("programme.digital_enterprise", "programme.project_milestone"):
        assert {row["unit_code"] for row in rows(small, table, month)} <= set(small.province_in(month).names), table
    enterprises = rows(small, "programme.digital_enterprise", month)
    keys = [(row["unit_code"], row["vsic_code"], row["enterprise_status"]) for row in enterprises]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("system", "before", "after"),
    [
        ("social_insurance", "H53.09", "H53.06"),
        ("business_registration", "H53.17", "H53.04"),
        ("service_catalogue", "H53.03", "H53.08"),
        ("civil_status", "H53.05", "H53.05"),
    ],
)
def test_a_merged_agency_uses_the_connections_of_those_it_took_in(
    small: Scenario, system: str, before: str, after: str
) -> None:
    for month, agency in ((FEBRUARY, before), (MARCH, after), (JULY, after)):
        found = rows(small, "connection.register", month, system)
        assert {row["consumer_agency_code"] for row in found} == {agency}


def test_a_split_commune_has_several_units_and_any_other_one(small: Scenario) -> None:
    history = small.history
    assert history.units_of("25510", JULY) == ("25510", "25549")
    assert history.units_of("25489", JULY) == ("25489",)
    assert history.units_of("25483", JULY) == ("25567",)
    assert history.units_of("709", JULY) == ("80",)
    assert history.units_of("H53.17", JUNE) == ("H53.04",)
    assert history.units_of("H53.17", FEBRUARY) == ("H53.17",)


@pytest.mark.parametrize("month", TO_THE_END[::6])
def test_form_06a_goes_on_over_the_merger(small: Scenario, month: Month) -> None:
    for row in rows(small, "statistics.return_06a", month):
        assert row["received_total_count"] == row["settled_total_count"] + row["in_progress_total_count"]
        assert min(value for name, value in row.items() if name.endswith("_count")) >= 0


def test_offices_are_closed_at_tet_2026(small: Scenario) -> None:
    days = Counter(day.day for day in dossier.received(small, Month(2026, 2))["received_on"].to_pylist())
    assert sum(days[day] for day in range(16, 21)) < sum(days[day] for day in range(23, 28)) / 20

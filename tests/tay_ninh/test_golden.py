"""Every KPI of agencies and units by hand: few rows, and the arithmetic beside each figure.

Suppression and the least coverage have tests of their own; here every figure is shown.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from facts import dossiers, enterprises, group, milestone, plan, procedure, service
from figures import Figures, Months, day

from dx_pipeline.declarations.catalogue import Catalogue

pytestmark = pytest.mark.slow

JULY, AUGUST, MARCH = date(2022, 7, 31), date(2022, 8, 31), date(2025, 3, 31)


# July and August 2022: levels 3 and 4 end on 14 August.

SUMMER: dict[str, Months] = {
    "statistics.service": {
        "2022-07": [
            service("1.000001", "level_4", integrated=True, authority="district"),
            service("1.000002", "level_4", integrated=True, authority="province", agency="H53.05"),
            service("1.000003", "level_4", integrated=True, authority="province", agency="H53.05"),
            service("1.000004", "level_4", authority="province", agency="H53.19"),
            service("1.000005", "level_3", integrated=True, authority="province", agency="H53.19"),
        ],
        "2022-08": [
            service("1.000001", "full", integrated=True, authority="district"),
            service("1.000002", "full", authority="province", agency="H53.05"),
            service("1.000003", "full", authority="province", agency="H53.05"),
            service("1.000004", "partial", integrated=True, authority="province", agency="H53.19"),
        ],
    },
    "reference.procedure": {
        month: [procedure("1.000001", eligible=True), procedure("1.000002", eligible=False)]
        for month in ("2022-07", "2022-08")
    },
    "statistics.dossier": {
        "2022-07": [
            *dossiers(3, "H53.20", day("2022-07-04"), "online", "1.000001"),
            *dossiers(2, "H53.20", day("2022-07-05"), "direct", "1.000001"),
            *dossiers(1, "H53.20", day("2022-07-06"), None, "1.000001"),
            *dossiers(1, "H53.21", day("2022-07-06"), "direct", "1.000001"),
            *dossiers(1, "H53.05", day("2022-07-31"), "online", "1.000002"),
            *dossiers(1, "H53.05", day("2022-07-01"), "post", "1.000009"),
        ],
        "2022-08": [
            *dossiers(4, "H53.20", day("2022-08-14"), "online", "1.000001"),
            *dossiers(1, "H53.19", day("2022-08-01"), "online", "1.000005"),
            *dossiers(2, "H53.05", day("2022-08-15"), "online", "1.000002"),
            *dossiers(1, "H53.05", day("2022-08-31"), None, "1.000003"),
        ],
    },
    "programme.community_group": {
        "2022-07": [
            group("TCN-25456-01", "25456", day("2022-02-15")),
            group("TCN-25456-02", "25456", day("2022-07-31")),  # set up on the last day
            group("TCN-25456-03", "25456", day("2022-02-15"), day("2022-07-31")),  # dissolved on the last day
            group("TCN-25459-01", "25459", day("2022-02-15"), day("2022-08-01")),  # dissolved a day later
            group("TCN-25459-02", "25459", day("2022-08-01")),  # set up a day later
        ]
    },
    "programme.digital_enterprise": {
        "2022-07": [
            enterprises("703", 5, 2),
            enterprises("703", 3, 1, "suspended"),
            enterprises("709", 4, 0),
        ]
    },
    "programme.plan": {
        "2022-07": [
            *(plan(f"H53.{number:02}", day("2022-03-01")) for number in range(1, 13)),
            plan("H53.13", day("2022-07-31")),  # issued on the last day
            plan("H53.14", day("2022-08-01")),  # issued a day later
            plan("H53.15", None, "draft"),
            plan("H53.20", day("2021-12-31")),  # a district
        ]
    },
    "programme.project_milestone": {
        "2022-07": [
            milestone("draft", "done", day("2022-06-30")),
            milestone("appraisal", "in_progress"),
            milestone("pilot", "done", day("2022-08-01")),  # completed a day later
            milestone("other", "done", day("2022-06-30"), project_code="another"),
        ]
    },
}


@pytest.fixture(scope="module")
def summer(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(references, tmp_path_factory.mktemp("summer") / "warehouse", declared, SUMMER)


@pytest.mark.slow
def test_the_online_rate_counts_an_empty_channel_as_direct(summer: Figures) -> None:
    # July: 3 online of 3 + 2 + 1 at H53.20 (the city, 703), 1 online of 1 + 1 at H53.05; with the
    # one of H53.21 that makes 4 of 9 = 44.444…%.
    assert summer.of("online_dossier_rate", JULY, "703") == [3, 6, 50]
    assert summer.of("online_dossier_rate", JULY, "H53.05") == [1, 2, 50]
    assert summer.of("online_dossier_rate", JULY) == [4, 9, 44.44]
    # August: 4 of 4, 1 of 1, and 2 of 2 + 1 at H53.05: 7 of 8 = 87.5%. 2 of 3 = 66.666…%, rounded half up.
    assert summer.of("online_dossier_rate", AUGUST) == [7, 8, 87.5]
    assert summer.of("online_dossier_rate", AUGUST, "H53.05") == [2, 3, 66.67]


def test_the_three_denominators_of_the_online_rate(summer: Figures) -> None:
    # July: 1.000001 (3 of 7) and 1.000002 (1 of 1) have a service, 1.000009 has none: 4 of 8.
    assert summer.of("online_dossier_rate_with_service", JULY) == [4, 8, 50]
    # August: the return of August no longer lists 1.000005, of which one was received: 6 of 7 = 85.714…%.
    assert summer.of("online_dossier_rate_with_service", AUGUST) == [6, 7, 85.71]
    # Only 1.000001 is eligible: 3 of 7 = 42.857…%; in August 4 of 4.
    assert summer.of("online_dossier_rate_full_online", JULY) == [3, 7, 42.86]
    assert summer.of("online_dossier_rate_full_online", AUGUST) == [4, 4, 100]


def test_dossiers_without_a_channel_are_shown_for_the_province_alone(summer: Figures) -> None:
    # July: 1 of 9 = 11.111…%. August: 1 of 8.
    assert summer.of("dossier_channel_missing_rate", JULY) == [1, 9, 11.11]
    assert summer.of("dossier_channel_missing_rate", AUGUST) == [1, 8, 12.5]
    assert summer.of("dossier_channel_missing_rate", JULY, "703") == []


def test_integration_counts_level_4_before_the_change_and_full_services_after_it(summer: Figures) -> None:
    # July: of the four level-4 services three are on the portal; the one of level 3 does not count.
    assert summer.of("service_integration_rate", JULY) == [3, 4, 75]
    # August: one of the three full services; the partial one does not count. 33.333…%, one decimal.
    assert summer.of("service_integration_rate", AUGUST) == [1, 3, 33.3]
    # July has five online services, four of level 4; August four, of which three are full.
    assert summer.of("full_online_service_rate", JULY) == [4, 5, 80]
    assert summer.of("full_online_service_rate", AUGUST) == [3, 4, 75]
    # The quarter that the change is in is not complete; a state takes the version of its last day and has no parts.
    assert {row["part_start"] for row in summer.rows if row["kpi_code"] == "service_integration_rate"} == {None}


def test_a_service_of_all_districts_counts_once_for_the_province_and_once_for_each(summer: Figures) -> None:
    # 1.000001 is offered by each of the nine districts; with the two of H53.05 and one of H53.19 the province has four.
    assert [summer.of("service_integration_rate", JULY, unit) for unit in ("703", "705", "H53.05", "H53.19")] == [
        [1, 1, 100],
        [1, 1, 100],
        [2, 2, 100],
        [0, 1, 0],
    ]


def test_the_use_of_services_in_july_is_by_levels_3_and_4(summer: Figures) -> None:
    # Of the five services 1.000001 (at 703) and 1.000002 (at H53.05) have a dossier received online: 2 of 5.
    assert summer.of("service_usage_rate", JULY) == [2, 5, 40]
    # By unit: 703 has one service, used; 705 the same service, unused; H53.05 two, of which one was used. H53.19
    # has two as well, but reported no dossiers: nobody knows whether they were used.
    assert [summer.of("service_usage_rate", JULY, unit) for unit in ("703", "705", "H53.05", "H53.19")] == [
        [1, 1, 100],
        [0, 1, 0],
        [1, 2, 50],
        [None, None, None],
    ]


def test_a_month_in_which_the_definition_changes_has_two_parts_and_no_whole(summer: Figures) -> None:
    parts = [
        summer.of("service_usage_rate", AUGUST, part_start=start) for start in (day("2022-08-01"), day("2022-08-15"))
    ]
    assert parts == [
        # 1 to 14 August: the five services of 31 July; dossiers online for 1.000001 and 1.000005. 2 of 5.
        [2, 5, 40],
        # 15 to 31 August: the four services of 31 August; a dossier online for 1.000002 only. 1 of 4.
        [1, 4, 25],
    ]
    assert summer.of("service_usage_rate", AUGUST) == [None, None, None]
    assert summer.about("service_usage_rate", AUGUST, "withheld_reason") == "definition_changed"


@pytest.mark.slow
def test_the_first_part_of_a_month_needs_the_services_of_the_month_before(
    references: Path, declared: Catalogue, tmp_path: Path
) -> None:
    tables = {table: {"2022-08": SUMMER[table]["2022-08"]} for table in ("statistics.service", "statistics.dossier")}
    august = Figures(references, tmp_path / "warehouse", declared, tables)
    # Which services there were on 31 July is not known: that is not none.
    assert august.of("service_usage_rate", AUGUST, part_start=day("2022-08-01")) == [None, None, None]
    assert august.of("service_usage_rate", AUGUST, part_start=day("2022-08-15")) == [1, 4, 25]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("months", "found"), [(("2022-04", "2022-05", "2022-06"), [1, 2, 50]), (("2022-05", "2022-06"), [None, None, None])]
)
def test_a_quarter_needs_the_dossiers_of_its_three_months_and_the_services_of_the_last(
    references: Path, declared: Catalogue, tmp_path: Path, months: tuple[str, ...], found: list[object]
) -> None:
    tables: dict[str, Months] = {
        "statistics.service": {"2022-06": [service("1.000001", "level_4"), service("1.000002", "level_3")]},
        "statistics.dossier": {
            month: dossiers(1, "H53.20", day(f"{month}-04"), "online", "1.000001") for month in months
        },
    }
    quarter = Figures(references, tmp_path / "warehouse", declared, tables)
    assert quarter.of("service_usage_rate", date(2022, 6, 30), window="quarter") == found


def test_groups_exist_from_the_day_they_are_set_up_until_the_day_before_they_are_dissolved(summer: Figures) -> None:
    # 25456: the first and the second of three. 25459: the first of two. Both communes are in 703.
    assert summer.of("community_group_count", JULY, "25456") == [2, None, 2]
    assert summer.of("community_group_count", JULY, "25459") == [1, None, 1]
    assert summer.of("community_group_count", JULY, "703") == [3, None, 3]
    assert summer.of("community_group_count", JULY) == [3, None, 3]


def test_enterprises_in_operation_are_counted(summer: Figures) -> None:
    # 5 + 4, not the 3 that are suspended; providers 2 + 0.
    assert summer.of("digital_enterprise_count", JULY) == [9, None, 9]
    assert summer.of("digital_enterprise_count", JULY, "703") == [5, None, 5]
    assert summer.of("solution_provider_count", JULY) == [2, None, 2]


def test_plans_are_those_issued_by_the_end_of_the_month(summer: Figures) -> None:
    # 12 + 1 specialised agencies and 1 district, of 19 specialised agencies and 9 districts: 14 of 28.
    assert summer.of("dx_plan_coverage", JULY) == [14, 28, 50]
    assert summer.of("dx_plan_coverage", JULY, "703") == [1, 1, 100]
    assert summer.of("dx_plan_coverage", JULY, "H53.14") == [0, 1, 0]


def test_milestones_are_those_of_the_project_completed_by_the_end_of_the_month(summer: Figures) -> None:
    # Of the project's three milestones one is done by 31 July.
    assert summer.of("smart_city_progress", JULY) == [1, 3, 33.33]


def test_the_index_of_2020_is_the_figure_that_was_published(summer: Figures) -> None:
    assert summer.of("digital_enterprise_index", day("2020-12-31"), window="year") == [None, None, 2.79]


# The first seven months of 2025: departments are merged on 1 March, provinces on 1 July.

SEVEN = [f"2025-{number:02}" for number in range(1, 8)]
FILLED = {month: dossiers(1, "H53.05", day(f"{month}-10"), "direct") for month in SEVEN}
MERGERS: dict[str, Months] = {
    "statistics.dossier": {
        **FILLED,
        "2025-01": [
            *dossiers(8, "H53.11", day("2025-01-10"), "online"),
            *dossiers(12, "H53.11", day("2025-01-10"), "direct"),
        ],
        "2025-02": [
            *dossiers(4, "H53.18", day("2025-02-28"), "online"),
            *dossiers(6, "H53.18", day("2025-02-28"), "direct"),
        ],
        "2025-03": [
            *dossiers(9, "H53.11", day("2025-03-01"), "online"),
            *dossiers(6, "H53.11", day("2025-03-31"), "direct"),
            *dossiers(5, "H53.18", day("2025-03-05"), "online"),  # under the code of an agency that was merged
        ],
        "2025-06": [
            *dossiers(5, "H53.20", day("2025-06-30"), "online"),
            *dossiers(5, "H53.20", day("2025-06-30"), "direct"),
            *dossiers(2, "H53.110", day("2025-06-30"), "online"),  # a commune's office that opens on 1 July
        ],
        "2025-07": [
            *dossiers(3, "H53.110", day("2025-07-01"), "online"),
            *dossiers(1, "H53.110", day("2025-07-01"), "direct"),
            *dossiers(1, "H53.20", day("2025-07-02"), "direct"),  # a district's office that closed on 30 June
        ],
    },
    "reference.procedure": {month: [procedure("1.000001", eligible=True)] for month in SEVEN},
    "programme.community_group": {
        "2025-07": [
            group("TCN-25498-01", "25498", day("2022-02-15")),
            group("TCN-25507-01", "25507", day("2022-02-15")),  # split between 25498 and 25549
            group("TCN-25501-01", "25501", day("2022-02-15")),  # wholly in 25486
            group("TCN-25486-01", "25486", day("2022-02-15")),
        ]
    },
    "programme.digital_enterprise": {
        "2025-06": [
            enterprises("703", 6, 2),
            enterprises("28087", 4, 4),  # a commune of the province from 1 July on
        ]
    },
    "programme.plan": {
        "2025-07": [
            *(plan(f"H53.{number:02}", day("2025-01-01")) for number in (1, 2, 4, 5, 6)),
            *(plan(f"H53.{number}", day("2025-07-15")) for number in range(110, 116)),
        ]
    },
}


@pytest.fixture(scope="module")
def mergers(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(references, tmp_path_factory.mktemp("mergers") / "warehouse", declared, MERGERS)


@pytest.mark.slow
def test_an_agency_keeps_its_figures_when_it_is_renamed_and_takes_in_another(mergers: Figures) -> None:
    february = day("2025-02-28")
    # January 8 of 20 at H53.11, February 4 of 10 at H53.18.
    assert mergers.of("online_dossier_rate", february, "H53.11", "ytd") == [8, 20, 40]
    assert mergers.of("online_dossier_rate", february, "H53.18", "ytd") == [4, 10, 40]
    # March: 9 of 15 under its own code and 5 of 5 under the other's: 14 of 20.
    assert mergers.of("online_dossier_rate", MARCH, "H53.11") == [14, 20, 70]
    # The quarter by the agencies of 31 March: 8 + 4 + 14 = 26 of 20 + 10 + 20 = 50. H53.18 is no agency then.
    assert mergers.of("online_dossier_rate", MARCH, "H53.11", "quarter") == [26, 50, 52]
    assert mergers.of("online_dossier_rate", MARCH, "H53.18", "quarter") == []
    # After 1 July it is an agency of the new province, and still the same one.
    assert mergers.of("online_dossier_rate", day("2025-07-31"), "H53.11", "ytd") == [26, 50, 52]


def test_the_summary_has_each_month_on_its_own_units_once(mergers: Figures) -> None:
    rows = [row for row in mergers.summary if row["unit_code"] in {"H53.11", "H53.18", "72", "80"}]
    counted = ("received_total_count", "received_online_count", "received_direct_count")
    found = sorted((row["unit_code"], str(row["month"])[:7], *(row[name] for name in counted)) for row in rows)
    assert [row for row in found if row[2]] == [
        ("72", "2025-01", 20, 8, 12),
        ("72", "2025-02", 10, 4, 6),
        ("72", "2025-03", 20, 14, 6),
        ("72", "2025-04", 1, 0, 1),
        ("72", "2025-05", 1, 0, 1),
        ("72", "2025-06", 10, 5, 5),
        ("80", "2025-07", 5, 3, 2),
        ("H53.11", "2025-01", 20, 8, 12),
        ("H53.11", "2025-03", 20, 14, 6),
        ("H53.18", "2025-02", 10, 4, 6),
    ]


def test_a_code_used_before_its_first_day_is_lost_and_lowers_coverage(mergers: Figures) -> None:
    june = day("2025-06-30")
    # 5 of 10 at H53.20; the 2 of H53.110 belong to no unit of June: 10 of 12 rows are in a figure.
    assert mergers.of("online_dossier_rate", june) == [5, 10, 50]
    # Published in whole percent, rounded down: 83%.
    assert mergers.about("online_dossier_rate", june, "coverage_rows") == 0.83
    # 6 enterprises of 703; the row of 28087 is lost: one of two rows is in a figure.
    assert mergers.of("digital_enterprise_count", june) == [6, None, 6]
    assert mergers.about("digital_enterprise_count", june, "coverage_rows") == 0.5


def test_figures_of_districts_are_the_new_province_s_after_the_merger(mergers: Figures) -> None:
    july = day("2025-07-31")
    # The commune of H53.110 (25531): 3 of 4. The province 80: 3 of those 4 and of the closed office's 1.
    assert mergers.of("online_dossier_rate", july, "25531") == [3, 4, 75]
    assert mergers.of("online_dossier_rate", july, "80") == [3, 5, 60]
    # Since January: 8/20 + 4/10 + 14/20 + 0/1 + 0/1 + 5/10 + 3/5 = 34 of 67 = 50.746…%.
    assert mergers.of("online_dossier_rate", july, "80", "ytd") == [34, 67, 50.75]
    assert mergers.of("online_dossier_rate", july, "703", "ytd") == []


def test_a_split_commune_counts_for_the_province_alone_and_a_whole_one_in_its_successor(mergers: Figures) -> None:
    july = day("2025-07-31")
    # 25498 has its own group; half of the split commune may be its, nobody knows. 25486 has its own and 25501's.
    assert mergers.of("community_group_count", july, "25498") == [1, None, 1]
    assert mergers.of("community_group_count", july, "25486") == [2, None, 2]
    assert mergers.of("community_group_count", july, "80") == [4, None, 4]


def test_from_july_2025_on_communes_have_plans_in_the_place_of_districts(mergers: Figures) -> None:
    # 5 of 14 specialised agencies and 6 of 96 communes: 11 of 110.
    assert mergers.of("dx_plan_coverage", day("2025-07-31")) == [11, 110, 10]

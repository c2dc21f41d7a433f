"""The criteria of the 766 index by hand: few rows, and the arithmetic beside each figure. 3.2 and 3.3 are elsewhere.

Suppression and the least coverage have tests of their own; here every figure is shown.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from facts import dossiers, procedure, service
from figures import Figures, Months, day
from projects import PROJECT
from tables import publish, values

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

JULY, AUGUST = date(2022, 7, 31), date(2022, 8, 31)
Row = dict[str, Any]


def dossier(received: str, due: str | None = None, **more: Any) -> Row:
    """One dossier: received on a day and due on a day of August 2022, or `MM-DD`; ends as its days say."""
    (row,) = dossiers(1, "H53.20", _day(received), "online", str(more.pop("procedure", "1.000001")))
    ended = [name for name in ("finished", "returned", "stopped") if f"{name}_on" in more]
    days = {name: _day(str(value)) for name, value in more.items() if name.endswith("_on")}
    status = {"dossier_status": ended[0] if ended else "in_progress"}
    return {**row, "due_on": _day(due) if due else None, **status, **more, **days}


def _day(text: str) -> date:
    return day(f"2022-{text if '-' in text else f'08-{text}'}")


SUPPLEMENT: dict[str, Any] = {"supplement_count": 1, "supplement_requested_on": "03", "supplement_received_on": "10"}
CARRIED_OVER = dossier("07-20", "02")
HANDLED = {
    "on the day": dossier(
        "01",
        "05",
        finished_on="05",
        has_complaint=True,
        has_electronic_result=True,
        paid_online=True,
        components_count=2,
        components_digitised_count=2,
        components_reused_count=2,
        has_digitised_result=True,
    ),
    "late": dossier(
        "01",
        "05",
        finished_on="08",
        has_complaint=True,
        paid_online=True,
        components_count=3,
        components_digitised_count=2,
        has_digitised_result=True,
    ),
    "open and overdue": dossier("10", "20", components_reused_count=1),
    "open and in term": dossier("29", "09-05", fee_vnd=0),
    # A supplement from the 3rd to the 10th moves the due day from the 5th to the 12th.
    "one supplement": dossier(
        "01",
        "05",
        **{**SUPPLEMENT, "finished_on": "12", "has_electronic_result": True},
        components_count=2,
        components_digitised_count=2,
        has_digitised_result=False,
    ),
    "one supplement, late": dossier("01", "05", **SUPPLEMENT, finished_on="13"),
    "waited for": dossier("01", "05", supplement_count=1, supplement_requested_on="04", fee_vnd=0),
    "waited for, asked too late": dossier("01", "05", supplement_count=1, supplement_requested_on="08"),
    "two supplements": dossier("01", "30", **{**SUPPLEMENT, "supplement_count": 2}, finished_on="12"),
    # Five working days after Thursday the 4th: Friday, Monday to Wednesday, Thursday the 11th.
    "no due day": dossier(
        "04",
        None,
        finished_on="11",
        components_count=0,
        components_digitised_count=0,
        has_digitised_result=True,
    ),
    "no due day, late": dossier("04", None, finished_on="12", paid_online=False),
    "returned": dossier("01", "05", returned_on="04", has_electronic_result=True),
    "stopped": dossier("01", "05", stopped_on="09"),
    # The day it was finished comes before that on which it was stopped.
    "stopped, then finished": dossier("01", "05", stopped_on="03", finished_on="10", dossier_status="finished"),
    # No due day, and no list says how long it may take: nobody can call it late.
    "procedure missing": dossier("01", None, finished_on="30", procedure="1.000009"),
    "carried over": {**CARRIED_OVER, "finished_on": _day("02"), "dossier_status": "finished"},
}


def of(number: str, authority: str, agency: str | None = None, **more: Any) -> Row:
    """A procedure of a level."""
    listed = procedure(f"1.00000{number}", eligible=True, **{"fee": 0, **more})
    return {**listed, "authority_level": authority, "agency_code": agency}


LISTED = [
    of("1", "district", fee=10_000),
    of("2", "province", "H53.05", fee=20_000),
    of("3", "province", "H53.05"),
    of("4", "commune"),
    {**of("5", "commune", fee=5_000), "valid_to": date(2022, 8, 15)},
]
TABLES: dict[str, Months] = {
    "statistics.dossier": {"2022-07": [CARRIED_OVER], "2022-08": list(HANDLED.values())},
    "reference.procedure": {"2022-07": LISTED, "2022-08": LISTED},
    "statistics.service": {
        month: [
            {**service("1.000001", level, authority="district"), "has_synchronised_fee": False},
            {**service("1.000002", other, authority="province", agency="H53.05"), "has_synchronised_fee": True},
        ]
        for month, level, other in (("2022-07", "level_4", "level_3"), ("2022-08", "full", "partial"))
    },
    "statistics.portal_sync": {
        "2022-08": [
            {"agency_code": "H53.20", "reported_count": 100, "portal_received_count": 90, "synchronised_count": 80},
            {"agency_code": "H53.21", "reported_count": 40, "portal_received_count": 50, "synchronised_count": 45},
            {"agency_code": "H53.05", "reported_count": 0, "portal_received_count": 0, "synchronised_count": 0},
        ]
    },
}


@pytest.fixture(scope="module")
def august(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(references, tmp_path_factory.mktemp("august") / "warehouse", declared, TABLES)


def test_1_4_takes_the_larger_count_of_each_agency_and_month(august: Figures) -> None:
    # 80 of 100 at H53.20, 45 of 50 at H53.21: 125 of 150 = 83.333…%, and not of 140 reported or received.
    assert august.of("synchronised_dossier_rate", AUGUST) == [125, 150, 83.33]
    assert august.of("synchronised_dossier_rate", AUGUST, "703") == [80, 100, 80]
    assert august.of("synchronised_dossier_rate", AUGUST, "H53.05") == []  # of the province and districts alone


def test_1_4_withholds_small_counts_that_rows_have(references: Path, declared: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(references, tmp_path / "warehouse")
    settings = Settings(tmp_path / "warehouse", PROJECT, threads=1)
    counts = {f"H53.2{number}": (400, 300) for number in range(9)} | {"H53.20": (400, 396), "H53.21": (9, 9)}
    rows = [
        {"agency_code": code, "reported_count": every, "portal_received_count": every, "synchronised_count": some}
        for code, (every, some) in counts.items()
    ]
    publish(settings, declared, "statistics.portal_sync", "portal_sync", "2022-08", rows)
    shown = replace(declared, province=declared.province.model_copy(update={"coverage_at_least": 0.0}))
    found = {
        row["unit_code"]: row["withheld_reason"]
        for row in values(settings, shown, "synchronised_dossier_rate")
        if row["window_type"] == "month" and row["numerator"] is None
    }
    # One row of 400 and one of 9 dossiers: of the first four are not synchronised, of the second there are few.
    assert {unit for unit, reason in found.items() if reason == "few_dossiers"} >= {"703", "705"}


def test_2_1_counts_what_is_settled_and_what_is_in_progress(august: Figures) -> None:
    # July: the one that is carried over, in term: 1 of 1.
    assert august.of("on_time_rate", JULY) == [1, 1, 100]
    # August: 12 are settled, of which six late: late, one supplement late, two supplements, no due day late, stopped,
    # stopped and then finished. 4 are open, of which two overdue: the overdue one, and the one asked for too late.
    assert august.of("on_time_rate", AUGUST) == [6 + 2, 12 + 4, 50]
    assert august.of("on_time_rate", AUGUST, "703") == [8, 16, 50]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("on the day", [1, 1]),
        ("late", [0, 1]),
        ("open and overdue", [0, 1]),
        ("open and in term", [1, 1]),
        ("one supplement", [1, 1]),
        ("one supplement, late", [0, 1]),
        ("waited for", [1, 1]),
        ("waited for, asked too late", [0, 1]),
        ("two supplements", [0, 1]),
        ("no due day", [1, 1]),
        ("no due day, late", [0, 1]),
        ("returned", [1, 1]),
        ("stopped", [0, 1]),
        ("stopped, then finished", [0, 1]),
        ("procedure missing", [1, 1]),
    ],
)
def test_2_1_judges_each_course_of_a_dossier(
    references: Path, declared: Catalogue, tmp_path: Path, name: str, counts: list[int]
) -> None:
    tables = {**TABLES, "statistics.dossier": {"2022-08": [HANDLED[name]]}}
    alone = Figures(references, tmp_path / "warehouse", declared, tables, "on_time_rate")
    assert alone.of("on_time_rate", AUGUST)[:2] == counts


def test_3_1_counts_each_procedure_once_at_its_highest_level(august: Figures) -> None:
    def shown(unit: str | None, end: date = AUGUST) -> list[list[object]]:
        names = ("all", "full", "partial")
        return [august.of("procedure_online_rate", end, unit, statistic=name) for name in names]

    # Of the four procedures in force one has a full service and one a partial one.
    assert shown(None) == [[2, 4, 50], [1, 4, 25], [1, 4, 25]]
    assert shown("H53.05") == [[1, 2, 50], [0, 2, 0], [1, 2, 50]]
    # The district handles one, fully online, and its communes another.
    assert shown("703") == [[1, 2, 50], [1, 2, 50], [0, 2, 0]]
    # In July 1.000005 was in force, too; levels 4 and 3 were what full and partial services are now.
    assert shown(None, JULY) == [[2, 5, 40], [1, 5, 20], [1, 5, 20]]


def test_3_5_counts_fees_that_are_synchronised(august: Figures) -> None:
    # Two of the procedures in force have a fee; that of 1.000002 is synchronised.
    assert august.of("fee_payment_online_rate", AUGUST) == [1, 2, 50]
    assert [august.of("fee_payment_online_rate", AUGUST, unit) for unit in ("H53.05", "703")] == [
        [1, 1, 100],
        [0, 1, 0],
    ]
    # In July 1.000005 was in force, too: 1 of 3.
    assert august.of("fee_payment_online_rate", JULY) == [1, 3, 33.33]


def test_3_6_leaves_free_dossiers_out(august: Figures) -> None:
    # Received in August: 14 of a procedure with a fee, of which two were free; two of the 12 were paid online.
    assert august.of("dossier_paid_online_rate", AUGUST) == [2, 12, 16.67]


def test_4_1_counts_finished_dossiers_whose_result_is_a_document(august: Figures) -> None:
    # Nine are finished: neither the returned nor the stopped one counts, nor that of a procedure that no list has.
    # Two have an electronic result.
    assert august.of("electronic_result_rate", AUGUST) == [2, 9, 22.22]


def test_4_2_needs_all_documents_and_the_result(august: Figures) -> None:
    # Of the 12 that were settled: one with both of two documents, one without documents.
    assert august.of("digitised_dossier_rate", AUGUST) == [2, 12, 16.67]


def test_4_3_counts_reused_documents_among_dossiers_received(august: Figures) -> None:
    # 2 + 1 documents; 15 dossiers received in August: 20%.
    assert august.of("data_reuse_rate", AUGUST) == [3, 15, 20]


def test_5_4_takes_off_a_late_dossier_with_a_complaint_twice(august: Figures) -> None:
    # 16 dossiers, less eight that are late or overdue, less two with a complaint, of which one is late: 6 of 16.
    assert august.of("satisfaction_rate", AUGUST) == [6, 16, 37.5]


def test_a_dossier_in_progress_belongs_to_the_province_of_the_day(
    references: Path, declared: Catalogue, tmp_path: Path
) -> None:
    (received,) = dossiers(1, "H53.20", day("2025-06-20"))
    (settled,) = dossiers(1, "H53.20", day("2025-06-20"))
    (new,) = dossiers(1, "H53.05", day("2025-07-31"))
    tables: dict[str, Months] = {
        "statistics.dossier": {
            "2025-06": [received, settled],
            "2025-07": [{**settled, "finished_on": day("2025-07-03"), "dossier_status": "finished"}, new],
        },
        "reference.procedure": {"2025-06": LISTED, "2025-07": LISTED},
    }
    merged = Figures(references, tmp_path / "warehouse", declared, tables, "on_time_rate")
    # Received on Friday 20 June: five working days end on the 27th. Both are overdue at the end of June, in 703 and 72.
    assert merged.of("on_time_rate", day("2025-06-30"), "72") == [0, 2, 0]
    assert merged.of("on_time_rate", day("2025-06-30"), "703") == [0, 2, 0]
    # On 1 July the province becomes another: one is settled in it, one in progress, both late; a new one is in term.
    assert merged.of("on_time_rate", day("2025-07-31"), "80") == [1, 3, 33.33]
    # Since January: nothing is known of the months before June.
    assert merged.of("on_time_rate", day("2025-07-31"), "80", "ytd") == [None, None, None]

"""How dossiers are handled: what the one-stop system may say of it, and that the sample says it consistently."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from engine import Engine
from facts import Row, dossiers, extract
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.period import Month
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample import scenario
from dx_pipeline.sample.province import FIRST_MONTH, LAST_MONTH
from dx_pipeline.sample.scenario import Scenario
from dx_pipeline.settings import Settings
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

MAY, JUNE, MERGED = Month(2022, 5), Month(2022, 6), Month(2025, 7)
KEY = Key("statistics.dossier", "dossier", MAY)
(RECEIVED,) = dossiers(1, "H53.07", date(2022, 5, 10))
THE_DAY_BEFORE = date(2022, 5, 9)


@pytest.fixture(scope="module")
def made() -> Scenario:
    return scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.1)


def rows(made: Scenario, table: str, month: Month) -> pa.Table:
    return table_rows.make(made, table, table.partition(".")[2], month)


def only(query: str, **tables: pa.Table) -> Any:
    """The one value of a query over tables of the sample."""
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        ((value,),) = connection.execute(query).fetchall()
    return value


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"returned_on": THE_DAY_BEFORE}, "returned_before_received"),
        ({"stopped_on": THE_DAY_BEFORE}, "stopped_before_received"),
        ({"supplement_count": 1, "supplement_requested_on": THE_DAY_BEFORE}, "supplement_requested_before_received"),
        (
            {"supplement_requested_on": date(2022, 5, 12), "supplement_received_on": date(2022, 5, 11)},
            "supplement_received_before_requested",
        ),
        ({"supplement_received_on": date(2022, 5, 12)}, "supplement_not_requested"),
        ({"supplement_count": 0, "supplement_requested_on": date(2022, 5, 12)}, "supplement_not_counted"),
        ({"fee_vnd": 0, "paid_online": True}, "nothing_paid_online"),
        ({"components_count": 2, "components_digitised_count": 3}, "more_digitised_than_components"),
        ({"components_digitised_count": 1, "components_reused_count": 2}, "more_reused_than_digitised"),
        ({"components_count": 1, "components_reused_count": 2}, "more_reused_than_components"),
        ({"supplement_count": -1}, "too_small"),
        ({"components_count": 1_000_000}, "too_large"),
        ({"due_on": THE_DAY_BEFORE}, "due_before_received"),
        ({"finished_on": date(2022, 5, 12)}, "in_progress_with_end"),
        ({"stopped_on": date(2022, 5, 12)}, "in_progress_with_end"),
        # The file is of 5 June: it cannot know of the day after.
        ({"dossier_status": "finished", "finished_on": date(2022, 6, 6)}, "ended_in_the_future"),
        ({"dossier_status": "stopped", "stopped_on": date(2032, 5, 12)}, "ended_in_the_future"),
        ({"supplement_count": 1, "supplement_requested_on": date(2022, 6, 6)}, "supplement_in_the_future"),
    ],
)
def test_what_cannot_be_goes_to_quarantine(engine: Engine, cells: Row, reason: str) -> None:
    engine.put("dossier", extract([RECEIVED, {**RECEIVED, "dossier_code": "H53.07-220510-9001", **cells}]))
    engine.ingest("dossier")
    assert [code for _, code, _ in engine.reasons(KEY)] == [reason]
    assert len(engine.rows(KEY)) == 1


@pytest.mark.parametrize(
    "cells",
    [
        {"dossier_status": "returned", "finished_on": date(2022, 5, 12)},
        {"has_electronic_result": True},
        {"supplement_count": 1},
        {"fee_vnd": 15_000},
        {"components_count": 0},
    ],
)
def test_what_is_doubtful_is_published_with_a_warning(engine: Engine, cells: Row) -> None:
    sound = {"has_complaint": False, "supplement_count": 0, "components_count": 1, "is_synchronised": True}
    engine.put("dossier", extract([{**RECEIVED, **sound, "channel": "online", **cells}]))
    run = engine.ingest("dossier")
    assert run.published
    assert [result.severity for result in run.audit if result.status != "met"] == ["warning"]


@pytest.mark.parametrize(
    ("cells", "day"),
    [
        # Delivered again on 18 June, the extract of May says what has become of its dossiers since.
        ({"dossier_status": "finished", "finished_on": date(2022, 6, 17)}, 18),
        ({"due_on": date(2032, 5, 12)}, 5),
        ({"due_on": RECEIVED["received_on"]}, 5),
        ({"components_reused_count": 3}, 5),
    ],
)
def test_what_is_unusual_but_can_be_is_accepted(engine: Engine, cells: Row, day: int) -> None:
    engine.put("dossier", extract([{**RECEIVED, **cells}]), day=day)
    engine.ingest("dossier")
    assert engine.reasons(KEY) == []


def test_nothing_of_how_a_dossier_was_handled_is_taken_for_personal_data(engine: Engine) -> None:
    handled = {
        "dossier_status": "finished",
        "finished_on": date(2022, 5, 20),
        "supplement_count": 1,
        "supplement_requested_on": date(2022, 5, 12),
        "supplement_received_on": date(2022, 5, 16),
        "has_complaint": True,
        "fee_vnd": 15_000,
        "paid_online": True,
        "has_electronic_result": True,
        "components_count": 4,
        "components_digitised_count": 3,
        "components_reused_count": 1,
        "has_digitised_result": True,
        "is_synchronised": False,
    }
    engine.put("dossier", extract([{**RECEIVED, **handled}]))
    engine.ingest("dossier")
    assert engine.rows(KEY, ", ".join(handled)) == [tuple(handled.values())]


@pytest.mark.parametrize("month", [FIRST_MONTH, JUNE, MERGED, LAST_MONTH])
def test_an_open_dossier_of_the_sample_has_no_result_and_no_complaint_and_a_settled_one_says_so(
    made: Scenario, month: Month
) -> None:
    found = rows(made, "statistics.dossier", month)
    broken = """
        SELECT count(*) FROM dossier
        WHERE (dossier_status = 'in_progress') <> (coalesce(finished_on, returned_on, stopped_on) IS NULL)
           OR (dossier_status = 'in_progress') <> (has_electronic_result IS NULL)
           OR (dossier_status = 'in_progress') <> (has_digitised_result IS NULL)
           OR dossier_status = 'in_progress' AND has_complaint
           OR dossier_status <> 'finished' AND (has_electronic_result OR has_digitised_result)
           OR (supplement_count > 0) <> (supplement_requested_on IS NOT NULL)
           OR supplement_received_on > coalesce(finished_on, returned_on, stopped_on)
           OR components_count < 1 OR fee_vnd > 0 AND paid_online IS NULL OR fee_vnd = 0 AND paid_online IS NOT NULL
    """
    assert only(broken, dossier=found) == 0
    assert only("SELECT count(*) FROM dossier WHERE supplement_count > 1", dossier=found) > 0


def test_a_later_state_of_the_sample_only_adds_to_the_earlier_one(made: Scenario) -> None:
    may, june = (rows(made, "statistics.dossier", month) for month in (MAY, JUNE))
    changed = """
        SELECT count(*) FROM later JOIN earlier USING (dossier_code)
        WHERE (later.paid_online, later.components_count, later.components_digitised_count, later.is_synchronised)
            IS DISTINCT FROM
            (earlier.paid_online, earlier.components_count, earlier.components_digitised_count, earlier.is_synchronised)
           OR later.supplement_count < earlier.supplement_count
           OR earlier.supplement_requested_on IS NOT NULL
            AND later.supplement_requested_on IS DISTINCT FROM earlier.supplement_requested_on
           OR earlier.dossier_status <> 'in_progress'
    """
    assert only(changed, earlier=may, later=june) == 0
    asked = "SELECT count(*) FROM later JOIN earlier USING (dossier_code) WHERE later.supplement_count > 0"
    assert only(asked, earlier=may, later=june) > only(
        f"{asked} AND earlier.supplement_count > 0", earlier=may, later=june
    )


SHARES = {
    "paid_online": "SELECT avg(paid_online::INTEGER) FROM dossier",
    "electronic": "SELECT avg(has_electronic_result::INTEGER) FROM dossier WHERE dossier_status = 'finished'",
    "digitised": "SELECT avg((components_digitised_count = components_count AND has_digitised_result)::INTEGER)"
    " FROM dossier WHERE dossier_status = 'finished'",
    "reused": "SELECT sum(components_reused_count) / sum(components_count) FROM dossier",
    "is_synchronised": "SELECT avg(is_synchronised::INTEGER) FROM dossier",
    "has_complaint": "SELECT avg(has_complaint::INTEGER) FROM dossier",
    "supplements": "SELECT avg((supplement_count > 0)::INTEGER) FROM dossier",
}


@pytest.mark.parametrize(
    ("share", "first", "last"),
    [
        ("paid_online", (0.05, 0.2), (0.4, 0.6)),
        ("electronic", (0.25, 0.4), (0.65, 0.85)),
        ("digitised", (0.15, 0.35), (0.55, 0.8)),
        ("reused", (0.0, 0.1), (0.2, 0.45)),
        ("is_synchronised", (0.75, 0.9), (0.95, 1.0)),
        ("has_complaint", (0.0001, 0.003), (0.0001, 0.003)),
        ("supplements", (0.02, 0.06), (0.02, 0.06)),
    ],
)
def test_digital_handling_grows_over_the_years_of_the_sample(
    made: Scenario, share: str, first: tuple[float, float], last: tuple[float, float]
) -> None:
    for month, (least, most) in ((FIRST_MONTH, first), (LAST_MONTH, last)):
        assert least < only(SHARES[share], dossier=rows(made, "statistics.dossier", month)) < most, month


def test_agencies_differ_in_how_much_they_digitise(made: Scenario) -> None:
    by_agency = """
        SELECT stddev_samp(share) FROM (
            SELECT avg((components_digitised_count = components_count)::INTEGER) AS share
            FROM dossier GROUP BY agency_code HAVING count(*) > 200)
    """
    assert only(by_agency, dossier=rows(made, "statistics.dossier", JUNE)) > 0.03


@pytest.mark.parametrize("month", [FIRST_MONTH, Month(2025, 6), MERGED])
def test_the_portals_statistics_are_of_every_agency_in_office_and_of_the_dossiers_it_received(
    made: Scenario, month: Month
) -> None:
    statistics = {row["agency_code"]: row for row in rows(made, "statistics.portal_sync", month).to_pylist()}
    assert set(statistics) == {agency.code for agency in made.province_in(month).agencies}
    received = [row for row in rows(made, "statistics.dossier", month).to_pylist() if row["received_on"] >= month.first]
    total = Counter(row["agency_code"] for row in received)
    synchronised = Counter(row["agency_code"] for row in received if row["is_synchronised"])
    for agency, row in statistics.items():
        assert row["synchronised_count"] == synchronised[agency]
        assert synchronised[agency] <= row["portal_received_count"] <= total[agency]
        assert row["reported_count"] <= total[agency]


@pytest.mark.parametrize("month", [FIRST_MONTH, JUNE, LAST_MONTH])
def test_a_fee_is_synchronised_only_where_there_is_one_and_the_service_is_on_the_portal(
    made: Scenario, month: Month
) -> None:
    services = rows(made, "statistics.service", month)
    broken = """
        SELECT count(*) FROM service
        WHERE (fee_vnd = 0) <> (has_synchronised_fee IS NULL) OR has_synchronised_fee AND NOT is_integrated
    """
    assert only(broken, service=services) == 0
    assert only("SELECT count(*) FROM service WHERE has_synchronised_fee", service=services) > 100


def test_a_synchronised_fee_stays_synchronised(made: Scenario) -> None:
    lost = """
        SELECT count(*) FROM earlier JOIN later USING (procedure_code)
        WHERE earlier.has_synchronised_fee AND NOT later.has_synchronised_fee
    """
    may, june = (rows(made, "statistics.service", month) for month in (MAY, JUNE))
    assert only(lost, earlier=may, later=june) == 0


@pytest.mark.parametrize("month", [FIRST_MONTH, Month(2025, 3), MERGED, LAST_MONTH])
def test_the_list_of_procedures_says_of_each_who_handles_it_its_fee_result_and_time(
    made: Scenario, month: Month
) -> None:
    listed = rows(made, "reference.procedure", month)
    broken = """
        SELECT count(*) FROM listed
        WHERE (authority_level = 'province') <> (agency_code IS NOT NULL) OR has_fee <> (fee_vnd > 0)
           OR statutory_days IS NULL OR requires_result IS NULL
    """
    assert only(broken, listed=listed) == 0
    offices = {agency.code for agency in made.province_in(month).agencies}
    assert {code for code in listed["agency_code"].to_pylist() if code} <= offices
    fees = "SELECT count(*) FROM listed JOIN service USING (procedure_code) WHERE listed.fee_vnd <> service.fee_vnd"
    assert only(fees, listed=listed, service=rows(made, "statistics.service", month)) == 0
    without_result = only("SELECT count(*) FROM listed WHERE NOT requires_result", listed=listed)
    assert 50 < without_result < 500

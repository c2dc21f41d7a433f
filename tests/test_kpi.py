"""The engine: windows, roll-up, rounding, targets and suppression, the same for every KPI."""

from __future__ import annotations

import math
from datetime import date
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, enterprises, groups
from engine import Engine, Rows
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi import evaluation

DOSSIER_RATE, GROUP_COUNT = "online_dossier_rate", "community_group_count"
PROVINCE = "unit_level = 'province' AND window_type = 'month'"


def values(engine: Engine, code: str, columns: str, where: str = PROVINCE) -> Rows:
    """The values of a KPI, evaluated after what was delivered for May has been ingested."""
    for source in ("community_group", "dossier", "digital_enterprise"):
        engine.results(source)
    engine.evaluate(code)
    return engine.values(code, where, columns)


def test_counts_are_summed_up_the_unit_tree(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS))
    columns = "unit_level, unit_code, numerator, value"
    assert values(engine, GROUP_COUNT, columns, "window_type = 'month'") == [
        ("commune", "25456", 1, 1),
        ("commune", "25459", 1, 1),
        ("commune", "25630", 1, 1),
        ("district", "703", 2, 2),
        ("district", "709", 1, 1),
        ("province", "72", 3, 3),
    ]


def test_a_month_in_the_middle_without_a_delivery_is_not_enough_data(engine: Engine) -> None:
    for month in ("2022-04", "2022-06"):
        engine.put("community_group", groups(*GROUPS), month=month)
        engine.results("community_group", month)
    assert values(engine, GROUP_COUNT, "window_start, value, status, coverage") == [
        (date(2022, 4, 1), 3, "no_target", 1),
        (date(2022, 5, 1), None, "not_enough_data", 0),
        (date(2022, 6, 1), 3, "no_target", 1),
    ]


def test_a_flow_needs_every_month_of_its_window(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS))
    where = "unit_level = 'province' AND window_type <> 'month'"
    found = values(engine, DOSSIER_RATE, "window_type, status", where)
    assert found == [(kind, "not_enough_data") for kind in ("quarter", "year", "ytd", "ytd")]


def test_a_missing_channel_counts_as_direct(engine: Engine) -> None:
    online, direct = DOSSIERS[0], DOSSIERS[1].replace("Trực tiếp", "")
    many = [row.replace("-0001;", f"-{number:04};") for number in range(40) for row in (online, direct)]
    engine.put("dossier", dossiers(*many, DOSSIERS[2]))
    assert values(engine, DOSSIER_RATE, "numerator, denominator, value") == [(40, 81, 49.38)]


def test_few_dossiers_are_withheld_with_their_value(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS))
    shown = values(engine, DOSSIER_RATE, "suppressed, numerator, denominator, value", "window_type = 'month'")
    assert set(shown) == {(True, None, None, None)}


@pytest.mark.parametrize(
    ("enterprise_count", "status"), [(1, "off_track"), (2, "off_track"), (3, "on_track"), (10, "met")]
)
def test_the_status_follows_the_line_from_baseline_to_target(
    engine: Engine, enterprise_count: int, status: str
) -> None:
    engine.put("digital_enterprise", enterprises(("703", "6201", "active", enterprise_count, 0)))
    columns = "value, target, target_due, status, trajectory"
    ((*found, trajectory),) = values(engine, "digital_enterprise_count", columns)
    assert found == [enterprise_count, 10, date(2025, 12, 31), status]
    # 515 of the 1,825 days between 2021-01-01 and 2025-12-31 have passed.
    assert trajectory == pytest.approx(10 * 515 / 1825, abs=1e-6)


def test_a_level_that_no_longer_exists_is_measured_by_the_next_version(declared: Catalogue) -> None:
    definition = declared.kpis["community_group_count"].definition
    in_force = [definition.version_at(date(2022, month, 31)) for month in (7, 8)]
    assert [found.version for found in in_force if found] == [1, 2]


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(0, 3))
def test_percentages_are_rounded_half_up_exactly(numerator: int, denominator: int, decimals: int) -> None:
    numerator = min(numerator, denominator)
    half_up = math.floor(Fraction(100 * 10**decimals * numerator, denominator) + Fraction(1, 2))
    with duckdb.connect() as connection:
        connection.execute((Path(evaluation.__file__).parent / "half_up.sql").read_text(encoding="utf-8"))
        found = connection.execute(
            "SELECT half_up($n::DECIMAL(28, 4), $m::DECIMAL(28, 4), 100 * 10 ** $d) / 10 ** $d",
            {"n": numerator, "m": denominator, "d": decimals},
        ).fetchall()
    assert found == [(float(Fraction(half_up, 10**decimals)),)]

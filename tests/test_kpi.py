"""The engine: windows, roll-up, rounding, targets and suppression, the same for every KPI."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, enterprises, groups
from engine import Engine
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi import evaluation
from dx_pipeline.kpi.suppression import Count, withheld
from dx_pipeline.period import Month, Window


def evaluated(engine: Engine, code: str, source: str, *months: str) -> None:
    engine.results(source, *months)
    engine.evaluate(code)


def test_counts_are_summed_up_the_unit_tree(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS))
    evaluated(engine, "community_group_count", "community_group", "2022-05")
    assert engine.values(
        "community_group_count", "window_type = 'month'", "unit_level, unit_code, numerator, value"
    ) == [
        ("commune", "25456", 1, 1),
        ("commune", "25459", 1, 1),
        ("commune", "25630", 1, 1),
        ("district", "703", 2, 2),
        ("district", "709", 1, 1),
        ("province", "72", 3, 3),
    ]


def test_a_month_in_the_middle_without_a_delivery_is_not_enough_data(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS), month="2022-04")
    engine.put("community_group", groups(*GROUPS), month="2022-06")
    evaluated(engine, "community_group_count", "community_group", "2022-04", "2022-05", "2022-06")
    where = "window_type = 'month' AND unit_level = 'province'"
    assert engine.values("community_group_count", where, "window_start, value, status, coverage") == [
        (date(2022, 4, 1), 3, "no_target", 1),
        (date(2022, 5, 1), None, "not_enough_data", 0),
        (date(2022, 6, 1), 3, "no_target", 1),
    ]


def test_a_flow_needs_every_month_of_its_window(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS))
    evaluated(engine, "online_dossier_rate", "dossier", "2022-05")
    where = "unit_level = 'province' AND window_type <> 'month'"
    found = engine.values("online_dossier_rate", where, "window_type, status")
    assert found == [(kind, "not_enough_data") for kind in ("quarter", "year", "ytd", "ytd")]


def test_a_missing_channel_counts_as_direct(engine: Engine) -> None:
    many = [
        row.replace("-0001;", f"-1{number:03};").replace("-0002;", f"-2{number:03};")
        for number in range(40)
        for row in DOSSIERS[:2]
    ]
    unknown = [row.replace("Trực tiếp", "") for row in many if "Trực tiếp" in row]
    online = [row for row in many if "Trực tuyến" in row]
    engine.put("dossier", dossiers(*online, *unknown))
    evaluated(engine, "online_dossier_rate", "dossier", "2022-05")
    where = "unit_level = 'province' AND window_type = 'month'"
    assert engine.values("online_dossier_rate", where, "numerator, denominator, value") == [(40, 80, 50)]


def test_few_dossiers_are_withheld_with_their_value(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS))
    evaluated(engine, "online_dossier_rate", "dossier", "2022-05")
    shown = engine.values("online_dossier_rate", "window_type = 'month'", "suppressed, numerator, denominator, value")
    assert set(shown) == {(True, None, None, None)}


@pytest.mark.parametrize(
    ("enterprise_count", "status"), [(1, "off_track"), (2, "off_track"), (3, "on_track"), (10, "met")]
)
def test_the_status_follows_the_line_from_baseline_to_target(
    engine: Engine, enterprise_count: int, status: str
) -> None:
    engine.put("digital_enterprise", enterprises(("703", "6201", "active", enterprise_count, 0)))
    evaluated(engine, "digital_enterprise_count", "digital_enterprise", "2022-05")
    ((value, target, due, trajectory, rating),) = engine.values(
        "digital_enterprise_count",
        "window_type = 'month' AND unit_level = 'province'",
        "value, target, target_due, trajectory, status",
    )
    assert (value, target, due, rating) == (enterprise_count, 10, date(2025, 12, 31), status)
    # 515 of the 1,825 days between 2021-01-01 and 2025-12-31 have passed.
    assert trajectory == pytest.approx(10 * 515 / 1825, abs=1e-6)


def test_a_level_that_no_longer_exists_is_measured_by_the_next_version(declared: Catalogue) -> None:
    definition = declared.kpis["community_group_count"].definition
    july, august = definition.version_at(date(2022, 7, 31)), definition.version_at(date(2022, 8, 31))
    assert july is not None
    assert august is not None
    assert (july.version, august.version) == (1, 2)


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(0, 3))
def test_percentages_are_rounded_half_up_exactly(numerator: int, denominator: int, decimals: int) -> None:
    numerator = min(numerator, denominator)
    exact = Fraction(100 * numerator, denominator)
    half_up = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(
        Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP
    )
    connection = duckdb.connect()
    connection.execute((Path(evaluation.__file__).parent / "half_up.sql").read_text(encoding="utf-8"))
    ((engine,),) = connection.execute(
        "SELECT half_up($n::DECIMAL(28, 4), $m::DECIMAL(28, 4), 100 * 10 ** $d) / 10 ** $d",
        {"n": numerator, "m": denominator, "d": decimals},
    ).fetchall()
    connection.close()
    assert engine == float(half_up)


COMMUNES = {"25456": "703", "25459": "703", "25630": "709", "25633": "709", "703": "72", "709": "72"}


def cells(counts: dict[tuple[int, str], int]) -> list[Count]:
    """Cells of months 1 to 3 and their quarter and years to date, rolled up from communes."""
    monthly: dict[tuple[int, str], int] = {}
    for (month, unit), size in counts.items():
        above: str | None = unit
        while above is not None:
            monthly[month, above] = monthly.get((month, above), 0) + size
            above = COMMUNES.get(above)
    found = []
    for unit in {unit for _, unit in monthly}:
        sizes = {month: monthly.get((month, unit), 0) for month in (1, 2, 3)}
        spans = [("month", m, m) for m in (1, 2, 3)] + [("ytd", 1, m) for m in (1, 2, 3)] + [("quarter", 1, 3)]
        for kind, first, last in spans:
            size = sum(sizes[m] for m in range(first, last + 1))
            window = Window(kind, Month(2022, first).first, Month(2022, last).last)  # type: ignore[arg-type]
            found.append(Count(unit, COMMUNES.get(unit), window, size, size))
    return found


@given(
    st.dictionaries(
        st.tuples(st.integers(1, 3), st.sampled_from(["25456", "25459", "25630", "25633"])),
        st.integers(0, 60),
        min_size=1,
    )
)
def test_no_sum_gives_a_withheld_cell_away(sizes: dict[tuple[int, str], int]) -> None:
    counts = cells(sizes)
    hidden = withheld(counts, 10)
    size = {count.cell: count.denominator for count in counts}
    assert all(cell in hidden for cell, count in size.items() if count < 10)
    for window in {count.window for count in counts}:
        for parent in ("72", "703", "709"):
            children = [
                (window, unit) for unit, above in COMMUNES.items() if above == parent and (window, unit) in size
            ]
            if (window, parent) in size and (window, parent) not in hidden:
                assert sum(child in hidden for child in children) != 1
    for unit in {count.unit_code for count in counts}:
        months = [(Window("month", Month(2022, m).first, Month(2022, m).last), unit) for m in (1, 2, 3)]
        quarter = (Window("quarter", date(2022, 1, 1), date(2022, 3, 31)), unit)
        if quarter not in hidden:
            assert sum(month in hidden for month in months) != 1


def test_nothing_is_withheld_where_every_cell_is_large_enough() -> None:
    counts = cells({(month, unit): 50 for month in (1, 2, 3) for unit in ("25456", "25459", "25630", "25633")})
    assert withheld(counts, 10) == frozenset()

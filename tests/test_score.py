"""The score of the 766 index by hand: few values, and the arithmetic beside each figure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import TRIAL

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import create_table, sql_file
from dx_pipeline.kpi.score import SCORE, fill_score
from dx_pipeline.report import score_page
from dx_pipeline.report.figures import Figures
from dx_pipeline.storage.database import insert

Row = dict[str, Any]
VALUE, CRITERION = "kpi.value", "reference.criterion_766"
CONTRACTS = catalogue.load(TRIAL).contracts
IN_FORCE = date(2022, 8, 1)
AUGUST = {"window_type": "month", "window_start": IN_FORCE, "window_end": date(2022, 8, 31)}


def criterion(number: str, group: str, maximum: float, kpi: str | None = None, **more: object) -> Row:
    """One criterion, in force since August 2022."""
    words = dict.fromkeys(
        ("group_vi", "group_en", "title_vi", "title_en", "wording_vi", "wording_en", "item_vi", "item_en", "source"),
        number,
    )
    about = {"criterion": number, "group_code": group, "maximum": maximum, "group_maximum": 22, "kpi_code": kpi}
    return {**words, **about, "valid_from": IN_FORCE, "is_assumed": False, **more}


def value(kpi: str, numerator: float, denominator: float, unit: str = "703", **more: Any) -> Row:
    """One shown value, in August 2022."""
    counts = {"numerator": numerator, "denominator": denominator, "value": round(100 * numerator / denominator, 2)}
    return {"kpi_code": kpi, "unit_code": unit, "unit_level": "district", **AUGUST, **counts, **more}


def withheld(kpi: str, reason: str, unit: str = "703", **more: Any) -> Row:
    """One value that is not shown."""
    about = {"unit_code": unit, "unit_level": "district", "withheld_reason": reason, "suppressed": True}
    return {"kpi_code": kpi, **about, **AUGUST, **more}


@contextmanager
def scored(values: list[Row], criteria: list[Row]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the score of some values."""
    always = {"status": "no_target", "coverage": 1.0, "coverage_units": 1.0, "coverage_rows": 1.0, "revision": 0}
    always |= {"unit_of_measure": "percent", "suppressed": False, "synthetic": False, "release_id": "r"}
    of_file = {"delivery_id": "0", "delivery_line": 1, "synthetic": False}
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA kpi; CREATE SCHEMA reference")
        for name in (VALUE, CRITERION, SCORE, "kpi.definition", "kpi.change"):
            connection.execute(create_table(name, CONTRACTS[name].stored))
        for name, given in (
            (VALUE, [always | row for row in values]),
            (CRITERION, [of_file | row for row in criteria]),
        ):
            contract = CONTRACTS[name]
            insert(connection, name, given, arrow_schema(contract, contract.stored))
        fill_score(connection)
        yield connection


def score(values: list[Row], criteria: list[Row]) -> dict[tuple[str, str], Row]:
    """The rows of the score by unit and by criterion, group or `total`."""
    with scored(values, criteria) as connection:
        found: pa.Table = connection.sql(f"SELECT * FROM {SCORE}").to_arrow_table()
    rows: list[Row] = found.to_pylist()
    keyed = {(str(row["unit_code"]), str(row["criterion"] or row["group_code"] or "total")): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


CRITERIA = [
    criterion("2.1", "timeliness", 20, "on_time_rate"),
    criterion("3.3", "online_service", 4, "online_dossier_rate", threshold=50, is_assumed=True, assumption_vi="x"),
    criterion("4.2", "digitisation", 4, "digitised_dossier_rate", threshold=80),
    criterion("4.3", "digitisation", 2, "data_reuse_rate", threshold=80),
    criterion("5.2", "satisfaction", 6),
]
VALUES = [
    value("on_time_rate", 55, 60),
    value("online_dossier_rate", 16, 60),
    value("digitised_dossier_rate", 50, 60, synthetic=True),
    withheld("data_reuse_rate", "few_dossiers"),
    value("something_else", 1, 2),
]


@pytest.fixture(scope="module")
def august() -> dict[str, Row]:
    return {name: row for (_, name), row in score(VALUES, CRITERIA).items()}


def of(row: Row, *columns: str) -> list[object]:
    return [row[column] for column in columns]


def test_points_are_the_share_of_the_threshold_that_is_reached_up_to_the_maximum(august: dict[str, Row]) -> None:
    # 55 of 60 = 91.666…%, of 20 points 18.333…; without a threshold the maximum is at 100%.
    assert of(august["2.1"], "threshold", "maximum", "points", "points_lost") == [100, 20, 18.33, 1.67]
    # 16 of 60 = 26.666…%, of 50% that is 53.333…%; of 4 points 2.1333… The rounded 26.67% would give 2.1336.
    assert of(august["3.3"], "threshold", "maximum", "points", "points_lost") == [50, 4, 2.13, 1.87]
    # 50 of 60 = 83.333…% is more than 80%: all 4 points, and no more.
    assert of(august["4.2"], "threshold", "maximum", "points", "points_lost") == [80, 4, 4, 0]


def test_the_next_step_is_one_point_or_the_rest_and_says_how_many_it_needs(august: dict[str, Row]) -> None:
    # A dossier on time gives 20 ÷ 60 = 0.333… points: 3 of them give one.
    assert of(august["2.1"], "next_points", "next_point_needs", "gain_rank") == [1, 3, 1]
    # 30 online dossiers give all 4 points: 7.5 for a point, so 8.
    assert of(august["3.3"], "next_points", "next_point_needs", "gain_rank") == [1, 8, 2]
    # Nothing is left to gain.
    assert of(august["4.2"], "next_points", "next_point_needs", "gain_rank") == [None, None, None]


def test_close_to_the_maximum_the_next_step_is_what_is_left() -> None:
    # 28 of 60 online: 3.7333… points, 0.2666… are left, and 2 more dossiers reach the 30 of the maximum.
    found = score([value("online_dossier_rate", 28, 60)], CRITERIA)
    assert of(found["703", "3.3"], "points", "next_points", "next_point_needs") == [3.73, 0.27, 2]


def test_a_step_of_fewer_than_one_item_needs_one() -> None:
    # 4 of 8: half of 20 points; one more of 8 gives 2.5 points at once.
    found = score([value("on_time_rate", 4, 8)], CRITERIA)
    assert of(found["703", "2.1"], "points", "next_points", "next_point_needs") == [10, 1, 1]


def points_of(numerator: int, denominator: int, maximum: int, threshold: int) -> Fraction:
    """The points that are shown of counts: rounded half up to two decimals, from 0 to the maximum."""
    exact = Fraction(100 * maximum * numerator * 100, denominator * threshold)
    return max(Fraction(0), min(Fraction(maximum), Fraction(floor(exact + Fraction(1, 2)), 100)))


@given(
    st.lists(
        st.tuples(st.integers(1, 30_000), st.integers(-30, 130), st.integers(1, 20), st.integers(1, 100)),
        min_size=1,
        max_size=40,
    )
)
def test_the_next_step_is_the_smallest_that_the_shown_points_gain(drawn: list[tuple[int, int, int, int]]) -> None:
    cases = [(denominator * share // 100, denominator, *rest) for denominator, share, *rest in drawn]
    criteria = [criterion(f"{n}.1", f"{n}", most, f"kpi_{n}", threshold=at) for n, (*_, most, at) in enumerate(cases)]
    found = score([value(f"kpi_{n}", counted, among) for n, (counted, among, *_) in enumerate(cases)], criteria)
    for n, (counted, among, most, at) in enumerate(cases):
        row = found["703", f"{n}.1"]
        points = points_of(counted, among, most, at)
        step = min(Fraction(1), most - points)
        assert of(row, "points", "points_lost") == [float(points), float(most - points)]
        if step == 0:
            assert of(row, "next_points", "next_point_needs", "gain_rank") == [None] * 3
            continue
        needs = int(row["next_point_needs"])
        assert row["next_points"] == float(step)
        assert points_of(counted + needs, among, most, at) >= points + step
        assert needs == 1 or points_of(counted + needs - 1, among, most, at) < points + step


def test_points_that_are_rounded_up_to_the_maximum_have_no_next_step() -> None:
    # 39,999 of 40,000 on time: 19.9995 points, shown as 20; nothing that is shown can grow.
    found = score([value("on_time_rate", 39_999, 40_000)], CRITERIA)
    assert of(found["703", "2.1"], "points", "points_lost", "next_points", "next_point_needs") == [20, 0, None, None]


def test_the_rest_and_the_points_are_the_maximum_where_both_would_be_rounded_up() -> None:
    # 667 of 800: of 4 points 3.335, shown as 3.34. The rest is 0.66, not 0.665 rounded up once more.
    found = score([value("digitised_dossier_rate", 667, 1000)], CRITERIA)
    assert of(found["703", "4.2"], "points", "points_lost", "next_points") == [3.34, 0.66, 0.66]


def test_the_best_step_is_the_one_that_gains_most_for_each_item() -> None:
    # One more of 20 on time is a point; one more of 4 online, of which 2 give all 4 points, is two at once.
    found = score([value("on_time_rate", 4, 20), value("online_dossier_rate", 0, 4)], CRITERIA)
    assert of(found["703", "2.1"], "next_points", "next_point_needs", "gain_rank") == [1, 1, 2]
    assert of(found["703", "3.3"], "next_points", "next_point_needs", "gain_rank") == [1, 1, 1]


def test_the_page_ranks_by_the_points_to_be_gained_and_says_what_all_of_them_need() -> None:
    criteria = [
        criterion("2.1", "timeliness", 20, "on_time_rate"),
        criterion("3.3", "online_service", 4, "online_dossier_rate", threshold=50),
        criterion("4.2", "digitisation", 4, "digitised_dossier_rate", threshold=80),
        criterion("5.4", "satisfaction", 6, "satisfaction_rate"),
    ]
    values = [
        value("on_time_rate", 55, 60),
        value("online_dossier_rate", 16, 60),
        value("digitised_dossier_rate", 50, 60),
        {**value("satisfaction_rate", 60, 100), "numerator": None, "denominator": None},
    ]
    with scored([{**each, "unit_level": "province"} for each in values], criteria) as connection:
        page = score_page.page(Figures(connection))
    assert page is not None
    gains = next(table for table in page.tables if table.name == "score_766-gains")
    points, full, unit = ([row[place] for row in gains.rows] for place in (1, 2, 3))
    # 40 percentage points to 100%; 5 dossiers to 60; 14 dossiers to the 30 of the threshold. 4.2 has all points.
    assert [row[0].en for row in gains.rows] == ["5.4 5.4", "3.3 3.3", "2.1 2.1"]
    assert points == [2.4, 1.87, 1.67]
    assert full == [40, 14, 5]
    assert [each.en for each in unit] == ["percentage points", "3.3", "2.1"]


@given(st.lists(st.tuples(st.integers(1, 30_000), st.integers(0, 100), st.integers(1, 20)), min_size=1, max_size=20))
def test_full_points_need_the_fewest_items_that_show_them(drawn: list[tuple[int, int, int]]) -> None:
    cases = [(among * share // 100, among, most) for among, share, most in drawn]
    criteria = [criterion(f"{n}.1", f"{n}", most, f"kpi_{n}") for n, (*_, most) in enumerate(cases)]
    values = [value(f"kpi_{n}", counted, among) for n, (counted, among, _) in enumerate(cases)]
    with scored([{**each, "unit_level": "province"} for each in values], criteria) as connection:
        rows = Figures(connection).rows(sql_file(score_page.__file__, "score"))
    needed = {row["criterion"]: row["full_points_need"] for row in rows if row["scope"] == "criterion"}
    for n, (counted, among, most) in enumerate(cases):
        full = needed[f"{n}.1"]
        if points_of(counted, among, most, 100) == most:
            assert full is None
        else:
            assert points_of(counted + int(full), among, most, 100) == most
            assert points_of(counted + int(full) - 1, among, most, 100) < most


def test_what_has_no_data_is_named_and_never_scored_as_nothing(august: dict[str, Row]) -> None:
    assert of(august["4.3"], "points", "points_lost", "no_points_reason") == [None, None, "few_dossiers"]
    assert of(august["5.2"], "points", "points_lost", "no_points_reason") == [None, None, "no_kpi"]
    found = score([value("on_time_rate", 0, 60)], CRITERIA)
    assert of(found["703", "2.1"], "points", "no_points_reason") == [0, None]  # nothing on time is 0, and says so
    assert of(found["703", "3.3"], "points", "no_points_reason") == [None, "no_data"]


def test_a_total_is_the_sum_of_its_parts_and_says_out_of_how_many_points_it_is(august: dict[str, Row]) -> None:
    # 18.33 + 2.13 + 4 of 20 + 4 + 4; the 2 + 6 of the others are not lost, they are unknown.
    columns = ("scope", "points", "maximum", "points_lost", "full_maximum")
    assert of(august["total"], *columns) == ["total", 24.46, 28, 3.54, 36]
    assert of(august["digitisation"], *columns) == ["group", 4, 4, 0, 6]


def test_where_nothing_is_known_there_is_no_maximum_either(august: dict[str, Row]) -> None:
    columns = ("scope", "points", "maximum", "points_lost", "full_maximum", "no_points_reason")
    assert of(august["satisfaction"], *columns) == ["group", None, None, None, 6, "no_data"]
    found = score([withheld("on_time_rate", "few_dossiers")], CRITERIA)
    assert of(found["703", "total"], *columns) == ["total", None, None, None, 36, "no_data"]


def test_a_kpi_that_has_no_values_of_a_level_is_no_lack_of_data() -> None:
    of_province = value("online_dossier_rate", 16, 60, "72", unit_level="province")
    found = score([value("on_time_rate", 55, 60), of_province], CRITERIA)
    assert found["703", "3.3"]["no_points_reason"] == "not_of_this_level"
    assert found["703", "4.2"]["no_points_reason"] == "no_data"


def test_what_is_assumed_or_synthetic_marks_the_totals_that_have_it(august: dict[str, Row]) -> None:
    assert {name for name, row in august.items() if row["is_assumed"]} == {"3.3", "online_service", "total"}
    assert {name for name, row in august.items() if row["synthetic"]} == {"4.2", "digitisation", "total"}


def test_counts_of_a_withheld_value_are_nowhere_in_the_score() -> None:
    """A score that had them would differ with them: it does not."""
    hidden = [withheld("on_time_rate", "few_dossiers", numerator=count, denominator=9.0) for count in (2.0, 7.0)]
    first, second = (score([*VALUES[1:3], row], CRITERIA) for row in hidden)
    assert first == second
    assert of(first["703", "2.1"], "numerator", "denominator", "value", "next_point_needs") == [None] * 4


def test_a_value_without_counts_is_scored_by_its_percentage_and_has_no_next_step() -> None:
    measured = {**value("on_time_rate", 1, 1), "numerator": None, "denominator": None, "value": 91.5}
    found = score([measured], CRITERIA)
    assert of(found["703", "2.1"], "points", "next_point_needs", "gain_rank") == [18.3, None, None]


def test_each_unit_and_window_is_scored_by_itself() -> None:
    quarter: Row = {"window_type": "quarter", "window_start": date(2022, 10, 1), "window_end": date(2022, 12, 31)}
    values = [value("on_time_rate", 60, 60), value("on_time_rate", 30, 60, "709")]
    assert [found["points"] for found in score(values, CRITERIA).values() if found["scope"] == "total"] == [20, 10]
    (later,) = [
        row for row in score([value("on_time_rate", 30, 60, **quarter)], CRITERIA).values() if row["scope"] == "total"
    ]
    assert of(later, "window_type", "window_end", "points") == ["quarter", date(2022, 12, 31), 10]


def test_no_window_is_scored_that_begins_before_the_index_was_in_force() -> None:
    for start in (date(2022, 1, 1), date(2022, 7, 1)):
        early: Row = {"window_type": "ytd", "window_start": start, "window_end": date(2022, 9, 30)}
        assert score([value("on_time_rate", 55, 60, **early)], CRITERIA) == {}


def test_a_window_in_which_a_criterion_changes_has_no_points_for_it() -> None:
    changed = [
        {**CRITERIA[0], "valid_to": date(2022, 8, 14)},
        {**CRITERIA[0], "valid_from": date(2022, 8, 15), "maximum": 10},
        *CRITERIA[1:],
    ]
    found = score(VALUES, changed)
    assert of(found["703", "2.1"], "points", "no_points_reason") == [None, "criterion_changed"]
    assert of(found["703", "total"], "points", "maximum", "full_maximum") == [6.13, 8, 26]


def test_parts_of_a_window_and_other_statistics_are_no_values_of_a_criterion() -> None:
    part = value("on_time_rate", 55, 60, part_start=date(2022, 8, 15), part_end=date(2022, 8, 31))
    assert score([part], CRITERIA) == {}
    caller = value("on_time_rate", 55, 60, statistic="caller")
    assert score([caller], CRITERIA)["703", "2.1"]["no_points_reason"] == "no_data"
    by_statistic = [criterion("2.1", "timeliness", 20, "on_time_rate", statistic="caller")]
    assert score([caller], by_statistic)["703", "2.1"]["points"] == 18.33

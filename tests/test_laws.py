"""Laws of the figures: what must not change when something else does, whatever a province delivers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import facts
import pytest
from activity import PROCEDURES, Activity, AnyProvince, few
from deliveries import put
from hypothesis import given
from hypothesis import strategies as st
from oracle_766 import KINDS
from projects import Fresh
from provinces import History, change, initial
from tables import publish, values

from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

Row = dict[str, Any]
FEW = few(60)
FROM_ROWS = (
    *("online_dossier_rate", "online_dossier_rate_with_service", "online_dossier_rate_full_online"),
    *("dossier_channel_missing_rate", "community_group_count", "digital_enterprise_count", "smart_city_progress"),
)
"""KPIs whose rows each have a unit of their own, so that it does not matter which other units there are."""
ADDED_UP = ("online_dossier_rate", "dossier_channel_missing_rate", "exchange_volume", "connection_availability")
SEEN_WITHIN, AT_THE_END = ("connection_undeclared",), ("connection_unused", "service_usage_rate")
"""KPIs that count distinct items: among those seen within the window, and among those that there are at its end."""
MONTHS = tuple(Month(2025, 1).through(Month(2025, 3)))
PLACE = ("kpi_code", "window_type", "window_start", "window_end", "part_start", "unit_code", "system", "statistic")
COUNTS = ("numerator", "denominator", "value")
CHANGES = ("rename", "merge_agency", "close_agency", "merge_commune", "split_commune", "merge_province")


@pytest.fixture(scope="module")
def any_province(tmp_path_factory: pytest.TempPathFactory) -> AnyProvince:
    return AnyProvince.made(tmp_path_factory.mktemp("any") / "project")


@st.composite
def activities(draw: st.DrawFn, missing: bool = False) -> Activity:  # noqa: FBT001, FBT002 - of a strategy
    """What a province that does not change delivers in the first quarter of 2025."""
    tables = st.tuples(st.sampled_from(["statistics.dossier", "public_post"]), st.sampled_from(MONTHS))
    lacking = draw(st.frozensets(tables, max_size=1)) if missing else frozenset()
    return Activity(initial(), MONTHS, lacking, draw(st.randoms(use_true_random=True)))


def by_place(rows: Iterable[Row], columns: Iterable[str] = COUNTS) -> dict[tuple[Any, ...], list[Any]]:
    """The counts and value of each row, or other columns, by what it is of."""
    return {tuple(row[name] for name in PLACE): [row[name] for name in columns] for row in rows}


def everything(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[Any]]:
    """Every column of each row, by what it is of."""
    found = list(rows)
    return by_place(found, sorted(found[0])) if found else {}


def copied(warehouse: Settings, fresh: Fresh) -> Settings:
    """Another warehouse with the same tables."""
    other = replace(warehouse, warehouse=fresh().warehouse)
    shutil.copytree(warehouse.warehouse, other.warehouse, dirs_exist_ok=True)
    return other


def with_history(warehouse: Settings, fresh: Fresh, any_province: AnyProvince, history: History) -> Settings:
    """Another warehouse with the same rows and other lists of units."""
    other = copied(warehouse, fresh)
    for table, rows in history.tables().items():
        publish(other, any_province.declared, table, table.partition(".")[2], None, rows)
    return other


def of_province(rows: Iterable[Row]) -> dict[tuple[Any, ...], list[Any]]:
    """The province's counts and values, whatever its code."""
    return by_place({**row, "unit_code": None} for row in rows if row["unit_level"] == "province")


@FEW
@given(
    *(activities(), st.sampled_from(CHANGES), st.dates(date(2025, 1, 2), date(2025, 3, 31))),
    st.permutations(range(5)),
)
def test_splitting_merging_or_renaming_units_leaves_the_province_unchanged(
    fresh: Fresh, any_province: AnyProvince, activity: Activity, event: str, day: date, order: list[int]
) -> None:
    of_all = any_province.lenient()
    warehouse = of_all.warehouse(fresh().warehouse)
    activity.publish(warehouse, of_all.declared)
    changed = deepcopy(activity.history)
    change(changed, event, day, order)
    other = with_history(warehouse, fresh, of_all, changed)
    before, after = (of_province(values(each, of_all.declared, *FROM_ROWS)) for each in (warehouse, other))
    assert after == before


@FEW
@given(activities())
def test_a_unit_without_data_changes_only_coverage_and_what_that_withholds(
    fresh: Fresh, any_province: AnyProvince, activity: Activity
) -> None:
    warehouse = any_province.warehouse(fresh().warehouse)
    activity.publish(warehouse, any_province.declared)
    larger = deepcopy(activity.history)
    larger.found_agency("H53.09", date(2010, 1, 1))
    larger.unit("25499", "commune", "703", date(2010, 1, 1))
    other = with_history(warehouse, fresh, any_province, larger)
    columns = (*COUNTS, "withheld_reason", "coverage_units")
    before, after = (by_place(values(each, any_province.declared, *FROM_ROWS), columns) for each in (warehouse, other))
    assert before.keys() <= after.keys()
    for place, (*counts, reason, coverage) in after.items():
        if place not in before:
            assert (place[5] in {"H53.09", "25499"}, counts) == (True, [None, None, None])
        elif reason in {"silent", "low_coverage"}:
            assert coverage <= before[place][-1]
        else:
            assert [*counts, reason] == before[place][:4]


def deliveries(rows: list[Row]) -> list[tuple[str, bytes]]:
    """Dossiers in three files; those of one have nothing to do with those of another."""
    return [(f"{number}.csv", facts.extract(rows[number::3])) for number in range(3)]


@FEW
@given(activities(), st.permutations(range(3)), st.lists(st.integers(0, 2), max_size=3))
def test_the_order_and_repetition_of_deliveries_change_nothing(
    fresh: Fresh, any_province: AnyProvince, activity: Activity, order: list[int], again: list[int]
) -> None:
    one = any_province.warehouse(fresh().warehouse)
    without = replace(activity, missing=frozenset(("statistics.dossier", month) for month in MONTHS))
    without.publish(one, any_province.declared)
    activity.write_lists(one)
    other = copied(one, fresh)
    for month in MONTHS:
        files = deliveries([*activity.rows("statistics.dossier", month), *facts.dossiers(9, "H53.01", month.last)])
        for day, number in enumerate((0, 1, 2), 3):
            put(one, "dossier", files[number][1], str(month), files[number][0], day)
        for day, number in enumerate((*order, *again), 3):
            put(other, "dossier", files[number][1], str(month), f"sent_on_{day}.csv", day)
    codes = [code for code in FROM_ROWS if "dossier" in code]
    found = []
    for warehouse in (one, other):
        ingest(warehouse, any_province.declared, "dossier", MONTHS)
        found.append(everything(values(warehouse, any_province.declared, *codes)))
    assert found[0] == found[1]
    assert any(row["value"] is not None for row in values(one, any_province.declared, codes[0]))


@FEW
@given(activities())
def test_months_add_up_for_counts_and_not_for_distinct_items(
    fresh: Fresh, any_province: AnyProvince, activity: Activity
) -> None:
    of_all = any_province.lenient()
    warehouse = of_all.warehouse(fresh().warehouse)
    activity.publish(warehouse, of_all.declared)
    found = by_place(values(warehouse, of_all.declared, *ADDED_UP, *SEEN_WITHIN, *AT_THE_END))
    whole = {place: counts for place, counts in found.items() if place[1] in {"quarter", "ytd"}}
    assert {place[1] for place in whole} == {"quarter", "ytd"}
    for place, (*counts, value) in whole.items():
        if value is None:
            continue
        code, _, _, end, *rest = place
        months = [month for month in MONTHS if month.last <= end]
        parts = [found.get((code, "month", month.first, month.last, *rest), [None] * 3)[:2] for month in months]
        totals = [sum(count or 0 for count in column) for column in zip(*parts, strict=True)]
        if code in ADDED_UP:
            assert [count or 0 for count in counts] == totals
        elif code in SEEN_WITHIN:
            assert max(of_month or 0 for _, of_month in parts) <= (counts[1] or 0) <= totals[1]
        elif parts[-1][1] is not None:
            assert counts[1] == parts[-1][1]


def test_a_service_used_in_each_month_of_a_quarter_is_one_service(fresh: Fresh, any_province: AnyProvince) -> None:
    of_all = any_province.lenient()
    warehouse = of_all.warehouse(fresh().warehouse)
    agency = "H53.01"
    listed = [facts.service(code, "full", authority="province", agency=agency) for code in PROCEDURES[:4]]
    quiet = Activity(initial(), (), frozenset(), Random(0))  # noqa: S311 - needs no secrecy
    quiet.publish(warehouse, of_all.declared)
    for number, month in enumerate(MONTHS):
        every = facts.dossiers(1, agency, month.first, procedure=PROCEDURES[0])
        new = facts.dossiers(1, agency, month.last, procedure=PROCEDURES[number])
        publish(warehouse, of_all.declared, "statistics.dossier", "dossier", str(month), [*every, *new])
        publish(warehouse, of_all.declared, "statistics.service", "service", str(month), listed)
    rows = values(warehouse, of_all.declared, "service_usage_rate")
    used = {
        row["window_end"]: row["numerator"] for row in rows if (row["window_type"], row["unit_code"]) == ("ytd", "72")
    }
    # The first service in each month; the second in February and the third in March as well: 1, 2 and 3 in all.
    assert [used[month.last] for month in MONTHS] == [1, 2, 3]
    monthly = [row["numerator"] for row in rows if (row["window_type"], row["unit_code"]) == ("month", "72")]
    assert sorted(monthly) == [1, 2, 2]


@FEW
@given(activities(missing=True), st.sampled_from(sorted(KINDS)))
def test_a_kpi_has_the_same_values_alone_and_beside_all_others(
    fresh: Fresh, any_province: AnyProvince, activity: Activity, code: str
) -> None:
    warehouse = any_province.warehouse(fresh().warehouse)
    activity.publish(warehouse, any_province.declared)
    other = copied(warehouse, fresh)
    together = [row for row in values(warehouse, any_province.declared) if row["kpi_code"] == code]
    assert everything(values(other, any_province.declared, code)) == everything(together)


@FEW
@given(activities(), st.sampled_from(["America/New_York", "Pacific/Kiritimati", "UTC"]))
def test_the_time_zone_of_the_session_changes_no_value(
    fresh: Fresh, any_province: AnyProvince, activity: Activity, time_zone: str
) -> None:
    warehouse = any_province.warehouse(fresh().warehouse)
    activity.publish(warehouse, any_province.declared)
    elsewhere = replace(copied(warehouse, fresh), time_zone=time_zone)
    at_home = everything(values(warehouse, any_province.declared))
    assert everything(values(elsewhere, any_province.declared)) == at_home

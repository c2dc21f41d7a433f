"""Every KPI is computed twice: by the engine, and in pandas from the definitions in words. The two agree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from activity import Activity, AnyProvince, activities, few
from expected import Expected, Key, Warehouse, rounded
from hypothesis import given
from oracle_766 import KINDS
from projects import PROJECT, Fresh
from tables import values

from dx_pipeline.declarations import catalogue

pytestmark = pytest.mark.slow

Row = dict[str, Any]
FEW = few(90, by_default=2)
COUNTED_AMONG = {"connection_undeclared", "connection_unused"}
"""Counts that are shown with what they are among."""
PUBLISHED_BY_OTHERS = "digital_enterprise_index"


@pytest.fixture(scope="module")
def any_province(tmp_path_factory: pytest.TempPathFactory) -> AnyProvince:
    return AnyProvince.made(tmp_path_factory.mktemp("any") / "project")


def disagreements(rows: Iterable[Row], warehouse: Warehouse) -> list[str]:
    """Where the engine's values are not those expected, or expected ones are not there."""
    expected = warehouse.values()
    found = []
    for row in rows:
        key = (
            *(row[name] for name in ("kpi_code", "window_type", "window_start", "window_end", "part_start")),
            *(row[name] for name in ("unit_code", "system", "statistic")),
        )
        wanted = expected.pop(key, None) or _of_all_units(warehouse, expected, key, row)
        if row["withheld_reason"] != "few_dossiers" and not _agree(row, wanted):
            shown = {name: row[name] for name in ("numerator", "denominator", "value", "withheld_reason")}
            found.append(f"{key}: {shown}, expected {wanted}")
    return found + [f"{key}: nothing, expected {wanted}" for key, wanted in expected.items()]


def _of_all_units(warehouse: Warehouse, expected: dict[Key, Expected], key: Key, row: Row) -> Expected | None:
    """Where a month is missing or the definition changes, there is no value for the province, nor for any unit."""
    province = str(warehouse.territory.province(row["part_end"] or row["window_end"]))
    wanted = expected.get((*key[:5], province, *key[6:])) or Expected()
    return wanted if wanted.reason in {"incomplete", "definition_changed", "no_definition"} else None


def _agree(row: Row, wanted: Expected | None) -> bool:
    if wanted is None or wanted.value is None or row["value"] is None:
        return wanted is not None and wanted.value is None and row["withheld_reason"] == wanted.reason
    kind = KINDS[row["kpi_code"]]
    has_denominator = kind.is_percent or row["kpi_code"] in COUNTED_AMONG
    wanted_counts = [wanted.numerator, wanted.denominator if has_denominator else None]
    is_same = row["value"] == rounded(wanted.value, kind.decimals)
    return is_same and [row["numerator"], row["denominator"]] == wanted_counts


@pytest.mark.no_cover  # the second computation is in Python: tracing it takes as long again
def test_in_the_sample_every_value_is_the_one_expected(province: dict[str, Any]) -> None:
    folder = Path(province["warehouse"])
    rows = [
        row
        for path in sorted((folder / "tables/kpi.value").glob("*/*.parquet"))
        for row in pq.read_table(path).to_pylist()
        if row["units_on"] is None
    ]
    ours = [row for row in rows if row["kpi_code"] != PUBLISHED_BY_OTHERS]
    systems = catalogue.load(PROJECT).systems
    assert {row["kpi_code"] for row in ours} == set(KINDS) == set(catalogue.load(PROJECT).kpis) - {PUBLISHED_BY_OTHERS}
    assert disagreements(ours, Warehouse(folder, tuple(systems))) == []
    shown = {row["kpi_code"] for row in ours if row["value"] is not None}
    assert shown == set(KINDS)


@FEW
@given(activities())
def test_in_a_random_province_every_value_is_the_one_expected(
    fresh: Fresh, any_province: AnyProvince, activity: Activity
) -> None:
    declared, warehouse = any_province.declared, any_province.warehouse(fresh().warehouse)
    activity.publish(warehouse, declared)
    rows = [row for row in values(warehouse, declared, *KINDS) if row["units_on"] is None]
    assert disagreements(rows, Warehouse(warehouse.warehouse, tuple(declared.systems))) == []

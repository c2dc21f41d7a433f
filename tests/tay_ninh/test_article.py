"""The article's figures, end to end: from the sample's files alone to the published release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from projects import Dx

FIRST_HALF = "window_type = 'ytd' AND window_start = DATE '2022-01-01' AND window_end = DATE '2022-06-30'"


@pytest.fixture
def release(province: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(province["warehouse"] / "current" / "dx.duckdb"), read_only=True) as connection:
        yield connection


def values(release: duckdb.DuckDBPyConnection, where: str) -> dict[str, list[Any]]:
    rows = release.execute(
        f"""SELECT kpi_code, value, numerator, denominator, published_value, published_difference, synthetic
            FROM kpi.value WHERE unit_level = 'province' AND {where}"""
    )
    return {code: rest for code, *rest in rows.fetchall()}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}


def test_the_first_half_of_2022_reproduces_the_article(release: duckdb.DuckDBPyConnection) -> None:
    found = values(release, FIRST_HALF)
    assert found["service_integration_rate"] == [52.8, 960, 1818, 52.8, 0, True]
    assert found["service_usage_rate"][:3] == [34.37, 763, 2_220]
    assert found["online_dossier_rate"][:3] == [17.65, 14_120, 80_000]
    assert found["community_group_count"][:2] == [484, 484]
    assert found["dx_plan_coverage"][:3] == [100, 28, 28]
    assert all(row[4] == 0 for code, row in found.items() if row[3] is not None)


def test_the_index_of_2020_is_reported_and_not_recomputed(release: duckdb.DuckDBPyConnection) -> None:
    found = values(release, "window_type = 'year' AND window_start = DATE '2020-01-01'")
    assert found == {"digital_enterprise_index": [2.79, None, None, 2.79, None, False]}


def test_what_rests_on_the_sample_is_synthetic(province: dict[str, Any], release: duckdb.DuckDBPyConnection) -> None:
    defined = f"{FIRST_HALF} AND withheld_reason IS DISTINCT FROM 'no_definition'"
    assert all(row[5] for row in values(release, defined).values())
    package = json.loads((province["warehouse"] / "current" / "datapackage.json").read_text(encoding="utf-8"))
    assert package["dx"]["synthetic"] is True


def test_an_unfinished_year_is_not_enough_data_and_not_zero(release: duckdb.DuckDBPyConnection) -> None:
    rows = release.execute(
        """SELECT DISTINCT status, value, numerator FROM kpi.value
           WHERE window_type = 'year' AND window_end = DATE '2022-12-31' AND kpi_code <> 'digital_enterprise_index'"""
    ).fetchall()
    assert rows == [("not_enough_data", None, None)]


def test_every_row_of_every_delivery_is_accounted_for(release: duckdb.DuckDBPyConnection) -> None:
    accounted = "rows_in = rows_accepted + rows_duplicate + rows_filtered + rows_quarantined"
    assert release.execute(f"FROM ledger.conservation WHERE NOT ({accounted})").fetchall() == []
    assert len(release.execute("FROM ledger.delivery").fetchall()) > 80


def test_a_second_run_changes_nothing_and_says_so(province: dict[str, Any], dx: Dx) -> None:
    before = digests(province["warehouse"] / "current" / "kpi")
    again = dx("run", warehouse=province["warehouse"])
    assert again.returncode == 0, again.stderr
    assert "Nothing changed" in again.stderr
    assert digests(province["warehouse"] / "current" / "kpi") == before


def test_the_kpi_files_say_what_each_column_means(province: dict[str, Any]) -> None:
    schema = pq.read_schema(province["warehouse"] / "current" / "kpi" / "value.parquet")
    assert all(field.metadata[b"description"] and field.metadata[b"description_vi"] for field in schema)


def test_dossier_codes_stay_inside_the_warehouse(release: duckdb.DuckDBPyConnection) -> None:
    columns = {name for (name,) in release.execute("SELECT column_name FROM duckdb_columns()").fetchall()}
    assert "procedure_code" in columns
    assert "dossier_code" not in columns


def test_no_published_cell_counts_fewer_than_ten_dossiers(release: duckdb.DuckDBPyConnection) -> None:
    ((shown, suppressed),) = release.execute(
        """SELECT count(*) FILTER (NOT suppressed AND numerator < 10), count(*) FILTER (suppressed)
           FROM kpi.value WHERE kpi_code = 'online_dossier_rate' AND denominator IS NOT NULL OR suppressed"""
    ).fetchall()
    assert shown == 0 < suppressed

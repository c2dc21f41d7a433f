"""The score of the 766 index in a release of the province: by hand, of few rows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from facts import dossiers, service
from figures import Figures
from projects import PROJECT

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

SEPTEMBER = date(2022, 9, 12)
TABLES = {
    "statistics.service": {
        "2022-09": [service(f"1.00000{number}", "full", authority="district") for number in (1, 2, 3, 4)]
    },
    "statistics.dossier": {
        "2022-09": [
            *dossiers(3, "H53.20", SEPTEMBER, "online", "1.000001"),
            *dossiers(9, "H53.20", SEPTEMBER, "direct", "1.000002"),
        ]
    },
}


@pytest.fixture(scope="module")
def published(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A release of September 2022 in which every figure is shown."""
    warehouse = tmp_path_factory.mktemp("score") / "warehouse"
    Figures(references, warehouse, declared, TABLES)
    limits = {"suppress_below": 0, "coverage_at_least": 0.0}
    shown = replace(declared, province=declared.province.model_copy(update=limits))
    return release.publish(Settings(warehouse, PROJECT, threads=1), shown)


def rows(published: Published, where: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(published.path / "public" / "dx.duckdb"), read_only=True) as connection:
        return connection.execute(
            f"""
            SELECT criterion, numerator, denominator, maximum, points, next_point_needs, item_en
            FROM kpi.score_766 WHERE window_type = 'month' AND window_end = '2022-09-30' AND {where} ORDER BY criterion
            """
        ).fetchall()


def test_the_city_is_scored_by_what_it_did(published: Published) -> None:
    city = "unit_code = '703' AND scope = 'criterion' AND criterion IN ('3.2', '3.3')"
    assert rows(published, city) == [
        ("3.2", 1, 4, 4, 1, 1, "services"),  # 25% of the 4 points; one service more is one point more
        ("3.3", 3, 12, 4, 2, 2, "dossiers"),  # 25% of 50%; 6 of 12 are all 4 points: 1.5 for a point
    ]


def test_the_whole_index_is_100_points_and_the_total_is_out_of_those_that_are_measured(published: Published) -> None:
    path = published.path / "public" / "kpi" / "score_766.parquet"
    found = [
        row
        for row in pq.read_table(path).to_pylist()
        if row["window_end"] == date(2022, 9, 30) and row["window_type"] == "month"
    ]
    province = [row for row in found if row["unit_level"] == "province"]
    (total,) = [row for row in province if row["scope"] == "total"]
    assert total["full_maximum"] == 100
    scored = [row for row in province if row["scope"] == "criterion" and row["points"] is not None]
    assert total["maximum"] == sum(row["maximum"] for row in scored) < 100
    assert total["points"] == pytest.approx(sum(row["points"] for row in scored))
    unscored = [row for row in province if row["scope"] == "criterion" and row["points"] is None]
    assert all(row["no_points_reason"] for row in unscored)
    assert len(scored) + len(unscored) == 21


def test_the_queries_of_the_how_to_page_answer_what_it_says(published: Published) -> None:
    page = (PROJECT / "docs" / "how-to" / "read-the-766-score.md").read_text(encoding="utf-8")
    total, steps, missing = re.findall(r"^```sql\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    with duckdb.connect(str(published.path / "public" / "dx.duckdb"), read_only=True) as connection:
        assert connection.execute(total).fetchall()[0][2:4] == (100, True)
        assert [row[0] for row in connection.execute(steps).fetchall()][:2] == ["3.2", "3.3"]
        assert ("1.1", "no_kpi") in {row[:2] for row in connection.execute(missing).fetchall()}

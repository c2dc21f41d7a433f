"""What was published about Tây Ninh: recomputed from its own counts, and beside what is measured."""

from __future__ import annotations

from typing import Any

import duckdb
from projects import Dx

from dx_pipeline.declarations.catalogue import Catalogue

FLAGGED = "full_online_service_rate"


def rows(province: dict[str, Any], columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    path = province["warehouse"] / "current" / "dx.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        asked = f"SELECT {columns} FROM kpi.published_comparison WHERE {where} ORDER BY ALL"
        return connection.execute(asked).fetchall()


def test_the_figure_that_does_not_follow_from_its_counts_is_flagged_and_explained(province: dict[str, Any]) -> None:
    columns = "kpi_code, published_value, recomputed_value, recomputed_difference"
    assert rows(province, columns, "is_beyond_rounding") == [(FLAGGED, 41.11, 41.14, -0.03)]
    ((vi, en),) = rows(province, "explanation_vi, explanation_en", "is_beyond_rounding")
    assert "731/1.778" in vi
    assert "731/1,778 = 41.11%" in en


def test_figures_within_rounding_are_not_flagged(province: dict[str, Any]) -> None:
    within = rows(province, "kpi_code, recomputed_value", "NOT is_beyond_rounding")
    assert within == [("community_group_count", 484), ("dx_plan_coverage", 100), ("service_integration_rate", 52.8)]


def test_the_articles_figures_are_measured_on_synthetic_data_which_the_comparison_says(
    province: dict[str, Any],
) -> None:
    columns = "kpi_code, measured_difference, synthetic"
    assert rows(province, columns, "period_end = DATE '2022-06-30'") == [
        ("community_group_count", 0, True),
        ("dx_plan_coverage", 0, True),
        ("online_dossier_rate", 0, True),
        ("service_integration_rate", 0, True),
        ("service_usage_rate", 0, True),
    ]


def test_each_figure_without_a_measured_value_says_why(province: dict[str, Any]) -> None:
    assert rows(province, "*", "measured_value IS NULL AND not_measured_reason IS NULL") == []
    reasons = dict(rows(province, "DISTINCT kpi_code, not_measured_reason", "kpi_code IS NOT NULL"))
    assert reasons["digital_enterprise_index"] == "only_reported"
    assert reasons[FLAGGED] == "incomplete"
    assert rows(province, "DISTINCT not_measured_reason", "kpi_code IS NULL") == [("no_kpi",)]


def test_a_figure_is_in_the_unit_of_its_kpi(province: dict[str, Any], declared: Catalogue) -> None:
    for code, unit in rows(province, "kpi_code, unit_of_measure", "kpi_code IS NOT NULL"):
        assert unit == declared.kpis[code].definition.unit_of_measure, code


def test_a_kpi_is_shown_with_what_was_published_about_it(province: dict[str, Any], dx: Dx) -> None:
    shown = dx("kpi", FLAGGED, "--lang", "en", warehouse=province["warehouse"])
    assert shown.returncode == 0, shown.stderr
    for words in ("731, chiếm 41,11%", "≠ 41.14%", "731/1,778 = 41.11%"):
        assert words in shown.stdout

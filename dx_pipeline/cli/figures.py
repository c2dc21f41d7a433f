"""KPI values as the command line shows them, read from the release in force."""

from __future__ import annotations

from typing import Any

import duckdb

from dx_pipeline import release
from dx_pipeline.cli import screen
from dx_pipeline.errors import UsageError
from dx_pipeline.settings import Settings

HEADLINE = """
    WITH ranked AS (
        SELECT *, row_number() OVER (
            PARTITION BY kpi_code
            -- What was published can be compared; otherwise the latest window that has a value.
            ORDER BY value IS NULL, window_end DESC, list_position(['ytd', 'year', 'quarter', 'month'], window_type)
        ) AS place
        FROM kpi.value WHERE unit_level = 'province'
    )
    SELECT ranked.*, definition.title_vi, definition.title_en
    FROM ranked
    JOIN kpi.definition AS definition ON definition.kpi_code = ranked.kpi_code
        AND definition.definition_version = coalesce(ranked.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = ranked.kpi_code))
    WHERE place = 1 OR published_value IS NOT NULL
    ORDER BY ranked.kpi_code, window_end
"""

OF_ONE = """
    SELECT value.*, definition.title_vi, definition.title_en
    FROM kpi.value AS value
    JOIN kpi.definition AS definition ON definition.kpi_code = value.kpi_code
        AND definition.definition_version = coalesce(value.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = value.kpi_code))
    WHERE value.kpi_code = $code AND value.unit_level = 'province'
    ORDER BY window_end, list_position(['month', 'quarter', 'ytd', 'year'], window_type)
"""


def headline(settings: Settings) -> list[dict[str, Any]]:
    """For each KPI the province's latest value, and every value with a published one beside it."""
    return _query(settings, HEADLINE, {})


def of_one(settings: Settings, code: str) -> list[dict[str, Any]]:
    """Every window of one KPI for the province.

    Raises:
        UsageError: there is no such KPI in the release.
    """
    rows = _query(settings, OF_ONE, {"code": code})
    if not rows:
        known = ", ".join(sorted({row["kpi_code"] for row in headline(settings)}))
        message = f"'{code}' is no KPI of the current release; known are {known}."
        raise UsageError(message)
    return rows


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """The values as a table: figure, target, status, what was published, and the difference."""
    lines = []
    for row in rows:
        unit = row["unit_of_measure"]
        counts = screen.number(row["numerator"])
        if row["denominator"] is not None:
            counts += f" / {screen.number(row['denominator'])}"
        target = screen.number(row["target"], unit)
        if row["target_due"] is not None:
            target += f" ({row['target_due'].year})"
        difference = row["published_difference"]
        lines.append(
            (
                f"{row['title_vi']}\n[dim]{row['title_en']}[/]",
                _window(row),
                f"[bold]{screen.number(row['value'], unit)}[/]" + (" *" if row["synthetic"] else ""),
                counts,
                target,
                screen.STATUS_WORDS[row["status"]],
                screen.number(row["published_value"], unit),
                screen.number(difference) if difference is None or difference <= 0 else f"+{screen.number(difference)}",
            )
        )
    screen.show_table(
        title,
        (
            "KPI",
            "Kỳ\nWindow",
            "Giá trị\nValue",
            "Tử / mẫu\nCounts",
            "Chỉ tiêu\nTarget",
            "Đánh giá\nStatus",
            "Đã công bố\nPublished",
            "Chênh lệch\nDifference",
        ),
        lines,
        right=(2, 3, 4, 6, 7),
    )
    if any(row["synthetic"] for row in rows):
        screen.OUT.print("* DỮ LIỆU TỔNG HỢP – không phải số liệu thật / SYNTHETIC DATA – not real figures")


def _window(row: dict[str, Any]) -> str:
    """A window in few words: a month, a quarter, a year, or a year up to a month."""
    start, end = row["window_start"], row["window_end"]
    match row["window_type"]:
        case "month":
            return f"{end:%m/%Y}"
        case "quarter":
            return f"Q{(end.month + 2) // 3}/{end.year}"
        case "ytd":
            return f"{start:%m}–{end:%m/%Y}"
        case _:
            return f"{end.year}"


def _query(settings: Settings, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    path = settings.current / release.DATABASE
    if not path.is_file():
        message = "there is no release yet: run 'dx run' first."
        raise UsageError(message)
    connection = duckdb.connect(str(path), read_only=True)
    try:
        cursor = connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()

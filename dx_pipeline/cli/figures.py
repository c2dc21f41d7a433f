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
            PARTITION BY kpi_code, statistic
            -- What was published can be compared; otherwise the latest window that has a value.
            ORDER BY value IS NULL, CASE WHEN value IS NULL THEN coverage END DESC, window_end DESC,
                list_position(['ytd', 'year', 'quarter', 'month'], window_type)
        ) AS place
        FROM kpi.value WHERE unit_level = 'province' AND system IS NULL
    )
    SELECT ranked.*, definition.title_vi, definition.title_en
    FROM ranked
    JOIN kpi.definition AS definition ON definition.kpi_code = ranked.kpi_code
        AND definition.definition_version = coalesce(ranked.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = ranked.kpi_code))
    WHERE place = 1 OR published_value IS NOT NULL
    ORDER BY ranked.kpi_code, window_end, statistic
"""

OF_ONE = """
    SELECT value.*, definition.title_vi, definition.title_en
    FROM kpi.value AS value
    JOIN kpi.definition AS definition ON definition.kpi_code = value.kpi_code
        AND definition.definition_version = coalesce(value.definition_version,
            (SELECT max(d.definition_version) FROM kpi.definition AS d WHERE d.kpi_code = value.kpi_code))
    WHERE value.kpi_code = $code AND value.unit_level = 'province'
    ORDER BY window_end, list_position(['month', 'quarter', 'ytd', 'year'], window_type),
        statistic, system NULLS FIRST
"""

CONNECTIONS = """
    WITH latest AS (
        SELECT max(window_end) AS window_end FROM kpi.value
        WHERE kpi_code = 'exchange_volume' AND window_type = 'month' AND value IS NOT NULL
    ),
    told AS (
        SELECT kpi_code, system, statistic, value.value, target, status, synthetic
        FROM kpi.value AS value JOIN latest USING (window_end)
        WHERE window_type = 'month' AND unit_level = 'province' AND system IS NOT NULL
    )
    SELECT
        system.system, system.name_vi AS title_vi, system.name_en AS title_en, latest.window_end,
        count(register.operation) AS operations,
        any_value(availability.value) AS availability_pct,
        any_value(availability.target) AS agreed_availability_pct,
        any_value(availability.status) AS availability_status,
        any_value(freshness.value) AS freshness_days,
        any_value(volume.value) AS exchanges,
        any_value(p50.value) AS p50_ms, any_value(p95.value) AS p95_ms, any_value(p99.value) AS p99_ms,
        bool_or(volume.synthetic) AS synthetic
    FROM reference.system AS system
    CROSS JOIN latest
    LEFT JOIN connection.register AS register ON register.system = system.system
        AND register.month = date_trunc('month', latest.window_end)
        AND register.connection_status = 'connected' AND register.environment = 'production'
    LEFT JOIN told AS availability ON availability.system = system.system
        AND availability.kpi_code = 'connection_availability' AND availability.statistic = 'exchange'
    LEFT JOIN told AS freshness ON freshness.system = system.system AND freshness.kpi_code = 'connection_freshness'
    LEFT JOIN told AS volume ON volume.system = system.system AND volume.kpi_code = 'exchange_volume'
    LEFT JOIN told AS p50 ON p50.system = system.system AND p50.statistic = 'p50'
    LEFT JOIN told AS p95 ON p95.system = system.system AND p95.statistic = 'p95'
    LEFT JOIN told AS p99 ON p99.system = system.system AND p99.statistic = 'p99'
    WHERE system.is_planned
    GROUP BY ALL ORDER BY system.system
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


def connections(settings: Settings) -> list[dict[str, Any]]:
    """How each planned system stood in the latest month with traffic: one row a system."""
    return _query(settings, CONNECTIONS, {})


def show_connections(rows: list[dict[str, Any]]) -> None:
    """The systems as a table: connected or not, availability, freshness, volume and latency."""
    lines = [
        (
            f"{row['title_vi']}\n[dim]{row['title_en']}[/]",
            f"[green]{row['operations']}[/]" if row["operations"] else "[yellow]chưa / not[/]",
            f"{screen.number(row['availability_pct'], 'percent')}{' *' if row['synthetic'] else ''}",
            f"{screen.number(row['agreed_availability_pct'], 'percent')}",
            screen.number(row["freshness_days"]),
            screen.number(row["exchanges"]),
            " / ".join(screen.number(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms")),
        )
        for row in rows
    ]
    latest = next((row["window_end"] for row in rows if row["window_end"]), None)
    month = f" {latest:%m/%Y}" if latest else ""
    screen.show_table(
        f"Kết nối với hệ thống quốc gia / Connections to national systems{month}",
        (
            "Hệ thống\nSystem",
            "Dịch vụ\nOperations",
            "Sẵn sàng\nAvailable",
            "Cam kết\nAgreed",
            "Tuổi (ngày)\nAge (days)",
            "Lượt\nExchanges",
            "p50 / p95 / p99 (ms)\nLatency",
        ),
        lines,
        right=(1, 2, 3, 4, 5, 6),
    )


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
                f"{row['title_vi']}{_part(row)}\n[dim]{row['title_en']}[/]",
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


def _part(row: dict[str, Any]) -> str:
    """Which of several figures of one KPI it is."""
    parts = [part for part in (row["statistic"], row["system"]) if part is not None]
    return f" ({', '.join(parts)})" if parts else ""


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

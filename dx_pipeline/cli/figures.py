"""KPI values as the command line shows them, read from the current release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb

from dx_pipeline import release
from dx_pipeline.cli import screen
from dx_pipeline.cli.screen import both, heading
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import HEADLINE, evaluation
from dx_pipeline.release import question
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import KpiKey

Row = dict[str, Any]

CONNECTION_KPIS = frozenset({"connection_availability", "connection_freshness", "exchange_latency", "exchange_volume"})
"""The KPIs by system that `connections.sql` shows side by side, in projects that have them."""


def headline(settings: Settings, catalogue: Catalogue) -> list[Row]:
    """For each KPI the province's latest value, and those with a published value; headline KPIs first."""
    return _query(settings, sql_file(__file__, "headline"), first=list(catalogue.province.headline))


def low_coverage(settings: Settings, months: Sequence[str]) -> list[Row]:
    """The province's values of some months that are withheld for low coverage."""
    return _query(settings, sql_file(__file__, "low_coverage"), months=list(months))


def unexplained(settings: Settings) -> list[Row]:
    """The published figures that do not follow from their own counts, and that nobody has explained."""
    return _query(settings, sql_file(__file__, "unexplained"))


def of_one(settings: Settings, catalogue: Catalogue, code: str) -> list[Row]:
    """Every window of one KPI for the province.

    Raises:
        UsageError: there is no such KPI in the release, or no release.
    """
    rows = _query(settings, sql_file(__file__, "one_kpi"), code=code)
    if not rows and code in catalogue.kpis:
        raise _without_values(code)
    if not rows:
        known = ", ".join(sorted({row["kpi_code"] for row in headline(settings, catalogue)}))
        raise UsageError(f"'{code}' is no KPI of the current release; known are {known}.")
    return rows


def of_unit(settings: Settings, catalogue: Catalogue, code: str, unit: str, day: date | None = None) -> list[Row]:
    """Every window of one KPI for a unit, which is given by its code or its name then, with its name (`unit_name`).

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        code: the KPI.
        unit: the code or the name of the unit.
        day: on the units of this day, as `on_units`.

    Raises:
        UsageError: as `of_one` or `on_units`, or there is no such unit.
    """
    if day is None:
        of_one(settings, catalogue, code)
        return question.of_unit(_query(settings, question.VALUES, code=code), code, unit)
    names = {row["unit_code"]: row["name_vi"] for row in _query(settings, sql_file(__file__, "unit_name"), day=day)}
    rows = [{**row, "unit_name": names.get(row["unit_code"])} for row in on_units(settings, catalogue, code, day)]
    return question.of_unit(rows, code, unit)


def published(settings: Settings, code: str) -> list[Row]:
    """Published figures of one KPI, each with the value recomputed from its own counts and the measured value."""
    return _query(settings, sql_file(__file__, "published"), code=code)


def on_units(settings: Settings, catalogue: Catalogue, code: str, day: date) -> list[Row]:
    """Every window and unit of a KPI that adds up, on the units of a chosen day.

    Raises:
        UsageError: there is no such KPI, it has not been evaluated, or it does not add up.
    """
    if code not in catalogue.kpis:
        raise UsageError(f"'{code}' is no declared KPI; known are {', '.join(catalogue.kpis)}.")
    if partition.rows(settings, KpiKey(code)) is None:
        raise _without_values(code)
    title = catalogue.kpis[code].definition.title
    titled = {"title_vi": title.vi, "title_en": title.en}
    return [{**row, **titled} for row in evaluation.values_on(settings, catalogue, code, day)]


def _without_values(code: str) -> UsageError:
    return UsageError(
        both(
            f"KPI {code} chưa có giá trị được công bố: hãy chạy 'dx run' trước; 'dx doctor' nêu lý do nếu vẫn chưa có.",
            f"KPI {code} has no published values: run 'dx run' first; 'dx doctor' says why it is held back.",
        )
    )


def connections(settings: Settings, catalogue: Catalogue) -> list[Row]:
    """Each planned system in the latest month with traffic; none where the project lacks the KPIs for it."""
    return _query(settings, sql_file(__file__, "connections")) if catalogue.kpis.keys() >= CONNECTION_KPIS else []


def show_connections(rows: list[Row]) -> None:
    """The systems as a table: connected or not, availability, freshness, volume and latency."""
    if not rows:
        return
    lines = [
        (
            screen.titled(row),
            f"[green]{row['operations']}[/]" if row["operations"] else f"[yellow]{both('chưa', 'not')}[/]",
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
        f"{both('Kết nối với hệ thống quốc gia', 'Connections to national systems')}{month}",
        (
            heading("Hệ thống", "System"),
            heading("Dịch vụ", "Operations"),
            heading("Sẵn sàng", "Available"),
            heading("Cam kết", "Agreed"),
            heading("Tuổi (ngày)", "Age (days)"),
            heading("Lượt", "Exchanges"),
            heading("p50 / p95 / p99 (ms)", "Latency p50, p95, p99"),
        ),
        lines,
        right=(1, 2, 3, 4, 5, 6),
    )


def show(title: str, rows: list[Row]) -> None:
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
                screen.titled(row, screen.part(row)) + _unit(row),
                screen.window(row),
                f"[bold]{screen.number(row['value'], unit)}[/]" + (" *" if row["synthetic"] else ""),
                counts,
                target,
                screen.status(row["status"]),
                screen.number(row["published_value"], unit),
                screen.number(difference) if difference is None or difference <= 0 else f"+{screen.number(difference)}",
            )
        )
    screen.show_table(
        title,
        (
            "KPI",
            heading("Kỳ", "Window"),
            heading("Giá trị", "Value"),
            heading("Tử / mẫu", "Counts"),
            heading("Chỉ tiêu", "Target"),
            heading("Đánh giá", "Status"),
            heading("Đã công bố", "Published"),
            heading("Chênh lệch", "Difference"),
        ),
        lines,
        right=(2, 3, 4, 6, 7),
    )
    if any(row["synthetic"] for row in rows):
        screen.OUT.print(f"* {both('DỮ LIỆU MÔ PHỎNG – không phải số liệu thật', 'SYNTHETIC DATA – not real figures')}")


def _unit(row: Row) -> str:
    """A line about the unit of a row that is not the province's."""
    return f"\n{row['unit_code']} {row['unit_name'] or ''}" if "unit_name" in row else ""


def show_published(rows: list[Row]) -> None:
    """Published figures as a table, each recomputed from its own counts; then why those differ that do."""
    if not rows:
        return
    lines = [
        (
            row["indicator_vi"],
            f"{row['period_start']:%m/%Y}–{row['period_end']:%m/%Y}",
            row["value_as_published"],
            _marked(row),
            f"{screen.number(row['measured_value'], row['unit_of_measure'])}{' *' if row['synthetic'] else ''}",
        )
        for row in rows
    ]
    headings = (
        heading("Chỉ tiêu", "Indicator"),
        heading("Kỳ", "Period"),
        heading("Nguyên văn", "As published"),
        heading("Tính lại", "Recomputed"),
        heading("Đo được", "Measured"),
    )
    screen.show_table(both("Số liệu đã công bố", "Published figures"), headings, lines, right=(3, 4))
    for row in rows:
        if row["is_beyond_rounding"]:
            unknown = both("chưa rõ vì sao", "nobody has explained why")
            reason = both(row["explanation_vi"], row["explanation_en"]) if row["explanation_vi"] else unknown
            screen.OUT.print(f"[yellow]≠[/] {row['value_as_published']}: {reason}")


def _marked(row: Row) -> str:
    """The value recomputed from a figure's own counts, marked where rounding does not explain the difference."""
    mark = "[yellow]≠[/] " if row["is_beyond_rounding"] else ""
    return f"{mark}{screen.number(row['recomputed_value'], row['unit_of_measure'])}"


def _query(settings: Settings, statement: str, **parameters: Any) -> list[Row]:
    path = settings.current / release.PUBLIC.database
    if not path.is_file():
        raise question.no_release(None)
    connection = duckdb.connect(str(path), read_only=True)
    try:
        connection.execute(HEADLINE)
        return question.query(connection, statement, **parameters)
    finally:
        connection.close()

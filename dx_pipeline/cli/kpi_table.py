"""KPI values as tables and lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.markup import escape

from dx_pipeline.cli import screen
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.screen import number
from dx_pipeline.cli.table import show_table
from dx_pipeline.cli.trend import Series, Trend, sparklines
from dx_pipeline.kpi import words

Row = dict[str, Any]

FIRST_STATISTIC = 1
"""The place of the value of each statistic that is shown first, as `headline.sql` counts them."""


NO_TARGET = "no_target"


def show(title: str, rows: Sequence[Row], trends: Mapping[Series, Trend], named: Sequence[str]) -> None:
    """Values as a table: figure, counts, target, status, what was published, and the difference.

    Args:
        title: above the table.
        rows: of `kpi.value`, with `title_vi`, `title_en` and, if it is among `named`, `unit_name`.
        trends: by month, of the figures that have one.
        named: what differs between the rows, besides the window: `kpi`, `unit`, `part`.
    """
    names = {"kpi": "KPI", "unit": pick("Đơn vị", "Unit"), "part": pick("Số liệu", "Figure")}
    lines = [
        (*_named(row, named), *_cells(row), sparkline)
        for row, sparkline in zip(rows, sparklines(rows, trends), strict=True)
    ]
    headings = (
        *(names[name] for name in named),
        pick("Kỳ", "Window"),
        pick("Giá trị", "Value"),
        pick("Tử / mẫu", "Counts"),
        pick("Chỉ tiêu", "Target"),
        pick("Đánh giá", "Status"),
        pick("Đã công bố", "Published"),
        pick("Chênh lệch", "Difference"),
        pick("Theo tháng", "By month"),
    )
    first = len(named)
    show_table(title, headings, lines, right=(first + 1, first + 2, first + 3, first + 5, first + 6))
    show_if_synthetic(rows)


def _named(row: Row, named: Sequence[str]) -> Iterator[str]:
    for name in named:
        match name:
            case "kpi":
                yield f"{screen.title(row)}{screen.part(row)} [dim]{row['kpi_code']}[/]"
            case "unit":
                yield f"{row['unit_code']} {row['unit_name'] or ''}".rstrip()
            case _:
                yield ", ".join(filter(None, (row["statistic"], row["system"])))


def _cells(row: Row) -> tuple[str, ...]:
    """Window, value, counts, target, status, published value and difference."""
    unit = row["unit_of_measure"]
    counts = number(row["numerator"])
    if row["denominator"] is not None:
        counts += f" / {number(row['denominator'])}"
    target = number(row["target"], unit)
    if row["target_due"] is not None:
        target += f" ({row['target_due'].year})"
    return (
        window(row),
        f"[bold]{number(row['value'], unit)}[/]{screen.synthetic_mark(row)}",
        counts,
        target,
        screen.status(row["status"]) if row["status"] != NO_TARGET else "",
        number(row["published_value"], unit),
        _difference(row["published_difference"]),
    )


def _difference(difference: float | None) -> str:
    return number(difference) if difference is None or difference <= 0 else f"+{number(difference)}"


def window(row: Row) -> str:
    """The window of a value, or the days of its part, where the definition changes within the window."""
    if row["part_start"] is None:
        return screen.window(row)
    day = screen.language().day
    return f"{day(row['part_start'])} – {day(row['part_end'])}"


def show_trends(trends: Mapping[Series, Trend]) -> None:
    """The trend of each figure as a line: a bar a month, and the first and the last value."""
    lines = [(_series(series, len(trends) > 1), *_trend(trend)) for series, trend in trends.items() if trend.sparkline]
    if lines:
        show_table(pick("Theo tháng", "By month"), ("", "", pick("từ", "from"), pick("đến", "to")), lines)


def _series(series: Series, has_others: bool) -> str:
    _, statistic, system, unit = series
    return ", ".join(filter(None, (unit if has_others else None, statistic, system)))


def _trend(trend: Trend) -> tuple[str, str, str]:
    (first, value), (last, latest) = trend.ends
    month = screen.language().month
    return trend.sparkline, f"{month(first)}: {number(value)}", f"{month(last)}: {number(latest)}"


def show_lines(rows: Iterable[Row]) -> None:
    """One line a KPI: its title, its latest values, their window, and the status where there is a target."""
    latest = [row for row in rows if row["place"] == FIRST_STATISTIC]
    for _, of_kpi in groupby(latest, key=lambda row: str(row["kpi_code"])):
        screen.paragraph(_line(list(of_kpi)), hanging="    ")
    show_if_synthetic(latest)


def _line(rows: Sequence[Row]) -> str:
    first = rows[0]
    windows = list(dict.fromkeys(map(window, rows)))
    is_same = len(windows) == 1
    values = ", ".join(_value(row) + ("" if is_same else f" ({screen.together(window(row))})") for row in rows)
    about = [screen.together(windows[0])] if is_same else []
    statuses = {row["status"] for row in rows} - {NO_TARGET}
    about += map(screen.status, statuses if len({row["status"] for row in rows}) == 1 else ())
    described = f" ({'; '.join(about)})" if about else ""
    return f"{screen.title(first)} [dim]{first['kpi_code']}[/]: {values}{described}"


def _value(row: Row) -> str:
    """A value, after the name of its statistic where the KPI has several."""
    statistic = f"{row['statistic']} " if row["statistic"] else ""
    value = f"[bold]{number(row['value'], row['unit_of_measure'])}[/]"
    return screen.together(f"{statistic}{value}{screen.synthetic_mark(row)}")


def show_if_synthetic(rows: Iterable[Row]) -> None:
    """What the mark of synthetic figures means, if any of them has it."""
    if any(row["synthetic"] for row in rows):
        screen.paragraph(f"* {screen.in_words(words.SYNTHETIC)}")


def show_connections(rows: Sequence[Row]) -> None:
    """The systems as a table: connected or not, availability, freshness, volume and latency."""
    if not rows:
        return
    lines = [
        (
            screen.title(row),
            f"[green]{row['operations']}[/]" if row["operations"] else f"[yellow]{pick('chưa', 'not')}[/]",
            f"{number(row['availability_pct'], 'percent')}{screen.synthetic_mark(row)}",
            number(row["agreed_availability_pct"], "percent"),
            number(row["freshness_days"]),
            number(row["exchanges"]),
            " / ".join(number(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms")),
        )
        for row in rows
    ]
    latest = next((row["window_end"] for row in rows if row["window_end"]), None)
    month = f", {screen.language().month(latest)}" if latest else ""
    show_table(
        f"{pick('Kết nối với hệ thống quốc gia', 'Connections to national systems')}{month}",
        (
            pick("Hệ thống", "System"),
            pick("Dịch vụ", "Operations"),
            pick("Sẵn sàng", "Available"),
            pick("Cam kết", "Agreed"),
            pick("Tuổi (ngày)", "Age (days)"),
            pick("Lượt", "Exchanges"),
            "p50 / p95 / p99 (ms)",
        ),
        lines,
        right=(1, 2, 3, 4, 5, 6),
    )


def show_published(rows: Sequence[Row]) -> None:
    """Published figures as a table, each recomputed from its own counts; then why those differ that do."""
    if not rows:
        return
    month = screen.language().month
    lines = [
        (
            escape(row["indicator_vi"]),
            f"{month(row['period_start'])} – {month(row['period_end'])}",
            escape(row["value_as_published"]),
            _marked(row),
            f"{number(row['measured_value'], row['unit_of_measure'])}{screen.synthetic_mark(row)}",
        )
        for row in rows
    ]
    headings = (
        pick("Chỉ tiêu", "Indicator"),
        pick("Kỳ", "Period"),
        pick("Nguyên văn", "As published"),
        pick("Tính lại", "Recomputed"),
        pick("Đo được", "Measured"),
    )
    show_table(pick("Số liệu đã công bố", "Published figures"), headings, lines, right=(3, 4))
    for row in rows:
        if row["is_beyond_rounding"]:
            unknown = pick("chưa rõ vì sao", "nobody has explained why")
            reason = pick(row["explanation_vi"], row["explanation_en"] or row["explanation_vi"]) or unknown
            screen.paragraph(f"[yellow]≠[/] {escape(row['value_as_published'])}: {escape(reason)}")


def _marked(row: Row) -> str:
    """The value recomputed from a figure's own counts, marked where rounding does not explain the difference."""
    mark = "[yellow]≠[/] " if row["is_beyond_rounding"] else ""
    return f"{mark}{number(row['recomputed_value'], row['unit_of_measure'])}"

"""Trends: the values of one figure by month, as a line of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

Row = Mapping[str, Any]
Series = tuple[str, str | None, str | None, str]
"""Of which KPI, statistic, system and unit."""

BARS = "▁▂▃▄▅▆▇█"
ABSENT = "·"
"""What is in the place of a month without a value."""


@dataclass
class Trend:
    """The values of one figure by month: the last day of each, and its value or None."""

    months: list[tuple[date, float | None]] = field(default_factory=list)

    @property
    def sparkline(self) -> str:
        """A bar a month, from the lowest value to the highest; empty where fewer than two months have a value."""
        values = [value for _, value in self.months if value is not None]
        if len(values) < 2:  # noqa: PLR2004 - one value is no trend
            return ""
        lowest, highest = min(values), max(values)
        return "".join(_bar(value, lowest, highest) for _, value in self.months)

    @property
    def ends(self) -> tuple[tuple[date, float], tuple[date, float]]:
        """The first and the last month with a value."""
        known = [(month, value) for month, value in self.months if value is not None]
        return known[0], known[-1]


def series_of(row: Row) -> Series:
    """Which figure a row is a value of."""
    return row["kpi_code"], row["statistic"], row["system"], row["unit_code"]


def trends(rows: Iterable[Row]) -> dict[Series, Trend]:
    """The trend of each figure among rows of `kpi.value`."""
    found: dict[Series, Trend] = {}
    months = (row for row in rows if row["window_type"] == "month" and row["part_start"] is None)
    for row in sorted(months, key=lambda each: each["window_end"]):
        found.setdefault(series_of(row), Trend()).months.append((row["window_end"], row["value"]))
    return found


def sparklines(rows: Sequence[Row], by_series: Mapping[Series, Trend]) -> list[str]:
    """The trend of the figure of each row; a figure that has several rows has it on the last one."""
    last = {series_of(row): place for place, row in enumerate(rows)}
    return [
        by_series[series_of(row)].sparkline if last[series_of(row)] == place and series_of(row) in by_series else ""
        for place, row in enumerate(rows)
    ]


def _bar(value: float | None, lowest: float, highest: float) -> str:
    if value is None:
        return ABSENT
    if highest == lowest:
        return BARS[len(BARS) // 2]
    return BARS[min(int((value - lowest) / (highest - lowest) * len(BARS)), len(BARS) - 1)]

"""The profile of a run as a table: a line for each stage and table, and for the rest of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dx_pipeline.cli import screen
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.table import show_table
from dx_pipeline.profile import Stage, added_up

STAGES = {
    "fetch": ("lấy", "fetch"),
    "scan": ("quét", "scan"),
    "filter": ("lọc dữ liệu cá nhân", "filter"),
    "land": ("lưu bản gốc", "land"),
    "read": ("đọc", "read"),
    "import": ("nạp thư viện", "import"),
    "audit": ("kiểm tra", "audit"),
    "publish": ("công bố bảng", "publish"),
    "derive": ("tính bảng suy ra", "derive"),
    "evaluate": ("tính KPI", "evaluate"),
    "release": ("phát hành", "release"),
    "report": ("báo cáo", "report"),
    "rest": ("còn lại", "rest"),
}
"""The names of stages, in both languages, in the order of a run."""

REST = "rest"


def show(stages: Sequence[Stage]) -> None:
    """Print what each stage took."""
    headings = [
        pick("Bước", "Stage"),
        pick("Bảng hoặc nguồn", "Table or source"),
        pick("Số lần", "Times"),
        pick("Giây", "Seconds"),
        pick("Giây CPU", "CPU seconds"),
        "MiB",
    ]
    rows = [
        [
            pick(*STAGES[each.name]),
            each.table,
            screen.number(each.count, decimals=0),
            screen.number(each.seconds),
            screen.number(each.cpu_seconds),
            screen.number(each.peak_mib, decimals=0),
        ]
        for each in _in_order(stages)
    ]
    show_table(pick("Thời gian và bộ nhớ", "Time and memory"), headings, rows, right=(2, 3, 4, 5))


def as_json(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [{name: value for name, value in asdict(each).items() if name != "month"} for each in _in_order(stages)]


def _in_order(stages: Sequence[Stage]) -> list[Stage]:
    """The stages in the order of a run, those that took most of the processor's time first."""
    names = list(STAGES)
    return sorted(added_up(stages), key=lambda each: (names.index(each.name), -each.cpu_seconds, each.table))

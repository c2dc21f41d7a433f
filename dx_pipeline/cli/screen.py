"""Output for people: tables, bars and one-sentence messages. Programs get JSON on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import DxError
from dx_pipeline.progress import listening

PIPED_WIDTH = 150
"""The width where there is no terminal: wide enough that no figure is cut."""

WIDE = 3
"""With more columns than this the first one is at least `FIRST_WIDTH` wide."""

FIRST_WIDTH, BETWEEN = 24, 3
"""Columns of the terminal: of a wide table's first column, and between two columns."""

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
ERR = Console(stderr=True, highlight=False)

LANGUAGE = "DX_LANG"
"""The environment variable that chooses `vi` or `en`; without it both are shown."""

STATUS_WORDS = {
    "met": ("đạt", "met", "green"),
    "on_track": ("đúng lộ trình", "on track", "green"),
    "at_risk": ("có nguy cơ", "at risk", "yellow"),
    "off_track": ("chậm", "off track", "red"),
    "no_target": ("không có chỉ tiêu", "no target", "default"),
    "not_enough_data": ("không đủ dữ liệu", "not enough data", "yellow"),
}

WINDOW_WORDS = {
    "month": ("tháng", "month"),
    "quarter": ("quý", "quarter"),
    "ytd": ("lũy kế từ đầu năm", "year to date"),
    "year": ("năm", "year"),
}

LABEL_WIDTH = 28
"""How wide labels beside a text are at most."""


def both(vi: str, en: str, between: str = " / ") -> str:
    """The same words in the language asked for, or in both."""
    return {"vi": vi, "en": en}.get(os.environ.get(LANGUAGE, ""), f"{vi}{between}{en}")


def in_words(text: Bilingual | DxError) -> str:
    """A sentence that has both languages; an error that has but one is not repeated."""
    en = text.en if isinstance(text, Bilingual) else str(text)
    return both(text.vi, en) if text.vi != en else en


def is_english() -> bool:
    """Whether English alone was asked for."""
    return os.environ.get(LANGUAGE) == "en"


def heading(vi: str, en: str) -> str:
    """The same words below each other."""
    return both(vi, en, "\n")


def titled(row: dict[str, Any], part: str = "") -> str:
    """The title of a row (`title_vi`, `title_en`), and which part of it the row is about."""
    return both(f"{row['title_vi']}{part}", f"[dim]{row['title_en']}{part}[/]", "\n")


def part(row: dict[str, Any]) -> str:
    """Which of several figures of one KPI it is."""
    parts = [part for part in (row["statistic"], row["system"]) if part is not None]
    return f" ({', '.join(parts)})" if parts else ""


def window(row: dict[str, Any]) -> str:
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


def window_kind(kind: str) -> str:
    """What kind of window one is, in words."""
    return both(*WINDOW_WORDS[kind])


def status(code: str) -> str:
    """The status of a value in words."""
    vi, en, colour = STATUS_WORDS[code]
    return both(f"[{colour}]{vi}[/]", f"[dim]{en}[/]", "\n")


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def say(message: str) -> None:
    """A line on standard error: standard output is for data."""
    ERR.print(message, soft_wrap=True)


def show_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table on standard output. `right`: the columns aligned to the right.

    In a table of many columns lines break in the first column only. A narrow terminal has no room for the last columns:
    a sentence below the table names them.
    """
    is_wide = len(headings) > WIDE
    widths = [FIRST_WIDTH, *(max(map(_width, column)) for column in list(zip(headings, *rows, strict=True))[1:])]
    needed = [sum(widths[:count]) + BETWEEN * count for count in range(len(widths) + 1)]
    shown = len(headings)
    while is_wide and shown > 1 and needed[shown] > OUT.width:
        shown -= 1
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    for position, heading in enumerate(headings[:shown]):
        justify: Literal["left", "right"] = "right" if position in right else "left"
        min_width = widths[position] if is_wide else None
        no_wrap = is_wide and position > 0
        table.add_column(heading, justify=justify, no_wrap=no_wrap, min_width=min_width, overflow="fold")
    for row in rows:
        table.add_row(*row[:shown])
    OUT.print(table)
    if shown < len(headings):
        OUT.print(_left_out(headings[shown:], needed[-1]))


def _left_out(headings: Sequence[str], width: int) -> str:
    """Which columns of a table are not shown, and how to see them."""
    lines = [heading.split("\n") for heading in headings]
    names_vi, names_en = (", ".join(line[place] for line in lines) for place in (0, -1))
    return both(
        f"Không đủ chỗ cho các cột: {names_vi}. Hãy mở rộng cửa sổ đến {width} cột hoặc thêm | less -S.",
        f"Left out: {names_en}. Make the terminal {width} columns wide, or add | less -S.",
        "\n",
    )


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Labels and what is said under each; a text without a label takes the whole width."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", max_width=LABEL_WIDTH, overflow="fold")
    table.add_column(overflow="fold")
    for label, text in pairs:
        if label:
            table.add_row(label, text)
    if table.row_count:
        OUT.print(table)
    for label, text in pairs:
        if not label:
            OUT.print(Padding(text, (0, 0, 0, 2), expand=False))


def _width(cell: str) -> int:
    """How many columns of the terminal a cell takes."""
    return max(Text.from_markup(line).cell_len for line in cell.split("\n"))


@contextmanager
def bar(label: str, total: int) -> Iterator[None]:
    """A progress bar on standard error, moved on by each announcement made within the block."""
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )
    with Progress(*columns, console=ERR, transient=not ERR.is_terminal) as progress:
        task = progress.add_task(label, total=total, what="")
        started = 0

        def start(what: str) -> None:
            nonlocal started
            progress.update(task, completed=min(started, total), what=what)
            started += 1

        with listening(start):
            yield
        progress.update(task, completed=total, what="")


def number(value: float | None, unit: str = "", decimals: int = 2) -> str:
    """A figure as Vietnamese readers write it: 1.818 and 52,8%. A missing one is a dash, never a zero."""
    if value is None:
        return "–"
    text = f"{value:,.{decimals}f}" if not float(value).is_integer() else f"{value:,.0f}"
    swapped = text.translate(str.maketrans(",.", ".,"))
    if "," in swapped:
        swapped = swapped.rstrip("0").rstrip(",")
    return f"{swapped}%" if unit == "percent" else swapped

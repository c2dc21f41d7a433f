"""What a person sees: tables, bars and one-sentence messages. Machines get JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dx_pipeline.progress import listening

PIPED_WIDTH = 150
"""Columns where nobody's terminal says how wide it is: wide enough that no figure is cut."""

WIDE = 3
"""With more columns than this the first one keeps some room."""

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
ERR = Console(stderr=True, highlight=False)

STATUS_WORDS = {
    "met": "[green]đạt[/]\n[dim]met[/]",
    "on_track": "[green]đúng lộ trình[/]\n[dim]on track[/]",
    "at_risk": "[yellow]có nguy cơ[/]\n[dim]at risk[/]",
    "off_track": "[red]chậm[/]\n[dim]off track[/]",
    "no_target": "không có chỉ tiêu\n[dim]no target[/]",
    "not_enough_data": "[yellow]không đủ dữ liệu[/]\n[dim]not enough data[/]",
}


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def say(message: str) -> None:
    """A line for whoever watches, on standard error, so that standard output stays data."""
    ERR.print(message, soft_wrap=True)


def show_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table on standard output: the first column takes what room there is, the others keep theirs.

    The columns numbered in `right` are aligned to the right.
    """
    is_wide = len(headings) > WIDE
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    for position, heading in enumerate(headings):
        is_first = position == 0
        table.add_column(
            heading,
            justify="right" if position in right else "left",
            no_wrap=not is_first,
            min_width=24 if is_first and is_wide else None,
        )
    for row in rows:
        table.add_row(*row)
    OUT.print(table)


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
        begun = 0

        def begin(what: str) -> None:
            nonlocal begun
            progress.update(task, completed=min(begun, total), what=what)
            begun += 1

        with listening(begin):
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

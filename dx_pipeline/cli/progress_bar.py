"""Progress on standard error: what runs, how much of it is done, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dx_pipeline.cli import screen
from dx_pipeline.cli.reader import pick
from dx_pipeline.progress import listening

BAR_WIDTH = 16
NUMBERS_WIDTH = 35
"""How many columns counts and times take: what runs now is shown where there is room for it."""


@contextmanager
def bar(label: str, total: int) -> Iterator[None]:
    """A progress bar, moved on by each announcement made within the block; nothing where there is no terminal.

    Args:
        label: what runs.
        total: how many announcements are expected.
    """
    if not screen.ERR.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn(f"[dim]{pick('còn', 'left')}[/]"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )
    room = screen.ERR.width - len(label) - BAR_WIDTH - NUMBERS_WIDTH
    with Progress(*columns, console=screen.ERR, transient=True) as progress:
        task = progress.add_task(label, total=total, what="")
        started = 0

        def start(what: str) -> None:
            nonlocal started
            progress.update(task, completed=min(started, total), what=what if len(what) <= room else "")
            started += 1

        with listening(start):
            yield
        progress.update(task, completed=total, what="")

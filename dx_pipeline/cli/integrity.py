"""`dx verify`: whether everything that the warehouse keeps is what was written there."""

from __future__ import annotations

import click
from rich.markup import escape

from dx_pipeline import integrity
from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.settings import Settings


@click.command()
@on_project
def verify(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """What `dx verify` does."""
    with bar("dx verify", len(integrity.STEPS)):
        found = list(integrity.problems(settings, catalogue))
    if as_json:
        screen.show_json({"problems": [problem.model_dump() for problem in found]})
    else:
        for problem in found:
            screen.say(f"[red]✗[/] {escape(screen.in_words(problem))}")
        if not found:
            screen.OUT.print(pick("mọi thứ đã giữ đều nguyên vẹn", "everything that is kept is whole"))
    return int(bool(found))

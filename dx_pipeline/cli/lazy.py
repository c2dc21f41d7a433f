"""Commands whose code is imported when they are used: `dx --help` needs none of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click


class Lazy(click.Command):
    """A command in the place of another one, with its name and help, until the other one is used.

    Args:
        name: of the command.
        place: where it is: `dx_pipeline.cli.releases:pin`.
        words: its help.
        prepare: called with the command when it has been imported.
    """

    def __init__(self, name: str, place: str, words: str, prepare: Callable[[click.Command], None]) -> None:
        super().__init__(name, help=words)
        self.place = place
        self.prepare = prepare

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself, which click then invokes, or asks for its help."""
        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        command.help = self.help
        self.prepare(command)
        return command.make_context(info_name, args, parent, **extra)

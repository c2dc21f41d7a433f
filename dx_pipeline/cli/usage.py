"""How the commands are used: help and errors of click, in the reader's language."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import click

from dx_pipeline.cli import reader
from dx_pipeline.cli.reader import pick

BETWEEN = " / "
"""What is between the Vietnamese and the English words of a help text."""

HELP = ("Xem 'dx --help'.", "See 'dx --help'.")


def choose_language(arguments: Sequence[str]) -> None:
    """Take `--lang` from a command line, so that also what is wrong with the others is said in that language."""
    written = " ".join(arguments)
    for code in re.findall(r"(?:^| )--lang[ =](vi|en)(?= |$)", written):
        os.environ[reader.LANGUAGE] = code


def translate(command: click.Command) -> None:
    """Leave one language in the help of a command, its options and its commands.

    Of a command that is not imported yet, this is its help; its options follow when it is: see `lazy`.
    """
    command.help = _one_language(command.help)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = _one_language(parameter.help)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            translate(each)


def sentence(error: click.ClickException) -> str:
    """What is wrong with a command line, and where to look."""
    said = error.format_message()
    match error:
        case click.NoSuchOption():
            vi = f"không có tùy chọn {error.option_name}"
        case click.MissingParameter():
            vi = f"thiếu {error.param.get_error_hint(error.ctx) if error.param and error.ctx else 'tham số'}"
        case click.BadParameter():
            hint = error.param.get_error_hint(error.ctx) if error.param and error.ctx else ""
            vi = f"giá trị của {hint} không hợp lệ ({error.message.rstrip('.')})"
        case _ if found := re.search(r"No such command '(?P<name>[^']*)'", said):
            vi = f"không có lệnh '{found['name']}'"
        case _:
            vi = said.rstrip(".")
    return f"{pick(vi, said.rstrip('.'))}. {pick(*HELP)}"


def _one_language(text: str | None) -> str | None:
    """The words of a help text in the reader's language, paragraph by paragraph."""
    if text is None:
        return None
    paragraphs = (paragraph.partition(BETWEEN) for paragraph in text.split("\n\n"))
    return "\n\n".join(pick(vi, en or vi).strip() for vi, _, en in paragraphs)

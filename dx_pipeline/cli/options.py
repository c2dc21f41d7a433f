"""The options of every command: which project, which warehouse, which language, and whether to answer in JSON."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from dx_pipeline.cli import reader

Command = Callable[..., Any]
FOLDER = click.Path(file_okay=False)
LANGUAGES = click.Choice(["vi", "en"])
AS_JSON = "--json"
as_json = click.option(AS_JSON, "as_json", is_flag=True, help="Trả lời bằng JSON / Answer in JSON.")


def everywhere(command: Command) -> Command:
    """Options that may be given before and after the name of a command; they override the environment."""
    options = (
        ("--project", "DX_PROJECT", FOLDER, "Thư mục dự án / The project folder (default: the one you are in)."),
        ("--warehouse", "DX_WAREHOUSE", FOLDER, "Thư mục kho dữ liệu / The warehouse (default: the project's)."),
        (
            "--lang",
            reader.LANGUAGE,
            click.Choice(["vi", "en"]),
            "Ngôn ngữ / Language (default: the locale's, else Vietnamese).",
        ),
    )
    for name, variable, kind, words in reversed(options):
        into = _into(variable)
        command = click.option(name, type=kind, callback=into, expose_value=False, help=words)(command)
    return command


def on_project(command: Command) -> Command:
    """A command on a project: it gets `settings`, `catalogue` and `as_json`."""

    @as_json
    @wraps(command)
    def opened(**arguments: Any) -> Any:
        from dx_pipeline.declarations.catalogue import open_project  # `--help` needs none of it

        settings, catalogue = open_project()
        return command(settings=settings, catalogue=catalogue, **arguments)

    return everywhere(opened)


def on_province(command: Command) -> Command:
    """A command on what a project has published: it gets `settings`, `province` and `as_json`.

    No other declaration is read: to read them all takes longer than to answer.
    """

    @as_json
    @wraps(command)
    def opened(**arguments: Any) -> Any:
        from dx_pipeline.declarations.province import open_province

        settings, province = open_province()
        return command(settings=settings, province=province, **arguments)

    return everywhere(opened)


def _into(variable: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    """Put an option into the environment, for settings and for other processes."""

    def put(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            os.environ[variable] = str(Path(value).resolve()) if variable != reader.LANGUAGE else value

    return put

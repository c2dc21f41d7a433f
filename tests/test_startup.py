"""What a command imports: libraries that take long, and that it has no use for, are left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from deliveries import GROUPS, groups, put
from projects import PROJECT, TRIAL, Dx, runnable

from dx_pipeline.cli.command import COMMANDS
from dx_pipeline.cli.command import GROUPS as OF_COMMANDS
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings

IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(?P<module>[\w.]+)$", re.MULTILINE)

FOR_HELP = {"babel", "dagster", "duckdb", "great_expectations", "jsonschema", "numpy", "pandas", "pyarrow", "pydantic"}
FOR_HELP |= {"rich", "sqlglot", "yaml"}
"""What `dx --help` has no use for."""

FOR_VALUES = {
    "dagster",
    "filelock",
    "great_expectations",
    "httpx",
    "jsonschema",
    "numpy",
    "pandas",
    "pyarrow",
    "sqlglot",
}
"""What `dx kpi` has no use for."""

FOR_CHANGES = {"altair", "great_expectations", "httpx", "jinja2", "openlineage", "pandas", "pikepdf", "pysdmx", "scipy"}
FOR_CHANGES |= {"typst", "dx_pipeline.exchange", "dx_pipeline.release.rendering", "dx_pipeline.report.html"}
"""What a night with nothing new has no use for: it audits nothing and renders nothing."""


def imported(*arguments: str, status: int = 0, **environment: object) -> set[str]:
    """The modules, and the packages they are in, that `dx` and the processes that it starts import."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dx_pipeline", *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    modules = {found["module"] for found in IMPORTED.finditer(ran.stderr)}
    assert ran.returncode == status, IMPORTED.sub("", ran.stderr)
    assert "dx_pipeline.cli.command" in modules
    return modules | {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--lang", "en", "--help"), ("--version",), ("release", "--help"), ("quarantine", "--help")],
)
def test_help_is_shown_without_what_commands_use(arguments: tuple[str, ...]) -> None:
    found = imported(*arguments)
    assert found & FOR_HELP == set()
    assert {module for module in found if module.startswith("dx_pipeline.")} == {
        "dx_pipeline.cli",
        "dx_pipeline.cli.command",
        "dx_pipeline.cli.failure",
        "dx_pipeline.cli.lazy",
        "dx_pipeline.cli.options",
        "dx_pipeline.cli.reader",
        "dx_pipeline.cli.status",
        "dx_pipeline.cli.usage",
        "dx_pipeline.errors",
        "dx_pipeline.settings",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says_and_has_help_in_both_languages(name: str) -> None:
    place, words = COMMANDS[name]
    module, _, attribute = place.partition(":")
    command = getattr(import_module(f"dx_pipeline.cli.{module}"), attribute)
    assert isinstance(command, click.Command)
    assert {parameter.name for parameter in command.params} >= {"as_json"}
    assert all(" / " in paragraph for paragraph in words.split("\n\n"))


def test_every_group_has_commands_and_help_in_both_languages() -> None:
    assert {name.partition(" ")[0] for name in COMMANDS if " " in name} == set(OF_COMMANDS)
    assert all(" / " in words for words in OF_COMMANDS.values())


def test_values_are_shown_without_what_makes_them(first: Published, warehouse: Settings) -> None:
    assert first.path.is_relative_to(warehouse.warehouse)
    for arguments in ((), ("community_group_count",), ("community_group_count", "--json")):
        found = imported("kpi", *arguments, "--project", str(TRIAL), DX_WAREHOUSE=warehouse.warehouse)
        assert found & FOR_VALUES == set()
        assert "dx_pipeline.declarations.catalogue" not in found


def test_a_night_with_nothing_new_is_run_without_what_audits_and_renders(
    dx: Dx, tmp_path: Path, furnished: Settings
) -> None:
    project, home = runnable(tmp_path / "project"), tmp_path / "home"
    put(furnished, "community_group", groups(*GROUPS))
    night = ("run", "--months", "2022-05")
    before = dx(*night, warehouse=furnished.warehouse, project=project, home=home)
    assert (furnished.current / "dx.duckdb").is_file(), before.stderr
    about = {"DX_WAREHOUSE": furnished.warehouse, "DAGSTER_HOME": home, "DX_PROJECT": project, "DX_THREADS": 2}
    found = imported(*night, status=before.returncode, **about)
    assert found & (FOR_CHANGES | {"dagster", "dx_pipeline.worker_imports"}) == set()

    put(furnished, "community_group", groups(*GROUPS, "TCN-25456-02,25456,15/03/2022,,7"), name="more.csv", day=7)
    found = imported(*night, status=before.returncode, **about)
    assert {"dx_pipeline.worker_audits", "great_expectations", "dx_pipeline.release.rendering"} <= found

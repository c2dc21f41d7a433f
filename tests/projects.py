"""Which projects are under test: the province's own, and a small one that the tests of the engine declare."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
TRIAL = Path(__file__).resolve().parent / "project"

Dx = Callable[..., subprocess.CompletedProcess[str]]
"""How a test runs `dx`: see the fixture of that name."""

Fresh = Callable[[], Settings]
"""How a property has an empty warehouse for each of its examples: see the fixture of that name."""


def with_references(settings: Settings, declared: Catalogue) -> Path:
    """Publish the reference tables of a project; returns its warehouse."""
    for name, source in declared.sources.items():
        if source.is_reference:
            ingest(settings, declared, name, [None])
    return settings.warehouse


def runnable(folder: Path) -> Path:
    """A copy of the trial project that Dagster can run: with its files, the schedule, the sensor and the release."""
    shutil.copytree(TRIAL, folder)
    for part in ("inbox", "nightly_refresh", "release"):
        shutil.copytree(PROJECT / "assets" / part, folder / "assets" / part)
    for part in ("dagster.yaml", "dg.toml"):
        shutil.copyfile(PROJECT / part, folder / part)
    return folder


def project_without_timers(folder: Path) -> Path:
    """A copy of the trial project that Dagster can run, and that starts no run by itself."""
    shutil.rmtree(runnable(folder) / "assets" / "inbox")
    nightly = folder / "assets" / "nightly_refresh" / "defs.yaml"
    text = re.sub(r'cron: ".*"', 'cron: "0 0 29 2 *"', nightly.read_text(encoding="utf-8"))
    nightly.write_text(text, encoding="utf-8")
    return folder

"""Programs that bring the same month from the same file to the same counts: ours, and the competitors.

Those in the project's own environment run with its libraries. The others have an environment each, made once under
`.bench/` from a lock file with hashes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement import Measured, measured

PROJECT = Path(__file__).resolve().parent.parent
BENCH = PROJECT / ".bench"
COMPETITORS = Path(__file__).resolve().parent / "competitors"
LOCK = "requirements.lock"

SILENT = {"GX_ANALYTICS_ENABLED": "false", "RUNTIME__DLTHUB_TELEMETRY": "false", "PYTHONWARNINGS": "ignore"}
"""Nothing reports to anybody while it is measured."""

LIBRARIES = ("duckdb", "great-expectations", "pandas", "pyarrow", "dlt", "dbt-core", "dbt-duckdb")
VERSIONS = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Program:
    """A program and how it is started: its arguments before and after those that all have, the file and a folder."""

    name: str
    arguments: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where a competitor is."""
        return COMPETITORS / self.name

    @property
    def python(self) -> str:
        """The Python of its environment."""
        if not (self.folder / LOCK).is_file():
            return sys.executable
        return str(BENCH / self.name / "bin" / "python")

    def prepare(self) -> None:
        """Make its environment, unless it is there and the lock file has not changed since."""
        lock, ready = self.folder / LOCK, BENCH / self.name / ".ready"
        if not lock.is_file() or (ready.is_file() and ready.read_bytes() == lock.read_bytes()):
            return
        print(f"Setting up .bench/{self.name} (once; it needs a package index) ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ready.parent)], check=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
        shutil.copyfile(lock, ready)

    def run(self, csv: Path) -> Measured:
        """Run it once in an empty folder, which is removed afterwards."""
        folder = BENCH / "runs" / f"{self.name}_{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        own: Mapping[str, str] = {"PYTHONPATH": str(PROJECT) if self.python == sys.executable else ""}
        try:
            command = [self.python, *self.arguments, str(csv), str(folder), *self.options]
            return measured(command, PROJECT, {**SILENT, **own})
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def versions(self) -> dict[str, str]:
        """Python and the libraries of its environment."""
        command = [self.python, "-c", VERSIONS, *LIBRARIES]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        return dict(json.loads(found.stdout))


def _competitor(name: str) -> Program:
    return Program(name, (str(COMPETITORS / name / "run.py"),))


OURS = Program("ours", ("-m", "benchmarks.ours"))
WITHOUT_AUDIT = Program("ours_without_audit", ("-m", "benchmarks.ours"), ("--without-audit",))
FLOOR, RULES, PANDAS_GX, DLT_DBT = map(_competitor, ("floor", "rules", "pandas_gx", "dlt_dbt"))
EVERY = (OURS, FLOOR, WITHOUT_AUDIT, RULES, PANDAS_GX, DLT_DBT)

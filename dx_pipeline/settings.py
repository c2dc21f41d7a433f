"""Settings: which project, which warehouse, and how much memory and how many processors to use."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from dx_pipeline.errors import UsageError

PACKAGE = Path(__file__).resolve().parent
ENGINES = ("duckdb", "sqlglot", "great-expectations")
WITHOUT_FIGURES = frozenset({"analysis.py", "cli", "components", "notification", "project_template", "sample"})
"""Parts of the package that decide no figure: what analysts import, screens, Dagster, messages, what `dx init` copies,
the sample."""


def default_project() -> Path:
    """The project folder: `DX_PROJECT`, else the current folder or the nearest one above it that is a project."""
    if named := os.environ.get("DX_PROJECT"):
        return Path(named).resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "assets" / "province.yaml").is_file()), here)


@dataclass(frozen=True)
class Settings:
    """One warehouse, its project, and the limits of a process that works on it.

    Args:
        warehouse: the folder with `inbox/ landing/ tables/ quarantine/ revisions/ releases/ current`.
        project: the folder with `assets/` and `checks/`.
        memory_limit: how much memory one DuckDB connection may use before it spills to disk.
        threads: how many threads DuckDB may use, and how many worker processes run.
        releases_kept: how many releases remain on disk, including the current one.
        time_zone: the province's; times without a zone are in it, and a month begins at its midnight.
    """

    warehouse: Path
    project: Path = field(default_factory=default_project)
    memory_limit: str = "4GB"
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    releases_kept: int = 5
    time_zone: str = "Asia/Ho_Chi_Minh"

    @classmethod
    def from_environment(cls, project: Path | str | None = None, warehouse: Path | str | None = None) -> Settings:
        """The settings of this process: arguments, then `DX_PROJECT`, `DX_WAREHOUSE`, `DX_MEMORY_LIMIT`, `DX_THREADS`.

        Raises:
            UsageError: `DX_THREADS` is not a number.
        """
        folder = Path(project).resolve() if project else default_project()
        threads = os.environ.get("DX_THREADS") or str(os.cpu_count() or 1)
        if not threads.isdecimal() or int(threads) < 1:
            raise UsageError(
                f"DX_THREADS is '{threads}': write a whole number from 1 on.",
                vi=f"DX_THREADS là '{threads}': hãy ghi một số nguyên từ 1 trở lên.",
            )
        return cls(
            project=folder,
            warehouse=Path(warehouse or os.environ.get("DX_WAREHOUSE") or folder / "warehouse").resolve(),
            memory_limit=os.environ.get("DX_MEMORY_LIMIT", "4GB"),
            threads=int(threads),
        )

    @property
    def inbox(self) -> Path:
        """Where deliveries are put: `inbox/<source>/<YYYY-MM>/<any name>`."""
        return self.warehouse / "inbox"

    @property
    def notified(self) -> Path:
        """Which causes each address for notifications knows of."""
        return self.warehouse / "notified.json"

    @property
    def landing(self) -> Path:
        """Deliveries as they arrived, each with its entry, and the log of fetch attempts."""
        return self.warehouse / "landing"

    @property
    def set_aside(self) -> Path:
        """Damaged files that were replaced, for whoever wants to look at them."""
        return self.warehouse / "set_aside"

    @property
    def tables(self) -> Path:
        """Partitions of typed rows."""
        return self.warehouse / "tables"

    @property
    def quarantine(self) -> Path:
        """Where rows that broke their contract are recorded: delivery, line, reason code."""
        return self.warehouse / "quarantine"

    @property
    def revisions(self) -> Path:
        """What the figures of each closed month rest on, and the values that accepted revisions changed."""
        return self.warehouse / "revisions"

    @property
    def releases(self) -> Path:
        """The releases that are kept, each a folder named by its id."""
        return self.warehouse / "releases"

    @property
    def current(self) -> Path:
        """The link to the public part of the current release."""
        return self.warehouse / "current"

    @property
    def internal(self) -> Path:
        """The link to its part for analysts inside the office."""
        return self.warehouse / "internal"

    @property
    def scratch(self) -> Path:
        """Private names of files being written, and DuckDB's spill files. Safe to delete while nothing runs."""
        return self.warehouse / ".scratch"

    @property
    def reference(self) -> Path:
        """The reference files: the warehouse's own where it has any, else the project's."""
        own = self.warehouse / "reference"
        return own if own.is_dir() else self.project / "warehouse" / "reference"

    @property
    def today(self) -> date:
        """The current day in the province."""
        return datetime.now(ZoneInfo(self.time_zone)).date()

    @cached_property
    def code_version(self) -> str:
        """A digest of all code that decides a figure. The same inputs under another version are read again."""
        return code_version()


def limit_permissions() -> None:
    """Let files that this process makes be read by its user and group alone: 0640, folders 0750.

    `DX_UMASK` (octal, default 027) says what is taken away. What has landed is for the pipeline's own user alone.

    Raises:
        UsageError: `DX_UMASK` is no such number.
    """
    text = os.environ.get("DX_UMASK") or "027"
    if not re.fullmatch("[0-7]{3,4}", text):
        raise UsageError(
            f"DX_UMASK is '{text}': write what to take away in octal, such as 027.",
            vi=f"DX_UMASK là '{text}': hãy ghi các quyền bị bỏ bằng hệ bát phân, chẳng hạn 027.",
        )
    os.umask(int(text, 8))


@cache
def code_version() -> str:
    """A digest of every package file that decides a figure, SQL included, and of the engines' versions."""
    from importlib.metadata import version  # it imports the standard library's parsers of mail

    digest = sha256("\n".join(f"{name} {version(name)}" for name in ENGINES).encode())
    for path in sorted(PACKAGE.rglob("*")):
        relative = path.relative_to(PACKAGE)
        is_code = path.suffix in {".py", ".sql", ".yaml"}
        if is_code and relative.parts[0] not in WITHOUT_FIGURES:
            digest.update(relative.as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

"""Where the warehouse is and how much of the machine may be used. Nothing here describes data."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """One warehouse and the limits under which it is worked on.

    Args:
        warehouse: the folder with `inbox/ landing/ tables/ quarantine/ releases/ current`.
        project: the checkout whose `assets/` and `checks/` are followed.
        memory_limit: how much memory one DuckDB connection may take before it spills to disk.
        threads: how many threads DuckDB may use.
        suppress_below: published cells that count fewer dossiers than this are withheld.
        releases_kept: how many releases stay on disk, the current one among them.
    """

    warehouse: Path = field(default_factory=lambda: PROJECT / "warehouse")
    project: Path = PROJECT
    memory_limit: str = "4GB"
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    suppress_below: int = 10
    releases_kept: int = 5

    @classmethod
    def from_environment(cls, warehouse: Path | str | None = None) -> Settings:
        """The settings of this process: `DX_WAREHOUSE`, `DX_MEMORY_LIMIT`, `DX_THREADS`, or defaults."""
        environment = os.environ
        return cls(
            warehouse=Path(warehouse or environment.get("DX_WAREHOUSE") or PROJECT / "warehouse").resolve(),
            memory_limit=environment.get("DX_MEMORY_LIMIT", "4GB"),
            threads=int(environment.get("DX_THREADS", os.cpu_count() or 1)),
        )

    @property
    def inbox(self) -> Path:
        """Where deliveries are put: `inbox/<source>/<YYYY-MM>/<any name>`."""
        return self.warehouse / "inbox"

    @property
    def landing(self) -> Path:
        """Deliveries as they arrived, with the ledger's entry of each."""
        return self.warehouse / "landing"

    @property
    def tables(self) -> Path:
        """Partitions of typed rows, with the record of the latest attempt at each."""
        return self.warehouse / "tables"

    @property
    def quarantine(self) -> Path:
        """Where the rows that broke their contract are told of."""
        return self.warehouse / "quarantine"

    @property
    def releases(self) -> Path:
        """The releases that are kept, each a folder named by its id."""
        return self.warehouse / "releases"

    @property
    def current(self) -> Path:
        """The link that names the release in force."""
        return self.warehouse / "current"

    @property
    def scratch(self) -> Path:
        """Private names of what is being written, and DuckDB's spill files. Safe to delete at rest."""
        return self.warehouse / ".scratch"

    @property
    def reference(self) -> Path:
        """The reference files: the warehouse's own where it has any, else the project's."""
        own = self.warehouse / "reference"
        return own if own.is_dir() else self.project / "warehouse" / "reference"

    @cached_property
    def code_version(self) -> str:
        """A digest of the machinery. The same inputs under another version are read again."""
        digest = sha256()
        package = self.project / "dx_pipeline"
        for path in sorted(package.rglob("*.py")):
            relative = path.relative_to(package)
            if relative.parts[0] in {"cli", "sample", "components"}:
                continue  # neither the screen, the sample nor the orchestrator changes a figure
            digest.update(relative.as_posix().encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

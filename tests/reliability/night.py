"""A small province's night, and what must be true of its warehouse however a run of it ended."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from deliveries import DOSSIERS, GROUPS, dossiers, enterprises, groups, put
from projects import project_without_timers

from dx_pipeline import integrity, release
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import WRITERS

MAY = "2022-05"


def run(settings: Settings, declared: Catalogue) -> None:
    """What a night does: every source, every KPI, one release; in this process alone."""
    for name, source in declared.sources.items():
        ingest(settings, declared, name, [None] if source.is_reference else [Month.parse(MAY)])
    first, *others = declared.evaluated
    evaluate(settings, declared, first, others)
    release.publish(settings, declared)


@dataclass(frozen=True)
class Night:
    """A night that is disturbed again and again.

    Args:
        declared: the project.
        project: its folder, a copy that Dagster can run.
        before: a warehouse with a release, in whose inbox is more than has been read.
        releases: the ids of that release and of the one that an undisturbed run makes.
        tables: the digest of every partition after an undisturbed run.
    """

    declared: Catalogue
    project: Path
    before: Path
    releases: tuple[str, str]
    tables: dict[str, str]

    @classmethod
    def prepare(cls, folder: Path) -> Night:
        """Make the warehouse before the night, and the one after an undisturbed run."""
        project = project_without_timers(folder / "project")
        declared = catalogue.load(project)
        settings = Settings(folder / "before", project, threads=1)
        put(settings, "community_group", groups(*GROUPS))
        put(settings, "dossier", dossiers(*DOSSIERS[::2]))
        run(settings, declared)
        first = release.current_id(settings)
        put(settings, "community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
        put(settings, "dossier", dossiers(*DOSSIERS), name="later.csv", day=7)
        put(settings, "digital_enterprise", enterprises(("703", "6201", "active", 5, 3)))
        shutil.rmtree(settings.scratch)
        after = Settings(folder / "after", project, threads=1)
        shutil.copytree(settings.warehouse, after.warehouse, symlinks=True)
        run(after, declared)
        last = release.current_id(after)
        assert first is not None
        assert last not in {None, first}
        return cls(declared, project, settings.warehouse, (first, str(last)), digests(after))

    def copy(self, folder: Path) -> Settings:
        """The warehouse before the night once more."""
        shutil.copytree(self.before, folder, symlinks=True, dirs_exist_ok=True)
        return Settings(folder, self.project, threads=1)

    def violations_after_disturbance(self, settings: Settings) -> Iterator[str]:
        """What is wrong although a run may end at any moment: `current` is always a whole release."""
        current = release.current_id(settings)
        if current not in self.releases:
            yield f"current is {current}"
            return
        for problem in release.problems(settings.releases / current, self.declared):
            yield f"current: {problem.en}"

    def violations_after_next_run(self, settings: Settings) -> Iterator[str]:
        """What is wrong after a run that nobody disturbed: it ends where an undisturbed night would have."""
        current = release.current_id(settings)
        if current != self.releases[1]:
            yield f"the next run made {current}"
        if digests(settings) != self.tables:
            yield "the next run made other rows"
        for problem in integrity.problems(settings, self.declared):
            yield f"verify: {problem.en}"
        for path in settings.scratch.iterdir():
            if path.name not in WRITERS:
                yield f"left over: {path.name}"


def digests(settings: Settings) -> dict[str, str]:
    """The SHA-256 of the rows of every partition."""
    return {
        path.relative_to(settings.tables).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(settings.tables.glob("*/*/rows.parquet"))
    }


if __name__ == "__main__":
    run(Settings(Path(sys.argv[2]), Path(sys.argv[1]), threads=1), catalogue.load(Path(sys.argv[1])))

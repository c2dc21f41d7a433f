"""Integrity: whether everything that the warehouse keeps is what was written there.

    landing -> tables, quarantine, revisions -> releases and their log

Every byte is read anew. What can be made again is made again by the next run; what cannot has to come from a backup.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dx_pipeline import progress, release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import DxError, ReleaseError
from dx_pipeline.kpi.revision import REVISED
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.release import datapackage
from dx_pipeline.release.inputs import ReleaseInputs
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, proven
from dx_pipeline.tables import closing, origin, partition

STEPS = ("landing", "tables", "revisions", "releases")
"""What is announced, one after the other."""


def problems(settings: Settings, catalogue: Catalogue) -> Iterator[Bilingual]:
    """Everything that is damaged, lost or does not belong, each in one sentence that says what to do."""
    files.forget_digests()
    proven.forget()
    named: set[str] = set()
    for step, examine in zip(STEPS, (_of_landing, _of_tables, _of_revisions), strict=False):
        progress.announce(step)
        for error in examine(settings, catalogue):
            named.add(_subject(error))
            yield Bilingual(vi=error.vi, en=str(error))
    progress.announce(STEPS[-1])
    for error in _of_current(settings):
        if _subject(error) not in named:
            yield Bilingual(vi=error.vi, en=str(error))
    yield from _of_releases(settings, catalogue)


def _of_landing(settings: Settings, _: Catalogue) -> Iterator[DxError]:
    if os.path.lexists(settings.landing) and not settings.landing.is_dir():
        yield deliveries.not_as_landed(settings, settings.landing)
    for path, delivery in deliveries.every_place(settings):
        if (found := deliveries.problem(settings, path, delivery)) is not None:
            yield found
    yield from origin.problems(settings)


def _of_tables(settings: Settings, catalogue: Catalogue) -> Iterator[DxError]:
    """Damaged partitions, and runs in which rows were lost."""
    yield from partition.problems(settings, catalogue.contracts)
    for run in partition.runs(settings):
        for counts in (*run.counts, *run.proposed):
            lost = counts.rows_in - counts.accepted - counts.duplicate - counts.filtered - counts.quarantined
            if lost:
                name = f"{run.table} {run.partition}"
                yield DxError(
                    f"the ledger of {name} does not account for {lost} of {counts.rows_in} rows of a delivery: read the"
                    " month again with 'dx run'.",
                    f"sổ của {name} không tính đủ {lost} trong {counts.rows_in} dòng của một tệp: hãy đọc lại tháng đó"
                    " bằng 'dx run'.",
                )


def _of_revisions(settings: Settings, _: Catalogue) -> Iterator[DxError]:
    if os.path.lexists(settings.revisions) and not settings.revisions.is_dir():
        yield deliveries.not_as_landed(settings, settings.revisions)
    yield from closing.problems(settings)


def _subject(error: DxError) -> str:
    """The file or folder that a sentence is about: it begins with it."""
    return str(error).split(" ", 1)[0]


def _of_current(settings: Settings) -> Iterator[DxError]:
    """What the current release was made from and is no longer there: nothing else may remember it."""
    try:
        public, internal = (
            datapackage.read(settings.current / ".." / part.name)["dx"] for part in (release.PUBLIC, release.INTERNAL)
        )
        partitions = [name.split("/", 1) for name in public["inputs"]["partitions"]]
        made_from = ReleaseInputs.model_validate(internal["built_from"])
    except (ReleaseError, LookupError, TypeError, ValueError):
        return  # there is none, it is of an older version, or it is damaged itself
    for table, name in partitions:
        yield from _of_partition(settings, table, name)
    recorded = {delivery_id for run in partition.runs(settings) for delivery_id in run.entries}
    for item in made_from.deliveries:
        month = Month.parse(item.month) if item.month else None
        entry = deliveries.place_of(settings, item.source, month, item.delivery_id) / deliveries.ENTRY
        if not os.path.lexists(entry.parent):
            yield origin.lost(settings, item.source, month, item.delivery_id, "the current release")
        elif item.delivery_id not in recorded and _is_another(entry, item.entry_sha256):
            yield deliveries.not_as_landed(settings, entry)  # records of older versions do not say what it said
    for run in made_from.runs:
        if str(run.key) in made_from.closings and not closing.is_there(settings, run.key):
            yield closing.lost(settings, run.key)


def _is_another(entry: Path, sha256: str) -> bool:
    """Whether an entry can be read and is not the one with this SHA-256."""
    return deliveries.at(entry.parent) is not None and files.digest(entry) != sha256


def _of_partition(settings: Settings, table: str, name: str) -> Iterator[DxError]:
    """Rows of the current release that are gone together with their record."""
    path = partition.place_of_rows(settings, table, name)
    if table != REVISED and not os.path.lexists(path) and partition.record_of(settings, table, name) is None:
        yield partition.missing(settings, path)


def _of_releases(settings: Settings, catalogue: Catalogue) -> Iterator[Bilingual]:
    """Releases that do not verify, were lost, or do not belong; a damaged log; a link that leads nowhere."""
    known = release.ReleaseLog.read(settings.releases)
    if known.problem is not None:
        yield known.problem
    kept = release.kept(settings)
    for item in kept:
        for problem in release.problems(item.path, catalogue):
            yield _about(item.release_id, problem)
    for lost in sorted(known.published.keys() - known.removed - {item.release_id for item in kept}):
        yield _about(lost, LOST)
    for path in release.strays(settings):
        name = path.relative_to(settings.warehouse)
        yield Bilingual(
            vi=f"{name} không phải là bản công bố: hãy chuyển đi, hoặc để 'dx run' dọn.",
            en=f"{name} is no release: move it away, or let 'dx run' remove it.",
        )
    elsewhere = list(release.links_elsewhere(settings))
    for link in elsewhere:
        yield Bilingual(
            vi=f"{link.name} không phải là liên kết tới một bản công bố: chạy 'dx run' hoặc 'dx release switch'.",
            en=f"{link.name} is no link to a release: run 'dx run' or 'dx release switch'.",
        )
    current = None if settings.current in elsewhere else release.current_id(settings)
    if current is not None and current not in {item.release_id for item in kept}:
        yield _about(current, NOT_THERE)


LOST = Bilingual(
    vi="có trong nhật ký nhưng không còn trên đĩa: hãy phục hồi từ bản sao lưu.",
    en="it is in the release log and no longer on the disk: restore it from a backup.",
)
NOT_THERE = Bilingual(
    vi="liên kết 'current' trỏ tới bản không còn nữa: chạy 'dx run' hoặc 'dx release switch'.",
    en="'current' leads to it and it is not there: run 'dx run' or 'dx release switch'.",
)


def _about(release_id: str, problem: Bilingual) -> Bilingual:
    return Bilingual(vi=f"bản công bố {release_id}: {problem.vi}", en=f"release {release_id}: {problem.en}")

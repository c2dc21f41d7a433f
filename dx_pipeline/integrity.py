"""Integrity: whether everything that the warehouse keeps is what was written there.

    landing -> tables, quarantine, revisions -> releases and their log

Every byte is read anew. What can be made again is made again by the next run; what cannot has to come from a backup.
"""

from __future__ import annotations

from collections.abc import Iterator

from dx_pipeline import progress, release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.tables import closing, partition

STEPS = ("landing", "tables", "revisions", "releases")
"""What is announced, one after the other."""


def problems(settings: Settings, catalogue: Catalogue) -> Iterator[Bilingual]:
    """Everything that is damaged, lost or does not belong, each in one sentence that says what to do."""
    files.forget_digests()
    for step, examine in zip(STEPS, (_of_landing, _of_tables, _of_revisions), strict=False):
        progress.announce(step)
        for error in examine(settings):
            yield Bilingual(vi=error.vi, en=str(error))
    progress.announce(STEPS[-1])
    yield from _of_releases(settings, catalogue)


def _of_landing(settings: Settings) -> Iterator[DxError]:
    for path, delivery in deliveries.every_place(settings):
        if (found := deliveries.problem(settings, path, delivery)) is not None:
            yield found


def _of_tables(settings: Settings) -> Iterator[DxError]:
    """Damaged partitions, and runs in which rows were lost."""
    yield from partition.problems(settings)
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


def _of_revisions(settings: Settings) -> Iterator[DxError]:
    yield from closing.problems(settings)


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
    current = release.current_id(settings)
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

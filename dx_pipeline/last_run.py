"""The last run: what it looked at. Another run over the same would change nothing, so it need not run.

    last_run.json    a digest of everything that the run of some months looked at, and of everything that it left

What files are is taken from the file system: name, size, times, inode. A file that anybody writes to, or puts in the
place of another, has other times, whatever time of modification it is given. Bytes that change on the disk by
themselves are found by `dx verify` and by the nightly verification, which read all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from dx_pipeline import connectors, release
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.release.build import Snapshot
from dx_pipeline.release.predecessor import is_made_of
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import partition

NAME = "last_run.json"


def looked_at(settings: Settings, catalogue: Catalogue, months: Sequence[Month]) -> str | None:
    """A digest of what a run of some months looks at, and does not make; None where that cannot be known beforehand.

    Servers have to be asked what they have, and people who are notified hear of what becomes late.
    """
    sources = catalogue.sources.values()
    if any(map(connectors.is_remote, sources)) or catalogue.province.notify:
        return None
    now = datetime.now(UTC).timestamp()
    closed = [month for month in months if catalogue.province.has_closed(month, settings.today)]
    about = [
        settings.code_version,
        catalogue.digest(*catalogue.digests),
        str(settings.releases_kept),
        *map(str, months),
        f"closed until {max(closed, default=None)}",
        *(f"{line} {written > now + inbox.SKEW.total_seconds()}" for line, written in _files(settings.inbox)),
        *(line for line, _ in _files(settings.reference)),
    ]
    return sha256("\n".join(about).encode()).hexdigest()


def is_over_the_same(settings: Settings, before: str | None) -> bool:
    """Whether the last run looked at the same, and what it left is as it left it.

    Args:
        settings: the warehouse.
        before: what a run would look at.
    """
    if before is None:
        return False
    with suppress(OSError, ValueError):
        return bool(json.loads((settings.warehouse / NAME).read_text(encoding="utf-8")) == _record(settings, before))
    return False


def record(settings: Settings, catalogue: Catalogue, before: str | None) -> None:
    """Record a run that did all that there was to do.

    Nothing is recorded if another process has published anything that is not in the current release, or if something
    could not be audited, for want of memory for instance: the next run tries again.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        before: what the run looked at, as it was before it began: what has come since is looked at by the next one.
    """
    if before is None:
        return
    with writing(settings):
        current = release.current_id(settings)
        is_audited = all(each.status != "broken" for run in partition.runs(settings) for each in run.audit)
        if (
            current is not None
            and is_audited
            and is_made_of(settings, current, Snapshot.read(settings, catalogue).inputs)
        ):
            files.write_text(settings, settings.warehouse / NAME, json.dumps(_record(settings, before)))


def _record(settings: Settings, before: str) -> dict[str, str]:
    made = (settings.landing, settings.tables, settings.quarantine, settings.revisions, settings.releases)
    left = sha256()
    for root in made:
        for line, _ in _files(root):
            left.update(f"{line}\n".encode())
    for link in (settings.current, settings.internal):
        left.update(f"{link.readlink() if link.is_symlink() else None}\n".encode())
    return {"looked_at": before, "left": left.hexdigest()}


def _files(folder: Path) -> Iterator[tuple[str, float]]:
    """Everything in a folder, in order: what each file is, as one line, and when it was last modified."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name) if folder.is_dir() else ():
        about = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            yield f"{entry.path!r}", 0
            yield from _files(Path(entry.path))
        else:
            yield (
                f"{entry.path!r} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino}",
                about.st_mtime,
            )

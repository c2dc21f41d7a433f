"""The releases on disk: which are kept, which is current, and the switch from one to another."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dx_pipeline.release import contents, log, manifest
from dx_pipeline.release.log import Event, Line, ReleaseLog
from dx_pipeline.release.part import INTERNAL, PARTS, PUBLIC, files_in
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.lock import writing

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A release on disk.

    A release of an older layout has no parts: everything is in one folder, rows of dossiers among it.

    Args:
        release_id: its id, the name of its folder.
        path: its folder.
        published: the line of its latest publication; None if an older version made it.
        is_current: whether `current` is its public part.
        is_pinned: whether it is kept until it is unpinned.
    """

    release_id: str
    path: Path
    published: Line | None
    is_current: bool
    is_pinned: bool = False

    @property
    def has_parts(self) -> bool:
        """Whether it can be verified and switched to."""
        return has_parts(self.path)

    @property
    def order(self) -> tuple[int, float]:
        """What grows with each publication."""
        return (self.published.number, 0) if self.published is not None else (0, self.path.stat().st_mtime)


def switch(settings: Settings, release_id: str) -> None:
    """Make a release the current one, both of its parts in one atomic step: `internal` is found through `current`."""
    _link(settings, settings.internal, _through_current(settings))
    _link(settings, settings.current, Path(settings.releases.name) / release_id / PUBLIC.name)


def _link(settings: Settings, link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        aside = files.set_aside(settings, link)
        LOG.warning("%s is no link to a release: it is moved to %s", link.name, aside.relative_to(settings.warehouse))
    if not link.is_symlink() or link.readlink() != target:
        private = files.private_name(settings)
        private.symlink_to(target, target_is_directory=True)
        private.replace(link)
        files.sync(link.parent)


def _through_current(settings: Settings) -> Path:
    """Where the link `internal` leads."""
    return Path(settings.current.name) / ".." / INTERNAL.name


def links_elsewhere(settings: Settings) -> Iterator[Path]:
    """`current`, if it is there and leads to no release, and `internal`, if it does not lead to the part beside."""
    current, internal = settings.current, settings.internal
    if current.is_symlink():
        target = current.readlink()
        if target.parts[:1] != (settings.releases.name,) or target.name != PUBLIC.name:
            yield current
    elif current.exists():
        yield current
    is_needed = any(link.is_symlink() or link.exists() for link in (current, internal))
    if is_needed and not (internal.is_symlink() and internal.readlink() == _through_current(settings)):
        yield internal


def current_id(settings: Settings) -> str | None:
    """The id of the current release, if there is one."""
    if not settings.current.is_symlink():
        return None
    target = settings.current.readlink()
    return target.parent.name if target.name == PUBLIC.name else target.name  # the latter in an older layout


def has_parts(release: Path) -> bool:
    """Whether a release has the parts of today's layout."""
    return all((release / part.name).is_dir() for part in PARTS)


def kept(settings: Settings) -> tuple[Kept, ...]:
    """The releases on disk, latest publication first."""
    if not settings.releases.is_dir():
        return ()
    current, known = current_id(settings), ReleaseLog.read(settings.releases)
    found = [
        Kept(path.name, path, known.published.get(path.name), path.name == current, path.name in known.pinned)
        for path in settings.releases.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    ]
    return tuple(sorted(found, key=lambda item: (item.order, item.release_id), reverse=True))


def strays(settings: Settings) -> list[Path]:
    """What is beside the releases and is neither one of them nor the log."""
    return sorted(
        path
        for path in settings.releases.glob("*")
        if path.name != log.NAME and (path.name.startswith(".") or not path.is_dir())
    )


def before_current(settings: Settings) -> Kept | None:
    """The release that was published before the current one, or the latest if none is current; None if there is none.

    Releases of an older layout are passed over.
    """
    found = kept(settings)
    current = next((number for number, item in enumerate(found) if item.is_current), -1)
    return next((item for item in found[current + 1 :] if item.has_parts), None)


def put_in_place(settings: Settings, private: Path, target: Path) -> None:
    """Give a built release its name, durably; a release of that name that does not verify is set aside first."""
    for path in [*files_in(private), *(part for part in private.rglob("*") if part.is_dir()), private]:
        files.sync(path)
    if target.exists():
        aside = files.set_aside(settings, target)
        LOG.warning(
            "release %s does not verify: it is moved to %s and made again",
            target.name,
            aside.relative_to(settings.warehouse),
        )
    private.rename(target)
    files.sync(target.parent)


def record(settings: Settings, event: Event, release_id: str, predecessor: str | None = None) -> None:
    """Add a line to the release log."""
    folder = settings.releases / release_id
    seals: dict[str, str] = {}
    for part in PARTS:
        if (seal := manifest.seal(folder / part.name)) is not None:
            seals[part.name] = seal
    rows = contents.digest(folder) if event == "published" else None
    log.append(settings, event, release_id, seals, datetime.now(UTC), predecessor, rows)


def switch_to(settings: Settings, release_id: str, event: Event) -> None:
    """Record that somebody switches to a release, and switch."""
    with writing(settings):
        record(settings, event, release_id)
        switch(settings, release_id)


def pin(settings: Settings, release_id: str, *, is_pinned: bool) -> None:
    """Keep a release until it is unpinned, or no longer do so."""
    with writing(settings):
        known = ReleaseLog.read(settings.releases)
        if (release_id in known.pinned) != is_pinned:
            record(settings, "pinned" if is_pinned else "unpinned", release_id)


def prune(settings: Settings) -> None:
    """Remove releases, but not the latest ones, the last of each month, those that are pinned, and the current one."""
    known = ReleaseLog.read(settings.releases)
    month_ends = known.month_ends(ZoneInfo(settings.time_zone))
    for item in kept(settings)[settings.releases_kept :]:
        if not (item.is_current or item.is_pinned or item.release_id in month_ends):
            record(settings, "removed", item.release_id)
            shutil.rmtree(item.path)


def sweep(settings: Settings) -> None:
    """Remove what runs that were killed left behind. Only a process that has the writers' lock may call it."""
    found = files.sweep(settings)
    for path in settings.releases.glob(".*"):
        shutil.rmtree(path)
        found.append(path)
    for path in strays(settings):
        files.set_stray_aside(settings, path)
    if found:
        names = ", ".join(path.relative_to(settings.warehouse).as_posix() for path in found)
        LOG.warning("removed what a run that was stopped had left: %s", names)

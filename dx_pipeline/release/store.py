"""The releases on disk: which are kept, which is current, and the switch from one to another."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from dx_pipeline.release.part import INTERNAL, PARTS, PUBLIC
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files


@dataclass(frozen=True)
class Kept:
    """A release on disk. `order` grows with the time it was built.

    A release of an older layout has no parts: everything is in one folder, rows of dossiers among it.
    """

    release_id: str
    path: Path
    order: float
    is_current: bool

    @property
    def has_parts(self) -> bool:
        """Whether it can be verified and switched to."""
        return has_parts(self.path)


def switch(settings: Settings, release_id: str) -> None:
    """Make a release the current one, both of its parts in one atomic step: `internal` is found through `current`."""
    _link(settings, settings.internal, Path(settings.current.name) / ".." / INTERNAL.name)
    _link(settings, settings.current, Path(settings.releases.name) / release_id / PUBLIC.name)


def _link(settings: Settings, link: Path, target: Path) -> None:
    if not link.is_symlink() or link.readlink() != target:
        private = files.private_name(settings)
        private.symlink_to(target, target_is_directory=True)
        private.replace(link)


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
    """The releases on disk, newest first."""
    if not settings.releases.is_dir():
        return ()
    current = current_id(settings)
    found = [
        Kept(path.name, path, path.stat().st_mtime, path.name == current)
        for path in settings.releases.iterdir()
        if not path.name.startswith(".")
    ]
    return tuple(sorted(found, key=lambda item: (-item.order, item.release_id)))


def put_in_place(private: Path, target: Path) -> None:
    """Give a built release its name; first remove a release of that name that does not verify."""
    if target.exists():
        broken = target.with_name(f".{uuid.uuid4().hex}")
        target.rename(broken)
        shutil.rmtree(broken, ignore_errors=True)
    private.rename(target)


def prune(settings: Settings) -> None:
    """Remove releases beyond the number that is kept, never the current one."""
    for item in kept(settings)[settings.releases_kept :]:
        if not item.is_current:
            shutil.rmtree(item.path)

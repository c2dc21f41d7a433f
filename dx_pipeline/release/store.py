"""The releases on disk: which are kept, which is current, and the switch from one to another."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from dx_pipeline.settings import Settings
from dx_pipeline.storage import files


@dataclass(frozen=True)
class Kept:
    """A release on disk. `order` grows with the time it was built."""

    release_id: str
    path: Path
    order: float
    is_current: bool


def switch(settings: Settings, release_id: str) -> None:
    """Make a release the current one, in one atomic step."""
    link = files.private_name(settings)
    link.symlink_to(Path("releases") / release_id, target_is_directory=True)
    link.replace(settings.current)


def current_id(settings: Settings) -> str | None:
    """The id of the current release, if there is one."""
    return settings.current.readlink().name if settings.current.is_symlink() else None


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
    """Give a built release its name; a release of that name that does not verify is removed."""
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

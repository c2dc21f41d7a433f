"""The `files` connector: whatever lies in a source's inbox folder for a month.

inbox/<source>/<YYYY-MM>/<any name>
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from dx_pipeline import landing
from dx_pipeline.errors import UsageError
from dx_pipeline.landing import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

NAME = "files"
MANY = 8
"""So many files of one month are pages, each of them small."""


def waiting(settings: Settings, source: str, month: Month) -> tuple[Path, ...]:
    """The files of a source's inbox folder for a month. Names that begin with a dot are not deliveries."""
    folder = settings.inbox / source / str(month)
    if not folder.is_dir():
        return ()
    return tuple(path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith((".", "~$")))


def fetch(settings: Settings, source: str, month: Month) -> Iterator[tuple[Delivery, bool]]:
    """Land every file that waits for the month; says of each whether it is new.

    Many files are the pages of one answer: they are looked into side by side.
    """

    def land(path: Path) -> tuple[Delivery, bool]:
        delivered_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return landing.land(settings, path, source=source, month=month, connector=NAME, delivered_at=delivered_at)

    paths = waiting(settings, source, month)
    if len(paths) < MANY:
        yield from map(land, paths)
        return
    with ThreadPoolExecutor(settings.threads) as pool:
        yield from pool.map(land, paths)


def new(settings: Settings, source: str, month: Month) -> tuple[Path, ...]:
    """Those of the waiting files that have not landed yet, told by name, size and time alone."""
    known = {
        (delivery.entry.file_name, size, delivery.entry.delivered_at)
        for delivery in landing.landed(settings, source, month)
        for size in (delivery.entry.size_bytes, delivery.entry.kept_bytes)  # the door may have replaced it
    }
    return tuple(
        path
        for path in waiting(settings, source, month)
        if (path.name, path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime, UTC)) not in known
    )


def fetch_reference(settings: Settings, source: str, file: str) -> Delivery:
    """Land a reference file. It has no month: its latest landing is the whole table.

    Raises:
        UsageError: the file is not there.
    """
    path = settings.reference / file
    if not path.is_file():
        message = f"{path} is missing: restore it from the repository."
        raise UsageError(message)
    delivered_at = datetime.fromtimestamp(0, UTC)  # the file is versioned by git, not by a clock
    delivery, _ = landing.land(settings, path, source=source, month=None, connector=NAME, delivered_at=delivered_at)
    return delivery


def strays(settings: Settings, sources: frozenset[str]) -> tuple[Path, ...]:
    """What lies in the inbox and belongs to no declared source or to no month."""
    if not settings.inbox.is_dir():
        return ()
    found = []
    for child in sorted(settings.inbox.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_file() or child.name not in sources:
            found.append(child)
            continue
        for folder in sorted(child.iterdir()):
            if folder.is_dir() and _is_month(folder.name):
                found.extend(path for path in sorted(folder.iterdir()) if path.is_dir())
            elif not folder.name.startswith("."):
                found.append(folder)
    return tuple(found)


def months_waiting(settings: Settings, source: str) -> Iterator[Month]:
    """The months for which a source's inbox holds a folder, in order."""
    folder = settings.inbox / source
    if folder.is_dir():
        for child in sorted(folder.iterdir()):
            if child.is_dir() and _is_month(child.name):
                yield Month.parse(child.name)


def _is_month(name: str) -> bool:
    try:
        Month.parse(name)
    except UsageError:
        return False
    return True

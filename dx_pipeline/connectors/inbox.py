"""The inbox: files that were put there by hand for a source and month.

    inbox/<source>/<YYYY-MM>/<any name>

Reference files are fetched here as well: they are in git and have no month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Arrival
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest

NAME = "files"


def waiting(settings: Settings, source: str, month: Month) -> tuple[Path, ...]:
    """The files of a source's inbox folder for a month. Names that begin with a dot or `~$` are no deliveries.

    Links are not followed, neither to files nor to folders of months: whoever may deliver could make one that leads
    out of the inbox.
    """
    folder = settings.inbox / source / str(month)
    found = [] if folder.is_symlink() else sorted(folder.glob("*"))
    return tuple(path for path in found if _is_file(path) and not path.name.startswith((".", "~$")))


def fetch(settings: Settings, source: str, month: Month) -> Iterator[Arrival]:
    """Every file that waits for the month, landed before or not."""
    for path in waiting(settings, source, month):
        yield _arrival(source, month, path, datetime.fromtimestamp(path.stat().st_mtime, UTC))


def fetch_reference(settings: Settings, source: str, file: str) -> Arrival:
    """A reference file: the whole table, without a month.

    Raises:
        UsageError: the file does not exist.
    """
    path = settings.reference / file
    if not path.is_file():
        raise UsageError(f"{path} is missing: restore it from the repository.")
    return _arrival(source, None, path, datetime.fromtimestamp(0, UTC))  # git versions it, not a clock


def new(settings: Settings, source: str, month: Month) -> tuple[Path, ...]:
    """The waiting files that have not landed yet, by name, size and time alone."""
    known = {
        (delivery.entry.file_name, size, delivery.entry.delivered_at)
        for delivery in deliveries.landed(settings, source, month)
        for size in (delivery.entry.size_bytes, delivery.entry.kept_bytes)  # the filter may have replaced the file
    }
    return tuple(
        path
        for path in waiting(settings, source, month)
        if (path.name, path.stat().st_size, datetime.fromtimestamp(path.stat().st_mtime, UTC)) not in known
    )


def strays(settings: Settings, catalogue: Catalogue) -> list[Path]:
    """What is in the inbox and belongs to no source, or to no month of the province's until now."""
    found = []
    for child in settings.inbox.glob("*"):
        if child.name.startswith("."):
            continue
        if child.is_file() or child.name not in catalogue.monthly:
            found.append(child)
            continue
        months = {str(month) for month in months_waiting(settings, catalogue, child.name)}
        for folder in child.iterdir():
            if folder.is_dir() and not folder.is_symlink() and folder.name in months:
                found.extend(path for path in folder.iterdir() if not _is_file(path))
            elif not folder.name.startswith("."):
                found.append(folder)
    return sorted(found)


def months_waiting(settings: Settings, catalogue: Catalogue, source: str) -> Iterator[Month]:
    """The province's months, until now, for which a source's inbox has a folder, in order."""
    for child in sorted((settings.inbox / source).glob("*")):
        if child.is_dir() and not child.is_symlink() and _is_month(child.name):
            month = Month.parse(child.name)
            if catalogue.province.start <= month <= this_month(settings):
                yield month


def today(settings: Settings) -> date:
    """The current day in the province."""
    return datetime.now(ZoneInfo(settings.time_zone)).date()


def this_month(settings: Settings) -> Month:
    """The current month in the province."""
    return Month.of(today(settings))


def _arrival(source: str, month: Month | None, path: Path, delivered_at: datetime) -> Arrival:
    return Arrival(source, month, NAME, path, path.name, delivered_at, digest(path))


def _is_file(path: Path) -> bool:
    """Whether a path is a file itself: a link could lead out of the inbox."""
    return path.is_file() and not path.is_symlink()


def _is_month(name: str) -> bool:
    try:
        Month.parse(name)
    except UsageError:
        return False
    return True

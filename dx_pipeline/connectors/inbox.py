"""The inbox: files that were put there by hand for a source and month.

    inbox/<source>/<YYYY-MM>/<any name>

Only regular files are read. Links are not followed, neither to files nor to folders, and pipes, sockets and devices
are not opened: see `storage.folder`. Reference files are fetched here as well: they are in git and have no month.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Arrival
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import folder
from dx_pipeline.storage.files import digest

NAME = "files"

NO_DELIVERIES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})
"""Files that Windows puts into folders; names that begin with a dot or `~$` are of other programs."""

LATEST_SECOND = 253_402_300_799
"""The end of the year 9999: a file may be dated later, but no calendar has such a day."""

SKEW = timedelta(days=1)
"""By how much the clock of a sender may be ahead of ours. Later deliveries replace earlier ones, so a file from the
future would replace every one that comes until then."""

Why = Literal["no_source_or_month", "folder", "link", "pipe", "socket", "device", "future", "ignored"]


@dataclass(frozen=True)
class Stray:
    """Something in the inbox that is not read, and why. What is `ignored` is there by nobody's mistake."""

    path: Path
    why: Why

    def __str__(self) -> str:
        return folder.readable(str(self.path))


def waiting(settings: Settings, source: str, month: Month) -> tuple[Path, ...]:
    """The files of a source's inbox folder for a month that may be deliveries."""
    found = folder.entries(settings.inbox, source, str(month))
    place = settings.inbox / source / str(month)
    named = (place / name for name, kind in found if kind == "file" and not is_ignored(name))
    return tuple(path for path in named if not _is_from_the_future(path))


def fetch(settings: Settings, source: str, month: Month) -> Iterator[Arrival]:
    """Every file that waits for the month, landed before or not."""
    for path in waiting(settings, source, month):
        try:
            with folder.opened_file(settings.inbox, source, str(month), path.name) as descriptor:
                yield _arrival(source, month, folder.path_of(descriptor, path), path)
        except FileNotFoundError:
            continue  # taken out, or exchanged for something else, a moment ago


def fetch_reference(settings: Settings, source: str, file: str) -> Arrival:
    """A reference file: the whole table, without a month.

    Raises:
        UsageError: the file does not exist.
    """
    path = settings.reference / file
    if not path.is_file():
        raise UsageError(
            f"{path} is missing: restore it from the repository.", f"thiếu {path}: hãy phục hồi từ kho mã nguồn."
        )
    day = datetime.fromtimestamp(0, UTC)  # git versions it, not a clock
    return Arrival(source, None, NAME, path, path.name, day, digest(path))


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
        if (folder.readable(path.name), (about := path.lstat()).st_size, _modified_at(about)) not in known
    )


def strays(settings: Settings, catalogue: Catalogue) -> list[Stray]:
    """What is in the inbox and should not be there, in order."""
    return [stray for stray in unread(settings, catalogue) if stray.why != "ignored"]


def unread(settings: Settings, catalogue: Catalogue) -> list[Stray]:
    """What is in the inbox and is not read, in order; what is ignored by its name included."""
    found: list[tuple[str, Why]] = []
    for name, kind in folder.entries(settings.inbox):
        if kind == "folder" and name in catalogue.monthly:
            found += _strays_of(settings, catalogue, name)
        else:
            found.append((name, _why(name, kind)))
    return [Stray(settings.inbox / name, why) for name, why in sorted(found)]


def _strays_of(settings: Settings, catalogue: Catalogue, source: str) -> Iterator[tuple[str, Why]]:
    """What is in the folder of one source and is not read, as paths within the inbox."""
    months = {str(month) for month in months_waiting(settings, catalogue, source)}
    for name, kind in folder.entries(settings.inbox, source):
        if kind != "folder" or name not in months:
            yield f"{source}/{name}", _why(name, kind)
            continue
        for file, kind_of_file in folder.entries(settings.inbox, source, name):
            if kind_of_file == "folder":
                yield f"{source}/{name}/{file}", "ignored" if is_ignored(file) else "folder"
            elif kind_of_file != "file" or is_ignored(file):
                yield f"{source}/{name}/{file}", _why(file, kind_of_file)
            elif _is_from_the_future(settings.inbox / source / name / file):
                yield f"{source}/{name}/{file}", "future"


def months_waiting(settings: Settings, catalogue: Catalogue, source: str) -> Iterator[Month]:
    """The province's months, until now, for which a source's inbox has a folder, in order."""
    for name, kind in folder.entries(settings.inbox, source):
        month = Month.named(name) if kind == "folder" else None
        if month is not None and catalogue.province.start <= month <= this_month(settings):
            yield month


def this_month(settings: Settings) -> Month:
    """The current month in the province."""
    return Month.of(settings.today)


def _arrival(source: str, month: Month, file: Path, inbox_path: Path) -> Arrival:
    return Arrival(
        source=source,
        month=month,
        connector=NAME,
        file=file,
        name=folder.readable(inbox_path.name),
        delivered_at=_modified_at(file.stat()),
        delivery_id=digest(file),
        inbox_path=inbox_path,
    )


def _modified_at(about: os.stat_result) -> datetime:
    return datetime.fromtimestamp(min(max(about.st_mtime, 0), LATEST_SECOND), UTC)


def _is_from_the_future(path: Path) -> bool:
    try:
        return _modified_at(path.lstat()) > datetime.now(UTC) + SKEW
    except FileNotFoundError:  # taken out a moment ago
        return False


def _why(name: str, kind: folder.Kind) -> Why:
    if kind in {"file", "folder"}:
        return "ignored" if is_ignored(name) else "no_source_or_month"
    return kind  # type: ignore[return-value] # the two that are left out are no reasons


def is_ignored(name: str) -> bool:
    """Whether a name is that of a file which programs put beside others for themselves."""
    return name.startswith((".", "~$")) or name.lower() in NO_DELIVERIES

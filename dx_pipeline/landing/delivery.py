"""Deliveries: what arrived and was kept, immutable, named by its hash.

    landing/<source>/<month or all>/<sha256>/content
                                            /entry.json

A delivery and its entry appear by one rename. The same bytes twice, for the same source and month, are
one delivery. The privacy filter runs before: what lands here has no personal data. What the bytes mean
does not belong here: see `reading`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dx_pipeline import privacy
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import DxError
from dx_pipeline.formats.undecoded import NOT_UTF8
from dx_pipeline.period import MONTH, Month
from dx_pipeline.privacy import Filtered
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, folder, proven

LOG = logging.getLogger(__name__)
CONTENT = "content"
ENTRY = "entry.json"
WITHOUT_MONTH = "all"
ATTEMPTS = ".attempts"
"""The folder of the log of fetch attempts: no source has this name, for source names have no dot."""

PLACE = re.compile(r"[^/]+/[^/]+/[0-9a-f]{64}")
"""A place of a delivery, within landing."""


@dataclass(frozen=True)
class Arrival:
    """A file as a connector fetched it; nothing of it has been stored yet.

    Args:
        month: None for a reference file.
        file: where its bytes are: the inbox, or a file in memory.
        delivered_at: when the sender put it there.
        cursor_range: which part of a remote source it covers; None for the inbox.
        inbox_path: its place in the inbox; None for what a connector fetched.
    """

    source: str
    month: Month | None
    connector: str
    file: Path
    name: str
    delivered_at: datetime
    delivery_id: str
    cursor_range: dict[str, str] | None = None
    inbox_path: Path | None = None


class Entry(BaseModel):
    """What is recorded of one delivery.

    `delivered_at` is when the sender put it there (a file's modification time), not when the pipeline
    fetched it: it is a fact about the delivery, and a rebuild gives the same one. A connector's cursor
    is derived from the `cursor_range` of what has landed; it is None for the inbox.

    `delivery_id` and `size_bytes` are of what arrived; `kept_sha256` and `kept_bytes` of what was kept.
    `stripped` counts by kind what the privacy filter took out of it; `withheld` is the reason why
    nothing of it was kept, if nothing was; `withheld_vi` is the same in Vietnamese.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    month: str | None = Field(pattern=MONTH)
    delivery_id: str
    file_name: str
    size_bytes: int
    connector: str
    delivered_at: AwareDatetime
    cursor_range: dict[str, str] | None = None
    stripped: dict[str, int] = {}
    kept_sha256: str
    kept_bytes: int
    withheld: str | None = None
    withheld_vi: str | None = None

    @property
    def withheld_reason(self) -> Bilingual | None:
        """Why nothing of it was kept; what landed with an older version says it in English alone."""
        return Bilingual(vi=self.withheld_vi or self.withheld, en=self.withheld) if self.withheld is not None else None

    @property
    def digest(self) -> str:
        """One digest of all that it says."""
        return proven.digest(json.loads(self.model_dump_json(exclude_defaults=True)))


@dataclass(frozen=True)
class Delivery:
    """A landed delivery: its entry, and where its bytes are."""

    entry: Entry
    content: Path

    @property
    def order(self) -> tuple[datetime, str]:
        """Deliveries of a month in order of precedence; later ones replace earlier ones."""
        return self.entry.delivered_at, self.entry.delivery_id


def land(settings: Settings, arrival: Arrival, filtered: Filtered) -> Delivery:
    """Store what the privacy filter kept of a file, with its entry.

    Raises:
        DxError: the file changed while it was read.
    """
    private = files.private_name(settings)
    private.mkdir(files.PRIVATE_FOLDER)
    content = private / CONTENT
    kept = files.EMPTY
    if filtered.content is None:
        content.touch()
    else:
        kept = files.copy(filtered.content, content)
    arrived = kept if filtered.content == arrival.file else files.digest(arrival.file)
    if arrived != arrival.delivery_id:
        shutil.rmtree(private)
        raise DxError(
            f"{arrival.source}: {filtered.name} changes while it is read; wait until it is written, then run again.",
            f"{arrival.source}: {filtered.name} thay đổi trong khi đang đọc; hãy chờ ghi xong tệp rồi chạy lại.",
        )
    entry = Entry(
        source=arrival.source,
        month=str(arrival.month) if arrival.month else None,
        delivery_id=arrival.delivery_id,
        file_name=filtered.name,
        size_bytes=arrival.file.stat().st_size,
        connector=arrival.connector,
        delivered_at=arrival.delivered_at,
        cursor_range=arrival.cursor_range,
        stripped=dict(sorted(filtered.stripped.items())),
        kept_sha256=kept,
        kept_bytes=content.stat().st_size,
        withheld=filtered.withheld.en if filtered.withheld is not None else None,
        withheld_vi=filtered.withheld.vi if filtered.withheld is not None else None,
    )
    (private / ENTRY).write_text(proven.text(entry), encoding="utf-8")
    folder = folder_of(settings, arrival.source, arrival.month) / arrival.delivery_id
    files.make_private(settings, folder.parent, settings.landing)
    there = at(folder)
    was_withheld = there is not None and there.entry.withheld not in {None, entry.withheld}
    if there is not None and damage(settings, there) is None and not was_withheld:
        shutil.rmtree(private)  # another process landed the same bytes, or nothing has changed
        return there
    if was_withheld:
        shutil.rmtree(folder)  # nothing of it had been kept
    elif os.path.lexists(folder):
        _set_aside(settings, folder)
    for path in (content, private / ENTRY):
        files.limit(path, files.PRIVATE_FILE)
        files.sync(path)
    files.sync(private)
    private.rename(folder)
    files.sync(folder.parent)
    files.remember_digest(folder / CONTENT, kept)
    if entry.stripped:
        counts = ", ".join(f"{count} {kind}" for kind, count in entry.stripped.items())
        LOG.warning("%s %s %s: stripped %s before it was kept", entry.source, entry.month, entry.file_name, counts)
    return Delivery(entry, folder / CONTENT)


def find(
    settings: Settings, source: str, month: Month | None, digest: str, delivered_at: datetime | None = None
) -> Delivery | None:
    """The delivery that arrived with these bytes, or of which these bytes were kept.

    Of several (what was kept of one is what another was), the one that arrived at `delivered_at`.
    """
    folder = folder_of(settings, source, month)
    there = at(folder / digest)
    if there is not None and there.entry.delivered_at == delivered_at:
        return there
    found = [there] if there is not None else []
    found += sorted(_cleaned_to(folder, digest), key=lambda delivery: delivery.order)
    same_time = [item for item in found if item.entry.delivered_at == delivered_at]
    return next(iter(same_time or found), None)


def _cleaned_to(folder: Path, digest: str) -> Iterator[Delivery]:
    """The deliveries of which something was taken out, and these bytes were kept."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as places:
        paths = [place.path for place in places if _kept_of(place.path, place.inode()) == digest]
    yield from (found for path in paths if (found := at(Path(path))) is not None)


@lru_cache(maxsize=2**17)  # a server may have thousands of pages a month, and each is sought before it lands
def _kept_of(path: str, _inode: int) -> str | None:
    """What was kept of the delivery in a folder, if something was taken out of it: a delivery never changes."""
    found = at(Path(path))
    return found.entry.kept_sha256 if found is not None and found.entry.stripped else None


def restore(settings: Settings, arrival: Arrival, delivery: Delivery) -> bool:
    """Make a damaged delivery whole from the bytes that were kept of it, if these are what arrives now."""
    if damage(settings, delivery) is None:
        return True
    if arrival.delivery_id != delivery.entry.kept_sha256:
        return False
    _set_aside(settings, delivery.content)
    private = files.private_name(settings)
    shutil.copyfile(arrival.file, private)
    files.limit(private, files.PRIVATE_FILE)
    files.replace(settings, private, delivery.content)
    return damage(settings, delivery) is None


def _set_aside(settings: Settings, path: Path) -> None:
    """Set aside what is damaged of a delivery that is landed again, if anything of it is there."""
    _, en = _what_is_wrong(path)
    is_there = os.path.lexists(path)
    moved = f"moved to {settings.set_aside.name}/ and " if is_there else ""
    LOG.warning("%s %s: it is %slanded again", path.relative_to(settings.warehouse), en, moved)
    if is_there:
        files.set_aside(settings, path)


def clean_inbox(settings: Settings, arrival: Arrival, delivery: Delivery) -> None:
    """Replace a file of the inbox by what was kept of it, if that is less than what arrived.

    The file keeps its modification time, so the next fetch finds it landed. A file that could not be read, as a whole
    or in some lines, stays as it came.

    Raises:
        DxError: what was kept is not what was landed; the file in the inbox stays.
    """
    entry, path = delivery.entry, arrival.inbox_path
    is_read = entry.withheld is None and NOT_UTF8 not in entry.stripped
    if not entry.stripped or not is_read or path is None:
        return
    cleaned = privacy.file_name(path.name, arrival.delivery_id)[0]
    if cleaned == path.name and arrival.delivery_id == entry.kept_sha256:
        return
    moment = arrival.file.stat().st_mtime_ns
    private = files.private_name(settings)
    shutil.copyfile(delivery.content, private)
    if files.digest(private) != entry.kept_sha256:
        private.unlink()
        raise not_as_landed(settings, delivery.content, f" ({entry.file_name})")
    os.utime(private, ns=(moment, moment))
    files.sync(private)
    with folder.opened(settings.inbox, *path.relative_to(settings.inbox).parts[:-1]) as there:
        os.replace(private, cleaned, dst_dir_fd=there)  # by descriptor: the folder may be a link by now
        if cleaned != path.name:
            os.unlink(path.name, dir_fd=there)
        os.fsync(there)
    LOG.warning("%s %s: the file in the inbox was replaced by what was kept of it", entry.source, entry.file_name)


def folder_of(settings: Settings, source: str, month: Month | None) -> Path:
    """Where the deliveries of one source and month land."""
    return settings.landing / source / (str(month) if month else WITHOUT_MONTH)


def landed(settings: Settings, source: str, month: Month | None) -> tuple[Delivery, ...]:
    """What has landed of one source for one month, in order of precedence."""
    found = (each for path in folder_of(settings, source, month).glob("*") if (each := at(path)) is not None)
    return tuple(sorted(found, key=lambda delivery: delivery.order))


def landed_bytes(settings: Settings, source: str, month: Month | None) -> int:
    """How large the contents are that have landed for one month."""
    return sum(path.stat().st_size for path in folder_of(settings, source, month).glob(f"*/{CONTENT}"))


def place_of(settings: Settings, source: str, month: Month | None, delivery_id: str) -> Path:
    """Where a delivery is, or was."""
    return folder_of(settings, source, month) / delivery_id


def at(folder: Path) -> Delivery | None:
    """The delivery in a folder; None if there is none, or its entry cannot be read or is of another delivery."""
    entry = proven.read(folder / ENTRY, Entry)
    if entry is None:
        return None
    place = entry.source, entry.month or WITHOUT_MONTH, entry.delivery_id
    return Delivery(entry, folder / CONTENT) if place == folder.parts[-3:] else None


def every_place(settings: Settings) -> Iterator[tuple[Path, Delivery | None]]:
    """Everything in landing but the log of fetch attempts, with the delivery that it is; None if it is none.

    A folder of no source or month is one place, whatever is in it.
    """
    for source in sorted(path for path in settings.landing.glob("*") if path.name != ATTEMPTS):
        for month in sorted(source.iterdir()) if source.is_dir() else [source]:
            is_month = month.is_dir() and (month.name == WITHOUT_MONTH or Month.named(month.name) is not None)
            for path in sorted(month.iterdir()) if is_month else [month]:
                yield path, at(path)


def strays(settings: Settings) -> list[Path]:
    """Everything in landing that is at no place of a delivery."""
    found = (path for path, delivery in every_place(settings) if delivery is None)
    return [path for path in found if not PLACE.fullmatch(path.relative_to(settings.landing).as_posix())]


def damage(settings: Settings, delivery: Delivery) -> DxError | None:
    """What is wrong with a delivery: its bytes are missing, or others than were kept."""
    content = delivery.content
    if content.is_file() and files.known_digest(content) == delivery.entry.kept_sha256:
        return None
    return not_as_landed(settings, content, f" ({delivery.entry.file_name})")


def verify(settings: Settings, delivery: Delivery) -> None:
    """Check that a delivery is what was landed.

    Raises:
        DxError: its bytes are missing or others; names the file.
    """
    damaged = damage(settings, delivery)
    if damaged is not None:
        raise damaged


def problem(settings: Settings, path: Path, delivery: Delivery | None) -> DxError | None:
    """What is wrong with a place in landing, in which a delivery was found or none; None if nothing is."""
    if delivery is not None:
        return damage(settings, delivery)
    is_place = PLACE.fullmatch(path.relative_to(settings.landing).as_posix())
    return not_as_landed(settings, path) if is_place else files.stray(settings, path)


def not_as_landed(settings: Settings, path: Path, about: str = "") -> DxError:
    """The error of a file in landing that is missing, or has other bytes than it had."""
    name = f"{path.relative_to(settings.warehouse)}{about}"
    vi, en = _what_is_wrong(path)
    return DxError(f"{name} {en}: restore it from a backup.", f"{name} {vi}: hãy phục hồi từ bản sao lưu.")


def _what_is_wrong(path: Path) -> tuple[str, str]:
    is_there = os.path.lexists(path)
    return ("không còn như khi nhận", "is not what was landed") if is_there else ("bị thiếu", "is missing")


def months_landed(settings: Settings, source: str) -> Iterator[Month]:
    """The months for which anything of a source has landed, in order."""
    for child in sorted((settings.landing / source).glob("*")):
        if child.is_dir() and (month := Month.named(child.name)) is not None:
            yield month

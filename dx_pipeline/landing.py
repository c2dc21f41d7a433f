"""Landing: deliveries as they arrived, immutable, named by what is in them.

    landing/<source>/<month or all>/<sha256>/content
                                            /entry.json

A delivery and its ledger entry appear by one rename. The same bytes twice, for the same source and
month, are one delivery. What is personal in a delivery never gets here: see `door`. What the bytes
mean does not belong here: that is `reading`.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from dx_pipeline import catalogue as catalogues
from dx_pipeline import door, parquet
from dx_pipeline.door import Passed
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

LOG = logging.getLogger(__name__)
CONTENT = "content"
ENTRY = "entry.json"
WITHOUT_MONTH = "all"


class Entry(BaseModel):
    """The ledger's entry for one delivery.

    `delivered_at` is when the sender put it there (a file's modification time), not when the
    pipeline came to fetch it: so it is a fact about the delivery, and a rebuild gives the same one.
    `covers` says which part of what a remote source has a fetched page holds; a connector's cursor
    is derived from it. It is None for what was put into the inbox.

    `delivery_id` and `size_bytes` are of what arrived; `kept_sha256` and `kept_bytes` of what was
    kept. `stripped` counts by kind what the door took out of it; `withheld` says why nothing of it
    was kept, where that is so.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    month: str | None
    delivery_id: str
    file_name: str
    size_bytes: int
    connector: str
    delivered_at: AwareDatetime
    covers: dict[str, str] | None = None
    stripped: dict[str, int] = {}
    kept_sha256: str | None = None
    kept_bytes: int | None = None
    withheld: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A landed delivery: its entry, and where its bytes are."""

    entry: Entry
    content: Path

    @property
    def order(self) -> tuple[datetime, str]:
        """Deliveries of a month in the order in which they hold: later ones replace earlier ones."""
        return self.entry.delivered_at, self.entry.delivery_id


def land(
    settings: Settings,
    file: Path,
    *,
    source: str,
    month: Month | None,
    connector: str,
    delivered_at: datetime,
    covers: dict[str, str] | None = None,
    name: str | None = None,
) -> tuple[Delivery, bool]:
    """Copy a file into the landing area, past the door: what is personal in it is left behind.

    A file of the inbox in which anything was personal is replaced by what was kept of it, under the
    same modification time, so that the next fetch finds what has landed.

    Args:
        settings: where to land it.
        file: the file as it arrived; what a connector fetched had better be in memory.
        source: who delivers it.
        month: for which month; None for a reference file.
        connector: how it was fetched.
        delivered_at: when the sender put it there.
        covers: which part of what a remote source has it is.
        name: the name it goes by, where that is not the file's.

    Returns:
        The delivery, and whether it is new (false: the same bytes had landed before).

    Raises:
        DxError: the file changes while it is read.
    """
    delivery_id = parquet.digest(file)
    folder = folder_of(settings, source, month) / delivery_id
    known = _known(folder, delivery_id, delivered_at)
    if known is not None:
        _clean_inbox(settings, file, known)
        return known, False
    name, in_name = door.file_name(name or file.name)
    private = settings.scratch / uuid.uuid4().hex
    private.mkdir(parents=True)
    passed = _pass(settings, file, private / CONTENT, source)
    if parquet.digest(file) != delivery_id:
        shutil.rmtree(private)
        raise DxError(f"{source}: {name} changes while it is read; wait until it is written, then run again.")
    stripped = Counter(passed.stripped) + in_name
    entry = Entry(
        source=source,
        month=str(month) if month else None,
        delivery_id=delivery_id,
        file_name=name,
        size_bytes=file.stat().st_size,
        connector=connector,
        delivered_at=delivered_at,
        covers=covers,
        stripped=dict(sorted(stripped.items())),
        kept_sha256=parquet.digest(private / CONTENT),
        kept_bytes=(private / CONTENT).stat().st_size,
        withheld=passed.withheld,
    )
    (private / ENTRY).write_text(entry.model_dump_json(indent=2), encoding="utf-8")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        private.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(private)  # the same bytes were landed beside us
        return _read(folder), False
    delivery = Delivery(entry, folder / CONTENT)
    is_replaced = _clean_inbox(settings, file, delivery)
    if stripped:
        _tell(entry, is_replaced=is_replaced)
    return delivery, True


def _pass(settings: Settings, file: Path, target: Path, source: str) -> Passed:
    """Put what may be kept of a file at `target`. Reference files are reviewed in git: they pass as they are."""
    catalogue = catalogues.load(settings.project)
    declared = catalogue.sources.get(source)
    passed = Passed()
    if declared is not None and not declared.is_reference:
        passed = door.passed(file, target, declared.source, catalogue.contracts)
    if passed.is_clean:
        shutil.copyfile(file, target)
    elif passed.withheld is not None:
        target.write_bytes(b"")
    return passed


def _known(folder: Path, digest: str, delivered_at: datetime) -> Delivery | None:
    """The delivery that arrived with these bytes, or of which these bytes were kept.

    Where several did (what was kept of one is what another was), the one that arrived at that time.
    """
    found = [_read(folder)] if folder.is_dir() else []
    if folder.parent.is_dir():
        landed_before = (_read(child) for child in sorted(folder.parent.iterdir()))
        found += [item for item in landed_before if item.entry.stripped and item.entry.kept_sha256 == digest]
    same_time = [item for item in found if item.entry.delivered_at == delivered_at]
    return next(iter(same_time or found), None)


def _clean_inbox(settings: Settings, file: Path, delivery: Delivery) -> bool:
    """Leave in the inbox what was kept of a file, where that is less than what arrived."""
    entry = delivery.entry
    is_dirty = bool(entry.stripped) and entry.withheld is None and file.is_relative_to(settings.inbox)
    if not is_dirty or (file.name == door.file_name(file.name)[0] and parquet.digest(file) == entry.kept_sha256):
        return False
    moment = file.stat().st_mtime_ns
    private = parquet.private_name(settings, file.suffix)
    shutil.copyfile(delivery.content, private)
    os.utime(private, ns=(moment, moment))
    cleaned = file.with_name(door.file_name(file.name)[0])
    parquet.replace(private, cleaned)
    if cleaned != file:
        file.unlink()
    return True


def _tell(entry: Entry, *, is_replaced: bool) -> None:
    counts = ", ".join(f"{count} {kind}" for kind, count in entry.stripped.items())
    inbox = "; the file in the inbox was replaced by what was kept" if is_replaced else ""
    LOG.warning("%s %s %s: stripped %s before it was kept%s", entry.source, entry.month, entry.file_name, counts, inbox)


def folder_of(settings: Settings, source: str, month: Month | None) -> Path:
    """Where the deliveries of one source and month land."""
    return settings.landing / source / (str(month) if month else WITHOUT_MONTH)


def landed(settings: Settings, source: str, month: Month | None) -> tuple[Delivery, ...]:
    """What has landed of one source for one month, in the order in which it holds."""
    folder = folder_of(settings, source, month)
    if not folder.is_dir():
        return ()
    return tuple(sorted((_read(child) for child in folder.iterdir()), key=lambda delivery: delivery.order))


def months_landed(settings: Settings, source: str) -> Iterator[Month]:
    """The months for which anything of a source has landed, in order."""
    folder = settings.landing / source
    if folder.is_dir():
        for child in sorted(folder.iterdir()):
            if child.name != WITHOUT_MONTH:
                yield Month.parse(child.name)


def _read(folder: Path) -> Delivery:
    entry = Entry.model_validate_json((folder / ENTRY).read_text(encoding="utf-8"))
    return Delivery(entry, folder / CONTENT)

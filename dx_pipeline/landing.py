"""Landing: deliveries as they arrived, immutable, named by what is in them.

    landing/<source>/<month or all>/<sha256>/content
                                            /entry.json

A delivery and its ledger entry appear by one rename. The same bytes twice, for the same source and
month, are one delivery. What the bytes mean does not belong here: that is `reading`.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

CONTENT = "content"
ENTRY = "entry.json"
WITHOUT_MONTH = "all"


class Entry(BaseModel):
    """The ledger's entry for one delivery.

    `delivered_at` is when the sender put it there (a file's modification time), not when the
    pipeline came to fetch it: so it is a fact about the delivery, and a rebuild gives the same one.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    month: str | None
    delivery_id: str
    file_name: str
    size_bytes: int
    connector: str
    delivered_at: AwareDatetime


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
    settings: Settings, file: Path, *, source: str, month: Month | None, connector: str, delivered_at: datetime
) -> tuple[Delivery, bool]:
    """Copy a file into the landing area.

    Returns:
        The delivery, and whether it is new (false: the same bytes had landed before).
    """
    with file.open("rb") as handle:
        delivery_id = file_digest(handle, "sha256").hexdigest()
    folder = folder_of(settings, source, month) / delivery_id
    if folder.is_dir():
        return _read(folder), False
    entry = Entry(
        source=source,
        month=str(month) if month else None,
        delivery_id=delivery_id,
        file_name=file.name,
        size_bytes=file.stat().st_size,
        connector=connector,
        delivered_at=delivered_at,
    )
    private = settings.scratch / uuid.uuid4().hex
    private.mkdir(parents=True)
    shutil.copyfile(file, private / CONTENT)
    (private / ENTRY).write_text(entry.model_dump_json(indent=2), encoding="utf-8")
    folder.parent.mkdir(parents=True, exist_ok=True)
    private.rename(folder)
    return Delivery(entry, folder / CONTENT), True


def folder_of(settings: Settings, source: str, month: Month | None) -> Path:
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

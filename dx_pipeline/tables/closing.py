"""Closing: what the figures of a month rest on from the day on which the month closes.

    revisions/<schema>.<table>/<source>_<month>.json
    revisions/copies/<schema>.<table>/<source>_<month>.json

The record is kept beside landing: it is a fact about what was published, which no rebuild finds again. It has the
deliveries that the published rows were made from, and the last month whose states of earlier rows counted. What comes
later enters only by a revision that somebody accepts, which adds to the record and never replaces it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

import pyarrow.parquet as pq
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import MONTH, Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, proven
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

LOG = logging.getLogger(__name__)

COPIES = "copies"
"""The folder with a second copy of each record."""

Reason = Literal["routine", "unscheduled", "major"]
"""Why a published value is revised, as in Eurostat's revision policy of 2023: data that came later, an error that was
found, a change of concepts, definitions or sources."""


REASONS: tuple[Reason, ...] = get_args(Reason)


class Basis(BaseModel):
    """What the rows of a closed month rest on.

    Args:
        deliveries: the ids of the deliveries that they were made from, sorted.
        states_until: the last month (YYYY-MM) of which states count that are of rows of this month.
    """

    model_config = ConfigDict(frozen=True)

    deliveries: tuple[str, ...]
    states_until: str


class Revision(Basis):
    """What the rows of a closed month rest on since a revision was accepted.

    Args:
        proposal: the id under which it was proposed.
    """

    proposal: str
    accepted_at: AwareDatetime
    reason: Reason
    note: str = ""


class Closing(BaseModel):
    """One closed month of one table and source: what it rested on when it closed, and each revision since."""

    model_config = ConfigDict(frozen=True)

    table: str
    source: str
    month: str = Field(pattern=MONTH)
    closed_on: date
    first: Basis
    revisions: tuple[Revision, ...] = ()

    @property
    def key(self) -> Key:
        """The partition that it is about."""
        return Key(self.table, self.source, Month.parse(self.month))

    @property
    def basis(self) -> Basis:
        """What the month rests on now."""
        return self.revisions[-1] if self.revisions else self.first

    @property
    def digests(self) -> tuple[str, ...]:
        """What the month rested on when it closed, and since each revision, as one digest each."""
        bases = (
            basis.model_dump_json(exclude={"accepted_at", "reason", "note"}) for basis in (self.first, *self.revisions)
        )
        return tuple(sha256(basis.encode()).hexdigest() for basis in bases)

    def after(self, revisions: int) -> Closing:
        """The closing as it was after that many revisions."""
        return self.model_copy(update={"revisions": self.revisions[:revisions]})

    def late(self, landed: Iterable[Delivery]) -> frozenset[str]:
        """The ids of those deliveries that the month does not rest on."""
        return frozenset(item.entry.delivery_id for item in landed) - frozenset(self.basis.deliveries)


def read(settings: Settings, key: Key) -> Closing | None:
    """The closing of a partition; None while its month is open.

    Raises:
        DxError: neither the record nor its copy can be read.
    """
    found = _either(settings, key.table, key.name)
    if found is None and is_there(settings, key):
        raise _unreadable(settings, key.table, key.name)
    return found


def is_there(settings: Settings, key: Key) -> bool:
    """Whether a partition has a record or a copy of one, readable or not."""
    return any(os.path.lexists(path) for path in _paths(settings, key.table, key.name))


def revisions(settings: Settings, key: Key) -> int:
    """How many revisions of a partition have been accepted; 0 where what it rests on cannot be read."""
    closed = _either(settings, key.table, key.name)
    return len(closed.revisions) if closed is not None else 0


def every(settings: Settings, table: str = "*", source: str = "*") -> dict[Key, Closing]:
    """The closings of all partitions, or those of one table or source, ordered by table and partition.

    One of which neither the record nor its copy can be read is left out: see `damaged`.
    """
    found = (_either(settings, folder, name) for folder, name in _names(settings, table, f"{source}_*"))
    return {closing.key: closing for closing in found if closing is not None}


def damaged(settings: Settings, table: str = "*", source: str = "*") -> dict[str, DxError]:
    """The closed months of which neither the record nor its copy can be read: by table, what to do about one."""
    names = _names(settings, table, f"{source}_*")
    return {
        folder: _unreadable(settings, folder, name) for folder, name in names if _either(settings, folder, name) is None
    }


def lost(settings: Settings, key: Key) -> DxError:
    """The error of a record that is missing together with its copy."""
    where = _paths(settings, key.table, key.name)[0].relative_to(settings.warehouse)
    return DxError(
        f"{where} is lost, and so is its copy: restore it from a backup; {key} does not change until then.",
        f"{where} và bản sao của tệp đã mất: hãy phục hồi từ bản sao lưu; {key} không thay đổi cho đến lúc đó.",
    )


def record(settings: Settings, closing: Closing) -> None:
    """Write a closing and its copy, each whole or not at all."""
    for path in reversed(_paths(settings, closing.table, closing.key.name)):
        files.write_text(settings, path, proven.text(closing))


def problems(settings: Settings) -> Iterator[DxError]:
    """Every record of a closed month, or copy of one, that is missing, damaged or does not belong."""
    for table, name in _names(settings):
        closing = _either(settings, table, name)
        if closing is None:
            yield _unreadable(settings, table, name)
            continue
        original, copy = _paths(settings, table, name)
        for path in (original, copy) if os.path.lexists(copy) else (original,):  # older versions kept no copy
            if _valid(path) != closing:
                where = path.relative_to(settings.warehouse)
                yield DxError(
                    f"{where} is missing or damaged, and its copy is not: 'dx run' writes it again.",
                    f"{where} bị thiếu hoặc hỏng, nhưng bản sao còn nguyên: 'dx run' ghi lại.",
                )


def heal(settings: Settings, table: str, source: str) -> None:
    """Write again the records and copies that are missing or damaged; what is damaged is set aside."""
    for closing in every(settings, table, source).values():
        for path in _paths(settings, table, closing.key.name):
            if _valid(path) != closing:
                if path.is_file():
                    LOG.warning("%s is damaged: it is written again", path.relative_to(settings.warehouse))
                    files.set_aside(settings, path)
                files.write_text(settings, path, proven.text(closing))


def close(
    settings: Settings,
    catalogue: Catalogue,
    name: str,
    months: Sequence[Month],
    today: date,
    pending: Collection[Key] = (),
) -> None:
    """Close those of a source's months that are due to close and of which rows are published, table by table.

    A month for which nothing is published stays open: its first delivery is no revision. So does one that is `pending`,
    because somebody has just been asked whether to take a delivery.
    """
    due = [month for month in months if catalogue.province.has_closed(month, today)]
    source = catalogue.sources[name].source
    for table in source.delivered:
        heal(settings, table, name)
        keys = {month: Key(table, name, month) for month in due}
        new = [month for month, key in keys.items() if key not in pending and _is_to_close(settings, key)]
        if not new:
            continue
        until = max([*new, last_closed(every(settings, table, name), table, name) or new[0]])
        for month in new:
            basis = Basis(deliveries=_used(settings, keys[month], source.accept), states_until=str(until))
            record(settings, Closing(table=table, source=name, month=str(month), closed_on=today, first=basis))


def last_closed(closings: Mapping[Key, Closing], table: str, source: str) -> Month | None:
    """The latest closed month of a table and source."""
    months = (key.month for key in closings if (key.table, key.source) == (table, source) and key.month is not None)
    return max(months, default=None)


def _paths(settings: Settings, table: str, name: str) -> list[Path]:
    """Where the closing of a partition is, and its copy: what a month rested on is nowhere else."""
    return [root / table / f"{name}.json" for root in (settings.revisions, settings.revisions / COPIES)]


def _names(settings: Settings, table: str = "*", pattern: str = "*") -> list[tuple[str, str]]:
    """Table and partition of everything that is there as a record of a closed month, or as the copy of one."""
    roots = (settings.revisions, settings.revisions / COPIES)
    found = {(path.parent.name, path.stem) for root in roots for path in root.glob(f"{table}/{pattern}.json")}
    return sorted((folder, name) for folder, name in found if folder != COPIES)


def _either(settings: Settings, table: str, name: str) -> Closing | None:
    """The closing in a record, or else in its copy."""
    paths = _paths(settings, table, name)
    return next((closing for path in paths if (closing := _valid(path)) is not None), None)


def _unreadable(settings: Settings, table: str, name: str) -> DxError:
    where = _paths(settings, table, name)[0].relative_to(settings.warehouse)
    return DxError(
        f"{where} cannot be read, nor can its copy: restore it from a backup; nothing of the month changes until then.",
        f"không đọc được {where} và bản sao của tệp: hãy phục hồi từ bản sao lưu; tháng đó không thay đổi cho đến lúc"
        " đó.",
    )


def _valid(path: Path) -> Closing | None:
    """The closing in a file; None if it is missing, cannot be read, or is of another partition."""
    found = proven.read(path, Closing)
    return found if found is not None and (found.table, found.key.name) == (path.parent.name, path.stem) else None


def _is_to_close(settings: Settings, key: Key) -> bool:
    """Whether a month has rows and no record yet, also none that was lost."""
    run = partition.run(settings, key)
    is_recorded = (run is not None and run.had_closed) or is_there(settings, key)
    return not is_recorded and partition.rows(settings, key) is not None


def _used(settings: Settings, key: Key, accepted: Collection[str]) -> tuple[str, ...]:
    """The deliveries that the published rows of a partition were made from, and those before them in precedence.

    One that is held back and not `accepted` is none of them: if it is still in the inbox, it is proposed as a revision.
    """
    run, path = partition.run(settings, key), partition.rows(settings, key)
    held_back = {item.delivery_id for item in run.held_back if item.delivery_id not in accepted} if run else set()
    every = deliveries.landed(settings, key.source, key.month)
    landed = tuple(item for item in every if item.entry.delivery_id not in held_back)
    if path is not None and (run is None or not run.published):  # the latest deliveries were held back
        found = set(pq.read_table(path, columns=["delivery_id"])["delivery_id"].unique().to_pylist())
        latest = max((item.order for item in landed if item.entry.delivery_id in found), default=None)
        landed = tuple(item for item in landed if latest is not None and item.order <= latest)
    return tuple(sorted(item.entry.delivery_id for item in landed))

"""Closing: what the figures of a month rest on from the day on which the month closes.

    revisions/<schema>.<table>/<source>_<month>.json

The record is kept beside landing: it is a fact about what was published, which no rebuild finds again. It has the
deliveries that the published rows were made from, and the last month whose states of earlier rows counted. What comes
later enters only by a revision that somebody accepts, which adds to the record and never replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

import pyarrow.parquet as pq
from pydantic import AwareDatetime, BaseModel, ConfigDict

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

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
    month: str
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
    """The closing of a partition; None while its month is open."""
    path = _path(settings, key)
    return Closing.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def revisions(settings: Settings, key: Key) -> int:
    """How many revisions of a partition have been accepted."""
    closed = read(settings, key)
    return len(closed.revisions) if closed is not None else 0


def every(settings: Settings, table: str = "*", source: str = "*") -> dict[Key, Closing]:
    """The closings of all partitions, or those of one table or source, ordered by table and partition."""
    paths = sorted(settings.revisions.glob(f"{table}/{source}_*.json"))
    found = (Closing.model_validate_json(path.read_text(encoding="utf-8")) for path in paths)
    return {closing.key: closing for closing in found}


def record(settings: Settings, closing: Closing) -> None:
    """Write a closing whole, or not at all."""
    files.write_text(settings, _path(settings, closing.key), closing.model_dump_json(indent=1))


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


def _path(settings: Settings, key: Key) -> Path:
    return settings.revisions / key.table / f"{key.name}.json"


def _is_to_close(settings: Settings, key: Key) -> bool:
    return not _path(settings, key).is_file() and partition.rows(settings, key) is not None


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

"""Origin: whether what a partition was made from is still there, and is what it was made from.

Its record says which deliveries those are, and what their entries said.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import closing, partition
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun


def missing(settings: Settings, key: Key) -> DxError | None:
    """Why a partition cannot be made again: something that it was made from is no longer there; None if all of it is.

    That is a delivery without which its rows would be other ones, or the record of what a closed month rests on.
    """
    made = partition.run(settings, key)
    try:
        closed = closing.read(settings, key)
    except DxError as error:
        return error
    if made is not None and made.had_closed and closed is None:
        return closing.lost(settings, key)
    ids = [*(made.deliveries if made is not None else ()), *(closed.basis.deliveries if closed is not None else ())]
    there = {item.entry.delivery_id for item in deliveries.landed(settings, key.source, key.month)}
    gone = next((delivery_id for delivery_id in ids if delivery_id not in there), None)
    return lost(settings, key.source, key.month, gone, str(key)) if gone is not None else None


def problems(settings: Settings) -> Iterator[DxError]:
    """Each delivery that is no longer there, or is another one than that which a partition was made from, once."""
    closings = closing.every(settings)
    seen: set[object] = set()
    for made in partition.runs(settings):
        if made.source is None:
            continue
        key = partition.key_of(made)
        if made.had_closed and key not in closings and not closing.is_there(settings, key):
            yield closing.lost(settings, key)
        for delivery_id in made.deliveries:
            place = deliveries.place_of(settings, key.source, key.month, delivery_id)
            if place not in seen and (found := _problem(settings, key, made, delivery_id)) is not None:
                seen.add(place)
                yield found
    for key, closed in closings.items():
        yield from _gone(settings, key, closed.basis.deliveries, seen)


def lost(settings: Settings, source: str, month: Month | None, delivery_id: str, user: str) -> DxError:
    """The error of a delivery that something was made from, and that is no longer there."""
    name = deliveries.place_of(settings, source, month, delivery_id).relative_to(settings.warehouse)
    return DxError(
        f"{name} is lost, and {user} was made from it: restore it from a backup, or deliver the file again.",
        f"{name} đã mất, mà {user} được tạo từ đó: hãy phục hồi từ bản sao lưu, hoặc giao lại tệp.",
    )


def _gone(settings: Settings, key: Key, ids: Iterable[str], seen: set[object]) -> Iterator[DxError]:
    for delivery_id in ids:
        place = deliveries.place_of(settings, key.source, key.month, delivery_id)
        if place not in seen and not os.path.lexists(place):
            seen.add(place)
            yield lost(settings, key.source, key.month, delivery_id, str(key))


def _problem(settings: Settings, key: Key, made: PartitionRun, delivery_id: str) -> DxError | None:
    """What is wrong with a delivery of a partition, beside what is wrong with its bytes."""
    place = deliveries.place_of(settings, key.source, key.month, delivery_id)
    if not os.path.lexists(place):
        return lost(settings, key.source, key.month, delivery_id, str(key))
    found, recorded = deliveries.at(place), made.entries.get(delivery_id)
    if found is None or recorded in {None, found.entry.digest}:
        return None
    return deliveries.not_as_landed(settings, place / deliveries.ENTRY)

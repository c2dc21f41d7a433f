"""Delivered months: what has landed for some months of a source, read, audited and published.

Months do not depend on each other. They are read table by table, so that small tables are audited together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import duckdb

from dx_pipeline import profile, reading
from dx_pipeline.declarations import definition
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.definition import DEFINITION
from dx_pipeline.declarations.document import in_both
from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.reading import Readable
from dx_pipeline.receiving import Scans
from dx_pipeline.settings import Settings
from dx_pipeline.storage import parquet
from dx_pipeline.storage.database import connect
from dx_pipeline.tables import closing, delivered, origin, partition, publication
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.publication import Staged, Unaudited
from dx_pipeline.tables.run import RunInputs, RunResult


@dataclass(frozen=True)
class _Reading:
    """What the tables of one source and month are read from: deliveries, and each table's key with its closing."""

    landed: Sequence[Delivery]
    present: frozenset[str]
    closed: Mapping[Key, Closing | None]
    accepted: frozenset[str]
    scans: Scans = ()


def publish(
    settings: Settings,
    catalogue: Catalogue,
    name: str,
    months: Sequence[tuple[Month | None, frozenset[str], Scans]],
) -> list[tuple[RunResult, ...]]:
    """Read, audit and publish some months of a source, each by itself, but that small ones are audited together."""
    found = [_due(settings, catalogue, name, *each) for each in months]
    read = iter(_read_and_publish(settings, catalogue, [each for each in found if isinstance(each, _Reading)]))
    return [next(read) if isinstance(each, _Reading) else each for each in found]


def repeat(
    settings: Settings, catalogue: Catalogue, name: str, month: Month | None, tables: Sequence[str], inputs: RunInputs
) -> tuple[RunResult, ...]:
    """Read, audit and publish tables of one source and month again, from what a run of theirs was made from."""
    landed = tuple(
        delivery
        for delivery in deliveries.landed(settings, name, month)
        if delivery.entry.delivery_id in inputs.deliveries
    )
    closed = {key: closing.read(settings, key) for key in (Key(table, name, month) for table in tables)}
    then = {
        key: None if found is None or inputs.revisions is None else found.after(inputs.revisions)
        for key, found in closed.items()
    }
    present = frozenset(inputs.deliveries) - frozenset(inputs.withdrawn)
    (results,) = _read_and_publish(settings, catalogue, [_Reading(landed, present, then, frozenset(inputs.accepted))])
    return results


def _due(
    settings: Settings, catalogue: Catalogue, name: str, month: Month | None, present: frozenset[str], scans: Scans
) -> _Reading | tuple[RunResult, ...]:
    """What has to be read of one month of a source; the runs there are, if nothing has, or it is damaged."""
    source = catalogue.sources[name]
    landed = deliveries.landed(settings, name, month)
    if source.is_reference:
        landed = tuple(delivery for delivery in landed if delivery.entry.delivery_id in present)
    keys = [Key(table, name, month) for table in source.source.delivered]
    for key in keys:
        if (missing := origin.missing(settings, key)) is not None:
            return tuple(_hold_back(settings, catalogue, each, str(missing), missing) for each in keys)
    if not landed:
        return ()
    # What a connector fetched cannot be withdrawn by taking a file out of the inbox.
    present |= {delivery.entry.delivery_id for delivery in landed if delivery.entry.cursor_range is not None}
    accepted = frozenset(source.source.accept) & {delivery.entry.delivery_id for delivery in landed}
    closed = {key: closing.read(settings, key) for key in keys}
    current = {key: _fingerprint(settings, catalogue, key, landed, present, closed[key], accepted) for key in keys}
    for delivery in landed:
        if (damaged := deliveries.damage(settings, delivery)) is not None:
            return tuple(_hold_back(settings, catalogue, key, current[key], damaged) for key in keys)
    unchanged = [result for key in keys if (result := publication.unchanged(settings, key, current[key])) is not None]
    if len(unchanged) == len(keys):
        return tuple(unchanged)
    return _Reading(landed, present, closed, accepted, scans)


def _hold_back(settings: Settings, catalogue: Catalogue, key: Key, current: str, damaged: DxError) -> RunResult:
    """Record that a partition is not made again, because what it is made from is damaged or lost.

    Its last good rows stay, and its record still says what they were made from.
    """
    fingerprint = f"{current} over what is damaged"
    before = publication.unchanged(settings, key, fingerprint)
    if before is not None:
        return before
    made = partition.run(settings, key)
    inputs, entries = (made.inputs, made.entries) if made is not None else (None, {})
    staged = Staged(key, rows=0, synthetic=False, failure=in_both(damaged), inputs=inputs, entries=entries)
    with connect(settings) as connection:
        return publication.publish(settings, catalogue, connection, staged, fingerprint)


def _read_and_publish(
    settings: Settings, catalogue: Catalogue, readings: Sequence[_Reading]
) -> list[tuple[RunResult, ...]]:
    """Read the deliveries of some months of a source, table by table; audit and publish the rows of each month.

    Small ones of a table wait for each other, and are audited together.
    """
    for one in readings:
        for delivery in one.landed:
            deliveries.verify(settings, delivery)
    results: list[list[RunResult]] = [[] for _ in readings]
    sorted_ = [_readable(catalogue, one) for one in readings]
    for keys in zip(*(one.closed for one in readings), strict=True):  # of one table
        with ExitStack() as waiting:
            small: list[tuple[list[RunResult], Unaudited]] = []
            for key, one, readable, found in zip(keys, readings, sorted_, results, strict=True):
                with ExitStack() as own:
                    connection = own.enter_context(connect(settings))
                    unaudited = _stage(settings, catalogue, connection, key, one, readable[key.table])
                    if unaudited.staged.file is not None:
                        own.callback(unaudited.staged.file.unlink, missing_ok=True)  # of rows that are not published
                    if unaudited.is_small:
                        small.append((found, unaudited))
                        waiting.push(own.pop_all())
                    else:
                        found.extend(publication.publish_each(settings, catalogue, [unaudited]))
            published = publication.publish_each(settings, catalogue, [unaudited for _, unaudited in small])
            for (found, _), result in zip(small, published, strict=True):
                found.append(result)
    return [tuple(found) for found in results]


def _readable(catalogue: Catalogue, one: _Reading) -> Mapping[str, Readable]:
    (name,) = {key.source for key in one.closed}
    return reading.sort(catalogue.sources[name].source, one.landed)


def _stage(
    settings: Settings,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    key: Key,
    one: _Reading,
    readable: Readable,
) -> Unaudited:
    """Stage the rows of one table and month."""
    landed, found = one.landed, one.closed[key]
    with profile.stage("read", key.table, key.month):
        staged = delivered.stage(
            settings, catalogue, connection, key, readable, one.present, found, one.accepted, dict(one.scans)
        )
    staged = replace(
        staged,
        inputs=_inputs(settings, catalogue, key, landed, one.present, found, one.accepted),
        entries={delivery.entry.delivery_id: delivery.entry.digest for delivery in landed},
        file_names={delivery.entry.delivery_id: delivery.entry.file_name for delivery in landed},
    )
    current = _fingerprint(settings, catalogue, key, landed, one.present, found, one.accepted)
    return Unaudited(connection, staged, current)


def _inputs(
    settings: Settings,
    catalogue: Catalogue,
    key: Key,
    landed: Sequence[Delivery],
    present: frozenset[str],
    closed: Closing | None,
    accepted: frozenset[str],
) -> RunInputs:
    """What a delivered partition is made from, so that it can be made again."""
    ids = tuple(delivery.entry.delivery_id for delivery in landed)
    rows_of = {
        table: partition.run(settings, Key(table, name, None))
        for table in catalogue.contracts[key.table].references
        for name in catalogue.sources_of(table)
    }
    references = tuple(
        (table, run.inputs_of_rows.deliveries[-1])
        for table, run in sorted(rows_of.items())
        if run is not None and run.inputs_of_rows is not None
    )
    return RunInputs(
        deliveries=ids,
        withdrawn=tuple(each for each in ids if each not in present),
        references=references,
        revisions=len(closed.revisions) if closed is not None else None,
        accepted=tuple(sorted(accepted)),
    )


def _fingerprint(
    settings: Settings,
    catalogue: Catalogue,
    key: Key,
    landed: Sequence[Delivery],
    present: frozenset[str],
    closed: Closing | None,
    accepted: frozenset[str],
) -> str:
    """A digest of everything that a delivered partition is made from."""
    inputs = [catalogue.digest(f"source:{key.source}")]
    inputs += [f"{item.entry.delivery_id} {item.entry.digest}" for item in landed]
    inputs += sorted(present)
    inputs += [f"accepted {delivery_id}" for delivery_id in sorted(accepted)]
    if closed is not None:
        inputs += [f"late {delivery_id}" for delivery_id in sorted(closed.late(landed))]
        inputs += [f"revision {revision.proposal}" for revision in closed.revisions]
    for table in catalogue.contracts[key.table].references:
        inputs += [parquet.identity(path) for path in partition.all_rows(settings, table)]
        inputs += [definition.digest(catalogue.kpis)] if table == DEFINITION else []
    return publication.fingerprint(settings, catalogue, key.table, inputs)

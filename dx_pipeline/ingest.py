"""Ingest: one source and some months, from what it delivers to published partitions.

    fetch -> filter -> land -> read -> audit -> publish -> derive

Bad data raise nothing here: they end as a refusal, in quarantine, or as a partition that is not
replaced, and the partition's run records which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from dx_pipeline import connectors, profile, progress, reading, workers
from dx_pipeline.declarations import definition
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.definition import DEFINITION
from dx_pipeline.declarations.document import in_both
from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.receiving import Present, Scans, receive
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import connect
from dx_pipeline.storage.lock import fetching, writing
from dx_pipeline.tables import attempts, closing, delivered, origin, partition, publication, traffic
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.publication import Staged
from dx_pipeline.tables.run import RunInputs, RunResult


def ingest(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None], *, now: datetime | None = None
) -> tuple[RunResult, ...]:
    """Bring every table of one source up to date for some months (None: a reference file).

    Returns:
        One result for each month and table, in the order given and of declaration; none for a month
        without deliveries. Derived tables come with their month; then neighbouring months in which
        something derived changed; then the source's fetch attempts.

    Raises:
        DxError: a reference table that the rows refer to has never been published.
    """
    source = catalogue.sources[name]
    monthly = [month for month in months if month is not None]
    today = _today(settings, now)
    is_remote = connectors.is_remote(source)
    with fetching(settings, name) if is_remote else nullcontext(), ExitStack() as locked:
        locked.enter_context(writing(settings))
        files.make_private(settings, settings.landing / name, settings.landing)  # before workers do, all at once
        _bring_references_up_to_date(settings, catalogue, source)
        closing.close(settings, catalogue, name, monthly, today)  # what is fetched now comes after
        if is_remote:
            locked.close()  # a server may take an hour; what arrives is landed under the lock, page by page
        received = receive(settings, catalogue, name, months, now)
        if is_remote:
            locked.enter_context(writing(settings))
        published = _publish(settings, catalogue, name, received.present, received.scans)
        results = {month: [*found] for month, found in published}
        for _, scanned in received.scans:
            scanned.rows.unlink(missing_ok=True)
        for derived in _derive(settings, catalogue, name, months):
            results.setdefault(partition.key_of(derived.run).month, []).append(derived)
        every = [result for of_month in results.values() for result in of_month]
        if not source.is_reference:
            pending = {partition.key_of(result.run) for result in every if result.run.held_back}
            closing.close(settings, catalogue, name, monthly, today, pending)
            every.extend(next(workers.each(settings, catalogue, attempts.publish, [(name,)])))
        return tuple(every)


def publish_landed(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month]
) -> tuple[RunResult, ...]:
    """Publish some months of a source from what has landed, and what is derived from them; nothing is fetched."""
    with writing(settings):
        landed = {month: deliveries.landed(settings, name, month) for month in months}
        present: Present = {
            month: frozenset(item.entry.delivery_id for item in found) for month, found in landed.items()
        }
        results = [result for _, found in _publish(settings, catalogue, name, present) for result in found]
        return (*results, *_derive(settings, catalogue, name, months))


def replay(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None]
) -> tuple[RunResult, ...]:
    """Read some months of a source again, if what their rows are held against has changed since; nothing is fetched.

    What was withdrawn stays withdrawn. A month whose declarations and reference rows are the same is not read.
    """
    if catalogue.sources[name].is_reference:  # it is corrected in its file
        return ingest(settings, catalogue, name, months)
    with writing(settings):
        _bring_references_up_to_date(settings, catalogue, catalogue.sources[name])
        present: Present = {month: _present(settings, catalogue, name, month) for month in months}
        results = [result for _, found in _publish(settings, catalogue, name, present) for result in found]
        return (*results, *_derive(settings, catalogue, name, months))


def _present(settings: Settings, catalogue: Catalogue, name: str, month: Month | None) -> frozenset[str]:
    """The ids of what has landed for a month, but for what had been withdrawn when it was last read."""
    keys = (Key(table, name, month) for table in catalogue.sources[name].source.delivered)
    made = [run.inputs for key in keys if (run := partition.run(settings, key)) is not None and run.inputs is not None]
    landed = frozenset(item.entry.delivery_id for item in deliveries.landed(settings, name, month))
    return landed - {delivery_id for inputs in made for delivery_id in inputs.withdrawn}


def derive_all(settings: Settings, catalogue: Catalogue, name: str) -> tuple[RunResult, ...]:
    """Bring up to date what is derived from every month of a source that has landed."""
    return tuple(_derive(settings, catalogue, name, list(deliveries.months_landed(settings, name))))


def _publish(
    settings: Settings, catalogue: Catalogue, name: str, present: Present, scans: Scans = ()
) -> Iterator[tuple[Month | None, tuple[RunResult, ...]]]:
    """Read, audit and publish all months, in parallel: they do not depend on each other."""
    of_months = [(name, month, ids, tuple(scan for scan in scans if scan[0] in ids)) for month, ids in present.items()]
    running = workers.each(settings, catalogue, _publish_month, of_months)
    for month in present:
        if month is not None:  # reference files take no time
            progress.announce(f"{name} {month}")
        yield month, next(running)


def _publish_month(
    settings: Settings, catalogue: Catalogue, name: str, month: Month | None, present: frozenset[str], scans: Scans
) -> tuple[RunResult, ...]:
    """Read, audit and publish one month of a source."""
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
    return _read_and_publish(settings, catalogue, landed, present, closed, accepted, scans)


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
    return _read_and_publish(settings, catalogue, landed, present, then, frozenset(inputs.accepted))


def _read_and_publish(
    settings: Settings,
    catalogue: Catalogue,
    landed: Sequence[Delivery],
    present: frozenset[str],
    closed: Mapping[Key, Closing | None],
    accepted: frozenset[str],
    scans: Scans = (),
) -> tuple[RunResult, ...]:
    """Read the deliveries of one source and month; audit and publish the tables of the keys, each with its closing."""
    for delivery in landed:
        deliveries.verify(settings, delivery)
    ((name, _),) = {(key.source, key.month) for key in closed}
    tables = reading.sort(catalogue.sources[name].source, landed)
    results = []
    with connect(settings) as connection:
        for key, found in closed.items():
            with profile.stage("read", key.table, key.month):
                staged = delivered.stage(
                    settings, catalogue, connection, key, tables[key.table], present, found, accepted, dict(scans)
                )
            inputs = _inputs(settings, catalogue, key, landed, present, found, accepted)
            entries = {delivery.entry.delivery_id: delivery.entry.digest for delivery in landed}
            names = {delivery.entry.delivery_id: delivery.entry.file_name for delivery in landed}
            staged = replace(staged, inputs=inputs, entries=entries, file_names=names)
            current = _fingerprint(settings, catalogue, key, landed, present, found, accepted)
            results.append(publication.publish(settings, catalogue, connection, staged, current))
            if staged.file is not None:
                staged.file.unlink(missing_ok=True)  # of rows that were not published
    return tuple(results)


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


def _derive(settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None]) -> Iterator[RunResult]:
    """Bring up to date what is derived from the months, and from their neighbours where it changed.

    A month's exchanges reach into the neighbouring months: one half may be recorded on either side
    of midnight.
    """
    if not catalogue.sources[name].source.derived:
        return
    near = sorted({month.plus(step) for month in months if month is not None for step in traffic.REACH})
    due = [month for month in near if traffic.due(settings, catalogue, name, month)]
    at_once = len(due) if len(due) > len(traffic.REACH) else 1  # a few run here before workers have started
    changed = {
        month: result
        for first in range(0, len(due), at_once)
        for month, result in zip(
            due[first:],
            workers.each(settings, catalogue, traffic.derive, [(name, one) for one in due[first : first + at_once]]),
            strict=False,
        )
    }
    for month in near:
        run = partition.run(settings, Key(traffic.TABLE, name, month))
        if month in changed:
            yield changed[month]
        elif month in months and run is not None:
            yield RunResult(run, changed=False)


def _bring_references_up_to_date(settings: Settings, catalogue: Catalogue, source: DeclaredSource) -> None:
    tables = {name for table in source.source.tables for name in catalogue.contracts[table].references}
    for table in sorted(tables - {DEFINITION}):
        (name,) = catalogue.sources_of(table)
        ingest(settings, catalogue, name, [None])
        if partition.rows(settings, Key(table, name, None)) is None:
            raise DxError(
                f"{table} has no published rows to check against: see 'dx doctor' for what is wrong with it.",
                f"{table} chưa có dòng nào được công bố để đối chiếu: xem 'dx doctor' để biết bảng này sai ở đâu.",
            )


def _today(settings: Settings, now: datetime | None) -> date:
    return (now or datetime.now(UTC)).astimezone(ZoneInfo(settings.time_zone)).date()


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

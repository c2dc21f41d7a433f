"""Ingest: one source and some months, from what it delivers to published partitions.

    fetch -> filter -> land -> read -> audit -> publish -> derive

Bad data raise nothing here: they end as a refusal, in quarantine, or as a partition that is not
replaced, and the partition's run records which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from dx_pipeline import connectors, delivered_months, progress, workers
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.definition import DEFINITION
from dx_pipeline.errors import DxError
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.receiving import Present, Scans, receive
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.lock import fetching, writing
from dx_pipeline.tables import attempts, closing, partition, traffic
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import RunResult

MOST_TOGETHER = 12
"""So many months of a source are at most one call of a worker."""

LARGE = 8 * 2**20
"""A month of which more has landed, in bytes, is one by itself."""


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
    together = _together(settings, name, present)
    of_months = [
        (name, tuple((month, present[month], _of(scans, present[month])) for month in some)) for some in together
    ]
    running = workers.each(settings, catalogue, delivered_months.publish, of_months)
    results: dict[Month | None, tuple[RunResult, ...]] = {}
    for some in together:
        for month in some:
            if month is not None:  # reference files take no time
                progress.announce(f"{name} {month}")
        results |= zip(some, next(running), strict=True)
    yield from ((month, results[month]) for month in present)


def _together(settings: Settings, name: str, months: Iterable[Month | None]) -> list[list[Month | None]]:
    """Months by calls of a worker: large ones each by itself, and first."""
    by_size: dict[bool, list[Month | None]] = {True: [], False: []}
    for month in months:
        by_size[deliveries.landed_bytes(settings, name, month) > LARGE].append(month)
    return [*([month] for month in by_size[True]), *workers.groups(settings, by_size[False], MOST_TOGETHER)]


def _of(scans: Scans, ids: frozenset[str]) -> Scans:
    return tuple(scan for scan in scans if scan[0] in ids)


def _derive(settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None]) -> Iterator[RunResult]:
    """Bring up to date what is derived from the months, and from their neighbours where it changed.

    A month's exchanges reach into the neighbouring months: one half may be recorded on either side
    of midnight.
    """
    if not catalogue.sources[name].source.derived:
        return
    near = sorted({month.plus(step) for month in months if month is not None for step in traffic.REACH})
    due = [month for month in near if traffic.due(settings, catalogue, name, month)]
    few = len(due) <= len(traffic.REACH)  # they are there before workers have started
    together = [due] if few and due else workers.groups(settings, due, MOST_TOGETHER)
    running = workers.each(settings, catalogue, traffic.derive, [(name, tuple(some)) for some in together])
    changed = {
        month: result
        for some, results in zip(together, running, strict=True)
        for month, result in zip(some, results, strict=True)
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

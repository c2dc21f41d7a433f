"""Ingest: one source and one month, from what waits in the inbox to published partitions.

    fetch -> land -> read -> stage -> audit -> publish -> derive

Nothing here raises because data are bad: bad data end as a refusal, as quarantine, or as a
partition that is not replaced, and the record says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa

from dx_pipeline import audit, connector, landing, outcome, partition, progress, reading, traffic, workers
from dx_pipeline import suite as suites
from dx_pipeline.catalogue import Catalogue, DeclaredSource
from dx_pipeline.connector import files
from dx_pipeline.contract import arrow_schema
from dx_pipeline.database import connect
from dx_pipeline.errors import DeliveryRefusedError, DxError
from dx_pipeline.landing import Delivery
from dx_pipeline.lock import writing
from dx_pipeline.partition import Key, key_of
from dx_pipeline.period import Month
from dx_pipeline.reading import rows
from dx_pipeline.reading.rows import QUARANTINED, STAGED, Loaded
from dx_pipeline.record import Attempt, Counts, Expected, Record, Refusal
from dx_pipeline.settings import Settings
from dx_pipeline.source import Layout

OUTCOME_TABLE = "connection.outcome"

References = tuple[tuple[str, Path], ...]
"""The reference tables that a source's rows refer to, sorted, and where their published rows are."""


@dataclass(frozen=True)
class _Recognised:
    """The deliveries of one table, and those of its source that could not be told or read."""

    deliveries: tuple[tuple[Delivery, Layout], ...]
    refused: tuple[tuple[Delivery, str], ...]


def ingest(settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None]) -> tuple[Attempt, ...]:
    """Bring every table of one source up to date for some months (None: a reference file).

    Months do not depend on each other and are worked on side by side.

    Returns:
        One attempt for each month and table, in the order given and of declaration; none for a
        month for which nothing was delivered. What is derived comes with its month; neighbouring
        months of which something derived has changed come after them. Then, where anything was
        fetched, one for the outcomes.

    Raises:
        DxError: a reference table that the rows refer to has never been published.
    """
    with writing(settings):
        source = catalogue.sources[name]
        connector.fetch(settings, name, source.source, [month for month in months if month is not None])
        references = _references(settings, catalogue, source)
        worked_on = workers.each(settings, catalogue, _ingest_month, [(name, month, references) for month in months])
        attempts: dict[Month | None, list[Attempt]] = {}
        for month in months:
            if month is not None:  # reference files are looked at again and again, and take no time
                progress.announce(f"{name} {month}")
            attempts[month] = list(next(worked_on))
        for derived in _derive(settings, catalogue, name, months):
            attempts.setdefault(key_of(derived.record).month, []).append(derived)
        told = [attempt for of_month in attempts.values() for attempt in of_month]
        if not source.is_reference:
            told.extend(next(workers.each(settings, catalogue, _note_outcomes, [(name,)])))
        return tuple(told)


def _derive(settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None]) -> Iterator[Attempt]:
    """Bring up to date what is derived from the months, and where it changed, from their neighbours.

    A month's exchanges reach into the neighbouring months: one half may be recorded on either side
    of midnight.
    """
    if not catalogue.sources[name].source.derived:
        return
    near = sorted({month.plus(step) for month in months if month is not None for step in traffic.REACH})
    due = [month for month in near if traffic.due(settings, catalogue, name, month)]
    at_once = len(due) if len(due) > len(traffic.REACH) else 1  # few are done before workers have come
    changed = {
        month: attempt
        for first in range(0, len(due), at_once)
        for month, attempt in zip(
            due[first:],
            workers.each(settings, catalogue, traffic.derive, [(name, one) for one in due[first : first + at_once]]),
            strict=False,
        )
    }
    for month in near:
        record = partition.record(settings, Key(traffic.TABLE, name, month))
        if month in changed:
            yield changed[month]
        elif month in months and record is not None:
            yield Attempt(record, changed=False)


def _ingest_month(
    settings: Settings, catalogue: Catalogue, name: str, month: Month | None, references: References
) -> tuple[Attempt, ...]:
    declared = catalogue.sources[name]
    deliveries, waiting = _fetch(settings, declared, month)
    if not deliveries:
        return ()
    fingerprint = _fingerprint(settings, catalogue, declared, deliveries, waiting, references)
    keys = [Key(table, name, month) for table in declared.source.delivered]
    known = [partition.record(settings, key) for key in keys]
    unchanged = [record for record in known if record is not None and record.fingerprint == fingerprint]
    if len(unchanged) == len(keys):
        return tuple(Attempt(record, changed=False) for record in unchanged)
    recognised = _recognise(declared, deliveries)
    with connect(settings) as connection:
        for table, path in references:
            partition.attach(connection, table, catalogue.contracts[table].stored, [path])
        return tuple(
            Attempt(
                _ingest_table(settings, catalogue, connection, key, recognised[key.table], waiting, fingerprint),
                changed=True,
            )
            for key in keys
        )


def _note_outcomes(settings: Settings, catalogue: Catalogue, name: str) -> tuple[Attempt, ...]:
    """Publish what became of every attempt to fetch a source, all months in one partition."""
    contract = catalogue.contracts[OUTCOME_TABLE]
    told = pa.Table.from_pylist(
        list(outcome.rows(settings, {name: catalogue.sources[name].source})), arrow_schema(contract, contract.stored)
    )
    if not told.num_rows:
        return ()
    key = Key(OUTCOME_TABLE, name, None)
    declarations = catalogue.digest(f"contract:{OUTCOME_TABLE}", f"suite:{OUTCOME_TABLE}")
    said = json.dumps([settings.code_version, declarations, told.to_pylist()], default=str)
    fingerprint = sha256(said.encode()).hexdigest()
    before = partition.record(settings, key)
    if before is not None and before.fingerprint == fingerprint:
        return (Attempt(before, changed=False),)
    with connect(settings) as connection:
        connection.register("told", told)
        connection.execute(f"CREATE TABLE {STAGED} AS FROM told")
        suite = suites.complete(OUTCOME_TABLE, contract, catalogue.suites[OUTCOME_TABLE])
        audited = audit.audit(connection, STAGED, suite)
        published = audit.holds(audited)
        if published:
            partition.publish(settings, connection, key, contract, STAGED, fingerprint)
    attempt = Record(
        table=OUTCOME_TABLE,
        source=name,
        month=None,
        fingerprint=fingerprint,
        published=published,
        synthetic=False,
        rows=told.num_rows,
        audit=audited,
    )
    partition.keep(settings, attempt)
    return (Attempt(attempt, changed=True),)


def _fetch(
    settings: Settings, declared: DeclaredSource, month: Month | None
) -> tuple[tuple[Delivery, ...], frozenset[str]]:
    """What has landed for the month, and which of it still lies in the inbox."""
    if declared.reference_file is not None:
        delivery = files.fetch_reference(settings, declared.name, declared.reference_file)
        return (delivery,), frozenset({delivery.entry.delivery_id})
    assert month is not None  # noqa: S101 - only reference files have none
    waiting = frozenset(delivery.entry.delivery_id for delivery, _ in files.fetch(settings, declared.name, month))
    landed = landing.landed(settings, declared.name, month)
    # What a connector fetched cannot be withdrawn by taking it out of the inbox: it always stands.
    fetched = frozenset(delivery.entry.delivery_id for delivery in landed if delivery.entry.covers is not None)
    return landed, waiting | fetched


def _references(settings: Settings, catalogue: Catalogue, declared: DeclaredSource) -> References:
    """The published rows of each reference table that the source's tables refer to, brought up to date."""
    tables = {
        column.references.rpartition(".")[0]
        for table in declared.source.tables
        for column in catalogue.contracts[table].columns.values()
        if column.references is not None
    }
    found = []
    for table in sorted(tables):
        (name,) = catalogue.sources_of(table)
        ingest(settings, catalogue, name, [None])
        path = partition.rows(settings, Key(table, name, None))
        if path is None:
            message = f"{table} has no published rows to check against: see 'dx doctor' for what is wrong with it."
            raise DxError(message)
        found.append((table, path))
    return tuple(found)


def _fingerprint(
    settings: Settings,
    catalogue: Catalogue,
    declared: DeclaredSource,
    deliveries: Sequence[Delivery],
    waiting: frozenset[str],
    references: References,
) -> str:
    """A digest of everything that the partitions of one source and month rest on."""
    tables = declared.source.delivered
    names = [f"source:{declared.name}"]
    names += [f"contract:{table}" for table in tables]
    names += [f"suite:{table}" for table in tables if table in catalogue.suites]
    parts = [settings.code_version, catalogue.digest(*names)]
    parts += [f"{item.entry.delivery_id} {item.entry.delivered_at.isoformat()}" for item in deliveries]
    parts += sorted(waiting)
    parts += [partition.fingerprint_of(path) for _, path in references]
    return sha256("\n".join(parts).encode()).hexdigest()


def _recognise(declared: DeclaredSource, deliveries: Sequence[Delivery]) -> dict[str, _Recognised]:
    """Sort a source's deliveries by the table that each one fills.

    A delivery that cannot be told belongs, as a refusal, to the tables that have none of their
    own; if every table has one, to all of them, because any of them may have been meant.
    """
    told: dict[str, list[tuple[Delivery, Layout]]] = {table: [] for table in declared.source.delivered}
    unknown: list[tuple[Delivery, str]] = []
    for delivery in deliveries:
        try:
            layout = reading.recognise(delivery, declared.source)
        except DeliveryRefusedError as refusal:
            unknown.append((delivery, str(refusal)))
        else:
            told[layout.table].append((delivery, layout))
    latest = max((item.order for items in told.values() for item, _ in items), default=None)
    unresolved = tuple(item for item in unknown if latest is None or item[0].order > latest)
    lacking = [table for table, items in told.items() if not items] or list(told)
    return {table: _Recognised(tuple(items), unresolved if table in lacking else ()) for table, items in told.items()}


def _ingest_table(
    settings: Settings,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    key: Key,
    recognised: _Recognised,
    waiting: frozenset[str],
    fingerprint: str,
) -> Record:
    contract = catalogue.contracts[key.table]
    loaded: list[Loaded] = []
    refused: list[tuple[Delivery, str]] = []
    counts = rows.stage(connection, contract, _load(connection, recognised, loaded, refused), key.month)
    quarantined = connection.table(QUARANTINED)
    partition.set_aside(settings, quarantined, key, catalogue.contracts["ledger.quarantine"])
    audited: tuple[Expected, ...] = ()
    published = False
    if loaded:
        suite = suites.complete(key.table, contract, catalogue.suites.get(key.table))
        audited = audit.audit(connection, STAGED, suite)
        published = audit.holds(audited)
    if published:
        partition.publish(settings, connection, key, contract, STAGED, fingerprint)
    attempt = Record(
        table=key.table,
        source=key.source,
        month=str(key.month) if key.month else None,
        fingerprint=fingerprint,
        published=published,
        synthetic=any(item.raw.is_synthetic for item in loaded),
        rows=sum(item.accepted for item in counts),
        counts=tuple(Counts(**asdict(item)) for item in counts),
        refused=_unresolved(refused, loaded, waiting),
        superseded=tuple(loaded[position].delivery.entry.delivery_id for position in rows.superseded(loaded)),
        audit=audited,
    )
    partition.keep(settings, attempt)
    return attempt


def _load(
    connection: duckdb.DuckDBPyConnection,
    recognised: _Recognised,
    loaded: list[Loaded],
    refused: list[tuple[Delivery, str]],
) -> Iterator[Loaded]:
    """Load what can be read, as it is asked for; the rest is refused, each with the sentence that says why."""
    refused.extend(recognised.refused)
    for number, bundle in enumerate(reading.in_bundles(recognised.deliveries)):
        name = f"raw {number}"
        raws = reading.load_pages(connection, bundle, name) if len(bundle) > 1 else None
        for position, (delivery, layout) in enumerate(bundle):
            try:
                raw = raws[position] if raws else reading.load(connection, delivery, layout, f"{name} {position}")
            except DeliveryRefusedError as refusal:
                refused.append((delivery, str(refusal)))
            else:
                loaded.append(Loaded(delivery, layout, raw))
                yield loaded[-1]


def _unresolved(
    refused: Sequence[tuple[Delivery, str]], loaded: Sequence[Loaded], waiting: frozenset[str]
) -> tuple[Refusal, ...]:
    """The refusals that still stand: no later delivery took their place, and nobody withdrew them.

    A refused file is withdrawn by taking it out of the inbox.
    """
    latest = max((item.delivery.order for item in loaded), default=None)
    return tuple(
        Refusal(delivery_id=delivery.entry.delivery_id, file_name=delivery.entry.file_name, problem=problem)
        for delivery, problem in sorted(refused, key=lambda item: item[0].order)
        if delivery.entry.delivery_id in waiting and (latest is None or delivery.order > latest)
    )

"""Delivered rows: the deliveries of one table, source and month, read into staged rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from dx_pipeline import reading
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.reading import Loaded, Readable, rows, scan, scanned_rows
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.reading.rows import Staging
from dx_pipeline.reading.scan import Scanned
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import QUARANTINED
from dx_pipeline.tables import partition, redelivery
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.publication import Staged
from dx_pipeline.tables.run import Refusal


def stage(
    settings: Settings,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    key: Key,
    readable: Readable,
    present: frozenset[str],
    closed: Closing | None,
    accepted: frozenset[str],
    scans: Mapping[str, Scanned],
) -> Staged:
    """Stage the rows of a table's deliveries, and set aside those that broke the contract.

    What was delivered late for a `closed` month is read for its counts alone: it waits until a revision is accepted.
    What the month rests on, and what is `accepted`, is not compared with what it replaces. Of new deliveries `scans`
    has what was found when they arrived.
    """
    contract = catalogue.contracts[key.table]
    partition.attach_references(settings, connection, catalogue, contract)
    scanner = _Scanner(settings, connection, contract, key, scans)
    proposed: tuple[Counts, ...] = ()
    if closed is not None and (late := closed.late(delivery for delivery, _ in readable.deliveries)):
        every = rows.stage(connection, contract, reading.load(connection, readable, scanner), key.month)
        proposed = tuple(item for item in every if item.delivery_id in late & present)
        readable = readable.without(late)
    taken = accepted if closed is None else accepted | frozenset(closed.basis.deliveries)
    loading = reading.load(connection, readable, scanner)
    staging, file = _staged(settings, connection, contract, key, readable, loading, taken)
    scanner.drop(but=file)
    why = {
        item.counts.delivery_id: redelivery.sentence(catalogue.sources[key.source], item) for item in staging.held_back
    }
    readable.hold_back(why)
    quarantine = catalogue.contracts["ledger.quarantine"]
    partition.quarantine(settings, connection.table(QUARANTINED), key, quarantine)
    held_back = [item for item in staging.held_back if item.counts.delivery_id in present]  # others were withdrawn
    redelivery.record(settings, connection, key, quarantine, held_back)
    loaded = readable.loaded
    return Staged(
        key=key,
        rows=sum(item.accepted for item in staging.counts),
        synthetic=any(item.raw.is_synthetic for item in loaded),
        is_complete=bool(loaded),
        counts=staging.counts,
        refused=tuple(
            Refusal(
                delivery_id=delivery.entry.delivery_id,
                file_name=delivery.entry.file_name,
                problem=problem.en,
                problem_vi=problem.vi,
            )
            for delivery, problem in readable.unresolved(present)
        ),
        held_back=tuple(item.counts for item in held_back),
        superseded=tuple(loaded[position].delivery.entry.delivery_id for position in rows.superseded(loaded)),
        proposed=proposed,
        revision=len(closed.revisions) if closed is not None else 0,
        file=file,
    )


def _staged(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    key: Key,
    readable: Readable,
    loading: Iterator[Loaded],
    taken: frozenset[str],
) -> tuple[Staging, Path | None]:
    """Stage what is loaded; the file of its rows too, where a scan of the only delivery has written all of them."""
    if len(readable.deliveries) == 1:
        loading = iter([*loading])
        for item in readable.loaded:
            if (found := scanned_rows.stage(settings, connection, contract, item, key.month)) is not None:
                return Staging((found[0],), ()), found[1]
    return rows.stage_compared(connection, contract, loading, key.month, taken), None


@dataclass(frozen=True)
class _Scanner:
    """What scans find in the deliveries of a partition: when they arrived, or now."""

    settings: Settings
    connection: duckdb.DuckDBPyConnection
    contract: Contract
    key: Key
    scans: Mapping[str, Scanned]
    _found: list[Scanned] = field(default_factory=list)

    def __call__(self, delivery: Delivery, layout: Layout) -> Scanned | None:
        entry = delivery.entry
        found = self.scans.get(entry.delivery_id)
        if found is None or not found.rows.is_file():
            identity = scan.Identity(entry.delivery_id, entry.delivered_at, partition.name_of(self.key))
            found = scan.scan(
                self.settings, self.connection, delivery.content, layout, self.contract, self.key.month, identity
            )
        if found is not None:
            self._found.append(found)
        return found

    def drop(self, but: Path | None) -> None:
        """Remove the files of rows that are in the connection now, but for one."""
        for scanned in self._found:
            if scanned.rows != but:
                scanned.rows.unlink(missing_ok=True)

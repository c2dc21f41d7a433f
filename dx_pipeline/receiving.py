"""Receiving: what a source delivers, fetched, filtered and landed.

    fetch -> filter -> land

Nothing is read here. A page from a server is landed as it comes, so that a fetch that breaks off goes on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from dx_pipeline import connectors, formats, privacy, profile, workers
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Arrival, Delivery
from dx_pipeline.period import Month
from dx_pipeline.reading import scan
from dx_pipeline.reading.scan import Scanned
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.database import connect
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

Present = dict[Month | None, frozenset[str]]
"""By month, the ids of the deliveries that a source has there now, new or not."""

Scans = tuple[tuple[str, Scanned], ...]
"""What scans of new deliveries found, with their ids: the rows of most lines are there already."""


@dataclass(frozen=True)
class Received:
    """What a source has there now.

    Args:
        present: the deliveries.
        scans: of those that are new, where they were scanned.
    """

    present: Present
    scans: Scans = ()


def receive(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None], now: datetime | None
) -> Received:
    """Fetch, filter and land all months: in parallel from the inbox, month after month from a remote source."""
    is_remote = connectors.is_remote(catalogue.sources[name])
    together = [tuple(months)] if is_remote else [(month,) for month in months]
    landed = list(workers.each(settings, catalogue, fetch_and_land, [(name, some, now) for some in together]))
    present = {month: ids for received in landed for month, ids in received.present.items()}
    return Received(present, tuple(scan for received in landed for scan in received.scans))


def fetch_and_land(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None], now: datetime | None = None
) -> Received:
    """Fetch, filter and land what a source delivers for some months."""
    source = catalogue.sources[name]
    present: Present = dict.fromkeys(months, frozenset())
    scans: dict[str, Scanned] = {}
    landing = writing if connectors.is_remote(source) else nullcontext  # else the caller has the lock already
    month = months[0] if len(months) == 1 else None
    for arrival in profile.iterating("fetch", name, month, connectors.fetch(settings, source, months, now=now)):
        with landing(settings):
            delivery = deliveries.find(settings, name, arrival.month, arrival.delivery_id, arrival.delivered_at)
            is_read = delivery is not None and delivery.entry.withheld is None  # else a layout may have been corrected
            if delivery is None or not is_read or not deliveries.restore(settings, arrival, delivery):
                scanned = _scanned(settings, catalogue, source, arrival)
                delivery = _filter_and_land(settings, catalogue, source, arrival, scanned)
                if scanned is not None:
                    scans[arrival.delivery_id] = scanned
            deliveries.clean_inbox(settings, arrival, delivery)
        present[arrival.month] |= {delivery.entry.delivery_id}
    return Received(present, tuple(scans.items()))


def _scanned(settings: Settings, catalogue: Catalogue, source: DeclaredSource, arrival: Arrival) -> Scanned | None:
    """What a scan of a new file finds; None where it has to be filtered and read line by line."""
    if source.is_reference or not scan.is_worthwhile(arrival.file):
        return None
    layout = formats.layout_of(arrival.file, source.source)
    if layout is None:
        return None
    contract = catalogue.contracts[layout.table]
    name = partition.name_of(Key(layout.table, arrival.source, arrival.month))
    with profile.stage("scan", layout.table, arrival.month), connect(settings) as connection:
        partition.attach_references(settings, connection, catalogue, contract)
        identity = scan.Identity(arrival.delivery_id, arrival.delivered_at, name)
        return scan.scan(settings, connection, arrival.file, layout, contract, arrival.month, identity)


def _filter_and_land(
    settings: Settings, catalogue: Catalogue, source: DeclaredSource, arrival: Arrival, scanned: Scanned | None
) -> Delivery:
    private = files.private_name(settings)
    private.mkdir()
    try:
        filtered = privacy.Filtered(arrival.name, arrival.file)  # reference files are reviewed in git
        if not source.is_reference:
            with profile.stage("filter", arrival.source, arrival.month):
                filtered = privacy.apply(
                    arrival.file,
                    arrival.name,
                    private / "kept",
                    source.source,
                    catalogue.contracts,
                    delivery_id=arrival.delivery_id,
                    searched=scanned.searched if scanned is not None else None,
                )
        with profile.stage("land", arrival.source, arrival.month):
            return deliveries.land(settings, arrival, filtered)
    finally:
        shutil.rmtree(private)

"""Receiving: what a source delivers, fetched, filtered and landed.

    fetch -> filter -> land

Nothing is read here. A page from a server is landed as it comes, so that a fetch that breaks off goes on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime

from dx_pipeline import connectors, privacy, workers
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Arrival, Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.storage.lock import writing

Present = dict[Month | None, frozenset[str]]
"""By month, the ids of the deliveries that a source has there now, new or not."""


def receive(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None], now: datetime | None
) -> Present:
    """Fetch, filter and land all months: in parallel from the inbox, month after month from a remote source."""
    is_remote = connectors.is_remote(catalogue.sources[name])
    together = [tuple(months)] if is_remote else [(month,) for month in months]
    landed = workers.each(settings, catalogue, fetch_and_land, [(name, some, now) for some in together])
    return {month: ids for present in landed for month, ids in present.items()}


def fetch_and_land(
    settings: Settings, catalogue: Catalogue, name: str, months: Sequence[Month | None], now: datetime | None = None
) -> Present:
    """Fetch, filter and land what a source delivers for some months."""
    source = catalogue.sources[name]
    present: Present = dict.fromkeys(months, frozenset())
    landing = writing if connectors.is_remote(source) else nullcontext  # else the caller has the lock already
    for arrival in connectors.fetch(settings, source, months, now=now):
        with landing(settings):
            delivery = deliveries.find(settings, name, arrival.month, arrival.delivery_id, arrival.delivered_at)
            is_read = delivery is not None and delivery.entry.withheld is None  # else a layout may have been corrected
            if delivery is None or not is_read or not deliveries.restore(settings, arrival, delivery):
                delivery = _filter_and_land(settings, catalogue, source, arrival)
            deliveries.clean_inbox(settings, arrival, delivery)
        present[arrival.month] |= {delivery.entry.delivery_id}
    return present


def _filter_and_land(settings: Settings, catalogue: Catalogue, source: DeclaredSource, arrival: Arrival) -> Delivery:
    private = files.private_name(settings)
    private.mkdir()
    try:
        filtered = (
            privacy.Filtered(arrival.name, arrival.file)  # reference files are reviewed in git
            if source.is_reference
            else privacy.apply(
                arrival.file,
                arrival.name,
                private / "kept",
                source.source,
                catalogue.contracts,
                delivery_id=arrival.delivery_id,
            )
        )
        return deliveries.land(settings, arrival, filtered)
    finally:
        shutil.rmtree(private)

"""Reading: the deliveries of a month become typed rows; every line is accepted or accounted for.

`sort` recognises each delivery and finds the table that it fills; `load` loads its lines; `rows` types them, checks
them against the contract and splits them. No line is lost: see `conservation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from dx_pipeline import formats
from dx_pipeline.declarations.document import Bilingual, in_both
from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats.raw import Raw
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.reading import odd_line
from dx_pipeline.reading.scan import Scanned

BUNDLE_BYTES = 12 * 1024 * 1024
"""At most how many bytes on disk are loaded in one statement."""


@dataclass(frozen=True)
class Loaded:
    """A delivery whose lines are in the connection, not typed yet; those that a scan has typed are in its file."""

    delivery: Delivery
    layout: Layout
    raw: Raw
    scanned: Scanned | None = None


@dataclass
class Readable:
    """The deliveries of one table, and the result of reading them.

    Args:
        deliveries: those of the table, in order of precedence.
        refused: those that could not be recognised or read, or are held back, each with the reason.
        loaded: those that have been loaded so far.
    """

    deliveries: list[tuple[Delivery, Layout]] = field(default_factory=list)
    refused: list[tuple[Delivery, Bilingual]] = field(default_factory=list)
    loaded: list[Loaded] = field(default_factory=list)

    def without(self, delivery_ids: frozenset[str]) -> Readable:
        """The same without some of the deliveries, and without any loaded; what was refused stays refused."""
        kept = [item for item in self.deliveries if item[0].entry.delivery_id not in delivery_ids]
        refused = [item for item in self.refused if item[0] not in [delivery for delivery, _ in kept]]
        return Readable(kept, refused)

    def hold_back(self, held_back: Mapping[str, Bilingual]) -> None:
        """Count loaded deliveries as refused, each with the reason by its id."""
        for item in [each for each in self.loaded if each.delivery.entry.delivery_id in held_back]:
            self.loaded.remove(item)
            self.refused.append((item.delivery, held_back[item.delivery.entry.delivery_id]))

    def unresolved(self, present: frozenset[str]) -> list[tuple[Delivery, Bilingual]]:
        """The refusals that still count, in order: of deliveries that are `present`, if no later one was read.

        A refused file is withdrawn by removing it from the inbox.
        """
        latest = max((item.delivery.order for item in self.loaded), default=None)
        return [
            (delivery, problem)
            for delivery, problem in sorted(self.refused, key=lambda item: item[0].order)
            if delivery.entry.delivery_id in present and (latest is None or delivery.order > latest)
        ]


def sort(source: Source, deliveries: Sequence[Delivery]) -> dict[str, Readable]:
    """A source's deliveries by the table that each one fills.

    A delivery that is not recognised counts as refused for each table without a delivery; if every table has one, for
    all of them, because it may be meant for any. Where there are several tables, a later one that is recognised
    settles it; where there is one, only a later one that is read does: see `Readable.unresolved`.
    """
    tables = {table: Readable() for table in source.delivered}
    unknown: list[tuple[Delivery, Bilingual]] = []
    for delivery in deliveries:
        if (reason := delivery.entry.withheld_reason) is not None:
            unknown.append((delivery, reason))
            continue
        try:
            layout = formats.recognise(delivery.content, source)
        except DeliveryRefusedError as refusal:
            unknown.append((delivery, in_both(refusal)))
        else:
            tables[layout.table].deliveries.append((delivery, layout))
    latest = max((item.order for found in tables.values() for item, _ in found.deliveries), default=None)
    unresolved = [item for item in unknown if len(tables) == 1 or latest is None or item[0].order > latest]
    for found in [found for found in tables.values() if not found.deliveries] or tables.values():
        found.refused.extend(unresolved)
    return tables


Scanner = Callable[[Delivery, Layout], Scanned | None]
"""What a scan of a delivery finds; None where it has to be read line by line."""


def load(connection: duckdb.DuckDBPyConnection, readable: Readable, scanner: Scanner | None = None) -> Iterator[Loaded]:
    """Load the deliveries of a table, each when the iterator comes to it; what cannot be read is refused."""
    for number, bundle in enumerate(_bundles(readable.deliveries)):
        name, layout = f"raw {number}", bundle[0][1]
        paths = [delivery.content for delivery, _ in bundle]
        raws = formats.load_pages(connection, paths, layout, name) if len(bundle) > 1 else None
        for position, (delivery, layout) in enumerate(bundle):
            scanned = scanner(delivery, layout) if scanner is not None and not raws else None
            if scanned is not None and (raw := odd_line.load(connection, paths[position], layout, scanned, name)):
                readable.loaded.append(Loaded(delivery, layout, raw, scanned))
                yield readable.loaded[-1]
                continue
            try:
                raw = (
                    raws[position] if raws else formats.load(connection, paths[position], layout, f"{name} {position}")
                )
            except DeliveryRefusedError as refusal:
                readable.refused.append((delivery, in_both(refusal)))
            else:
                readable.loaded.append(Loaded(delivery, layout, raw))
                yield readable.loaded[-1]


def _bundles(deliveries: Sequence[tuple[Delivery, Layout]]) -> Iterator[list[tuple[Delivery, Layout]]]:
    """The deliveries in order; consecutive pages of one layout are together, up to some size."""
    bundle: list[tuple[Delivery, Layout]] = []
    size = 0
    for delivery, layout in deliveries:
        weight = delivery.content.stat().st_size
        is_page = formats.READERS[layout.format.kind].load_pages is not None
        if bundle and not (is_page and bundle[0][1] is layout and size + weight <= BUNDLE_BYTES):
            yield bundle
            bundle, size = [], 0
        bundle.append((delivery, layout))
        size += weight
    if bundle:
        yield bundle

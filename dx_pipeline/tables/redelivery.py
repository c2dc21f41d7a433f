"""Deliveries that are held back: what is said of one, and the record of its bad rows."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from dx_pipeline.declarations.catalogue import DeclaredSource
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.reading.comparison import HeldBack
from dx_pipeline.reading.rows import OF_HELD_BACK
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key


def sentence(source: DeclaredSource, held_back: HeldBack) -> Bilingual:
    """Why a delivery is held back and how it is taken, in one sentence."""
    delivery_id = held_back.counts.delivery_id
    place = f"assets/{source.group}/{source.name}/defs.yaml"
    vi, en = ("; ".join(getattr(each, side) for each in held_back.differences) for side in ("vi", "en"))
    return Bilingual(
        vi=f"{vi}; bản trước vẫn được dùng. Nếu tệp này đúng thì ghi 'accept: {delivery_id}' dưới 'attributes' trong"
        f" {place}; nếu sai thì bỏ tệp khỏi hộp nhận, hoặc giao tệp đã sửa.",
        en=f"{en}; the earlier delivery stays. If this one is right, put 'accept: {delivery_id}' under 'attributes' in"
        f" {place}; if not, remove it from the inbox, or deliver a corrected file.",
    )


def record(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    key: Key,
    contract: Contract,
    held_back: Sequence[HeldBack],
) -> None:
    """Replace the bad rows of the deliveries of a partition that are held back.

    Args:
        settings: the warehouse.
        connection: has them in the table `held_back`, if any delivery is.
        key: the partition.
        contract: of quarantined rows.
        held_back: the deliveries.
    """
    if held_back:
        ids = [item.counts.delivery_id for item in held_back]
        lines = connection.table(OF_HELD_BACK).filter(f"list_contains({ids}::VARCHAR[], delivery_id)")
        partition.quarantine(settings, lines, key, contract, partition.HELD_BACK)
    elif (path := partition.quarantined(settings, key, partition.HELD_BACK)) is not None:
        path.unlink()

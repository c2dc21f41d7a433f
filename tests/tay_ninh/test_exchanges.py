"""The sample's exchanges over X-Road, and what the province publishes of them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from engine import Engine

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.definitions import defs
from dx_pipeline.period import Month
from dx_pipeline.report.dictionary import page as dictionary
from dx_pipeline.sample import exchange as made_up
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample import scenario
from dx_pipeline.settings import Settings

SYSTEM = "service_catalogue"
MAY, JUNE = Month(2022, 5), Month(2022, 6)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MIDNIGHT = int(datetime(2022, 6, 1, tzinfo=ZONE).timestamp() * 1000)
"""When June begins, in ms."""


@pytest.mark.slow
def test_the_sample_comes_to_the_totals_that_were_made(engine: Engine) -> None:
    sample.make(engine.settings, engine.catalogue, [MAY, JUNE], scale=0.02)
    assert len(list(engine.settings.inbox.iterdir())) > 6
    records = engine.runs(SYSTEM, MAY, JUNE)
    made = scenario.build(engine.settings.reference, seed=sample.DEFAULT_SEED, scale=0.02)
    started: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for month in (MAY, JUNE):
        halves = table_rows.make(made, "connection.exchange", SYSTEM, month)
        counts = records["connection.exchange", str(month)].counts
        assert sum(item.accepted for item in counts) == sum(item.rows_in for item in counts) == halves.num_rows
        assert len(counts) == made_up.page_count(month) >= 6
        for row in halves.to_pylist():
            started[row["exchange_id"]][row["side"]] = row["request_in_ms"]
    months = {name: sides.get("client", sides.get("producer", 0)) >= MIDNIGHT for name, sides in started.items()}
    for month, is_june in ((MAY, False), (JUNE, True)):
        # What started before May is counted in April, of which nothing was delivered.
        mine = [sides for name, sides in started.items() if months[name] is is_june]
        mine = [sides for sides in mine if min(sides.values()) >= MIDNIGHT - 31 * 86_400_000]
        found = engine.total(SYSTEM, month)
        assert found["call_count"] == len(mine)
        assert found["paired_count"] == sum(len(sides) == 2 for sides in mine)
        assert found["producer_only_count"] == sum(set(sides) == {"producer"} for sides in mine)
        assert records["connection.traffic", str(month)].synthetic
    parted = [sides for name, sides in started.items() if len(sides) == 2 and not months[name]]
    assert any(moment >= MIDNIGHT - 20_000 for sides in parted for moment in sides.values())


def test_a_month_at_full_scale_has_some_5000_exchanges_in_bounded_pages(warehouse: Settings) -> None:
    made = scenario.build(warehouse.reference, seed=sample.DEFAULT_SEED, scale=1)
    rows = table_rows.make(made, "connection.exchange", SYSTEM, JUNE)
    assert 4_000 <= rows.num_rows / 2 <= 6_000
    sizes = [page.num_rows for page in made_up.pages(rows, JUNE)]
    assert sum(sizes) == rows.num_rows
    assert max(sizes) <= made_up.MOST_RECORDS + 10


def test_the_asset_of_the_system_shows_a_check_for_each_of_its_tables() -> None:
    node = defs().resolve_asset_graph().get(dg.AssetKey(["connection", SYSTEM]))
    assert {key.name for key in node.check_keys} >= {"audit_register", "audit_exchange", "audit_traffic"}


def test_exchanges_stay_in_the_warehouse_and_traffic_is_published(declared: Catalogue) -> None:
    assert declared.contracts["connection.exchange"].audience == "none"
    assert declared.contracts["connection.traffic"].audience == "public"
    said = dictionary(declared).partition("## `connection.exchange`")[2].partition("\n## ")[0]
    assert "kept in the warehouse, in no release" in said
    contract = declared.contracts["connection.exchange"]
    assert contract.stored.keys() - contract.published.keys() == {"exchange_id", "message_id"}

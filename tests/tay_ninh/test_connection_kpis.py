"""KPIs of each connection, by system; no value where nothing is known."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import date
from math import ceil
from typing import Any

import duckdb
import pytest
import yaml
from engine import Engine
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.kpi import scan

pytestmark = pytest.mark.slow

END = date(2022, 5, 31)
SYSTEM, SILENT = "business_registration", "civil_status"
EDGES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
BUCKETS = (*(f"duration_to_{edge}_ms_count" for edge in EDGES), "duration_over_10000_ms_count")


def traffic(operation: str, hour: str, *durations: int, failed: int = 0) -> dict[str, object]:
    """One operation within one hour, called once for each duration, of which some failed."""
    counts = [0] * len(BUCKETS)
    for duration in durations:
        counts[bisect_left(EDGES, duration)] += 1
    called = {"operation": operation, "hour_at": hour, "last_success_at": hour, "call_count": len(durations)}
    results = {"succeeded_count": len(durations) - failed, "failed_server_count": failed}
    others = {"failed_client_count": 0, "failed_network_count": 0, "request_bytes": 10, "response_bytes": 20}
    return {**called, **results, **others, **dict(zip(BUCKETS, counts, strict=True))}


REGISTERED = yaml.safe_load("""
{direction: national_to_province, platform: ngsp, protocol: rest, consumer_agency_code: null, environment: production,
 go_live_date: 01/03/2021, legal_basis: null, contract_version: "1.0", has_personal_payload: false}
""")


def register(operation: str, agreed: float, status: str = "connected") -> dict[str, object]:
    return {**REGISTERED, "operation": operation, "status": status, "agreed_availability_pct": agreed}


def deliver(engine: Engine, month: str, name: str, *records: dict[str, object]) -> None:
    engine.put(SYSTEM, "".join(json.dumps(record) + "\n" for record in records).encode(), month=month, name=name)


def monthly(engine: Engine, code: str, *months: str) -> dict[tuple[Any, ...], list[Any]]:
    """The monthly values of a KPI for the province, by last day, system and statistic."""
    engine.results(SYSTEM, *months)
    engine.evaluate(code)
    where = "unit_level = 'province' AND window_type = 'month'"
    found = engine.values(code, where, "window_end, system, statistic, value, target, status")
    return {(end, system, statistic): rest for end, system, statistic, *rest in found}


def test_a_silent_system_does_not_silence_the_others(engine: Engine) -> None:
    deliver(engine, "2022-05", "traffic.ndjson", traffic("tra_cuu", "2022-05-02T08:00:00", 15, 30, 30))
    volume = monthly(engine, "exchange_volume", "2022-05")
    assert volume[END, SYSTEM, None] == [3, None, "no_target"]
    assert volume[END, SILENT, None] == [None, None, "not_enough_data"]
    assert volume[END, None, None] == [None, None, "not_enough_data"]


@pytest.mark.parametrize(("failed", "value", "status"), [(1, 99.0, "off_track"), (0, 100.0, "met")])
def test_availability_is_compared_with_what_was_agreed(engine: Engine, failed: int, value: float, status: str) -> None:
    deliver(engine, "2022-05", "register.ndjson", register("tra_cuu", 99.5), register("dong_bo", 99.9))
    deliver(engine, "2022-05", "traffic.ndjson", traffic("tra_cuu", "2022-05-02T08:00:00", *[30] * 100, failed=failed))
    availability = monthly(engine, "connection_availability", "2022-05")
    assert availability[END, SYSTEM, "exchange"] == [value, 99.5, status]
    assert availability[END, SYSTEM, "attempt"] == [None, 99.5, "not_enough_data"]


def test_freshness_goes_by_the_dates_in_the_data_and_not_by_when_they_came(engine: Engine) -> None:
    deliver(engine, "2022-04", "traffic.ndjson", traffic("tra_cuu", "2022-04-28T08:00:00", 30))
    deliver(engine, "2022-05", "register.ndjson", register("tra_cuu", 99.5))
    freshness = monthly(engine, "connection_freshness", "2022-04", "2022-05")
    assert freshness[date(2022, 4, 30), SYSTEM, None][0] == 2
    assert freshness[END, SYSTEM, None][0] == 33
    assert freshness[END, SILENT, None] == [None, None, "not_enough_data"]


def test_what_is_declared_and_what_is_seen_are_compared(engine: Engine) -> None:
    declared = (register("tra_cuu", 99), register("dong_bo", 99), register("sau", 99, "planned"))
    deliver(engine, "2022-05", "register.ndjson", *declared)
    seen = (traffic(operation, "2022-05-02T08:00:00", 30) for operation in ("tra_cuu", "la", "sau"))
    deliver(engine, "2022-05", "traffic.ndjson", *seen)
    assert monthly(engine, "connection_unused", "2022-05")[END, SYSTEM, None][0] == 1
    assert monthly(engine, "connection_undeclared", "2022-05")[END, SYSTEM, None][0] == 2


@given(st.lists(st.lists(st.integers(1, 20_000), min_size=1, max_size=40), min_size=1, max_size=4))
def test_a_percentile_of_merged_histograms_lies_in_the_bucket_of_the_exact_one(
    declared: Catalogue, hours: list[list[int]]
) -> None:
    seen = [traffic("tra_cuu", f"2022-05-02T{number:02}:00:00", *hour) for number, hour in enumerate(hours)]
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA connection; CREATE SCHEMA view")
        connection.execute(create_table("connection.traffic", declared.contracts["connection.traffic"].stored))
        insert = (
            f"INSERT INTO connection.traffic (system, {', '.join(seen[0])}) VALUES ('{SYSTEM}'{', ?' * len(seen[0])})"
        )
        connection.executemany(insert, [list(row.values()) for row in seen])
        scan.create_views(connection, declared, [declared.kpis["exchange_latency"]])
        found = connection.execute(
            declared.kpis["exchange_latency"].queries[1].text,
            {"window_start": date(2022, 5, 1), "window_end": END},
        ).fetchall()
    every = sorted(duration for durations in hours for duration in durations)
    assert {(system, statistic) for system, statistic, _ in found} == {
        (system, statistic) for system in (SYSTEM, None) for statistic in ("p50", "p95", "p99")
    }
    for _, statistic, value in found:
        exact = every[ceil(int(statistic[1:]) * len(every) / 100) - 1]
        bucket = bisect_left(EDGES, exact)
        lower, upper = (0, *EDGES)[bucket], (*EDGES, EDGES[-1])[bucket]
        assert lower <= value <= upper

"""Connections: the register of a system's operations, and their traffic by hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, log, sqrt

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample import workday
from dx_pipeline.sample.draw import Flags, Floats, Integers, normalised
from dx_pipeline.sample.operation import CONNECTIONS, LEGAL_BASIS, Operation
from dx_pipeline.sample.scenario import Scenario

BUCKETS_MS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
BUCKET_NAMES = (
    *(f"duration_to_{bound}_ms_count" for bound in BUCKETS_MS),
    f"duration_over_{BUCKETS_MS[-1]}_ms_count",
)
"""The duration buckets of the contract, each up to and including its bound; the last one is open."""

HALVES = (
    *("paired_count", "client_only_count", "producer_only_count"),
    *("client_timed_count", "client_duration_ms", "provider_timed_count", "provider_duration_ms"),
)
"""Columns that only a system with exchange records fills."""

BY_HOUR = (
    0.02, 0.01, 0.01, 0.01, 0.02, 0.05, 0.2, 1.4, 2.6, 2.9, 2.7, 1.5,
    0.6, 1.9, 2.6, 2.5, 2.0, 0.9, 0.35, 0.3, 0.3, 0.22, 0.1, 0.05,
)  # fmt: skip
"""How busy each hour of a working day is, in the province's time: people call, not machines."""

LN_SPREAD, LN_SPREAD_IN_A_BAD_HOUR = 0.75, 1.1
SLOWER_IN_A_BAD_HOUR = 7.0
BAD_HOURS = 0.004
FAILED_IN_A_BAD_HOUR = (0.25, 0.8)
FAULT_CLASSES = (0.5, 0.33, 0.17)
FAULT_CLASSES_IN_A_BAD_HOUR = (0.04, 0.61, 0.35)
"""Shares of failures on the calling side, on the providing side and in the network."""

SECONDS, MICROSECONDS = 3_600, 1_000_000
USUAL_MONTH = Month(2022, 3)
"""A month without a holiday: its volume is what `Operation.calls` counts."""


def register(scenario: Scenario, system: str, month: Month) -> pa.Table:
    """`connection.register` of one system: its live operations and one under test."""
    connection = CONNECTIONS[system]
    environments = [*((item, True) for item in connection.operations), (connection.operations[0], False)]
    return pa.Table.from_pylist(
        [
            {
                "system": system,
                "operation": operation.name,
                "direction": operation.direction,
                "platform": connection.platform,
                "protocol": connection.protocol,
                "consumer_agency_code": scenario.history.code_of(connection.consumer, month),
                "environment": "production" if is_live else "test",
                "connection_status": "connected" if is_live else "testing",
                "go_live_on": connection.go_live_on if is_live else None,
                "legal_basis": LEGAL_BASIS,
                "contract_version": "1.0" if is_live else "2.0",
                "agreed_availability_pct": connection.agreed_availability_pct if is_live else None,
                "has_personal_payload": operation.has_personal_payload,
            }
            for operation, is_live in environments
        ]
    )


def traffic(scenario: Scenario, system: str, month: Month) -> pa.Table:
    """`connection.traffic` of one system: one row for each operation and hour with at least one call."""
    return pa.concat_tables(
        [_hours(scenario, system, operation, month) for operation in CONNECTIONS[system].operations]
    )


@dataclass(frozen=True)
class Hours:
    """The hours of a month in which an operation was called."""

    number: Integers
    calls: Integers
    is_bad: Flags


def _hours(scenario: Scenario, system: str, operation: Operation, month: Month) -> pa.Table:
    rng = scenario.generator(f"traffic {system} {operation.name}", month)
    busy = busy_hours(scenario, operation, month, rng)
    failed_share = np.where(busy.is_bad, rng.uniform(*FAILED_IN_A_BAD_HOUR, len(busy.calls)), operation.failed_share)
    failed = rng.binomial(busy.calls, failed_share).astype(np.int64)
    fault_classes = np.where(busy.is_bad[:, None], FAULT_CLASSES_IN_A_BAD_HOUR, FAULT_CLASSES)
    faults = rng.multinomial(failed, fault_classes).astype(np.int64)
    succeeded = busy.calls - failed
    usual = _bucket_shares(operation.median_ms, LN_SPREAD)
    bad = _bucket_shares(operation.median_ms * SLOWER_IN_A_BAD_HOUR, LN_SPREAD_IN_A_BAD_HOUR)
    durations = rng.multinomial(busy.calls, np.where(busy.is_bad[:, None], bad, usual)).astype(np.int64)
    start = np.datetime64(month.first, "us") - np.timedelta64(workday.UTC_OFFSET_HOURS, "h")
    hour_at = start + busy.number * np.timedelta64(1, "h")
    since = np.floor(SECONDS * rng.random(len(succeeded)) ** (1 / np.maximum(succeeded, 1)))
    last_success_at = hour_at + since.astype(np.int64) * MICROSECONDS * np.timedelta64(1, "us")
    moment = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "system": pa.array([system] * len(busy.number), pa.string()),
            "operation": pa.array([operation.name] * len(busy.number), pa.string()),
            "hour_at": pa.array(hour_at).cast(moment),
            "call_count": busy.calls,
            "succeeded_count": succeeded,
            "failed_client_count": faults[:, 0],
            "failed_server_count": faults[:, 1],
            "failed_network_count": faults[:, 2],
            **{name: durations[:, position] for position, name in enumerate(BUCKET_NAMES)},
            "request_bytes": _bytes(operation.sent_bytes, busy.calls, rng),
            "response_bytes": _bytes(operation.received_bytes, succeeded, rng),
            "last_success_at": pa.array(last_success_at, mask=succeeded == 0).cast(moment),
            **{name: pa.nulls(len(succeeded), pa.int64()) for name in HALVES},
        }
    )


def busy_hours(scenario: Scenario, operation: Operation, month: Month, rng: np.random.Generator) -> Hours:
    """The hours of a month in which an operation is called, and how often."""
    usual = scenario.workdays.portal_weights(USUAL_MONTH).sum()
    by_day = scenario.workdays.portal_weights(month) / usual
    expected = operation.calls * scenario.scale * np.outer(by_day, normalised(BY_HOUR)).ravel()
    calls = rng.poisson(expected).astype(np.int64)
    is_bad = rng.random(len(calls)) < BAD_HOURS
    number = np.flatnonzero(calls)
    return Hours(number, calls[number], is_bad[number])


def _bucket_shares(median_ms: float, spread: float) -> Floats:
    """The share of a log-normal distribution that lies in each bucket."""
    below = [0.5 * (1 + erf(log(bound / median_ms) / (spread * sqrt(2)))) for bound in BUCKETS_MS]
    return normalised(np.diff([0.0, *below, 1.0]))


def _bytes(average: int, calls: Integers, rng: np.random.Generator) -> Integers:
    sizes: Integers = np.rint(average * calls * rng.normal(1.0, 0.04, len(calls)).clip(0.8, 1.2)).astype(np.int64)
    return sizes

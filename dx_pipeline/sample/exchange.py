"""Exchanges: the records (halves) that the X-Road security servers on both sides keep of a system's calls.

Most exchanges have both halves within seconds. Some halves are stored late, some of these on the next
page or after the end of the month; a few are never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.period import Month
from dx_pipeline.sample import connection, workday
from dx_pipeline.sample.draw import Integers
from dx_pipeline.sample.operation import CONNECTIONS, Operation
from dx_pipeline.sample.province import FIRST_MONTH
from dx_pipeline.sample.scenario import Scenario

PAGE_DAYS = 5
MOST_RECORDS = 10_000
"""Of one page, to which the rest of its last second is added."""

LATE, LATEST_SECONDS = 0.01, 2_400
CLIENT_ONLY, PRODUCER_ONLY = 0.004, 0.002
LN_SPREAD = 0.75
NETWORK_MS, WITHIN_SERVER_MS = 6, 2
FAULTS = (
    ("Client.MissingHeader", None),
    ("Server.ClientProxy.CannotCreateSignature", None),
    ("Server.ServerProxy.ServiceFailed.HttpError", 500),
    ("Server.ServerProxy.AccessDenied", None),
    ("Server.ClientProxy.NetworkError", None),
)
NEVER_ARRIVED = (0, 1, 4)
"""The positions of the faults of which the producer has no half."""

FAULT_SHARES = (0.3, 0.1, 0.35, 0.05, 0.2)
MS, DAY_MS, WEEK_MS = 1_000, 86_400_000, 7 * 86_400_000
SPLIT_MS = 20_000
"""Of an exchange within so many ms before the end of a day, the producer half is stored on the next day."""

MOMENTS = ("request_in_ms", "request_out_ms", "response_in_ms", "response_out_ms")
SERVED_DAYS = 14
"""Days of a month that are served live: the week that a server keeps, and up to a week in the future."""


def records(scenario: Scenario, system: str, month: Month) -> pa.Table:
    """`connection.exchange` of one system: every half that was stored within the month, in that order."""
    months = [month] if month == FIRST_MONTH else [month.plus(-1), month]
    operations = CONNECTIONS[system].operations
    halves = pa.concat_tables([_halves(scenario, system, item, each) for each in months for item in operations])
    stored = _stored_seconds(halves)
    within = np.flatnonzero((stored >= _start_ms(month) // MS) & (stored < _start_ms(month.plus(1)) // MS))
    return halves.take(pa.array(within[np.argsort(stored[within], kind="stable")]))


def pages(halves: pa.Table, month: Month) -> Iterator[pa.Table]:
    """The records of a month page by page: some days each, and no more than the protocol puts into one."""
    stored = _stored_seconds(halves)
    days = (stored - _start_ms(month) // MS) // 86_400
    start = 0
    while start < len(stored):
        end_of_days = int(np.searchsorted(days, (int(days[start]) // PAGE_DAYS + 1) * PAGE_DAYS))
        end = min(start + MOST_RECORDS, end_of_days)
        end = int(np.searchsorted(stored, stored[end - 1], side="right"))
        yield halves.slice(start, end - start)
        start = end


def page_count(month: Month) -> int:
    """How many pages a month has if none is too full."""
    return -(-month.last.day // PAGE_DAYS)


def recent(halves: pa.Table, month: Month, now: datetime) -> pa.Table:
    """The halves of a month's last days, moved by whole weeks into the days around `now`.

    A server keeps its records for some days (PR-OPMON). Weekdays stay weekdays, and more of the halves
    become visible with time.
    """
    end = _start_ms(month.plus(1))
    moved_ms = -((end - int(now.timestamp() * MS)) // WEEK_MS) * WEEK_MS
    latest = halves.filter(pa.array(_stored_seconds(halves) >= end // MS - SERVED_DAYS * 86_400))
    for name in (*MOMENTS, "recorded_at"):
        position = latest.schema.get_field_index(name)
        type_ = latest.schema.field(position).type
        moved = pc.add(latest[name].cast(pa.int64()), moved_ms if name in MOMENTS else moved_ms * 1_000)
        latest = latest.set_column(position, name, moved.cast(type_))
    return latest


def _stored_seconds(halves: pa.Table) -> Integers:
    """When each half was stored, in seconds since 1970 (UTC)."""
    seconds: Integers = halves["recorded_at"].cast(pa.int64()).to_numpy() // 1_000_000
    return seconds


def _start_ms(month: Month) -> int:
    """The start of a month in the province's time, in ms since 1970 (UTC)."""
    midnight = np.datetime64(month.first, "ms") - np.timedelta64(workday.UTC_OFFSET_HOURS, "h")
    return int(midnight.astype(np.int64))


def _halves(scenario: Scenario, system: str, operation: Operation, month: Month) -> pa.Table:
    """Both halves of every exchange that started in a month, except those that were never stored."""
    rng = scenario.generator(f"exchange {system} {operation.name}", month)
    started = _starts(scenario, operation, month, rng)
    count = len(started)
    is_failed = rng.random(count) < operation.failed_share
    fault = np.where(is_failed, rng.choice(len(FAULTS), count, p=FAULT_SHARES), -1)
    duration = np.maximum(12, np.rint(operation.median_ms * np.exp(LN_SPREAD * rng.standard_normal(count))))
    sent = np.rint(operation.sent_bytes * rng.uniform(0.8, 1.2, count)).astype(np.int64)
    received = np.rint(operation.received_bytes * rng.uniform(0.5, 1.5, count)).astype(np.int64)
    ids = [str(UUID(int=high << 64 | low)) for high, low in rng.integers(0, 2**63, (count, 2)).tolist()]
    messages = [f"VN-{number:016x}" for number in rng.integers(0, 2**63, count).tolist()]
    lost = rng.random(count)
    is_split = (started - _start_ms(month)) % DAY_MS >= DAY_MS - SPLIT_MS
    codes, statuses = zip(*(FAULTS[number] if number >= 0 else (None, 200) for number in fault.tolist()), strict=True)
    sides = []
    for side, is_lost in (
        ("client", lost < PRODUCER_ONLY),
        ("producer", (lost > 1 - CLIENT_ONLY) | np.isin(fault, NEVER_ARRIVED)),
    ):
        network_ms = NETWORK_MS if side == "producer" else 0
        request_in = started + network_ms
        response_out = started + duration.astype(np.int64) - network_ms
        late = np.where(rng.random(count) < LATE, rng.integers(1, LATEST_SECONDS, count), 0)
        late[is_split] = 90 if side == "producer" else 0
        stored = (response_out // MS + 1 + late) * 1_000_000
        made = pa.table(
            {
                "system": pa.repeat(system, count),
                "side": pa.repeat(side, count),
                "exchange_id": ids,
                "message_id": messages,
                "operation": pa.repeat(operation.name, count),
                "recorded_at": pa.array(stored).cast(pa.timestamp("us", tz="UTC")),
                "request_in_ms": request_in,
                "request_out_ms": request_in + WITHIN_SERVER_MS,
                "response_in_ms": response_out - WITHIN_SERVER_MS,
                "response_out_ms": response_out,
                "request_bytes": sent,
                "response_bytes": np.where(is_failed, 320, received),
                "has_succeeded": ~is_failed,
                "fault_code": pa.array(codes, pa.string()),
                "status_code": pa.array(statuses, pa.int64()),
            }
        )
        sides.append(made.filter(pa.array(~is_lost)))
    return pa.concat_tables(sides)


def _starts(scenario: Scenario, operation: Operation, month: Month, rng: np.random.Generator) -> Integers:
    """The start of each exchange of a month, in order; the last one of each page is just before its end."""
    busy = connection.busy_hours(scenario, operation, month, rng)
    hours = np.repeat(busy.number, busy.calls)
    started = _start_ms(month) + hours * 3_600_000 + rng.integers(0, 3_600_000, len(hours))
    ends = [min(number * PAGE_DAYS, month.last.day) for number in range(1, page_count(month) + 1)]
    split = _start_ms(month) + np.array(ends, dtype=np.int64) * DAY_MS - SPLIT_MS
    found: Integers = np.sort(np.concatenate([started, split]))
    return found

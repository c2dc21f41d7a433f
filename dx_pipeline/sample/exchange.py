"""Exchanges: what X-Road's security servers on both sides record of a system's calls, half by half.

Most exchanges leave both halves within seconds. Some halves are stored late, some of them on the next
page or after the month has ended; a few are never stored. Every page of answers is marked as made up
in the JSON document that holds its records.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from dx_pipeline.declarations.source import Layout
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.period import Month
from dx_pipeline.sample import connection, opmon, workday
from dx_pipeline.sample.draw import Integers, generator
from dx_pipeline.sample.operation import CONNECTIONS, Operation
from dx_pipeline.sample.province import FIRST_MONTH

PAGE_DAYS = 5
MOST_RECORDS = 10_000
"""Of one page: it holds the rest of its last second besides."""

LATE, LATEST_SECONDS = 0.01, 2_400
CLIENT_ONLY, PRODUCER_ONLY = 0.004, 0.002
LN_SPREAD = 0.75
ON_THE_WAY_MS, WITHIN_SERVER_MS = 6, 2
FAULTS = (
    ("Client.MissingHeader", None),
    ("Server.ClientProxy.CannotCreateSignature", None),
    ("Server.ServerProxy.ServiceFailed.HttpError", 500),
    ("Server.ServerProxy.AccessDenied", None),
    ("Server.ClientProxy.NetworkError", None),
)
FAULT_SHARES = (0.3, 0.1, 0.35, 0.05, 0.2)
LISTS = 36
MS, PARTED_MS, DAY_MS = 1_000, 20_000, 86_400_000
WEEK_MS = 7 * DAY_MS
MOMENTS = ("request_in_ms", "request_out_ms", "response_in_ms", "response_out_ms")
SERVED_DAYS = 14
"""So much of a month is served live: the week that a server keeps, and up to a week that is yet to come."""

VALUES = {"client": "Client", "producer": "Producer"}


def records(system: str, month: Month, *, seed: int, scale: float) -> pa.Table:
    """`connection.exchange` of one system: every half that was stored within the month, in that order."""
    months = [month] if month == FIRST_MONTH else [month.plus(-1), month]
    made = [
        _halves(system, operation, of, seed=seed, scale=scale)
        for of in months
        for operation in CONNECTIONS[system].operations
    ]
    halves = pa.concat_tables(made)
    first, after = _start_ms(month) // MS, _start_ms(month.plus(1)) // MS
    stored = halves["recorded_at"].cast(pa.int64()).to_numpy() // 1_000_000
    within = np.flatnonzero((stored >= first) & (stored < after))
    order = within[np.argsort(stored[within], kind="stable")]
    return halves.take(pa.array(order))


def pages(halves: pa.Table, month: Month) -> Iterator[pa.Table]:
    """The records of a month page by page: some days each, and no more than the protocol puts into one."""
    stored = halves["recorded_at"].cast(pa.int64()).to_numpy() // 1_000_000
    days = (stored + workday.UTC_OFFSET_HOURS * 3_600) // 86_400
    first_day = (_start_ms(month) // MS + workday.UTC_OFFSET_HOURS * 3_600) // 86_400
    start = 0
    while start < len(stored):
        number = (int(days[start]) - first_day) // PAGE_DAYS + 1
        within_days = int(np.searchsorted(days, first_day + number * PAGE_DAYS))
        end = min(start + MOST_RECORDS, within_days)
        end = int(np.searchsorted(stored, stored[end - 1], side="right"))
        yield halves.slice(start, end - start)
        start = end


def page_count(month: Month) -> int:
    """How many pages a month has, where none of them is too full."""
    return -(-month.last.day // PAGE_DAYS)


def recent(halves: pa.Table, month: Month, now: datetime) -> pa.Table:
    """The halves of a month's last days, moved by whole weeks into the days around `now`.

    A server forgets after some days (PR-OPMON); weekdays stay weekdays, and while the halves are
    served, more of them become visible.
    """
    end = _start_ms(month.plus(1))
    moved = -((end - int(now.timestamp() * MS)) // WEEK_MS) * WEEK_MS
    stored = halves["recorded_at"].cast(pa.int64()).to_numpy()
    latest = halves.filter(pa.array(stored >= (end - SERVED_DAYS * DAY_MS) * 1_000))
    for name in MOMENTS:
        position = latest.schema.get_field_index(name)
        latest = latest.set_column(position, name, pa.array(latest[name].to_numpy() + moved))
    stored = latest["recorded_at"].cast(pa.int64()).to_numpy() + moved * 1_000
    position = latest.schema.get_field_index("recorded_at")
    return latest.set_column(position, "recorded_at", pa.array(stored).cast(pa.timestamp("us", tz="UTC")))


def texts(database: duckdb.DuckDBPyConnection, halves: pa.Table, layout: Layout) -> list[str]:
    """Each half as the JSON object that its server sends."""
    database.register("sample_records", halves.append_column("position", pa.array(np.arange(halves.num_rows))))
    try:
        found = database.execute(
            rf"""
            SELECT regexp_replace(to_json({{{_members(layout)}}})::VARCHAR, ',"\w+":null', '', 'g')
            FROM sample_records ORDER BY position
            """
        ).fetchall()
    finally:
        database.unregister("sample_records")
    return [text for (text,) in found]


def write(database: duckdb.DuckDBPyConnection, path: Path, page: pa.Table, layout: Layout) -> None:
    """Write one page as a recorded answer: the same bytes for the same records."""
    document = f'{{"{SYNTHETIC_KEY}":true,"records":[{",".join(texts(database, page, layout))}]}}'
    path.write_bytes(opmon.answer(gzip.compress(document.encode(), 6, mtime=0), page.num_rows))


def _members(layout: Layout) -> str:
    """The members of a record as its server sends them, from the contract's columns."""
    told = {heading: quoted(name) for name, heading in layout.headers.items()}
    stored, side = told["monitoringDataTs"], told["securityServerType"]
    words = " ".join(f"WHEN {literal(code)} THEN {literal(word)}" for code, word in VALUES.items())
    operation = told["operation"]
    members = {
        "monitoringDataTs": f"epoch({stored})::BIGINT",
        "securityServerType": f"CASE {side} {words} END",
        **{name: told[name] for name in ("requestInTs", "requestOutTs", "responseInTs", "responseOutTs")},
        **{f"client{part}": literal(text) for part, text in zip(opmon.PARTS, opmon.CLIENT, strict=True)},
        **{f"service{part}": literal(text) for part, text in zip(opmon.PARTS, opmon.PROVIDER, strict=True)},
        "serviceCode": f"split_part({operation}, '/', 1)",
        "serviceType": "'REST'",
        "restMethod": "'GET'",
        "restPath": f"'/DM_' || hash({told['exchangeId']}) % {LISTS}",
        "messageId": told["messageId"],
        "xRequestId": told["exchangeId"],
        "messageProtocolVersion": "'1'",
        **{name: told[name] for name in ("requestSize", "responseSize", "succeeded", "faultCode", "statusCode")},
        "xRoadVersion": "'6.26.1'",
    }
    return ", ".join(f"{literal(name)}: {expression}" for name, expression in members.items())


def _start_ms(month: Month) -> int:
    """When a month begins by the province's clock, in ms since 1970 (UTC)."""
    midnight = np.datetime64(month.first, "ms") - np.timedelta64(workday.UTC_OFFSET_HOURS, "h")
    return int(midnight.astype(np.int64))


def _halves(system: str, operation: Operation, month: Month, *, seed: int, scale: float) -> pa.Table:
    """Both halves of every exchange that began in a month, but for those that were never stored."""
    rng = generator(seed, f"exchange {system} {operation.name}", month)
    began = _beginnings(operation, month, scale, rng)
    count = len(began)
    is_failed = rng.random(count) < operation.failed_share
    fault = np.where(is_failed, rng.choice(len(FAULTS), count, p=FAULT_SHARES), -1)
    lasted = np.maximum(12, np.rint(operation.median_ms * np.exp(LN_SPREAD * rng.standard_normal(count)))).astype(int)
    sent = np.rint(operation.sent_bytes * rng.uniform(0.8, 1.2, count)).astype(np.int64)
    received = np.rint(operation.received_bytes * rng.uniform(0.5, 1.5, count)).astype(np.int64)
    ids = [_identifier(number) for number in rng.integers(0, 2**63, (count, 2)).tolist()]
    messages = [f"VN-{number:016x}" for number in rng.integers(0, 2**63, count).tolist()]
    lost = rng.random(count)
    sides = []
    for side, is_lost in (
        ("client", lost < PRODUCER_ONLY),
        ("producer", (lost > 1 - CLIENT_ONLY) | np.isin(fault, (0, 1, 4))),  # it never heard of those
    ):
        way = ON_THE_WAY_MS if side == "producer" else 0
        request_in, response_out = began + way, began + lasted - way
        late = np.where(rng.random(count) < LATE, rng.integers(1, LATEST_SECONDS, count), 0)
        late[_at_the_end_of_a_day(began)] = 90 if side == "producer" else 0
        stored = (response_out // MS + 1 + late) * 1_000_000
        codes = [FAULTS[number] if number >= 0 else (None, 200) for number in fault.tolist()]
        made = pa.table(
            {
                "system": pa.array([system] * count, pa.string()),
                "side": pa.array([side] * count, pa.string()),
                "exchange_id": pa.array(ids, pa.string()),
                "message_id": pa.array(messages, pa.string()),
                "operation": pa.array([operation.name] * count, pa.string()),
                "recorded_at": pa.array(stored).cast(pa.timestamp("us", tz="UTC")),
                "request_in_ms": request_in,
                "request_out_ms": request_in + WITHIN_SERVER_MS,
                "response_in_ms": response_out - WITHIN_SERVER_MS,
                "response_out_ms": response_out,
                "request_bytes": sent,
                "response_bytes": np.where(is_failed, 320, received),
                "has_succeeded": ~is_failed,
                "fault_code": pa.array([code for code, _ in codes], pa.string()),
                "status_code": pa.array([status for _, status in codes], pa.int64()),
            }
        )
        sides.append(made.filter(pa.array(~is_lost)))
    return pa.concat_tables(sides)


def _beginnings(operation: Operation, month: Month, scale: float, rng: np.random.Generator) -> Integers:
    """When each exchange of a month began, in order; the last one of each page just before that ended."""
    busy = connection.busy_hours(operation, month, scale, rng)
    hours = np.repeat(busy.number, busy.calls)
    began = _start_ms(month) + hours * 3_600_000 + rng.integers(0, 3_600_000, len(hours))
    ends = [min(number * PAGE_DAYS, month.last.day) for number in range(1, page_count(month) + 1)]
    parted = _start_ms(month) + np.array(ends, dtype=np.int64) * DAY_MS - PARTED_MS
    found: Integers = np.sort(np.concatenate([began, parted]))
    return found


def _at_the_end_of_a_day(began: Integers) -> Integers:
    """The exchanges that midnight parts: their client half is stored before it, the other one after."""
    found: Integers = np.flatnonzero((began + workday.UTC_OFFSET_HOURS * 3_600_000) % DAY_MS >= DAY_MS - PARTED_MS)
    return found


def _identifier(numbers: list[int]) -> str:
    text = f"{numbers[0]:016x}{numbers[1]:016x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

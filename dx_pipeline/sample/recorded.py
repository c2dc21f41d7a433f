"""Recorded: what an X-Road security server would have recorded of the sample's traffic.

A server forgets after some days (PR-OPMON), so the traffic of a month's end is moved by whole weeks
into the days around now: weekdays stay weekdays, and while it is served, more of it becomes visible.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.connection import BUCKET_NAMES, BUCKETS_MS
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS

DAYS = 14
"""So much of a month is moved: the week that a server keeps, and up to a week that is yet to come."""

WEEK = timedelta(days=7)
HOUR_MS = 3_600_000
ON_THE_WAY_MS = 2
LONGEST_MS = 12_000
LISTS = 36
"""How many lists the shared catalogue is asked for: what an operation calls `{list}`."""

FAULTS = {
    "failed_client_count": "Client.BadRequest",
    "failed_server_count": "Server.ServerProxy.ServiceFailed.HttpError",
    "failed_network_count": "Server.ClientProxy.NetworkError",
}
SIDES = ("client", "service")
PARTS = ("XRoadInstance", "MemberClass", "MemberCode", "SubsystemCode")

Record = dict[str, Any]


def records(traffic: pa.Table, month: Month, *, client: str, provider: str, now: datetime) -> list[Record]:
    """Both sides' records of every exchange of the last days of a month, moved to the days around `now`.

    Counts, fault classes, durations and bytes of each hour are those of `traffic`, the rows of
    `connection.traffic`; the moment within the hour is made up.

    Args:
        traffic: the rows of one system and month.
        month: that month.
        client: who calls, as instance/class/member/subsystem.
        provider: who is called, likewise.
        now: the moment for which a server's last week is to be there.
    """
    end = datetime.combine(month.plus(1).first, datetime.min.time(), UTC) - timedelta(hours=UTC_OFFSET_HOURS)
    moved = WEEK * -((end - now) // WEEK)
    parties = {
        f"{side}{part}": value
        for side, identifier in zip(SIDES, (client, provider), strict=True)
        for part, value in zip(PARTS, identifier.split("/"), strict=True)
    }
    found: list[Record] = []
    for row in traffic.to_pylist():
        if row["hour_at"] >= end - timedelta(days=DAYS):
            for exchange in _exchanges(row, row["hour_at"] + moved):
                found.extend(_sides({**parties, **exchange}))
    return found


def _exchanges(row: Record, hour_at: datetime) -> Iterator[Record]:
    """The exchanges of one hour, evenly over it; those that fail are the slowest."""
    start_ms = int(hour_at.timestamp()) * 1000
    bounds = (*BUCKETS_MS, LONGEST_MS)
    durations = [bound for bound, name in zip(bounds, BUCKET_NAMES, strict=True) for _ in range(row[name])]
    faults = [code for name, code in FAULTS.items() for _ in range(row[name])]
    succeeded = row["succeeded_count"]
    sent = _shares(row["request_bytes"], len(durations))
    received = [*_shares(row["response_bytes"], succeeded), *[0] * len(faults)]
    service, _, path = row["operation"].partition("/")
    for number, duration in enumerate(durations):
        asked_ms = start_ms + (2 * number + 1) * HOUR_MS // (2 * len(durations))
        identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row['system']} {row['operation']} {asked_ms}"))
        yield {
            "serviceCode": service,
            "serviceType": "REST",
            "restMethod": "GET",
            "restPath": f"/DM_{number % LISTS}" if path else "/",
            "messageId": identifier,
            "xRequestId": identifier,
            "requestInTs": asked_ms,
            "responseOutTs": asked_ms + duration,
            "requestSize": sent[number],
            "responseSize": received[number],
            "succeeded": number < succeeded,
            **({"faultCode": faults[number - succeeded]} if number >= succeeded else {}),
        }


def _shares(total: int, parts: int) -> list[int]:
    """A total in as many nearly equal parts, adding up to it exactly."""
    return [total // parts + (number < total % parts) for number in range(parts)]


def _sides(exchange: Record) -> Iterator[Record]:
    """The record of the calling side, then that of the providing side, a moment further on the way."""
    for side, late in (("Client", 0), ("Producer", ON_THE_WAY_MS)):
        moments = {
            "requestInTs": exchange["requestInTs"] + late,
            "requestOutTs": exchange["requestInTs"] + late,
            "responseInTs": exchange["responseOutTs"] - late,
            "responseOutTs": exchange["responseOutTs"] - late,
        }
        recorded_at = exchange["responseOutTs"] // 1000 + 1
        yield {"monitoringDataTs": recorded_at, "securityServerType": side, **exchange, **moments}

"""X-Road records become exchanges, and exchanges become traffic: each once, whatever comes when."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from deliveries import readable
from engine import Engine, counts
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.landing import delivery as landing
from dx_pipeline.period import Month
from dx_pipeline.sample import xroad_server
from dx_pipeline.tables import traffic
from dx_pipeline.tables.run import PartitionRun

pytestmark = pytest.mark.slow

SYSTEM = "service_catalogue"
MAY, JUNE = Month(2022, 5), Month(2022, 6)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = int(datetime(2022, 6, 15, 12, tzinfo=ZONE).timestamp() * 1000)
MIDNIGHT = int(datetime(2022, 6, 1, tzinfo=ZONE).timestamp() * 1000)
"""When June begins, in ms."""

SECRET = "079123456789"  # noqa: S105 - an identity number, which must not be kept

Half = dict[str, Any]


def half(side: str, exchange: str, began_ms: int = NOON, **said: Any) -> Half:
    """A record as a server of the current generation sends it; None takes a field out of it."""
    times = {"monitoringDataTs": began_ms // 1000 + 1, "requestInTs": began_ms, "responseOutTs": began_ms + 150}
    ids = {"messageId": f"m-{exchange}", "xRequestId": exchange, "serviceCode": "Category", "restPath": "/DM_07"}
    rest = {"requestSize": 100, "responseSize": 2_000, "succeeded": True}
    record = {"securityServerType": side, **times, **ids, **rest, **said}
    return {name: value for name, value in record.items() if value is not None}


client, producer = partial(half, "Client"), partial(half, "Producer")


def deliver(engine: Engine, month: Month, *contents: bytes) -> dict[tuple[str, str | None], PartitionRun]:
    """Put files in for a month, each by a name of its own, and run the system for it."""
    for content in contents:
        engine.put(SYSTEM, content, str(month), f"{len(list(engine.settings.inbox.rglob('*.dat')))}.dat")
    return engine.runs(SYSTEM, month)


def answer(*records: Half, announced: int | None = None, **around: Any) -> bytes:
    """A recorded answer."""
    packed = gzip.compress(json.dumps({**around, "records": records}).encode(), mtime=0)
    return xroad_server.answer(packed, len(records) if announced is None else announced)


def test_both_halves_are_one_call_in_the_hour_of_the_client_half(engine: Engine) -> None:
    records = deliver(engine, JUNE, answer(client("a"), producer("a", responseOutTs=NOON + 90, requestSize=90)))
    assert records["connection.traffic", "2022-06"].published
    assert records["connection.traffic", "2022-06"].derived_from == (f"connection.exchange {SYSTEM} 2022-06",)
    (row,) = engine.hours(SYSTEM, JUNE)
    assert row["hour_at"] == row["last_success_at"] == datetime(2022, 6, 15, 12, tzinfo=ZONE)
    assert (row["system"], row["operation"]) == (SYSTEM, "Category/{list}")
    assert (row["call_count"], row["succeeded_count"], row["duration_to_200_ms_count"]) == (1, 1, 1)
    assert (row["request_bytes"], row["response_bytes"]) == (100, 2_000)
    assert (row["paired_count"], row["client_only_count"], row["producer_only_count"]) == (1, 0, 0)
    assert (row["client_timed_count"], row["provider_timed_count"]) == (1, 1)
    assert (row["client_duration_ms"], row["provider_duration_ms"]) == (150, 90)
    assert row["synthetic"] is False


def test_a_half_of_the_older_generation_finds_the_other_one_by_its_message(engine: Engine) -> None:
    older: Half = {"xRequestId": None, "requestSize": None, "responseSize": None}
    new = client("new", **older, requestSoapSize=70, responseRestSize=80)
    old = client("old", **older, requestRestSize=7, succeeded=False, soapFaultCode="Client.BadRequest")
    deliver(engine, JUNE, answer(new, producer("new"), old, producer("old", **older)))
    (row,) = engine.hours(SYSTEM, JUNE)
    assert (row["call_count"], row["paired_count"]) == (2, 2)
    assert (row["request_bytes"], row["response_bytes"]) == (77, 80)
    assert (row["succeeded_count"], row["failed_client_count"]) == (1, 1)


NIGHTS = (
    (MAY, answer(client("over midnight", MIDNIGHT - 1_500), client("alone", MIDNIGHT - 9_000))),
    (JUNE, answer(producer("over midnight", MIDNIGHT + 40), client("late", NOON))),
    (JUNE, answer(producer("late", NOON + 5, monitoringDataTs=NOON // 1000 + 86_400 * 6), client("late", NOON))),
)
"""What three nights bring: a pair that midnight parts, a pair that two nights part, and one record twice."""


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_late_halves_count_once_in_whichever_order_they_come(engine: Engine, order: Sequence[int]) -> None:
    for number in order:
        deliver(engine, *NIGHTS[number])
    assert (engine.total(SYSTEM, MAY)["call_count"], engine.total(SYSTEM, MAY)["paired_count"]) == (2, 1)
    assert engine.total(SYSTEM, JUNE)["call_count"] == engine.total(SYSTEM, JUNE)["paired_count"] == 1
    assert not any(attempt.changed for attempt in engine.results(SYSTEM, str(MAY), str(JUNE)))


def test_a_call_moves_to_the_month_of_its_client_half_when_that_comes(engine: Engine) -> None:
    deliver(engine, MAY, answer(client("other", MIDNIGHT - 86_400_000)))
    deliver(engine, JUNE, answer(producer("x", MIDNIGHT + 40), client("y")))
    assert (engine.total(SYSTEM, MAY)["call_count"], engine.total(SYSTEM, JUNE)["producer_only_count"]) == (1, 1)
    records = deliver(engine, MAY, answer(client("x", MIDNIGHT - 1_500)))
    assert ("connection.traffic", "2022-06") in records  # its neighbour has changed with it
    assert (engine.total(SYSTEM, MAY)["call_count"], engine.total(SYSTEM, MAY)["paired_count"]) == (2, 1)
    assert engine.total(SYSTEM, JUNE)["call_count"] == engine.total(SYSTEM, JUNE)["client_only_count"] == 1


def test_a_month_without_exchanges_of_its_own_gets_no_traffic(engine: Engine) -> None:
    last = int((datetime(2022, 7, 1, tzinfo=ZONE) - timedelta(seconds=2)).timestamp() * 1000)
    first = client("first", MIDNIGHT - 200, monitoringDataTs=MIDNIGHT // 1000)
    runs = deliver(engine, JUNE, answer(first, client("last", last)))
    assert [month for table, month in runs if table == "connection.traffic"] == [str(JUNE)]
    assert engine.hours(SYSTEM, MAY) == []


def test_the_same_record_in_two_pages_counts_once_and_every_record_is_accounted_for(engine: Engine) -> None:
    spoilt = [
        client("no id", xRequestId=None, messageId=None),
        client("no side", securityServerType="Both"),
        client("other month", MIDNIGHT - 7_000),
        client("far off", requestInTs=NOON - 8 * 86_400_000),
        client("no number", requestSize="large"),
        client("conflict"),
        client("conflict", requestSize=1),
    ]
    engine.put(SYSTEM, answer(client("a"), producer("a"), *spoilt), str(JUNE), "page_1.dat")
    engine.put(SYSTEM, answer(producer("a"), client("b")), str(JUNE), "page_2.dat", day=6)
    record = engine.runs(SYSTEM, JUNE)["connection.exchange", "2022-06"]
    assert counts(record) == [(9, 1, 1, 0, 7), (2, 2, 0, 0, 0)]
    reasons = duckdb.execute(
        f"SELECT reason_code, column_name FROM '{engine.settings.quarantine}/*/*/rows.parquet' ORDER BY ALL"
    )
    assert reasons.fetchall() == [
        ("clock_disagrees", None), ("key_conflict", "system"), ("key_conflict", "system"), ("missing", "exchange_id"),
        ("not_a_number", "request_bytes"), ("outside_month", "recorded_at"), ("unknown_word", "side"),
    ]  # fmt: skip
    assert engine.total(SYSTEM, JUNE)["call_count"] == 2


def test_a_page_with_fewer_records_than_it_announces_is_refused(engine: Engine) -> None:
    engine.put(SYSTEM, answer(client("a"), announced=2), str(JUNE), "cut.dat")
    engine.put(SYSTEM, answer(client("b")), str(JUNE), "whole.dat", day=4)
    records = engine.runs(SYSTEM, JUNE)
    (problem,) = [refusal.problem for record in records.values() for refusal in record.refused]
    assert "it announces 2 records and has 1" in problem
    assert engine.total(SYSTEM, JUNE)["call_count"] == 1


def test_a_landed_page_and_plain_json_are_read_as_answers_are(engine: Engine) -> None:
    landed = gzip.compress(json.dumps({"records": [client("a")]}).encode())
    deliver(engine, JUNE, landed, json.dumps({"records": [producer("a")]}, indent=1).encode(), answer())
    assert engine.total(SYSTEM, JUNE)["paired_count"] == 1


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_record_with_a_name_twice_is_quarantined(engine: Engine, *, is_packed: bool) -> None:
    content = json.dumps({"records": [client("a"), client("b"), client("c")]})
    content = content.replace('"messageId"', '"succeeded": true, "messageId"', 1)
    packed = gzip.compress(content.encode(), mtime=0) if is_packed else content.encode()
    engine.put(SYSTEM, packed, str(JUNE))
    for _ in range(2):  # what was kept of it is read as what arrived
        run = engine.runs(SYSTEM, JUNE)["connection.exchange", "2022-06"]
        assert counts(run) == [(3, 2, 0, 0, 1)]
    reasons = duckdb.execute(f"SELECT delivery_line, reason_code FROM '{engine.settings.quarantine}/*/*/rows.parquet'")
    assert reasons.fetchall() == [(1, "repeated_name")]


CARELESS: Half = dict.fromkeys((*xroad_server.FORBIDDEN, *xroad_server.ADDRESSES, "soapFaultString"), SECRET)
ESCAPED = json.dumps({"records": [client("f", messageUserId=SECRET)]}).replace("messageUser", "message\\u0055ser")
TWICE = json.dumps({"records": [client("g")]}).replace('"restPath"', f'"restPath": "/x?{SECRET}", "restPath"')
SOAP = f"<userId>{SECRET}</userId><SOAP-ENV:Body>".encode()
SPOILT = {
    "careless": (answer(client("a", **CARELESS), producer("a")), {"exchange_field": 9}),
    "query": (answer(client("b", restPath=f"/DM_07?soCccd={SECRET}#x")), {"query_string": 1}),
    "path": (answer(client("c", restPath=f"/nguoi/{SECRET}/the")), {"identity_number": 1}),
    "nested": (answer(client("d", faultCode={"messageUserId": SECRET})), {"exchange_field": 1}),
    "around": (answer(client("e"), note=SECRET), {"exchange_field": 1}),
    "escaped": (ESCAPED.encode(), {"exchange_field": 1}),
    "twice": (TWICE.encode(), {"repeated_name": 1}),
    "soap": (answer(client("h")).replace(b"<SOAP-ENV:Body>", SOAP), {"document_part": 1}),
}
"""Answers with what may not be kept, each with what is stripped from it."""


def test_what_may_not_be_kept_is_nowhere_in_the_warehouse(engine: Engine) -> None:
    for name, (content, _) in SPOILT.items():
        engine.put(SYSTEM, content, str(JUNE), name)
    engine.runs(SYSTEM, JUNE)
    for path in (path for path in engine.settings.warehouse.rglob("*") if path.is_file()):
        text = readable(path.read_bytes())
        assert SECRET not in text, path
        assert "messageUserId" not in text, path
    assert engine.total(SYSTEM, JUNE)["call_count"] == len(SPOILT) - 1  # which value is meant of two, nobody knows
    stripped = {item.entry.file_name: item.entry.stripped for item in landing.landed(engine.settings, SYSTEM, JUNE)}
    assert stripped == {name: kinds for name, (_, kinds) in SPOILT.items()}


def test_an_answer_without_anything_to_hide_lands_as_it_came(engine: Engine) -> None:
    content = answer(client("a", faultCode=None, messageId="urn:uuid:1"), producer("a"), synthetic=True)
    records = deliver(engine, JUNE, content)
    (landed,) = landing.landed(engine.settings, SYSTEM, JUNE)
    assert landed.content.read_bytes() == content
    assert landed.entry.stripped == {}
    assert records["connection.traffic", "2022-06"].synthetic
    assert engine.hours(SYSTEM, JUNE)[0]["synthetic"] is True


@pytest.mark.parametrize(
    ("halves", "result"),
    [
        ((client("a"), producer("a", succeeded=False)), "succeeded"),
        ((client("a", succeeded=False, faultCode="Client.MissingHeader"),), "failed_client"),
        ((client("a", succeeded=False, faultCode="Server.ClientProxy.SslAuthenticationFailed"),), "failed_client"),
        ((client("a", succeeded=False, faultCode="Server.ServerProxy.AccessDenied"),), "failed_server"),
        ((client("a", succeeded=False, faultCode="Server.ServerProxy.ServiceFailed"), producer("a")), "failed_server"),
        ((client("a", succeeded=False, faultCode="Server.ClientProxy.NetworkError"),), "failed_network"),
        ((client("a", succeeded=False, faultCode="Server.ServerProxy.IOError"),), "failed_network"),
        ((client("a", succeeded=False, faultCode="soap:Server"), producer("a", succeeded=False)), "failed_server"),
        ((client("a", succeeded=False, faultCode="soap:Client"), producer("a", succeeded=False)), "failed_client"),
        ((client("a", succeeded=False, statusCode=404), producer("a", succeeded=False)), "failed_client"),
        ((client("a", succeeded=False, statusCode=503), producer("a", succeeded=False)), "failed_server"),
        ((client("a", succeeded=False), producer("a", succeeded=False, statusCode=503)), "failed_server"),
        ((client("a", succeeded=False), producer("a", succeeded=False)), "failed_server"),
        ((client("a", succeeded=False), producer("a")), "failed_network"),
        ((client("a", succeeded=False),), "failed_network"),
        ((producer("a", succeeded=False),), "failed_network"),
        ((producer("a"),), "succeeded"),
    ],
)
def test_a_failure_counts_for_the_side_that_caused_it(declared: Catalogue, halves: Sequence[Half], result: str) -> None:
    (row,) = derived(declared, halves)
    counts = ("succeeded", "failed_client", "failed_server", "failed_network")
    assert {name: row[f"{name}_count"] for name in counts} == {name: int(name == result) for name in counts}


@pytest.mark.parametrize(
    ("lasted", "bucket"),
    [(-3, "to_10"), (10, "to_10"), (11, "to_20"), (10_000, "to_10000"), (10_001, "over_10000"), (None, "over_10000")],
)
def test_a_call_takes_as_long_as_its_client_waited(declared: Catalogue, lasted: int | None, bucket: str) -> None:
    ended = None if lasted is None else NOON + lasted
    other = producer("a", responseOutTs=None if lasted is None else NOON + 77)
    (row,) = derived(declared, [client("a", responseOutTs=ended), other])
    assert [name for name, count in row.items() if name.startswith("duration_") and count] == [
        f"duration_{bucket}_ms_count"
    ]


def derived(declared: Catalogue, halves: Sequence[Half], month: Month = JUNE) -> list[dict[str, Any]]:
    """The traffic that halves come to, in the order in which they are given."""
    contract = declared.contracts["connection.traffic"]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Ho_Chi_Minh'; CREATE SCHEMA connection")
        connection.execute(create_table("connection.exchange", declared.contracts["connection.exchange"].stored))
        places = ", ".join(["(?, ?, ?, ?, to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, 'd', ?, false)"] * len(halves))
        connection.execute(
            f"""INSERT INTO connection.exchange (side, exchange_id, message_id, operation, recorded_at, request_in_ms,
                    response_out_ms, request_bytes, response_bytes, has_succeeded, fault_code, status_code,
                    delivery_id, delivery_line, synthetic) VALUES {places}""",
            [value for line, record in enumerate(halves) for value in _values(record, line)],
        )
        traffic.stage(connection, contract, SYSTEM, month, ZONE.key)
        rows = connection.sql("SELECT * EXCLUDE (delivery_id, delivery_line) FROM staged").to_arrow_table().to_pylist()
    return list(rows)


def _values(record: Half, line: int) -> list[Any]:
    said = ("serviceCode", "monitoringDataTs", "requestInTs", "responseOutTs", "requestSize", "responseSize")
    ids = (record.get("xRequestId") or record["messageId"], record["messageId"])
    rest = ("succeeded", "faultCode", "statusCode")
    return [record["securityServerType"].lower(), *ids, *(record.get(name) for name in (*said, *rest)), line]


moments = st.integers(MIDNIGHT - 3 * 86_400_000, MIDNIGHT + 3 * 86_400_000)
exchange = st.tuples(moments, st.integers(-50, 90_000), st.sampled_from(["both", "client", "producer"]), st.booleans())
exchanges = st.lists(exchange, min_size=1, max_size=12)


@given(exchanges, st.randoms(use_true_random=False))
@examples(max_examples=examples().max_examples // 2)
def test_every_exchange_counts_once_in_one_month_whatever_the_order(
    declared: Catalogue, drawn: list[tuple[int, int, str, bool]], random: Random
) -> None:
    halves, expected = [], Counter[Month]()
    for number, (started, later, which, is_older) in enumerate(drawn):
        ids = {"xRequestId": None} if is_older else {}
        pair = [client(str(number), started, **ids), producer(str(number), started + later)]
        kept = [record for record in pair if which in {"both", record["securityServerType"].lower()}]
        first = datetime.fromtimestamp(kept[0]["requestInTs"] / 1000, ZONE)
        expected[Month(first.year, first.month)] += 1
        halves += kept
    again = random.sample(halves, len(halves)) + halves[:1]  # one of them comes twice
    for month in (MAY, JUNE):
        rows = derived(declared, halves, month)
        assert sum(row["call_count"] for row in rows) == expected[month]
        assert derived(declared, again, month) == rows

"""The xroad connector against a monitoring server of our own, and against recorded answers of a real one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from projects import Fresh
from trials import FEW, JUNE, MAY, NAME, NOON, ONCE, QUICK, Fetched, fetch, fetch_killed, landed, ranges

from dx_pipeline.connectors import xroad
from dx_pipeline.connectors.spans import Span, gaps, merged
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.declarations.xroad import CURRENT
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.xroad_answer import Answer, Fault, landed_form, parse, projected, records, without
from dx_pipeline.landing import attempts
from dx_pipeline.period import Month
from dx_pipeline.sample.http_server import Fault as Misbehaviour
from dx_pipeline.sample.http_server import Handler, Reply, Request, Service
from dx_pipeline.sample.xroad_server import FORBIDDEN, Monitoring, fault, multipart, services
from dx_pipeline.settings import Settings

RECORDED = Path(__file__).parent / "data" / "xroad"
NOW = int(NOON.timestamp())
FIRST_OF_JUNE = int(datetime(2022, 5, 31, 17, tzinfo=UTC).timestamp())
"""Midnight of the province: half of its night still belongs to May elsewhere."""


def declared(url: str, **how: Any) -> XRoad:
    how = {"bounds": QUICK, **how}
    return XRoad(kind="xroad", base_url=url, client="VN/GOV/H53/LGSP", server="VN/GOV/H53/ss1", **how)


def exchange(second: int, number: int = 0) -> dict[str, Any]:
    return {
        "monitoringDataTs": second,
        "securityServerType": "Client",
        "requestInTs": second * 1000,
        "serviceCode": "traCuuHoTich",
        "messageId": f"mid-{second - FIRST_OF_JUNE}-{number}",
        "requestSize": 100,
        "faultCode": "Server.ServerProxy",
        "succeeded": True,
        "serviceSecurityServerAddress": "10.1.2.3",
        "restPath": "/r1/cong-dan/079123456789/ho-tich?hoTen=x",
        **dict.fromkeys(FORBIDDEN, "079123456789"),
    }


def mid(second: int) -> str:
    return str(exchange(second)["messageId"])


def ids(months: Sequence[Any] = (MAY, JUNE), *, of: Settings) -> list[str]:
    pages = (page for month in months for page in landed(of, month))
    return [str(each["messageId"]) for page in pages for each in records(page.content.read_bytes())]


def served(monitoring: Handler, faults: Sequence[Misbehaviour | None] = (), **more: Handler) -> Service:
    return Service({"/": monitoring, **more}, faults=faults)


def monitored(seconds: Sequence[int], **how: Any) -> Monitoring:
    found = [exchange(second, number) for number, second in enumerate(seconds)]
    return Monitoring(found, clock=lambda: NOW, **how)


def fetched_from(
    handler: Handler, settings: Settings, months: Sequence[Month] = (JUNE,), **how: Any
) -> tuple[Fetched, list[Request]]:
    """Fetch from a server that runs meanwhile: what came of the first month, and what the server was asked."""
    with served(handler) as server:
        fetched, *_ = fetch(settings, declared(server.url, **how), months)
    return fetched, server.asked


def june(settings: Settings) -> list[dict[str, Any]]:
    return [record for page in landed(settings, JUNE) for record in records(page.content.read_bytes())]


def test_the_recorded_answers_of_a_real_server_are_read() -> None:
    assert parse((RECORDED / "recorded_empty_page.dat").read_bytes()) == Answer((), None)
    faults = [
        parse((RECORDED / f"recorded_fault_{name}.dat").read_bytes()) for name in ("access_denied", "ssl_auth_failed")
    ]
    codes = [fault.code for fault in faults if isinstance(fault, Fault)]
    assert codes == ["Server.ServerProxy.AccessDenied", "Server.ClientProxy.SslAuthenticationFailed"]


def test_a_recorded_page_lands_as_it_is_and_a_recorded_fault_is_refused(warehouse: Settings) -> None:
    empty = (RECORDED / "recorded_empty_page.dat").read_bytes()
    denied = (RECORDED / "recorded_fault_access_denied.dat").read_bytes()
    fetched, _ = fetched_from(lambda _: Reply(empty, "multipart/related"), warehouse)
    span = {"from": str(FIRST_OF_JUNE), "to": str(NOW - 120), "kept_from": str(NOW - 7 * 86_400)}
    assert ranges(fetched.new) == [{"stream": "operational_data", **span}]
    with served(lambda _: Reply(denied, "text/xml", 500)) as server:
        (fetched,) = fetch(warehouse, declared(server.url), (JUNE,), NOON + timedelta(days=1))
        assert len(server.asked) == 1  # asking again does not grant access
    assert "Server.ServerProxy.AccessDenied" in str(fetched.problem)
    assert "instanceIdentifier" not in attempts.path_of(warehouse, NAME, JUNE).read_text()


def test_only_allowed_fields_are_asked_for_and_kept(warehouse: Settings) -> None:
    _, (asked, *_) = fetched_from(monitored([NOW - 3600], is_careless=True), warehouse)
    (record,) = june(warehouse)
    assert [name for name in FORBIDDEN if name in asked.body.decode() or name in record] == []
    sent = exchange(NOW - 3600)
    lost = {*FORBIDDEN, "serviceSecurityServerAddress"}
    assert record == {name: sent[name] for name in sent if name not in lost} | {"restPath": "/r1/cong-dan/*/ho-tich"}
    assert "079123456789" not in gzip.decompress(landed(warehouse, JUNE)[0].content.read_bytes()).decode()


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_what_a_server_says_to_be_synthetic_lands_as_such(warehouse: Settings, *, is_synthetic: bool) -> None:
    listing = services({"VN/GOV/BTP/X": ["y"]}, {}, is_synthetic=is_synthetic)
    handlers: dict[str, Any] = {"/listClients": listing, "/r1/*": listing}
    with served(monitored([NOW - 3600], is_synthetic=is_synthetic), **handlers) as server:
        fetch(warehouse, declared(server.url, register_of=("VN/GOV/BTP",)), (JUNE,))
    pages = [page.content.read_bytes() for page in landed(warehouse, JUNE)]
    documents = [json.loads(gzip.decompress(page) if page[:2] == b"\x1f\x8b" else page) for page in pages]
    assert [document.get("synthetic") for document in documents] == [True if is_synthetic else None] * 2


def test_the_older_generation_is_asked_by_its_own_names(warehouse: Settings) -> None:
    fetched, asked = fetched_from(monitored([NOW - 3600], is_older=True, is_careless=True), warehouse)
    assert fetched.problem is None
    assert len(asked) <= 4
    (record,) = june(warehouse)
    assert (record["requestSoapSize"], record["soapFaultCode"]) == (100, "Server.ServerProxy")
    assert "soapFaultString" not in record


def test_what_goes_with_an_unknown_field() -> None:
    assert "xRoadVersion" not in without(CURRENT, "restPath")
    assert "requestSize" in without(CURRENT, "restPath")
    assert {"requestRestSize", "soapFaultCode"} <= set(without(CURRENT, "requestSize"))
    assert set(CURRENT) - set(without(CURRENT, "xRequestId")) == {"xRequestId"}


def test_a_second_is_never_torn_and_pages_follow_next_records_from(warehouse: Settings) -> None:
    seconds = [NOW - 5000] * 7 + [NOW - 4000] * 2 + [NOW - 3000] * 5
    fetched_from(monitored(seconds, page=3), warehouse)
    pages = landed(warehouse, JUNE)
    assert [len(records(page.content.read_bytes())) for page in pages] == [7, 7]
    assert [span["to"] for span in ranges(pages)] == [str(NOW - 5000), str(NOW - 120)]
    assert len(set(ids(of=warehouse))) == len(seconds)


def test_a_page_belongs_to_the_month_of_the_province(warehouse: Settings) -> None:
    monitoring = monitored([FIRST_OF_JUNE - 1, FIRST_OF_JUNE], retention_seconds=60 * 86_400)
    fetched_from(monitoring, warehouse, (MAY, JUNE), retention_days=60)
    assert ids((MAY,), of=warehouse) == ["mid--1-0"]
    assert ids((JUNE,), of=warehouse) == ["mid-0-1"]


def test_a_month_that_the_server_has_forgotten_is_not_asked_for(warehouse: Settings) -> None:
    _, asked = fetched_from(monitored([]), warehouse, (MAY,))
    assert asked == []


def test_the_youngest_records_are_left_for_the_next_run(warehouse: Settings) -> None:
    seconds = [NOW - 200, NOW - 100, NOW - 30]
    monitoring = Monitoring([exchange(second) for second in seconds], clock=lambda: NOW)
    with served(monitoring) as server:
        fetch(warehouse, declared(server.url), (JUNE,))
        assert ids(of=warehouse) == [mid(NOW - 200)]
        monitoring.clock = lambda: NOW + 3600
        fetch(warehouse, declared(server.url), (JUNE,), NOON + timedelta(hours=1))
    assert ids(of=warehouse) == [mid(second) for second in seconds]


def test_a_server_whose_clock_is_behind_is_not_a_failure(warehouse: Settings) -> None:
    monitoring = Monitoring([exchange(NOW - 90_000)], clock=lambda: NOW - 600)
    with served(monitoring) as server:
        (fetched,) = fetch(warehouse, declared(server.url), (JUNE,))
        assert fetched.problem is None
        monitoring.records.append(exchange(NOW - 500))
        monitoring.clock = lambda: NOW + 60
        fetch(warehouse, declared(server.url), (JUNE,), NOON + timedelta(minutes=1))
    assert ids(of=warehouse) == [mid(NOW - 90_000), mid(NOW - 500)]


@pytest.mark.parametrize(
    ("reply", "error_class"),
    [
        (fault("Server.ServerProxy.NetworkError", "x"), "soap_fault"),
        (fault("Server.ServerProxy.NetworkError", "x", status=200), "soap_fault"),
        (multipart(fault("Client.InvalidRequest", "x").content, None), "soap_fault"),
        (multipart(b"<a/>", b"{}"), "malformed"),
        (Reply(b"<html><body>maintenance", "text/html", 503), "http_5xx"),
        (Reply(b"<html><body>maintenance", "text/html"), "malformed"),
        (Reply(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "text/xml"), "malformed"),
        (Reply(b"", "text/xml"), "malformed"),
    ],
)
def test_every_wrong_answer_has_its_error_class(warehouse: Settings, reply: Reply, error_class: str) -> None:
    fetched, _ = fetched_from(lambda _: reply, warehouse, bounds=ONCE)
    assert fetched.problem is not None
    assert [item.error_class for item in attempts.read(warehouse, NAME, JUNE)] == [error_class]
    assert landed(warehouse, JUNE) == ()


def test_a_fault_on_the_way_is_tried_again(warehouse: Settings) -> None:
    first, monitoring = iter([fault("Server.ServerProxy.NetworkError", "x")]), monitored([NOW - 3600])
    fetched, _ = fetched_from(lambda asked: next(first, None) or monitoring(asked), warehouse)
    assert fetched.problem is None
    assert len(ids(of=warehouse)) == 1


def test_records_of_other_seconds_are_not_taken(warehouse: Settings) -> None:
    stray = monitored([FIRST_OF_JUNE - 5, NOW - 3600], retention_seconds=10**9)

    def answer(asked: Request) -> Reply:
        return stray(replace(asked, body=asked.body.replace(str(FIRST_OF_JUNE).encode(), b"0")))

    fetched, _ = fetched_from(answer, warehouse, bounds=ONCE)
    assert "other_period" in str(fetched.problem)


def test_of_a_record_with_a_name_twice_a_mark_lands_and_the_others_do_as_well(warehouse: Settings) -> None:
    page = json.dumps({"records": [exchange(NOW - 3600, number) for number in range(2)]})
    twice = page.replace('"requestSize": 100', '"requestSize": 100, "requestSize": 1', 1).encode()
    answer = multipart(b"<r><recordsCount>2</recordsCount></r>", gzip.compress(twice))
    fetched, _ = fetched_from(lambda _: answer, warehouse)
    first, second = june(warehouse)
    assert (fetched.problem, first, second["requestSize"]) == (None, {"repeatedName": True}, 100)


def test_an_answer_that_is_cut_anywhere_is_never_taken_for_whole() -> None:
    whole = multipart(
        b"<r><recordsCount>2</recordsCount></r>",
        gzip.compress(json.dumps({"records": [{"monitoringDataTs": 1}, {"monitoringDataTs": 2}]}).encode()),
    ).content.rstrip()
    for end in range(len(whole) - 2):
        with pytest.raises(AnswerError):
            parse(whole[:end])
    assert isinstance(parse(whole), Answer)


def test_a_count_that_does_not_fit_or_a_bomb_is_refused() -> None:
    one = gzip.compress(b'{"records": [{"monitoringDataTs": 1}]}')
    with pytest.raises(AnswerError, match="announces 2"):
        parse(multipart(b"<r><recordsCount>2</recordsCount></r>", one).content)
    bomb = gzip.compress(b'{"records": [' + b" " * 10_000_000 + b"]}")
    with pytest.raises(AnswerError, match="larger"):
        parse(multipart(b"<r><recordsCount>0</recordsCount></r>", bomb).content, most_bytes=1_000_000)


@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_parser(content: bytes) -> None:
    for form in (content, b"--a\r\n" + content, b"<a>" + content, b"\x1f\x8b" + content, b"{" + content):
        with suppress(AnswerError):
            parse(form)
            records(form)


@given(
    record=st.dictionaries(
        st.sampled_from([*CURRENT, *FORBIDDEN, "soapFaultString", "somethingNew"]),
        st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none(), st.just([])),
        max_size=6,
    )
)
def test_nothing_but_allowed_fields_passes(record: dict[str, Any]) -> None:
    kept = projected(record)
    assert set(kept) <= set(CURRENT)
    assert "?" not in str(kept.get("restPath", ""))
    assert records(landed_form((kept,), 1, 2)) == (kept,)


@given(
    whole=st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted),
    covered=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted), max_size=6),
)
def test_gaps_and_what_is_covered_make_up_the_whole(whole: list[int], covered: list[list[int]]) -> None:
    spans = [Span(*span) for span in covered]
    missing = {number for gap in gaps(Span(*whole), spans) for number in range(gap.first, gap.last + 1)}
    there = {number for span in merged(spans) for number in range(span.first, span.last + 1)}
    assert missing == set(range(whole[0], whole[1] + 1)) - there


TRANSIENT: tuple[Misbehaviour, ...] = ("throttle", "refuse", "reset", "truncate", "chunked_cut", "unavailable")


@pytest.mark.slow
@FEW
@example(ages=[], ties=1, page=1, is_older=True, faults=[], kills=[41])  # landed, and not yet recorded
@example(ages=[], ties=1, page=1, is_older=True, faults=[], kills=[43])
@given(
    ages=st.lists(st.integers(121, 9 * 86_400), max_size=30),
    ties=st.integers(1, 4),
    page=st.integers(1, 9),
    is_older=st.booleans(),
    faults=st.lists(st.one_of(st.none(), st.sampled_from(TRANSIENT)), max_size=10),
    kills=st.lists(st.integers(1, 80), max_size=2),
)
def test_what_lands_is_what_was_served_despite_faults_and_kills(
    fresh: Fresh, ages: list[int], ties: int, page: int, faults: list[Any], kills: list[int], *, is_older: bool
) -> None:
    warehouse = fresh()
    now = NOON - timedelta(days=17)  # the third of June: the nine days lie in both months
    end = int(now.timestamp())
    found = [exchange(end - age, number) for number, age in enumerate(ages * ties)]
    monitoring = Monitoring(found, page=page, is_older=is_older, retention_seconds=10**9, clock=lambda: end)
    with served(monitoring, faults) as server:
        fetched_by = declared(server.url, retention_days=30)
        for step in kills:
            fetch_killed(warehouse, fetched_by, step, (MAY, JUNE), now)
        results = fetch(warehouse, fetched_by, (MAY, JUNE), now)
        asked = len(server.asked)
        again = fetch(warehouse, fetched_by, (MAY, JUNE), now)
        assert len(server.asked) == asked  # nothing is missing, so nothing is asked
    assert [item.problem for item in results] == [None, None]
    assert [item.new for item in again] == [(), ()]
    assert sorted(ids(of=warehouse)) == sorted(record["messageId"] for record in found)


@pytest.mark.slow
def test_a_kill_at_any_step_neither_loses_nor_doubles(fresh: Fresh) -> None:
    seconds = [NOW - 5000] * 3
    with served(monitored(seconds)) as server:
        for step in range(1, 100):
            warehouse = fresh()
            was_killed = fetch_killed(warehouse, declared(server.url), step, (JUNE,))
            fetch(warehouse, declared(server.url), (JUNE,))
            assert len(ids(of=warehouse)) == len(set(ids(of=warehouse))) == len(seconds), step
            recorded = {item.delivery_id for item in attempts.read(warehouse, NAME, JUNE)}
            assert {item.entry.delivery_id for item in landed(warehouse, JUNE)} <= recorded
            if not was_killed:
                break
    assert step > 10  # it ran through connecting, writing, renaming, clearing up and recording


@pytest.mark.parametrize("as_xml", [False, True])
def test_the_register_lists_services_and_which_of_them_are_allowed(warehouse: Settings, *, as_xml: bool) -> None:
    listed = {"VN/GOV/BTP/HOTICH": ["traCuu", "dangKy"], "VN/GOV/BTP/LLTP": ["capPhieu"], "VN/GOV/BXD/X": ["y"]}
    allowed = {"VN/GOV/BTP/HOTICH": ["traCuu"]}
    answer = services(listed, allowed, as_xml=as_xml)
    with Service({"/listClients": answer, "/r1/*": answer}) as server:
        fetched_by = declared(server.url, operational_data=False, register_of=("VN/GOV/BTP",))
        for _ in range(2):
            fetch(warehouse, fetched_by, (MAY, JUNE))
        assert {item.headers["x-road-client"] for item in server.asked} == {"VN/GOV/H53/LGSP"}
    (page,) = landed(warehouse, JUNE)
    found = json.loads(page.content.read_bytes())["records"]
    assert [(item["provider"], item["operation"], item["is_allowed"]) for item in found] == [
        ("VN/GOV/BTP/HOTICH", "dangKy", False),
        ("VN/GOV/BTP/HOTICH", "traCuu", True),
        ("VN/GOV/BTP/LLTP", "capPhieu", False),
    ]
    assert [item.status for item in attempts.read(warehouse, NAME, JUNE)] == ["ok", "unchanged"]
    assert landed(warehouse, MAY) == ()  # the register of the past is unknown


def test_the_alarm_goes_off_while_there_is_still_time(warehouse: Settings) -> None:
    def alarm(now: datetime) -> xroad.Retention:
        night = now.replace(hour=18, minute=30) + timedelta(days=1)
        return xroad.retention(warehouse, NAME, fetched_by, now=now, next_fetch_at=night)

    with served(monitored([NOW - 3600])) as server:
        fetched_by = declared(server.url)
        assert alarm(NOON) == xroad.Retention(None, None, is_in_danger=True)
        fetch(warehouse, fetched_by, (JUNE,))
    covered_until = datetime.fromtimestamp(NOW - 120, UTC)
    assert alarm(NOON).covered_until == covered_until
    assert alarm(NOON).lost_after == covered_until + timedelta(days=7)
    assert [alarm(NOON + timedelta(days=day)).is_in_danger for day in range(7)] == [False] * 4 + [True] * 3


def test_a_gap_that_can_still_be_filled_counts_for_the_alarm(warehouse: Settings) -> None:
    now = NOON - timedelta(days=17)
    end = int(now.timestamp())
    with served(Monitoring([], clock=lambda: end)) as server:
        fetched_by = declared(server.url)
        fetch(warehouse, fetched_by, (MAY,), now - timedelta(days=4))
        fetch(warehouse, fetched_by, (JUNE,), now)
        for missing in (timedelta(days=4), timedelta()):
            found = xroad.retention(warehouse, NAME, fetched_by, now=now, next_fetch_at=now)
            assert found.covered_until == now - missing - timedelta(seconds=120)
            fetch(warehouse, fetched_by, (MAY,), now)

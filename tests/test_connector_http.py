"""The http connector against a real server on loopback that pages, throttles, breaks off and answers wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Fresh
from trials import (
    FEW,
    JUNE,
    MAY,
    NAME,
    OFFSETS,
    ONCE,
    QUICK,
    WHOLE,
    Fetched,
    fetch,
    fetch_killed,
    http,
    landed,
    latest_by_place,
    ranges,
    statuses,
    written,
)

from dx_pipeline.declarations.connector import CursorPaging, DateWindow, Http, OffsetLimit, Paging, Request
from dx_pipeline.landing import attempts
from dx_pipeline.period import Month
from dx_pipeline.sample import http_server
from dx_pipeline.sample.http_server import Fault, Handler, Reply, Service
from dx_pipeline.settings import Settings

Record = dict[str, Any]

WINDOWS = DateWindow(kind="date_window", first="tuNgay", last="denNgay")
CURSORS = CursorPaging(kind="cursor", next="paging.next")


def numbered(count: int) -> list[Record]:
    return [{"operation": f"operation {number}", "call_count": number} for number in range(count)]


def dated(*days: int, month: Month = MAY) -> list[tuple[date, Record]]:
    return [(month.first + timedelta(days=day - 1), {"operation": f"day {month} {day}"}) for day in days]


def records_landed(settings: Settings, month: Month = MAY) -> list[Record]:
    pages = latest_by_place(settings, month).values()
    return [record for page in pages for record in json.loads(page.content.read_bytes())["Data"]]


def key(record: Record) -> str:
    return json.dumps(record, sort_keys=True)


def service(records: Sequence[Record], faults: Sequence[Fault | None] = (), **how: Any) -> Service:
    handlers = {
        "/offset_limit": http_server.by_offset(lambda: records, 5),
        "/whole": http_server.whole(lambda: records),
    }
    return Service(handlers, faults=faults, **how)


def days(served: Sequence[tuple[date, Record]]) -> Service:
    return Service({"/date_window": http_server.by_window(lambda: served, "%d/%m/%Y", 5)})


def fetched_from(
    served: Service, settings: Settings, paging: Paging = OFFSETS, times: int = 1, **bounds: float
) -> tuple[str | None, int]:
    """Fetch May from a server that runs meanwhile; the latest problem, and how many requests were made."""
    with served as server:
        for _ in range(times):
            (fetched,) = fetch(settings, http(server.url, paging, QUICK.model_copy(update=bounds)))
    return fetched.problem, len(server.asked)


def test_pages_land_one_by_one_as_they_came(warehouse: Settings) -> None:
    assert fetched_from(service(numbered(12)), warehouse)[0] is None
    assert ranges(landed(warehouse)) == [
        {"stream": "traffic", "offset": offset, "count": count}
        for offset, count in (("0", "5"), ("5", "5"), ("10", "2"))
    ]
    first = {"DataCount": 5, "Status": 1, "Message": "OK", "Total": 12, "Data": numbered(5)}
    assert json.dumps(json.loads(landed(warehouse)[0].content.read_bytes())) == json.dumps(first)


def test_fetching_a_growing_set_continues_where_it_ended(warehouse: Settings) -> None:
    records = numbered(6)
    with service(records) as server:
        fetch(warehouse, http(server.url))
        records.extend(numbered(9)[6:])
        fetch(warehouse, http(server.url))
        asked = [request.query["offset"] for request in server.asked]
    assert records_landed(warehouse) == records
    assert asked == ["0", "5", "6", "6", "9"]


def test_a_declared_total_saves_the_last_question(warehouse: Settings) -> None:
    paging = OffsetLimit(kind="offset_limit", size=5, total="Total")
    assert fetched_from(service(numbered(10)), warehouse, paging) == (None, 2)


def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(warehouse: Settings) -> None:
    problem, asked = fetched_from(Service({"/offset_limit": http_server.whole(lambda: numbered(5))}), warehouse)
    assert "same_answer_again" in str(problem)
    assert asked == 2


def test_windows_have_at_most_five_days_and_end_with_the_month_and_yesterday(warehouse: Settings) -> None:
    served = dated(*range(1, 32)) + dated(*range(1, 31), month=JUNE)
    with days(served) as server:
        fetch(warehouse, http(server.url, WINDOWS), (MAY, JUNE))
        asked = [(request.query["tuNgay"], request.query["denNgay"]) for request in server.asked]
    assert asked[5:8] == [("26/05/2022", "30/05/2022"), ("31/05/2022", "31/05/2022"), ("01/06/2022", "05/06/2022")]
    assert asked[-1] == ("16/06/2022", "19/06/2022")  # the 20th has not ended
    assert records_landed(warehouse, MAY) == [record for _, record in dated(*range(1, 32))]
    assert records_landed(warehouse, JUNE) == [record for _, record in dated(*range(1, 20), month=JUNE)]


def test_a_day_ends_at_midnight_of_the_province(warehouse: Settings) -> None:
    served = dated(*range(1, 31), month=JUNE)
    with days(served) as server:
        fetch(warehouse, http(server.url, WINDOWS), (JUNE,), datetime(2022, 6, 3, 16, 59, tzinfo=UTC))
        assert server.asked[-1].query["denNgay"] == "02/06/2022"
        fetch(warehouse, http(server.url, WINDOWS), (JUNE,), datetime(2022, 6, 3, 17, 0, tzinfo=UTC))
        assert server.asked[-1].query == {"tuNgay": "03/06/2022", "denNgay": "03/06/2022"}


def test_an_empty_window_is_asked_again_and_a_landed_one_is_not(warehouse: Settings) -> None:
    served = dated(1, 12)
    with days(served) as server:
        fetch(warehouse, http(server.url, WINDOWS))
        server.asked.clear()
        served.extend(dated(20))
        fetch(warehouse, http(server.url, WINDOWS))
        asked = [request.query["tuNgay"][:2] for request in server.asked]
    assert "01" not in asked
    assert "11" not in asked
    assert sorted(map(key, records_landed(warehouse))) == sorted(key(record) for _, record in served)


def test_recent_windows_are_asked_again_under_the_condition_that_they_changed(warehouse: Settings) -> None:
    served = dated(1, 2, 12, 13, month=JUNE)
    paging = WINDOWS.model_copy(update={"recheck_days": 10})
    with days(served) as server:
        fetch(warehouse, http(server.url, paging), (JUNE,))
        server.asked.clear()
        (same,) = fetch(warehouse, http(server.url, paging), (JUNE,))
        conditions = {item.query["tuNgay"]: item.headers.get("if-none-match") for item in server.asked}
        served[2] = (served[2][0], {"operation": "corrected"})
        (changed,) = fetch(warehouse, http(server.url, paging), (JUNE,))
    assert same.new == ()
    assert conditions["11/06/2022"] is not None
    assert "01/06/2022" not in conditions  # too long ago
    assert len(changed.new) == 1
    assert sorted(map(key, records_landed(warehouse, JUNE))) == sorted(key(record) for _, record in served)


def test_cursors_are_followed_and_the_last_page_is_asked_again(warehouse: Settings) -> None:
    records = numbered(7)
    with Service({"/cursor": http_server.by_cursor(lambda: records, 3)}) as server:
        fetch(warehouse, http(server.url, CURSORS))
        server.asked.clear()
        (same,) = fetch(warehouse, http(server.url, CURSORS))
        assert [request.query["cursor"] for request in server.asked] == ["6"]
        assert same.new == ()
        records.extend(numbered(11)[7:])
        fetch(warehouse, http(server.url, CURSORS))
    assert sorted(map(key, records_landed(warehouse))) == sorted(map(key, records))


@pytest.mark.parametrize("has_tag", [True, False])
def test_an_unchanged_answer_is_not_landed_again(warehouse: Settings, *, has_tag: bool) -> None:
    records = numbered(3)
    answer = http_server.whole(lambda: records) if has_tag else lambda _: Reply(http_server.envelope(records).content)
    with Service({"/whole": answer}) as server:
        for _ in range(2):
            fetch(warehouse, http(server.url, WHOLE))
        assert ("if-none-match" in server.asked[1].headers) is has_tag
        records.append({"operation": "new"})
        fetch(warehouse, http(server.url, WHOLE))
    assert statuses(warehouse) == [("ok", None), ("unchanged", None), ("ok", None)]
    assert len(landed(warehouse)) == 2


def test_last_modified_is_when_it_was_delivered_and_what_is_asked_about(warehouse: Settings) -> None:
    moment = "Wed, 01 Jun 2022 01:02:03 GMT"

    def answer(asked: http_server.Request) -> Reply:
        if asked.headers.get("if-modified-since") == moment:
            return Reply(b"", status=304)
        return Reply(http_server.envelope(numbered(3)).content, headers={"Last-Modified": moment})

    fetched_from(Service({"/whole": answer}), warehouse, WHOLE, times=2)
    assert landed(warehouse)[0].entry.delivered_at == datetime(2022, 6, 1, 1, 2, 3, tzinfo=UTC)
    assert statuses(warehouse) == [("ok", None), ("unchanged", None)]


def test_what_names_no_month_is_asked_for_the_current_month_alone(warehouse: Settings) -> None:
    with Service({"/register": http_server.whole(lambda: numbered(2))}) as server:
        register = Request(name="register", path="/register", records="Data")
        declared = Http(kind="http", base_url=server.url, requests=(register,), bounds=QUICK)
        fetch(warehouse, declared, (MAY, JUNE, Month(2022, 7)))
        assert len(server.asked) == 1
    assert len(landed(warehouse, JUNE)) == 1


FAILURES: dict[str, tuple[Fault, ...]] = {
    "http_429": ("throttle", "throttle_by_date"),
    "http_5xx": ("unavailable",),
    "http_4xx": ("forbidden",),
    "connection_lost": ("refuse", "reset"),
    "truncated": ("truncate", "cut", "understate", "chunked_cut"),
    "timeout": (
        "drip",
        "silence",
        "drip_status",
        "drip_headers",
        "continue",
        "drip_trailers",
        "drip_to_end",
    ),
    "malformed": ("redirect", "not_json", "other_json"),
    "too_large": ("flood",),
}


@pytest.mark.parametrize(("error_class", "fault"), [(each, fault) for each in FAILURES for fault in FAILURES[each]])
def test_every_failure_has_its_class_and_lands_nothing(warehouse: Settings, error_class: str, fault: Fault) -> None:
    problem, _ = fetched_from(service(numbered(3), [fault]), warehouse, WHOLE, attempts=1, page_bytes=1024 * 1024)
    assert problem is not None
    assert landed(warehouse) == ()
    assert statuses(warehouse) == [("failed", error_class)]


@pytest.mark.parametrize(
    ("url", "error_class"),
    [
        ("http://127.0.0.1:1", "connection_refused"),
        ("http://no-such-host.invalid", "dns"),
        ("http://localhost:portless", "not_configured"),
        ("https://{address}", "tls"),
    ],
)
def test_a_server_that_cannot_be_reached_has_its_error_class(warehouse: Settings, url: str, error_class: str) -> None:
    with service(numbered(3)) as server:
        fetch(warehouse, http(url.format(address=server.url.removeprefix("http://")), WHOLE, ONCE))
    assert statuses(warehouse) == [("failed", error_class)]


def test_retry_after_is_waited_for_in_seconds_and_as_a_date(warehouse: Settings) -> None:
    fetched_from(service(numbered(3), ["throttle_by_date"]), warehouse, WHOLE)
    first, second = attempts.read(warehouse, NAME, MAY)
    assert (first.error_class, second.attempt, second.status) == ("http_429", 2, "ok")
    assert (second.started_at - first.started_at).total_seconds() > 0.9


def test_a_retry_after_beyond_our_patience_ends_the_night_for_that_source(warehouse: Settings) -> None:
    with service(numbered(3), ["throttle_for_long"]) as server:
        may, june = fetch(warehouse, http(server.url), (MAY, JUNE))
        assert len(server.asked) == 1  # neither again nor for the other month
    assert may.problem is not None
    assert june == Fetched((), None)


@pytest.mark.parametrize(("fault", "longest_wait"), [("throttle_by_date", 0.2), ("forbidden", 2)])
def test_no_request_is_repeated_too_early_or_in_vain(warehouse: Settings, fault: Fault, longest_wait: float) -> None:
    _, asked = fetched_from(service(numbered(3), [fault]), warehouse, WHOLE, longest_wait_seconds=longest_wait)
    assert asked == 1


def test_attempts_are_bounded_and_each_is_recorded(warehouse: Settings) -> None:
    problem, asked = fetched_from(service(numbered(3), ["unavailable"] * 9), warehouse, WHOLE, attempts=4)
    assert [item.attempt for item in attempts.read(warehouse, NAME, MAY)] == [1, 2, 3, 4]
    assert asked == 4
    assert problem == (
        "judicial_record (traffic) failed on its own side; the next run goes on from what has landed:"
        " http_5xx (503), attempt 4."
    )


def test_pages_of_one_run_are_bounded_and_the_next_run_goes_on(warehouse: Settings) -> None:
    bounds = QUICK.model_copy(update={"pages": 2})
    with service(numbered(23)) as server:
        for expected in (10, 20, 23):
            fetch(warehouse, http(server.url, bounds=bounds))
            assert len(records_landed(warehouse)) == expected


def test_one_request_that_fails_does_not_keep_the_others_from_being_made(warehouse: Settings) -> None:
    requests = tuple(
        Request(name=name, path=path, query={"thang": "{month}"}, records="Data")
        for name, path in (("register", "/nowhere"), ("traffic", "/whole"))
    )
    with service(numbered(3)) as server:
        (fetched,) = fetch(warehouse, Http(kind="http", base_url=server.url, requests=requests, bounds=QUICK))
    assert [item["stream"] for item in ranges(fetched.new)] == ["traffic"]
    assert "register" in str(fetched.problem)


def test_tokens_come_from_the_environment_and_stay_there(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cret-token"  # noqa: S105 - of a server that lives for a test
    with service(numbered(3), token=secret) as server:
        declared = http(server.url, WHOLE, auth={"bearer_env": "DX_TRIAL_TOKEN"})
        monkeypatch.delenv("DX_TRIAL_TOKEN", raising=False)
        (without,) = fetch(warehouse, declared)
        assert server.asked == []
        monkeypatch.setenv("DX_TRIAL_TOKEN", "wrong\nline")
        fetch(warehouse, declared)
        monkeypatch.setenv("DX_TRIAL_TOKEN", secret)
        (granted,) = fetch(warehouse, declared)
    assert "DX_TRIAL_TOKEN" in str(without.problem)
    assert len(granted.new) == 1
    assert [error for _, error in statuses(warehouse)] == ["not_configured", "not_configured", None]
    assert [text for text in (secret.encode(), b"tuNgay", b"thang") if text in written(warehouse)] == []


def test_what_is_personal_in_a_page_never_reaches_the_disk(warehouse: Settings) -> None:
    page = [{"operation": "x", "hoTen": "Nguyễn Văn A", "soDienThoai": "0912345678", "call_count": 1}]
    fetched_from(service(page), warehouse, WHOLE, times=2)
    (delivery,) = landed(warehouse)
    assert json.loads(delivery.content.read_bytes())["Data"] == [{"operation": "x", "call_count": 1}]
    assert delivery.entry.file_name == "traffic_2022-05.json"
    assert b"0912345678" not in written(warehouse)
    names = {path.name for path in warehouse.scratch.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert names <= {"writing.json"}  # who writes, and nothing of what arrived


def test_a_page_that_landed_before_a_power_cut_has_a_fetch_attempt(warehouse: Settings) -> None:
    fetched_from(service(numbered(3)), warehouse, WHOLE)
    path = attempts.path_of(warehouse, NAME, MAY)
    path.write_bytes(path.read_bytes()[:-30])  # the line was torn
    (derived,) = attempts.read(warehouse, NAME, MAY)
    assert (derived.status, derived.duration_ms, derived.stream) == ("ok", None, "traffic")
    attempts.append(warehouse, derived.model_copy(update={"status": "unchanged"}))
    assert [item.status for item in attempts.read(warehouse, NAME, MAY)] == ["unchanged"]


QUICK_FAULTS: tuple[Fault, ...] = ("throttle", "unavailable", "refuse", "reset", "truncate", "cut", "chunked_cut")


def spread(records: Sequence[Record]) -> list[tuple[date, Record]]:
    return [(MAY.first + timedelta(days=record["call_count"] % 31), record) for record in records]


PAGINGS: dict[str, tuple[Paging, Callable[[list[Record], int], Handler]]] = {
    "offset_limit": (OFFSETS, lambda records, size: http_server.by_offset(lambda: records, size)),
    "cursor": (CURSORS, lambda records, size: http_server.by_cursor(lambda: records, size)),
    "date_window": (WINDOWS, lambda records, _: http_server.by_window(lambda: spread(records), "%d/%m/%Y", 5)),
}


@pytest.mark.slow
@FEW
@given(
    kind=st.sampled_from(sorted(PAGINGS)),
    count=st.integers(0, 40),
    size=st.integers(1, 9),
    faults=st.lists(st.one_of(st.none(), st.sampled_from(QUICK_FAULTS)), max_size=12),
    kills=st.lists(st.integers(1, 70), max_size=2),
    grown=st.integers(0, 10),
)
def test_what_lands_is_what_was_served_despite_faults_and_kills(
    fresh: Fresh, kind: str, count: int, size: int, faults: list[Fault | None], kills: list[int], grown: int
) -> None:
    warehouse = fresh()
    records = numbered(count)
    paging, handler = PAGINGS[kind]
    with Service({f"/{kind}": handler(records, size)}, faults=faults) as server:
        declared = http(server.url, paging, QUICK)
        for step in kills:
            fetch_killed(warehouse, declared, step)
        (fetched,) = fetch(warehouse, declared)
        assert fetched.problem is None
        if kind != "date_window":
            records.extend({"operation": f"later {number}", "call_count": number} for number in range(grown))
        (fetched,) = fetch(warehouse, declared)
    assert fetched.problem is None
    assert sorted(map(key, records_landed(warehouse))) == sorted(map(key, records))
    recorded = {item.delivery_id for item in attempts.read(warehouse, NAME, MAY)}
    assert {item.entry.delivery_id for item in landed(warehouse)} <= recorded
    if kind != "cursor":  # a last page that has grown lands again as a whole
        assert len(latest_by_place(warehouse)) == len(landed(warehouse))

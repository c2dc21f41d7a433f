"""The `xroad` connector: a security server's records of its traffic, and the list of its services.

Records are paged by seconds (PR-OPMON): a page has a number of them plus the rest of its last second,
and names the second at which the next page starts. So a page covers whole seconds, and what is missing
follows from what has landed. A page without records lands too: there was no traffic in its seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx

from dx_pipeline.connectors import http_client, xroad_register, xroad_request
from dx_pipeline.connectors.retry import FetchError, FetchTask, Page, arrived, fetch_page, prepared
from dx_pipeline.connectors.spans import Span, gaps, merged
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.declarations.xroad import CURRENT
from dx_pipeline.formats import xroad_answer
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.xroad_answer import Answer, Fault
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.attempts import UNREACHABLE
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

OPERATIONAL_DATA = "operational_data"

REFUSED = ("AccessDenied", "SslAuthenticationFailed", "UnknownMember", "UnknownService", "InvalidRequest")
"""Ends of fault codes that asking again does not change."""

FETCHES_IN_RESERVE = 3
NOT_YET = "not available from"
"""In the fault of a server whose clock is behind ours ("Records not available from … yet")."""


def pages(task: FetchTask, declared: XRoad) -> Iterator[Page]:
    """The records of a month that have not landed yet, and the register as it is now."""
    failure: FetchError | None = None
    with prepared(task, lambda: http_client.client(declared)) as server:
        if declared.operational_data:
            try:
                yield from _Records(replace(task, stream=OPERATIONAL_DATA), declared, server).pages()
            except FetchError as error:
                failure = error
        is_current = task.month == Month.of(task.now.astimezone(ZoneInfo(task.settings.time_zone)).date())
        if declared.register_of and is_current and (failure is None or failure.error_class not in UNREACHABLE):
            yield xroad_register.page(replace(task, stream=xroad_register.NAME), declared, server)
    if failure is not None:
        raise failure


class _Records:
    """The operational data of one server for one month."""

    def __init__(self, task: FetchTask, declared: XRoad, server: httpx.Client) -> None:
        self.task = task
        self.declared = declared
        self.server = server
        self.fields = CURRENT
        now = int(task.now.timestamp())
        self.kept_from = now - declared.retention_days * 86_400
        zone = ZoneInfo(task.settings.time_zone)
        first, after = (datetime.combine(day, time(), zone) for day in (task.month.first, task.month.plus(1).first))
        self.whole = Span(int(first.timestamp()), min(int(after.timestamp()) - 1, now - declared.settle_seconds))

    def pages(self) -> Iterator[Page]:
        if self.whole.last < max(self.kept_from, self.whole.first):
            return  # it is in the future, or the server has deleted all of it
        pages = 0
        covered = [_span(delivery) for delivery in self.task.landed()]
        for gap in tuple(gaps(self.whole, covered)):
            first = gap.first
            while first <= gap.last:
                page = self._page(first, gap.last)
                yield page
                first = int(page.cursor_range["to"]) + 1
                pages += 1
                if pages >= self.task.bounds.pages:
                    return  # the next run goes on from here

    def _page(self, first: int, last: int) -> Page:
        """One page; requested with fewer fields if the server does not know one of them."""
        while True:
            try:
                return fetch_page(self.task, lambda: self._ask(first, last))
            except _UnknownFieldError as error:
                self.fields = xroad_answer.without(self.fields, error.name)

    def _ask(self, first: int, last: int) -> Page:
        request = self.server.build_request(
            "POST",
            "/",
            headers=xroad_request.HEADERS,
            content=xroad_request.operational_data(self.declared, Span(first, last), self.fields),
        )
        received = http_client.send(self.server, request, self.task.bounds)
        size = len(received.content)
        answer = self._answer(received)
        if answer is None:
            return Page("empty", size, 0, cursor_range={"to": str(last)})
        through = last if answer.next_records_from is None else min(answer.next_records_from - 1, last)
        readable = (record for record in answer.records if xroad_answer.REPEATED not in record)
        seconds = [record.get("monitoringDataTs") for record in readable]
        if through < first or not all(isinstance(second, int) and first <= second <= through for second in seconds):
            raise FetchError("malformed", error_code="other_period", received_bytes=size)
        cursor_range = {"from": str(first), "to": str(through)}
        if first < self.kept_from:
            cursor_range["kept_from"] = str(self.kept_from)  # the server may have deleted older records
        return arrived(
            self.task,
            [xroad_answer.landed_form(answer.records, first, through, is_synthetic=answer.is_synthetic)],
            f"{OPERATIONAL_DATA}_{_stamp(first)}_{_stamp(through)}.json.gz",
            cursor_range,
            datetime.fromtimestamp(through, UTC),
            received_bytes=size,
            record_count=len(answer.records),
        )

    def _answer(self, received: http_client.Answer) -> Answer | None:
        """The answer; None if it is too early by the server's clock.

        Faults come with various HTTP statuses, so the body is parsed first.
        """
        size = len(received.content)
        try:
            answer = xroad_answer.parse(received.content, self.task.bounds.page_bytes)
        except AnswerError as error:
            http_client.check(received)
            raise FetchError(error.kind, received_bytes=size) from error
        if isinstance(answer, Answer):
            return answer
        unknown = _unknown_field(answer, self.fields)
        if unknown is not None:
            raise _UnknownFieldError(unknown, answer.code, size)
        if NOT_YET in answer.text:
            return None
        is_transient = answer.code.startswith("Server.") and not answer.code.endswith(REFUSED)
        raise FetchError(
            "soap_fault",
            error_code=answer.code,
            received_bytes=size,
            is_transient=is_transient,
            retry_after_seconds=http_client.retry_after(received),
        )


class _UnknownFieldError(FetchError):
    """The server does not know one of the requested fields."""

    def __init__(self, name: str, code: str, size: int) -> None:
        super().__init__("soap_fault", error_code=code, received_bytes=size, is_transient=False)
        self.name = name


def _unknown_field(fault: Fault, fields: Sequence[str]) -> str | None:
    """The unknown field that a fault names; monitoringDataTs is always needed."""
    words = fault.text.replace('"', " ").replace("'", " ").split()
    if "output" not in fault.text.lower():
        return None
    return next((name for name in fields if name in words and name != "monitoringDataTs"), None)


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


def _span(delivery: Delivery) -> Span:
    cursor_range = delivery.entry.cursor_range or {}
    return Span(int(cursor_range["from"]), int(cursor_range["to"]))


@dataclass(frozen=True)
class Retention:
    """Whether records will be lost before they are fetched. X-Road servers delete them after some days.

    Args:
        covered_until: up to this moment nothing is missing; None if nothing has landed.
        lost_after: after this moment the server deletes what has not landed; None likewise.
        is_in_danger: fewer than `FETCHES_IN_RESERVE` are planned before that moment, or nothing has landed.
    """

    covered_until: datetime | None
    lost_after: datetime | None
    is_in_danger: bool


def retention(
    settings: Settings,
    source: str,
    declared: XRoad,
    *,
    now: datetime,
    next_fetch_at: datetime,
) -> Retention:
    """How long the pipeline may fail before records are lost; it fetches at `next_fetch_at` and every day after."""
    kept = timedelta(days=declared.retention_days)
    covered_until = _covered_until(settings, source, int((now - kept).timestamp()))
    if covered_until is None:
        return Retention(None, None, is_in_danger=True)
    lost_after = covered_until + kept
    return Retention(covered_until, lost_after, next_fetch_at + timedelta(days=FETCHES_IN_RESERVE - 1) >= lost_after)


def _covered_until(settings: Settings, source: str, kept_from: int) -> datetime | None:
    """The last second before the first gap that can still be filled, or the last of all if there is none."""
    spans = merged(
        _span(delivery)
        for month in deliveries.months_landed(settings, source)
        for delivery in deliveries.landed(settings, source, month)
        if (delivery.entry.cursor_range or {}).get("stream") == OPERATIONAL_DATA
    )
    if not spans:
        return None
    span = next((span for span, after in pairwise(spans) if after.first > kept_from), spans[-1])
    return datetime.fromtimestamp(span.last, UTC)

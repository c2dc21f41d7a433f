"""The `xroad` connector: what a security server has recorded about its traffic, and which services there are.

Records come by seconds (PR-OPMON): a page holds some number of them plus the rest of its last second,
and says where the next one begins. So a page covers whole seconds, pages are asked for by seconds and
never by count, and what is missing follows from what has landed. A page without a record lands, too:
it says that there was nothing in those seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx

from dx_pipeline import landing
from dx_pipeline.connector import exchange, xroad_answer, xroad_register, xroad_request
from dx_pipeline.connector.attempt import Errand, FetchError, Page, attempt, land, prepared
from dx_pipeline.connector.coverage import Span, gaps, merged
from dx_pipeline.connector.declared import XRoad
from dx_pipeline.connector.multipart import AnswerError
from dx_pipeline.connector.xroad_answer import CURRENT, Answer, Fault
from dx_pipeline.database import TIME_ZONE
from dx_pipeline.landing import Delivery
from dx_pipeline.outcome import UNREACHABLE
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

OPERATIONAL_DATA = "operational_data"

REFUSED = ("AccessDenied", "SslAuthenticationFailed", "UnknownMember", "UnknownService", "InvalidRequest")
"""Faults that asking again does not change (their codes end so)."""


NOT_YET = "not available from"
"""What a server says whose clock is behind ours ("Records not available from … yet")."""


def fetch(errand: Errand, declared: XRoad) -> Iterator[Delivery]:
    """Land the records of a month that have not landed yet, and the register as it is now.

    Raises:
        FetchError: the last attempt failed.
    """
    failure: FetchError | None = None
    with prepared(errand, lambda: exchange.client(declared)) as server:
        if declared.operational_data:
            try:
                yield from _Records(replace(errand, stream=OPERATIONAL_DATA), declared, server).fetch()
            except FetchError as error:
                failure = error
        is_current = errand.month == Month.of(errand.now.astimezone(ZoneInfo(TIME_ZONE)).date())
        if declared.register_of and is_current and (failure is None or failure.error_class not in UNREACHABLE):
            yield from xroad_register.fetch(replace(errand, stream=xroad_register.NAME), declared, server)
    if failure is not None:
        raise failure


def seconds_of(month: Month) -> Span:
    """The unix seconds of a month as the province's clock has it."""
    zone = ZoneInfo(TIME_ZONE)
    first, after = (datetime.combine(day, time(), zone) for day in (month.first, month.plus(1).first))
    return Span(int(first.timestamp()), int(after.timestamp()) - 1)


class _Records:
    """The operational data of one server for one month."""

    def __init__(self, errand: Errand, declared: XRoad, server: httpx.Client) -> None:
        self.errand = errand
        self.declared = declared
        self.server = server
        self.fields = CURRENT
        now = int(errand.now.timestamp())
        self.kept_from = now - declared.retention_days * 86_400
        month = seconds_of(errand.month)
        self.whole = Span(month.first, min(month.last, now - declared.settle_seconds))

    def fetch(self) -> Iterator[Delivery]:
        if self.whole.last < max(self.kept_from, self.whole.first):
            return  # it lies ahead, or the server has forgotten all of it
        pages = 0
        covered = [_span(delivery) for delivery in self.errand.landed()]
        for gap in tuple(gaps(self.whole, covered)):
            first = gap.first
            while first <= gap.last:
                page = self._page(first, gap.last)
                if page.status == "ok" and page.delivery is not None:
                    yield page.delivery
                first = int(page.covers["to"]) + 1
                pages += 1
                if pages >= self.errand.bounds.pages:
                    return  # the next run goes on from here

    def _page(self, first: int, last: int) -> Page:
        """One page, asked for with other fields where the server does not know one of them."""
        while True:
            try:
                return attempt(self.errand, lambda: self._ask(first, last))
            except _UnknownFieldError as error:
                self.fields = xroad_answer.without(self.fields, error.name)

    def _ask(self, first: int, last: int) -> Page:
        request = self.server.build_request(
            "POST",
            "/",
            headers=xroad_request.HEADERS,
            content=xroad_request.operational_data(
                client=self.declared.client,
                server=self.declared.server,
                about=self.declared.about,
                first=first,
                last=last,
                fields=self.fields,
            ),
        )
        received = exchange.send(self.server, request, self.errand.bounds)
        size = len(received.content)
        answer = self._answer(received)
        if answer is None:
            return Page("empty", size, 0, covers={"to": str(last)})
        through = last if answer.next_records_from is None else min(answer.next_records_from - 1, last)
        if through < first or not all(first <= _second(record) <= through for record in answer.records):
            raise FetchError("malformed", error_code="other_period", received_bytes=size)
        covers = {"from": str(first), "to": str(through)}
        if first < self.kept_from:
            covers["kept_from"] = str(self.kept_from)  # what is older may have been forgotten by then
        return land(
            self.errand,
            [xroad_answer.landed_form(answer.records, first, through, is_synthetic=answer.is_synthetic)],
            f"{OPERATIONAL_DATA}_{_stamp(first)}_{_stamp(through)}.json.gz",
            covers,
            datetime.fromtimestamp(through, UTC),
            received_bytes=size,
            record_count=len(answer.records),
        )

    def _answer(self, received: exchange.Answer) -> Answer | None:
        """The answer; None where the server's clock says that it is too early to ask.

        Faults come with various HTTP statuses, so the body is looked at first.
        """
        size = len(received.content)
        try:
            answer = xroad_answer.parse(received.content, self.errand.bounds.page_bytes)
        except AnswerError as error:
            exchange.check(received)
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
            retry_after_seconds=exchange.retry_after(received),
        )


class _UnknownFieldError(FetchError):
    """The server does not know one of the fields that it was asked for."""

    def __init__(self, name: str, code: str, size: int) -> None:
        super().__init__("soap_fault", error_code=code, received_bytes=size, is_transient=False)
        self.name = name


def _unknown_field(fault: Fault, fields: Sequence[str]) -> str | None:
    """The field that a fault complains about; monitoringDataTs cannot be done without."""
    words = fault.text.replace('"', " ").replace("'", " ").split()
    if "output" not in fault.text.lower():
        return None
    return next((name for name in fields if name in words and name != "monitoringDataTs"), None)


def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


def _second(record: xroad_answer.Record) -> int:
    second = record.get("monitoringDataTs")
    return second if isinstance(second, int) else -1


def _span(delivery: Delivery) -> Span:
    covers = delivery.entry.covers or {}
    return Span(int(covers["from"]), int(covers["to"]))


@dataclass(frozen=True)
class Retention:
    """Whether records will be lost before they are fetched. X-Road servers forget after some days.

    Args:
        covered_until: up to here nothing is missing any more; None where nothing has landed.
        lost_after: from this moment on the server forgets what has not landed; None likewise.
        is_in_danger: fewer planned fetches than are wanted in reserve lie before that moment, or
            nothing has landed at all.
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
    every: timedelta = timedelta(days=1),
    reserve: int = 3,
) -> Retention:
    """How long the pipeline may go on failing before records are lost.

    The schedule fetches at `next_fetch_at`, and then `every` so often; `reserve` of these fetches
    should still lie before the loss.
    """
    kept = timedelta(days=declared.retention_days)
    covered_until = _covered_until(settings, source, int((now - kept).timestamp()))
    if covered_until is None:
        return Retention(None, None, is_in_danger=True)
    lost_after = covered_until + kept
    return Retention(covered_until, lost_after, next_fetch_at + (reserve - 1) * every >= lost_after)


def _covered_until(settings: Settings, source: str, kept_from: int) -> datetime | None:
    """The last second before the first gap that can still be filled; without such a gap, the last of all."""
    spans = merged(
        _span(delivery)
        for month in landing.months_landed(settings, source)
        for delivery in landing.landed(settings, source, month)
        if (delivery.entry.covers or {}).get("stream") == OPERATIONAL_DATA
    )
    if not spans:
        return None
    span = next((span for span, after in pairwise(spans) if after.first > kept_from), spans[-1])
    return datetime.fromtimestamp(span.last, UTC)

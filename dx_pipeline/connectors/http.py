"""The `http` connector: a JSON service, page by page. A page is one delivery, landed as it came.

    whole          one answer, requested again if it has changed
    offset_limit   from the number of records that have landed
    date_window    the days that have not landed, a few at a time, never across a month
    cursor         from the last cursor that a landed page names

An answer without a record is not landed, and is requested again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from dx_pipeline.connectors import http_client
from dx_pipeline.connectors.http_client import Answer
from dx_pipeline.connectors.retry import FetchError, FetchTask, Page, arrived, fetch_page, has_other_place, prepared
from dx_pipeline.connectors.spans import Span, gaps
from dx_pipeline.declarations.connector import CursorPaging, DateWindow, Http, OffsetLimit, Request
from dx_pipeline.landing.attempts import UNREACHABLE
from dx_pipeline.period import Month

JSON = "application/json"


def pages(task: FetchTask, declared: Http) -> Iterator[Page]:
    """What every request of the declaration has for the month and has not landed yet.

    If a request fails, the others are still made, unless the server as a whole is out of reach.
    """
    failure: FetchError | None = None
    with prepared(task, lambda: http_client.client(declared)) as server:
        for request in declared.requests:
            stream = _Stream(replace(task, stream=request.name), declared, request, server)
            try:
                yield from stream.pages()
            except FetchError as error:
                failure = error
                if error.error_class in UNREACHABLE:
                    break
    if failure is not None:
        raise failure


class _Stream:
    """One request of a declaration, for one month."""

    def __init__(self, task: FetchTask, declared: Http, request: Request, server: httpx.Client) -> None:
        self.task = task
        self.declared = declared
        self.request = request
        self.server = server
        self.today = task.now.astimezone(ZoneInfo(task.settings.time_zone)).date()
        self.covered = [delivery.entry.cursor_range or {} for delivery in task.landed()]

    def pages(self) -> Iterator[Page]:
        month = self.task.month
        if month.first > self.today or (not self.request.names_month and month != Month.of(self.today)):
            return
        match self.request.paging:
            case OffsetLimit() as paging:
                pages = self._by_offset(paging)
            case DateWindow() as paging:
                pages = self._by_window(paging)
            case CursorPaging() as paging:
                pages = self._by_cursor(paging)
            case _:
                pages = self._whole()
        for number, page in enumerate(pages, start=1):
            yield page
            if page.status == "ok":
                self.covered.append(page.cursor_range)
            if number >= self.task.bounds.pages:
                return  # the next run goes on from here

    def _whole(self) -> Iterator[Page]:
        yield self._page({}, {}, known=self._latest({}))

    def _by_offset(self, paging: OffsetLimit) -> Iterator[Page]:
        spans = [
            Span(int(covers["offset"]), int(covers["offset"]) + int(covers["count"]) - 1) for covers in self.covered
        ]
        # Landed pages follow each other from the first record on; what is missing begins at a gap.
        offset = next(gaps(Span(0, max((span.last for span in spans), default=-1) + 1), spans)).first
        while True:
            asked = {paging.offset: str(offset), paging.limit: str(paging.size)}
            page = self._page(asked, {"offset": str(offset)})
            yield page
            offset += page.record_count or 0
            if not page.record_count or (page.onward is not None and offset >= int(page.onward)):
                return

    def _by_window(self, paging: DateWindow) -> Iterator[Page]:
        landed = [
            Span(date.fromisoformat(covers["from"]).toordinal(), date.fromisoformat(covers["to"]).toordinal())
            for covers in self.covered
        ]
        ended = min(self.task.month.last, self.today - timedelta(days=1)).toordinal()
        whole = Span(self.task.month.first.toordinal(), ended)
        windows = [
            Span(first, min(first + paging.days - 1, gap.last))
            for gap in gaps(whole, landed)
            for first in range(gap.first, gap.last + 1, paging.days)
        ]
        recent = self.today.toordinal() - paging.recheck_days
        windows += [span for span in set(landed) if span.last >= recent]
        for span in sorted(windows):
            first, last = date.fromordinal(span.first), date.fromordinal(span.last)
            place = {"from": first.isoformat(), "to": last.isoformat()}
            asked = {
                paging.first: first.strftime(self.request.date_format),
                paging.last: last.strftime(self.request.date_format),
            }
            yield self._page(asked, place, known=self._latest(place))

    def _by_cursor(self, paging: CursorPaging) -> Iterator[Page]:
        cursor = ""
        followed = {covers["cursor"]: covers.get("next", "") for covers in self.covered}
        while followed.get(cursor):  # the last page, which may have grown, is asked for again
            cursor = followed.pop(cursor)
        seen = set()
        while cursor not in seen:
            seen.add(cursor)
            asked = {paging.parameter: cursor} if cursor else {}
            if paging.limit:
                asked[paging.limit] = str(paging.size)
            page = self._page(asked, {"cursor": cursor}, known=self._latest({"cursor": cursor}))
            yield page
            if not page.onward or page.onward == cursor:
                return
            cursor = page.onward

    def _latest(self, place: Mapping[str, str]) -> dict[str, str] | None:
        """The cursor range of the latest landed page of a place; a conditional request is made from it."""
        found = [covers for covers in self.covered if place.items() <= covers.items()]
        return found[-1] if found else None

    def _page(self, asked: Mapping[str, str], place: dict[str, str], known: Mapping[str, str] | None = None) -> Page:
        return fetch_page(self.task, lambda: self._ask(asked, place, known))

    def _ask(self, asked: Mapping[str, str], place: dict[str, str], known: Mapping[str, str] | None) -> Page:
        answer = http_client.send(self.server, self._request(asked, known), self.task.bounds)
        http_client.check(answer)
        size = len(answer.content)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            if known is None:
                raise FetchError("malformed", error_code="304")  # the request had no condition
            return Page("unchanged", size, onward=known.get("next"))
        document = document_of(answer.content)
        records = value_at(document, self.request.records)
        if not isinstance(records, list):
            raise FetchError("malformed", error_code="no_records", received_bytes=size)
        onward = self._onward(document)
        if not records:
            return Page("empty", size, 0, onward=onward)
        cursor_range = {**place, **self._beside(answer, len(records), onward)}
        page = arrived(
            self.task,
            [answer.content],
            self._file_name(place),
            cursor_range,
            answer.last_modified or datetime.now(UTC),
            received_bytes=size,
            record_count=len(records),
        )
        if page.known is not None and has_other_place(page.known, page.cursor_range):
            # The other side ignores what it is asked for: going on would never end.
            raise FetchError("malformed", error_code="same_answer_again", received_bytes=size)
        return replace(page, onward=onward)

    def _request(self, asked: Mapping[str, str], known: Mapping[str, str] | None) -> httpx.Request:
        month = self.task.month
        words = {
            "month": str(month),
            "first_day": month.first.strftime(self.request.date_format),
            "last_day": month.last.strftime(self.request.date_format),
        }
        headers = {"accept": JSON}
        if self.declared.auth is not None:
            headers["authorization"] = f"Bearer {http_client.environment(self.declared.auth.bearer_env)}"
        if known and "etag" in known:
            headers["if-none-match"] = known["etag"]
        if known and "last_modified" in known:
            headers["if-modified-since"] = known["last_modified"]
        query = {name: value.format_map(words) for name, value in self.request.query.items()}
        try:
            return self.server.build_request(
                "GET", self.request.path.format_map(words), params={**query, **asked}, headers=headers
            )
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
            raise FetchError("not_configured", error_code=self.request.name) from error

    def _file_name(self, place: Mapping[str, str]) -> str:
        """The name that a page lands under. A cursor may be long: its digest is used."""
        where = [sha256(value.encode()).hexdigest()[:8] if name == "cursor" else value for name, value in place.items()]
        return "_".join([self.request.name, str(self.task.month), *where]) + ".json"

    def _onward(self, document: Any) -> str | None:  # noqa: ANN401 - JSON
        """How to go on, by the answer: the next cursor, or how many records there are in all."""
        match self.request.paging:
            case CursorPaging(next=where):
                found = value_at(document, where)
                return str(found) if isinstance(found, str | int) and str(found) else None
            case OffsetLimit(total=str() as where):
                found = value_at(document, where)
                if not isinstance(found, int) or isinstance(found, bool):
                    raise FetchError("malformed", error_code="total")
                return str(found)
            case _:
                return None

    def _beside(self, answer: Answer, count: int, onward: str | None) -> dict[str, str]:
        beside = {"etag": answer.headers.get("etag"), "last_modified": answer.headers.get("last-modified")}
        if isinstance(self.request.paging, OffsetLimit):
            beside = {"count": str(count)}  # the end of a growing set is never asked for twice
        elif isinstance(self.request.paging, CursorPaging):
            beside["next"] = onward
        return {name: value for name, value in beside.items() if value}


def document_of(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """The JSON document of an answer.

    Raises:
        FetchError: it is none; `truncated` where it looks cut off.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        text = content.strip(b"\xef\xbb\xbf \t\r\n")
        is_cut = text.startswith((b"{", b"[")) and not text.endswith((b"}", b"]"))
        raise FetchError("truncated" if is_cut else "malformed", received_bytes=len(content)) from error


def value_at(document: Any, where: str) -> Any:  # noqa: ANN401 - JSON
    """The value at a place in a JSON document, None if there is none."""
    for step in where.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document

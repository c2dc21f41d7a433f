"""Retries: ask, wait and ask again. Every failed try is recorded; a page that arrived is handed on.

What has landed is the only state: a connector that starts again after an interruption derives from it
where to go on.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Literal, TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dx_pipeline.declarations.connector import Bounds
from dx_pipeline.errors import DxError
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.attempts import ErrorClass, FetchAttempt
from dx_pipeline.landing.delivery import Arrival, Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

T = TypeVar("T")

CONDITIONS = frozenset({"etag", "last_modified", "next"})
"""What a cursor range has beside the page's place in the stream."""

TRANSIENT: frozenset[ErrorClass] = frozenset(
    {"timeout", "connection_refused", "connection_lost", "dns", "http_429", "http_5xx", "truncated"}
)


class FetchError(DxError):
    """An attempt failed. `error_code` is the other side's own name for it, without any free text.

    Args:
        is_transient: whether asking again may help; by default that follows from the class.
        retry_after_seconds: how long the other side asks us to wait.
    """

    def __init__(
        self,
        error_class: ErrorClass,
        *,
        error_code: str | None = None,
        received_bytes: int = 0,
        is_transient: bool | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        advice, code = attempts.ADVICE[error_class], f" ({error_code})" if error_code else ""
        super().__init__(f"{advice.en}{code}.", f"{advice.vi}{code}.")
        self.error_class = error_class
        self.error_code = error_code
        self.received_bytes = received_bytes
        self.is_transient = error_class in TRANSIENT if is_transient is None else is_transient
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class FetchTask:
    """What is to be fetched: one stream of a source for one month, and what it may cost.

    Args:
        now: the moment by which "up to now" is decided.
        deadline: by the monotonic clock; no attempt starts after it.
    """

    settings: Settings
    source: str
    month: Month
    connector: str
    bounds: Bounds
    now: datetime
    deadline: float
    stream: str = ""

    def landed(self) -> tuple[Delivery, ...]:
        """What has landed of this stream and month, in order of precedence. What was withheld is asked for again."""
        return tuple(
            delivery
            for delivery in deliveries.landed(self.settings, self.source, self.month)
            if delivery.entry.withheld is None and (delivery.entry.cursor_range or {}).get("stream") == self.stream
        )


@dataclass(frozen=True)
class Page:
    """The result of one successful attempt, and what is needed to ask on.

    Args:
        arrival: what arrived and is new; None where nothing is to be landed.
        file: its bytes; the receiver closes it.
        known: what had landed before with the same bytes.
        onward: the next cursor of a stream that has one.
        cursor_range: which part of the stream it covers.
        attempt: to be recorded once the page has landed; set by `fetch_page`.
    """

    status: Literal["ok", "unchanged", "empty"]
    received_bytes: int
    record_count: int | None = None
    arrival: Arrival | None = None
    file: IO[bytes] | None = None
    delivery_id: str | None = None
    known: Delivery | None = None
    onward: str | None = None
    cursor_range: dict[str, str] = field(default_factory=dict)
    attempt: FetchAttempt | None = None


def fetch_page(task: FetchTask, work: Callable[[], Page]) -> Page:
    """Run `work` until it succeeds, as often and as long as the task allows.

    Raises:
        FetchError: the last attempt failed.
    """
    longest = task.bounds.longest_wait_seconds
    back_off = wait_random_exponential(multiplier=task.bounds.first_wait_seconds, max=longest)

    def is_too_long(state: RetryCallState) -> bool:
        requested = _requested_wait(state)
        return requested > longest or time.monotonic() + requested > task.deadline

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, FetchError) and error.is_transient),
        stop=lambda state: stop_after_attempt(task.bounds.attempts)(state) or is_too_long(state),
        wait=lambda state: max(back_off(state), _requested_wait(state)),
        reraise=True,
    )
    for attempt in retrying:
        with attempt, _watched(task, attempt.retry_state.attempt_number) as described:
            if time.monotonic() > task.deadline:
                raise FetchError("timeout", error_code="total_seconds", is_transient=False)
            page = work()
            page = replace(page, attempt=described(page))
    return page


def prepared(task: FetchTask, make: Callable[[], T]) -> T:
    """What an attempt needs before it can start; if it cannot be had, that is recorded as a failed attempt.

    Raises:
        FetchError: it cannot be had.
    """
    with _watched(task):
        return make()


def arrived(
    task: FetchTask,
    content: Iterable[bytes],
    name: str,
    cursor_range: dict[str, str],
    delivered_at: datetime,
    *,
    received_bytes: int,
    record_count: int | None,
) -> Page:
    """A page that has arrived whole. `unchanged`: the same bytes had landed before."""
    cursor_range = {"stream": task.stream, **cursor_range}
    file = _in_memory(task.settings, content)
    digest = file_digest(cast("io.BufferedRandom", file), "sha256").hexdigest()
    known = deliveries.find(task.settings, task.source, task.month, digest, delivered_at)
    if known is not None and known.entry.withheld is None:
        file.close()
        digest = known.entry.delivery_id
        return Page(
            "unchanged", received_bytes, record_count, delivery_id=digest, known=known, cursor_range=cursor_range
        )
    path = Path(f"/proc/self/fd/{file.fileno()}" if sys.platform == "linux" else file.name)
    arrival = Arrival(task.source, task.month, task.connector, path, name, delivered_at, digest, cursor_range)
    return Page("ok", received_bytes, record_count, arrival, file, delivery_id=digest, cursor_range=cursor_range)


def has_other_place(delivery: Delivery, cursor_range: dict[str, str]) -> bool:
    """Whether a delivery covers another place of the stream than `cursor_range`."""

    def place(covered: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in covered.items() if name not in CONDITIONS}

    known = delivery.entry.cursor_range
    return known is not None and known["stream"] == cursor_range["stream"] and place(known) != place(cursor_range)


def _requested_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.retry_after_seconds or 0.0) if isinstance(error, FetchError) else 0.0


@contextmanager
def _watched(task: FetchTask, number: int = 1) -> Iterator[Callable[[Page | FetchError], FetchAttempt]]:
    """Record an attempt that fails; yields a function that describes it by its result."""
    started_at, start = datetime.now(UTC), time.monotonic()

    def described(result: Page | FetchError) -> FetchAttempt:
        page, error = (None, result) if isinstance(result, FetchError) else (result, None)
        return FetchAttempt(
            source=task.source,
            month=str(task.month),
            connector=task.connector,
            stream=task.stream or None,
            started_at=started_at,
            duration_ms=round((time.monotonic() - start) * 1000),
            attempt=number,
            status=page.status if page else "failed",
            received_bytes=result.received_bytes,
            record_count=page.record_count if page else None,
            error_class=error.error_class if error else None,
            error_code=error.error_code if error else None,
            delivery_id=page.delivery_id if page else None,
        )

    try:
        yield described
    except FetchError as error:
        attempts.append(task.settings, described(error))
        raise


def _in_memory(settings: Settings, content: Iterable[bytes]) -> IO[bytes]:
    """Content as an open file. Personal data must not reach a disk: on Linux the file is in memory alone."""
    handle: IO[bytes]
    if sys.platform == "linux":
        handle = open(os.memfd_create("page"), "w+b")  # noqa: PTH123, SIM115 - it has no path; the receiver closes it
    else:
        handle = cast("IO[bytes]", NamedTemporaryFile(dir=files.own_folder(settings)))  # noqa: SIM115
    try:
        handle.writelines(content)
        handle.flush()
    except BaseException:
        handle.close()
        raise
    handle.seek(0)
    return handle

"""Attempts: asking, waiting and asking again, with an outcome written down for every time.

An attempt fetches one page and lands it. What landed is the only state: whoever starts again after
an interruption derives from it where to go on.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dx_pipeline import landing, outcome
from dx_pipeline.connector.declared import Bounds
from dx_pipeline.errors import DxError
from dx_pipeline.landing import Delivery
from dx_pipeline.outcome import ErrorClass, Outcome, Status
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

T = TypeVar("T")

CONDITIONS = frozenset({"etag", "last_modified", "next"})
"""What a page carries beside its place in the stream."""

TRANSIENT: frozenset[ErrorClass] = frozenset(
    {"timeout", "connection_refused", "connection_lost", "dns", "http_429", "http_5xx", "truncated"}
)


class FetchError(DxError):
    """An attempt failed. `error_code` is the other side's own name for it, without any free text.

    Args:
        is_transient: whether asking again may help; by default that follows from the class.
        retry_after_seconds: how long the other side wants to be left alone.
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
        super().__init__(f"{outcome.ADVICE[error_class]}{f' ({error_code})' if error_code else ''}.")
        self.error_class = error_class
        self.error_code = error_code
        self.received_bytes = received_bytes
        self.is_transient = error_class in TRANSIENT if is_transient is None else is_transient
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Errand:
    """What is to be fetched: one stream of a source for one month, and what it may cost.

    Args:
        now: the moment for which "up to now" is decided.
        deadline: by the monotonic clock: no attempt begins after it.
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
        """What has landed of this stream and month, in the order in which it holds."""
        return tuple(
            delivery
            for delivery in landing.landed(self.settings, self.source, self.month)
            if delivery.entry.covers is not None and delivery.entry.covers["stream"] == self.stream
        )


@dataclass(frozen=True)
class Page:
    """What one attempt came to, and what is needed to ask on.

    Args:
        delivery: None where nothing landed (nothing new, or nothing in it).
        onward: the next cursor of a stream that has one.
    """

    status: Status
    received_bytes: int
    record_count: int | None = None
    delivery: Delivery | None = None
    onward: str | None = None
    covers: dict[str, str] = field(default_factory=dict)


def attempt(errand: Errand, work: Callable[[], Page]) -> Page:
    """Do `work` until it succeeds, as often and as long as the errand allows.

    Raises:
        FetchError: the last attempt failed.
    """
    longest = errand.bounds.longest_wait_seconds
    back_off = wait_random_exponential(multiplier=errand.bounds.first_wait_seconds, max=longest)

    def wait(state: RetryCallState) -> float:
        return max(back_off(state), _asked_to_wait(state))

    def is_too_long(state: RetryCallState) -> bool:
        waited = _asked_to_wait(state)
        return waited > longest or time.monotonic() + waited > errand.deadline

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, FetchError) and error.is_transient),
        stop=lambda state: stop_after_attempt(errand.bounds.attempts)(state) or is_too_long(state),
        wait=wait,
        reraise=True,
    )
    for trial in retrying:
        with trial:
            page = _once(errand, work, trial.retry_state.attempt_number)
    return page


def prepared(errand: Errand, make: Callable[[], T]) -> T:
    """What an attempt needs before it can begin; that it cannot be had is an outcome, too.

    Raises:
        FetchError: it cannot be had.
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    try:
        return make()
    except FetchError as error:
        _tell(errand, started_at, began, 1, Page("failed", 0), error)
        raise


def _asked_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.retry_after_seconds or 0.0) if isinstance(error, FetchError) else 0.0


def _once(errand: Errand, work: Callable[[], Page], number: int) -> Page:
    started_at, began = datetime.now(UTC), time.monotonic()
    try:
        page = _within_time(errand, work)
    except FetchError as error:
        _tell(errand, started_at, began, number, Page("failed", error.received_bytes), error)
        raise
    _tell(errand, started_at, began, number, page, None)
    return page


def _within_time(errand: Errand, work: Callable[[], Page]) -> Page:
    if time.monotonic() > errand.deadline:
        raise FetchError("timeout", error_code="total_seconds", is_transient=False)
    return work()


def _tell(
    errand: Errand, started_at: datetime, began: float, number: int, page: Page, error: FetchError | None
) -> None:
    outcome.append(
        errand.settings,
        Outcome(
            source=errand.source,
            month=str(errand.month),
            connector=errand.connector,
            stream=errand.stream or None,
            started_at=started_at,
            duration_ms=round((time.monotonic() - began) * 1000),
            attempt=number,
            status=page.status,
            received_bytes=page.received_bytes,
            record_count=page.record_count,
            error_class=error.error_class if error else None,
            error_code=error.error_code if error else None,
            delivery_id=page.delivery.entry.delivery_id if page.delivery else None,
        ),
    )


def land(
    errand: Errand,
    content: Iterable[bytes],
    name: str,
    covers: dict[str, str],
    delivered_at: datetime,
    *,
    received_bytes: int,
    record_count: int | None,
) -> Page:
    """Land a page that has arrived whole. `unchanged`: the same bytes had landed before."""
    covers = {"stream": errand.stream, **covers}
    with _aside(errand.settings, content) as file:
        delivery, is_new = landing.land(
            errand.settings,
            file,
            source=errand.source,
            month=errand.month,
            connector=errand.connector,
            delivered_at=delivered_at,
            covers=covers,
            name=name,
        )
    return Page("ok" if is_new else "unchanged", received_bytes, record_count, delivery, covers=covers)


def has_other_place(delivery: Delivery, covers: dict[str, str]) -> bool:
    """Whether a delivery landed for another place of the stream than `covers` says."""
    known = delivery.entry.covers
    return known is not None and known["stream"] == covers["stream"] and _place(known) != _place(covers)


@contextmanager
def _aside(settings: Settings, content: Iterable[bytes]) -> Iterator[Path]:
    """Content as a file for as long as it takes to land it.

    What arrives may hold what must never reach a disk, and the door stands in landing: so where
    the system can (Linux), the file is one in memory, of which a crash leaves nothing.
    """
    if sys.platform == "linux":
        with open(os.memfd_create("page"), "wb") as handle:  # noqa: PTH123 - it has no path yet
            handle.writelines(content)
            handle.flush()
            yield Path(f"/proc/self/fd/{handle.fileno()}")
        return
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=settings.scratch) as handle:
        handle.writelines(content)
        handle.flush()
        yield Path(handle.name)


def _place(covers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in covers.items() if name not in CONDITIONS}

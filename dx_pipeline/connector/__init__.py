"""Connectors: how the bytes of a delivery are fetched. Each one only lands; none reads.

    files      the inbox folder; and a folder at an address (`files`, `address`)
    http       a JSON service, page by page
    xroad      operational monitoring and service lists of an X-Road security server
    postgres   a view or query of a database, from where the last reading ended

`fetch` is the one way in. Where a connector goes on is derived from what has landed, so it may be
interrupted at any moment; what became of each attempt is an `outcome`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    from dx_pipeline.connector.attempt import Errand, FetchError
    from dx_pipeline.landing import Delivery
    from dx_pipeline.source import Source  # it holds connectors, so it cannot be imported first


@dataclass(frozen=True)
class Fetched:
    """What fetching one source for one month came to.

    Args:
        new: what landed that had not landed before.
        problem: why the last attempt failed, in one sentence; None where none did.
    """

    month: Month
    new: tuple[Delivery, ...]
    problem: str | None


def is_remote(source: Source) -> bool:
    """Whether anything but the inbox is asked for deliveries."""
    return source.connector.kind != "files" or source.connector.address is not None


def fetch(
    settings: Settings, name: str, source: Source, months: Sequence[Month], *, now: datetime | None = None
) -> tuple[Fetched, ...]:
    """Land what a remote source has for some months and has not landed yet, month after month.

    Nothing is raised because the other side fails: that ends as an outcome, and what had landed
    before stays. A source that is out of reach for one month is not asked for the others.
    A source that is not remote is left alone: its inbox is `files.fetch`'s.
    """
    if not is_remote(source):
        return ()
    from dx_pipeline.outcome import UNREACHABLE

    deadline = time.monotonic() + source.connector.bounds.total_seconds
    fetched: list[Fetched] = []
    down: str | None = None
    for month in sorted(set(months)):
        if down is not None:
            fetched.append(Fetched(month, (), down))
            continue
        errand = _errand(settings, name, source, month, now or datetime.now(UTC), deadline)
        new, error = _fetch_month(errand, source)
        problem = f"{name} {error}" if error else None
        fetched.append(Fetched(month, new, problem))
        if error is not None and error.error_class in UNREACHABLE:
            down = problem
    return tuple(fetched)


def _errand(settings: Settings, name: str, source: Source, month: Month, now: datetime, deadline: float) -> Errand:
    from dx_pipeline.connector.attempt import Errand

    connector = source.connector
    return Errand(settings, name, month, connector.kind, connector.bounds, now, deadline)


def _fetch_month(errand: Errand, source: Source) -> tuple[tuple[Delivery, ...], FetchError | None]:
    from dx_pipeline.connector.attempt import FetchError

    new: list[Delivery] = []
    try:
        for delivery in _deliveries(errand, source):
            new.append(delivery)  # noqa: PERF402 - what landed before a failure has landed
    except FetchError as error:
        return tuple(new), error
    return tuple(new), None


def _deliveries(errand: Errand, source: Source) -> Iterator[Delivery]:
    """Each kind is imported when it is first asked for: most runs need none of their libraries."""
    match source.connector.kind:
        case "http":
            from dx_pipeline.connector import http

            yield from http.fetch(errand, source.connector)
        case "xroad":
            from dx_pipeline.connector import xroad

            yield from xroad.fetch(errand, source.connector)
        case "postgres":
            from dx_pipeline.connector import postgres

            yield from postgres.fetch(errand, source.connector)
        case "files":
            from dx_pipeline.connector import address

            yield from address.fetch(errand, source.connector)

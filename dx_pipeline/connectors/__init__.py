"""Connectors: how the bytes of a delivery are fetched. A connector fetches; it neither filters, lands nor reads.

    inbox          files put into the inbox folder, and reference files
    remote_files   the files in a folder at an address
    http           a JSON service, page by page
    xroad          operational monitoring and service lists of an X-Road security server
    postgres       a view or query of a database, from where the last reading ended

`fetch` is the entry point of all of them. A connector derives where to go on from what has landed, so
it may be interrupted at any moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import DeclaredSource
from dx_pipeline.landing import attempts
from dx_pipeline.landing.delivery import Arrival
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    from dx_pipeline.connectors.retry import FetchTask, Page


def is_remote(source: DeclaredSource) -> bool:
    """Whether anything but the inbox is asked for deliveries."""
    connector = source.source.connector
    return connector.kind != "files" or connector.address is not None


def fetch(
    settings: Settings, source: DeclaredSource, months: Sequence[Month | None], *, now: datetime | None = None
) -> Iterator[Arrival]:
    """Fetch what a source has for some months: new pages of a remote source, then every file of its inbox.

    An arrival is to be landed before the next one is asked for. A remote source that fails raises
    nothing: the failed attempt is recorded, and what had landed before stays. A source that is out of
    reach for one month is not asked for the others.
    """
    if source.reference_file is not None:
        yield inbox.fetch_reference(settings, source.name, source.reference_file)
        return
    known = sorted({month for month in months if month is not None})
    if is_remote(source):
        yield from _fetch_remote(settings, source, known, now or datetime.now(UTC))
    for month in known:
        yield from inbox.fetch(settings, source.name, month)


def _fetch_remote(
    settings: Settings, source: DeclaredSource, months: Sequence[Month], now: datetime
) -> Iterator[Arrival]:
    from dx_pipeline.connectors.retry import FetchError, FetchTask

    connector = source.source.connector
    deadline = time.monotonic() + connector.bounds.total_seconds
    for month in months:
        task = FetchTask(settings, source.name, month, connector.kind, connector.bounds, now, deadline)
        try:
            yield from _fetch_month(task, source)
        except FetchError as error:
            if error.error_class in attempts.UNREACHABLE:
                return


def _fetch_month(task: FetchTask, source: DeclaredSource) -> Iterator[Arrival]:
    for page in _pages(task, source):
        if page.arrival is not None and page.file is not None:
            with closing(page.file):
                yield page.arrival
        if page.attempt is not None:
            attempts.append(task.settings, page.attempt)


def _pages(task: FetchTask, source: DeclaredSource) -> Iterator[Page]:
    """The pages of a month that have not landed yet.

    A connector's libraries are imported when it is first used: most runs need none. After the last attempt has
    failed, its FetchError is raised; what landed before stays, and the next run goes on from it.
    """
    connector = source.source.connector
    match connector.kind:
        case "http":
            from dx_pipeline.connectors import http

            yield from http.pages(task, connector)
        case "xroad":
            from dx_pipeline.connectors import xroad

            yield from xroad.pages(task, connector)
        case "postgres":
            from dx_pipeline.connectors import postgres

            yield from postgres.pages(task, connector)
        case "files":
            from dx_pipeline.connectors import remote_files

            yield from remote_files.pages(task, connector)

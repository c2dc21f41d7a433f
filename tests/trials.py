"""Trying connectors out: a source with a given connector, and a fetch that is killed at a chosen step."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings as examples

from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.connector import Bounds, Connector, Http, OffsetLimit, Paging, Request, Whole
from dx_pipeline.declarations.province import Province
from dx_pipeline.declarations.source import Source
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.receiving import fetch_and_land
from dx_pipeline.settings import Settings

NAME = "judicial_record"
MAY, JUNE = Month(2022, 5), Month(2022, 6)
NOON = datetime(2022, 6, 20, 5, tzinfo=UTC)
"""Noon of 20 June 2022 in the province."""

QUICK = Bounds(first_wait_seconds=0.001, longest_wait_seconds=2, answer_seconds=0.4, attempts=20, total_seconds=60)
ONCE = QUICK.model_copy(update={"attempts": 1})
OFFSETS = OffsetLimit(kind="offset_limit", size=7)
WHOLE = Whole(kind="whole")

WORDS = {"vi": "Thử", "en": "Trial"}
PROVINCE = Province.model_validate({"title": WORDS, "code": "X00", "first_month": "2022-01"})

FEW = examples(max_examples=examples().max_examples // 3)
"""For properties whose every example starts a server and processes."""

STEPS = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "socket.connect"})
"""Between any two of these the disk or the other side has seen something that a crash could tear."""

IN_CHILDREN = multiprocessing.get_context("forkserver")
IN_CHILDREN.set_forkserver_preload(
    [f"dx_pipeline.connectors.{kind}" for kind in ("http", "xroad", "postgres", "remote_files")]
)


def source(fetched_by: Connector) -> Source:
    """A source that is fetched so."""
    file = {"kind": "json", "records": "Data"}
    columns = {"operation": {"header": "operation"}}
    delivery = {"table": "connection.traffic", "mode": "increment", "format": file, "columns": columns}
    declared = {"title": WORDS, "description": WORDS, "owner": "team:trial", "deliveries": [delivery]}
    return Source.model_validate(declared | {"connector": fetched_by.model_dump()})


def http(url: str, paging: Paging = OFFSETS, bounds: Bounds = QUICK, **declared: Any) -> Http:
    """An HTTP source with one request, whose path is the kind of its paging."""
    query = {"thang": "{month}"} if paging.kind != "date_window" else {}
    request = Request(name="traffic", path=f"/{paging.kind}", query=query, records="Data", paging=paging)
    return Http(kind="http", base_url=url, requests=(request,), bounds=bounds, **declared)


@dataclass(frozen=True)
class Fetched:
    """What fetching one month landed that had not landed before, and why the latest attempt failed, if it did."""

    new: tuple[Delivery, ...]
    problem: str | None


def fetch(
    settings: Settings, fetched_by: Connector, months: Sequence[Month] = (MAY,), now: datetime = NOON
) -> tuple[Fetched, ...]:
    """Fetch, filter and land as ingest does, in this process."""
    before = {month: landed(settings, month) for month in months}
    declared = DeclaredSource("connection", NAME, source(fetched_by))
    fetch_and_land(settings, Catalogue(PROVINCE, {}, {NAME: declared}, {}, {}, {}, {}), NAME, months, now)
    problems = {month: attempts.problem(settings, NAME, month) for month in months}
    return tuple(
        Fetched(
            tuple(item for item in landed(settings, month) if item not in before[month]),
            None if problem is None else problem.en,
        )
        for month, problem in problems.items()
    )


def fetch_killed(
    settings: Settings, fetched_by: Connector, step: int, months: Sequence[Month] = (MAY,), now: datetime = NOON
) -> bool:
    """Fetch in a process of its own that is killed (signal 9) at its `step`-th step; whether it was."""
    child = IN_CHILDREN.Process(target=_fetch_killed, args=(settings, fetched_by, step, months, now), daemon=True)
    child.start()
    child.join(timeout=20)
    assert child.exitcode in {0, -signal.SIGKILL}, child.exitcode
    return child.exitcode != 0


def _fetch_killed(settings: Settings, fetched_by: Connector, step: int, months: Sequence[Month], now: datetime) -> None:
    left = step

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS and (event != "open" or str(settings.warehouse) in str(arguments[0])):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    fetch(settings, fetched_by, months, now)


def landed(settings: Settings, month: Month = MAY) -> tuple[Delivery, ...]:
    """What has landed of the source."""
    return deliveries.landed(settings, NAME, month)


def statuses(settings: Settings, month: Month = MAY) -> list[tuple[str, str | None]]:
    """How each attempt ended, and of which class its error was."""
    return [(item.status, item.error_class) for item in attempts.read(settings, NAME, month)]


def ranges(pages: Sequence[Delivery]) -> list[dict[str, str]]:
    """The stretch of its stream that each page has."""
    return [page.entry.cursor_range or {} for page in pages]


def written(settings: Settings) -> bytes:
    """All that is on the disk."""
    return b"".join(path.read_bytes() for path in settings.warehouse.rglob("*") if path.is_file())


def latest_by_place(settings: Settings, month: Month = MAY) -> dict[tuple[str, ...], Delivery]:
    """The latest page of each place of the stream."""
    beside = {"etag", "last_modified", "kept_from", "next"}
    return {
        tuple(value for name, value in sorted((page.entry.cursor_range or {}).items()) if name not in beside): page
        for page in landed(settings, month)
    }

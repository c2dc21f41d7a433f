"""Workers: processes in which months are read, and KPIs evaluated, side by side.

Great Expectations and most of what surrounds DuckDB hold Python's interpreter lock, so threads wait
for each other, and for whoever records what they did. A worker is forked from a server that has
imported everything once and opened nothing: it is there in some milliseconds, and a machine with
more cores does more months at a time. What a worker is given and gives back are plain values.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from multiprocessing import connection, forkserver, get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from dx_pipeline.catalogue import Catalogue
from dx_pipeline.settings import Settings

Result = TypeVar("Result")

PRELOADED = ["__main__", "dx_pipeline.preloaded"]


@dataclass(frozen=True)
class _Hired:
    """The workers at hand, and what they have begun with before it was asked for."""

    pool: ProcessPoolExecutor
    catalogue: Catalogue
    begun: dict[tuple[object, ...], Future[Any]] = field(default_factory=dict)


_HIRED: ContextVar[_Hired | None] = ContextVar("workers at hand", default=None)


def get_ready(settings: Settings) -> None:
    """Start the server that workers are forked from; it imports what they need while others go on."""
    if settings.threads == 1:
        return
    forkserver.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


@contextmanager
def hired(settings: Settings, catalogue: Catalogue) -> Iterator[None]:
    """Keep one worker for each thread of the settings, for as long as the block lasts; for a single one, none.

    They get ready while the block begins: nobody waits for them before there is work.
    """
    get_ready(settings)
    if settings.threads == 1:
        yield
        return
    pool = ProcessPoolExecutor(settings.threads, get_context("forkserver"), _begin, (catalogue,))
    token = _HIRED.set(_Hired(pool, catalogue))
    try:
        yield
    finally:
        _HIRED.reset(token)
        pool.shutdown(cancel_futures=True)


def each(
    settings: Settings,
    catalogue: Catalogue,
    work: Callable[..., Result],
    items: Sequence[tuple[object, ...]],
) -> Iterator[Result]:
    """What `work(settings, catalogue, *item)` comes to for each item, in the order given.

    Unless workers have been hired, a single item is worked on here, and so is everything where only
    one thread may be used. `work` must be a function of a module. What it raises is raised here.
    """
    at_hand = _HIRED.get()
    if at_hand is None or at_hand.catalogue is not catalogue:
        if len(items) <= 1 or settings.threads == 1:
            yield from (work(settings, catalogue, *item) for item in items)
            return
        with hired(settings, catalogue):
            yield from each(settings, catalogue, work, items)
            return
    running: list[Future[Result]] = []
    for item in items:
        begun = at_hand.begun.pop((work, *item), None)
        running.append(_submit(at_hand, settings, work, item, len(items)) if begun is None else begun)
    for future in running:
        yield future.result()


@contextmanager
def ahead(
    settings: Settings, catalogue: Catalogue, work: Callable[..., Any], items: Sequence[tuple[object, ...]]
) -> Iterator[None]:
    """Let hired workers begin with what the block will ask `each` for, one item at a time.

    When the block ends nobody works on them any more. Where none are hired nothing is begun.
    """
    at_hand = _HIRED.get()
    if at_hand is None or at_hand.catalogue is not catalogue:
        yield
        return
    running = {(work, *item): _submit(at_hand, settings, work, item, len(items)) for item in items}
    at_hand.begun.update(running)
    try:
        yield
    finally:
        for asked, future in running.items():
            at_hand.begun.pop(asked, None)
            future.cancel()
        wait(running.values())


def _submit(
    at_hand: _Hired, settings: Settings, work: Callable[..., Result], item: tuple[object, ...], side_by_side: int
) -> Future[Result]:
    share = max(1, settings.threads // min(side_by_side, settings.threads))
    return at_hand.pool.submit(_do, work, replace(settings, threads=share), item)


_CATALOGUE: list[Catalogue] = []
"""What a worker was hired to follow: sent once, because it takes longer to send than most work."""


def _begin(catalogue: Catalogue) -> None:
    """Prepare a worker. An interrupt is its employer's to handle, and it does not outlive that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_leave_with_employer, daemon=True).start()
    _CATALOGUE[:] = [catalogue]


def _leave_with_employer() -> None:
    employer = parent_process()
    if employer is not None:
        connection.wait([employer.sentinel])
        os._exit(1)


def _do(work: Callable[..., Result], settings: Settings, item: tuple[object, ...]) -> Result:
    return work(settings, _CATALOGUE[0], *item)

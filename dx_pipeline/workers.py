"""Workers: processes in which months are read, and KPIs evaluated, in parallel.

Great Expectations and much of the code around DuckDB run under Python's interpreter lock, so threads
would wait for each other. A worker is forked from a server process that has imported everything and opened
nothing, so it starts in milliseconds. Arguments and results are plain values.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from multiprocessing import connection, forkserver, get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

from dx_pipeline import profile
from dx_pipeline.profile import Stage
from dx_pipeline.settings import Settings

Result = TypeVar("Result")
Item = TypeVar("Item")

STOPPING = (signal.SIGINT, signal.SIGTERM)
PRELOADED = ["__main__", "dx_pipeline.worker_imports"]
FOR_AUDITS = ["dx_pipeline.worker_audits"]


@dataclass(frozen=True)
class _Pool:
    """The running workers, the catalogue they have, and the calls submitted ahead of time."""

    executor: ProcessPoolExecutor
    catalogue: object
    submitted: dict[tuple[object, ...], Future[Any]] = field(default_factory=dict)


_CURRENT_POOL: ContextVar[_Pool | None] = ContextVar("current pool", default=None)


def start_server(settings: Settings, *, audits: bool = True) -> None:
    """Start the server process that workers are forked from, if it does not run; it imports while the caller goes on.

    Args:
        settings: with the number of threads; for one, no server is needed.
        audits: whether its workers will probably audit. If they do without, each imports what audits by itself.
    """
    if settings.threads == 1:
        return
    forkserver.set_forkserver_preload([*PRELOADED, *(FOR_AUDITS if audits else [])])
    forkserver.ensure_running()


@contextmanager
def worker_pool(settings: Settings, catalogue: object) -> Iterator[None]:
    """Start one worker process per thread. With one thread, run in this process.

    Every worker gets the catalogue once: sending it takes longer than most calls.
    """
    start_server(settings)
    if settings.threads == 1:
        yield
        return
    executor = ProcessPoolExecutor(settings.threads, get_context("forkserver"), _start_worker, (catalogue,))
    token = _CURRENT_POOL.set(_Pool(executor, catalogue))
    try:
        yield
    finally:
        _CURRENT_POOL.reset(token)
        executor.shutdown(cancel_futures=True)


def groups(settings: Settings, items: Sequence[Item], most: int) -> list[list[Item]]:
    """Items by calls of `each`: at most so many a call, and as many calls for each worker. Neighbours are apart."""
    calls = -(-len(items) // most)
    calls = min(len(items), -(-calls // settings.threads) * settings.threads)
    return [list(items[first::calls]) for first in range(calls)]


def each(
    settings: Settings,
    catalogue: object,
    work: Callable[..., Result],
    items: Sequence[tuple[object, ...]],
) -> Iterator[Result]:
    """The results of `work(settings, catalogue, *item)` for each item, in order.

    Without a worker pool, a single item runs in this process, and so does everything with one thread.
    `work` must be a module-level function; what it raises is raised here.
    """
    pool = _pool_for(catalogue)
    if pool is None:
        if len(items) <= 1 or settings.threads == 1:
            yield from (work(settings, catalogue, *item) for item in items)
            return
        with worker_pool(settings, catalogue):
            yield from each(settings, catalogue, work, items)
            return
    running: list[Future[tuple[Result, list[Stage]]]] = []
    for item in items:
        future = pool.submitted.pop((work, *item), None)
        running.append(_submit(pool, settings, work, item, len(items)) if future is None else future)
    for future in running:
        result, stages = future.result()
        profile.add(stages)
        yield result


@contextmanager
def submit_ahead(
    settings: Settings, catalogue: object, work: Callable[..., Any], items: Sequence[tuple[object, ...]]
) -> Iterator[None]:
    """Start calls that the block will ask `each` for one by one. At the end of the block the rest is cancelled.

    Without a worker pool nothing is started ahead.
    """
    pool = _pool_for(catalogue)
    if pool is None:
        yield
        return
    running = {(work, *item): _submit(pool, settings, work, item, len(items)) for item in items}
    pool.submitted.update(running)
    try:
        yield
    finally:
        for call, future in running.items():
            pool.submitted.pop(call, None)
            future.cancel()
        wait(running.values())


def _pool_for(catalogue: object) -> _Pool | None:
    pool = _CURRENT_POOL.get()
    return pool if pool is not None and pool.catalogue is catalogue else None


def _submit(
    pool: _Pool, settings: Settings, work: Callable[..., Result], item: tuple[object, ...], in_parallel: int
) -> Future[tuple[Result, list[Stage]]]:
    share = max(1, settings.threads // min(in_parallel, settings.threads))
    with _signals_postponed():
        return pool.executor.submit(_call, work, replace(settings, threads=share), item, profile.is_recorded())


@contextmanager
def _signals_postponed() -> Iterator[None]:
    """Postpone SIGINT and SIGTERM to the end of the block: a worker whose start is cut off prints a traceback."""
    if current_thread() is not main_thread():  # only the main thread is ever interrupted
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.signal(number, lambda found, _: arrived.append(found)) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


_CATALOGUE: list[object] = []
"""The catalogue of this worker process."""


def _start_worker(catalogue: object) -> None:
    """Prepare a worker process. The parent process handles SIGINT; a worker ends when its parent does.

    What has been imported lives as long as the worker: the garbage collector need not look at it again and again.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_exit_with_parent, daemon=True).start()
    _CATALOGUE[:] = [catalogue]
    gc.freeze()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _call(
    work: Callable[..., Result],
    settings: Settings,
    item: tuple[object, ...],
    is_recorded: bool,  # noqa: FBT001 - the executor passes positions
) -> tuple[Result, list[Stage]]:
    """The result of a call in a worker process, and what its stages took, if they are recorded."""
    if not is_recorded:
        return work(settings, _CATALOGUE[0], *item), []
    with profile.recording() as stages:
        return work(settings, _CATALOGUE[0], *item), stages

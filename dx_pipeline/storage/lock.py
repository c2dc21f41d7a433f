"""Locks: one process at a time writes to a warehouse, and one fetches from a source. Readers never wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from dx_pipeline.settings import Settings


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Lock the warehouse for writing. May be nested; the lock is released when a process dies."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.scratch / "writing.lock", is_singleton=True):
        yield


@contextmanager
def fetching(settings: Settings, source: str) -> Iterator[None]:
    """Lock what a remote source has: two processes would ask for the same pages. Others may write meanwhile.

    It is never asked for while the writers' lock is held, which it may wait for.
    """
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.scratch / f"fetching.{source}.lock", is_singleton=True):
        yield

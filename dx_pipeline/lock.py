"""The writers' lock: whoever writes to a warehouse waits for whoever is writing. Readers never wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from dx_pipeline.settings import Settings


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Hold the warehouse for writing. May be nested; a process that dies lets go."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.scratch / "writing.lock", is_singleton=True):
        yield

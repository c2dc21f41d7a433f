"""Locks: one process at a time writes to a warehouse, and one fetches from a source. Readers never wait."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import FETCHERS

LOG = logging.getLogger(__name__)

PATIENCE_SECONDS = 1
"""After how long a process that waits says whom it waits for."""


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Lock the warehouse for writing. May be nested; the lock is released when a process dies.

    A process that has to wait says which one it waits for.
    """
    settings.scratch.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.scratch / "writing.lock", is_singleton=True)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout:
        LOG.warning("%s", _waiting(settings))
        lock.acquire()
    try:
        if lock.lock_counter == 1:
            _name_this_process(settings)
        yield
    finally:
        lock.release()


@contextmanager
def fetching(settings: Settings, source: str) -> Iterator[None]:
    """Lock what a remote source has: two processes would ask for the same pages. Others may write meanwhile.

    It is never asked for while the writers' lock is held, which it may wait for.
    """
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.scratch / f"{source}{FETCHERS}", is_singleton=True):
        yield


def _name_this_process(settings: Settings) -> None:
    """Write down who has the lock, for those who wait for it."""
    now = datetime.now(ZoneInfo(settings.time_zone))
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    about = {"process": os.getpid(), "command": command, "since": f"{now:%Y-%m-%d %H:%M:%S}"}
    _writer(settings).write_text(json.dumps(about), encoding="utf-8")


def _waiting(settings: Settings) -> str:
    """Who has the lock, in one sentence; the file that says so may be written at this moment."""
    try:
        about = json.loads(_writer(settings).read_text(encoding="utf-8"))
        who = f"{about['process']} ({about['command']}, {about['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        who = "?"
    return f"đang chờ tiến trình ghi kho dữ liệu / waiting for the process that writes to the warehouse: {who}"


def _writer(settings: Settings) -> Path:
    return settings.scratch / "writing.json"

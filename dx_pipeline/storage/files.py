"""Files: written under a private name, synced, and put in place by one rename."""

from __future__ import annotations

import dataclasses
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from dx_pipeline.settings import Settings

EMPTY = sha256().hexdigest()
"""SHA-256 of no bytes."""

_DIGESTS: dict[tuple[str, int, int, int], str] = {}

PRIVATE_LOCK = ".private.lock"
"""The ending of the file beside a private warehouse that is locked while somebody uses it."""


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()


def known_digest(path: Path) -> str:
    """SHA-256 of a file; computed once in a process while size, time of modification and inode are the same."""
    about = path.stat()
    key = (str(path), about.st_size, about.st_mtime_ns, about.st_ino)
    if key not in _DIGESTS:
        _DIGESTS[key] = digest(path)
    return _DIGESTS[key]


def set_aside(settings: Settings, path: Path) -> Path:
    """Move a damaged file or folder of the warehouse out of the way; return where it is now."""
    place = settings.set_aside / path.relative_to(settings.warehouse)
    target = next(each for number in count() if not (each := place.with_name(f"{place.name}.{number}")).exists())
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    sync(path.parent)
    return target


def private_name(settings: Settings, suffix: str = "") -> Path:
    """A name that nobody else writes under, on the same file system as the warehouse."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    return settings.scratch / f"{uuid.uuid4().hex}{suffix}"


@contextmanager
def private_warehouse(settings: Settings) -> Iterator[Settings]:
    """The settings of an empty warehouse inside this one, on the same file system; it is removed at the end.

    Those of processes that were killed are removed first: nobody has locked them any more.
    """
    for lock in settings.scratch.glob(f"*{PRIVATE_LOCK}"):
        with suppress(Timeout), FileLock(lock, timeout=0):
            shutil.rmtree(lock.with_name(lock.name.removesuffix(PRIVATE_LOCK)), ignore_errors=True)
            lock.unlink()
    folder = private_name(settings)
    lock = folder.with_name(f"{folder.name}{PRIVATE_LOCK}")
    with FileLock(lock):
        folder.mkdir()
        try:
            yield dataclasses.replace(settings, warehouse=folder)
        finally:
            shutil.rmtree(folder)
            lock.unlink()


def link(original: Path, target: Path) -> None:
    """Link the files of a folder into another one. Files are never changed in place, so links are as good as copies."""
    shutil.copytree(original, target, copy_function=os.link)


def replace(private: Path, target: Path) -> None:
    """Put a finished file in place, durably: its bytes and its name are on the disk when this returns."""
    sync(private)
    target.parent.mkdir(parents=True, exist_ok=True)
    private.replace(target)
    sync(target.parent)


def write_text(settings: Settings, target: Path, text: str) -> None:
    """Write a small text file whole, or not at all."""
    private = private_name(settings, target.suffix)
    private.write_text(text, encoding="utf-8")
    replace(private, target)


def limit(path: Path, mode: int) -> None:
    """Set who may read, write and list a file or folder. A group that new files inherit is kept."""
    path.chmod(path.stat().st_mode & 0o7000 | mode)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

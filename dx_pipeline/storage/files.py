"""Files: written under a private name, synced, and put in place by one rename."""

from __future__ import annotations

import dataclasses
import io
import logging
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path

from filelock import FileLock, Timeout

from dx_pipeline.errors import DxError
from dx_pipeline.settings import Settings
from dx_pipeline.storage.folder import readable

LOG = logging.getLogger(__name__)

EMPTY = sha256().hexdigest()
"""SHA-256 of no bytes."""

PIECE_BYTES = 1 << 20

_DIGESTS: dict[tuple[str, int, int, int], str] = {}

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
"""What files and folders permit that only their owner, the pipeline, may read."""

OWN_LOCK = ".own.lock"
"""The ending of the file beside the folder of a process in scratch; it is locked while the process lives."""

OPEN_WAREHOUSES = 16
"""In how many warehouses a process has such a folder. A lock is an open file, and a test run uses many warehouses."""

_OWN: dict[tuple[int, Path], tuple[Path, FileLock]] = {}
"""By process and scratch folder: the folder of the process, and its lock."""

WRITERS = frozenset({"writing.lock", "writing.json"})
"""The writers' lock, and who has it."""

FETCHERS = ".fetching.lock"
"""The ending of the lock of those who fetch from a source."""


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A file that is kept, for reading. What is no regular file, such as a named pipe, never makes anybody wait.

    Raises:
        OSError: it is missing, or no regular file.
    """
    if not path.is_file():  # opening a device may already do something
        raise FileNotFoundError(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        with open(descriptor, "rb", closefd=False) as handle:
            yield handle
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes:
    """The bytes of a file that is kept.

    Raises:
        OSError: it is missing, or no regular file.
    """
    with opened(path) as handle:
        return handle.read()


def digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: it is missing, or no regular file.
    """
    with opened(path) as handle:
        return file_digest(handle, "sha256").hexdigest()


def copy(source: Path, target: Path) -> str:
    """Copy a file; return SHA-256 of what was copied.

    Raises:
        OSError: it is missing, or no regular file.
    """
    found = sha256()
    with opened(source) as file, target.open("wb") as written:
        while piece := file.read(PIECE_BYTES):
            found.update(piece)
            written.write(piece)
    return found.hexdigest()


def forget_digests() -> None:
    """Compute every digest anew from here on, whatever this process has read before."""
    _DIGESTS.clear()


def known_digest(path: Path) -> str:
    """SHA-256 of a file; computed once in a process while size, time of modification and inode are the same."""
    key = _about(path)
    if key not in _DIGESTS:
        _DIGESTS[key] = digest(path)
    return _DIGESTS[key]


def remember_digest(path: Path, digest: str) -> None:
    """Note the digest of a file that this process has just written: it is not read again for that."""
    _DIGESTS[_about(path)] = digest


def _about(path: Path) -> tuple[str, int, int, int]:
    about = path.stat()
    return str(path), about.st_size, about.st_mtime_ns, about.st_ino


def set_aside(settings: Settings, path: Path) -> Path:
    """Move a damaged file or folder of the warehouse out of the way; return where it is now."""
    place = settings.set_aside / path.relative_to(settings.warehouse)
    names = (place.with_name(f"{place.name}.{number}") for number in count())
    target = next(each for each in names if not os.path.lexists(each))
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    sync(path.parent)
    return target


def own_folder(settings: Settings) -> Path:
    """The folder in which this process writes what is not yet in place; on the same file system as the warehouse.

    It is locked while the process lives, so that `sweep` finds those of processes that were killed.
    """
    key = (os.getpid(), settings.scratch)  # a forked process needs one of its own
    if key not in _OWN:
        while len(_OWN) >= OPEN_WAREHOUSES:
            _remove(next(iter(_OWN)))
        settings.scratch.mkdir(parents=True, exist_ok=True)
        folder = settings.scratch / uuid.uuid4().hex
        lock = FileLock(f"{folder}{OWN_LOCK}")
        lock.acquire()
        while not Path(lock.lock_file).exists():  # `sweep` has removed it before it was locked
            lock.release()
            lock.acquire()
        _OWN[key] = folder, lock
        Finalize(None, _remove, (key,), exitpriority=0)  # workers run no `atexit`
    folder = _OWN[key][0]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _remove(key: tuple[int, Path]) -> None:
    if key not in _OWN:
        return
    folder, lock = _OWN.pop(key)
    if key[0] == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release(force=True)


def sweep(settings: Settings) -> list[Path]:
    """Remove what processes that were killed left in scratch; return every folder or file that was left."""
    found: list[Path] = []
    for lock in settings.scratch.glob(f"*{OWN_LOCK}"):
        folder = lock.with_name(lock.name.removesuffix(OWN_LOCK))
        with suppress(Timeout), FileLock(lock, timeout=0):
            if folder.is_dir() and any(folder.iterdir()):
                found.append(folder)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
    for path in settings.scratch.glob("*"):
        is_lock = path.name in WRITERS or path.name.endswith((OWN_LOCK, FETCHERS))
        if not is_lock and not path.with_name(f"{path.name}{OWN_LOCK}").exists():
            found.append(path)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return found


def private_name(settings: Settings, suffix: str = "") -> Path:
    """A name that nobody else writes under, on the same file system as the warehouse."""
    return own_folder(settings) / f"{uuid.uuid4().hex}{suffix}"


@contextmanager
def private_warehouse(settings: Settings) -> Iterator[Settings]:
    """The settings of an empty warehouse inside this one, on the same file system; it is removed at the end."""
    folder = private_name(settings)
    folder.mkdir()
    try:
        yield dataclasses.replace(settings, warehouse=folder)
    finally:
        shutil.rmtree(folder)


def link(original: Path, target: Path) -> None:
    """Link the files of a folder into another one. Files are never changed in place, so links are as good as copies."""
    shutil.copytree(original, target, copy_function=os.link)


def make_folder(settings: Settings, folder: Path, mode: int = 0o777) -> None:
    """Make a folder of the warehouse and those above it; what has the name of one and is none is set aside."""
    for path in (*reversed(folder.parents), folder):
        if path.is_relative_to(settings.warehouse) and os.path.lexists(path) and not path.is_dir():
            _clear(settings, path, "folder")
    folder.mkdir(mode, parents=True, exist_ok=True)


def clear_file(settings: Settings, path: Path) -> None:
    """Set aside what has the name of a file of the warehouse and is none."""
    if os.path.lexists(path) and not path.is_file():
        _clear(settings, path, "file")


def _clear(settings: Settings, path: Path, kind: str) -> None:
    name = path.relative_to(settings.warehouse)
    LOG.warning("%s is no %s: it is moved to %s/ and made again", name, kind, settings.set_aside.name)
    set_aside(settings, path)


def replace(settings: Settings, private: Path, target: Path) -> None:
    """Put a finished file in place, durably: its bytes and its name are on the disk when this returns.

    What is in the way is set aside.
    """
    sync(private)
    make_folder(settings, target.parent)
    clear_file(settings, target)
    private.replace(target)
    sync(target.parent)


def write_text(settings: Settings, target: Path, text: str) -> None:
    """Write a small text file whole, or not at all."""
    private = private_name(settings, target.suffix)
    private.write_text(text, encoding="utf-8")
    replace(settings, private, target)


def stray(settings: Settings, path: Path) -> DxError:
    """The error of what is in a folder of the warehouse and does not belong there."""
    name = readable(str(path.relative_to(settings.warehouse)))
    return DxError(
        f"{name} does not belong there, and nothing reads it: move it away.",
        f"{name} không thuộc về nơi này và không được đọc: hãy chuyển đi.",
    )


def set_stray_aside(settings: Settings, path: Path) -> None:
    """Move what does not belong in a folder of the warehouse out of the way, and say so in one sentence."""
    name = readable(str(path.relative_to(settings.warehouse)))
    LOG.warning("%s does not belong there, and nothing reads it: it is moved to %s/", name, settings.set_aside.name)
    set_aside(settings, path)


def limit(path: Path, mode: int) -> None:
    """Set who may read, write and list a file or folder. A group that new files inherit is kept."""
    path.chmod(path.stat().st_mode & 0o7000 | mode)


def make_private(settings: Settings, folder: Path, within: Path) -> None:
    """Make a folder, and those above it down from `within`, that only their owner may enter."""
    for path in (*reversed(folder.relative_to(within).parents), folder.relative_to(within)):
        make_folder(settings, within / path, PRIVATE_FOLDER)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

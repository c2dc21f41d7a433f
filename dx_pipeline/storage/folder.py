"""Folders in which others may write: opened name by name, and no link is followed.

Whoever may put a file into a folder may put a link, a named pipe or a device there as well, or exchange a folder for
a link while it is read. So every step is opened relative to the one before, and what was opened is looked at, not
what its name meant a moment ago.
"""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Kind = Literal["file", "folder", "link", "pipe", "socket", "device"]

NO_LINK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what has no shape of its own: controls, marks of direction, half letters, line ends."""


@contextmanager
def opened(root: Path, *names: str) -> Iterator[int]:
    """The descriptor of the folder `names` below `root`; `root` itself is ours and may be a link.

    Raises:
        OSError: one of the names is no folder, or not there.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            below = os.open(name, NO_LINK | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def entries(root: Path, *names: str) -> list[tuple[str, Kind]]:
    """Name and kind of everything in a folder, in order; nothing where there is no such folder."""
    try:
        with opened(root, *names) as folder:
            return sorted((name, kind) for name in os.listdir(folder) if (kind := _kind(folder, name)) is not None)  # noqa: PTH208 - by descriptor
    except OSError:
        return []


@contextmanager
def opened_file(root: Path, *names: str) -> Iterator[int]:
    """The descriptor of a regular file below `root`.

    Raises:
        OSError: it is something else, or not there.
    """
    *folders, name = names
    with opened(root, *folders) as folder:
        if _kind(folder, name) != "file":  # opening a device may already do something
            raise FileNotFoundError(name)
        descriptor = os.open(name, NO_LINK | os.O_NONBLOCK, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(name)
            yield descriptor
        finally:
            os.close(descriptor)


def path_of(descriptor: int, path: Path) -> Path:
    """A path that opens the very file of a descriptor: on Linux, whatever has its name by now."""
    return Path(f"/proc/self/fd/{descriptor}") if sys.platform == "linux" else path


def readable(name: str) -> str:
    r"""A name as it may be shown and stored: bytes that are no UTF-8, and what nobody sees, are written as `\x1b`."""
    return "".join(_escaped(letter) if unicodedata.category(letter) in UNSEEN else letter for letter in name)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - how Python keeps a byte that is no UTF-8
        code -= 0xDC00
    return letter.encode("unicode_escape").decode() if code > 0xFF else f"\\x{code:02x}"  # noqa: PLR2004


def _kind(folder: int, name: str) -> Kind | None:
    """The kind of what a name is for, itself and not what it links to; None where it is gone."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return KINDS.get(stat.S_IFMT(mode), "device")

"""Disks in memory: of a size that can be changed while they are used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ENOUGH = 1 << 30
MOUNT, UNMOUNT = "/bin/mount", "/bin/umount"


@cache
def may_mount() -> bool:
    """Whether this process may mount a disk: as root, or in a namespace of its own (`unshare -Urm`)."""
    with TemporaryDirectory() as folder:
        if _mount("-t", "tmpfs", "tmpfs", folder):
            subprocess.run([UNMOUNT, folder], check=True)
            return True
    return False


@contextmanager
def disk_of_its_own(folder: Path) -> Iterator[Callable[[int], None]]:
    """A folder that is a disk of its own; gives a function that leaves so many bytes free on it."""
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={ENOUGH}", "tmpfs", str(folder)):
        raise RuntimeError(f"may not mount {folder}")

    def leave(room: int) -> None:
        about = os.statvfs(folder)
        size = (about.f_blocks - about.f_bfree) * about.f_frsize + room
        subprocess.run([MOUNT, "-o", f"remount,size={size}", str(folder)], check=True)

    try:
        yield leave
    finally:
        subprocess.run([UNMOUNT, "--lazy", str(folder)], check=True)
        folder.rmdir()


def _mount(*arguments: str) -> bool:
    return subprocess.run([MOUNT, *arguments], check=False, capture_output=True).returncode == 0

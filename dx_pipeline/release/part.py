"""The parts of a release: one for everybody, one for analysts inside the office."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REPORT, EXCHANGE = "report", "exchange"
RENDERED = (REPORT, EXCHANGE)
"""Folders of the public part with what is made of its database; no resources of the data package are in them."""

FILE_MODE, FOLDER_MODE = 0o640, 0o750
"""The most that files and folders of a restricted part permit: its owner writes, the owner's group reads."""


@dataclass(frozen=True)
class Part:
    """A part of a release: a folder that is complete in itself, with a description of everything in it.

    Args:
        name: its folder, and the audience that contracts declare.
        database: the file with its tables.
        is_restricted: whether only its owner and the owner's group may read it.
    """

    name: Literal["public", "internal"]
    database: str
    is_restricted: bool = False

    def make(self, release: Path) -> Path:
        """Make its folder in a release, empty and readable by its owner alone while it is written."""
        folder = release / self.name
        folder.mkdir()
        if self.is_restricted:
            _limit(folder, FOLDER_MODE)
        return folder

    def close(self, folder: Path) -> None:
        """Give each of its files its permissions."""
        if self.is_restricted:
            for path in files_in(folder):
                _limit(path, FILE_MODE)

    def too_open(self, folder: Path) -> Iterator[str]:
        """Files and folders with more permissions than allowed, by name within the part; `.` is its folder."""
        if self.is_restricted:
            allowed = {folder: FOLDER_MODE, **dict.fromkeys(files_in(folder), FILE_MODE)}
            for path, mode in allowed.items():
                if path.lstat().st_mode & 0o777 & ~mode:
                    yield path.relative_to(folder).as_posix()


def _limit(path: Path, mode: int) -> None:
    from dx_pipeline.storage import files  # it is for who writes: who reads a release needs the names of its parts

    files.limit(path, mode)


def files_in(folder: Path) -> list[Path]:
    """Every file and link below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def empty_folders_in(folder: Path) -> list[Path]:
    """Every folder below a folder that has nothing in it, sorted."""
    return sorted(
        path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    )


PUBLIC = Part("public", "dx.duckdb")
INTERNAL = Part("internal", "dx_internal.duckdb", is_restricted=True)
PARTS = (PUBLIC, INTERNAL)

"""Manifest of a part of a release: the SHA-256 of every file in it, in the form that `sha256sum --check` reads.

The SHA-256 of the manifest itself is the seal of the part: it covers every byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.release.part import empty_folders_in, files_in
from dx_pipeline.storage import files

NAME = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
OWN = (NAME, SIGNATURE)
"""The files that a manifest does not list: itself, and what is signed over it."""


def write(folder: Path) -> None:
    """Write the manifest of everything in a folder."""
    lines = (f"{files.digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files_in(folder))
    (folder / NAME).write_text("".join(lines), encoding="utf-8")


def seal(folder: Path) -> str | None:
    """The seal of a part; None where it has no manifest, as in older versions."""
    path = folder / NAME
    return files.digest(path) if path.is_file() else None


def problems(folder: Path) -> Iterator[Bilingual]:
    """Every file that is missing, is not listed, or has other bytes than those that are listed."""
    try:
        listed = _read(folder / NAME)
    except (OSError, ValueError) as error:
        name = f"{folder.name}/{NAME}"
        yield Bilingual(vi=f"không đọc được {name} ({error}).", en=f"{name} cannot be read ({error}).")
        return
    present = {path.relative_to(folder).as_posix(): path for path in (*files_in(folder), *empty_folders_in(folder))}
    for relative in sorted({*listed, *present} - set(OWN)):
        name = f"{folder.name}/{relative}"
        if relative not in present:
            yield Bilingual(vi=f"thiếu {name}.", en=f"{name} is missing.")
        elif relative not in listed:
            yield Bilingual(vi=f"{name} không thuộc bản công bố.", en=f"{name} does not belong to the release.")
        elif not _is_regular(present[relative]) or files.digest(present[relative]) != listed[relative]:
            yield Bilingual(
                vi=f"{name} không phải là tệp đã được niêm phong.", en=f"{name} is not the file that was sealed."
            )


def _is_regular(path: Path) -> bool:
    """Whether it is a file that can be read: no link, and no pipe, which would never end."""
    return path.is_file() and not path.is_symlink()


def _read(path: Path) -> Mapping[str, str]:
    """The SHA-256 of each file that a manifest lists, by name within the part.

    Raises:
        OSError: it is no regular file.
        ValueError: a line is not a SHA-256, two spaces and a name.
    """
    if not _is_regular(path):
        raise OSError("it is no regular file")
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        digest, _, name = line.partition("  ")
        if len(digest) != len(files.EMPTY) or not name:
            raise ValueError(f"line {number}")
        found[name] = digest
    return found

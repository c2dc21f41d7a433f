"""Lines that are not UTF-8, or have a NUL: they are bad lines, not bad files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from dx_pipeline.formats import physical_line
from dx_pipeline.formats.text import PIECE_CHARACTERS, bytes_of, private_file

NOT_UTF8 = "not_utf8"
"""The reason why such a line is in quarantine."""

NUL = b"\x00"


def is_utf8(path: Path) -> bool:
    """Whether every byte of a file, unpacked, is part of UTF-8 text.

    Arrow checks that several times as quickly as Python decodes.
    """
    rest = b""
    with bytes_of(path) as handle:
        while piece := handle.read(PIECE_CHARACTERS):
            whole, end, rest = (rest + piece).rpartition(b"\n")  # no letter goes on behind a line feed
            if not physical_line.is_text(whole + end):
                return False
    return physical_line.is_text(rest)


def _has_nul(path: Path) -> bool:
    with path.open("rb") as handle:
        return any(NUL in piece for piece in iter(partial(handle.read, PIECE_CHARACTERS), b""))


@contextmanager
def set_aside(
    connection: duckdb.DuckDBPyConnection, path: Path, instead: bytes, *, is_plain: bool | None = None
) -> Iterator[tuple[Path, list[int]]]:
    """A text in which every line that is not UTF-8 is replaced by `instead`, and the numbers of these lines.

    So is every line with a NUL, at which DuckDB would end its cell. Lines are counted from 1. A file without such lines
    is yielded as it is; `is_plain` says whether it is one, where that is known.
    """
    if is_utf8(path) and not _has_nul(path) if is_plain is None else is_plain:
        yield path, []
        return
    found = []
    with private_file(connection) as private:
        with path.open("rb") as source, private.open("wb") as target:
            for number, line in enumerate(source, 1):
                try:
                    line.decode()
                    is_text = NUL not in line
                except UnicodeDecodeError:
                    is_text = False
                if not is_text:
                    found.append(number)
                    line = instead + (b"\r\n" if line.endswith(b"\r\n") else b"\n")  # noqa: PLW2901 - the same line
                target.write(line)
        yield private, found

"""Physical lines of a text file, by their numbers from 1: a line feed alone ends one.

A large file is read piece by piece, and only pieces with lines that are asked for are taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from dx_pipeline.formats import undecoded

PIECE_BYTES = 1 << 20
FEED, RETURN = b"\n\r"
NEVER = 1 << 62
"""Behind every line."""


@dataclass(frozen=True)
class Census:
    """What a file consists of.

    Args:
        lines: how many lines it has; what follows the last line feed is one.
        has_lone_returns: whether it has a carriage return that no line feed follows: some programs end lines so.
        has_two_ends: whether some lines end with a line feed alone, and others with a carriage return before it.
        is_plain: whether all of it is UTF-8 text without NUL.
    """

    lines: int
    has_lone_returns: bool
    has_two_ends: bool
    is_plain: bool


def feeds(piece: bytes) -> int:
    """How many line feeds some bytes have: much quicker than `bytes.count`, where there are many."""
    return int(np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) == FEED))


def census(path: Path) -> Census:
    """Find out what a file consists of, in one pass."""
    feeds = returns = after_returns = 0
    last, rest, is_plain = b"\n", b"", True
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            signs = np.frombuffer(last + piece, dtype=np.uint8)
            is_feed = signs[1:] == FEED
            feeds += int(np.count_nonzero(is_feed))
            if b"\r" in piece or last == b"\r":
                is_return = signs[:-1] == RETURN
                returns += int(np.count_nonzero(is_return))
                after_returns += int(np.count_nonzero(is_return & is_feed))
            last = piece[-1:]
            if is_plain:
                whole, end, rest = (rest + piece).rpartition(b"\n")  # no letter goes on behind a line feed
                is_plain = b"\x00" not in piece and undecoded.is_text(whole + end)
    is_plain = is_plain and undecoded.is_text(rest)
    has_lone_returns = returns > after_returns or last == b"\r"
    return Census(feeds + (last != b"\n"), has_lone_returns, 0 < after_returns < feeds, is_plain)


def pick(path: Path, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines of a file, with their ends, in order. `numbers` must be in order."""
    wanted = list(numbers)
    found = (item for item in _walk(path, wanted) if isinstance(item, tuple))
    return islice(found, len(wanted))  # what follows the last one is not read


def replace(path: Path, target: Path, lines: Mapping[int, bytes]) -> None:
    """Write a file in which some lines are others."""
    with target.open("wb") as written:
        for item in _walk(path, sorted(lines)):
            written.write(lines[item[0]] if isinstance(item, tuple) else item)


def _walk(path: Path, numbers: Iterable[int]) -> Iterator[bytes | tuple[int, bytes]]:
    """A file in order: the lines that are asked for with their numbers, and all between them as it is."""
    wanted = iter(numbers)
    following = next(wanted, NEVER)
    first, rest = 1, b""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            whole, end, rest = (rest + piece).rpartition(b"\n")
            whole += end
            count = feeds(whole)
            if following >= first + count:
                yield whole
            else:
                between: list[bytes] = []
                for number, text in enumerate(whole.split(b"\n")[:-1], first):
                    if number != following:
                        between.append(text + b"\n")
                        continue
                    yield b"".join(between)
                    between = []
                    yield number, text + b"\n"
                    following = next(wanted, NEVER)
                yield b"".join(between)
            first += count
        if rest:
            yield (first, rest) if following == first else rest

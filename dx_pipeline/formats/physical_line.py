"""Physical lines of a text file, by their numbers from 1: a line feed alone ends one.

A large file is read piece by piece, and only pieces with lines that are asked for are taken apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

PIECE_BYTES = 1 << 20
CENSUS_BYTES = 1 << 18
"""So much of a file stays in a processor's own memory, while it is looked at in several ways."""

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
    is_plain, last = True, FEED
    for signs, lines in _pieces(path):
        is_feed = signs == FEED
        feeds += int(np.count_nonzero(is_feed))
        is_return = signs == RETURN
        if (here := int(np.count_nonzero(is_return))) > 0:
            returns += here
            after_returns += int(np.count_nonzero(is_return[:-1] & is_feed[1:]))
        after_returns += last == RETURN and bool(is_feed[0])
        is_plain = is_plain and bool(signs.all()) and is_text(lines)
        last = int(signs[-1])
    return Census(feeds + (last != FEED), returns > after_returns, 0 < after_returns < feeds, is_plain)


def _pieces(path: Path) -> Iterator[tuple[np.ndarray, memoryview]]:
    """A file, piece by piece, and the same in whole lines; both are in memory until the next piece is read."""
    buffer, rest = bytearray(CENSUS_BYTES), 0
    with path.open("rb", buffering=0) as file:
        while (count := file.readinto(memoryview(buffer)[rest:])) > 0:
            signs = np.frombuffer(buffer, dtype=np.uint8, count=count, offset=rest)
            is_last = file.tell() == os.fstat(file.fileno()).st_size
            end = rest + count if is_last else buffer.rfind(b"\n", 0, rest + count) + 1
            yield signs, memoryview(buffer)[:end]
            del signs
            after = buffer[end : rest + count]
            rest = len(after)
            if rest * 2 > len(buffer):
                buffer = bytearray(len(buffer) * 2)  # a long line
            buffer[:rest] = after


def is_text(content: bytes | memoryview) -> bool:
    """Whether some bytes are UTF-8 text."""
    offsets = pa.py_buffer(np.array([0, len(content)], dtype=np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


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

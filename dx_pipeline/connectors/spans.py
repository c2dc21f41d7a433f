"""Spans: which whole numbers (seconds, days, positions) of a stream have landed, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Everything from `first` to `last`, both included."""

    first: int
    last: int


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same numbers in as few spans as possible, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.first <= found[-1].last + 1:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return tuple(found)


def gaps(whole: Span, covered: Iterable[Span]) -> Iterator[Span]:
    """What of `whole` is not covered, in order."""
    first = whole.first
    for span in (*merged(covered), Span(whole.last + 1, whole.last + 1)):
        last = min(span.first - 1, whole.last)
        if first <= last:
            yield Span(first, last)
        first = max(first, span.last + 1)

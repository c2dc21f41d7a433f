"""Searchable text: a copy of a text in which what looks the same is written the same.

Personal data are looked for in the copy, and taken out of the text at the places that the copy leads back to. In the
copy, letters are in NFKC, digits of every script are 0 to 9, every space is a blank, every dash a hyphen, and what is
not shown (zero-width spaces, soft hyphens, marks of direction) is gone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

_UNUSUAL = re.compile(
    r"[^\n\r -~ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúýĂăĐđĨĩŨũƠơƯư\u1ea0-\u1ef9]"
)  # fmt: skip
"""What a Vietnamese text rarely has. A text without it is its own searchable copy."""

_CLUSTER = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]*|[\u0300-\u036f]+")
_LOOKALIKE = {
    **dict.fromkeys("\u00d0\u0189", "Đ"),  # Eth and African D
    **dict.fromkeys("\u00f0\u0256", "đ"),
    "\u01cd": "Ă",  # with a caron for the breve
    "\u01ce": "ă",
    **dict.fromkeys("\u2018\u2019\u02bc\u00b4", "'"),
    **dict.fromkeys("\u00b7\u2022", "."),
    "\u2212": "-",
    "\u2044": "/",
}
"""Letters and signs that are written for others, as they look the same or nearly so."""

_BY_CATEGORY = {"Cf": "", "Cc": "", "Me": "", "Zs": " ", "Zl": "\n", "Zp": "\n", "Pd": "-"}
_NOT_SHOWN = re.compile("[\ufe00-\ufe0f\u034f\u115f\u1160\u3164]")
_KEPT_APART = ("<super>", "<sub>", "<fraction>")
"""Digits that are no part of the number that they follow."""


@dataclass(frozen=True)
class Searchable:
    """The copy, and for each of its letters where it begins and ends in the text; None if the copy is the text."""

    original: str
    text: str
    places: tuple[tuple[int, int], ...] | None = None

    def replaced(self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str | None]) -> str:
        """The original with what a pattern finds in the copy replaced; what `replace` gives None for stays."""
        pieces, last = [], 0
        for match in pattern.finditer(self.text):
            new = replace(match)
            if new is not None and match.end() > match.start():
                start, end = match.span()
                if self.places is not None:
                    start, end = self.places[start][0], self.places[end - 1][1]
                pieces += [self.original[last : max(start, last)], new]
                last = max(end, last)
        return "".join([*pieces, self.original[last:]]) if pieces else self.original


def searchable(text: str) -> Searchable:
    """The searchable copy of a text in NFC."""
    if _UNUSUAL.search(text) is None:
        return Searchable(text, text)
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    for cluster in _CLUSTER.finditer(text):
        shown = _shown(cluster[0])
        letters.append(shown)
        places += [cluster.span()] * len(shown)
    return Searchable(text, "".join(letters), tuple(places))


@lru_cache(maxsize=10_000)
def _shown(cluster: str) -> str:
    """How a letter with its marks is written in the copy."""
    if unicodedata.decomposition(cluster[0]).startswith(_KEPT_APART):
        return cluster
    if unicodedata.category(cluster[0]) == "Nd":
        cluster = cluster[0]  # a mark on a digit means nothing
    return "".join(map(_letter, unicodedata.normalize("NFKC", _LOOKALIKE.get(cluster, cluster))))


def _letter(letter: str) -> str:
    """One letter in its usual form; nothing where it is not shown."""
    if letter in "\t\n\r":
        return letter.replace("\t", " ")
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    return _LOOKALIKE.get(letter) or _BY_CATEGORY.get(category, _NOT_SHOWN.sub("", letter))

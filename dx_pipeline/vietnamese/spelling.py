"""Spelling: NFC, single spaces, and the two styles of placing tone marks (Hòa, Hoà)."""

from __future__ import annotations

import re
import unicodedata


def normal(heading: str) -> str:
    """A heading in NFC and with single spaces."""
    return " ".join(unicodedata.normalize("NFC", heading).split())


_LATE_MARK = re.compile(
    "([oO])([aAeE])([\u0300\u0301\u0303\u0309\u0323])|([uU])([yY])([\u0300\u0301\u0303\u0309\u0323])"
)
_NEW_STYLE = re.compile(r"(?:[oO][àáảãạèéẻẽẹÀÁẢÃẠÈÉẺẼẸ]|[uU][ỳýỷỹỵỲÝỶỸỴ])(?!\w)")
_OLD_STYLE = re.compile(r"(?:[òóỏõọÒÓỎÕỌ][aeAE]|[ùúủũụÙÚỦŨỤ][yY])(?!\w)")
_TONE_MARKS = "\u0300\u0301\u0303\u0309\u0323"
MOST_SPELLINGS = 64


def comparable(heading: str) -> str:
    """A heading in the form that is compared: the same for both styles of tone marks (Hòa, Hoà)."""
    apart = unicodedata.normalize("NFD", heading)
    moved = _LATE_MARK.sub(lambda m: f"{m[1]}{m[3]}{m[2]}" if m[1] else f"{m[4]}{m[6]}{m[5]}", apart)
    return " ".join(unicodedata.normalize("NFC", moved).split())


def spellings(word: str) -> tuple[str, ...]:
    """A word as it may be spelt: itself first, then with each syllable's tone mark in the other style."""
    first = unicodedata.normalize("NFC", word)
    found = [first]
    for place in [match.start() for match in re.finditer(f"{_NEW_STYLE.pattern}|{_OLD_STYLE.pattern}", first)]:
        others = [text[:place] + _other_style(text[place : place + 2]) + text[place + 2 :] for text in found]
        found += others[: MOST_SPELLINGS - len(found)]
    return tuple(found)


def _other_style(pair: str) -> str:
    """The other spelling of an open syllable's two vowels."""
    first, second = (unicodedata.normalize("NFD", letter) for letter in pair)
    if second[-1] in _TONE_MARKS:
        return unicodedata.normalize("NFC", first + second[-1]) + second[:-1]
    return first[:-1] + unicodedata.normalize("NFC", second + first[-1])

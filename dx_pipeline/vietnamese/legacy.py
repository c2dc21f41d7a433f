"""Legacy encodings: TCVN3 (ABC) and VNI, recognised by letters that only they write, and turned into Unicode.

Both give the codes of Western letters to Vietnamese ones, so such text looks like `Hé tÞch` (TCVN3) or `Hoä tòch`
(VNI) where it is read as Unicode. Tables: TCVN 5712:1993 (VN3) and the VNI fonts for Windows. The fonts .VnTimeH
print small letters as capitals: they are converted to small ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal

Legacy = Literal["tcvn3", "vni"]
NAMES: dict[Legacy, str] = {"tcvn3": "TCVN3 (ABC)", "vni": "VNI"}

_TCVN3_ROWS = {
    0xA1: "ĂÂÊÔƠƯĐăâêôơưđ",
    0xB5: "àảãáạ",
    0xBB: "ằẳẵắ",
    0xC6: "ặầẩẫấậè",
    0xCE: "ẻẽéẹềểễếệìỉ",
    0xDC: "ĩíịò",
    0xE1: "ỏõóọồổỗốộờởỡớợù",
    0xF1: "ủũúụừửữứựỳỷỹýỵ",
}
TCVN3 = {chr(first + offset): letter for first, letters in _TCVN3_ROWS.items() for offset, letter in enumerate(letters)}

_TONES = {"ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"}
_CIRCUMFLEX = {"á": "\u0301", "à": "\u0300", "å": "\u0309", "ã": "\u0303", "ä": "\u0323"}
_BREVE = {"é": "\u0301", "è": "\u0300", "ú": "\u0309", "ü": "\u0303", "ë": "\u0323"}
_VNI_ALONE = {"í": "í", "ì": "ì", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "ô": "ơ", "ö": "ư", "î": "ỵ", "ñ": "đ"}


def _vni() -> Iterator[tuple[str, str]]:
    yield from _VNI_ALONE.items()
    for base in "aeouy":
        yield from ((base + mark, base + tone) for mark, tone in _TONES.items())
    for base in "aeo":
        yield base + "â", base + "\u0302"
        yield from ((base + mark, base + "\u0302" + tone) for mark, tone in _CIRCUMFLEX.items())
    yield "aê", "ă"
    yield from (("a" + mark, "ă" + tone) for mark, tone in _BREVE.items())
    for base, letter in (("ô", "ơ"), ("ö", "ư")):
        yield from ((base + mark, letter + tone) for mark, tone in _TONES.items())


VNI: dict[str, str] = {}
for _written, _meant in _vni():
    _letter = unicodedata.normalize("NFC", _meant)
    VNI[_written] = _letter
    VNI[_written.upper()] = _letter.upper()
    VNI[_written[:1].upper() + _written[1:]] = _letter.upper()
    VNI.setdefault(_written[:1] + _written[1:].upper(), _letter)
_VNI_PATTERN = re.compile("|".join(sorted(map(re.escape, VNI), key=len, reverse=True)))
_TCVN3_TABLE = str.maketrans(TCVN3)

SIGNS: dict[Legacy, str] = {
    # Signs that no language writes inside a word; `®` also begins one (`®iÖn`).
    "tcvn3": "[A-Za-zÀ-ÿ][¨©ª«¬\u00ad®µ¶·¸¹»¼½¾][A-Za-zÀ-ÿ]|(^|[^A-Za-zÀ-ÿ])®[a-zÀ-ÿ]|[®¬\u00ad][×ØÞßÐ][a-z]?",  # noqa: RUF001 - that is how it looks
    # A vowel and the sign of a tone after it: Vietnamese has no such two letters together. Those of French and
    # German words (naïve, Noël, août) are left out.
    "vni": "[aeouyAEOUY][øØ]|[aeoAEO][åäÅÄ]|[aA][êÊ]|[aeoAEO][âÂ]|[ôöÔÖ][ùøõÙØÕ]|(^|[^A-Za-z])[ñÑ][aeiouyôAEIOUYÔ]",
}
"""By legacy encoding, the regular expression (RE2 and Python) that only text in it matches."""

VIETNAMESE = "[ăđơưĂĐƠƯạ-ỹẠ-Ỹ]"
"""Letters that only Vietnamese has: text with one of them is in Unicode."""

FEWEST_SIGNS = 2
"""One sign alone may be a typing error."""


def to_unicode(text: str, legacy: Legacy) -> str:
    """Legacy text that was read as Western letters, as Vietnamese in NFC."""
    if legacy == "tcvn3":
        return text.translate(_TCVN3_TABLE)
    return _VNI_PATTERN.sub(lambda found: VNI[found[0]], text)


def encoding_of(found: Iterable[str], expected: Iterable[str]) -> Legacy | None:
    """The legacy encoding in which some of the headings found are expected ones; None where there is no such."""
    texts = set(found)
    wanted = set(expected) - texts
    for legacy in NAMES:
        if wanted & {" ".join(to_unicode(text, legacy).split()) for text in texts}:
            return legacy
    return None

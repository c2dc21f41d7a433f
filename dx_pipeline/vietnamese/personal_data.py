"""Values that look like personal data: names and numbers of people, ways to reach them, links, tokens.

Whether a value is what it looks like depends on its column: see `privacy.column`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

MARK = "[stripped]"
"""Replaces what is taken out of a text. No pattern here matches it."""

_SURNAMES = (
    "Nguyễn|Trần|Lê|Phạm|Hoàng|Huỳnh|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Đinh|Đoàn|Trịnh|Trương|Mai|Đào|Cao|Lâm"
    "|Lương|Lưu|Tạ|Thái|Châu|Quách|Tô|Kiều|Hà|Nguyen|Tran|Pham|Hoang|Huynh|Dang|Bui|Ngo|Duong|Doan|Trinh|Truong"
)
_SURNAME = f"(?:{_SURNAMES}|{_SURNAMES.upper()})"
_CAPITALS = "".join(letter for letter in map(chr, range(0x1F00)) if unicodedata.category(letter) == "Lu")
_GIVEN = rf"(?:[{_CAPITALS}][^\W\d_]{{0,6}})"
_APART = r"[ \u00a0.\-)]{0,2}"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_HEX = r"[0-9A-Fa-f]{1,4}"

PATTERNS: dict[str, str] = {
    "token": (
        r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|\b[Bb]earer\s+[\w.~+/=-]{8,}"
        r"|(?i:\b(?:access_token|token|api_?key|secret|password|passwd|mật khẩu)\s*[=:]\s*[^\s&;,]+)"
    ),
    "link": r"\b(?:https?|ftps?)://[^\s\"'<>;]+",
    "query_string": r"(?<=[\w/])\?[\w\[\].%-]+=[^\s\"';]*",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    "health_card": r"(?<![^\W_])[A-Za-z]{2}[ .-]?\d(?:[ .-]?\d){12}(?!\d)",
    "dossier_code": r"(?<![\w.])(?=[0-9A-Za-z]*[A-Za-z.])[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*-\d{6}-\d{4,7}(?!\d)",
    "ip_address": (
        rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"
        rf"|(?<![\w:])(?:(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{1,6}}(?::{_HEX}){{1,6}}|::1)(?![\w:])"
    ),
    "phone": (rf"(?<![\d.])\(?(?:\+84|0084|84|0){_APART}(?:[35789](?:{_APART}\d){{8}}|2(?:{_APART}\d){{8,9}})(?![\d])"),
    "identity_number": (
        r"(?<![\d.,-])(?:\d{12}|\d{3}(?P<gap>[ .])\d{3}(?P=gap)\d{3}(?P=gap)\d{3}|\d{9}|\d{3} \d{3} \d{3})(?!\d|[.,]\d)"
    ),
    "social_insurance": r"(?<![\d.,-])\d{10}(?![\d]|[.,]\d)",
    "birth_date": r"(?i:(?:ngày sinh|sinh ngày|sinh năm|năm sinh)\s*[:.]?\s*\d[\d/.\-]*)",
    "name": (
        r"(?i:họ (?:và )?tên)\s*:\s*[^;,\n]+"
        rf"|\b(?:[ÔôOo]ng|ÔNG|[Bb]à|BÀ|[Aa]nh|[Cc]hị)\s*[:.]?\s+{_SURNAME}(?:[ _]{_GIVEN}){{1,4}}"
        rf"|(?<![^\W_]){_SURNAME}[ _](?:Văn|Thị|VĂN|THỊ|Van|Thi|VAN|THI)(?:[ _]{_GIVEN}){{1,3}}"
    ),
    "address": r"(?i:địa chỉ)\s*:\s*[^;\n]+|(?i:\bsố (?:nhà )?\d+[\w/]*,? (?:đường|ấp|khu phố|tổ)\s+[^;\n]+)",
}
"""By kind, in the order in which they are tried."""

_KINDS = list(PATTERNS)
_ANY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items()))
_WHOLE_NAME = re.compile(rf"{_SURNAME}(?: {_GIVEN}){{1,4}}")
_LOOKED_FOR = re.compile(
    r"\d(?:[ \u00a0.\-)]{0,2}\d){8}|@|\?|://|\d\.\d{1,3}\.\d{1,3}\.\d|::|[0-9A-Fa-f]:[0-9A-Fa-f]"
    r"|eyJ|(?i:bearer|token|key|secret|passw|mật khẩu|họ|sinh|địa chỉ|số|ông|bà|anh|chị|v[ăa]n|th[ịi])"
)
"""Every match of a pattern contains a match of this one; most texts contain none."""

_DATE_WITHIN = re.compile(r"\b\d{1,2}[-.]\d{1,2}[-.](?:19|20)\d\d\b|\b(?:19|20)\d\d[-.]\d{1,2}[-.]\d{1,2}\b")
_STAMP = re.compile(r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d)?")
"""A moment as digits (yyyymmddHH or yyyymmddHHMM), which has as many as a number of a person."""


_CODE = re.compile(PATTERNS["dossier_code"])


def is_code(text: str) -> bool:
    """Whether a text is the code of a dossier, and nothing else."""
    return _CODE.fullmatch(text.strip()) is not None


def strip(text: str, *, allowed: frozenset[str] = frozenset(), may_be_name: bool = False) -> tuple[str, Counter[str]]:
    """A text without what is personal in it, and what was taken out, by kind.

    Args:
        text: any text.
        allowed: kinds that may stay.
        may_be_name: whether the text is a name if all of it looks like one.
    """
    normal = unicodedata.normalize("NFC", text)
    found: Counter[str] = Counter()
    if may_be_name and _WHOLE_NAME.fullmatch(normal.strip()):
        return "", Counter(name=1)
    if _LOOKED_FOR.search(normal) is None:
        return text, found

    def taken(match: re.Match[str]) -> str:
        kind = next(kind for kind in _KINDS if match[kind] is not None)
        if kind in allowed or _is_other(kind, match[0]):
            return match[0]
        found[kind] += 1
        return "" if kind == "query_string" else MARK

    stripped = _ANY.sub(taken, normal)
    return (stripped, found) if found else (text, found)


def _is_other(kind: str, text: str) -> bool:
    """Whether a match is something else: a date, a version, a moment."""
    match kind:
        case "phone":
            return _DATE_WITHIN.search(text) is not None
        case "ip_address":
            return "." in text and all(len(part) == 1 for part in text.split("."))
        case "identity_number" | "social_insurance":
            return _STAMP.fullmatch(text) is not None
        case _:
            return False

"""Values that look like personal data: names and numbers of people, ways to reach them, links, tokens.

Whether a value is what it looks like depends on its column: see `privacy.column`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache

from dx_pipeline.vietnamese import legacy, names
from dx_pipeline.vietnamese.searchable import searchable

MARK = "[stripped]"
"""Replaces what is taken out of a text. No pattern here matches it."""

_SURNAME, _GIVEN, _SEPARATOR = names.SURNAME, names.GIVEN, names.SEPARATOR
_CAPITALS = names.CAPITALS
_APART = r"[ .\-_)\t\n]{0,3}"
"""What may be between the digits of a number, in a searchable copy."""

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_HEX = r"[0-9A-Fa-f]{1,4}"

_ROLE = (
    r"người (?:lập|ký|nhận|nộp|khai|duyệt|kiểm tra|liên hệ|phụ trách|thực hiện|giao|báo cáo|tổng hợp|xử lý|tiếp nhận"
    r"|đại diện|phê duyệt|soạn|gửi)|lập (?:biểu|bảng)|cán bộ|chuyên viên|công chức|viên chức|kế toán|thủ quỹ|giám đốc"
    r"|chủ tịch|trưởng (?:phòng|ban|trạm)|thủ trưởng|bí thư|chánh văn phòng|tổ trưởng|chủ hộ|đại diện|soạn thảo|tác giả"
    r"|author|prepared by|signed by|contact|created by"
)
"""What somebody does for whom a name follows after a colon."""

PATTERNS: dict[str, str] = {
    "token": (
        r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|\b[Bb]earer\s+[\w.~+/=-]{8,}"
        r"|(?i:\b(?:access_token|token|api_?key|secret|password|passwd|mật khẩu)\s*[=:]\s*[^\s&;,]+)"
    ),
    "link": r"\b(?:https?|ftps?)://[^\s\"'<>;]+",
    "query_string": r"(?<=[\w/])\?[\w\[\].%-]+=[^\s\"';]*",
    "email": (
        r"(?<![\w.+-])[\w.+-]{1,64}(?:@[\w-]{1,63}(?:\.[\w-]{1,63})+"
        r"| {0,2}(?:@|(?i:[\[(]at[\])])) {0,2}[\w-]{1,63}(?:(?:\.|(?i:[\[(]dot[\])]))[A-Za-z]{2,63})+)"
    ),
    "health_card": r"(?<![^\W_])[A-Za-z]{2}[ .-]?\d(?:[ .-]?\d){12}(?!\d)",
    "dossier_code": r"(?<![\w.])(?=[0-9A-Za-z]*[A-Za-z.])[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*-\d{6}-\d{4,7}(?!\d)",
    "ip_address": (
        rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"
        rf"|(?<![\w:])(?:(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{1,6}}(?::{_HEX}){{1,6}}|::1)(?![\w:])"
    ),
    "phone": (
        rf"(?<![\d.])\(?(?:\+84|0084|84|0)(?:{_APART}\(0\))?{_APART}(?:[35789](?:{_APART}\d){{8}}|2(?:{_APART}\d){{8,9}})(?![\d])"
    ),
    "identity_number": (
        r"(?i:\b(?:cccd|cmnd|cmtnd|cmt|căn cước(?: công dân)?|chứng minh(?: nhân dân| thư)?|hộ chiếu|passport))"
        rf"(?i: số)?\s*[:.]?\s*(?:\d(?:{_APART}\d){{8,11}}|[A-Za-z]\d{{7}})(?![.,]?\d)"
        rf"|(?<![\d.,-])(?P<apart>0(?:{_APART}\d){{11}})(?:\.0)?(?!\d|[.,]\d)"
        r"|(?<![\d.,-])(?:\d{12}|\d{3}(?P<gap>[ .])\d{3}(?P=gap)\d{3}(?P=gap)\d{3}|0\d\d-\d{3}-\d{3}-\d{3}"
        r"|\d{9}|\d{3} \d{3} \d{3}"
        r"|(?:[1-8]\d|9[0-6])[0-3]\d{8})(?:\.0)?(?!\d|[.,]\d)"
    ),
    "social_insurance": (
        rf"(?i:\b(?:bhxh|bảo hiểm xã hội)(?: số)?)\s*[:.]?\s*\d(?:{_APART}\d){{9}}(?![.,]?\d)"
        r"|(?<![\d.,-])\d{10}(?:\.0)?(?!\d|[.,]\d)"
    ),
    "birth_date": r"(?i:(?:ngày sinh|sinh ngày|sinh năm|năm sinh)\s*[:.]?\s*\d[\d/.\-]*)",
    "name": (
        r"(?i:họ (?:và )?tên)\s*:\s*[^;,\n]+"
        rf"|(?i:\bhọ (?:và )?tên)\s+{_GIVEN}(?:{_SEPARATOR}{_GIVEN}){{1,4}}"
        rf"|\b(?:[ÔôOo]ng|ÔNG|[Bb]à|BÀ|[Aa]nh|[Cc]hị|[Cc]ô|[Cc]hú)\s*[:.]?\s+{_SURNAME}(?:{_SEPARATOR}{_GIVEN}){{1,4}}"
        rf"|(?P<middle>(?<![^\W_]){names.MIDDLE})"
        rf"|\b(?P<titled>(?:[Ôô]ng|[Bb]à|[Đđ]/[Cc]|[Đđ]ồng chí)[:.]?\s+(?!(?i:{_ROLE})\b)"
        rf"{_GIVEN}(?:{_SEPARATOR}{_GIVEN}){{0,4}})"
    ),
    "address": r"(?i:địa chỉ)\s*:\s*[^;\n]+|(?i:\bsố (?:nhà )?\d+[\w/]*,? (?:đường|ấp|khu phố|tổ)\s+[^;\n]+)",
}
"""By kind, in the order in which they are tried."""

_KINDS = list(PATTERNS)

_OFFICE = re.compile(
    r"(?i:phòng|sở|ban|ủy|uỷ|ubnd|hđnd|văn phòng|vp|trung|chi cục|cục|bộ|tổ|đội|công an|hội|đảng"
    rf"|{names.ORGANISATION})\b"
)
_MAY_HAVE_NAME = re.compile(
    rf":\s*[{_CAPITALS}]|[{_CAPITALS}][.']|\b(?:{'|'.join(names.PEOPLES.split())})\b|[{_CAPITALS}][^\W\d_]*{_SEPARATOR}[{_CAPITALS}][^\W\d_]*{_SEPARATOR}[{_CAPITALS}]"
)
_LOOKED_FOR = re.compile(
    rf"\d(?:{_APART}(?:\(0\))?\d){{8}}|@|(?i:[\[(]at[\])])|\?|://|\d\.\d{{1,3}}\.\d{{1,3}}\.\d|::|[0-9A-Fa-f]:[0-9A-Fa-f]"
    r"|eyJ|(?i:hộ chiếu|passport|bearer|token|key|secret|passw|mật khẩu|họ|sinh|địa chỉ|số|ông|bà|anh|chị|đ/c|đồng chí)"
    r"|(?i:v[ăa]n|th[ịi])"
)
"""Every match of a pattern contains a match of this one; most texts contain none."""

_DATE_WITHIN = re.compile(
    r"(?<!\d)\d{1,2}([-._])\d{1,2}\1(?:19|20)\d\d(?!\d)|(?<!\d)(?:19|20)\d\d([-._])\d{1,2}\2\d{1,2}(?!\d)"
)
_DAY = 3
"""How many signs before a number may be the day of a date that it ends."""

_POSSIBLE_IDENTITY = re.compile(r"0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8}")
_MOST_GROUPS = 5
"""Digits in more groups are several numbers."""

_AMOUNT_IN_GROUPS = re.compile(r"\D*[1-9]\d{0,2}(?:([. ])\d{3})(?:\1\d{3})+")
_STAMP = re.compile(r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d)?")
"""A moment as digits (yyyymmddHH or yyyymmddHHMM), which has as many as a number of a person."""


LONGEST_BEFORE = 200
"""How many letters before a name are looked at: all of them would take too long in a text of nothing but names."""

SHORTEST_AMOUNT = 10
"""A number of at least so many digits that ends with six zeros is an amount of money."""

_VIETNAMESE = re.compile(legacy.VIETNAMESE)
_LEGACY = {kind: re.compile(signs) for kind, signs in legacy.SIGNS.items()}
_CAMEL = re.compile(rf"(?<=[^\W\d_{_CAPITALS}])(?=[{_CAPITALS}])")
_JOINED = re.compile(r"[\d_\-+.()\[\],;:/\\]+")
_SIGNS = re.compile(r"[\d(),;:\[\]/\\]+|[_ ]-[_ ]")
_CODE = re.compile(PATTERNS["dossier_code"])


@cache
def _any() -> re.Pattern[str]:
    """Whatever has a kind of its own; compiled when a text is first looked at, which most commands never do."""
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items()))


@cache
def _names() -> re.Pattern[str]:
    """Names that only what is around them makes likely: one after a role, or three to five capitalised words."""
    return re.compile(
        rf"(?i:{_ROLE})[^:;.,\n]{{0,25}}:\s*(?P<after>(?:(?:[ÔôOo]ng|[Bb]à)\s+)?{_GIVEN}(?:{_SEPARATOR}{_GIVEN}){{0,4}})"
        rf"|(?<![^\W_])(?:{names.OTHER_PEOPLE}|{names.INITIAL})"
        rf"|(?<![^\W_]){names.MARKED}(?:{_SEPARATOR}{_GIVEN}){{2,4}}(?![^\W_]|{_SEPARATOR}[{_CAPITALS}])"
    )


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
    stripped, found = _stripped(normal, allowed, may_be_name=may_be_name)
    if not found and not normal.isascii():
        for meant in _meant(normal):
            found = _stripped(meant, allowed, may_be_name=may_be_name)[1]
            if found:
                return "", found
    return (stripped, found) if found else (text, found)


def _stripped(normal: str, allowed: frozenset[str], *, may_be_name: bool) -> tuple[str, Counter[str]]:
    """See `strip`, for a text in NFC whose letters are what they are."""
    copy = searchable(normal)
    found: Counter[str] = Counter()
    if may_be_name and names.is_name(copy.text):
        return "", Counter(name=1)

    def taken(match: re.Match[str]) -> str | None:
        kind = next(kind for kind in _KINDS if match[kind] is not None)
        if kind in allowed or _is_other(kind, match):
            return None
        found[kind] += 1
        return "" if kind == "query_string" else MARK

    def named(match: re.Match[str]) -> str | None:
        if _is_no_person(match):
            return None
        found["name"] += 1
        return MARK

    stripped = copy.replaced(_any(), taken) if _LOOKED_FOR.search(copy.text) else normal
    copy = searchable(stripped) if stripped != normal else copy
    if _MAY_HAVE_NAME.search(copy.text):
        stripped = copy.replaced(_names(), named)
    return stripped, found


def _meant(text: str) -> Iterator[str]:
    """What a text says if its letters are those of a legacy encoding, as far as they can be."""
    if _VIETNAMESE.search(text) is None:
        for kind, signs in _LEGACY.items():
            if signs.search(text):
                yield legacy.to_unicode(text, kind)


def in_label(text: str) -> Counter[str]:
    """What is personal in a name that somebody gave to a file, a sheet, a property; its words may be joined."""
    found = strip(text, may_be_name=True)[1]
    spaced = _CAMEL.sub(" ", searchable(unicodedata.normalize("NFC", text)).text)
    parts = [*_JOINED.split(spaced), *_SIGNS.split(spaced.replace("_", " ")), _JOINED.sub(" ", spaced)]
    for part in parts if not found["name"] else ():
        if names.is_name(part.strip(" -_")):
            return found + Counter(name=1)
    return found


def _before(match: re.Match[str]) -> str:
    """What is before a match, as far as it may say whose name it is."""
    return match.string[max(0, match.start() - LONGEST_BEFORE) : match.start()]


def _is_no_person(match: re.Match[str]) -> bool:
    """Whether what has the form of a name is a place, an office or a business."""
    after: str | None = match["after"]
    if after is not None:
        return _OFFICE.match(after) is not None
    return names.is_other(match[0]) or names.is_of_organisation_or_place(_before(match))


def _is_amount(text: str) -> bool:
    """Whether a number is so long and so round that it is an amount of money."""
    return len(text) >= SHORTEST_AMOUNT and text.endswith("000000") and not text.startswith("0")


def _has_date(match: re.Match[str]) -> bool:
    """Whether a number is, or ends, a date."""
    return _DATE_WITHIN.search(match.string, max(0, match.start() - _DAY), match.end()) is not None


def _is_no_identity(text: str) -> bool:
    """Whether digits in groups are several numbers, or one that no person can have."""
    groups = re.findall(r"\d+", text.removesuffix(".0"))
    return len(groups) > _MOST_GROUPS or _POSSIBLE_IDENTITY.fullmatch("".join(groups)) is None


def _is_other(kind: str, match: re.Match[str]) -> bool:
    """Whether a match is something else: a date, a version, a moment, a street."""
    text = match[0]
    match kind:
        case "phone":
            return _has_date(match)
        case "ip_address":
            return "." in text and all(len(part) == 1 for part in text.split("."))
        case "identity_number" if match["apart"] is not None and not text.isdigit():
            return _is_no_identity(text) or _has_date(match)
        case "identity_number" | "social_insurance":
            is_amount = _is_amount(text) or (kind == "social_insurance" and _AMOUNT_IN_GROUPS.fullmatch(text))
            return _STAMP.fullmatch(text) is not None or bool(is_amount) or _has_date(match)
        case "name" if match["middle"] is not None or match["titled"] is not None:
            is_other = names.is_no_one if match["titled"] is not None else names.is_other
            return is_other(text) or names.is_of_organisation_or_place(_before(match))
        case _:
            return False

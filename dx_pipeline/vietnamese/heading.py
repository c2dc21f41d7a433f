"""Headings that announce personal data, in Vietnamese or English, however they are written.

Marks, case and what joins the words do not matter: `Họ tên`, `HO_TEN` and `hoTen` are one heading. What may not be
stored: Law 91/2025/QH15; X-Road's fields: PR-OPMON.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.searchable import searchable

WITHIN: dict[str, tuple[str, ...]] = {
    "ip_address": ("dia chi ip", "ip address", "internal ip", "client ip", "server ip", "remote addr", "may chu ip"),
    "name": (
        "ho ten", "ho va ten", "ho dem", "ho chu dem", "ten nguoi", "ten cong dan", "ten chu ho", "ten cha", "ten me",
        "ten vo", "ten chong", "ten con", "chu ho", "nguoi nop", "nguoi yeu cau", "nguoi khai", "nguoi dai dien",
        "nguoi ky", "nguoi lap", "nguoi xu ly", "nguoi tiep nhan", "nguoi thu ly", "nguoi phe duyet", "nguoi lien he",
        "can bo xu ly", "can bo thu ly", "can bo tiep nhan", "can bo phu trach", "ten can bo", "chuyen vien xu ly",
        "cong dan nop", "full name", "first name", "last name", "middle name", "given name", "family name", "surname",
        "applicant name", "applicant", "citizen name", "owner name", "person name", "contact name", "contact person",
        "officer name", "official name", "handled by", "signed by", "user name", "username", "father name",
        "mother name", "spouse name",
    ),
    "birth_date": (
        "ngay sinh", "nam sinh", "thang sinh", "ngay thang nam sinh", "date of birth", "birth date", "birthdate",
        "birthday", "birth day", "birth year", "year of birth", "dob",
    ),
    "identity_number": (
        "cccd", "cmnd", "cmtnd", "cmt", "can cuoc", "chung minh nhan dan", "chung minh thu", "so dinh danh",
        "dinh danh ca nhan", "giay to tuy than", "so giay to", "ho chieu", "passport", "identity number",
        "identity card",
        "identity no", "id card", "id number", "id no", "national id", "citizen id", "personal id", "person id",
        "ma so thue ca nhan", "mst ca nhan", "ssn",
    ),
    "phone": (
        "so dien thoai", "dien thoai", "sdt", "so dt", "dtdd", "di dong", "phone", "mobile", "telephone", "tel", "fax",
        "zalo", "cell phone",
    ),
    "email": ("email", "e mail", "thu dien tu", "hop thu dien tu", "mail address"),
    "address": (
        "dia chi", "noi o", "noi cu tru", "noi thuong tru", "thuong tru", "tam tru", "que quan", "nguyen quan",
        "noi sinh",
        "cho o", "ho khau", "so nha", "address", "residence", "street", "place of birth", "home town", "hometown",
    ),
    "health_card": ("bhyt", "bao hiem y te", "health insurance", "health card", "insurance card"),
    "social_insurance": (
        "bhxh", "so bao hiem xa hoi", "ma bao hiem xa hoi", "social insurance number", "social insurance no",
        "social insurance code", "social insurance id",
    ),
    "free_text": ("ghi chu", "trich yeu", "y kien", "dien giai", "free text", "remarks", "loi nhan"),
    "link": ("duong dan", "dinh kem", "file dinh kem", "document link", "file url", "attachment url", "download url"),
    "token": (
        "access token", "auth token", "refresh token", "session token", "token", "password", "mat khau", "passwd",
        "api key", "secret key", "session id", "cookie", "authorization",
    ),
    "exchange_field": (
        "message user id", "message issue", "represented party", "fault string", "soap fault string",
        "security server internal ip",
    ),
}  # fmt: skip
"""By kind, the words that announce it anywhere in a heading."""

WHOLE: dict[str, tuple[str, ...]] = {
    "name": ("nguoi nhan", "lanh dao", "officer", "handler", "signer", "citizen", "owner", "cong dan"),
    "free_text": (
        "noi dung", "mo ta", "ly do", "tom tat", "nhan xet", "note", "notes", "remark", "comment", "comments",
        "abstract",
        "description", "summary",
    ),
    "link": ("link", "url", "lien ket", "attachment", "attachments", "tep tin"),
    "ip_address": ("ip", "ip addr"),
}  # fmt: skip
"""By kind, the headings that announce it only as a whole."""

COUNTS = re.compile(r"^(so luong|tong so|so nguoi|so luot|ty le|number of|count of)\b|\b(count|total|pct|rate)$")
"""Headings of figures about people, which are no personal data."""

ORGANISATIONS = re.compile(r"\bmember code$|^provider$")
"""Headings of organisations' codes: X-Road's member codes (PR-OPMON), and the identifiers they are part of."""

STEP = " / "
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DISTINCT = re.compile(
    "cccd|cmnd|cmtnd|bhyt|bhxh|hoten|hovaten|dienthoai|diachi|ngaysinh|namsinh|fullname|email|hochieu"
)
"""Words that announce personal data even within a heading without spaces."""

_SQUASHED = {phrase.replace(" ", ""): kind for kind, phrases in WITHIN.items() for phrase in phrases if " " in phrase}
_BY_WORD = {phrase.replace(" ", ""): kind for kind, phrases in WITHIN.items() for phrase in phrases}
_WITHIN = {
    kind: re.compile(r"\b(?:" + "|".join(sorted(phrases, key=len, reverse=True)) + r")\b")
    for kind, phrases in WITHIN.items()
}
_WHOLE = {phrase: kind for kind, phrases in WHOLE.items() for phrase in phrases}


def folded(heading: str) -> str:
    """The words of a heading without marks and capitals, with single spaces."""
    shown = searchable(unicodedata.normalize("NFC", heading)).text
    apart = unicodedata.normalize("NFD", shown.replace("đ", "d").replace("Đ", "D"))
    letters = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", _CAMEL.sub(" ", letters).lower()))


@lru_cache(maxsize=10_000)
def kind_of(heading: str) -> str | None:
    """The kind of personal data that a heading announces; None where it announces none.

    A heading in a legacy encoding is recognised, too.
    """
    spellings = dict.fromkeys([heading, *(legacy.to_unicode(heading, kind) for kind in legacy.NAMES)])
    if not heading.isascii() and max(heading) <= "\xff":  # bytes of an unknown encoding, read as Western letters
        spellings[heading.encode("latin-1").decode("cp1258", "replace")] = None
    return next((kind for spelling in spellings if (kind := _kind_of(spelling)) is not None), None)


@lru_cache(maxsize=10_000)
def is_of_organisations(heading: str) -> bool:
    """Whether a heading is one of organisations' codes: those of businesses are their tax codes."""
    return ORGANISATIONS.search(folded(heading)) is not None


def _kind_of(heading: str) -> str | None:
    words = folded(heading)
    last = folded(heading.rsplit(STEP, 1)[-1])
    if COUNTS.search(last) or COUNTS.search(words):
        return None
    for kind, pattern in _WITHIN.items():
        if pattern.search(words):
            return kind
    squashed = words.replace(" ", "")
    if distinct := _DISTINCT.search(squashed):
        return _BY_WORD[distinct[0]]
    return _WHOLE.get(last) or _SQUASHED.get(squashed)

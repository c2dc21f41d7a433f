"""What may stay of the values of X-Road's records that are kept: a sender can write anything into them.

Ids of messages are random or counted, so they have runs of digits that are nobody's number. Only what stands alone
within an id and has the form of a Vietnamese identity or telephone number is taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from urllib.parse import unquote

from dx_pipeline.declarations.xroad import ORDER
from dx_pipeline.formats.xroad_answer import GZIP, bare_path
from dx_pipeline.privacy.column import ORGANISATIONS
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import names, personal_data
from dx_pipeline.vietnamese.searchable import searchable

IDS = frozenset({"messageId", "xRequestId"})
FIGURES = frozenset(name for name in ORDER if name.endswith(("Ts", "Size", "Count")) or name == "statusCode")
"""Fields whose values are numbers. The figures of moments have as many digits as numbers of people."""

UUID = r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}"
"""A random part of an id: nothing of it is anybody's number."""

_UUID = re.compile(UUID)
_FIGURE = re.compile(r"-?[0-9]{1,19}")
_ALONE = re.compile(
    r"(?<![0-9A-Za-z.])(?:(?P<identity_number>0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8})"
    r"|(?P<phone>(?:0|\+84)[35789]\d{8})|(?P<health_card>[A-Z]{2}\d{13})"
    r"|(?P<dossier_code>(?:\d{3}\.\d\d\.\d\d\.)?[GH]\d\d(?:\.\d{1,3})*-\d{6}-\d{4,7}))(?![0-9A-Za-z])"
)
_IN_IDS = frozenset({"email", "link", "token", "query_string", "birth_date", "name", "address"})


@lru_cache(maxsize=100_000)
def kept(name: str, value: str) -> tuple[str | None, str | None]:
    """What may stay of a field's value, and the kind of what was taken out; None where nothing was."""
    if name in FIGURES and _FIGURE.fullmatch(value):
        return value, None
    if name == "restPath":
        return _path(value)
    if name in IDS:
        return _id(value)
    if headings.is_of_organisations(name):
        organisation = ORGANISATIONS.is_of_organisation(value)
        return (value, None) if organisation else _text(value)
    return _text(value)


def _text(value: str) -> tuple[str | None, str | None]:
    stripped, found = personal_data.strip(value, may_be_name=True)
    for part in re.split(r"[./_:-]", value) if not found else ():
        found = personal_data.strip(part)[1]
        if found:
            stripped = ""
            break
    return (stripped or None, next(iter(found))) if found else (value, None)


def _id(value: str) -> tuple[str | None, str | None]:
    rest = searchable(unicodedata.normalize("NFC", _UUID.sub("", value))).text
    if match := _ALONE.search(rest):
        return None, match.lastgroup
    allowed = frozenset(personal_data.PATTERNS) - _IN_IDS if value.isascii() and " " not in value else frozenset()
    found = personal_data.strip(rest, allowed=allowed)[1]
    return (None, next(iter(found))) if found else (value, None)


def _path(value: str) -> tuple[str | None, str | None]:
    bare = bare_path(value)
    segments = []
    kind = None
    if bare != value:
        kind = "query_string" if any(sign in value for sign in "?#;") else "identity_number"
    for segment in bare.split("/"):
        text = unquote(segment)
        found = personal_data.strip(text, may_be_name=True)[1] or Counter(name=int(names.is_slug(text)))
        found = +found
        segments.append("*" if found else segment)
        kind = next(iter(found)) if found and kind is None else kind
    return "/".join(segments), kind


def is_clean_around(content: bytes) -> bool:
    """Whether there is nothing personal in what an answer has around its packed records: headers, SOAP, their names."""
    first = content.find(GZIP)
    header = content[first : first + 2048].split(b"\x00") if content[first + 3 : first + 4] > b"\x00" else []
    around = content if first < 0 else content[:first]
    labels = [*re.split(rb"[<>\r\n\"']", around), *header]
    texts = {label.decode("utf-8", "replace").strip() for label in labels if b"://" not in label}
    return all(kept("messageId", text)[1] is None for text in texts)

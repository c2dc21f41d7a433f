"""Answers of X-Road's operational monitoring (PR-OPMON, chapter 2), and what may be kept of them.

An answer is a MIME message: a SOAP part, then a gzip part with JSON `{"records": [...]}`. A fault is a SOAP message,
plain or as the only part. Fields that could lead to a person are dropped here, also if a server sends them unasked:
no other module gets them.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from dx_pipeline.declarations.xroad import OLDER, ORDER, PERIOD, SINCE_1_0, SINCE_1_4
from dx_pipeline.formats import limits
from dx_pipeline.formats.json import as_text
from dx_pipeline.formats.multipart import AnswerError, AnswerProblem, Part, parts_of
from dx_pipeline.formats.raw import SYNTHETIC_KEY

Record = dict[str, str | int | bool]

MOST_BYTES = 512 * limits.MIB
GZIP = b"\x1f\x8b"
BARE_PARTS = 2
SOAP_NAMES = {
    "Envelope", "Header", "Body", "client", "service", "securityServer", "id", "requestHash", "protocolVersion",
    "xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serverCode", "serviceCode", "serviceVersion",
    "getSecurityServerOperationalDataResponse", "recordsCount", "records", "nextRecordsFrom",
}  # fmt: skip
"""What the SOAP part of an answer may have; who asked (`userId`, `representedParty`) is not among it."""

_MIME = re.compile(rb"\s*--[0-9A-Za-z'()+_,./:=?-]{1,70}[ \t]*\r?\n(?:[\w-]+:[^\n]*\n)+\r?\n")
_SOAP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?<(?:[\w.-]+:)?Envelope[\s>]")
_MEMBER = re.compile(rb'"(\w+)"\s*:')

REPEATED = "repeatedName"
"""The one field of a record that had a name twice: it is kept as a record, so that it is counted and quarantined."""

DIGITS = re.compile(r"\d{6,}")
"""So many digits within a path may be somebody's number."""


@dataclass(frozen=True)
class Answer:
    """The records of one page, in the order of `monitoringDataTs`, allowed fields only.

    `next_records_from` (unix seconds) is there where records remain or the end of the period was
    shifted back. `is_synthetic`: the answer says beside its records that they are made up.
    """

    records: tuple[Record, ...]
    next_records_from: int | None
    is_synthetic: bool = False


@dataclass(frozen=True)
class Packed:
    """An answer whose records have not been parsed.

    Args:
        text: the JSON document with the records, UTF-8 if the sender keeps to the protocol.
        announced: how many records its SOAP part announces; None where it has none.
        next_records_from: see `Answer`.
        is_bare: whether there is nothing around the records that an answer may not have.
    """

    text: bytes
    announced: int | None = None
    next_records_from: int | None = None
    is_bare: bool = True


@dataclass(frozen=True)
class Fault:
    """A SOAP fault. Its text stays in memory: it may quote what was sent."""

    code: str
    text: str


def parse(content: bytes, most_bytes: int = MOST_BYTES) -> Answer | Fault:
    """Read an answer as it came over the wire, or as it was recorded, without its HTTP headers.

    Raises:
        AnswerError: it is neither an answer nor a fault, or larger unpacked than `most_bytes`.
    """
    answer = _apart(content, most_bytes)
    if isinstance(answer, Fault):
        return answer
    page = document(answer.text)
    check_count(answer.announced, len(page["records"]))
    return Answer(_projected(page), answer.next_records_from, page.get(SYNTHETIC_KEY) is True)


def records(content: bytes) -> tuple[Record, ...]:
    """The records of a delivery: see `packed`."""
    return _projected(document(packed(content).text))


def is_answer(start: bytes) -> bool:
    """Whether a file is an answer, by its first (unpacked) bytes: a SOAP message, MIME or plain, or JSON of its fields.

    A plain SOAP message is a fault, whoever sends it: then the code says why there are no data.
    """
    if _MIME.match(start) or _SOAP.match(start):
        return True
    names = {name.decode() for name in _MEMBER.findall(start)}
    return start.lstrip()[:1] == b"{" and bool(names & {*PERIOD, "monitoringDataTs", "securityServerType"})


def packed(content: bytes) -> Packed:
    """The JSON text of a delivery: of a landed page (gzip), plain JSON, or a recorded MIME answer.

    Raises:
        AnswerError: it is none of these, or a fault, or larger unpacked than `MOST_BYTES`.
    """
    if content.startswith(GZIP):
        return Packed(unpacked(content, MOST_BYTES))
    if content.lstrip()[:1] == b"{":
        return Packed(content)
    answer = _apart(content, MOST_BYTES)
    if isinstance(answer, Fault):
        raise AnswerError(
            f"it is a fault ({answer.code}), not an answer; ask its operator what the code means.",
            f"đây là thông báo lỗi ({answer.code}), không phải trả lời; hãy hỏi đơn vị vận hành về nghĩa của mã lỗi.",
        )
    return answer


def _apart(content: bytes, most_bytes: int) -> Packed | Fault:
    """The parts of an answer: what its SOAP message says, and its unpacked records."""
    content = content.lstrip()
    parts = parts_of(content) if content.startswith(b"--") else [Part("text/xml", content)]
    root = xml(parts[0].content.strip())
    fault = _found(root, "Fault")
    if fault is not None:
        code = re.sub(r"[^A-Za-z0-9_.:-]", "_", _text(fault, "faultcode") or "unknown")[:120]
        return Fault(code, _text(fault, "faultstring") or "")
    count, onward = _text(root, "recordsCount"), _text(root, "nextRecordsFrom")
    if count is None or not count.isdecimal() or not (onward is None or onward.isdecimal()):
        raise AnswerError(
            "its SOAP message does not say how many records it has; ask its operator what changed.",
            "thông điệp SOAP không ghi có bao nhiêu bản ghi; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        )
    gzipped = next((part.content for part in parts[1:] if part.kind == "application/gzip"), None)
    if gzipped is None:
        raise AnswerError(
            "its gzip part is missing; ask for the whole answer.",
            "thiếu phần gzip; hãy đề nghị gửi đủ trả lời.",
            "truncated",
        )
    is_bare = len(parts) == BARE_PARTS and {_local_name(element) for element in root.iter()} <= SOAP_NAMES
    return Packed(unpacked(gzipped, most_bytes), int(count), int(onward) if onward else None, is_bare)


def landed_form(answer_records: tuple[Record, ...], first: int, last: int, *, is_synthetic: bool = False) -> bytes:
    """One page as it lands: gzip JSON, the same bytes for the same records of the same seconds.

    The period is part of it, so that two pages without a record are two deliveries.
    """
    mark = {SYNTHETIC_KEY: True} if is_synthetic else {}
    document = {"coveredFromTs": first, "coveredToTs": last, **mark, "records": list(answer_records)}
    return gzip.compress(as_text(document, is_compact=True).encode(), 6, mtime=0)


def projected(record: dict[str, Any]) -> Record:
    """What of a record may be kept, in the order of the protocol.

    Paths are kept without their query, and without segments that have a long number in them.
    """
    if record.get(REPEATED) is True:
        return {REPEATED: True}
    kept: Record = {}
    for name in ORDER:
        value = record.get(name)
        if not isinstance(value, str | int):
            continue  # absent, or of a type that the protocol does not know
        if name == "restPath":
            value = bare_path(str(value))
        kept[name] = value
    return kept


def without(fields: Sequence[str], unknown: str) -> tuple[str, ...]:
    """The fields to ask for, after a server said that it does not know one of them.

    What came with the same version of the protocol goes together, because servers name one at a time.
    """
    if unknown in SINCE_1_0:
        kept = [name for name in fields if name not in SINCE_1_4 and name != "serviceType"]
        return tuple(older for name in kept for older in OLDER.get(name, (name,)))
    gone = SINCE_1_4 if unknown in SINCE_1_4 else {unknown}
    return tuple(name for name in fields if name not in gone)


def unpacked(content: bytes, most_bytes: int) -> bytes:
    """Unpack gzip, up to a bound.

    Raises:
        AnswerError: it is no gzip, ends too early, or is larger.
    """
    most_bytes = min(most_bytes, max(limits.ANY_EXPANSION_BYTES, limits.MOST_EXPANSION * len(content)))
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(content, most_bytes + 1)
    except zlib.error as error:
        raise AnswerError(
            "its records are no gzip; ask its operator what changed.",
            "các bản ghi không phải gzip; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        ) from error
    if len(found) > most_bytes:
        raise AnswerError(
            f"its records are larger than {most_bytes} bytes; ask for fewer at once.",
            f"các bản ghi lớn hơn {most_bytes} byte; hãy đề nghị gửi ít hơn mỗi lần.",
            "too_large",
        )
    if not unpacker.eof:
        raise AnswerError(
            "its records end too early; ask for the whole answer.",
            "các bản ghi bị cắt giữa chừng; hãy đề nghị gửi đủ trả lời.",
            "truncated",
        )
    return found


def check_count(announced: int | None, found: int | None) -> None:
    """Raise AnswerError if an answer has more or fewer records than it announces; None is not known."""
    if announced is not None and found is not None and found != announced:
        kind: AnswerProblem = "truncated" if found < announced else "malformed"
        raise AnswerError(
            f"it announces {announced} records and has {found}; ask for the whole answer.",
            f"trả lời báo có {announced} bản ghi nhưng có {found}; hãy đề nghị gửi đủ trả lời.",
            kind,
        )


class _WithoutDoctype(ET.TreeBuilder):
    """SOAP 1.1 (section 3) knows no document type; without one there are no entities to expand."""

    def doctype(self, *_: object) -> None:
        raise AnswerError(
            "it has a document type, which no SOAP message has; ask its operator what changed.",
            "có khai báo DOCTYPE, điều không thông điệp SOAP nào có; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        )


def xml(content: bytes) -> ET.Element:
    """Parse XML that comes from elsewhere.

    Raises:
        AnswerError: it is not well-formed, or has a document type.
    """
    parser = ET.XMLParser(target=_WithoutDoctype())  # noqa: S314 - entities cannot be declared
    try:
        parser.feed(content)
        root = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        if isinstance(error, AnswerError):
            raise
        raise _no_xml() from error
    if not isinstance(root, ET.Element):
        raise _no_xml()
    return root


def _no_xml() -> AnswerError:
    return AnswerError(
        "it is not well-formed XML; ask its operator what changed.",
        "không phải XML hợp lệ; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
    )


def no_json() -> AnswerError:
    """The records of an answer are no JSON."""
    return AnswerError(
        "its records are not JSON; ask its operator what changed.",
        "các bản ghi không phải JSON; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
    )


def _found(root: ET.Element, name: str) -> ET.Element | None:
    """The first element of that local name; servers differ in their namespace prefixes."""
    return next((element for element in root.iter() if _local_name(element) == name), None)


def _local_name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(root: ET.Element, name: str) -> str | None:
    element = _found(root, name)
    return element.text.strip() if element is not None and element.text else None


def _projected(page: dict[str, Any]) -> tuple[Record, ...]:
    return tuple(map(projected, page["records"]))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its members, as `json` passes them; of one that has a name twice nothing is left but a mark."""
    named = dict(pairs)
    return named if len(named) == len(pairs) else {REPEATED: True}


def document(content: bytes) -> dict[str, Any]:
    """A JSON document whose `records` are objects; one of them that has a name twice is marked as `REPEATED`.

    Raises:
        AnswerError: it is another one, or none.
    """
    try:
        found = json.loads(content, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise no_json() from error
    if isinstance(found, dict) and found.get(REPEATED) is True:
        raise AnswerError(
            "it has a name twice around its records; ask its operator what changed.",
            "một tên có hai lần ở phần bao quanh các bản ghi; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        )
    records = found.get("records") if isinstance(found, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise AnswerError(
            "it has no array 'records' of objects; ask its operator what changed.",
            "không có mảng 'records' gồm các đối tượng; hãy hỏi đơn vị vận hành xem có gì thay đổi.",
        )
    return dict(found)


@lru_cache(maxsize=10_000)
def bare_path(path: str) -> str:
    """A path without its query, and with `*` for each segment that has a long number in it."""
    bare = re.split(r"[?#;]", path, maxsplit=1)[0]
    return "/".join("*" if DIGITS.search(segment) else segment for segment in bare.split("/"))

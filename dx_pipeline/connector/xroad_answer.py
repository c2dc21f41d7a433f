"""Answers of X-Road's operational monitoring (PR-OPMON, chapter 2), held against what may be kept.

An answer is a MIME message: a SOAP part, then a gzip part with JSON `{"records": [...]}`. A fault is
a SOAP message, plain or as the only part. Fields that could lead to a person are dropped here, also
where a server sends them unasked; so nothing behind this module ever sees them.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import CloseBoundaryNotFoundDefect
from email.message import EmailMessage
from functools import lru_cache
from typing import Any, Literal
from xml.etree import ElementTree as ET

Record = dict[str, str | int | bool]

MOST_BYTES = 512 * 1024 * 1024
GZIP = b"\x1f\x8b"
SYNTHETIC_KEY = "synthetic"
"""The name that says of a document that it is made up, as `reading.raw` has it; nothing of reading is needed here."""

CURRENT: tuple[str, ...] = (
    "monitoringDataTs",
    "securityServerType",
    "requestInTs",
    "requestOutTs",
    "responseInTs",
    "responseOutTs",
    "clientXRoadInstance",
    "clientMemberClass",
    "clientMemberCode",
    "clientSubsystemCode",
    "serviceXRoadInstance",
    "serviceMemberClass",
    "serviceMemberCode",
    "serviceSubsystemCode",
    "serviceCode",
    "serviceVersion",
    "serviceType",
    "restMethod",
    "restPath",
    "messageId",
    "xRequestId",
    "messageProtocolVersion",
    "requestSize",
    "responseSize",
    "requestMimeSize",
    "responseMimeSize",
    "requestAttachmentCount",
    "responseAttachmentCount",
    "succeeded",
    "faultCode",
    "statusCode",
    "xRoadVersion",
)
"""The fields that are asked for. Addresses of servers are not among them: they may be IP addresses."""

OLDER: dict[str, tuple[str, ...]] = {
    "requestSize": ("requestSoapSize", "requestRestSize"),
    "responseSize": ("responseSoapSize", "responseRestSize"),
    "faultCode": ("soapFaultCode",),
}
"""What servers before version 1.0 of the protocol call them; reading knows both."""

SINCE_1_0 = frozenset({*OLDER, "serviceType"})
SINCE_1_4 = frozenset({"restMethod", "restPath", "xRoadVersion"})
"""Fields that came with versions 1.4 to 1.6 of the protocol."""

ORDER = (*CURRENT, *(name for names in OLDER.values() for name in names))
"""Every field that may be kept, in the order in which it is."""

DIGITS = re.compile(r"\d{6,}")
"""So many digits within a path may be somebody's number."""


class AnswerError(ValueError):
    """It is no answer of operational monitoring: something else, a part of one, or too much of one."""

    def __init__(self, problem: str, kind: Literal["malformed", "truncated", "too_large"] = "malformed") -> None:
        super().__init__(problem)
        self.kind: Literal["malformed", "truncated", "too_large"] = kind


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
class Fault:
    """A SOAP fault. Its text stays in memory: it may quote what was sent."""

    code: str
    text: str


def parse(content: bytes, most_bytes: int = MOST_BYTES) -> Answer | Fault:
    """Read an answer as it came over the wire, or as it was recorded, without its HTTP headers.

    Raises:
        AnswerError: it is neither an answer nor a fault, or larger unpacked than `most_bytes`.
    """
    content = content.lstrip()
    if not content.startswith(b"--"):
        soap = _soap(content)
        if isinstance(soap, Fault):
            return soap
        raise AnswerError("it has no records beside its SOAP message; ask for the whole answer.", "truncated")
    parts = _parts(content)
    soap = _soap(_payload(parts[0]))
    if isinstance(soap, Fault):
        return soap
    count, next_records_from = soap
    packed = next((_payload(part) for part in parts[1:] if part.get_content_type() == "application/gzip"), None)
    if packed is None:
        raise AnswerError("its gzip part is missing; ask for the whole answer.", "truncated")
    document = _document(unpacked(packed, most_bytes))
    found = _records(document)
    if len(found) != count:
        raise AnswerError(
            f"it announces {count} records and holds {len(found)}.", "truncated" if len(found) < count else "malformed"
        )
    return Answer(found, next_records_from, document.get(SYNTHETIC_KEY) is True)


def records(content: bytes) -> tuple[Record, ...]:
    """The records of a delivery: a landed page (gzip JSON), plain JSON, or a recorded MIME answer.

    Raises:
        AnswerError: it is none of these, or a fault.
    """
    if content.startswith(GZIP):
        return _records(_document(unpacked(content, MOST_BYTES)))
    if content.lstrip()[:1] == b"{":
        return _records(_document(content))
    answer = parse(content)
    if isinstance(answer, Fault):
        raise AnswerError(f"it is a fault ({answer.code}), not an answer; look its code up.")
    return answer.records


def landed_form(answer_records: tuple[Record, ...], first: int, last: int, *, is_synthetic: bool = False) -> bytes:
    """One page as it lands: gzip JSON, the same bytes for the same records of the same seconds.

    The period is part of it, so that two pages without a record are two deliveries.
    """
    mark = {SYNTHETIC_KEY: True} if is_synthetic else {}
    document = {"coveredFromTs": first, "coveredToTs": last, **mark, "records": list(answer_records)}
    return gzip.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), 6, mtime=0)


def projected(record: dict[str, Any]) -> Record:
    """What of a record may be kept, in the order of the protocol.

    Paths are kept without their query, and without segments that hold a long number.
    """
    kept: Record = {}
    for name in ORDER:
        value = record.get(name)
        if not isinstance(value, str | int):
            continue  # absent, or of a type that the protocol does not know
        if name == "restPath":
            value = _path(str(value))
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
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(content, most_bytes + 1)
    except zlib.error as error:
        raise AnswerError("its records are no gzip; ask its operator what changed.") from error
    if len(found) > most_bytes:
        raise AnswerError(f"its records are larger than {most_bytes} bytes.", "too_large")
    if not unpacker.eof:
        raise AnswerError("its records end too early; ask for the whole answer.", "truncated")
    return found


def _parts(content: bytes) -> list[EmailMessage]:
    boundary = re.match(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})[ \t]*\r?\n", content)
    if boundary is None:
        raise AnswerError("its first line is no MIME boundary.")
    head = b'Content-Type: multipart/related; boundary="' + boundary[1] + b'"\r\n\r\n'
    message = message_from_bytes(head + content, policy=policy.HTTP)
    if any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in message.defects):
        raise AnswerError("its last MIME boundary is missing; ask for the whole answer.", "truncated")
    parts = [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
    if not parts:
        raise AnswerError("it has no MIME part.")
    return parts


def _payload(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise AnswerError("one of its MIME parts holds others.")
    return content


class _WithoutDoctype(ET.TreeBuilder):
    """SOAP 1.1 (section 3) knows no document type; without one there are no entities to expand."""

    def doctype(self, *_: object) -> None:
        raise AnswerError("it has a document type, which no SOAP message has.")


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
        raise AnswerError("it is not well-formed XML; ask its operator what changed.") from error
    if not isinstance(root, ET.Element):
        raise AnswerError("it is no XML document.")
    return root


def _soap(content: bytes) -> Fault | tuple[int, int | None]:
    """The fault, or how many records were announced and where the next page begins."""
    root = xml(content.strip())
    fault = _found(root, "Fault")
    if fault is not None:
        code = re.sub(r"[^A-Za-z0-9_.:-]", "_", _text(fault, "faultcode") or "unknown")[:120]
        return Fault(code, _text(fault, "faultstring") or "")
    count, onward = _text(root, "recordsCount"), _text(root, "nextRecordsFrom")
    if count is None or not count.isdecimal() or not (onward is None or onward.isdecimal()):
        raise AnswerError("its SOAP message does not say how many records it has.")
    return int(count), int(onward) if onward else None


def _found(root: ET.Element, name: str) -> ET.Element | None:
    """The first element of that local name; servers differ in their namespace prefixes."""
    return next((element for element in root.iter() if str(element.tag).rpartition("}")[2] == name), None)


def _text(root: ET.Element, name: str) -> str | None:
    element = _found(root, name)
    return element.text.strip() if element is not None and element.text else None


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AnswerError("its records are not JSON; ask its operator what changed.") from error
    return document if isinstance(document, dict) else {}


def _records(document: dict[str, Any]) -> tuple[Record, ...]:
    found = document.get("records")
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise AnswerError("it has no array 'records' of objects; ask its operator what changed.")
    return tuple(projected(record) for record in found)


@lru_cache(maxsize=10_000)
def _path(path: str) -> str:
    bare = re.split(r"[?#;]", path, maxsplit=1)[0]
    return "/".join("*" if DIGITS.search(segment) else segment for segment in bare.split("/"))

"""An X-Road security server's operational monitoring, for trying the collector out.

Written from the protocol (PR-OPMON, PR-MREST, PR-META), not from anybody's server. It pages by
seconds, forgets after some days, complains about fields that its generation does not know, and can
be made careless: then it sends what it was not asked for.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

from dx_pipeline.connectors.xroad_request import MONITORING, SERVICE, SOAP, XROAD
from dx_pipeline.declarations.xroad import CURRENT, OLDER
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.sample.serving import Asked, Reply

FORBIDDEN = (
    "messageUserId",
    "messageIssue",
    "representedPartyClass",
    "representedPartyCode",
    "faultString",
    "securityServerInternalIp",
)
ADDRESSES = ("clientSecurityServerAddress", "serviceSecurityServerAddress")
OLDER_FORBIDDEN = (
    "messageUserId",
    "messageIssue",
    "representedPartyClass",
    "representedPartyCode",
    "soapFaultString",
    "securityServerInternalIp",
)
NEWER_ONLY = frozenset({"restMethod", "restPath", "xRoadVersion", "statusCode", "serviceType"})
PARTS = ("XRoadInstance", "MemberClass", "MemberCode", "SubsystemCode")
CLIENT, PROVIDER = ("VN", "GOV", "H53", "LGSP"), ("VN", "GOV", "G22", "DMDC")
"""Who calls and who is called, where it is the sample that calls."""

PART = "operational-monitoring-data.json.gz"

Record = dict[str, Any]


class Monitoring:
    """What one security server has recorded, as its `getSecurityServerOperationalData` answers.

    Args:
        records: each with its `monitoringDataTs`, by the field names of the current generation.
        page: how many records an answer holds, plus the rest of the same second.
        is_older: whether it speaks the older generation of field names.
        is_careless: whether it sends every field, whatever was asked for.
        retention_seconds: how long it keeps its records.
        is_synthetic: whether it says beside its records that they are made up.
        clock: unix seconds by its own clock.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        page: int = 10_000,
        is_older: bool = False,
        is_careless: bool = False,
        is_synthetic: bool = False,
        offset_seconds: int = 60,
        retention_seconds: int = 7 * 86_400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.records = sorted(records, key=lambda record: int(record["monitoringDataTs"]))
        self.page = page
        self.is_older = is_older
        self.is_careless = is_careless
        self.mark = {SYNTHETIC_KEY: True} if is_synthetic else {}
        self.offset_seconds = offset_seconds
        self.retention_seconds = retention_seconds
        self.clock = clock

    def __call__(self, asked: Asked) -> Reply:
        """Answer one request."""
        root = ET.fromstring(asked.body)  # noqa: S314 - a service for trials, on loopback
        first, last = (int(_text(root, name)) for name in ("recordsFrom", "recordsTo"))
        fields = [element.text or "" for element in root.iter(f"{{{MONITORING}}}outputField")]
        available_before = int(self.clock()) - self.offset_seconds
        known = self._known()
        unknown = next((name for name in fields if name not in known), None)
        if root.find(f".//{{{MONITORING}}}{SERVICE}") is None:
            return fault("Server.ServerProxy.UnknownService", "Unknown service")
        if last < first:
            return fault("Client.InvalidRequest", "Records to timestamp is earlier than records from timestamp")
        if first >= available_before:
            return fault("Client.InvalidRequest", f"Records not available from {first} yet")
        if unknown is not None:
            return fault("Client.InvalidRequest", f"Unknown output field in search criteria: {unknown}")
        return self._answer(first, last, available_before, set(known if self.is_careless or not fields else fields))

    def _answer(self, first: int, last: int, available_before: int, fields: set[str]) -> Reply:
        onward = None
        if last >= available_before:
            last, onward = available_before - 1, available_before
        forgotten = int(self.clock()) - self.retention_seconds
        found = [record for record in self.records if max(first, forgotten) <= record["monitoringDataTs"] <= last]
        if len(found) > self.page:
            end = found[self.page - 1]["monitoringDataTs"]
            rest = [record for record in found if record["monitoringDataTs"] <= end]
            if len(rest) < len(found):
                found, onward = rest, end + 1
        sent = [{name: value for name, value in self._spoken(record).items() if name in fields} for record in found]
        return multipart(
            _response(len(sent), onward), gzip.compress(json.dumps({**self.mark, "records": sent}).encode())
        )

    def _known(self) -> tuple[str, ...]:
        if not self.is_older:
            return (*CURRENT, *ADDRESSES, *FORBIDDEN)
        renamed = tuple(older for name in CURRENT for older in OLDER.get(name, (name,)))
        return tuple(name for name in (*renamed, *ADDRESSES, *OLDER_FORBIDDEN) if name not in NEWER_ONLY)

    def _spoken(self, record: Record) -> Record:
        """A record by the names of this server's generation."""
        if not self.is_older:
            return record
        names = {"faultString": "soapFaultString"} | {name: older[0] for name, older in OLDER.items()}
        return {names.get(name, name): value for name, value in record.items()}


def fault(code: str, text: str, status: int = 500) -> Reply:
    """A SOAP fault, as plain XML."""
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    element = ET.SubElement(ET.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    ET.SubElement(element, "faultcode").text = code
    ET.SubElement(element, "faultstring").text = text
    return Reply(ET.tostring(envelope, encoding="UTF-8", xml_declaration=True), "text/xml", status)


def multipart(soap: bytes, packed: bytes | None, boundary: str | None = None) -> Reply:
    """A SOAP message and its attachment; without one, a MIME message of one part."""
    boundary = boundary or f"xroad{uuid.uuid4().hex}"
    lines = [b"--" + boundary.encode(), b"content-type:text/xml", b"", soap]
    if packed is not None:
        lines += [b"--" + boundary.encode(), b"content-type:application/gzip", b"content-transfer-encoding: binary"]
        lines += [f"content-id: <{PART}>".encode(), b"", packed]
    lines += [b"--" + boundary.encode() + b"--", b""]
    kind = f'multipart/related; type="text/xml"; charset=UTF-8; boundary={boundary}'
    return Reply(b"\r\n".join(lines), kind)


def answer(packed: bytes, count: int, onward: int | None = None) -> bytes:
    """A recorded answer of so many records, packed: the same bytes for the same records."""
    boundary = f"xroad{sha256(packed).hexdigest()[:32]}"
    return multipart(_response(count, onward), packed, boundary).content


def services(
    listed: Mapping[str, Sequence[str]],
    allowed: Mapping[str, Sequence[str]],
    *,
    as_xml: bool = False,
    is_synthetic: bool = False,
) -> Callable[[Asked], Reply]:
    """The metadata services: which subsystems there are, and which services each of them has.

    `listed` are the service codes of each subsystem (instance/class/member/subsystem), `allowed`
    those of them that the caller may use. `is_synthetic`: the JSON says that they are made up.
    """
    mark = {SYNTHETIC_KEY: True} if is_synthetic else {}

    def answer(asked: Asked) -> Reply:
        if asked.path == "/listClients":
            found = [_identifier(subsystem, None) for subsystem in listed]
            document: dict[str, Any] = {"member": [{"id": item, "name": "Sở Tư pháp"} for item in found]}
        else:
            *parts, listing = asked.path.removeprefix("/r1/").split("/")
            subsystem = "/".join(parts)
            codes = (listed if listing == "listMethods" else allowed).get(subsystem, ())
            found = [_identifier(subsystem, code) for code in codes]
            document = {"service": [{**item, "service_type": "REST", "endpoint_list": []} for item in found]}
        if as_xml:
            return Reply(_listing(found), "text/xml")
        return Reply(json.dumps({**mark, **document}).encode())

    return answer


def _identifier(subsystem: str, code: str | None) -> dict[str, str]:
    names = ("xroad_instance", "member_class", "member_code", "subsystem_code")
    found = {"object_type": "SERVICE" if code else "SUBSYSTEM", **dict(zip(names, subsystem.split("/"), strict=True))}
    return {**found, "service_code": code} if code else found


def _listing(found: Sequence[Mapping[str, str]]) -> bytes:
    identifiers = "http://x-road.eu/xsd/identifiers"
    names = {"xroad_instance": "xRoadInstance", "member_class": "memberClass", "member_code": "memberCode"}
    names |= {"subsystem_code": "subsystemCode", "service_code": "serviceCode"}
    root = ET.Element(f"{{{XROAD}}}list")
    for item in found:
        element = ET.SubElement(root, f"{{{XROAD}}}id", {f"{{{identifiers}}}objectType": item["object_type"]})
        for name, tag in names.items():
            if name in item:
                ET.SubElement(element, f"{{{identifiers}}}{tag}").text = item[name]
    return ET.tostring(root)


def _response(count: int, onward: int | None) -> bytes:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    body = ET.SubElement(envelope, f"{{{SOAP}}}Body")
    response = ET.SubElement(body, f"{{{MONITORING}}}{SERVICE}Response")
    ET.SubElement(response, f"{{{MONITORING}}}recordsCount").text = str(count)
    ET.SubElement(response, f"{{{MONITORING}}}records").text = f"cid:{PART}"
    if onward is not None:
        ET.SubElement(response, f"{{{MONITORING}}}nextRecordsFrom").text = str(onward)
    return bytes(ET.tostring(envelope, encoding="UTF-8", xml_declaration=True))


def _text(root: ET.Element, name: str) -> str:
    return root.findtext(f".//{{{MONITORING}}}{name}") or "-1"

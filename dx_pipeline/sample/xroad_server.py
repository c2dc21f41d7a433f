"""X-Road server: the operational monitoring of a security server, for trying the connector.

It follows the protocol (PR-OPMON, PR-MREST, PR-META): it pages by seconds, keeps its records for some
days, and refuses fields that its generation does not have. On request it sends fields that nobody
asked for.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree as ET

from dx_pipeline.connectors.xroad_request import IDENTIFIERS, MEMBER, MONITORING, SERVICE, SOAP, XROAD
from dx_pipeline.declarations.xroad import CURRENT, OLDER
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.sample.http_server import Record, Reply, Request

FORBIDDEN = (
    "messageUserId",
    "messageIssue",
    "representedPartyClass",
    "representedPartyCode",
    "faultString",
    "securityServerInternalIp",
)
ADDRESSES = ("clientSecurityServerAddress", "serviceSecurityServerAddress")
NEWER_ONLY = frozenset({"restMethod", "restPath", "xRoadVersion", "statusCode", "serviceType"})
OLDER_NAMES = {"faultString": ("soapFaultString",), **OLDER}
PARTS = ("XRoadInstance", "MemberClass", "MemberCode", "SubsystemCode")
CLIENT = dict(zip(PARTS, ("VN", "GOV", "H53", "LGSP"), strict=True))
PROVIDER = dict(zip(PARTS, ("VN", "GOV", "G22", "DMDC"), strict=True))
"""The two subsystems of the sample's exchanges."""

PART = "operational-monitoring-data.json.gz"


@dataclass
class Monitoring:
    """The records of a security server, as `getSecurityServerOperationalData` returns them.

    Args:
        records: each with its `monitoringDataTs`, by the field names of the current generation.
        page: how many records an answer has, plus the rest of the same second.
        is_older: whether it uses the field names of the older generation.
        is_careless: whether it sends every field, whatever is requested.
        offset_seconds: for how long new records are not yet available.
        clock: unix seconds by its own clock.
    """

    records: list[Record]
    page: int = 10_000
    is_older: bool = False
    is_careless: bool = False
    is_synthetic: bool = False
    offset_seconds: int = 60
    retention_seconds: int = 7 * 86_400
    clock: Callable[[], float] = time.time

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        root = ET.fromstring(request.body)  # noqa: S314 - only for trials, on loopback
        first, last = (int(root.findtext(f".//{{{MONITORING}}}{name}") or -1) for name in ("recordsFrom", "recordsTo"))
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
        next_from = None
        if last >= available_before:
            last, next_from = available_before - 1, available_before
        first = max(first, int(self.clock()) - self.retention_seconds)
        ordered = sorted(self.records, key=lambda record: int(record["monitoringDataTs"]))
        found = [record for record in ordered if first <= record["monitoringDataTs"] <= last]
        if len(found) > self.page:
            end = found[self.page - 1]["monitoringDataTs"]
            rest = [record for record in found if record["monitoringDataTs"] <= end]
            if len(rest) < len(found):
                found, next_from = rest, end + 1
        named = [{self._name(name): value for name, value in record.items()} for record in found]
        sent = [{name: value for name, value in record.items() if name in fields} for record in named]
        document = json.dumps({**_mark(is_synthetic=self.is_synthetic), "records": sent}).encode()
        return multipart(_response(len(sent), next_from), gzip.compress(document))

    def _known(self) -> set[str]:
        """The fields of this server's generation."""
        names = {*CURRENT, *ADDRESSES, *FORBIDDEN}
        if not self.is_older:
            return names
        return {each for name in names - NEWER_ONLY for each in OLDER_NAMES.get(name, (name,))}

    def _name(self, name: str) -> str:
        """A field's name in this server's generation."""
        return OLDER_NAMES.get(name, (name,))[0] if self.is_older else name


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


def answer(packed: bytes, count: int, next_from: int | None = None) -> bytes:
    """A recorded answer with packed records: the same bytes for the same records."""
    boundary = f"xroad{sha256(packed).hexdigest()[:32]}"
    return multipart(_response(count, next_from), packed, boundary).content


def _response(count: int, next_from: int | None) -> bytes:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    body = ET.SubElement(envelope, f"{{{SOAP}}}Body")
    response = ET.SubElement(body, f"{{{MONITORING}}}{SERVICE}Response")
    ET.SubElement(response, f"{{{MONITORING}}}recordsCount").text = str(count)
    ET.SubElement(response, f"{{{MONITORING}}}records").text = f"cid:{PART}"
    if next_from is not None:
        ET.SubElement(response, f"{{{MONITORING}}}nextRecordsFrom").text = str(next_from)
    return bytes(ET.tostring(envelope, encoding="UTF-8", xml_declaration=True))


def services(
    listed: Mapping[str, Sequence[str]],
    allowed: Mapping[str, Sequence[str]],
    *,
    as_xml: bool = False,
    is_synthetic: bool = False,
) -> Callable[[Request], Reply]:
    """The metadata services: the list of subsystems, and of the services of each.

    `listed` has the service codes of each subsystem (instance/class/member/subsystem), `allowed` those
    that the caller may use. `is_synthetic` marks the JSON as synthetic.
    """

    def reply(request: Request) -> Reply:
        if request.path == "/listClients":
            found = [subsystem.split("/") for subsystem in listed]
            document: dict[str, Any] = {"member": [{"id": _as_json(each), "name": "Sở Tư pháp"} for each in found]}
        else:
            subsystem, _, listing = request.path.removeprefix("/r1/").rpartition("/")
            codes = (listed if listing == "listMethods" else allowed).get(subsystem, ())
            found = [[*subsystem.split("/"), code] for code in codes]
            more = {"service_type": "REST", "endpoint_list": []}
            document = {"service": [{**_as_json(each), **more} for each in found]}
        if as_xml:
            return Reply(_as_xml(found), "text/xml")
        return Reply(json.dumps({**_mark(is_synthetic=is_synthetic), **document}).encode())

    return reply


def _mark(*, is_synthetic: bool) -> dict[str, bool]:
    return {SYNTHETIC_KEY: True} if is_synthetic else {}


def _as_json(identifier: Sequence[str]) -> dict[str, str]:
    """The identifier of a subsystem (four parts) or service (five) in JSON."""
    names = ("xroad_instance", "member_class", "member_code", "subsystem_code", "service_code")
    kind = "SERVICE" if len(identifier) == len(names) else "SUBSYSTEM"
    return {"object_type": kind, **dict(zip(names, identifier, strict=False))}


def _as_xml(identifiers: Sequence[Sequence[str]]) -> bytes:
    """A list of identifiers in XML."""
    names = (*MEMBER, "subsystemCode", "serviceCode")
    root = ET.Element(f"{{{XROAD}}}list")
    for identifier in identifiers:
        kind = {f"{{{IDENTIFIERS}}}objectType": "SERVICE" if len(identifier) == len(names) else "SUBSYSTEM"}
        element = ET.SubElement(root, f"{{{XROAD}}}id", kind)
        for name, part in zip(names, identifier, strict=False):
            ET.SubElement(element, f"{{{IDENTIFIERS}}}{name}").text = part
    return ET.tostring(root)

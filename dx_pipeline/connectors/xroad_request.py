"""Requests to an X-Road security server: SOAP for operational monitoring, REST for its services.

Sources: PR-OPMON chapter 2 and annex C.1, PR-MESS (headers), PR-TARGETSS (`securityServer`), PR-REST.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree as ET

from dx_pipeline.connectors.spans import Span
from dx_pipeline.declarations.connector import XRoad

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
MONITORING = "http://x-road.eu/xsd/op-monitoring.xsd"
SERVICE = "getSecurityServerOperationalData"
HEADERS = {"content-type": "text/xml; charset=UTF-8", "soapaction": '""', "accept": "multipart/related, text/xml"}

MEMBER = ("xRoadInstance", "memberClass", "memberCode")
WITH_SUBSYSTEM = 4

for _prefix, _namespace in (("SOAP-ENV", SOAP), ("xroad", XROAD), ("id", IDENTIFIERS), ("om", MONITORING)):
    ET.register_namespace(_prefix, _namespace)


def operational_data(declared: XRoad, seconds: Span, fields: Sequence[str]) -> bytes:
    """The request for the records of some seconds, with these fields."""
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    header = ET.SubElement(envelope, f"{{{SOAP}}}Header")
    _identifier(header, f"{{{XROAD}}}client", declared.client, "subsystemCode")
    service = _identifier(header, f"{{{XROAD}}}service", declared.server.rpartition("/")[0], "", kind="SERVICE")
    ET.SubElement(service, f"{{{IDENTIFIERS}}}serviceCode").text = SERVICE
    _identifier(header, f"{{{XROAD}}}securityServer", declared.server, "serverCode", kind="SERVER")
    ET.SubElement(header, f"{{{XROAD}}}id").text = str(uuid.uuid4())
    ET.SubElement(header, f"{{{XROAD}}}protocolVersion").text = "4.0"
    body = ET.SubElement(envelope, f"{{{SOAP}}}Body")
    asked = ET.SubElement(body, f"{{{MONITORING}}}{SERVICE}")
    criteria = ET.SubElement(asked, f"{{{MONITORING}}}searchCriteria")
    ET.SubElement(criteria, f"{{{MONITORING}}}recordsFrom").text = str(seconds.first)
    ET.SubElement(criteria, f"{{{MONITORING}}}recordsTo").text = str(seconds.last)
    if declared.about is not None:
        _identifier(criteria, f"{{{MONITORING}}}client", declared.about, "subsystemCode")
    output = ET.SubElement(asked, f"{{{MONITORING}}}outputSpec")
    for field in fields:
        ET.SubElement(output, f"{{{MONITORING}}}outputField").text = field
    return bytes(ET.tostring(envelope, encoding="UTF-8", xml_declaration=True))


def service_path(provider: str, service: str) -> str:
    """Where a metadata service of a provider is asked for (PR-REST: every part is percent-encoded)."""
    return "/".join(["/r1", *(quote(part, safe="") for part in provider.split("/")), service])


def _identifier(parent: ET.Element, tag: str, identifier: str, fourth: str, *, kind: str | None = None) -> ET.Element:
    parts = identifier.split("/")
    names = (*MEMBER, fourth)[: len(parts)]
    kind = kind or ("SUBSYSTEM" if len(parts) == WITH_SUBSYSTEM else "MEMBER")
    element = ET.SubElement(parent, tag, {f"{{{IDENTIFIERS}}}objectType": kind})
    for name, part in zip(names, parts, strict=True):
        ET.SubElement(element, f"{{{IDENTIFIERS}}}{name}").text = part
    return element

"""The register of a security server: which services there are, and which of them we may call.

Source: PR-MREST (`listMethods`, `allowedMethods`) and PR-META (`listClients`); JSON or XML by Accept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from dx_pipeline.connectors import http_client, xroad_request
from dx_pipeline.connectors.retry import FetchError, FetchTask, Page, arrived, fetch_page
from dx_pipeline.connectors.xroad_request import IDENTIFIERS, WITH_SUBSYSTEM
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.formats.multipart import AnswerError
from dx_pipeline.formats.raw import SYNTHETIC_KEY
from dx_pipeline.formats.xroad_answer import xml

NAME = "register"

PARTS = {
    "xroad_instance": "xRoadInstance",
    "member_class": "memberClass",
    "member_code": "memberCode",
    "subsystem_code": "subsystemCode",
    "service_code": "serviceCode",
    "service_version": "serviceVersion",
    "service_type": "serviceType",
}
"""The parts of an identifier as JSON and as XML call them. Names of members are left out."""

Identifier = dict[str, str]


def page(task: FetchTask, declared: XRoad, server: httpx.Client) -> Page:
    """The register: one delivery, made of several answers."""
    return fetch_page(task, lambda: _register(task, declared, server))


def identifiers(content: bytes, kind: str) -> list[Identifier]:
    """The identifiers of a kind (`SUBSYSTEM`, `SERVICE`) in an answer, whether JSON or XML.

    Raises:
        FetchError: it is neither.
    """
    try:
        return list(
            _in_xml(content, kind) if content.lstrip().startswith(b"<") else _in_json(json.loads(content), kind)
        )
    except (AnswerError, ValueError, RecursionError) as error:
        raise FetchError("malformed", received_bytes=len(content)) from error


def _register(task: FetchTask, declared: XRoad, server: httpx.Client) -> Page:
    asked = _Asked(task, declared, server)
    records = []
    for provider in asked.providers():
        allowed = {_operation(service) for service in asked.services(provider, "allowedMethods")}
        for service in asked.services(provider, "listMethods"):
            operation = _operation(service)
            records.append(
                {
                    "provider": provider,
                    "operation": operation,
                    "service_type": service.get("service_type", ""),
                    "is_allowed": operation in allowed,
                }
            )
    records.sort(key=lambda record: (record["provider"], record["operation"]))
    if not records:
        return Page("empty", asked.received_bytes, 0)
    mark = {SYNTHETIC_KEY: True} if asked.is_synthetic else {}
    content = json.dumps({**mark, "records": records}, ensure_ascii=False, indent=1).encode()
    name, size = f"{NAME}_{task.month}.json", asked.received_bytes
    return arrived(task, [content], name, {}, datetime.now(UTC), received_bytes=size, record_count=len(records))


@dataclass
class _Asked:
    """The metadata services of one server. `is_synthetic`: any of the answers is marked as synthetic."""

    task: FetchTask
    declared: XRoad
    server: httpx.Client
    received_bytes: int = 0
    is_synthetic: bool = False

    def providers(self) -> list[str]:
        """The subsystems that are declared, and those of the members that are."""
        found = {item for item in self.declared.register_of if item.count("/") == WITH_SUBSYSTEM - 1}
        members = set(self.declared.register_of) - found
        if members:
            for item in identifiers(self._answer("/listClients"), "SUBSYSTEM"):
                provider = "/".join(item.get(part, "") for part in list(PARTS)[:WITH_SUBSYSTEM])
                if provider.rpartition("/")[0] in members:
                    found.add(provider)
        return sorted(found)

    def services(self, provider: str, listing: str) -> list[Identifier]:
        return identifiers(self._answer(xroad_request.service_path(provider, listing)), "SERVICE")

    def _answer(self, path: str) -> bytes:
        headers = {"accept": "application/json", "x-road-client": self.declared.client}
        request = self.server.build_request("GET", path, headers=headers)
        answer = http_client.send(self.server, request, self.task.bounds)
        http_client.check(answer)
        self.received_bytes += len(answer.content)
        self.is_synthetic = self.is_synthetic or _is_marked(answer.content)
        return answer.content


def _is_marked(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get(SYNTHETIC_KEY) is True


def _operation(service: Identifier) -> str:
    version = service.get("service_version")
    return f"{service['service_code']}.{version}" if version else service["service_code"]


def _in_json(document: Any, kind: str) -> Iterator[Identifier]:  # noqa: ANN401 - JSON
    if isinstance(document, list):
        for item in document:
            yield from _in_json(item, kind)
    elif isinstance(document, dict):
        if document.get("object_type") == kind:
            yield {name: value for name in PARTS if isinstance(value := document.get(name), str)}
        else:
            for item in document.values():
                yield from _in_json(item, kind)


def _in_xml(content: bytes, kind: str) -> Iterator[Identifier]:
    names = {there: here for here, there in PARTS.items()}
    for element in xml(content).iter():
        if element.get(f"{{{IDENTIFIERS}}}objectType") == kind:
            children = {str(child.tag).rpartition("}")[2]: (child.text or "").strip() for child in element}
            yield {names[name]: value for name, value in children.items() if name in names}

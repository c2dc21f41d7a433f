"""Operations: what each national system offers the province, and how much it is used (`operations.yaml`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from dx_pipeline.declarations.document import Document

LEGAL_BASIS = "Nghị định 47/2020/NĐ-CP"


@dataclass(frozen=True)
class Operation:
    """One operation of a system: `calls` a month at scale 1, and the duration and sizes of a usual call."""

    name: str
    direction: str
    has_personal_payload: bool
    calls: int
    median_ms: float
    failed_share: float
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True)
class Connection:
    """How the province is connected to a system, for all of its operations alike."""

    consumer: str
    platform: str
    protocol: str
    go_live_on: date
    agreed_availability_pct: float
    operations: tuple[Operation, ...]


CONNECTIONS = TypeAdapter(dict[str, Connection]).validate_python(
    Document(Path(__file__).with_name("operations.yaml")).value
)
"""The connection of each system. The sample delivers nothing of any other system."""

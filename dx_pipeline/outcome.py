"""Outcomes: what became of every attempt to fetch, good or not. One line each, never rewritten.

    landing/.outcome/<source>/<YYYY-MM>.ndjson

One file a source and month, appended to and synced line by line: an attempt takes one write and one
sync, a month's attempts are one small file whatever their number, and a line that a crash tore is
recognised and left out. What came by the inbox is no attempt of ours: its outcome is derived from
what has landed, and so is that of a page that landed just before a crash.

No personal data, no addresses, no query strings and no tokens are in an outcome: only closed words,
numbers, and the codes by which the other side names an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dx_pipeline import landing
from dx_pipeline.landing import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.source import Source

FOLDER = ".outcome"
"""No source can be called so: the name of a source has no dot in it."""

Status = Literal["ok", "unchanged", "empty", "failed"]

ErrorClass = Literal[
    "timeout",
    "connection_refused",
    "connection_lost",
    "dns",
    "tls",
    "http_4xx",
    "http_429",
    "http_5xx",
    "soap_fault",
    "malformed",
    "truncated",
    "too_large",
    "database",
    "storage",
    "not_configured",
]

UNREACHABLE: frozenset[ErrorClass] = frozenset(
    {"timeout", "connection_refused", "connection_lost", "dns", "tls", "http_429", "http_5xx", "not_configured"}
)
"""With these the other side as a whole is out of reach: nothing more is asked of it in the same night."""

ADVICE: dict[ErrorClass, str] = {
    "timeout": "did not answer in time; the next run goes on from what has landed",
    "connection_refused": "refused the connection; ask its operator whether it is up",
    "connection_lost": "broke the connection off; the next run goes on from what has landed",
    "dns": "has a name that cannot be resolved; check the address in its defs.yaml",
    "tls": "could not be trusted or did not trust us; check the certificates",
    "http_4xx": "refused the request; check path, parameters and the token",
    "http_429": "asked to be left alone for longer than we wait; run again later",
    "http_5xx": "failed on its own side; the next run goes on from what has landed",
    "soap_fault": "answered with a fault; look its code up with the operator of the security server",
    "malformed": "answered with something else than was agreed; ask its operator what changed",
    "truncated": "sent less than it announced; the next run asks again",
    "too_large": "sent more than is allowed; raise the bound in its defs.yaml if that is right",
    "database": "refused the query; check the relation and the rights of the account",
    "storage": "could not be read from its address; check the address and the access rights",
    "not_configured": "cannot be asked; set the environment variable or correct the address in its defs.yaml",
}


class Outcome(BaseModel):
    """One attempt to fetch one page, file or set of rows.

    Args:
        stream: which of the source's requests it was; None for the inbox.
        duration_ms: None where it was no attempt of ours.
        received_bytes: what arrived, also where it was then thrown away.
        record_count: None where it was not known.
        status: `unchanged`: the same had landed before; `empty`: an answer without a record.
        error_code: the other side's own code: an HTTP status, a SOAP fault code, an SQLSTATE.
        delivery_id: what landed, or had landed before.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    month: str
    connector: str
    stream: str | None = None
    started_at: AwareDatetime
    duration_ms: int | None = None
    attempt: int = 1
    status: Status
    received_bytes: int
    record_count: int | None = None
    error_class: ErrorClass | None = None
    error_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.:-]{1,120}$")
    delivery_id: str | None = None

    @property
    def problem(self) -> str | None:
        """What went wrong and what to do, in one sentence; None where nothing did."""
        if self.error_class is None:
            return None
        code = f" ({self.error_code})" if self.error_code else ""
        stream = f" ({self.stream})" if self.stream else ""
        return f"{self.source}{stream} {ADVICE[self.error_class]}: {self.error_class}{code}, attempt {self.attempt}."


def append(settings: Settings, outcome: Outcome) -> None:
    """Write an outcome down, durably."""
    path = path_of(settings, outcome.source, Month.parse(outcome.month))
    path.parent.mkdir(parents=True, exist_ok=True)
    line = outcome.model_dump_json(exclude_none=True).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a crash tore the last line: it ends here
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(settings: Settings, source: str, month: Month) -> Path:
    """Where the attempts of a source and month are written down."""
    return settings.landing / FOLDER / source / f"{month}.ndjson"


def read(settings: Settings, source: str, month: Month) -> tuple[Outcome, ...]:
    """Every outcome of a source and month, in the order in which the attempts began."""
    written = tuple(_written(path_of(settings, source, month)))
    told = {outcome.delivery_id for outcome in written}
    derived = (
        _derived(delivery, month)
        for delivery in landing.landed(settings, source, month)
        if delivery.entry.covers is None or delivery.entry.delivery_id not in told
    )
    return tuple(sorted((*written, *derived), key=lambda item: (item.started_at, item.attempt, item.stream or "")))


def months(settings: Settings, source: str) -> tuple[Month, ...]:
    """The months for which there is any outcome of a source."""
    attempted = {Month.parse(path.stem) for path in (settings.landing / FOLDER / source).glob("*.ndjson")}
    return tuple(sorted({*attempted, *landing.months_landed(settings, source)}))


def problem(settings: Settings, source: str, month: Month) -> str | None:
    """Why a source's latest attempt of a month failed, in one sentence; None where none did.

    Each of a source's streams is looked at by itself: one that failed is not forgotten because
    another one has answered since.
    """
    latest = {outcome.stream: outcome for outcome in read(settings, source, month)}
    return next((outcome.problem for _, outcome in sorted(latest.items(), key=str) if outcome.problem), None)


def rows(settings: Settings, sources: Mapping[str, Source]) -> Iterator[dict[str, Any]]:
    """The rows of `connection.outcome`, over all sources and months, in a repeatable order."""
    for source, declared in sorted(sources.items()):
        is_system = any(table.startswith("connection.") for table in declared.tables)
        for month in months(settings, source):
            for sequence, outcome in enumerate(read(settings, source, month), start=1):
                yield {
                    "source": source,
                    "system": source if is_system else None,
                    "month": outcome.month,
                    "sequence": sequence,
                    **outcome.model_dump(exclude={"source", "month"}),
                }


def _written(path: Path) -> Iterator[Outcome]:
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue  # torn by a crash: nothing is known of that attempt but that it was made
        yield Outcome.model_validate(values)


def _derived(delivery: Delivery, month: Month) -> Outcome:
    entry = delivery.entry
    return Outcome(
        source=entry.source,
        month=str(month),
        connector=entry.connector,
        stream=(entry.covers or {}).get("stream"),
        started_at=entry.delivered_at,
        duration_ms=None,
        status="ok",
        received_bytes=entry.size_bytes,
        delivery_id=entry.delivery_id,
    )

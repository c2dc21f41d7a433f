"""Traffic: calls by operation and hour, derived from the exchanges that X-Road's servers record.

An exchange leaves up to two records, a client half and a producer half, on two servers that are
asked apart. So the month's traffic is never added to: it is computed anew, from all halves there
are, whenever one of the partitions it rests on has changed. That no half counts twice, whichever
comes first, follows from that and from the grouping by exchange.

**Which exchange.** Halves with the same xRequestId; a half without one (servers of the older
generation) belongs to the exchange of the same messageId.

**When.** The hour of the client half's requestInTs, else of the producer half's. A half is recorded
within seconds of its exchange, but perhaps after midnight, so the neighbouring months are looked at.

**What became of it.** As the client half saw it, else as the producer half did. A failure is told by
the fault code (X-Road Operational Monitoring Protocol, `faultCode`, and the error codes of the
Message Protocol):

- `…NetworkError`, `…IOError`, `…Timeout`: on the way (`failed_network_count`);
- `Client.…` (what the caller sent) and `Server.ClientProxy.…` (the security server on the calling
  side): `failed_client_count`;
- `Server.ServerProxy.…` (the security server on the providing side) and faults of the service
  itself: `failed_server_count`; a service's own `…:Client` and `…:Sender` (SOAP 1.1 and 1.2) are the
  caller's;
- without a fault code, the HTTP status of a REST service: 4xx the caller's, 5xx the provider's;
- without either: on the way, where only one side recorded it or the provider had answered; else
  the provider's.

**How long.** responseOutTs − requestInTs of the client half, else of the producer half.

A row names the first of the deliveries that its exchanges came with, and the first line in it.
"""

from __future__ import annotations

from datetime import datetime, time
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dx_pipeline import audit, partition
from dx_pipeline import suite as suites
from dx_pipeline.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.contract import Contract, create_table
from dx_pipeline.database import TIME_ZONE, connect
from dx_pipeline.errors import ConservationError
from dx_pipeline.partition import Key
from dx_pipeline.period import Month
from dx_pipeline.reading.rows import STAGED
from dx_pipeline.record import Attempt, Record
from dx_pipeline.settings import Settings

TABLE = "connection.traffic"
BASIS = DERIVED_FROM[TABLE]
REACH = (-1, 0, 1)
"""The months that a month's traffic rests on, counted from it."""

QUERY = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def due(settings: Settings, catalogue: Catalogue, system: str, month: Month) -> bool:
    """Whether a month's derived traffic is not what its exchanges say.

    A month of which no exchanges have been published has none: a few halves that were recorded in a
    neighbouring month would make it look like a silent one.
    """
    if partition.rows(settings, Key(BASIS, system, month)) is None:
        return False
    before = partition.record(settings, Key(TABLE, system, month))
    return before is None or before.fingerprint != _fingerprint(settings, catalogue, _basis(settings, system, month))


def derive(settings: Settings, catalogue: Catalogue, system: str, month: Month) -> Attempt:
    """Compute the traffic of one system and month anew, and publish it if its suite holds.

    Raises:
        ConservationError: an exchange was lost or counted twice.
    """
    basis = _basis(settings, system, month)
    key, contract = Key(TABLE, system, month), catalogue.contracts[TABLE]
    fingerprint = _fingerprint(settings, catalogue, basis)
    with connect(settings) as connection:
        partition.attach(connection, BASIS, catalogue.contracts[BASIS].stored, list(basis.values()))
        count, is_synthetic = stage(connection, contract, system, month)
        audited = audit.audit(connection, STAGED, suites.complete(TABLE, contract, catalogue.suites[TABLE]))
        if audit.holds(audited):
            partition.publish(settings, connection, key, contract, STAGED, fingerprint)
    record = Record(
        table=TABLE,
        source=system,
        month=str(month),
        fingerprint=fingerprint,
        published=audit.holds(audited),
        synthetic=is_synthetic,
        rows=count,
        derived_from=tuple(str(near) for near in basis),
        audit=audited,
    )
    partition.keep(settings, record)
    return Attempt(record, changed=True)


def _basis(settings: Settings, system: str, month: Month) -> dict[Key, Path]:
    """The published exchanges that a month's traffic rests on, in the order of their months."""
    keys = (Key(BASIS, system, month.plus(step)) for step in REACH)
    return {key: path for key in keys if (path := partition.rows(settings, key)) is not None}


def _fingerprint(settings: Settings, catalogue: Catalogue, basis: dict[Key, Path]) -> str:
    """A digest of everything that a month's derived traffic rests on."""
    declared = catalogue.digest(f"contract:{TABLE}", f"suite:{TABLE}", f"contract:{BASIS}")
    parts = [settings.code_version, QUERY, declared]
    parts += [f"{key} {partition.fingerprint_of(path)}" for key, path in basis.items()]
    return sha256("\n".join(parts).encode()).hexdigest()


def stage(connection: duckdb.DuckDBPyConnection, contract: Contract, system: str, month: Month) -> tuple[int, bool]:
    """Make `staged` from the exchanges in the connection (`connection.exchange`).

    Returns:
        How many rows it has, and whether any of them is synthetic.

    Raises:
        ConservationError: an exchange was lost or counted twice.
    """
    first_ms, after_ms = (_milliseconds(of) for of in (month, month.plus(1)))
    connection.execute(create_table(STAGED, contract.stored))
    connection.execute(
        f"INSERT INTO {STAGED} BY NAME {QUERY}",
        {"system": system, "first_ms": first_ms, "after_ms": after_ms, "month": month.first},
    )
    broken = " OR ".join(f"NOT ({rule.sql})" for rule in contract.rules)
    ((count, is_synthetic, lost),) = connection.execute(
        f"SELECT count(*), coalesce(bool_or(synthetic), false), count(*) FILTER ({broken}) FROM {STAGED}"
    ).fetchall()
    if lost:
        message = (
            f"{TABLE} {system} {month}: {lost} rows do not add up; this is a bug of the pipeline, please report it."
        )
        raise ConservationError(message)
    return count, is_synthetic


def _milliseconds(month: Month) -> int:
    """When a month begins by the province's clock, in ms since 1970 (UTC)."""
    return int(datetime.combine(month.first, time(), ZoneInfo(TIME_ZONE)).timestamp()) * 1000

"""Traffic: calls by operation and hour, derived from the exchanges that X-Road's servers record.

An exchange leaves up to two records, a client half and a producer half, on two servers that are fetched
separately. A month's traffic is never added to: it is computed anew from all halves whenever one of its
partitions has changed. So no half counts twice, whichever comes first.

**Which exchange.** Halves with the same xRequestId; a half without one (older servers) belongs to the
exchange of the same messageId.

**When.** The hour of the client half's requestInTs, else of the producer half's. A half is recorded
within seconds of its exchange, but perhaps after midnight, so the neighbouring months are read too.

**Result.** As the client half has it, else as the producer half does. A failure is classified by the
fault code (X-Road Operational Monitoring Protocol, `faultCode`; Message Protocol, error codes):

- `…NetworkError`, `…IOError`, `…Timeout`: network (`failed_network_count`);
- `Client.…` (what the caller sent) and `Server.ClientProxy.…` (the calling side's security server):
  `failed_client_count`;
- `Server.ServerProxy.…` (the providing side's security server) and faults of the service itself:
  `failed_server_count`; a service's own `…:Client` and `…:Sender` (SOAP 1.1 and 1.2) are the caller's;
- without a fault code, the HTTP status of a REST service: 4xx the caller's, 5xx the provider's;
- without either: network, if only one side recorded it or the provider had answered; else the provider's.

**How long.** responseOutTs − requestInTs of the client half, else of the producer half.

A row names the first of the deliveries that its exchanges came with, and the first line in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dx_pipeline import profile
from dx_pipeline.declarations.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.errors import ConservationError
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import parquet
from dx_pipeline.storage.database import STAGED, connect
from dx_pipeline.tables import closing, partition, publication
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.publication import Staged, Unaudited
from dx_pipeline.tables.run import RunResult

TABLE = "connection.traffic"
BASIS = DERIVED_FROM[TABLE]
REACH = (-1, 0, 1)
"""The months, counted from a month, whose exchanges its traffic is computed from."""

QUERY = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")


def due(settings: Settings, catalogue: Catalogue, system: str, month: Month) -> bool:
    """Whether the traffic of a month has to be computed anew.

    A month without published exchanges has no traffic: a few halves recorded in a neighbouring month
    would make it look like a silent one.
    """
    if partition.rows(settings, Key(BASIS, system, month)) is None:
        return False
    current = _fingerprint(settings, catalogue, _basis(settings, system, month))
    return publication.unchanged(settings, Key(TABLE, system, month), current) is None


def derive(settings: Settings, catalogue: Catalogue, system: str, months: Sequence[Month]) -> list[RunResult]:
    """Compute the traffic of one system in some months, and publish each month whose audit passes.

    Raises:
        ConservationError: an exchange was lost or counted twice.
    """
    with ExitStack() as opened:
        computed = [
            _compute(settings, catalogue, opened.enter_context(connect(settings)), system, month) for month in months
        ]
        return publication.publish_each(settings, catalogue, computed)


def _compute(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, system: str, month: Month
) -> Unaudited:
    """Stage the traffic of one system and month: rows by hour and operation, which are few."""
    basis = _basis(settings, system, month)
    contract = catalogue.contracts[TABLE]
    partition.attach(connection, BASIS, catalogue.contracts[BASIS].stored, list(basis.values()))
    with profile.stage("derive", TABLE, month):
        rows, synthetic = stage(connection, contract, system, month, settings.time_zone)
    staged = Staged(
        Key(TABLE, system, month),
        rows,
        synthetic,
        derived_from=tuple(str(near) for near in basis),
        revision=closing.revisions(settings, Key(BASIS, system, month)),
    )
    return Unaudited(connection, staged, _fingerprint(settings, catalogue, basis))


def _basis(settings: Settings, system: str, month: Month) -> dict[Key, Path]:
    """The published exchanges that a month's traffic is computed from, in the order of their months."""
    keys = (Key(BASIS, system, month.plus(step)) for step in REACH)
    return {key: path for key in keys if (path := partition.rows(settings, key)) is not None}


def _fingerprint(settings: Settings, catalogue: Catalogue, basis: dict[Key, Path]) -> str:
    inputs = [catalogue.digest(f"contract:{BASIS}")]
    inputs += [f"{key} {parquet.identity(path)}" for key, path in basis.items()]
    return publication.fingerprint(settings, catalogue, TABLE, inputs)


def stage(
    connection: duckdb.DuckDBPyConnection, contract: Contract, system: str, month: Month, time_zone: str
) -> tuple[int, bool]:
    """Make `staged` from the exchanges in the connection (`connection.exchange`).

    Returns:
        How many rows it has, and whether any of them is synthetic.

    Raises:
        ConservationError: an exchange was lost or counted twice.
    """
    first_ms, after_ms = (_milliseconds(of, time_zone) for of in (month, month.plus(1)))
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
        raise ConservationError(
            f"{TABLE} {system} {month}: {lost} rows do not add up; this is a bug of the pipeline, please report it."
        )
    return count, is_synthetic


def _milliseconds(month: Month, time_zone: str) -> int:
    """When a month begins in a time zone, in ms since 1970 (UTC)."""
    return int(datetime.combine(month.first, time(), ZoneInfo(time_zone)).timestamp()) * 1000

"""Publication: the one path from staged rows to a published partition, for every kind of table.

    stage -> audit -> publish -> record

The staged rows are audited in the connection that has them. Only if every critical expectation is met do
they replace the published rows; either way the run is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb

from dx_pipeline import audit, profile
from dx_pipeline.audit.expectations import complete
from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.audit.together import audit_each
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.suite import Suite
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import STAGED
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import AnyKey, Key
from dx_pipeline.tables.run import PartitionRun, Refusal, RunInputs, RunResult

LOG = logging.getLogger(__name__)

SMALL = 50_000
"""So many rows may wait for other partitions of their table: an audit of fewer costs about as much as one of none."""


@dataclass(frozen=True)
class Staged:
    """The rows of one partition in the connection's table `staged`, and what is known of them.

    Args:
        is_complete: false where nothing could be read: then nothing is published, and the run says why.
        failure: why nothing could be computed, if that is so: then nothing is published.
        inputs: what they were made from, unless they are computed from other partitions.
        entries: the digests of the entries of its deliveries, by their ids.
        file_names: the names of their files, by their ids.
        file: a file with the rows, written as they are published, where `staged` is a view of one.
    """

    key: AnyKey
    rows: int
    synthetic: bool
    is_complete: bool = True
    counts: tuple[Counts, ...] = ()
    refused: tuple[Refusal, ...] = ()
    held_back: tuple[Counts, ...] = ()
    superseded: tuple[str, ...] = ()
    proposed: tuple[Counts, ...] = ()
    revision: int = 0
    derived_from: tuple[str, ...] = ()
    failure: Bilingual | None = None
    inputs: RunInputs | None = None
    entries: Mapping[str, str] = field(default_factory=dict)
    file_names: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None

    @property
    def can_be_published(self) -> bool:
        """Whether there are rows to be audited."""
        return self.is_complete and self.failure is None


def fingerprint(settings: Settings, catalogue: Catalogue, table: str, inputs: Iterable[str]) -> str:
    """A digest of everything that a partition of a table is made from: code, contract, suite, and the inputs."""
    return sha256("\n".join([settings.code_version, catalogue.table_digest([table]), *inputs]).encode()).hexdigest()


@dataclass(frozen=True)
class Unaudited:
    """The rows of one partition in the table `staged` of a connection, and the fingerprint of their inputs."""

    connection: duckdb.DuckDBPyConnection
    staged: Staged
    current: str

    @property
    def is_small(self) -> bool:
        """Whether it costs nothing to keep them until others of their table are there."""
        return self.staged.rows <= SMALL


def unchanged(settings: Settings, key: AnyKey, current: str) -> RunResult | None:
    """The latest run of a partition, if it had the same inputs and its rows are there; None if it has to run.

    Rows that are not those that were published are set aside, so that the run makes them again.
    """
    before = partition.run(settings, key)
    has_damage = partition.set_aside_damaged(settings, key)
    if before is None or before.fingerprint != current or has_damage:
        return None
    is_lost = before.published and partition.rows(settings, key) is None
    is_broken = any(result.status == "broken" for result in before.audit)  # as where there was too little memory
    return None if is_lost or is_broken else RunResult(before, changed=False)


def audited(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, table: str) -> tuple[ExpectationResult, ...]:
    """The results of auditing the staged rows of a table."""
    return audit.audit(connection, STAGED, _suite(catalogue, table))


def _suite(catalogue: Catalogue, table: str) -> Suite:
    return complete(table, catalogue.contracts[table], catalogue.suites.get(table))


def _named(results: Iterable[ExpectationResult], staged: Staged) -> tuple[ExpectationResult, ...]:
    """The results with the names of files in place of the ids of deliveries."""
    named = staged.file_names
    return tuple(
        result.model_copy(update={"lines": tuple((named.get(id_, id_), line) for id_, line in result.lines)})
        for result in results
    )


def publish_each(settings: Settings, catalogue: Catalogue, unaudited: Sequence[Unaudited]) -> list[RunResult]:
    """Audit the staged rows of some partitions of one table, and publish each whose audit passes; see `publish`."""
    publishable = [each for each in unaudited if each.staged.can_be_published]
    results: dict[AnyKey, tuple[ExpectationResult, ...]] = {}
    if len(publishable) > 1:
        (table,) = {each.staged.key.table for each in publishable}
        connections = [each.connection for each in publishable]
        for connection in connections:
            partition.attach_references(settings, connection, catalogue, catalogue.contracts[table])
        with profile.stage("audit", table):
            found = audit_each(connections, STAGED, _suite(catalogue, table))
        results = {each.staged.key: result for each, result in zip(publishable, found, strict=True)}
    return [
        publish(settings, catalogue, each.connection, each.staged, each.current, results.get(each.staged.key))
        for each in unaudited
    ]


def publish(
    settings: Settings,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    current: str,
    results: tuple[ExpectationResult, ...] | None = None,
) -> RunResult:
    """Audit the staged rows, publish them if the audit passes, and record the run.

    Args:
        settings: the warehouse.
        catalogue: the contract and the suite of the table.
        connection: has the rows in the table `staged`.
        staged: what is known of them.
        current: the fingerprint of their inputs.
        results: of their audit, where it has been made already.
    """
    key = staged.key
    contract = catalogue.contracts[key.table]
    month = key.month if isinstance(key, Key) else None
    found: tuple[ExpectationResult, ...] = ()
    if staged.can_be_published and results is None:
        partition.attach_references(settings, connection, catalogue, contract)
        with profile.stage("audit", key.table, month):
            results = audited(catalogue, connection, key.table)
    if staged.can_be_published and results is not None:
        found = _named(results, staged)
    is_published = staged.can_be_published and audit.passes(found)
    if is_published:
        with profile.stage("publish", key.table, month):
            if staged.file is not None:
                place = partition.place_of_rows(settings, key.table, key.name)
                parquet.put_in_place(settings, staged.file, place, staged.rows)
            else:
                partition.replace(settings, connection, key, contract, STAGED)
    before = partition.run(settings, key)
    rows = partition.rows(settings, key)
    run = PartitionRun(
        table=key.table,
        partition=key.name,
        source=key.source if isinstance(key, Key) else None,
        month=str(month) if month else None,
        kpi_code=None if isinstance(key, Key) else key.code,
        fingerprint=current,
        published=is_published,
        synthetic=staged.synthetic,
        rows=staged.rows,
        counts=staged.counts,
        refused=staged.refused,
        held_back=staged.held_back,
        superseded=staged.superseded,
        proposed=staged.proposed,
        revision=staged.revision,
        derived_from=staged.derived_from,
        inputs=staged.inputs,
        inputs_of_rows=staged.inputs if is_published else before.inputs_of_rows if before is not None else None,
        entries=dict(staged.entries),
        failure=staged.failure.en if staged.failure is not None else None,
        failure_vi=staged.failure.vi if staged.failure is not None else None,
        sha256=files.known_digest(rows) if rows is not None else None,
        audit=found,
    )
    partition.record(settings, key, run)
    return RunResult(run, changed=True)

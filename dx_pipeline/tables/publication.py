"""Publication: the one path from staged rows to a published partition, for every kind of table.

    stage -> audit -> publish -> record

The staged rows are audited in the connection that has them. Only if every critical expectation is met do
they replace the published rows; either way the run is recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb

from dx_pipeline import audit, profile
from dx_pipeline.audit.expectations import complete
from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import STAGED
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import AnyKey, Key
from dx_pipeline.tables.run import PartitionRun, Refusal, RunInputs, RunResult

LOG = logging.getLogger(__name__)


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


def fingerprint(settings: Settings, catalogue: Catalogue, table: str, inputs: Iterable[str]) -> str:
    """A digest of everything that a partition of a table is made from: code, contract, suite, and the inputs."""
    return sha256("\n".join([settings.code_version, catalogue.table_digest([table]), *inputs]).encode()).hexdigest()


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
    return audit.audit(connection, STAGED, complete(table, catalogue.contracts[table], catalogue.suites.get(table)))


def _named(results: Iterable[ExpectationResult], staged: Staged) -> tuple[ExpectationResult, ...]:
    """The results with the names of files in place of the ids of deliveries."""
    named = staged.file_names
    return tuple(
        result.model_copy(update={"lines": tuple((named.get(id_, id_), line) for id_, line in result.lines)})
        for result in results
    )


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
        results: of an audit of these rows among others, where all was met.
    """
    key = staged.key
    contract = catalogue.contracts[key.table]
    month = key.month if isinstance(key, Key) else None
    found: tuple[ExpectationResult, ...] = ()
    can_be_published = staged.is_complete and staged.failure is None
    if can_be_published:
        partition.attach_references(settings, connection, catalogue, contract)
        with profile.stage("audit", key.table, month):
            found = _named(audited(catalogue, connection, key.table), staged) if results is None else results
    is_published = can_be_published and audit.passes(found)
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

"""Building a release: one snapshot of the warehouse becomes a database, KPI tables and their description."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline import profile, progress
from dx_pipeline.declarations import definition
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.contract import Contract, arrow_schema
from dx_pipeline.declarations.definition import DEFINITION
from dx_pipeline.declarations.sql import comments, create_table, literal, qualified, quoted, sql_file
from dx_pipeline.declarations.view import UNITS
from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi import change
from dx_pipeline.kpi.evaluation import CONSERVATION
from dx_pipeline.kpi.figure import protected
from dx_pipeline.kpi.reference import units
from dx_pipeline.kpi.revision import REVISED, revised
from dx_pipeline.kpi.score import SCORE, fill_score
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.release import datapackage, manifest, named, signature
from dx_pipeline.release.balance import fill_balance
from dx_pipeline.release.expectation import fill_expectations
from dx_pipeline.release.inputs import ReleaseInputs, id_of
from dx_pipeline.release.ledger_tables import fill_ledger
from dx_pipeline.release.part import INTERNAL, PARTS, PUBLIC, Part
from dx_pipeline.release.predecessor import VALUES, Predecessor, is_made_of
from dx_pipeline.release.store import current_id, prune, put_in_place, record, sweep, switch
from dx_pipeline.release.verification import damage, problems, verify
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import connect, fill, insert
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import history, partition, public_ledger
from dx_pipeline.tables.ledger import Ledger
from dx_pipeline.tables.partition import AnyKey, Key

LOG = logging.getLogger(__name__)

ON_LATEST_UNITS = "kpi.on_latest_units"


@dataclass(frozen=True)
class Published:
    """The current release.

    Args:
        ledger: the snapshot of the ledger that it was built from.
        changed: false where the same release was current before.
    """

    release_id: str
    path: Path
    ledger: Ledger
    changed: bool


@dataclass(frozen=True)
class Snapshot:
    """Everything that a release is built from, read once.

    Args:
        ledger: what was delivered and run.
        rows: the published rows of every partition of a declared table, and of every KPI.
        inputs: the digests of all that is delivered and declared.
        built_from: what the rows of sources were made from; it is among the inputs as one digest.
        predecessor: the release that the values are compared with.
    """

    ledger: Ledger
    rows: Mapping[AnyKey, Path]
    inputs: dict[str, Any]
    built_from: ReleaseInputs
    predecessor: Predecessor

    @classmethod
    def read(cls, settings: Settings, catalogue: Catalogue) -> Snapshot:
        """The snapshot of a warehouse.

        Raises:
            ReleaseError: the rows of a partition are not those that were published.
        """
        ledger = Ledger.read(settings, catalogue)
        keys = [*ledger.keys, *(Key(CONSERVATION, name, None) for name in catalogue.views)]
        rows = {key: path for key in keys if (path := partition.rows(settings, key)) is not None}
        for key in rows:
            if (damaged := partition.damage(settings, key)) is not None:
                raise ReleaseError(str(damaged), damaged.vi)
        rows |= {Key(REVISED, proposal, None): path for proposal, path in revised(settings).items()}
        built_from = ReleaseInputs.read(settings, ledger)
        inputs = {
            "code_version": settings.code_version,
            "declarations": catalogue.digest(*catalogue.digests),
            "definitions": change.definitions(catalogue),
            "partitions": {f"{key.table}/{key.name}": parquet.digest(path) for key, path in rows.items()},
            "ledger": ledger.digest,
            "built_from": built_from.digest,
        }
        return cls(ledger, rows, inputs, built_from, Predecessor.of(settings, inputs))

    @property
    def release_id(self) -> str:
        """The id of the release that is built from it."""
        return id_of(self.inputs, self.predecessor.as_json())

    def of_table(self, table: str) -> list[Path]:
        """The rows of a table, in the order of their partitions' names."""
        return [path for _, path in sorted((key.name, path) for key, path in self.rows.items() if key.table == table)]


def publish(settings: Settings, catalogue: Catalogue) -> Published:
    """Build the release of everything that is published now, verify it, and switch to it.

    Raises:
        ReleaseError: rows are damaged, or the built release does not verify; the release that was current stays so.
    """
    progress.announce("release")
    with profile.stage("release", "release"), writing(settings):
        sweep(settings)
        for stray in (*deliveries.strays(settings), *partition.strays(settings, catalogue.contracts)):
            files.set_stray_aside(settings, stray)
        snapshot = Snapshot.read(settings, catalogue)
        current = current_id(settings)
        if current is not None:
            path = settings.releases / current
            damaged = damage(path, catalogue)
            for problem in damaged[:1]:
                LOG.warning("release %s is damaged, and another is made: %s", current, problem.en)
            if not damaged and is_made_of(settings, current, snapshot.inputs):  # its content was verified when made
                switch(settings, current)  # the link `internal` may be damaged
                return Published(current, path, snapshot.ledger, changed=False)
        release_id = snapshot.release_id
        target = settings.releases / release_id
        if not target.is_dir() or problems(target, catalogue):
            private = settings.releases / f".{uuid.uuid4().hex}"
            private.mkdir(parents=True)
            try:
                build(settings, catalogue, snapshot, private)
                verify(private, catalogue, is_private=True)
                put_in_place(settings, private, target)
            finally:
                shutil.rmtree(private, ignore_errors=True)
        record(settings, "published", release_id, snapshot.predecessor.release_id)
        switch(settings, release_id)
        prune(settings)
        return Published(release_id, target, snapshot.ledger, changed=True)


def build(settings: Settings, catalogue: Catalogue, snapshot: Snapshot, release: Path) -> None:
    """Write both parts of the release of a snapshot into an empty folder."""
    changes = None
    for part in PARTS:
        folder = part.make(release)
        with connect(replace(settings, threads=1)) as connection:  # the same rows give the same bytes
            _create(connection, catalogue, part, folder)
            tables = {name: item for name, item in catalogue.of_audience(part.name).items() if name != KPI_TABLE}
            for name, contract in sorted(tables.items(), key=lambda item: item[1].balance is not None):
                _fill(catalogue, connection, name, contract, snapshot)
            if part is PUBLIC:
                _fill_values(connection, snapshot)
                _compute(settings, catalogue, connection, snapshot)
                _write_kpis(settings, catalogue, connection, folder)
                changes = _compare(catalogue, connection, snapshot, folder)
                named.create(connection, catalogue)
            else:
                fill_ledger(settings, catalogue, connection, snapshot.ledger, INTERNAL)
                connection.execute(sql_file(__file__, "revision_summary"))
                connection.register("changes", changes)
                connection.execute(f"INSERT INTO {change.RELEASE_CHANGE} BY NAME FROM changes")
                connection.unregister("changes")
            connection.execute("COMMIT")
            counts = {
                name: connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()[0][0]
                for name in catalogue.of_audience(part.name)
            }
            connection.execute("USE memory")
            connection.execute("DETACH release")
        if part is PUBLIC:
            from dx_pipeline.release.rendering import render  # it imports pandas, which only this step needs

            render(settings, catalogue, snapshot.release_id, folder)
        about = _about(part, catalogue, snapshot)
        datapackage.write(part, folder, catalogue, snapshot.release_id, about, counts, snapshot.ledger)
        manifest.write(folder)
        signature.sign(folder, catalogue.province)
        part.close(folder)


def _about(part: Part, catalogue: Catalogue, snapshot: Snapshot) -> dict[str, Any]:
    """What the description of a part has beside its files and tables."""
    if part is INTERNAL:
        return {"built_from": snapshot.built_from.model_dump(mode="json"), "declared": catalogue.files}
    return {
        "inputs": snapshot.inputs,
        "predecessor": snapshot.predecessor.as_json(),
        "held_back": public_ledger.held_back(snapshot.ledger, catalogue),
    }


def _create(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, part: Part, folder: Path) -> None:
    """Attach the database of a part and use it, with its tables, all empty, in an open transaction."""
    connection.execute(f"ATTACH {literal(str(folder / part.database))} AS release (STORAGE_VERSION 'v1.4.0')")
    connection.execute("USE release")
    connection.execute("BEGIN")  # one commit waits for the disk once
    for name, contract in catalogue.of_audience(part.name).items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.split('.')[0])}")
        connection.execute(create_table(name, contract.published))
        connection.execute(";\n".join(comments(name, contract, contract.published)))


def _compute(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot
) -> None:
    """Fill the tables that are computed when a release is made."""
    fill(connection, UNITS, units(connection).rows())
    if paths := snapshot.of_table(REVISED):
        connection.execute(sql_file(__file__, "accepted"), {"paths": list(map(str, paths))})
        connection.execute(sql_file(__file__, "revision"), {"protected": sorted(protected(catalogue))})
    if paths := snapshot.of_table(KPI_TABLE):
        adding_up = [code for code, kpi in catalogue.kpis.items() if kpi.adds_up]
        connection.execute(
            f"INSERT INTO {ON_LATEST_UNITS} BY NAME {sql_file(__file__, 'on_latest_units')}",
            {"paths": list(map(str, paths)), "codes": adding_up, "release_id": snapshot.release_id},
        )
    fill_score(connection)
    repeated = [code for code, kpi in catalogue.kpis.items() if kpi.definition.is_reported]
    connection.execute(sql_file(__file__, "published_comparison"), {"reported": repeated})
    schema = arrow_schema(catalogue.contracts[DEFINITION], catalogue.contracts[DEFINITION].published)
    insert(connection, DEFINITION, definition.rows(catalogue.kpis), schema)
    fill_ledger(settings, catalogue, connection, snapshot.ledger, PUBLIC)
    months = sorted({state.month for state in snapshot.ledger.states if state.month is not None})
    reported = {name: snapshot.of_table(name) for name, contract in catalogue.contracts.items() if contract.reporters}
    fill_expectations(connection, catalogue, months, reported, snapshot.ledger.arrivals)


def _compare(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, folder: Path) -> pa.Table:
    """Fill the table of changes with those that everybody may see.

    Between two releases that is no change of a KPI about dossiers: a change of a few would reveal their unit and
    channel. Returns the changes of every KPI since the release before, which are for analysts inside the office.
    """
    if not snapshot.of_table(KPI_TABLE):
        return connection.sql(f"FROM {change.CHANGE}").to_arrow_table()
    revised: set[tuple[str, str]] = set()
    if paths := snapshot.of_table(REVISED):
        found = connection.execute(
            "SELECT DISTINCT proposal, table_name || '/' || source || '_' || month"
            " FROM read_parquet($paths, hive_partitioning = false)",
            {"paths": list(map(str, paths))},
        )
        revised.update(found.fetchall())
    inputs = change.Inputs.of(snapshot.inputs)
    known = units(connection)
    release = change.Release(snapshot.release_id, folder / VALUES, inputs, known.digest, frozenset(revised))
    change.compare(connection, catalogue, known, release, snapshot.predecessor.values)
    connection.execute(
        f"INSERT INTO {change.CHANGE} BY NAME FROM change"
        " WHERE compared_with = 'window' OR NOT list_contains($protected::VARCHAR[], kpi_code) ORDER BY ALL",
        {"protected": sorted(protected(catalogue))},
    )
    return connection.sql("FROM change WHERE compared_with = 'release' ORDER BY ALL").to_arrow_table()


def _fill(
    catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, name: str, contract: Contract, snapshot: Snapshot
) -> None:
    """Fill a table from its published partitions.

    Internal rows are sorted by everything that is in them: their order carries nothing, and rows with the same content
    are interchangeable.
    """
    paths = snapshot.of_table(name)
    if not paths:
        return
    if name == REVISED:
        connection.execute(sql_file(__file__, "accepted"), {"paths": list(map(str, paths))})
        connection.execute(f"INSERT INTO {REVISED} BY NAME FROM accepted ORDER BY ALL")
        return
    if contract.balance is not None:
        fill_balance(connection, name, contract, contract.balance, paths, catalogue.province.suppress_below)
        return
    order = "ORDER BY ALL" if contract.audience == INTERNAL.name else ""
    limited = [name for name in catalogue.sources if catalogue.source_withholds(name)]
    of_limited = f"list_contains([{', '.join(map(literal, limited))}]::VARCHAR[], source)"
    chosen = ", ".join(
        f"CASE WHEN NOT {of_limited} THEN {quoted(name)} END" if name in contract.inside_only else quoted(name)
        for name in contract.published
    )
    rows = history.select(connection, name, contract, paths)
    connection.execute(f"INSERT INTO {qualified(name)} SELECT {chosen} FROM ({rows}) {order}")


def _fill_values(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Fill `kpi.value` with the values on the units of their own windows, which get the id of the release."""
    if paths := snapshot.of_table(KPI_TABLE):
        connection.execute(
            f"INSERT INTO {KPI_TABLE} BY NAME SELECT * REPLACE ($release_id AS release_id)"
            " FROM read_parquet($paths, hive_partitioning = false) WHERE units_on IS NULL",
            {"paths": list(map(str, paths)), "release_id": snapshot.release_id},
        )


def _write_kpis(settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    def write(name: str, table: str, condition: str, order: str) -> None:
        contract = catalogue.contracts[table]
        relation = connection.sql(f"SELECT * FROM {qualified(table)} WHERE {condition} ORDER BY {order}")
        parquet.write(
            settings, relation, folder / "kpi" / f"{name}.parquet", arrow_schema(contract, contract.published), {}
        )

    order = "kpi_code, window_end, window_type, unit_level, unit_code, system, statistic"
    write("value", KPI_TABLE, "true", order)
    for code in catalogue.kpis:
        write(code, KPI_TABLE, f"kpi_code = {literal(code)}", order)
    write(ON_LATEST_UNITS.rpartition(".")[2], ON_LATEST_UNITS, "true", order)
    place = "window_end, window_type, unit_level, unit_code, group_code, criterion"
    write(SCORE.rpartition(".")[2], SCORE, "true", place)
    write("definition", DEFINITION, "true", "kpi_code, definition_version")

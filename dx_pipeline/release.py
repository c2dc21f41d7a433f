"""Releases: everything that is published, built in private, verified, then switched to in one step.

    releases/<id>/dx.duckdb  kpi/*.parquet  datapackage.json
    current -> releases/<id>

The id derives from what is in it, so the same inputs give the same release, byte for byte. Nothing
in a release depends on the clock, the machine or the order of work.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline import datapackage, parquet, partition, progress
from dx_pipeline.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.contract import arrow_schema, comments, create_table, literal, qualified, quoted
from dx_pipeline.database import connect
from dx_pipeline.errors import ReleaseError
from dx_pipeline.ledger import Ledger
from dx_pipeline.lock import writing
from dx_pipeline.partition import Key
from dx_pipeline.settings import Settings

DATABASE = "dx.duckdb"
DEFINITION_TABLE = "kpi.definition"


@dataclass(frozen=True)
class Published:
    """A release that is in force.

    Args:
        changed: false where the same release was in force before.
    """

    release_id: str
    path: Path
    changed: bool


@dataclass(frozen=True)
class Kept:
    """A release on disk. `order` grows with the time it was built."""

    release_id: str
    path: Path
    order: float
    is_current: bool


def publish(settings: Settings, catalogue: Catalogue) -> Published:
    """Build the release of everything that is published now, verify it, and switch to it.

    Raises:
        ReleaseError: a KPI has no values, or the built release does not verify. Whatever was in
            force before stays in force.
    """
    progress.announce("release")
    with writing(settings):
        return _publish(settings, catalogue)


def _publish(settings: Settings, catalogue: Catalogue) -> Published:
    inputs = _inputs(settings, catalogue)
    release_id = sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    target = settings.releases / release_id
    if current_id(settings) == release_id and not problems(target, catalogue):
        return Published(release_id, target, changed=False)
    if not target.is_dir() or problems(target, catalogue):
        private = settings.releases / f".{uuid.uuid4().hex}"
        private.mkdir(parents=True)
        try:
            _build(settings, catalogue, private, release_id, inputs)
            verify(private, catalogue)
            _move(private, target)
        finally:
            shutil.rmtree(private, ignore_errors=True)
    switch(settings, release_id)
    _prune(settings)
    return Published(release_id, target, changed=True)


def verify(path: Path, catalogue: Catalogue) -> None:
    """Hold a release against its own description and the contracts.

    Raises:
        ReleaseError: names the first thing that is not as it should be.
    """
    for problem in problems(path, catalogue):
        message = f"release {path.name} does not verify: {problem}"
        raise ReleaseError(message)


def problems(path: Path, catalogue: Catalogue) -> list[str]:
    """Everything that is wrong with a release, each in a sentence; empty where it verifies."""
    try:
        package = json.loads((path / datapackage.NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{datapackage.NAME} cannot be read ({error})."]
    found = [problem for resource in package["resources"] for problem in _resource_problems(path, resource)]
    if not found:
        found += _database_problems(path, package, catalogue)
    return found


def switch(settings: Settings, release_id: str) -> None:
    """Make a release the current one, in one atomic step."""
    link = settings.scratch / f"current-{uuid.uuid4().hex}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(Path("releases") / release_id, target_is_directory=True)
    link.replace(settings.current)


def current_id(settings: Settings) -> str | None:
    """The release in force, if any."""
    return settings.current.readlink().name if settings.current.is_symlink() else None


def kept(settings: Settings) -> tuple[Kept, ...]:
    """The releases on disk, newest first."""
    if not settings.releases.is_dir():
        return ()
    in_force = current_id(settings)
    found = [
        Kept(path.name, path, path.stat().st_mtime, path.name == in_force)
        for path in settings.releases.iterdir()
        if not path.name.startswith(".")
    ]
    return tuple(sorted(found, key=lambda item: (-item.order, item.release_id)))


def _inputs(settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    """Everything a release is made of: partitions by content, what is said of them, definitions, code."""
    ledger = Ledger.read(settings, catalogue)
    rows = {}
    for key in [*ledger.keys, *(Key(KPI_TABLE, code, None) for code in catalogue.kpis)]:
        path = partition.rows(settings, key)
        if path is not None:
            rows[str(key.path)] = parquet.digest(path)
    return {
        "code_version": settings.code_version,
        "declarations": catalogue.digest(*catalogue.digests),
        "partitions": rows,
        "ledger": ledger.digest,
    }


def _build(settings: Settings, catalogue: Catalogue, folder: Path, release_id: str, inputs: dict[str, Any]) -> None:
    ledger = Ledger.read(settings, catalogue)
    with connect(replace(settings, threads=1)) as connection:  # so that the same rows give the same bytes
        connection.execute(f"ATTACH {literal(str(folder / DATABASE))} AS release (STORAGE_VERSION 'v1.4.0')")
        connection.execute("USE release")
        connection.execute("BEGIN")  # one commit waits for the disk once, several hundred do so every time
        for name, contract in catalogue.published.items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.split('.')[0])}")
            connection.execute(create_table(name, contract.published))
            connection.execute(";\n".join(comments(name, contract, contract.published)))
        _fill(settings, catalogue, connection, release_id)
        ledger.write(settings, catalogue, connection)
        connection.execute("COMMIT")
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()[0][0]
            for name in catalogue.published
        }
        _write_kpis(settings, catalogue, connection, folder)
        connection.execute("USE memory")
        connection.execute("DETACH release")
    datapackage.write(folder, catalogue, release_id, inputs, counts, ledger)


def _fill(settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, release_id: str) -> None:
    """Fill the tables from the published partitions, in the order of their paths."""
    for name, contract in catalogue.published.items():
        if name == KPI_TABLE:
            _fill_values(settings, catalogue, connection, release_id)
        elif name == DEFINITION_TABLE:
            _fill_definitions(catalogue, connection)
        elif contract.origin != "computed":
            paths = sorted((settings.tables / name).glob(f"*/*/{partition.ROWS}"))
            if paths:
                columns = ", ".join(quoted(column) for column in contract.published)
                files = ", ".join(literal(str(path)) for path in paths)
                connection.execute(
                    f"INSERT INTO {qualified(name)} SELECT {columns}"
                    f" FROM read_parquet([{files}], hive_partitioning = false)"
                )


def _fill_values(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, release_id: str
) -> None:
    columns = catalogue.contracts[KPI_TABLE].published
    chosen = ", ".join(quoted(name) if name != "release_id" else literal(release_id) for name in columns)
    for code in catalogue.kpis:
        path = partition.rows(settings, Key(KPI_TABLE, code, None))
        if path is None:
            message = f"KPI {code} has never been evaluated: run 'dx run'."
            raise ReleaseError(message)
        connection.execute(
            f"INSERT INTO {qualified(KPI_TABLE)} SELECT {chosen}"
            f" FROM read_parquet({literal(str(path))}, hive_partitioning = false)"
        )


def _fill_definitions(catalogue: Catalogue, connection: duckdb.DuckDBPyConnection) -> None:
    for code, kpi in catalogue.kpis.items():
        definition = kpi.definition
        for version in definition.versions:
            query, scope = kpi.queries[version.version], version.denominator_scope
            row = {
                "kpi_code": code,
                "definition_version": version.version,
                "title_vi": definition.title.vi,
                "title_en": definition.title.en,
                "formula_vi": version.formula.vi,
                "formula_en": version.formula.en,
                "denominator_scope_vi": scope.vi if scope else None,
                "denominator_scope_en": scope.en if scope else None,
                "legal_basis_vi": version.legal_basis.vi,
                "legal_basis_en": version.legal_basis.en,
                "valid_from": version.valid_from,
                "valid_to": version.valid_to,
                "unit_of_measure": definition.unit_of_measure,
                "direction": definition.direction,
                "decimals": definition.decimals,
                "basis": definition.basis,
                "owner": definition.owner,
                "reads": ", ".join(query.tables),
                "sql": query.text,
            }
            places = ", ".join(f"${name}" for name in row)
            names = ", ".join(quoted(name) for name in row)
            connection.execute(f"INSERT INTO {qualified(DEFINITION_TABLE)} ({names}) VALUES ({places})", row)


def _write_kpis(settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    values = catalogue.contracts[KPI_TABLE]
    order = "kpi_code, window_end, window_type, unit_level, unit_code, system, statistic"
    whole = connection.sql(f"SELECT * FROM {qualified(KPI_TABLE)} ORDER BY {order}")
    schema = arrow_schema(values, values.published)
    parquet.write(settings, whole, folder / "kpi" / "value.parquet", schema, {})
    for code in catalogue.kpis:
        one = connection.sql(f"SELECT * FROM {qualified(KPI_TABLE)} WHERE kpi_code = {literal(code)} ORDER BY {order}")
        parquet.write(settings, one, folder / "kpi" / f"{code}.parquet", schema, {})
    definitions = catalogue.contracts[DEFINITION_TABLE]
    every = connection.sql(f"SELECT * FROM {qualified(DEFINITION_TABLE)} ORDER BY kpi_code, definition_version")
    schema = arrow_schema(definitions, definitions.published)
    parquet.write(settings, every, folder / "kpi" / "definition.parquet", schema, {})


def _resource_problems(path: Path, resource: dict[str, Any]) -> Iterator[str]:
    file = path / resource["path"]
    if not file.is_file():
        yield f"{resource['path']} is missing."
    elif file.stat().st_size != resource["bytes"] or f"sha256:{parquet.digest(file)}" != resource["hash"]:
        yield f"{resource['path']} is not the file that was described."
    elif file.suffix == ".parquet":
        written = pq.ParquetFile(file)
        if written.metadata.num_rows != resource["rows"]:
            yield f"{resource['path']} holds {written.metadata.num_rows} rows instead of {resource['rows']}."
        if written.schema_arrow.names != [field["name"] for field in resource["schema"]["fields"]]:
            yield f"{resource['path']} has other columns than described."


def _database_problems(path: Path, package: dict[str, Any], catalogue: Catalogue) -> Iterator[str]:
    described = package["dx"]["tables"]
    connection = duckdb.connect(str(path / DATABASE), read_only=True)
    try:
        for name in catalogue.published:
            if name not in described:
                yield f"{name} is not described."
                continue
            rows = connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()[0][0]
            if rows != described[name]:
                yield f"{name} holds {rows} rows instead of {described[name]}."
        silent = {
            code for (code,) in connection.execute(f"SELECT DISTINCT kpi_code FROM {qualified(KPI_TABLE)}").fetchall()
        }
        for code in sorted(set(catalogue.kpis) - silent):
            yield f"KPI {code} has no value."
        (lost,), *_ = connection.execute(
            """
            SELECT count(*) FROM ledger.conservation
            WHERE rows_in <> rows_accepted + rows_duplicate + rows_filtered + rows_quarantined
            """
        ).fetchall()
        if lost:
            yield f"{lost} deliveries do not conserve their rows."
    finally:
        connection.close()


def _move(private: Path, target: Path) -> None:
    """Put a built release in its place; one that stood there and does not verify goes away."""
    if target.exists():
        broken = target.with_name(f".{uuid.uuid4().hex}")
        target.rename(broken)
        shutil.rmtree(broken, ignore_errors=True)
    private.rename(target)


def _prune(settings: Settings) -> None:
    """Remove releases beyond the number that is kept, never the current one."""
    for item in kept(settings)[settings.releases_kept :]:
        if not item.is_current:
            shutil.rmtree(item.path)

"""Verification: whether a release is what its own description says, and keeps the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.sql import qualified
from dx_pipeline.errors import ReleaseError
from dx_pipeline.release import datapackage
from dx_pipeline.storage import files


def verify(path: Path, catalogue: Catalogue) -> None:
    """Check a release against its own description and the contracts.

    Raises:
        ReleaseError: names the first thing that is wrong.
    """
    for problem in problems(path, catalogue):
        raise ReleaseError(f"release {path.name} does not verify: {problem}")


def problems(path: Path, catalogue: Catalogue) -> list[str]:
    """Everything that is wrong with a release, each in one sentence; empty if it verifies."""
    try:
        package = json.loads((path / datapackage.NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{datapackage.NAME} cannot be read ({error})."]
    found = [problem for resource in package["resources"] for problem in _resource_problems(path, resource)]
    if not found:
        found += _database_problems(path, package, catalogue)
    return found


def _resource_problems(path: Path, resource: dict[str, Any]) -> Iterator[str]:
    file, expected = path / resource["path"], resource["dx"]
    if not file.is_file():
        yield f"{resource['path']} is missing."
    elif file.stat().st_size != expected["bytes"] or f"sha256:{files.digest(file)}" != expected["hash"]:
        yield f"{resource['path']} is not the file that was described."
    elif file.suffix == ".parquet":
        written = pq.ParquetFile(file)
        if written.metadata.num_rows != expected["rows"]:
            yield f"{resource['path']} has {written.metadata.num_rows} rows instead of {expected['rows']}."
        if written.schema_arrow.names != [field["name"] for field in resource["schema"]["fields"]]:
            yield f"{resource['path']} has other columns than described."


def _database_problems(path: Path, package: dict[str, Any], catalogue: Catalogue) -> Iterator[str]:
    described = {name: table["rows"] for name, table in package["dx"]["tables"].items()}
    connection = duckdb.connect(str(path / datapackage.DATABASE), read_only=True)
    try:
        for name in catalogue.published:
            if name not in described:
                yield f"{name} is not described."
                continue
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()
            if rows != described[name]:
                yield f"{name} has {rows} rows instead of {described[name]}."
        evaluated = {
            code for (code,) in connection.execute(f"SELECT DISTINCT kpi_code FROM {qualified(KPI_TABLE)}").fetchall()
        }
        for code in sorted(set(catalogue.kpis) - evaluated):
            yield f"KPI {code} has no value."
        ((lost,),) = connection.execute(
            """
            SELECT count(*) FROM ledger.conservation
            WHERE rows_in <> rows_accepted + rows_duplicate + rows_filtered + rows_quarantined
            """
        ).fetchall()
        if lost:
            yield f"{lost} deliveries do not conserve their rows."
    finally:
        connection.close()

"""Verification: whether a release is what its own descriptions say, and keeps the contracts."""

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
from dx_pipeline.kpi import change
from dx_pipeline.release import datapackage
from dx_pipeline.release.part import PARTS, PUBLIC, Part, files_in
from dx_pipeline.release.store import has_parts
from dx_pipeline.storage import files

OLDER_LAYOUT = (
    "it is of an older layout, in which rows of dossiers are among what is published: it can be neither verified nor"
    " switched to. Do not pass it on; make a new release with 'dx run'."
)


def verify(path: Path, catalogue: Catalogue) -> None:
    """Check a release against its own descriptions and the contracts.

    Raises:
        ReleaseError: names the first thing that is wrong.
    """
    for problem in problems(path, catalogue):
        raise ReleaseError(f"release {path.name} does not verify: {problem}")


def problems(path: Path, catalogue: Catalogue) -> list[str]:
    """Everything that is wrong with a release, each in one sentence; empty if it verifies."""
    if not has_parts(path):
        is_older = (path / datapackage.NAME).is_file()
        return [OLDER_LAYOUT if is_older else "it is not whole: one of its folders, public and internal, is missing."]
    others = sorted({item.name for item in path.iterdir()} - {part.name for part in PARTS})
    found = [f"{name} belongs to no part of a release." for name in others]
    packages = {}
    for part in PARTS:
        try:
            packages[part] = json.loads((path / part.name / datapackage.NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            found.append(f"{part.name}/{datapackage.NAME} cannot be read ({error}).")
    if len({package["version"] for package in packages.values()}) > 1:
        found.append("its two parts are not of the same release.")
    for part, package in packages.items():
        found += _part_problems(part, path / part.name, package, catalogue)
    return found


def _part_problems(part: Part, folder: Path, package: dict[str, Any], catalogue: Catalogue) -> list[str]:
    found = [problem for resource in package["resources"] for problem in _resource_problems(folder, resource)]
    described = {datapackage.NAME, *(resource["path"] for resource in package["resources"])}
    present = {path.relative_to(folder).as_posix() for path in files_in(folder)}
    found += [f"{name} is not described." for name in sorted(present - described)]
    found += [
        f"{part.name}/{name} can be read or changed by more people than it is for." for name in part.too_open(folder)
    ]
    if not found:
        with duckdb.connect(str(folder / part.database), read_only=True) as connection:
            found += _database_problems(connection, part, package, catalogue)
            if part is PUBLIC:
                found += _kpi_problems(connection, package, catalogue)
    return found


def _resource_problems(folder: Path, resource: dict[str, Any]) -> Iterator[str]:
    file, expected = folder / resource["path"], resource["dx"]
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


def _database_problems(
    connection: duckdb.DuckDBPyConnection, part: Part, package: dict[str, Any], catalogue: Catalogue
) -> Iterator[str]:
    """Tables that are for another audience, not described, or not as described."""
    described = {name: table["rows"] for name, table in package["dx"]["tables"].items()}
    listed = "SELECT table_schema || '.' || table_name FROM information_schema.tables"
    present = {name for (name,) in connection.execute(listed).fetchall()}
    declared = catalogue.of_audience(part.name)
    for name in sorted({*present, *declared, *described}):
        if name in catalogue.contracts.keys() - declared.keys():
            yield f"{name} is in {part.name}, and is declared 'audience: {catalogue.contracts[name].audience}'."
        elif name not in described:
            yield f"{name} is not described."
        elif name not in present:
            yield f"{name} is missing."
        else:
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {qualified(name)}").fetchall()
            if rows != described[name]:
                yield f"{name} has {rows} rows instead of {described[name]}."


def _kpi_problems(
    connection: duckdb.DuckDBPyConnection, package: dict[str, Any], catalogue: Catalogue
) -> Iterator[str]:
    """KPIs without a value and without a reason, rows that were lost while reading, changes that do not add up."""
    evaluated = {
        code for (code,) in connection.execute(f"SELECT DISTINCT kpi_code FROM {qualified(KPI_TABLE)}").fetchall()
    }
    missing = {item["source"] for item in package["dx"]["held_back"] if item["table"] == KPI_TABLE}
    ((months,),) = connection.execute("SELECT count(month) FROM ledger.delivery").fetchall()
    for code in sorted(set(catalogue.kpis) - evaluated - missing) if months else ():
        yield f"KPI {code} has no value, and is not among what was held back."
    ((lost,),) = connection.execute(
        """
        SELECT count(*) FROM ledger.conservation
        WHERE rows_in <> rows_accepted + rows_duplicate + rows_filtered + rows_quarantined
        """
    ).fetchall()
    if lost:
        yield f"{lost} deliveries do not conserve their rows."
    parts = " + ".join(change.PARTS)
    unexplained = f"SELECT count(*) FROM {change.CHANGE} WHERE difference <> {parts}"
    ((wrong,),) = connection.execute(unexplained).fetchall()
    if wrong:
        yield f"the parts of {wrong} rows of {change.CHANGE} do not add up to the difference."

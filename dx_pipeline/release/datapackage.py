"""The description of each part of a release, as a Frictionless data package.

It lists schema, rows, bytes, hash, inputs, what is stale or missing,
and whether synthetic data are in them. Bytes and hashes are under keys of our own (`dx`): `frictionless
validate` cannot check those of Parquet files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dx_pipeline import __version__
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.contract import ColumnType, Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.province import Province
from dx_pipeline.errors import ReleaseError
from dx_pipeline.release.part import PUBLIC, Part
from dx_pipeline.storage import files
from dx_pipeline.tables.ledger import Ledger

NAME = "datapackage.json"

FIELD_TYPES: dict[ColumnType, str] = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "datetime",
}


def write(
    part: Part,
    folder: Path,
    catalogue: Catalogue,
    release_id: str,
    about: dict[str, Any],
    table_rows: dict[str, int],
    ledger: Ledger,
) -> None:
    """Describe the files of a part of a release in `folder`; nothing in the description depends on the clock.

    Args:
        part: which part it is.
        folder: its files.
        catalogue: the contracts of its tables.
        release_id: the release.
        about: what else its description has.
        table_rows: how many rows each of its tables has.
        ledger: what the release was built from.
    """
    contracts = {name: catalogue.contracts[f"kpi.{name}"] for name in ("definition", "on_latest_units", "score_766")}
    parquet_files = sorted((folder / "kpi").glob("*.parquet"))
    resources = [
        _table(folder, path, contracts.get(path.stem, catalogue.contracts[KPI_TABLE])) for path in parquet_files
    ]
    database = folder / part.database
    resources.append({"name": database.stem, "path": part.database, "format": "duckdb", "dx": _file(database)})
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "dx-pipeline" if part is PUBLIC else f"dx-pipeline-{part.name}",
        "title": _title(part, catalogue.province.title),
        "version": release_id,
        **(terms(catalogue.province) if part is PUBLIC else {}),
        "resources": resources,
        "dx": {
            "release_id": release_id,
            "software_version": __version__,
            "synthetic": any(run.synthetic for run in ledger.runs.values()),
            "tables": {
                name: {"rows": table_rows[name], "schema": _schema(contract)}
                for name, contract in catalogue.of_audience(part.name).items()
            },
            **about,
        },
    }
    (folder / NAME).write_text(as_text(package), encoding="utf-8")


def terms(province: Province) -> dict[str, Any]:
    """Licence and contact of a province in the words of the standard, as far as they are declared."""
    declared: dict[str, Any] = {}
    if province.licence is not None:
        declared["licenses"] = [{"path": province.licence}]
    if (contact := province.contact) is not None:
        name = contact.name.vi if contact.name.vi == contact.name.en else f"{contact.name.vi} / {contact.name.en}"
        known = {"title": name, "path": contact.url, "email": contact.email}
        roles = {"roles": ["contact"]}
        declared["contributors"] = [{key: value for key, value in known.items() if value is not None} | roles]
    return declared


def read(folder: Path) -> dict[str, Any]:
    """The description of a part of a release.

    Raises:
        ReleaseError: it cannot be read, or is no description of a release; names it.
    """
    try:
        package: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_readable(folder, str(error)) from error
    is_whole = isinstance(package, dict) and {"version", "resources", "dx"} <= package.keys()
    if not is_whole or not isinstance(package["dx"], dict):
        raise _not_readable(folder, "no description of a release")
    return package


def _not_readable(folder: Path, reason: str) -> ReleaseError:
    name = f"{folder.name}/{NAME}"
    return ReleaseError(
        f"{name} of release {folder.parent.name} cannot be read ({reason}): choose another release with"
        " 'dx release switch', or make it again with 'dx run'.",
        f"không đọc được {name} của bản công bố {folder.parent.name} ({reason}): hãy chuyển sang bản khác bằng"
        " 'dx release switch', hoặc tạo lại bằng 'dx run'.",
    )


def as_text(package: dict[str, Any]) -> str:
    """A description as it is written: the same description is the same bytes."""
    return f"{json.dumps(package, ensure_ascii=False, indent=2)}\n"


def _title(part: Part, province: Bilingual) -> str:
    if part is PUBLIC:
        vi, en = "chỉ số và số liệu", "KPIs and data"
    else:
        vi, en = "số liệu nội bộ, không công bố", "rows for use inside the office, not to be published"
    return f"Chuyển đổi số {province.vi}: {vi} / Digital transformation of {province.en}: {en}"


def _table(folder: Path, path: Path, contract: Contract) -> dict[str, Any]:
    return {
        "name": path.stem,
        "path": path.relative_to(folder).as_posix(),
        "title": contract.title.en,
        "title_vi": contract.title.vi,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "schema": _schema(contract),
        "dx": {**_file(path), "rows": pq.read_metadata(path).num_rows},
    }


def _schema(contract: Contract) -> dict[str, Any]:
    fields = [
        {
            "name": name,
            "type": FIELD_TYPES[column.type],
            "description": column.en,
            "description_vi": column.vi,
            **({"unit": column.unit} if column.unit else {}),
            **({"constraints": {"required": True}} if column.required else {}),
        }
        for name, column in contract.published.items()
    ]
    is_whole = not set(contract.key) & set(contract.inside_only)
    return {"fields": fields, **({"primaryKey": list(contract.key)} if contract.key and is_whole else {})}


def _file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "hash": f"sha256:{files.digest(path)}"}

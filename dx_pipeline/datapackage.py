"""The description of a release, as a Frictionless data package.

It holds what a reader needs to trust the files: schema, rows, bytes, hash, what they were made from,
what is stale or missing, and whether synthetic data are in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from dx_pipeline import __version__, parquet
from dx_pipeline.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.contract import ColumnType, Contract

if TYPE_CHECKING:
    from dx_pipeline.ledger import Ledger

NAME = "datapackage.json"

FIELD_TYPES: dict[ColumnType, str] = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "datetime",
}


def write(
    folder: Path,
    catalogue: Catalogue,
    release_id: str,
    inputs: dict[str, Any],
    table_rows: dict[str, int],
    ledger: Ledger,
) -> None:
    """Describe the files of a release that stand in `folder`; nothing in it depends on the clock."""
    contracts = {"definition": catalogue.contracts["kpi.definition"]}
    files = sorted((folder / "kpi").glob("*.parquet"))
    resources = [_tabular(folder, path, contracts.get(path.stem, catalogue.contracts[KPI_TABLE])) for path in files]
    database = folder / "dx.duckdb"
    resources.append({"name": "dx", "path": database.name, "format": "duckdb", **_bytes(database)})
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "dx-pipeline",
        "title": "Chuyển đổi số tỉnh Tây Ninh: chỉ số và số liệu / Digital transformation of Tây Ninh: KPIs and data",
        "version": release_id,
        "resources": resources,
        "dx": {
            "release_id": release_id,
            "software_version": __version__,
            "synthetic": any(record.synthetic for record in ledger.records.values()),
            "inputs": inputs,
            "tables": table_rows,
            "held": [
                {
                    "table": state.key.table,
                    "source": state.key.source,
                    "month": str(state.key.month) if state.key.month else None,
                    "state": state.state,
                    "problem": state.problem,
                }
                for state in ledger.held
            ],
        },
    }
    text = json.dumps(package, ensure_ascii=False, indent=2)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def _tabular(folder: Path, path: Path, contract: Contract) -> dict[str, Any]:
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
    return {
        "name": path.stem,
        "path": path.relative_to(folder).as_posix(),
        "title": contract.title.en,
        "title_vi": contract.title.vi,
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        **_bytes(path),
        "rows": pq.read_metadata(path).num_rows,
        "schema": {"fields": fields, "primaryKey": list(contract.key)},
    }


def _bytes(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "hash": f"sha256:{parquet.digest(path)}"}

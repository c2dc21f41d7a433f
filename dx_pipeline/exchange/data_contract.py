"""Contracts as Open Data Contract Standard 3.1: one document for all tables of a release.

Standard: bitol-io/open-data-contract-standard, v3.1.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column, ColumnType, Contract

NAME = "data_contract.odcs.yaml"
API_VERSION = "v3.1.0"

LOGICAL_TYPES: dict[ColumnType, str] = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def write(catalogue: Catalogue, release_id: str, folder: Path) -> None:
    """Write the contracts of what is published.

    Args:
        catalogue: the contracts.
        release_id: of the release, the version of the document.
        folder: where to.
    """
    text = yaml.safe_dump(document(catalogue, release_id), allow_unicode=True, sort_keys=False, width=120)
    (folder / NAME).write_text(text, encoding="utf-8")


def document(catalogue: Catalogue, release_id: str) -> dict[str, Any]:
    """The contracts of what is published, as a document of the standard."""
    province = catalogue.province
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"dx-pipeline-{province.code}",
        "name": f"Digital transformation of {province.title.en}",
        "version": release_id,
        "status": "active",
        "domain": "digital-transformation",
        "description": {
            "purpose": "KPIs of the province's digital transformation, with the tables that they rest on.",
            "usage": "Figures about dossiers are withheld where they count few: see `withheld_reason`.",
        },
        "servers": [
            {
                "server": "current",
                "type": "local",
                "path": "dx.duckdb",
                "format": "duckdb",
                "description": "The database of the release that this document is in.",
            }
        ],
        "schema": [_table(name, contract) for name, contract in sorted(catalogue.of_audience("public").items())],
    }


def _table(name: str, contract: Contract) -> dict[str, Any]:
    return {
        "name": name,
        "physicalName": name,
        "physicalType": "table",
        "logicalType": "object",
        "businessName": contract.title.vi,
        "description": contract.title.en,
        **({"dataGranularityDescription": contract.grain.en} if contract.grain is not None else {}),
        "properties": [_column(each, column, contract) for each, column in contract.published.items()],
        **({"quality": rules} if (rules := list(_rules(contract))) else {}),
    }


def _column(name: str, column: Column, contract: Contract) -> dict[str, Any]:
    is_key = name in contract.key
    options = {"minimum": column.min, "maximum": column.max, "pattern": column.pattern}
    given = {option: value for option, value in options.items() if value is not None}
    return {
        "name": name,
        "businessName": column.vi,
        "description": column.en,
        "logicalType": LOGICAL_TYPES[column.type],
        "physicalType": DUCKDB_TYPES[column.type],
        "required": column.required,
        **({"primaryKey": True, "primaryKeyPosition": contract.key.index(name) + 1} if is_key else {}),
        **({"logicalTypeOptions": given} if given else {}),
        **({"customProperties": list(_others(column))} if column.unit or column.allowed or column.references else {}),
    }


def _others(column: Column) -> Iterator[dict[str, Any]]:
    """What the standard has no place for."""
    for name, value in (("unit", column.unit), ("allowed", column.allowed), ("references", column.references)):
        if value is not None:
            yield {"property": name, "value": list(value) if isinstance(value, tuple) else value}


def _rules(contract: Contract) -> Iterator[dict[str, Any]]:
    for rule in contract.rules:
        yield {"name": rule.code, "type": "text", "dimension": "validity", "description": f"{rule.en}: {rule.sql}"}

"""Other people's programs read what the pipeline writes, without options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from dx_pipeline.declarations.catalogue import Catalogue

READERS: dict[str, Callable[[Path], tuple[set[str], int]]] = {
    "pandas": lambda folder: (set((frame := pd.read_parquet(folder)).columns), len(frame)),
    "pyarrow": lambda folder: (set((found := ds.dataset(folder)).schema.names), found.count_rows()),
    "polars": lambda folder: (set((frame := pl.read_parquet(folder)).columns), frame.height),
    "duckdb": lambda folder: (set((found := duckdb.read_parquet(f"{folder}/**/*.parquet")).columns), len(found)),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_table_of_the_warehouse_is_a_data_set(province: dict[str, Any], declared: Catalogue, reader: str) -> None:
    folders = sorted((province["warehouse"] / "tables").glob("[!_]*"))
    assert "statistics.dossier" in {folder.name for folder in folders}
    for folder in folders:
        columns, rows = READERS[reader](folder)
        assert set(declared.contracts[folder.name].stored) <= columns, folder.name
        assert rows == sum(pq.read_metadata(path).num_rows for path in folder.glob("*/rows.parquet")), folder.name


@pytest.mark.parametrize("rows", [20, pytest.param(None, marks=pytest.mark.long)])  # frictionless needs minutes for all
def test_the_data_package_of_a_release_is_valid(province: dict[str, Any], rows: int | None) -> None:
    report = frictionless.validate(province["warehouse"] / "current" / "datapackage.json", limit_rows=rows)
    assert report.valid, report.flatten(["name", "type", "note"])
    assert report.stats["tasks"] > 15


def test_a_data_package_describes_the_tables_of_the_database(province: dict[str, Any]) -> None:
    current = province["warehouse"] / "current"
    package = frictionless.Package(current / "datapackage.json")
    tables = package.custom["dx"]["tables"]
    with duckdb.connect(current / "dx.duckdb", read_only=True) as connection:
        for name, table in tables.items():
            found = connection.sql(f"FROM {name}")
            assert [field["name"] for field in table["schema"]["fields"]] == found.columns, name
            assert table["rows"] == len(found), name

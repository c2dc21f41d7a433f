"""Releases that are changed by somebody who knows how they are sealed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dx_pipeline.release import manifest
from dx_pipeline.storage.files import digest

PARTS = ("public", "internal")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a description."""
    package = json.loads(path.read_text(encoding="utf-8"))
    change(package)
    path.write_text(json.dumps(package, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def seal_again(path: Path) -> None:
    """Describe and list every file of a release as it is now, as somebody would who knows how releases are made."""
    for part in PARTS:
        folder = path / part

        def describe(package: dict[str, Any], folder: Path = folder) -> None:
            for resource in package["resources"]:
                file = folder / resource["path"]
                resource["dx"] |= {"bytes": file.stat().st_size, "hash": f"sha256:{digest(file)}"}

        edit(folder / "datapackage.json", describe)
        (folder / manifest.NAME).unlink()
        manifest.write(folder)
        (folder / manifest.NAME).chmod(0o640)


def alter_values(path: Path) -> None:
    """Add one to a value, in the database and in both of its Parquet files."""
    with duckdb.connect(str(path / "public" / "dx.duckdb")) as connection:
        connection.execute("UPDATE kpi.value SET value = value + 1 WHERE kpi_code = 'community_group_count'")
    for name in ("value", "community_group_count"):
        file = path / "public" / "kpi" / f"{name}.parquet"
        table = pq.read_table(file)
        place = table.schema.get_field_index("value")
        pq.write_table(table.set_column(place, table.schema.field("value"), pc.add(table["value"], 1)), file)

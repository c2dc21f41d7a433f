"""Personal data that a sender puts into a delivery is found nowhere after a nightly run."""

from __future__ import annotations

import json
import shutil
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, SECRETS, dossiers, groups, put, readable
from projects import PROJECT, Dx, runnable

from dx_pipeline.settings import Settings

SECRET = SECRETS.values()


def in_databases(folder: Path) -> str:
    """What every SQLite and DuckDB file below a folder contains, cell by cell."""
    cells: list[str] = []
    for path in folder.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            cells += [str(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in tables]
    for path in folder.rglob("*.duckdb"):
        with duckdb.connect(str(path), read_only=True) as database:
            tables = database.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            cells += [str(database.execute(f'FROM "{schema}"."{name}"').fetchall()) for schema, name in tables]
    return unicodedata.normalize("NFC", "\n".join(cells))


@pytest.mark.slow
def test_personal_data_is_nowhere_after_a_run(dx: Dx, warehouse: Settings, tmp_path: Path) -> None:
    project, home = runnable(tmp_path / "project"), tmp_path / "dagster"
    home.mkdir()
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    many = [row.replace("-0001;", f"-{number:04};") for number, row in enumerate([DOSSIERS[0]] * len(SECRET), 10)]
    spoilt = (row.replace("12/05/2022", text) for row, text in zip(many, SECRET, strict=True))
    put(warehouse, "dossier", dossiers(*DOSSIERS, *spoilt))
    put(warehouse, "community_group", groups(*GROUPS, *(f"{text},25456,15/02/2022,,7" for text in SECRET)))
    with_names = groups(*(f"{row},{text}" for row, text in zip(GROUPS, SECRET, strict=False)))
    with_names = with_names.replace(b"so_thanh_vien", "so_thanh_vien,Họ và tên".encode())
    put(warehouse, "community_group", with_names, "2022-06")
    records = [{"operation": text, "note": text, "hoTen": SECRETS["name"]} for text in SECRET]
    put(warehouse, "service_catalogue", json.dumps({"Total": len(records), "Body": {"Items": records}}).encode())
    put(warehouse, "digital_enterprise", "".join(json.dumps(record) + "\n" for record in records).encode())
    put(warehouse, "community_group", groups(*GROUPS), month="2022-04", name=f"{SECRETS['name']}.csv")
    ran = dx("run", warehouse=warehouse.warehouse, project=project, home=home)
    assert ran.returncode == 1, ran.stderr
    examined = dx("doctor", "--json", warehouse=warehouse.warehouse, project=project, home=home)
    shown = [ran.stdout, ran.stderr, examined.stdout]
    files = [path for folder in (warehouse.warehouse, home) for path in folder.rglob("*") if path.is_file()]
    everywhere = "\n".join(
        [*shown, *map(str, files), *(readable(path.read_bytes()) for path in files)]
        + [in_databases(folder) for folder in (warehouse.warehouse, home)]
    )
    assert "community_group" in everywhere
    assert [kind for kind, text in SECRETS.items() if text in everywhere] == []

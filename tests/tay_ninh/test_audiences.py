"""`current/` may leave the office as it is; rows of dossiers are in `internal/`, and give no dossier code away."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue

INTERNAL = ("statistics.dossier", "statistics.portal_sync", "ledger.view_conservation")
LIMITED = ("statistics.dossier", "statistics.portal_sync", "statistics.return_06a")
"""The tables that withhold something from the public."""


@pytest.fixture
def current(province: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The public database, and each Parquet file beside it as a view `file.<name>`."""
    folder = province["warehouse"] / "current"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{folder}/dx.duckdb' AS dx (READ_ONLY)")
        connection.execute("CREATE SCHEMA file")
        for path in folder.rglob("*.parquet"):
            connection.execute(f"CREATE VIEW file.{path.stem} AS FROM read_parquet('{path}')")
        connection.execute("USE dx")
        yield connection


@pytest.fixture
def internal(province: dict[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(province["warehouse"] / "internal" / "dx_internal.duckdb", read_only=True) as connection:
        yield connection


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The columns of every table, each with its type."""
    found: dict[str, dict[str, str]] = {}
    for database, schema, table, column, kind in connection.execute(
        """SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns()
           WHERE NOT internal ORDER BY ALL"""
    ).fetchall():
        found.setdefault(f"{database}.{schema}.{table}", {})[column] = kind
    return found


def test_the_public_tables_are_those_declared_public(current: duckdb.DuckDBPyConnection, declared: Catalogue) -> None:
    views = {"kpi.named", "kpi.latest"}
    names = {name.removeprefix("dx.") for name in tables(current) if name.startswith("dx.")} - views
    assert names == {name for name, contract in declared.contracts.items() if contract.audience == "public"}
    assert names.isdisjoint({*INTERNAL, "connection.exchange"})


def test_no_public_table_names_a_delivery_of_a_table_that_withholds_something(
    current: duckdb.DuckDBPyConnection, internal: duckdb.DuckDBPyConnection
) -> None:
    """A delivery is named by the hash of its content; of few rows somebody could try every content."""
    where = f"WHERE table_name IN {LIMITED}"
    sent = [row for (row,) in internal.execute(f"SELECT delivery_id FROM ledger.delivery {where}").fetchall()]
    assert len(sent) >= 3 * 6
    names = [name for name, columns in tables(current).items() if "delivery_id" in columns]
    found = {
        name: current.execute(f"SELECT count(*) FROM {name} WHERE delivery_id IN $sent", {"sent": sent}).fetchall()
        for name in names
    }
    assert len(found) > 15
    assert {name for name, counts in found.items() if counts != [(0,)]} == set()


def test_the_public_ledger_says_of_such_deliveries_neither_size_nor_rows(current: duckdb.DuckDBPyConnection) -> None:
    where = f"WHERE table_name IN {LIMITED}"
    sizes = "SELECT count(*), count(size_bytes), count(kept_bytes), count(delivery_id) FROM ledger.delivery"
    ((deliveries, *shown),) = current.execute(f"{sizes} {where}").fetchall()
    assert deliveries >= 3 * 6
    assert shown == [0, 0, 0]
    rows = "SELECT count(*), count(row_count) FROM ledger.partition"
    assert current.execute(f"{rows} {where}").fetchall() == [(3 * 6, 0)]
    attempts = "SELECT count(received_bytes), count(record_count), count(delivery_id) FROM connection.attempt"
    of_sources = "WHERE source IN ('dossier', 'portal_sync', 'return_06a')"
    assert current.execute(f"{attempts} {of_sources}").fetchall() == [(0, 0, 0)]


def test_rows_of_such_tables_are_accounted_for_by_month(
    current: duckdb.DuckDBPyConnection, internal: duckdb.DuckDBPyConnection
) -> None:
    where = f"WHERE table_name IN {LIMITED}"
    counts = "sum(rows_in), sum(rows_accepted), sum(rows_duplicate), sum(rows_filtered), sum(rows_quarantined)"
    whole = f"SELECT table_name, {counts} FROM ledger.conservation {where} GROUP BY table_name ORDER BY table_name"
    assert current.execute(whole).fetchall() == internal.execute(whole).fetchall()
    of_deliveries = "SELECT count(source), count(delivery_id) FROM ledger.conservation"
    assert current.execute(f"{of_deliveries} {where}").fetchall() == [(0, 0)]


def test_what_is_published_about_dossiers_is_by_unit_and_month(current: duckdb.DuckDBPyConnection) -> None:
    """No table says what became of one dossier, and a value is of one unit and at least one whole month."""
    case = {
        "received_on",
        "finished_on",
        "returned_on",
        "stopped_on",
        "has_complaint",
        "dossier_code",
        "dossier_status",
        "channel",
    }
    found = {name: case.intersection(columns) for name, columns in tables(current).items()}
    assert {name: some for name, some in found.items() if some} == {"dx.ledger.expectation": {"received_on"}}  # reports
    shortest = "SELECT min(window_end - window_start) FROM {}.value WHERE kpi_code = 'online_dossier_rate'"
    for place in ("dx.kpi", "memory.file"):
        assert current.execute(shortest.format(place)).fetchall() == [(27,)]  # February


def test_no_cell_of_a_release_has_a_dossier_code(
    current: duckdb.DuckDBPyConnection, internal: duckdb.DuckDBPyConnection, declared: Catalogue
) -> None:
    pattern = (declared.contracts["statistics.dossier"].columns["dossier_code"].pattern or "").strip("^$")
    assert re.search(pattern, "H53.07-220502-0001")
    for connection in (current, internal):
        for name, columns in tables(connection).items():
            for column in (name for name, kind in columns.items() if kind == "VARCHAR"):
                query = f'SELECT "{column}" FROM {name} WHERE regexp_matches("{column}", $1) LIMIT 1'
                assert connection.execute(query, [pattern]).fetchall() == [], (name, column)


def test_internal_rows_have_neither_code_nor_place_in_a_delivery(internal: duckdb.DuckDBPyConnection) -> None:
    columns = tables(internal)
    of_deliveries = {
        f"dx_internal.{name}"
        for name in (
            "connection.attempt",
            "ledger.audit",
            "ledger.conservation",
            "ledger.delivery",
            "ledger.partition",
            "ledger.quarantine",
            "ledger.stripped",
        )
    }
    tables_inside = (
        *INTERNAL,
        "kpi.release_change",
        "kpi.revised_value",
        "kpi.revision_summary",
        "statistics.return_06a",
    )
    assert set(columns) == {f"dx_internal.{name}" for name in tables_inside} | of_deliveries
    lines = f"SELECT count(delivery_line) FROM ledger.quarantine WHERE table_name IN {INTERNAL}"
    assert internal.execute(lines).fetchall() == [(0,)]
    for name in set(columns) - of_deliveries:
        assert columns[name].keys().isdisjoint({"dossier_code", "delivery_id", "delivery_line"}), name
    assert {"procedure_code", "agency_code", "received_on", "month", "synthetic"} <= columns[
        "dx_internal.statistics.dossier"
    ].keys()


BESIDE = {"month", "synthetic", "as_of", "is_latest"}
"""The columns of internal dossiers that say when a state was delivered, and not what it is."""


def test_no_dossier_code_is_rebuilt_from_the_order_of_internal_rows(
    province: dict[str, Any], internal: duckdb.DuckDBPyConnection
) -> None:
    """Counting the dossiers of an agency and day in the table's order finds no more codes than any order does.

    A code is agency, day and a number that grows with the day. In any order that has nothing to do with the numbers,
    one guess for each agency and day is right, on the average.
    """
    truth = duckdb.read_parquet(f"{province['warehouse']}/tables/statistics.dossier/*/rows.parquet")
    content = [name for name in internal.table("statistics.dossier").columns if name not in BESIDE]
    listed = ", ".join(content)
    codes: dict[tuple[Any, ...], list[str]] = {}
    for row in truth.select(f"{listed}, dossier_code").fetchall():
        codes.setdefault(row[:-1], []).append(row[-1])
    agency, day = content.index("agency_code"), content.index("received_on")
    counted: Counter[Any] = Counter()
    right, groups = 0.0, set()
    for row in internal.execute(f"SELECT {listed} FROM statistics.dossier").fetchall():
        counted[row[agency], row[day]] += 1
        groups.add((row[agency], row[day]))
        guess = f"{row[agency]}-{row[day]:%y%m%d}-{counted[row[agency], row[day]]:04}"
        right += (guess in codes[row]) / len(codes[row])
    assert sum(counted.values()) == len(truth) > 15_000
    assert right < 1.1 * len(groups)


def test_internal_files_are_for_the_office_alone(province: dict[str, Any]) -> None:
    folder = (province["warehouse"] / "internal").resolve()
    assert stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o750
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "datapackage.json": 0o640,
        "SHA256SUMS": 0o640,
        release.INTERNAL.database: 0o640,
    }


def test_the_public_folder_describes_every_file_and_names_no_internal_table(province: dict[str, Any]) -> None:
    folder = (province["warehouse"] / "current").resolve()
    every = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    files = {name for name in every if not name.startswith(("report/", "exchange/"))}
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert files == {resource["path"] for resource in package["resources"]} | {"datapackage.json", "SHA256SUMS"}
    assert package["dx"]["tables"].keys().isdisjoint(INTERNAL)
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert all(pq.read_metadata(path).num_columns for path in folder.rglob("*.parquet"))

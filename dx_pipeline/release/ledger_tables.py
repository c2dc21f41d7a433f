"""The tables of the ledger in a release: whole for analysts inside, for everybody without what reveals few rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.release.part import PUBLIC, Part
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import insert
from dx_pipeline.tables import partition, public_ledger
from dx_pipeline.tables.ledger import Ledger
from dx_pipeline.tables.partition import Key


def fill_ledger(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, ledger: Ledger, part: Part
) -> None:
    """Fill the ledger's tables of a part of a release, which must exist and be empty."""
    contracts = catalogue.of_audience(part.name)
    whole: Mapping[str, Iterable[dict[str, Any]]] = ledger.tables()
    if part is PUBLIC:
        whole = public_ledger.tables(ledger, catalogue, _earlier(settings, catalogue, connection, ledger))
    for table, rows in whole.items():
        if table in contracts:
            insert(connection, table, list(rows), arrow_schema(contracts[table], contracts[table].published))
    for key in ledger.runs:
        path = partition.quarantined(settings, key)
        if path is not None and pq.read_metadata(path).num_rows:
            month = literal(str(key.month)) if key.month else "NULL"
            hidden = ", ".join(map(literal, _hidden(catalogue, key, part)))
            connection.execute(
                f"""
                INSERT INTO ledger.quarantine BY NAME
                SELECT {literal(key.table)} AS table_name, {literal(key.source)} AS source, {month} AS month,
                    COLUMNS(lambda name: NOT list_contains([{hidden}]::VARCHAR[], name))
                FROM read_parquet({literal(str(path))}, hive_partitioning = false)
                ORDER BY ALL
                """
            )


def _earlier(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, ledger: Ledger
) -> dict[Key, int]:
    """How many rows of each partition are states of earlier months, of tables that change and withhold something."""
    found = {}
    for key in ledger.runs:
        contract, path = catalogue.contracts[key.table], partition.rows(settings, key)
        if contract.changes and path is not None and catalogue.withholds(key.table):
            is_earlier = f"date_trunc('month', {quoted(str(contract.month))}) < date_trunc('month', month)"
            rows = f"read_parquet({literal(str(path))}, hive_partitioning = false)"
            ((found[key],),) = connection.execute(f"SELECT count(*) FROM {rows} WHERE {is_earlier}").fetchall()
    return found


def _hidden(catalogue: Catalogue, key: Key, part: Part) -> Iterator[str]:
    """The columns of quarantined rows that are left empty: neither a line, a reporter nor an order names a case."""
    if catalogue.contracts[key.table].audience != "public":
        yield from ("delivery_line", "reporter")
    if part is PUBLIC and catalogue.withholds(key.table):
        yield from ("delivery_id", "delivery_line")

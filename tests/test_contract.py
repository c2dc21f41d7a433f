"""One declaration of a table renders everything that shows it."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import comments, create_table


def test_every_table_can_be_created_with_its_comments(declared: Catalogue) -> None:
    with duckdb.connect() as connection:
        for name, contract in declared.contracts.items():
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
            for statement in (create_table(name, contract.stored), *comments(name, contract, contract.stored)):
                connection.execute(statement)
        without_comment = "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
        assert connection.execute(without_comment).fetchall() == []


def test_arrow_and_duckdb_agree_on_every_type(declared: Catalogue) -> None:
    for name, contract in declared.contracts.items():
        with duckdb.connect() as connection:
            connection.execute(create_table("probe", contract.stored))
            shown = connection.table("probe").to_arrow_table().schema
        for field in arrow_schema(contract, contract.stored):
            kind = shown.field(field.name).type
            same = pa.types.is_timestamp(kind) and pa.types.is_timestamp(field.type)
            assert same or kind == field.type, (name, field.name)


def test_units_are_in_the_arrow_metadata(declared: Catalogue) -> None:
    contract = declared.contracts["statistics.dossier"]
    assert arrow_schema(contract, contract.stored).field("fee_vnd").metadata[b"unit"] == b"VND"

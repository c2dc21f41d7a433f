"""The reference tables that the engine itself reads: units, agencies, successions, targets, published figures."""

from __future__ import annotations

import duckdb

from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.kpi.units import FOREVER, Agency, Succession, Unit, Units

SUCCESSION = "reference.succession"
TABLES = (
    "programme.published_figure",
    "programme.target",
    "reference.admin_unit",
    "reference.agency",
    SUCCESSION,
)


def units(connection: duckdb.DuckDBPyConnection) -> Units:
    """Every unit through time, from the tables of a connection."""
    of_tables = connection.execute(sql_file(__file__, "unit")).fetchall()
    agencies = connection.execute(
        "SELECT agency_code, unit_code, valid_from, valid_to FROM reference.agency ORDER BY ALL"
    ).fetchall()
    successions = connection.execute(
        f"SELECT unit_code, successor_code, succeeded_on, is_whole FROM {SUCCESSION} ORDER BY ALL"
    ).fetchall()
    return Units(
        [Unit(code, level, parent, first, last or FOREVER) for code, level, parent, first, last in of_tables],
        [Agency(code, unit, first, last or FOREVER) for code, unit, first, last in agencies],
        [Succession(*row) for row in successions],
    )

"""Rows that belong into a figure and are in none: the second computation's count of them, by table and month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

import pandas as pd
from oracle import (
    SERVICE,
    active_enterprises,
    existing_groups,
    latest_dossiers,
    monthly,
    services,
)
from oracle_766 import PORTAL_SYNC, PROCEDURE, lost_open, lost_procedures, lost_settled
from oracle_tables import Tables, in_force, last_day


def _lost(frame: pd.DataFrame, tables: Tables, month: date, code: str, day: str = "day") -> int:
    """How many rows of a month are in no figure because their code has no unit yet."""
    rows = frame if frame.empty else frame[frame["partition_month"] == month]
    return sum(tables.territory.unit_of(*pair) is None for pair in zip(rows[code], rows[day], strict=True))


def _lost_services(tables: Tables, month: date) -> int:
    """How many services of a month no unit offers."""
    listed, offered = tables.frame(SERVICE), tables.once(services)
    rows = listed if listed.empty else listed[listed["partition_month"] == month]
    return len(rows) and len(set(rows["procedure_code"]) - set(offered[offered["day"] == last_day(month)]["item"]))


def _lost_plans(tables: Tables, month: date) -> int:
    """How many plans of a month are of agencies that are not in force at its end."""
    plan = tables.frame("programme.plan")
    rows = plan if plan.empty else plan[plan["partition_month"] == month]
    day = last_day(month)
    codes = {row["agency_code"] for row in tables.rows("reference.agency") if in_force(row, day)}
    return len(rows) and int((~rows["agency_code"].isin(codes)).sum())


_LOST: dict[str, Callable[[Tables, date], int]] = {
    "received": lambda tables, month: _lost(tables.once(latest_dossiers), tables, month, "agency_code", "received_on"),
    "settled": lost_settled,
    "open": lost_open,
    PROCEDURE: lost_procedures,
    PORTAL_SYNC: lambda tables, month: _lost(monthly(tables, PORTAL_SYNC, "agency_code"), tables, month, "agency_code"),
    SERVICE: _lost_services,
    "programme.community_group": lambda tables, month: _lost(existing_groups(tables), tables, month, "unit_code"),
    "programme.digital_enterprise": lambda tables, month: _lost(active_enterprises(tables), tables, month, "unit_code"),
    "programme.plan": _lost_plans,
    "programme.project_milestone": lambda tables, month: _lost(
        monthly(tables, "programme.project_milestone", "unit_code"), tables, month, "unit_code"
    ),
}


@lru_cache(maxsize=1000)
def lost(tables: Tables, table: str, month: date) -> int:
    """How many rows of a table (of dossiers: as what they are counted) and month are in no figure; computed once."""
    return _LOST[table](tables, month)

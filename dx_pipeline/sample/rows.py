"""Rows: what a source delivers of a table for a month, with the columns of the table's contract."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample import (
    connection,
    dossier,
    exchange,
    portal_sync,
    procedure_list,
    programme,
    return_06a,
    service,
)
from dx_pipeline.sample.operation import CONNECTIONS
from dx_pipeline.sample.scenario import Scenario

PROVINCIAL: dict[str, Callable[[Scenario, Month], pa.Table]] = {
    "reference.procedure": procedure_list.table,
    "statistics.dossier": dossier.table,
    "statistics.portal_sync": portal_sync.table,
    "statistics.service": service.table,
    "statistics.return_06a": return_06a.table,
    "programme.plan": programme.plans,
    "programme.community_group": programme.community_groups,
    "programme.digital_enterprise": programme.enterprises,
    "programme.project_milestone": programme.milestones,
}
"""The tables that the province's agencies return."""

OF_A_SYSTEM: dict[str, Callable[[Scenario, str, Month], pa.Table]] = {
    "connection.register": connection.register,
    "connection.traffic": connection.traffic,
    "connection.exchange": exchange.records,
}
"""The tables that a national system delivers about its own connection."""


def are_made(table: str, source: str) -> bool:
    """Whether the sample has rows of a table from a source."""
    return table in PROVINCIAL or (table in OF_A_SYSTEM and source in CONNECTIONS)


def make(scenario: Scenario, table: str, source: str, month: Month) -> pa.Table:
    """The rows of a table that a source delivers for a month; there are some if `are_made`."""
    if table in PROVINCIAL:
        return PROVINCIAL[table](scenario, month)
    return OF_A_SYSTEM[table](scenario, source, month)

"""The made-up world: what holds in every month, and each table's rows of one month out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample import connection, dossier, exchange, procedure, programme, province, return_06a, service
from dx_pipeline.sample.operation import CONNECTIONS
from dx_pipeline.sample.procedure import Procedure
from dx_pipeline.sample.province import Province

OF_A_SYSTEM = frozenset({"connection.register", "connection.traffic", "connection.exchange"})
OF_THE_PROVINCE = frozenset(
    {
        "statistics.dossier",
        "statistics.service",
        "statistics.return_06a",
        "programme.plan",
        "programme.community_group",
        "programme.digital_enterprise",
        "programme.project_milestone",
    }
)


@dataclass(frozen=True)
class World:
    """Who there is, what can be applied for, how much of it (1 is the province), and the seed."""

    province: Province
    procedures: tuple[Procedure, ...]
    seed: int
    scale: float


def build(reference: Path, *, seed: int, scale: float) -> World:
    """The world of one seed, with the agencies and codes of a folder of reference files.

    Raises:
        UsageError: a reference file is missing.
    """
    people = province.read(reference, seed)
    return World(people, procedure.procedures(reference, people, seed), seed, scale)


def tells_of(table: str, source: str) -> bool:
    """Whether the sample knows what a source delivers for a table."""
    return table in OF_THE_PROVINCE or (table in OF_A_SYSTEM and source in CONNECTIONS)


def rows(world: World, table: str, source: str, month: Month) -> pa.Table:
    """The rows of a table, in its contract's terms, that a source delivers for a month.

    Raises:
        KeyError: the sample does not tell of that table and source (see `tells_of`).
    """
    match table:
        case "statistics.dossier":
            made = dossier.table(month, world.province, world.procedures, seed=world.seed, scale=world.scale)
        case "statistics.service":
            made = service.table(month, world.procedures, world.seed)
        case "statistics.return_06a":
            made = return_06a.table(month, world.procedures, seed=world.seed, scale=world.scale)
        case "programme.plan":
            made = programme.plans(month, world.province, world.seed)
        case "programme.community_group":
            made = programme.community_groups(month, world.province, world.seed)
        case "programme.digital_enterprise":
            made = programme.enterprises(month)
        case "programme.project_milestone":
            made = programme.milestones(month)
        case _ if table in OF_A_SYSTEM:
            made = _of_a_system(world, table, source, month)
        case _:
            raise KeyError(table)
    return made


def _of_a_system(world: World, table: str, source: str, month: Month) -> pa.Table:
    match table:
        case "connection.register":
            return connection.register(source, world.province)
        case "connection.exchange":
            return exchange.records(source, month, seed=world.seed, scale=world.scale)
        case _:
            return connection.traffic(source, month, seed=world.seed, scale=world.scale)


def titles(table: str, month: Month) -> tuple[str, ...]:
    """What a return of a table prints above its headings beside its name and month."""
    return return_06a.titles(month) if table == "statistics.return_06a" else ()

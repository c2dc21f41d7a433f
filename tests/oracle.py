"""Every KPI of the province once more, in pandas, from the published tables: what tests compare the engine with.

It is written from the definitions in words (`formula` and `denominator_scope` of `assets/kpi`) and shares no code with
the engine. `Counted` has what is counted, by the unit and day of each row; `expected.py` beside it adds it up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from oracle_tables import Tables, in_force, last_day
from territory import DAY

START, NEW_LEVELS, TWO_TIERS = date(2022, 1, 1), date(2022, 8, 15), date(2025, 7, 1)
PLACE = ["unit", "day", "system", "statistic"]
LOCAL = "Asia/Ho_Chi_Minh"


@dataclass(frozen=True)
class Counted:
    """What one version of a KPI counts.

    Args:
        rows: by unit, day, system and statistic a `numerator` and a `denominator`; or, of distinct things, an `item`
            and whether it `is_counted`.
        found: for items that are looked for elsewhere: the items there, with unit, day and system.
        is_wanted: whether items count that are found, or those that are not.
        open: what is added of a state at the end of the window, in the form of `rows`.
    """

    rows: pd.DataFrame
    found: pd.DataFrame | None = None
    is_wanted: bool = True
    open: pd.DataFrame | None = None


@dataclass(frozen=True)
class Kind:
    """What a KPI needs, and how its value is written.

    Args:
        count: the counting of a version.
        tables: those of which every partition is needed.
        basis: every month of the window (`flow`), its last one (`stock`) or the newest there is (`latest`).
        states: tables of which only the last month is needed, although the basis is `flow`.
        losses: what dossiers are counted as, where rows that belong into a figure and are in none can be lost.
        versions: number, first and last day of each definition.
        joined: tables that only say something about rows of another: none of their own rows can be missed.
    """

    count: Callable[[Tables, int], Counted]
    tables: tuple[str, ...]
    basis: str = "stock"
    decimals: int = 0
    is_percent: bool = False
    by_system: bool = False
    levels: tuple[str, ...] = ("province", "agency", "district", "commune")
    statistics: tuple[str | None, ...] = (None,)
    versions: tuple[tuple[int, date, date | None], ...] = ((1, START, None),)
    is_measure: bool = False
    joined: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    losses: tuple[str, ...] = ("received",)


def placed(tables: Tables, frame: pd.DataFrame, code: str, day: str) -> pd.DataFrame:
    """Rows with the unit that a code counts towards on their day, without those whose code has no unit yet."""
    pairs = frame[[code, day]].drop_duplicates()
    units = {(row[0], row[1]): tables.territory.unit_of(row[0], row[1]) for row in pairs.itertuples(index=False)}
    keys = zip(frame[code], frame[day], strict=True)
    placed = frame.assign(unit=[units[key] for key in keys], day=frame[day])
    return placed[placed["unit"].notna()]


def summed(frame: pd.DataFrame, numerator: Any, denominator: Any = None) -> Counted:
    named = {"unit": None, "system": None, "statistic": None, **{name: frame[name] for name in PLACE if name in frame}}
    rows = frame.assign(**named, numerator=numerator, denominator=denominator)[[*PLACE, "numerator", "denominator"]]
    rows = rows.astype({"numerator": float, "denominator": float})
    return Counted(rows.groupby(PLACE, dropna=False, as_index=False).sum(min_count=1))


def empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})


# Dossiers: one row each, on the day it was received.


def latest_dossiers(tables: Tables) -> pd.DataFrame:
    """The latest state of each dossier: that of the last month that was delivered."""
    frame = tables.frame("statistics.dossier")
    return frame if frame.empty else frame.sort_values("partition_month").drop_duplicates("dossier_code", keep="last")


def dossiers(tables: Tables) -> pd.DataFrame:
    """Dossiers with the unit of their agency on the day they were received."""
    frame = tables.once(latest_dossiers)
    if frame.empty:
        return empty("unit", "day", "channel", "procedure_code", "is_online", "month")
    found = placed(tables, frame, "agency_code", "received_on")
    return found.assign(is_online=found["channel"].eq("online").fillna(value=False))  # an empty channel is direct


def among_procedures(frame: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Dossiers of procedures that the return of the month of receipt lists."""
    if listed.empty or frame.empty:
        return frame.head(0)
    pairs = set(zip(listed["procedure_code"], listed["partition_month"], strict=True))
    months = [day.replace(day=1) for day in frame["day"]]
    return frame[[pair in pairs for pair in zip(frame["procedure_code"], months, strict=True)]]


def online_of_all(tables: Tables, _version: int) -> Counted:
    """Dossiers received online / all dossiers received; an empty channel counts as direct."""
    frame = tables.once(dossiers)
    return summed(frame, frame["is_online"], 1)


def online_with_service(tables: Tables, _version: int) -> Counted:
    """The same, among dossiers of procedures with an online service at the end of the month of receipt."""
    frame = among_procedures(tables.once(dossiers), tables.frame("statistics.service"))
    return summed(frame, frame["is_online"], 1)


def online_eligible(tables: Tables, _version: int) -> Counted:
    """The same, among dossiers of procedures that are eligible for full online handling."""
    listed = tables.frame("reference.procedure")
    eligible = listed if listed.empty else listed[listed["is_full_online_eligible"]]
    frame = among_procedures(tables.once(dossiers), eligible)
    return summed(frame, frame["is_online"], 1)


def channel_missing(tables: Tables, _version: int) -> Counted:
    """Dossiers whose source does not say the channel / all dossiers received."""
    frame = tables.once(dossiers)
    return summed(frame, frame["channel"].isna(), 1)


# Services: distinct, at the end of the month, of each unit that offers them.


def services(tables: Tables) -> pd.DataFrame:
    """Services at each unit that offers them at the end of the month."""
    frame = tables.frame("statistics.service")
    if frame.empty:
        return empty("unit", "day", "item", "service_level", "is_integrated")
    frame = frame.assign(day=[last_day(month) for month in frame["partition_month"]], item=frame["procedure_code"])
    parts = [placed(tables, frame[frame["authority_level"] == "province"], "agency_code", "day")]
    agencies = tables.rows("reference.agency")
    for day in frame["day"].unique():
        for level in ("district", "commune"):
            offering = [row["unit_code"] for row in agencies if row["agency_level"] == level and in_force(row, day)]
            these = frame[(frame["authority_level"] == level) & (frame["day"] == day)]
            parts += [these.assign(unit=unit) for unit in sorted(set(offering))]
    return pd.concat(parts)


def integrated(tables: Tables, version: int) -> Counted:
    """Level-4 (since Decree 42/2022: full) services on the national portal / all of them."""
    frame = tables.once(services)
    frame = frame[frame["service_level"] == {1: "level_4", 2: "full"}[version]]
    return Counted(frame.assign(is_counted=frame["is_integrated"], system=None))


def full_online(tables: Tables, version: int) -> Counted:
    """Services of level 4 (since Decree 42/2022: full) / all online ones."""
    frame = tables.once(services)
    partly, whole = {1: ("level_3", "level_4"), 2: ("partial", "full")}[version]
    frame = frame[frame["service_level"].isin([partly, whole])]
    return Counted(frame.assign(is_counted=frame["service_level"] == whole, system=None))


def used(tables: Tables, version: int) -> Counted:
    """Online services with a dossier received online in the window / online services at its end."""
    frame = tables.once(services)
    levels = {1: ["level_3", "level_4"], 2: ["partial", "full"]}[version]
    online = tables.once(dossiers)
    online = online[online["is_online"].astype(bool)].assign(system=None)
    found = online.assign(item=online["procedure_code"])
    return Counted(frame[frame["service_level"].isin(levels)].assign(is_counted=True, system=None), found)


# Programmes: at the end of the month.


def monthly(tables: Tables, table: str, *columns: str) -> pd.DataFrame:
    frame = tables.frame(table)
    if frame.empty:
        return empty("unit", "day", *columns)
    return frame.assign(day=[last_day(month) for month in frame["partition_month"]])


def existing_groups(tables: Tables) -> pd.DataFrame:
    """Groups set up and not dissolved at the end of the month."""
    frame = monthly(tables, "programme.community_group", "unit_code", "established_on", "dissolved_on")
    dissolved = frame["dissolved_on"].isna() | (frame["dissolved_on"].fillna(date.max) > frame["day"])
    return frame[(frame["established_on"] <= frame["day"]) & dissolved]


def groups(tables: Tables, _version: int) -> Counted:
    """Groups set up and not dissolved at the end of the window."""
    return summed(placed(tables, existing_groups(tables), "unit_code", "day"), 1)


def active_enterprises(tables: Tables) -> pd.DataFrame:
    """Counts of enterprises in operation at the end of the month."""
    columns = ("unit_code", "enterprise_status", "enterprise_count", "solution_provider_count")
    frame = monthly(tables, "programme.digital_enterprise", *columns)
    return frame[frame["enterprise_status"] == "active"]


def enterprises(column: str) -> Callable[[Tables, int], Counted]:
    """Enterprises (or providers among them) in operation at the end of the window."""

    def count(tables: Tables, _version: int) -> Counted:
        frame = placed(tables, active_enterprises(tables), "unit_code", "day")
        return summed(frame, frame[column])

    return count


def plans(tables: Tables, version: int) -> Counted:
    """Agencies that have issued a plan / specialised agencies and districts (since July 2025: communes) in force."""
    second = {1: "district", 2: "commune"}[version]
    plan = monthly(tables, "programme.plan", "agency_code", "plan_status", "issued_on")
    issued = plan[(plan["plan_status"] == "issued") & (plan["issued_on"].fillna(date.max) <= plan["day"])]
    done = set(zip(issued["agency_code"], issued["day"], strict=True))
    listed = [row for row in tables.rows("reference.agency") if row["agency_level"] in {"specialised", second}]
    rows = [
        {"unit": row["unit_code"], "day": day, "is_issued": (row["agency_code"], day) in done}
        for day in plan["day"].unique()
        for row in listed
        if in_force(row, day)
    ]
    frame = pd.DataFrame(rows) if rows else empty("unit", "day", "is_issued")
    return summed(frame, frame["is_issued"], 1)


def milestones(tables: Tables, _version: int) -> Counted:
    """Milestones of the Hòa Thành project completed / all of them, by the month's return."""
    columns = ("unit_code", "project_code", "milestone_status", "completed_on")
    frame = monthly(tables, "programme.project_milestone", *columns)
    frame = placed(tables, frame[frame["project_code"] == "hoa_thanh_smart_city"], "unit_code", "day")
    is_done = (frame["milestone_status"] == "done") & (frame["completed_on"].fillna(date.max) <= frame["day"])
    return summed(frame, is_done, 1)


# Connections: of the whole province, by system.


def calls(tables: Tables) -> pd.DataFrame:
    """Traffic by the day in the province's time."""
    frame = tables.frame("connection.traffic")
    if frame.empty:
        names = ("call", "succeeded", "failed_client", "paired", "client_only", "producer_only")
        return empty("day", "system", "operation", *(f"{name}_count" for name in names), *BUCKETS)
    return frame.assign(day=list(frame["hour_at"].dt.tz_convert(LOCAL).dt.date))


def volume(tables: Tables, _version: int) -> Counted:
    """All calls within the window."""
    frame = tables.once(calls)
    return summed(frame, frame["call_count"])


def orphans(tables: Tables, _version: int) -> Counted:
    """Exchanges with a record of one side only / exchanges with any record, where both sides are delivered."""
    frame = tables.once(calls)
    frame = frame[frame["paired_count"].notna()]
    one_sided = frame["client_only_count"] + frame["producer_only_count"]
    return summed(frame, one_sided, one_sided + frame["paired_count"])


def availability(tables: Tables, _version: int) -> Counted:
    """Calls that succeeded / calls but those that failed on the caller's side; those / all calls; attempts."""
    frame = tables.once(calls)
    by_caller = frame["failed_client_count"]
    exchange = summed(frame.assign(statistic="exchange"), frame["succeeded_count"], frame["call_count"] - by_caller)
    caller = summed(frame.assign(statistic="caller"), by_caller, frame["call_count"])
    tried = tables.frame("connection.attempt")
    if not tried.empty:
        tried = tried[tried["duration_ms"].notna() & tried["system"].notna()]
    if tried.empty:
        return Counted(pd.concat([exchange.rows, caller.rows]))
    tried = tried.assign(day=[last_day(month) for month in tried["month"]], statistic="attempt")
    attempt = summed(tried, tried["status"] != "failed", 1)
    return Counted(pd.concat([exchange.rows, caller.rows, attempt.rows]))


def live(tables: Tables) -> pd.DataFrame:
    """Operations that are connected in production at the end of the month."""
    frame = monthly(tables, "connection.register", "system", "operation", "environment", "connection_status")
    frame = frame[(frame["environment"] == "production") & (frame["connection_status"] == "connected")]
    return frame.assign(item=frame["operation"], unit=None, is_counted=True)


def _called(tables: Tables) -> pd.DataFrame:
    frame = tables.once(calls)
    frame = frame[frame["call_count"] > 0]
    return frame.assign(item=frame["operation"], unit=None, is_counted=True)


def undeclared(tables: Tables, _version: int) -> Counted:
    """Operations with calls within the window that are not connected in the register at its end."""
    return Counted(_called(tables), tables.once(live), is_wanted=False)


def unused(tables: Tables, _version: int) -> Counted:
    """Operations connected in production at the end of the window without a call within it."""
    return Counted(tables.once(live), _called(tables), is_wanted=False)


def connected(tables: Tables, _version: int) -> Counted:
    """Planned systems with an operation live in production / planned systems."""
    frame = tables.once(live)
    if len(frame):
        frame = frame[frame["go_live_on"].fillna(date.max) <= frame["day"]]
    is_live = set(zip(frame["system"], frame["day"], strict=True))
    planned = [row["system"] for row in tables.rows("reference.system") if row["is_planned"]]
    days = {last_day(month) for _, month in tables.there("connection.register") if month}
    rows = [{"day": day, "is_live": (system, day) in is_live} for day in sorted(days) for system in planned]
    made = pd.DataFrame(rows) if rows else empty("day", "is_live")
    return summed(made, made["is_live"], 1)


def measured(tables: Tables, _version: int) -> Counted:
    """What ages and percentiles are taken from; they cannot be added up."""
    return Counted(tables.once(calls))


EDGES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
BUCKETS = (*(f"duration_to_{edge}_ms_count" for edge in EDGES), "duration_over_10000_ms_count")
DOSSIER, SERVICE = "statistics.dossier", "statistics.service"
TRAFFIC, REGISTER = "connection.traffic", "connection.register"
READINGS_SHOWN = ("province", "district")
LEVELS_CHANGED = ((1, START, NEW_LEVELS - DAY), (2, NEW_LEVELS, None))
TIERS_CHANGED = ((1, START, TWO_TIERS - DAY), (2, TWO_TIERS, None))


def _rate(count: Callable[[Tables, int], Counted], *tables: str, **more: Any) -> Kind:
    return Kind(count, tables, **{"decimals": 2, "is_percent": True, **more})


def _of_systems(count: Callable[[Tables, int], Counted], *tables: str, **more: Any) -> Kind:
    return Kind(count, tables, by_system=True, **{"basis": "flow", **more})


KINDS = {
    "community_group_count": Kind(groups, ("programme.community_group",)),
    "connection_availability": _of_systems(
        availability, TRAFFIC, decimals=2, is_percent=True, statistics=("exchange", "caller", "attempt")
    ),
    "connection_coverage": _rate(connected, REGISTER, decimals=1),
    "connection_freshness": _of_systems(measured, TRAFFIC, basis="latest", is_measure=True),
    "connection_undeclared": _of_systems(undeclared, REGISTER, TRAFFIC, states=(REGISTER,)),
    "connection_unused": _of_systems(unused, REGISTER, TRAFFIC, states=(REGISTER,)),
    "digital_enterprise_count": Kind(enterprises("enterprise_count"), ("programme.digital_enterprise",)),
    "dossier_channel_missing_rate": _rate(channel_missing, DOSSIER, basis="flow", levels=("province",)),
    "dx_plan_coverage": _rate(plans, "programme.plan", versions=TIERS_CHANGED),
    "exchange_latency": _of_systems(measured, TRAFFIC, is_measure=True, statistics=("p50", "p95", "p99")),
    "exchange_volume": _of_systems(volume, TRAFFIC),
    "full_online_service_rate": _rate(full_online, SERVICE, versions=LEVELS_CHANGED),
    "online_dossier_rate": _rate(online_of_all, DOSSIER, basis="flow"),
    "online_dossier_rate_full_online": _rate(
        online_eligible,
        DOSSIER,
        "reference.procedure",
        basis="flow",
        joined=("reference.procedure",),
        levels=READINGS_SHOWN,
    ),
    "online_dossier_rate_with_service": _rate(
        online_with_service, DOSSIER, SERVICE, basis="flow", joined=(SERVICE,), levels=READINGS_SHOWN
    ),
    "orphan_exchange_share": _of_systems(orphans, TRAFFIC, decimals=2, is_percent=True),
    "service_integration_rate": _rate(integrated, SERVICE, decimals=1, versions=LEVELS_CHANGED),
    "service_usage_rate": _rate(used, DOSSIER, SERVICE, basis="flow", states=(SERVICE,), versions=LEVELS_CHANGED),
    "smart_city_progress": _rate(milestones, "programme.project_milestone"),
    "solution_provider_count": Kind(enterprises("solution_provider_count"), ("programme.digital_enterprise",)),
}
"""Every KPI that is computed. `digital_enterprise_index` is not: others publish it."""


def sources_of(table: str, systems: Sequence[str]) -> tuple[str, ...]:
    """The sources that deliver a table: each system its own connection, an agency the rest."""
    return tuple(systems) if table.startswith("connection.") else (table.partition(".")[2],)

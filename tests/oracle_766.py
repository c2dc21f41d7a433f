"""The criteria of the 766 index once more, in pandas: see `oracle`.

A dossier ended on the day it was finished, or else returned, or else stopped. It is on time until its deadline, and in
progress at the end of each month from that of its receipt to the last one before its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import oracle
import pandas as pd
from oracle import DOSSIER, LEVELS_CHANGED, READINGS_SHOWN, SERVICE, Counted, Kind
from oracle_tables import Tables, in_force, last_day, records

PROCEDURE, PORTAL_SYNC = "reference.procedure", "statistics.portal_sync"
SATURDAY = 5
Row = dict[str, Any]


@cache
def _latest(tables: Tables) -> list[Row]:
    return records(tables.once(oracle.latest_dossiers))


def _procedures(tables: Tables) -> dict[tuple[str, date], Row]:
    """The procedures of each list, by code and first day of the month."""
    return {(row["procedure_code"], row["partition_month"]): row for row in tables.rows(PROCEDURE)}


def _first(day: date) -> date:
    return day.replace(day=1)


def working_days_after(day: date, number: int, closed: set[date]) -> date:
    """The day so many working days after a day."""
    while number > 0:
        day += timedelta(1)
        number -= day.weekday() < SATURDAY and day not in closed
    return day


def is_late(dossier: Row, on: date, procedures: dict[tuple[str, date], Row], closed: set[date]) -> bool:
    """Whether a dossier that ends on a day, or is in progress then, is late."""
    if (dossier["supplement_count"] or 0) > 1:
        return True
    due = dossier["due_on"]
    if due is None:
        listed = procedures.get((dossier["procedure_code"], _first(dossier["received_on"])))
        if listed is None or listed["statutory_days"] is None:
            return False
        due = working_days_after(dossier["received_on"], int(listed["statutory_days"]), closed)
    asked, came = dossier["supplement_requested_on"], dossier["supplement_received_on"]
    if asked is None or asked > on:
        return bool(on > due)
    if asked > due:  # the clock had run out before it was stopped
        return True
    if came is None or came > on:
        return False
    return bool(on > due + (came - asked))


def _ended_on(dossier: Row) -> date | None:
    days = (dossier["finished_on"], dossier["returned_on"], dossier["stopped_on"])
    return next((day for day in days if day is not None), None) if dossier["dossier_status"] != "in_progress" else None


EMPTY = ("code", "unit", "day", "month", "is_late", "has_complaint", "has_document", "is_electronic", "is_digitised")


def _rows_placed(tables: Tables, rows: list[Row]) -> pd.DataFrame:
    return oracle.placed(tables, pd.DataFrame(rows), "code", "day") if rows else oracle.empty(*EMPTY)


def settled_rows(tables: Tables) -> list[Row]:
    """What is asked of each dossier that has ended on a known day."""
    procedures = _procedures(tables)
    closed = {row["day"] for row in tables.rows("reference.holiday")}
    found = []
    for dossier in _latest(tables):
        day = _ended_on(dossier)
        if day is not None:
            listed = procedures.get((dossier["procedure_code"], _first(day)))
            components, digitised = dossier["components_count"], dossier["components_digitised_count"]
            is_finished = dossier["dossier_status"] == "finished"
            is_whole = components is not None and digitised is not None and digitised >= components
            found.append(
                {
                    "code": dossier["agency_code"],
                    "day": day,
                    "month": dossier["partition_month"],
                    "is_late": is_late(dossier, day, procedures, closed),
                    "has_complaint": bool(dossier["has_complaint"]),
                    "has_document": bool(is_finished and listed and listed["requires_result"]),
                    "is_electronic": bool(dossier["has_electronic_result"]),
                    "is_digitised": is_whole and bool(dossier["has_digitised_result"]),
                }
            )
    return found


def open_rows(tables: Tables) -> Iterator[Row]:
    """Each dossier in progress at the end of each month for which dossiers were delivered."""
    procedures = _procedures(tables)
    closed = {row["day"] for row in tables.rows("reference.holiday")}
    days = sorted(last_day(month) for _, month in tables.there(DOSSIER) if month)
    for dossier in _latest(tables):
        ended = _ended_on(dossier)
        if ended is None and dossier["dossier_status"] != "in_progress":
            continue
        for day in days:
            if dossier["received_on"] <= day and (ended is None or ended > day):
                yield {
                    "dossier_code": dossier["dossier_code"],
                    "code": dossier["agency_code"],
                    "day": day,
                    "month": dossier["partition_month"],
                    "is_late": is_late(dossier, day, procedures, closed),
                    "has_complaint": bool(dossier["has_complaint"]),
                }


def settled(tables: Tables) -> pd.DataFrame:
    """Settled dossiers with their unit."""
    return _rows_placed(tables, settled_rows(tables))


def in_progress(tables: Tables) -> pd.DataFrame:
    """Dossiers in progress with their unit."""
    return _rows_placed(tables, list(open_rows(tables)))


def _handled(numerator: Callable[[pd.DataFrame], Any]) -> Callable[[Tables, int], Counted]:
    def count(tables: Tables, _version: int) -> Counted:
        ended, still = tables.once(settled), tables.once(in_progress)
        summed, added = (oracle.summed(frame, numerator(frame), 1) for frame in (ended, still))
        return replace(summed, open=added.rows)

    return count


def _settled(numerator: str, among: str | None = None) -> Callable[[Tables, int], Counted]:
    def count(tables: Tables, _version: int) -> Counted:
        frame = tables.once(settled)
        frame = frame if among is None else frame[frame[among].astype(bool)]
        return oracle.summed(frame, frame[numerator], 1)

    return count


def reused(tables: Tables, _version: int) -> Counted:
    """Reused documents / dossiers received."""
    frame = tables.once(oracle.dossiers)
    documents = frame["components_reused_count"].fillna(0) if len(frame) else 0
    return oracle.summed(frame, documents, 1)


def paid_online(tables: Tables, _version: int) -> Counted:
    """Dossiers paid online / those of procedures with a fee that were not free."""
    listed = tables.frame(PROCEDURE)
    with_fee = listed if listed.empty else listed[listed["has_fee"]]
    frame = oracle.among_procedures(tables.once(oracle.dossiers), with_fee)
    if len(frame):
        frame = frame[frame["fee_vnd"].isna() | (frame["fee_vnd"] != 0)]
    paid = frame["paid_online"].eq(True).fillna(value=False) if len(frame) else 0  # noqa: FBT003
    return oracle.summed(frame, paid, 1)


def synchronised(tables: Tables, _version: int) -> Counted:
    """Synchronised / the larger of reported and received on the portal, of each agency and month."""
    counts = ("reported_count", "portal_received_count", "synchronised_count")
    frame = oracle.monthly(tables, PORTAL_SYNC, "agency_code", *counts)
    placed = oracle.placed(tables, frame, "agency_code", "day")
    larger = placed[list(counts[:2])].max(axis=1)
    return oracle.summed(placed, placed["synchronised_count"], larger)


def procedures(tables: Tables) -> pd.DataFrame:
    """Procedures in force at each unit that handles them at the end of the month, with their service."""
    services = {(row["procedure_code"], row["partition_month"]): row for row in tables.rows(SERVICE)}
    agencies, found = tables.rows("reference.agency"), []
    for row in tables.rows(PROCEDURE):
        day = last_day(row["partition_month"])
        if not in_force(row, day):
            continue
        for unit in _units_of(tables, agencies, row, day):
            service = services.get((row["procedure_code"], row["partition_month"]))
            level = service["service_level"] if service else None
            fee = bool(service and service["has_synchronised_fee"])
            about = {"has_fee": row["has_fee"], "level": level, "has_synchronised_fee": fee}
            found.append({"unit": unit, "day": day, "item": row["procedure_code"], **about})
    return pd.DataFrame(found) if found else oracle.empty("unit", "day", "item", "has_fee", "level")


def _units_of(tables: Tables, agencies: list[Row], row: Row, day: date) -> set[str]:
    if row["authority_level"] == "province":
        unit = tables.territory.unit_of(row["agency_code"], day)
        return {unit} if unit else set()
    level = row["authority_level"]
    return {each["unit_code"] for each in agencies if each["agency_level"] == level and in_force(each, day)}


def offered_online(tables: Tables, version: int) -> Counted:
    """Procedures with an online service, a full one (once level 4), a partial one (level 3) / all procedures."""
    full, partial = {1: ("level_4", "level_3"), 2: ("full", "partial")}[version]
    frame = tables.once(procedures).assign(partition_month=True, system=None)
    level = frame["level"]
    counted = {"all": level.notna(), "full": level == full, "partial": level == partial}
    parts = [frame.assign(statistic=name, is_counted=is_counted) for name, is_counted in counted.items()]
    return Counted(pd.concat(parts))


def fees(tables: Tables, _version: int) -> Counted:
    """Procedures whose fee is synchronised / procedures with a fee."""
    frame = tables.once(procedures).assign(partition_month=True, system=None)
    frame = frame[frame["has_fee"].astype(bool)]
    return Counted(frame.assign(is_counted=frame["has_synchronised_fee"] if len(frame) else False))


def lost_settled(tables: Tables, month: date) -> int:
    """Dossiers of a month that have ended, on a day that nobody knows or under a code that has no unit yet."""
    rows = [row for row in _latest(tables) if row["partition_month"] == month]
    days = [(row["agency_code"], _ended_on(row)) for row in rows if row["dossier_status"] != "in_progress"]
    return sum(day is None or tables.territory.unit_of(code, day) is None for code, day in days)


def lost_open(tables: Tables, month: date) -> int:
    """Dossiers of a month that are in progress at the end of some month under a code that has no unit yet."""
    rows = tables.once(_open_frame)
    found = rows[rows["month"] == month] if len(rows) else rows
    without = {row.dossier_code for row in found.itertuples() if tables.territory.unit_of(row.code, row.day) is None}
    return len(without)


def _open_frame(tables: Tables) -> pd.DataFrame:
    return pd.DataFrame(list(open_rows(tables)))


def lost_procedures(tables: Tables, month: date) -> int:
    """Procedures of a month in force that no unit handles."""
    agencies = tables.rows("reference.agency")
    rows = [row for row in tables.rows(PROCEDURE) if row["partition_month"] == month and in_force(row, last_day(month))]
    return sum(not _units_of(tables, agencies, row, last_day(month)) for row in rows)


_DOSSIERS: dict[str, Any] = {"decimals": 2, "is_percent": True, "basis": "flow"}
_LISTED: dict[str, Any] = {**_DOSSIERS, "joined": (PROCEDURE,)}
_HANDLED: dict[str, Any] = {**_LISTED, "losses": ("settled", "open")}

KINDS = {
    **oracle.KINDS,
    "data_reuse_rate": Kind(reused, (DOSSIER,), **_DOSSIERS),
    "digitised_dossier_rate": Kind(_settled("is_digitised"), (DOSSIER,), **_DOSSIERS, losses=("settled",)),
    "dossier_paid_online_rate": Kind(paid_online, (DOSSIER, PROCEDURE), **_LISTED),
    "electronic_result_rate": Kind(
        _settled("is_electronic", "has_document"), (DOSSIER, PROCEDURE), **_LISTED, losses=("settled",)
    ),
    "fee_payment_online_rate": Kind(fees, (PROCEDURE, SERVICE), decimals=2, is_percent=True, joined=(SERVICE,)),
    "on_time_rate": Kind(_handled(lambda frame: ~frame["is_late"].astype(bool)), (DOSSIER, PROCEDURE), **_HANDLED),
    "procedure_online_rate": Kind(
        *(offered_online, (PROCEDURE, SERVICE)),
        decimals=2,
        is_percent=True,
        joined=(SERVICE,),
        statistics=("all", "full", "partial"),
        versions=LEVELS_CHANGED,
    ),
    "satisfaction_rate": Kind(
        _handled(lambda frame: 1 - frame["is_late"].astype(int) - frame["has_complaint"].astype(int)),
        *((DOSSIER, PROCEDURE),),
        **_HANDLED,
        levels=("province",),
    ),
    "synchronised_dossier_rate": Kind(synchronised, (PORTAL_SYNC,), **_DOSSIERS, levels=READINGS_SHOWN),
}
"""Every KPI that is computed."""

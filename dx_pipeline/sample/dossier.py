"""Dossiers of a month, as the one-stop system has them a few days after its end: received in it, or ended in it.

A dossier that is open when its month is extracted is in the extract of the month in which it ends once more. The
totals of the first half of 2022 are exact: the pipeline computes the published rates from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.period import Month, parse_months
from dx_pipeline.sample import handling, workday
from dx_pipeline.sample.draw import Days, Flags, Floats, Integers, apportioned, continued, months_since, normalised
from dx_pipeline.sample.procedure import Procedure
from dx_pipeline.sample.province import FIRST_MONTH, MERGER, Agency
from dx_pipeline.sample.scenario import Scenario

FIRST_HALF = parse_months("2022-01:2022-06")
FIRST_HALF_DOSSIERS = 400_000
"""Made up, near what a province of this size receives in half a year, at scale 1."""

AFTER_THE_MERGER = 1.95
"""How many times as many dossiers the merged province receives: near 700,000 in its first five months (press, 2025)."""

FIRST_HALF_ONLINE_SHARE = 0.1765
"""The article, mid-2022: 17.65% of the dossiers were processed online."""

SERVICES_USED_IN_FIRST_HALF = 763
"""The article, mid-2022: 34.37% of the online services produced dossiers; 763 of 2,220 do."""

FIRST_HALF_ONLINE_TREND = (0.145, 0.152, 0.166, 0.178, 0.190, 0.203)
"""How the online share grows from January to June, relative to the exact total."""

LATER_ONLINE_SHARE = {Month(2022, 7): 0.194, Month(2022, 8): 0.218, Month(2022, 9): 0.239}
MONTHLY_ONLINE_GROWTH, MOST_ONLINE = 0.008, 0.6
NEW_SERVICES_A_MONTH = 26

POST_SHARE, MISSING_CHANNEL_SHARE = 0.036, 0.005
"""Of the dossiers that are not online: about 3% and 0.4% of all."""

WITHOUT_DUE_DAY, WITHOUT_FEE, FREE_OF_CHARGE = 0.005, 0.02, 0.05
LATE_SHARE, NEVER_ENDING_SHARE, RETURNED_SHARE, STOPPED_SHARE = 0.034, 0.006, 0.012, 0.005
EXTRACTED_DAYS_AFTER_MONTH = 2
OPEN_MONTHS = 6
"""For so many months after its own a dossier may end: the longest term is 30 working days, and few are very late."""

PAID_BY_THE_PAGE = "2.000815"

ONLINE, DIRECT, POST = 0, 1, 2
CHANNELS = pa.array(["online", "direct", "post"])
IN_PROGRESS = "in_progress"
ENDS = ("finished_on", "returned_on", "stopped_on")
STATUSES = pa.array([IN_PROGRESS, "finished", "returned", "stopped"])
FINISHED, RETURNED, STOPPED = 1, 2, 3
"""Positions of the statuses of dossiers that have ended."""


@dataclass(frozen=True)
class Volume:
    """How many dossiers a month receives, and how many of them online."""

    total: int
    online: int


def volume(scenario: Scenario, month: Month) -> Volume:
    """The volume of a month: the first half of 2022 adds up to the published rates exactly."""
    weights = [float(scenario.workdays.counter_weights(each).sum()) for each in FIRST_HALF]
    half = round(FIRST_HALF_DOSSIERS * scenario.scale)
    if month in FIRST_HALF:
        totals = apportioned(half, weights)
        online = apportioned(round(FIRST_HALF_ONLINE_SHARE * half), totals * np.array(FIRST_HALF_ONLINE_TREND))
        position = FIRST_HALF.index(month)
        return Volume(int(totals[position]), int(online[position]))
    growth = AFTER_THE_MERGER if month >= MERGER else 1
    total = round(growth * half * float(scenario.workdays.counter_weights(month).sum()) / sum(weights))
    return Volume(total, round(total * continued(LATER_ONLINE_SHARE, month, MONTHLY_ONLINE_GROWTH, MOST_ONLINE)))


def table(scenario: Scenario, month: Month) -> pa.Table:
    """`statistics.dossier` of one month: those received in it, then those of earlier months that ended in it.

    The first are in order of day, agency and arrival, the others in order of their months.
    """
    before = [month.plus(-step) for step in range(OPEN_MONTHS, 0, -1) if month.plus(-step) >= FIRST_MONTH]
    since = _extracted_on(month.plus(-1))
    ended = [_ended(_open(scenario, each), since, _extracted_on(month)) for each in before]
    return pa.concat_tables([_as_of(received(scenario, month), _extracted_on(month)), *ended])


@lru_cache(maxsize=OPEN_MONTHS + 1)
def _open(scenario: Scenario, month: Month) -> pa.Table:
    """The dossiers received in a month that end after its extract."""
    return _ended(received(scenario, month), _extracted_on(month), date.max)


def _extracted_on(month: Month) -> date:
    """The day on which the extract of a month is made."""
    return month.last + timedelta(days=EXTRACTED_DAYS_AFTER_MONTH)


def _ended(dossiers: pa.Table, since: date, until: date) -> pa.Table:
    """The dossiers that ended after a day, until another one."""
    ended = ended_on(dossiers)
    return dossiers.filter(pc.and_(pc.greater(ended, pa.scalar(since)), pc.less_equal(ended, pa.scalar(until))))


def ended_on(dossiers: pa.Table) -> pa.ChunkedArray:
    """The day on which each dossier was finished, returned or stopped."""
    return pc.coalesce(*(dossiers[name] for name in ENDS))


def _as_of(dossiers: pa.Table, day: date) -> pa.Table:
    """The dossiers as they are on a day: what ends later is in progress."""
    until = pa.scalar(day)
    is_open = pc.fill_null(pc.greater(ended_on(dossiers), until), True)  # noqa: FBT003 - a value
    shown = {
        **{name: pc.if_else(is_open, None, dossiers[name]) for name in ENDS},
        "dossier_status": pc.if_else(is_open, IN_PROGRESS, dossiers["dossier_status"]),
        **handling.as_of(dossiers, until, is_open),
    }
    for name, values in shown.items():
        dossiers = dossiers.set_column(dossiers.schema.get_field_index(name), name, values)
    return dossiers


@lru_cache(maxsize=1)  # the extract of the next month begins with it
def received(scenario: Scenario, month: Month) -> pa.Table:
    """The dossiers received in a month, in order of day, agency and arrival, as they end; some never do."""
    rng = scenario.generator("dossiers", month)
    procedures, agencies = scenario.procedures_in(month), scenario.province_in(month).agencies
    counts = volume(scenario, month)
    online = _online_procedures(scenario, month, counts.online, rng)
    direct = _drawn(rng, counts.total - counts.online, [item.direct_share for item in procedures])
    procedure = np.concatenate([online, direct])
    agency = _agencies(scenario, month, procedure, rng)
    days = workday.days_of(month)
    online_day = _drawn(rng, len(online), scenario.workdays.portal_weights(month))
    day = np.concatenate([online_day, _drawn(rng, len(direct), scenario.workdays.counter_weights(month))])
    channel = np.full(counts.total, DIRECT)
    channel[: counts.online] = ONLINE
    channel[(channel == DIRECT) & (rng.random(counts.total) < POST_SHARE)] = POST
    has_channel = (channel == ONLINE) | (rng.random(counts.total) >= MISSING_CHANNEL_SHARE)
    order = np.lexsort((rng.random(counts.total), agency, day))
    procedure, agency, day = procedure[order], agency[order], day[order]
    codes = pa.array([agent.code for agent in agencies])
    fees, has_fee = _fees(procedures, procedure, rng)
    progress = _progress(scenario, days[day], _of_each(procedures, procedure, lambda item: item.term_days), rng)
    course = handling.Course(
        agencies=codes.to_pylist(),
        agency=agency,
        received=days[day],
        taken=progress.taken,
        is_online=channel[order] == ONLINE,
        is_late=progress.is_late,
        is_over=progress.status != 0,
        is_finished=progress.status == FINISHED,
        has_paid=fees > 0,
        requires_result=_of_each(procedures, procedure, lambda item: item.requires_result),
        components=_of_each(procedures, procedure, lambda item: item.components),
    )
    return pa.table(
        {
            "dossier_code": _codes(codes, agency, days, day),
            "procedure_code": pa.array([item.code for item in procedures]).take(pa.array(procedure)),
            "agency_code": codes.take(pa.array(agency)),
            "channel": CHANNELS.take(pa.array(channel[order], mask=~has_channel[order])),
            "received_on": pa.array(days[day]),
            **progress.columns,
            "fee_vnd": pa.array(fees, mask=~has_fee),
            **handling.columns(scenario, month, course),
        }
    )


def _drawn(rng: np.random.Generator, count: int, weights: Sequence[float] | Floats) -> Integers:
    return rng.choice(len(weights), count, p=normalised(weights)).astype(np.int64)


def _of_each(
    procedures: Sequence[Procedure], procedure: Integers, value: Callable[[Procedure], float]
) -> npt.NDArray[Any]:
    """A value of the procedure of each dossier."""
    return np.array([value(item) for item in procedures])[procedure]


def _online_procedures(scenario: Scenario, month: Month, count: int, rng: np.random.Generator) -> Integers:
    """The procedure of each online dossier of a month.

    In the first half of 2022 only the 763 services are used. Each of them has one dossier in a month
    of its own, which makes the number of used services exact at any scale.
    """
    order = _order_of_first_use(scenario)
    shares = np.array([item.online_share for item in scenario.procedures])
    if month not in FIRST_HALF:
        later = months_since(FIRST_HALF[-1], month)
        used = order[: SERVICES_USED_IN_FIRST_HALF + NEW_SERVICES_A_MONTH * later]
        return used[_drawn(rng, count, shares[used])]
    by_month = [volume(scenario, each).online for each in FIRST_HALF]
    used_count = min(SERVICES_USED_IN_FIRST_HALF, sum(by_month))
    first_uses = apportioned(used_count, by_month) if used_count else np.zeros(len(FIRST_HALF), np.int64)
    position = FIRST_HALF.index(month)
    start = int(first_uses[:position].sum())
    shuffled = scenario.generator("month of first use").permutation(order[:used_count])
    first_used = shuffled[start : start + first_uses[position]]
    used = order[:SERVICES_USED_IN_FIRST_HALF]
    return np.concatenate([first_used, used[_drawn(rng, count - len(first_used), shares[used])]])


def _order_of_first_use(scenario: Scenario) -> Integers:
    """The positions of the services; those with more online dossiers come mostly first."""
    shares = np.array([item.online_share for item in scenario.procedures])
    services = np.flatnonzero([item.has_service for item in scenario.procedures])
    noise = scenario.generator("order of first use").gumbel(size=len(services))
    return services[np.argsort(-(0.5 * np.log(shares[services]) + noise), kind="stable")].astype(np.int64)


def _agencies(scenario: Scenario, month: Month, procedure: Integers, rng: np.random.Generator) -> Integers:
    """The agency (its position in the province) that receives each dossier."""
    province, procedures = scenario.province_in(month), scenario.procedures_in(month)
    position = {agency.code: number for number, agency in enumerate(province.agencies)}
    fixed = _of_each(procedures, procedure, lambda item: position.get(item.agency_code or "", -1))
    is_district = _of_each(procedures, procedure, lambda item: item.level == "district")
    first_district = len(province.specialised)
    first_commune = first_district + len(province.districts)
    districts = first_district + _drawn_agencies(rng, len(procedure), province.districts)
    communes = first_commune + _drawn_agencies(rng, len(procedure), province.communes)
    return np.where(fixed >= 0, fixed, np.where(is_district, districts, communes))


def _drawn_agencies(rng: np.random.Generator, count: int, agencies: Sequence[Agency]) -> Integers:
    """The position of an agency for each dossier; where there is no agency of a level, none is of that level."""
    if not agencies:
        return np.zeros(count, np.int64)
    return _drawn(rng, count, [agency.weight for agency in agencies])


def _codes(agency_codes: pa.Array, agency: Integers, days: Days, day: Integers) -> pa.Array:
    """Dossier codes: agency, day, and the running number of that agency on that day."""
    group = day * len(agency_codes) + agency  # the rows are in this order
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    running = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group))) + 1
    stamps = pa.array([moment.strftime("%y%m%d") for moment in days.astype(object)])
    numbers = pc.utf8_lpad(pc.cast(pa.array(running), pa.string()), 4, "0")
    return pc.binary_join_element_wise(agency_codes.take(pa.array(agency)), stamps.take(pa.array(day)), numbers, "-")


@dataclass(frozen=True)
class _Progress:
    """When each dossier is due and ends, and its status then (the position in `STATUSES`).

    Args:
        taken: the working days until it ends.
        ended: the day it ends; of one that never ends it means nothing.
    """

    due: Days
    has_due_day: Flags
    taken: Floats
    is_late: Flags
    ended: Days
    status: Integers

    @property
    def columns(self) -> dict[str, pa.Array]:
        """The columns of `statistics.dossier` that say so."""
        return {
            "due_on": pa.array(self.due, mask=~self.has_due_day),
            **{name: pa.array(self.ended, mask=self.status != end) for end, name in enumerate(ENDS, start=FINISHED)},
            "dossier_status": STATUSES.take(pa.array(self.status)),
        }


def _progress(scenario: Scenario, days: Days, term: Integers, rng: np.random.Generator) -> _Progress:
    """The progress of the dossiers received on these days."""
    count = len(days)
    has_due_day = rng.random(count) >= WITHOUT_DUE_DAY
    in_time = np.floor(term * rng.beta(3.0, 1.4, count))
    is_late = rng.random(count) < LATE_SHARE
    taken = np.where(is_late, term + rng.geometric(0.22, count), in_time)
    ends = rng.random(count) >= NEVER_ENDING_SHARE
    ending = rng.random(count)
    status = np.where(ending < STOPPED_SHARE, STOPPED, FINISHED)
    status = np.where((ending >= STOPPED_SHARE) & (ending < STOPPED_SHARE + RETURNED_SHARE), RETURNED, status)
    after = scenario.workdays.after
    return _Progress(after(days, term), has_due_day, taken, is_late, after(days, taken), np.where(ends, status, 0))


def _fees(procedures: Sequence[Procedure], procedure: Integers, rng: np.random.Generator) -> tuple[Floats, Flags]:
    """What was paid for each dossier, and whether the source says so."""
    count = len(procedure)
    fees = _of_each(procedures, procedure, lambda item: float(item.fee_vnd))
    is_paid_by_page = _of_each(procedures, procedure, lambda item: item.code == PAID_BY_THE_PAGE)
    fees = np.where(is_paid_by_page, fees * rng.geometric(0.25, count), fees)
    fees = np.where(rng.random(count) < FREE_OF_CHARGE, 0.0, fees)
    return fees, rng.random(count) >= WITHOUT_FEE

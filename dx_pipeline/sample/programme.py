"""Programme: the returns on plans, community groups, enterprises and the smart-city project.

From the merger on they are by the units and agencies in existence then; what they report of it is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.province import FIRST_MONTH, MERGER
from dx_pipeline.sample.scenario import Scenario

PLANS_ISSUED = {
    Month(2021, 11): 6,
    Month(2021, 12): 15,
    Month(2022, 1): 20,
    Month(2022, 2): 22,
    Month(2022, 3): 24,
    Month(2022, 4): 26,
    Month(2022, 5): 28,  # the article, mid-2022: 19 specialised agencies and 9 districts, 100%
}
"""Agencies that have issued their plan by the end of a month."""

DRAFT_MONTHS = 2
PLAN_PERIOD, NEXT_PERIOD = (2022, 2025), (2026, 2030)
NEXT_PLANS_ISSUED = (Month(2025, 8), Month(2025, 12))
"""Between which months the agencies of the merged province issue their plans for the next period."""

GROUPS_ACTIVE = {
    Month(2022, 1): 180,
    Month(2022, 2): 239,
    Month(2022, 3): 311,
    Month(2022, 4): 372,
    Month(2022, 5): 431,
    Month(2022, 6): 484,  # the article, mid-2022
    Month(2022, 7): 503,
    Month(2022, 8): 518,
    Month(2022, 9): 531,
}
"""Active groups at the end of a month; their number does not change afterwards."""

GROUPS_DISSOLVED = {Month(2022, 3): 1, Month(2022, 5): 2, Month(2022, 7): 1, Month(2022, 9): 1}
"""Groups dissolved in a month: they stay on the list, with the day."""

FIRST_GROUP_ON = date(2021, 10, 4)
JOINED_GROUPS = (6, 12)
"""How many groups each commune of the former Long An brings into the merged province, from and to."""

JOINED_GROUPS_FOUNDED = (date(2022, 3, 1), date(2024, 12, 31))

ENTERPRISES = (
    (Month(2022, 1), "703", "6201", "active", 1, 1),
    (Month(2022, 1), "703", "6202", "active", 1, 0),
    (Month(2022, 1), "709", "4741", "active", 1, 0),
    (Month(2022, 1), "712", "6209", "suspended", 1, 0),
    (Month(2022, 5), "712", "6202", "active", 1, 0),
    (Month(2022, 8), "703", "6209", "active", 1, 0),
)
"""From which month on, district, VSIC code, status, enterprises, solution providers among them."""

ENTERPRISES_BY_COMMUNE = (
    (MERGER, "25459", "6201", "active", 1, 1),
    (MERGER, "25459", "6202", "active", 1, 0),
    (MERGER, "25459", "6209", "active", 1, 0),
    (MERGER, "25645", "4741", "active", 1, 0),
    (MERGER, "25708", "6209", "suspended", 1, 0),
    (MERGER, "25708", "6202", "active", 1, 0),
    (MERGER, "27694", "6201", "active", 2, 1),
    (Month(2025, 10), "27694", "6202", "active", 1, 0),
    (Month(2025, 12), "27991", "6209", "active", 1, 0),
    (Month(2026, 4), "27937", "6201", "active", 1, 1),
    (Month(2026, 9), "25654", "6202", "active", 1, 0),
)
"""The same from the merger on, by commune: those of before, those of the former Long An, and later ones."""

PROJECT, PROJECT_UNIT = "hoa_thanh_smart_city", "709"
MILESTONES = (
    ("draft", "Hoàn thiện dự thảo đề án", Month(2022, 1), date(2022, 5, 20)),
    ("appraisal", "Thẩm định đề án", Month(2022, 5), date(2022, 8, 26)),
    ("submission", "Trình UBND tỉnh cho chủ trương triển khai thí điểm", Month(2022, 9), None),
    ("pilot", "Triển khai thí điểm", None, None),
)
"""Code, name, the month in which work on it started, the day it was completed.

From the article: the draft is done, the appraisal is under way, the submission follows."""


def plans(scenario: Scenario, month: Month) -> pa.Table:
    """`programme.plan`: the agencies in office that have issued a plan, or have drafted one.

    Communes have plans of their own only from the merger on.
    """
    in_office = {agency.code for agency in scenario.province_in(month).agencies}
    issued = {code: (issued_on, PLAN_PERIOD) for code, issued_on in _plans(scenario, month) if code in in_office}
    if month >= MERGER:
        issued |= {
            code: (issued_on, NEXT_PERIOD)
            for code, issued_on in _next_plans(scenario, month)
            if code not in issued or month.year >= NEXT_PERIOD[0]
        }
    return pa.Table.from_pylist(
        [
            {
                "agency_code": code,
                "plan_status": "issued" if issued_on else "draft",
                "issued_on": issued_on,
                "period_from_year": from_year,
                "period_to_year": to_year,
            }
            for code, (issued_on, (from_year, to_year)) in sorted(issued.items())
        ]
    )


def _plans(scenario: Scenario, month: Month) -> Iterator[tuple[str, date | None]]:
    """The specialised agencies and districts with a plan in a month, and the day on which it was issued."""
    province = scenario.province_in(FIRST_MONTH)
    agencies = (*province.specialised, *province.districts)
    order = scenario.generator("order of plans").permutation(len(agencies)).tolist()
    issued_before = 0
    for issued_in, issued in PLANS_ISSUED.items():
        days = scenario.generator("days of plans", issued_in).integers(0, 28, issued - issued_before).tolist()
        for position, day in zip(order[issued_before:issued], days, strict=True):
            if month >= issued_in.plus(-DRAFT_MONTHS):
                issued_on = issued_in.first + timedelta(days=day) if month >= issued_in else None
                yield agencies[position].code, issued_on
        issued_before = issued


def _next_plans(scenario: Scenario, month: Month) -> Iterator[tuple[str, date | None]]:
    """The agencies of the merged province, and the day on which each has issued its plan by the end of a month."""
    first, last = NEXT_PLANS_ISSUED[0].first, NEXT_PLANS_ISSUED[1].last
    agencies = scenario.province_in(MERGER).agencies
    passed = scenario.generator("days of next plans").integers(0, (last - first).days + 1, len(agencies)).tolist()
    for agency, days in zip(agencies, passed, strict=True):
        issued_on = first + timedelta(days=days)
        yield agency.code, issued_on if issued_on <= month.last else None


def community_groups(scenario: Scenario, month: Month) -> pa.Table:
    """`programme.community_group`: every group established so far, including those dissolved since.

    A group keeps its code. From the merger on its commune is the one that its old commune lies in.
    """
    groups = list(_groups(scenario, month))
    if month >= MERGER:
        drawn = scenario.generator("groups of split communes").random(len(groups)).tolist()
        for group, number in zip(groups, drawn, strict=True):
            units = scenario.history.units_of(group["unit_code"], month)
            group["unit_code"] = units[int(number * len(units))]
        groups += _joined_groups(scenario, month)
    return pa.Table.from_pylist(sorted(groups, key=lambda group: str(group["group_code"])))


def _groups(scenario: Scenario, month: Month) -> Iterator[dict[str, Any]]:
    """The groups, each with the commune in which it was established."""
    dissolved_on = _dissolutions(scenario, month)
    units = _group_units(scenario)
    members = scenario.generator("group members").integers(3, 10, len(units)).tolist()
    numbers = dict.fromkeys(units, 0)
    for position, day in enumerate(_establishments(scenario, month)):
        unit = units[position]
        numbers[unit] += 1
        yield {
            "group_code": f"TCN-{unit}-{numbers[unit]:02d}",
            "unit_code": unit,
            "established_on": day,
            "dissolved_on": dissolved_on.get(position),
            "member_count": members[position],
        }


def _joined_groups(scenario: Scenario, month: Month) -> Iterator[dict[str, Any]]:
    """The groups of the communes in which none of the old province's communes lies: they join with the merger."""
    old = [commune.unit_code for commune in scenario.province_in(FIRST_MONTH).communes]
    known = {unit for code in old for unit in scenario.history.units_of(code, month)}
    first, last = JOINED_GROUPS_FOUNDED
    for commune in scenario.province_in(month).communes:
        if commune.unit_code in known:
            continue
        rng = scenario.generator(f"groups of {commune.unit_code}")
        count = int(rng.integers(JOINED_GROUPS[0], JOINED_GROUPS[1] + 1))
        passed = sorted(rng.integers(0, (last - first).days + 1, count).tolist())
        for number, (days, members) in enumerate(zip(passed, rng.integers(3, 10, count).tolist(), strict=True), 1):
            yield {
                "group_code": f"TCN-{commune.unit_code}-{number:02d}",
                "unit_code": commune.unit_code,
                "established_on": first + timedelta(days=days),
                "dissolved_on": None,
                "member_count": members,
            }


def _group_units(scenario: Scenario) -> list[str]:
    """The commune of each group in order of establishment: first one in every commune, then by weight."""
    rng = scenario.generator("group communes")
    communes = scenario.province_in(FIRST_MONTH).communes
    everywhere = rng.permutation(len(communes))
    total = max(GROUPS_ACTIVE.values()) + sum(GROUPS_DISSOLVED.values())
    further = rng.choice(len(communes), total - len(communes), p=[commune.weight for commune in communes])
    return [communes[position].unit_code for position in np.concatenate([everywhere, further])]


def _establishments(scenario: Scenario, month: Month) -> list[date]:
    """The day each group was established, up to the end of a month."""
    days: list[date] = []
    dissolved, first = 0, min(GROUPS_ACTIVE)
    for each, active in GROUPS_ACTIVE.items():
        if each > month:
            break
        dissolved += GROUPS_DISSOLVED.get(each, 0)
        start = FIRST_GROUP_ON if each == first else each.first
        rng = scenario.generator("group founding", each)
        passed = rng.integers(0, (each.last - start).days + 1, active + dissolved - len(days))
        days.extend(start + timedelta(days=number) for number in sorted(passed.tolist()))
    return days


def _dissolutions(scenario: Scenario, month: Month) -> dict[int, date]:
    """The day of dissolution by group, up to the end of a month: only groups of the first month."""
    order = iter(scenario.generator("group ends").permutation(GROUPS_ACTIVE[min(GROUPS_ACTIVE)]).tolist())
    return {
        next(order): each.first.replace(day=each.last.day // 2)
        for each, count in GROUPS_DISSOLVED.items()
        for _ in range(count)
        if each <= month
    }


def enterprises(_: Scenario, month: Month) -> pa.Table:
    """`programme.digital_enterprise`: the counts at the end of a month."""
    names = ("unit_code", "vsic_code", "enterprise_status", "enterprise_count", "solution_provider_count")
    counted = ENTERPRISES if month < MERGER else ENTERPRISES_BY_COMMUNE
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for since, *row in counted if since <= month])


def milestones(scenario: Scenario, month: Month) -> pa.Table:
    """`programme.project_milestone`: the state of the project at the end of a month, in the unit its town lies in."""
    (unit_code,) = scenario.history.units_of(PROJECT_UNIT, month)
    rows = []
    for sequence, (code, name_vi, started, completed_on) in enumerate(MILESTONES, start=1):
        is_done = completed_on is not None and completed_on <= month.last
        has_started = started is not None and started <= month
        rows.append(
            {
                "project_code": PROJECT,
                "unit_code": unit_code,
                "milestone_code": code,
                "sequence": sequence,
                "name_vi": name_vi,
                "milestone_status": "done" if is_done else "in_progress" if has_started else "planned",
                "completed_on": completed_on if is_done else None,
            }
        )
    return pa.Table.from_pylist(rows)

"""Programme: the returns on plans, community groups, enterprises and the smart-city project."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
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
PLAN_PERIOD = (2022, 2025)

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

ENTERPRISES = (
    (Month(2022, 1), "703", "6201", "active", 1, 1),
    (Month(2022, 1), "703", "6202", "active", 1, 0),
    (Month(2022, 1), "709", "4741", "active", 1, 0),
    (Month(2022, 1), "712", "6209", "suspended", 1, 0),
    (Month(2022, 5), "712", "6202", "active", 1, 0),
    (Month(2022, 8), "703", "6209", "active", 1, 0),
)
"""From which month on, district, VSIC code, status, enterprises, solution providers among them."""


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
    """`programme.plan`: the agencies that have issued a plan, or have drafted one."""
    agencies = (*scenario.province.specialised, *scenario.province.districts)
    order = scenario.generator("order of plans").permutation(len(agencies)).tolist()
    rows: list[tuple[str, date | None]] = []
    issued_before = 0
    for issued_in, issued in PLANS_ISSUED.items():
        days = scenario.generator("days of plans", issued_in).integers(0, 28, issued - issued_before).tolist()
        for position, day in zip(order[issued_before:issued], days, strict=True):
            if month >= issued_in.plus(-DRAFT_MONTHS):
                issued_on = issued_in.first + timedelta(days=day) if month >= issued_in else None
                rows.append((agencies[position].code, issued_on))
        issued_before = issued
    return pa.Table.from_pylist(
        [
            {
                "agency_code": code,
                "plan_status": "issued" if issued_on else "draft",
                "issued_on": issued_on,
                "period_from_year": PLAN_PERIOD[0],
                "period_to_year": PLAN_PERIOD[1],
            }
            for code, issued_on in sorted(rows)
        ]
    )


def community_groups(scenario: Scenario, month: Month) -> pa.Table:
    """`programme.community_group`: every group established so far, including those dissolved since."""
    dissolved_on = _dissolutions(scenario, month)
    units = _group_units(scenario)
    members = scenario.generator("group members").integers(3, 10, len(units)).tolist()
    rows, numbers = [], dict.fromkeys(units, 0)
    for position, day in enumerate(_establishments(scenario, month)):
        unit = units[position]
        numbers[unit] += 1
        rows.append(
            {
                "group_code": f"TCN-{unit}-{numbers[unit]:02d}",
                "unit_code": unit,
                "established_on": day,
                "dissolved_on": dissolved_on.get(position),
                "member_count": members[position],
            }
        )
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["group_code"])))


def _group_units(scenario: Scenario) -> list[str]:
    """The commune of each group in order of establishment: first one in every commune, then by weight."""
    rng = scenario.generator("group communes")
    communes = scenario.province.communes
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
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for since, *row in ENTERPRISES if since <= month])


def milestones(_: Scenario, month: Month) -> pa.Table:
    """`programme.project_milestone`: the state of the project at the end of a month."""
    rows = []
    for sequence, (code, name_vi, started, completed_on) in enumerate(MILESTONES, start=1):
        is_done = completed_on is not None and completed_on <= month.last
        has_started = started is not None and started <= month
        rows.append(
            {
                "project_code": PROJECT,
                "unit_code": PROJECT_UNIT,
                "milestone_code": code,
                "sequence": sequence,
                "name_vi": name_vi,
                "milestone_status": "done" if is_done else "in_progress" if has_started else "planned",
                "completed_on": completed_on if is_done else None,
            }
        )
    return pa.Table.from_pylist(rows)

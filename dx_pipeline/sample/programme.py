"""The programme's own returns: plans, community groups, enterprises and the smart-city project."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator
from dx_pipeline.sample.province import Province

# Plans

PLANS_ISSUED = {
    Month(2021, 11): 6,
    Month(2021, 12): 15,
    Month(2022, 1): 20,
    Month(2022, 2): 22,
    Month(2022, 3): 24,
    Month(2022, 4): 26,
    Month(2022, 5): 28,  # the article, mid-2022: 19 specialised agencies and 9 districts, 100%
}
"""How many agencies have issued their plan by the end of a month."""

DRAFT_MONTHS = 2
PLAN_PERIOD = (2022, 2025)

# Community groups

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
"""How many groups work at the end of a month; from there on it stays."""

GROUPS_DISSOLVED = {Month(2022, 3): 1, Month(2022, 5): 2, Month(2022, 7): 1, Month(2022, 9): 1}
"""How many groups are dissolved in a month: they stay on the list, with the day."""

FIRST_GROUP_ON = date(2021, 10, 4)

# Enterprises


@dataclass(frozen=True)
class Enterprises:
    """Enterprises of one district, VSIC code and status, counted from one month on."""

    since: Month
    unit_code: str
    vsic_code: str
    status: str
    count: int
    providers: int


ENTERPRISES = (
    Enterprises(Month(2022, 1), "703", "6201", "active", 1, 1),
    Enterprises(Month(2022, 1), "703", "6202", "active", 1, 0),
    Enterprises(Month(2022, 1), "709", "4741", "active", 1, 0),
    Enterprises(Month(2022, 1), "712", "6209", "suspended", 1, 0),
    Enterprises(Month(2022, 5), "712", "6202", "active", 1, 0),
    Enterprises(Month(2022, 8), "703", "6209", "active", 1, 0),
)

# The smart-city project


@dataclass(frozen=True)
class Milestone:
    """One milestone of the project, and when it was begun and completed, where it was."""

    code: str
    name_vi: str
    begun: Month | None
    completed_on: date | None = None


PROJECT, PROJECT_UNIT = "hoa_thanh_smart_city", "709"
MILESTONES = (
    Milestone("draft", "Hoàn thiện dự thảo đề án", Month(2022, 1), date(2022, 5, 20)),
    Milestone("appraisal", "Thẩm định đề án", Month(2022, 5), date(2022, 8, 26)),
    Milestone("submission", "Trình UBND tỉnh cho chủ trương triển khai thí điểm", Month(2022, 9)),
    Milestone("pilot", "Triển khai thí điểm", None),
)
"""As the article tells it: the draft is done, the appraisal is under way, the submission follows."""


def plans(month: Month, province: Province, seed: int) -> pa.Table:
    """`programme.plan`: the agencies that have issued a plan, or have drafted one."""
    agencies = (*province.specialised, *province.districts)
    order = generator(seed, "order of plans").permutation(len(agencies)).tolist()
    rows = []
    issued_before = 0
    for issued_in, issued in PLANS_ISSUED.items():
        days = generator(seed, "days of plans", issued_in).integers(0, 28, issued - issued_before)
        for position, day in zip(order[issued_before:issued], days, strict=True):
            if month >= issued_in.plus(-DRAFT_MONTHS):
                issued_on = issued_in.first + timedelta(days=int(day)) if month >= issued_in else None
                rows.append((agencies[position].code, issued_on))
        issued_before = issued
    rows.sort()
    return pa.table(
        {
            "agency_code": [code for code, _ in rows],
            "plan_status": ["issued" if issued_on else "draft" for _, issued_on in rows],
            "issued_on": pa.array([issued_on for _, issued_on in rows], pa.date32()),
            "period_from_year": [PLAN_PERIOD[0]] * len(rows),
            "period_to_year": [PLAN_PERIOD[1]] * len(rows),
        }
    )


def community_groups(month: Month, province: Province, seed: int) -> pa.Table:
    """`programme.community_group`: every group set up so far, those dissolved since among them."""
    dissolved_on = _dissolutions(month, seed)
    established_on = _establishments(month, seed)
    units = _group_units(province, seed)
    members = generator(seed, "group members").integers(3, 10, len(units)).tolist()
    rows, numbers = [], dict.fromkeys(units, 0)
    for position, day in enumerate(established_on):
        unit = units[position]
        numbers[unit] += 1
        code = f"TCN-{unit}-{numbers[unit]:02d}"
        rows.append((code, unit, day, dissolved_on.get(position), members[position]))
    rows.sort(key=lambda row: row[0])
    return pa.table(
        {
            "group_code": [row[0] for row in rows],
            "unit_code": [row[1] for row in rows],
            "established_on": pa.array([row[2] for row in rows], pa.date32()),
            "dissolved_on": pa.array([row[3] for row in rows], pa.date32()),
            "member_count": pa.array([row[4] for row in rows], pa.int64()),
        }
    )


def _group_units(province: Province, seed: int) -> list[str]:
    """The commune of each group in the order of its founding: one everywhere first, then by size."""
    rng = generator(seed, "group communes")
    units = [agency.unit_code for agency in province.communes]
    everywhere = rng.permutation(len(units))
    total = max(GROUPS_ACTIVE.values()) + sum(GROUPS_DISSOLVED.values())
    weights = [agency.weight for agency in province.communes]
    further = rng.choice(len(units), total - len(units), p=weights)
    return [units[position] for position in np.concatenate([everywhere, further])]


def _establishments(month: Month, seed: int) -> list[date]:
    """The day each group was set up, up to the end of a month."""
    days: list[date] = []
    dissolved, first = 0, min(GROUPS_ACTIVE)
    for each, active in GROUPS_ACTIVE.items():
        if each > month:
            break
        dissolved += GROUPS_DISSOLVED.get(each, 0)
        begin = FIRST_GROUP_ON if each == first else each.first
        span = (each.last - begin).days
        new = active + dissolved - len(days)
        passed = np.sort(generator(seed, "group founding", each).integers(0, span + 1, new))
        days.extend(begin + timedelta(days=int(number)) for number in passed)
    return days


def _dissolutions(month: Month, seed: int) -> dict[int, date]:
    """The day of dissolution by group, up to the end of a month: groups of the first wave alone."""
    first_wave = GROUPS_ACTIVE[min(GROUPS_ACTIVE)]
    order = iter(generator(seed, "group ends").permutation(first_wave).tolist())
    found = {}
    for each, count in GROUPS_DISSOLVED.items():
        for _ in range(count):
            position = next(order)
            if each <= month:
                day = monthrange(each.year, each.number)[1] // 2
                found[position] = date(each.year, each.number, day)
    return found


def enterprises(month: Month) -> pa.Table:
    """`programme.digital_enterprise`: the counts as they stand at the end of a month."""
    rows = [row for row in ENTERPRISES if row.since <= month]
    return pa.table(
        {
            "unit_code": [row.unit_code for row in rows],
            "vsic_code": [row.vsic_code for row in rows],
            "enterprise_status": [row.status for row in rows],
            "enterprise_count": pa.array([row.count for row in rows], pa.int64()),
            "solution_provider_count": pa.array([row.providers for row in rows], pa.int64()),
        }
    )


def milestones(month: Month) -> pa.Table:
    """`programme.project_milestone`: where the project stands at the end of a month."""
    statuses, days = [], []
    for milestone in MILESTONES:
        is_done = milestone.completed_on is not None and milestone.completed_on <= month.last
        has_begun = milestone.begun is not None and milestone.begun <= month
        statuses.append("done" if is_done else "in_progress" if has_begun else "planned")
        days.append(milestone.completed_on if is_done else None)
    return pa.table(
        {
            "project_code": [PROJECT] * len(MILESTONES),
            "unit_code": [PROJECT_UNIT] * len(MILESTONES),
            "milestone_code": [milestone.code for milestone in MILESTONES],
            "sequence": pa.array(range(1, len(MILESTONES) + 1), pa.int64()),
            "name_vi": [milestone.name_vi for milestone in MILESTONES],
            "milestone_status": statuses,
            "completed_on": pa.array(days, pa.date32()),
        }
    )

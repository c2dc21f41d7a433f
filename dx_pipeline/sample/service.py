"""The return of online services: the same 2,220 every month, more and more of them integrated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator
from dx_pipeline.sample.procedure import Procedure

LEVEL_4_INTEGRATED = {
    Month(2022, 1): 742,
    Month(2022, 2): 771,
    Month(2022, 3): 826,
    Month(2022, 4): 874,
    Month(2022, 5): 915,
    Month(2022, 6): 960,  # the article, mid-2022: 960 of 1.818
    Month(2022, 7): 1_088,  # the review that the article expects in July 2022
    Month(2022, 8): 1_196,
    Month(2022, 9): 1_271,
}
"""How many level-4 services are on the National Public Service Portal at the end of a month."""

LEVEL_3_INTEGRATED = 17
"""Level-3 services on the portal, all since before 2022: the article counts level 4 alone."""

MONTHLY_GROWTH_AFTERWARDS, MOST_INTEGRATED = 24, 1_700

FIRST_NEW_LEVELS = Month(2022, 8)
"""Decree 42/2022/NĐ-CP, in force from 2022-08-15: partial and full take the place of 3 and 4."""

FULL_OF_LEVEL_4, FULL_OF_LEVEL_3 = 878, 22
"""Services that the review finds to be handled fully online; level 4 is not the same thing."""

BEFORE_THE_SAMPLE = (date(2020, 3, 2), date(2022, 1, 28))


def integrated_count(month: Month) -> int:
    """How many level-4 services are integrated at the end of a month."""
    if month in LEVEL_4_INTEGRATED:
        return LEVEL_4_INTEGRATED[month]
    last = max(LEVEL_4_INTEGRATED)
    later = (month.year - last.year) * 12 + month.number - last.number
    return min(MOST_INTEGRATED, LEVEL_4_INTEGRATED[last] + MONTHLY_GROWTH_AFTERWARDS * later)


def table(month: Month, procedures: Sequence[Procedure], seed: int) -> pa.Table:
    """`statistics.service` as it stands at the end of a month."""
    services = [procedure for procedure in procedures if procedure.has_service]
    days = _integration_days(month, services, seed)
    return pa.table(
        {
            "procedure_code": [service.code for service in services],
            "field_vi": [service.field_vi for service in services],
            "authority_level": [service.level for service in services],
            "agency_code": pa.array([service.agency_code for service in services], pa.string()),
            "service_level": _levels(month, services, seed),
            "is_integrated": [day is not None for day in days],
            "integrated_on": pa.array(days, pa.date32()),
            "fee_vnd": pa.array([service.fee_vnd for service in services], pa.int64()),
        }
    )


def _levels(month: Month, services: Sequence[Procedure], seed: int) -> list[str | None]:
    if month < FIRST_NEW_LEVELS:
        return [service.service_level for service in services]
    rng = generator(seed, "full services")
    is_full: set[int] = set()
    for level, count in (("level_4", FULL_OF_LEVEL_4), ("level_3", FULL_OF_LEVEL_3)):
        positions = [position for position, item in enumerate(services) if item.service_level == level]
        is_full.update(rng.permutation(positions)[:count].tolist())
    return ["full" if position in is_full else "partial" for position in range(len(services))]


def _integration_days(month: Month, services: Sequence[Procedure], seed: int) -> list[date | None]:
    """The day each service came onto the national portal, None where it is not there by month's end."""
    days: list[date | None] = [None] * len(services)
    rng = generator(seed, "integration")
    level_4 = [position for position, item in enumerate(services) if item.service_level == "level_4"]
    level_3 = [position for position, item in enumerate(services) if item.service_level == "level_3"]
    order = sorted(rng.permutation(level_4).tolist(), key=lambda position: services[position].is_made_up)
    long_there = rng.permutation(level_3)[:LEVEL_3_INTEGRATED].tolist()
    first = min(LEVEL_4_INTEGRATED)
    long_there += order[: integrated_count(first)]
    span = (BEFORE_THE_SAMPLE[1] - BEFORE_THE_SAMPLE[0]).days
    for position, passed in zip(long_there, rng.integers(0, span + 1, len(long_there)), strict=True):
        days[position] = BEFORE_THE_SAMPLE[0] + timedelta(days=int(passed))
    for later in first.plus(1).through(month):
        new = order[integrated_count(later.plus(-1)) : integrated_count(later)]
        day_numbers = generator(seed, "integration", later).integers(0, later.last.day, len(new))
        for position, number in zip(new, np.sort(day_numbers), strict=True):
            days[position] = later.first + timedelta(days=int(number))
    return days

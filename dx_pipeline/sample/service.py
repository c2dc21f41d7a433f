"""Services: the return of the 2,220 online services, of which more are integrated each month."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import continued
from dx_pipeline.sample.procedure import KNOWN, Procedure
from dx_pipeline.sample.scenario import Scenario, between

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
"""Level-4 services on the National Public Service Portal at the end of a month."""

LEVEL_3_INTEGRATED = 17
"""Level-3 services on the portal, all since before 2022: the article counts level 4 alone."""

MONTHLY_GROWTH_AFTERWARDS, MOST_INTEGRATED = 24, 1_700

FIRST_NEW_LEVELS = Month(2022, 8)
"""Decree 42/2022/NĐ-CP, in force from 2022-08-15: levels 3 and 4 become partial and full."""

WITH_SYNCHRONISED_FEE = (0.5, 0.95)
"""Shares (made up) of the integrated services with a fee, in the first month of the sample and in its last one."""

BEFORE_THE_SAMPLE = (date(2020, 3, 2), date(2022, 1, 28))


def integrated_count(month: Month) -> int:
    """Level-4 services that are integrated at the end of a month."""
    return int(continued(LEVEL_4_INTEGRATED, month, MONTHLY_GROWTH_AFTERWARDS, MOST_INTEGRATED))


def table(scenario: Scenario, month: Month) -> pa.Table:
    """`statistics.service` at the end of a month."""
    days = _integration_days(scenario, month, [item for item in scenario.procedures if item.has_service])
    services = [item for item in scenario.procedures_in(month) if item.has_service]
    return pa.table(
        {
            "procedure_code": [service.code for service in services],
            "field_vi": [service.field_vi for service in services],
            "authority_level": [service.level for service in services],
            "agency_code": pa.array([service.agency_code for service in services], pa.string()),
            "service_level": [_level(service, month) for service in services],
            "is_integrated": [day is not None for day in days],
            "integrated_on": pa.array(days, pa.date32()),
            "fee_vnd": pa.array([service.fee_vnd for service in services], pa.int64()),
            "has_synchronised_fee": _synchronised_fees(scenario, month, services, days),
        }
    )


def _synchronised_fees(
    scenario: Scenario, month: Month, services: list[Procedure], days: list[date | None]
) -> pa.Array:
    """Whether the fee of each service is on the portal: only if the service is, and never if it is free."""
    drawn = scenario.generator("synchronised fees").random(len(services))
    is_ready = drawn < between(month, *WITH_SYNCHRONISED_FEE)
    is_free = np.array([service.fee_vnd == 0 for service in services])
    return pa.array(is_ready & np.array([day is not None for day in days]), mask=is_free)


def _positions(services: list[Procedure], level: str) -> list[int]:
    return [position for position, service in enumerate(services) if service.service_level == level]


def _level(service: Procedure, month: Month) -> str | None:
    if month < FIRST_NEW_LEVELS:
        return service.service_level
    return "full" if service.is_full else "partial"


def _integration_days(scenario: Scenario, month: Month, services: list[Procedure]) -> list[date | None]:
    """The day each service was integrated, None where it is not by the end of the month."""
    days: list[date | None] = [None] * len(services)
    rng = scenario.generator("integration")
    level_4 = rng.permutation(_positions(services, "level_4")).tolist()
    order = sorted(level_4, key=lambda position: services[position].code not in KNOWN)
    first = min(LEVEL_4_INTEGRATED)
    earlier = rng.permutation(_positions(services, "level_3"))[:LEVEL_3_INTEGRATED].tolist()
    earlier += order[: integrated_count(first)]
    span = (BEFORE_THE_SAMPLE[1] - BEFORE_THE_SAMPLE[0]).days
    for position, passed in zip(earlier, rng.integers(0, span + 1, len(earlier)).tolist(), strict=True):
        days[position] = BEFORE_THE_SAMPLE[0] + timedelta(days=passed)
    for later in first.plus(1).through(month):
        new = order[integrated_count(later.plus(-1)) : integrated_count(later)]
        passed_days = scenario.generator("integration", later).integers(0, later.last.day, len(new))
        for position, passed in zip(new, sorted(passed_days.tolist()), strict=True):
            days[position] = later.first + timedelta(days=passed)
    return days

"""Form II.06a: dossiers received, settled and in progress in each field, by administrative months.

Its figures are not counted from the sample's dossiers: the real form comes from another system, with
another calendar. What is in progress at the end of a period is carried over into the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample import dossier
from dx_pipeline.sample.draw import Integers, apportioned
from dx_pipeline.sample.scenario import Scenario

FIRST_DAY, LAST_DAY = 15, 14
"""Administrative reporting months run from the 15th to the 14th (unverified; each form states its period)."""

IN_PROGRESS_SHARE = (0.05, 0.11)
"""The share of a period's dossiers that are in progress at its end: lowest and highest."""

LATE_SHARE, ON_THE_DAY_SHARE, OVERDUE_SHARE = 0.012, 0.21, 0.06
PUBLISHED_DAYS_AFTER = 5


def period(month: Month) -> tuple[date, date]:
    """First and last day of the reporting period that ends in a month."""
    return month.plus(-1).first.replace(day=FIRST_DAY), month.first.replace(day=LAST_DAY)


def titles(month: Month) -> tuple[str, str]:
    """The lines above the headings that state the period and the day on which the form was made out."""
    first, last = period(month)
    made_out_on = last + timedelta(days=PUBLISHED_DAYS_AFTER)
    return f"Kỳ báo cáo: từ ngày {first:%d/%m/%Y} đến ngày {last:%d/%m/%Y}", f"Lập ngày {made_out_on:%d/%m/%Y}"


def table(scenario: Scenario, month: Month) -> pa.Table:
    """`statistics.return_06a` of the period that ends in a month, in order of field."""
    shares = _shares(scenario)
    online, direct = _received(scenario, month, shares)
    before = _in_progress(scenario, month.plus(-1), shares)
    after = np.minimum(_in_progress(scenario, month, shares), online + direct + before)
    settled = online + direct + before - after
    rng = scenario.generator("return 06a", month)
    late = rng.binomial(settled, LATE_SHARE)
    on_the_day = rng.binomial(settled - late, ON_THE_DAY_SHARE)
    overdue = rng.binomial(after, OVERDUE_SHARE)
    first, last = period(month)
    return pa.table(
        {
            "field_vi": list(shares),
            "received_total_count": online + direct + before,
            "received_online_count": online,
            "received_direct_count": direct,
            "carried_over_count": before,
            "settled_total_count": settled,
            "settled_early_count": settled - late - on_the_day,
            "settled_on_time_count": on_the_day,
            "settled_late_count": late,
            "in_progress_total_count": after,
            "in_progress_in_term_count": after - overdue,
            "in_progress_overdue_count": overdue,
            "period_start": pa.array([first] * len(shares), pa.date32()),
            "period_end": pa.array([last] * len(shares), pa.date32()),
            "period_type": ["administrative_month"] * len(shares),
            "published_on": pa.array([last + timedelta(days=PUBLISHED_DAYS_AFTER)] * len(shares), pa.date32()),
        }
    )


def _shares(scenario: Scenario) -> Mapping[str, tuple[float, float]]:
    """Each field's shares of the online and of the other dossiers, in order of field."""
    found: dict[str, tuple[float, float]] = {}
    for item in scenario.procedures:
        online, direct = found.get(item.field_vi, (0.0, 0.0))
        found[item.field_vi] = (online + item.online_share, direct + item.direct_share)
    return dict(sorted(found.items()))


def _received(scenario: Scenario, month: Month, shares: Mapping[str, tuple[float, float]]) -> tuple[Integers, Integers]:
    """The dossiers that each field received online and otherwise: half of each of the two calendar months."""
    halves = [dossier.volume(scenario, each) for each in (month.plus(-1), month)]
    online = sum(half.online for half in halves) // 2
    direct = sum(half.total for half in halves) // 2 - online
    by_field = list(shares.values())
    return apportioned(online, [share for share, _ in by_field]), apportioned(direct, [share for _, share in by_field])


def _in_progress(scenario: Scenario, month: Month, shares: Mapping[str, tuple[float, float]]) -> Integers:
    """The dossiers in progress in each field when the period of a month ends. It depends on that month alone."""
    online, direct = _received(scenario, month, shares)
    share = scenario.generator("left over", month).uniform(*IN_PROGRESS_SHARE, len(shares))
    return np.floor((online + direct) * share).astype(np.int64)

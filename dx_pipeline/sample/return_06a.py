"""Form II.06a: what was received, settled and left over in each field, by administrative months.

Its figures are made up beside the dossiers', not counted from them, as the real form is: another
system, another calendar. What is left over at the end of one period is what the next begins with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample import dossier
from dx_pipeline.sample.draw import Integers, apportioned, generator
from dx_pipeline.sample.procedure import Procedure

FIRST_DAY, LAST_DAY = 15, 14
"""Administrative reporting months run from the 15th to the 14th (unverified; each form says it itself)."""

LEFT_OVER_SHARE = (0.05, 0.11)
"""How much of a usual period's dossiers is still in progress at its end."""

LATE_SHARE, ON_THE_DAY_SHARE, OVERDUE_SHARE = 0.012, 0.21, 0.06
PUBLISHED_DAYS_AFTER = 5


def period(month: Month) -> tuple[date, date]:
    """First and last day of the reporting period that ends in a month."""
    return month.plus(-1).first.replace(day=FIRST_DAY), month.first.replace(day=LAST_DAY)


def titles(month: Month) -> tuple[str, str]:
    """What the form prints above its headings about its period and its making."""
    first, last = period(month)
    said = f"Kỳ báo cáo: từ ngày {first:%d/%m/%Y} đến ngày {last:%d/%m/%Y}"
    return said, f"Lập ngày {made_out_on(month):%d/%m/%Y}"


def made_out_on(month: Month) -> date:
    """The day on which the form of a month is made out."""
    return period(month)[1] + timedelta(days=PUBLISHED_DAYS_AFTER)


def table(month: Month, procedures: Sequence[Procedure], *, seed: int, scale: float) -> pa.Table:
    """`statistics.return_06a` of the period that ends in a month, in order of field."""
    shares = _shares(procedures)
    fields = sorted(shares)
    online, direct = _received(month, fields, shares, scale)
    before = _left_over(month.plus(-1), fields, shares, seed=seed, scale=scale)
    after = np.minimum(_left_over(month, fields, shares, seed=seed, scale=scale), online + direct + before)
    settled = online + direct + before - after
    rng = generator(seed, "return 06a", month)
    late = rng.binomial(settled, LATE_SHARE)
    on_the_day = rng.binomial(settled - late, ON_THE_DAY_SHARE)
    overdue = rng.binomial(after, OVERDUE_SHARE)
    first, last = period(month)
    return pa.table(
        {
            "field_vi": fields,
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
            "period_start": pa.array([first] * len(fields), pa.date32()),
            "period_end": pa.array([last] * len(fields), pa.date32()),
            "period_type": ["administrative_month"] * len(fields),
            "published_on": pa.array([made_out_on(month)] * len(fields), pa.date32()),
        }
    )


def _shares(procedures: Sequence[Procedure]) -> Mapping[str, tuple[float, float]]:
    """Each field's shares of what comes online and of what comes otherwise."""
    found: dict[str, tuple[float, float]] = {}
    for item in procedures:
        online, direct = found.get(item.field_vi, (0.0, 0.0))
        found[item.field_vi] = (online + item.online_share, direct + item.direct_share)
    return found


def _received(
    month: Month, fields: Sequence[str], shares: Mapping[str, tuple[float, float]], scale: float
) -> tuple[Integers, Integers]:
    """What each field received online and otherwise: half of either calendar month that is touched."""
    halves = [dossier.volume(each, scale) for each in (month.plus(-1), month)]
    online = sum(half.online for half in halves) // 2
    direct = sum(half.total for half in halves) // 2 - online
    return (
        apportioned(online, [shares[field][0] for field in fields]),
        apportioned(direct, [shares[field][1] for field in fields]),
    )


def _left_over(
    month: Month, fields: Sequence[str], shares: Mapping[str, tuple[float, float]], *, seed: int, scale: float
) -> Integers:
    """What is in progress in each field when a period ends. It depends on that month alone."""
    online, direct = _received(month, fields, shares, scale)
    share = generator(seed, "left over", month).uniform(*LEFT_OVER_SHARE, len(fields))
    return np.floor((online + direct) * share).astype(np.int64)

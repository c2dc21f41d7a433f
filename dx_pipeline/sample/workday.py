"""Workdays: when offices are open, and how the work of a month is spread over its days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import Days, Floats, Integers

TIME_ZONE = "Asia/Ho_Chi_Minh"
UTC_OFFSET_HOURS = 7
"""Time zone of the province, which has no summer time."""

TET = (
    (date(2022, 1, 31), date(2022, 2, 6)),
    (date(2023, 1, 20), date(2023, 1, 26)),
    (date(2024, 2, 8), date(2024, 2, 14)),
    (date(2025, 1, 25), date(2025, 2, 2)),
)
HOLIDAYS = (
    "2022-01-03", "2022-04-11", "2022-05-02", "2022-05-03", "2022-09-01", "2022-09-02",
    "2023-01-02", "2023-05-01", "2023-05-02", "2023-05-03", "2023-09-01", "2023-09-04",
    "2024-01-01", "2024-04-18", "2024-04-29", "2024-04-30", "2024-05-01", "2024-09-02", "2024-09-03",
    "2025-01-01", "2025-04-07", "2025-04-30", "2025-05-01", "2025-05-02",
)  # fmt: skip
CLOSED = np.array(
    sorted(
        {date.fromisoformat(day) for day in HOLIDAYS}
        | {first + timedelta(days=n) for first, last in TET for n in range((last - first).days + 1)}
    ),
    dtype="datetime64[D]",
)
"""Days other than weekends on which offices are closed."""

AT_THE_COUNTER = (1.26, 1.08, 1.02, 0.98, 0.96, 0.22, 0.008)
"""How busy a counter is from Monday to Sunday."""

ON_THE_PORTAL = (1.16, 1.06, 1.02, 1.0, 0.97, 0.45, 0.3)
"""How busy the portal is: it never closes, but most people use it in office hours."""

CLOSED_AT_THE_COUNTER, CLOSED_ON_THE_PORTAL = 0.004, 0.05


def days_of(month: Month) -> Days:
    """Every day of a month."""
    days: Days = np.datetime64(month.first, "D") + np.arange(month.last.day)
    return days


def counter_weights(month: Month) -> Floats:
    """The relative work of each day of a month at the counter."""
    return _weights(month, AT_THE_COUNTER, CLOSED_AT_THE_COUNTER)


def portal_weights(month: Month) -> Floats:
    """The relative work of each day of a month on the portal."""
    return _weights(month, ON_THE_PORTAL, CLOSED_ON_THE_PORTAL)


def _weights(month: Month, weekdays: tuple[float, ...], closed: float) -> Floats:
    days = days_of(month)
    open_weights = np.array(weekdays)[(month.first.weekday() + np.arange(len(days))) % 7]
    return np.where(np.isin(days, CLOSED), np.minimum(open_weights, 1.0) * closed, open_weights)


def after_working_days(days: Days, count: Floats | Integers) -> Days:
    """The day `count` working days after each of `days`."""
    return np.busday_offset(days, np.asarray(count, dtype=np.int64), roll="forward", holidays=CLOSED)

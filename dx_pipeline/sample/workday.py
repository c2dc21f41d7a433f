"""Workdays: when offices are open, and how the work of a month is spread over its days."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import Days, Floats, Integers
from dx_pipeline.sample.province import rows

TIME_ZONE = "Asia/Ho_Chi_Minh"
UTC_OFFSET_HOURS = 7
"""Time zone of the province, which has no summer time."""

AT_THE_COUNTER = (1.26, 1.08, 1.02, 0.98, 0.96, 0.22, 0.008)
"""How busy a counter is from Monday to Sunday."""

ON_THE_PORTAL = (1.16, 1.06, 1.02, 1.0, 0.97, 0.45, 0.3)
"""How busy the portal is: it never closes, but most people use it in office hours."""

CLOSED_AT_THE_COUNTER, CLOSED_ON_THE_PORTAL = 0.004, 0.05


def days_of(month: Month) -> Days:
    """Every day of a month."""
    days: Days = np.datetime64(month.first, "D") + np.arange(month.last.day)
    return days


@dataclass(frozen=True)
class Workdays:
    """The days other than weekends on which offices are closed, in order."""

    closed: Days

    def counter_weights(self, month: Month) -> Floats:
        """The relative work of each day of a month at the counter."""
        return self._weights(month, AT_THE_COUNTER, CLOSED_AT_THE_COUNTER)

    def portal_weights(self, month: Month) -> Floats:
        """The relative work of each day of a month on the portal."""
        return self._weights(month, ON_THE_PORTAL, CLOSED_ON_THE_PORTAL)

    def after(self, days: Days, count: Floats | Integers) -> Days:
        """The day `count` working days after each of `days`."""
        return np.busday_offset(days, np.asarray(count, dtype=np.int64), roll="forward", holidays=self.closed)

    def _weights(self, month: Month, weekdays: tuple[float, ...], closed: float) -> Floats:
        days = days_of(month)
        open_weights = np.array(weekdays)[(month.first.weekday() + np.arange(len(days))) % 7]
        return np.where(np.isin(days, self.closed), np.minimum(open_weights, 1.0) * closed, open_weights)


def read(reference: Path) -> Workdays:
    """The working days that the holidays of a folder of reference files leave.

    Raises:
        UsageError: the file is missing.
    """
    return Workdays(np.array(sorted(row["day"] for row in rows(reference / "holiday.csv")), dtype="datetime64[D]"))

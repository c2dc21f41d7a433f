"""Silence: the months for which a source has delivered nothing, when that was due, and the KPIs that wait for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings


@dataclass(frozen=True)
class Silence:
    """A source and a month for which nothing has landed.

    Args:
        due_on: the day by which the delivery is due.
        late_after: the last day on which it is not yet late.
        is_overdue: whether that day has passed.
        kpis: the KPIs that rest on what the source delivers.
    """

    source: str
    month: Month
    due_on: date
    late_after: date
    is_overdue: bool
    kpis: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The silence as `--json` reports it."""
        return {**vars(self), "month": str(self.month), "kpis": list(self.kpis)}


def silences(settings: Settings, catalogue: Catalogue, months: Sequence[Month], today: date) -> Iterator[Silence]:
    """Every silence of the monthly sources in some months, by month and source."""
    for month in months:
        for name in catalogue.monthly:
            if deliveries.landed(settings, name, month):
                continue
            source = catalogue.sources[name].source
            calendar = source.calendar
            waiting = [code for code, kpi in catalogue.evaluated.items() if {*source.tables} & {*kpi.every_table}]
            late_after = calendar.late_after(month)
            yield Silence(name, month, calendar.due(month), late_after, today > late_after, tuple(waiting))

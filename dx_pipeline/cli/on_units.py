"""KPI values on the units of a chosen day: computed for who asks, and not published."""

from __future__ import annotations

from datetime import date
from typing import Any

from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.declarations.catalogue import load
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import evaluation
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import KpiKey

STEPS = 2
"""How many steps report progress: what is published, and this KPI."""


def on_units(settings: Settings, code: str, day: date) -> list[dict[str, Any]] | None:
    """Every window and unit of a KPI that adds up, on the units of a chosen day; None if it has not been evaluated.

    Raises:
        UsageError: there is no such KPI, or it does not add up.
    """
    catalogue = load(settings.project)
    if code not in catalogue.kpis:
        known = ", ".join(catalogue.kpis)
        raise UsageError(
            f"'{code}' is no declared KPI; known are {known}.",
            vi=f"'{code}' không phải là KPI được khai báo; có {known}.",
        )
    if partition.rows(settings, KpiKey(code)) is None:
        return None
    title = catalogue.kpis[code].definition.title
    titled = {"title_vi": title.vi, "title_en": title.en}
    with bar("dx kpi", STEPS):
        return [{**row, **titled} for row in evaluation.values_on(settings, catalogue, code, day)]

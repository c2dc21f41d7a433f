"""What is declared of KPIs and their evaluations, as rows of the tables of an evaluation (`tables.sql`)."""

from __future__ import annotations

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.kpi.figure import protected
from dx_pipeline.kpi.parts import Evaluation
from dx_pipeline.kpi.units import Units


def about(catalogue: Catalogue, kpi: DeclaredKpi) -> dict[str, object]:
    """A row of `kpi`."""
    definition = kpi.definition
    least = definition.coverage_at_least
    is_percent = definition.unit_of_measure == "percent"
    is_plain_count = definition.yields == "counts" and not is_percent
    counted = [counting for version in definition.versions for _, counting in definition.countings(version)]
    return {
        "kpi_code": kpi.code,
        "unit_of_measure": definition.unit_of_measure,
        "decimals": definition.decimals,
        "factor": 100 if is_percent else 1,
        "sign": 1 if definition.direction == "up" else -1,
        "basis": kpi.basis,
        "is_plain_count": is_plain_count,
        "has_denominator": not is_plain_count or any(counting.among is not None for counting in counted),
        "is_reported": definition.is_reported,
        "by_system": definition.by_system,
        "coverage_at_least": catalogue.province.coverage_at_least if least is None else least,
        "withheld_below": catalogue.province.suppress_below if kpi.code in protected(catalogue) else None,
    }


def row(number: int, item: Evaluation, units: Units) -> dict[str, object]:
    """A row of `evaluation`."""
    period = units.period(item.units_on or item.last_on)
    last = item.version or item.kpi.definition.version_at(item.last_on)
    return {
        "evaluation_number": number,
        "kpi_code": item.kpi.code,
        "window_type": item.window.type,
        "window_start": item.window.start,
        "window_end": item.window.end,
        "definition_version": item.version.version if item.version else None,
        "last_version": last.version if last else None,
        "part_start": item.part[0] if item.part else None,
        "part_end": item.part[1] if item.part else None,
        "units_on": item.units_on,
        "is_divided": item.is_divided,
        "first_on": item.first_on,
        "last_on": item.last_on,
        "state_on": item.state_on,
        "period": period,
        "province_code": units.province(period) if period is not None else None,
    }

"""Figures: what each version of a KPI counts on each view, from its definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.counting import Counting, Rows
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.lineage import columns_of


@dataclass(frozen=True)
class Figure:
    """One number that a version of a KPI counts on a view.

    Args:
        less: conditions; the rows of each are subtracted from the count.
        item: the column whose distinct values are counted; None where rows are.
        is_looked_in: whether these rows are only searched for items.
        is_added: whether its counts are added to those of another view.
    """

    kpi_code: str
    version: int
    statistic: str | None
    by_system: bool
    where: str
    counted: str
    among: str | None
    less: tuple[str, ...] = ()
    item: str | None = None
    is_looked_in: bool = False
    is_added: bool = False

    @property
    def columns(self) -> set[str]:
        """The columns of the view that it uses."""
        expressions = [self.where, self.counted, *self.less, *([self.among] if self.among else [])]
        named = {name for expression in expressions for name in columns_of(expression)}
        return named | ({self.item} if self.item else set())

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that its numbers count dossiers by: its denominator's, and its numerator's.

        What is taken off the numerator is the difference of two numbers, and so a number by itself.
        """
        if self.is_looked_in:
            return (self.where,)
        counted = [*([self.among] if self.among is not None else []), self.counted, *self.less]
        return tuple(f"({self.where}) AND ({expression})::BOOLEAN" for expression in counted)


def figures_by_view(kpis: Iterable[DeclaredKpi]) -> dict[str, list[Figure]]:
    """What some KPIs count, by view."""
    found: dict[str, list[Figure]] = {}
    for kpi in kpis:
        for version in kpi.definition.versions:
            for statistic, counting in kpi.definition.countings(version):
                for view, figure in _figures(kpi, version.version, statistic, counting):
                    found.setdefault(view, []).append(figure)
    return found


def protected(catalogue: Catalogue) -> set[str]:
    """The KPIs and summaries on protected views: which values of one are withheld depends on all others."""
    found = figures_by_view(catalogue.evaluated.values())
    views = [name for name in found if catalogue.views[name].view.protects is not None]
    return {figure.kpi_code for name in views for figure in found[name]}


def conditions(figures: Iterable[Figure]) -> tuple[str, ...]:
    """The different conditions of some figures, in their order."""
    return tuple(dict.fromkeys(condition for figure in figures for condition in figure.conditions))


def looked_for(kpis: Iterable[DeclaredKpi]) -> list[Mapping[str, object]]:
    """Which figures search another view for items, and whether found or missing items count."""
    return [
        {
            "kpi_code": kpi.code,
            "definition_version": version.version,
            "statistic": statistic,
            "is_wanted": counting.seen_in is not None,
        }
        for kpi in kpis
        for version in kpi.definition.versions
        for statistic, counting in kpi.definition.countings(version)
        if counting.looked_in is not None
    ]


def _figures(kpi: DeclaredKpi, version: int, statistic: str | None, counting: Counting) -> Iterator[tuple[str, Figure]]:
    place = (kpi.code, version, statistic, kpi.definition.by_system)
    yield str(counting.of), Figure(*place, *_expressions(counting), item=counting.distinct)
    if counting.plus is not None:
        yield str(counting.plus.of), Figure(*place, *_expressions(counting.plus), is_added=True)
    looked_in = counting.looked_in
    if looked_in is not None:
        yield (
            looked_in.of,
            Figure(*place, looked_in.where, "true", None, item=counting.distinct, is_looked_in=True),
        )


def _expressions(rows: Rows) -> tuple[str, str, str | None, tuple[str, ...]]:
    return rows.where, rows.counted, rows.among, rows.less

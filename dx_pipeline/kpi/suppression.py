"""Suppression: which values about dossiers are withheld, decided for all KPIs at once.

The dossiers of each protected view are counted by unit, part of a month, and the answers to every condition that a
figure asks. Each number that would be published counts some of these; `disclosure` decides which of them are shown.
A figure that only looks for items among dossiers is shown with the count of those dossiers, or not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import duckdb

from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.declarations.view import DeclaredView
from dx_pipeline.kpi.disclosure import Cell, suppression
from dx_pipeline.kpi.parts import Evaluation
from dx_pipeline.kpi.scan import Figure
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import fill
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import KpiKey

LEVEL_WEIGHTS = {"province": 16, "agency": 4, "district": 4, "commune": 1}
WINDOW_WEIGHTS = {"year": 4, "ytd": 4, "quarter": 2, "month": 1}
"""What is lost if a value is withheld, relative to others: a commune's month goes first, the province's year last."""


Key = tuple[str, str, date, date | None, date | None, str | None, str]
"""A value: KPI, kind and last day of its window, first day of its part, day of its units, statistic, unit."""

Decided = Mapping[Key, bool]
"""Values that have been published: whether they are shown."""


def conditions(figure: Figure) -> tuple[str, ...]:
    """The conditions that the numbers of a figure count dossiers by: its numerator's, and its denominator's."""
    if figure.is_looked_in:
        return (figure.where,)
    counted = [figure.counted, *([figure.among] if figure.among is not None else [])]
    return tuple(f"({figure.where}) AND ({expression})::BOOLEAN" for expression in counted)


def count(connection: duckdb.DuckDBPyConnection, view: DeclaredView, figures: Sequence[Figure]) -> None:
    """Count the dossiers of a scanned view in `dossier`: by unit, part of a month, and the answer to each condition."""
    asked = _conditions(figures)
    answers = " || ".join(f"CASE WHEN {condition} THEN '1' ELSE '0' END" for condition in asked)
    connection.execute(sql_file(__file__, "dossier").replace("$answers", answers), {"view": view.name})


def withhold(
    connection: duckdb.DuckDBPyConnection,
    view: DeclaredView,
    figures: Sequence[Figure],
    evaluated: Sequence[Evaluation],
    threshold: int,
    decided: Decided,
) -> None:
    """Add to `withheld` the values of figures on a view that are not shown: those of which a number is withheld.

    The other numbers of such a value may be shown elsewhere: all dossiers, beside another KPI. What has been
    `decided` stays as it is.
    """
    problem = _Problem(connection, view, figures, evaluated)
    cells = [
        (replace(cell, role="known" if decided[value.key] else "difference") if value.key in decided else cell, value)
        for cell, value in problem.cells()
    ]
    found = suppression(problem.counts, [cell for cell, _ in cells], threshold=threshold).withheld
    hidden = {(value.number, value.unit_code) for cell, value in cells if cell.key in found}
    hidden |= {(value.number, value.unit_code) for _, value in cells if not decided.get(value.key, True)}
    fill(connection, "withheld", [{"evaluation_number": number, "unit_code": unit} for number, unit in sorted(hidden)])


def published(settings: Settings, connection: duckdb.DuckDBPyConnection, codes: Sequence[str]) -> Decided:
    """The values of some KPIs that are published now, and which of them are shown."""
    paths = [str(path) for code in codes if (path := partition.rows(settings, KpiKey(code))) is not None]
    if not paths:
        return {}
    rows = connection.execute(
        """
        SELECT kpi_code, window_type, window_end, part_start, units_on, statistic, unit_code,
            withheld_reason IS DISTINCT FROM 'few_dossiers'
        FROM read_parquet($paths, hive_partitioning = false) WHERE system IS NULL
        """,
        {"paths": paths},
    ).fetchall()
    return {tuple(key): is_shown for *key, is_shown in rows}


def _conditions(figures: Sequence[Figure]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(condition for figure in figures for condition in conditions(figure)))


@dataclass(frozen=True)
class _Value:
    """One value that would be published, but for suppression."""

    key: Key
    number: int
    statistic: str | None
    unit_code: str
    unit_level: str
    is_publishable: bool


class _Problem:
    """The dossiers of a view, and every number about them that would be published."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        view: DeclaredView,
        figures: Sequence[Figure],
        evaluated: Sequence[Evaluation],
    ) -> None:
        self._connection = connection
        self._view = view
        self._evaluated = evaluated
        self._place_of_condition = {condition: place for place, condition in enumerate(_conditions(figures))}
        self._figures: dict[tuple[str, int, str | None], list[Figure]] = defaultdict(list)
        for figure in figures:
            self._figures[figure.kpi_code, figure.version, figure.statistic].append(figure)
        self._parts = connection.execute("SELECT part_number, first_on, last_on, period FROM part").fetchall()
        self._kinds: dict[tuple[object, object, str], frozenset[str]] = {}

    @cached_property
    def _answers(self) -> list[str]:
        query = "SELECT DISTINCT answers FROM dossier WHERE view_name = $view ORDER BY ALL"
        return [answers for (answers,) in self._connection.execute(query, {"view": self._view.name}).fetchall()]

    @cached_property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Dossiers by place (a unit of one period) and kind (a part of a month, and answers); also those with none."""
        rows = self._connection.execute(
            """
            SELECT part.period, dossier.unit_code, dossier.part_number, dossier.answers, dossier.row_count
            FROM dossier JOIN part USING (part_number) WHERE view_name = $view
            """,
            {"view": self._view.name},
        ).fetchall()
        units = defaultdict(set)
        for period, unit, *_ in rows:
            units[period].add(unit)
        found = {
            (f"{period} {unit}", f"{part} {answers}"): 0
            for part, _, _, period in self._parts
            for unit in units[period]
            for answers in self._answers
        }
        for period, unit, part, answers, row_count in rows:
            found[f"{period} {unit}", f"{part} {answers}"] = row_count
        return found

    @cached_property
    def _places(self) -> Mapping[tuple[int, str], frozenset[str]]:
        """The places within each unit, by the period that the unit is in."""
        found = defaultdict(set)
        for from_period, to_period, unit, above in self._connection.execute(
            "SELECT from_period, to_period, unit_code, above_code FROM unit_above"
        ).fetchall():
            found[to_period, above].add(f"{from_period} {unit}")
        return {unit: frozenset(places) for unit, places in found.items()}

    def cells(self) -> Iterator[tuple[Cell, _Value]]:
        """Every number that would be published, with the value that it belongs to."""
        rows = self._connection.execute(
            """
            SELECT evaluation_number, statistic, unit_code, unit_level, is_publishable, period
            FROM covered
            WHERE definition_version IS NOT NULL AND is_complete AND system IS NULL ORDER BY ALL
            """
        ).fetchall()
        for number, statistic, unit, level, is_publishable, period in rows:
            item = self._evaluated[number]
            version = item.version.version if item.version else 0
            part = item.part[0] if item.part else None
            key = (item.kpi.code, item.window.type, item.window.end, part, item.units_on, statistic, unit)
            value = _Value(key, number, statistic, unit, level, is_publishable)
            for figure in self._figures.get((item.kpi.code, version, statistic), ()):
                for place, condition in enumerate(conditions(figure)):
                    yield self._cell(item, value, (place, condition), self._places[period, unit]), value

    def _cell(self, item: Evaluation, value: _Value, asked: tuple[int, str], places: frozenset[str]) -> Cell:
        place, condition = asked
        return Cell(
            key=(value.number, value.statistic, value.unit_code, place),
            places=places,
            kinds=self._kinds_of(item, condition),
            weight=LEVEL_WEIGHTS[value.unit_level] * WINDOW_WEIGHTS[item.window.type],
            role="published" if value.is_publishable else "difference",
        )

    def _kinds_of(self, item: Evaluation, condition: str) -> frozenset[str]:
        """The kinds that an evaluation counts: its parts of months, with a yes to the condition."""
        key = (item.first_on, item.last_on, condition)
        if key not in self._kinds:
            place = self._place_of_condition[condition]
            answers = [each for each in self._answers if each[place] == "1"]
            within = [part for part, first, last, _ in self._parts if first >= item.first_on and last <= item.last_on]
            self._kinds[key] = frozenset(f"{part} {each}" for part in within for each in answers)
        return self._kinds[key]

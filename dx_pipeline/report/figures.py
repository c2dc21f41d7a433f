"""What the report shows, read once from the public database of a release."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import duckdb

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.kpi import words
from dx_pipeline.vietnamese.heading import folded

LEVELS = ("province", "agency", "district", "commune")
WINDOW_TYPES = ("month", "quarter", "ytd", "year")


Row = TypeVar("Row")

IN_TIME = "coalesce(part_end, window_end), coalesce(part_start, window_start) DESC, window_type"
"""In the order of time: by the last day of a window or of a part of one, the shorter first."""

TEAM = "team:"
"""What the owner of a declaration begins with, unless it is an e-mail address."""

WHOLE = "province"
"""Stands for the province's code in a series: the province keeps its figures where a merger gives it another code."""

Series = tuple[str, str | None, str | None]
"""What one line of a KPI is of: unit, statistic, system."""


@dataclass(frozen=True, slots=True)
class Value:
    """A row of `kpi.value` on the units of its own time, as the contract describes it."""

    kpi_code: str
    definition_version: int
    window_type: str
    window_start: date
    window_end: date
    part_start: date | None
    part_end: date | None
    unit_code: str
    unit_level: str
    system: str | None
    statistic: str | None
    numerator: float | None
    denominator: float | None
    value: float | None
    withheld_reason: str | None
    unit_of_measure: str
    target: float | None
    target_due: date | None
    trajectory: float | None
    status: str
    coverage: float | None
    coverage_units: float | None
    coverage_rows: float | None
    stale_inputs: str | None
    published_value: float | None
    published_difference: float | None
    suppressed: bool
    synthetic: bool
    revision: int

    @property
    def series(self) -> Series:
        """Which unit, statistic and system it is of."""
        return WHOLE if self.unit_level == "province" else self.unit_code, self.statistic, self.system


@dataclass(frozen=True, slots=True)
class Version:
    """A row of `kpi.definition`: one version of a KPI's definition."""

    kpi_code: str
    definition_version: int
    title_vi: str
    title_en: str
    formula_vi: str
    formula_en: str
    denominator_scope_vi: str | None
    denominator_scope_en: str | None
    legal_basis_vi: str
    legal_basis_en: str
    valid_from: date
    valid_to: date | None
    unit_of_measure: str
    direction: str
    decimals: int
    levels: str
    statistics: str | None
    basis: str
    owner: str
    reads: str
    sql: str

    @property
    def formula(self) -> Bilingual:
        """The formula in words."""
        return Bilingual(vi=self.formula_vi, en=self.formula_en)

    @property
    def legal_basis(self) -> Bilingual:
        """The decision that defines it."""
        return Bilingual(vi=self.legal_basis_vi, en=self.legal_basis_en)


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `kpi.change`: a value, the one that it is compared with, and what the difference is due to."""

    kpi_code: str
    compared_with: str
    window_type: str
    window_start: date
    window_end: date
    part_start: date | None
    unit_code: str
    unit_level: str
    system: str | None
    statistic: str | None
    before_window_end: date | None
    value_before: float | None
    value: float | None
    difference: float | None
    volume: float | None
    mix: float | None
    rate: float | None
    new_units: float | None
    lost_units: float | None
    coverage: float | None
    late_data: float | None
    revision: float | None
    definition: float | None
    not_separated: float | None
    not_separated_reason: str | None
    rounding: float | None
    unit_of_measure: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the province, as it was on the last day that it has a value of."""

    unit_code: str
    unit_level: str
    name: str
    parent_code: str | None
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Kpi:
    """One KPI with its definitions and values, the latest version last."""

    code: str
    versions: tuple[Version, ...]
    values: tuple[Value, ...]
    changes: tuple[Change, ...]

    @property
    def title(self) -> Bilingual:
        """What it is called."""
        return Bilingual(vi=self.versions[-1].title_vi, en=self.versions[-1].title_en)

    def titled(self, statistic: str | None) -> Bilingual:
        """What it is called, with the words of a statistic of it."""
        if statistic is None:
            return self.title
        named = words.statistic(statistic)
        return Bilingual(vi=f"{self.title.vi} ({named.vi})", en=f"{self.title.en} ({named.en})")

    @property
    def unit_of_measure(self) -> str:
        """What its values are measured in."""
        return self.versions[-1].unit_of_measure

    @property
    def decimals(self) -> int:
        """To how many decimals its values are rounded."""
        return self.versions[-1].decimals

    @cached_property
    def by_series(self) -> dict[Series, list[Value]]:
        """Its values by unit, statistic and system, in the order of time."""
        found: dict[Series, list[Value]] = defaultdict(list)
        for value in self.values:
            found[value.series].append(value)
        return dict(found)

    @cached_property
    def statistics(self) -> list[tuple[str | None, str | None]]:
        """The pairs of statistic and system that it has values of; that of all systems together first."""
        pairs = dict.fromkeys((value.statistic, value.system) for value in self.values)
        return sorted(pairs, key=lambda pair: (pair[1] is not None, pair[1] or "", pair[0] or ""))

    def months(self, series: Series) -> list[Value]:
        """The values of a series by month; of a month that a definition divides, its parts."""
        months = (value for value in self.by_series.get(series, ()) if value.window_type == "month")
        return [value for value in months if value.withheld_reason != "definition_changed"]

    def breaks(self, series: Series) -> frozenset[int]:
        """Before which of the months of a series the definition changes."""
        versions = [value.definition_version for value in self.months(series)]
        return frozenset(place for place in range(1, len(versions)) if versions[place] != versions[place - 1])

    def latest(self, series: Series) -> Value | None:
        """The value that is shown first: of the latest window with one, the longest; else what is known of none."""
        found = self.by_series.get(series, [])
        return max(found, key=_first_shown, default=None)

    def published(self, series: Series) -> list[Value]:
        """The values that have a published figure beside them."""
        return [value for value in self.by_series.get(series, ()) if value.published_value is not None]

    @property
    def is_better_higher(self) -> bool:
        """Whether a higher value is a better one."""
        return self.versions[-1].direction != "lower_is_better"

    def rank(self, value: float | None, among: Sequence[float]) -> int | None:
        """The place of a value among others, the best first; equal ones share a place, and an unknown one has none."""
        if value is None:
            return None
        return 1 + sum(other > value if self.is_better_higher else other < value for other in among)

    @cached_property
    def _by_window(self) -> dict[tuple[object, ...], list[Value]]:
        found: dict[tuple[object, ...], list[Value]] = defaultdict(list)
        for value in self.values:
            found[_window(value)].append(value)
        return found

    def in_window_of(self, value: Value) -> list[Value]:
        """The values of all units in the window of a value, of the same statistic and system."""
        return self._by_window[_window(value)]


def _window(value: Value) -> tuple[object, ...]:
    """What the values of all units in one window have in common."""
    window = (value.window_type, value.window_start, value.window_end, value.part_start)
    return (*window, value.statistic, value.system)


def _first_shown(value: Value) -> tuple[Any, ...]:
    order = ("month", "quarter", "year", "ytd").index(value.window_type)
    known_part = value.coverage or 0.0 if value.value is None else 0.0
    return value.value is not None, known_part, value.part_end or value.window_end, order, value.part_start or date.min


@dataclass(frozen=True)
class Figures:
    """Everything that the report shows.

    Args:
        connection: has the tables of the release.
    """

    connection: duckdb.DuckDBPyConnection

    def rows(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        """The rows of a query, by the names of its columns."""
        found = self.connection.execute(statement, parameters)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def tuples(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(statement).fetchall()

    @cached_property
    def kpis(self) -> dict[str, Kpi]:
        """Every KPI, by its code."""
        values: dict[str, list[Value]] = defaultdict(list)
        for value in self._read(Value, "kpi.value", "units_on IS NULL", IN_TIME):
            values[value.kpi_code].append(value)
        changes: dict[str, list[Change]] = defaultdict(list)
        for change in self._read(
            Change, "kpi.change", "unit_level = 'province'", "window_end, window_start DESC, window_type"
        ):
            changes[change.kpi_code].append(change)
        versions: dict[str, list[Version]] = defaultdict(list)
        for version in self._read(Version, "kpi.definition", "true", "kpi_code, definition_version"):
            versions[version.kpi_code].append(version)
        return {
            code: Kpi(code, tuple(found), tuple(values.get(code, ())), tuple(changes.get(code, ())))
            for code, found in versions.items()
        }

    @cached_property
    def units(self) -> dict[str, Unit]:
        """Every unit that a value is of, by its code, in the order of levels and codes."""
        found = self.connection.execute(sql_file(__file__, "unit")).fetchall()
        return {unit.unit_code: unit for unit in (Unit(*row) for row in found)}

    @cached_property
    def _homonyms(self) -> frozenset[str]:
        names = Counter(unit.name for unit in self.units.values())
        return frozenset(name for name, count in names.items() if count > 1)

    def name_among_peers(self, unit_code: str) -> str:
        """The name of a unit, with that of the unit it belongs to where another one has the same."""
        unit = self.units[unit_code]
        parent = self.units.get(unit.parent_code or "")
        is_ambiguous = unit.name in self._homonyms and parent is not None
        return f"{unit.name} ({parent.name})" if is_ambiguous and parent is not None else unit.name

    def owner(self, owner: str) -> str:
        """Who answers for a KPI, in words: `team:so_noi_vu` is the agency of that name, else these words themselves."""
        if not owner.startswith(TEAM):
            return owner
        name = owner.removeprefix(TEAM).replace("_", " ")
        return self._agencies.get(folded(name), name)

    @cached_property
    def _agencies(self) -> dict[str, str]:
        """The names of agencies, by the same without marks and capitals."""
        return {
            folded(name): name for (name,) in self.tuples("SELECT name_vi FROM reference.agency ORDER BY valid_from")
        }

    @cached_property
    def is_synthetic(self) -> bool:
        """Whether any value is made of synthetic data."""
        return any(value.synthetic for kpi in self.kpis.values() for value in kpi.values)

    def _read(self, kind: type[Row], table: str, where: str, order: str) -> Iterator[Row]:
        """The rows of a table, each with the columns that its class names."""
        names = ", ".join(f'"{each.name}"' for each in fields(kind))  # type: ignore[arg-type]
        rows: Sequence[tuple[Any, ...]] = self.connection.execute(
            f"SELECT {names} FROM {table} WHERE {where} ORDER BY {order}"
        ).fetchall()
        return (kind(*row) for row in rows)

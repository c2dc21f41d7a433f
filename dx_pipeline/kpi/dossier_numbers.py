"""Numbers about dossiers that would be published: what disclosure control decides about.

The dossiers of all protected views in use are one table: a dossier that is in several views has a place (a unit of
one period) and a kind (a part of a month, and answers) in each of them. Each number counts some kinds in some places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.lineage import columns_of
from dx_pipeline.declarations.sql import qualified
from dx_pipeline.declarations.view import DeclaredView
from dx_pipeline.kpi.disclosure import Cell, Role
from dx_pipeline.kpi.figure import Figure, conditions
from dx_pipeline.kpi.parts import Evaluation

LEVEL_WEIGHTS = {"province": 16, "agency": 4, "district": 4, "commune": 1}
WINDOW_WEIGHTS = {"year": 4, "ytd": 4, "quarter": 2, "month": 1}
"""What is lost if a value is withheld, relative to others: a commune's month goes first, the province's year last."""


Key = tuple[str, str, date, date | None, date | None, str | None, str]
"""A value: KPI, kind and last day of its window, first day of its part, day of its units, statistic, unit."""


def dossiers_of(view: str) -> str:
    """The table of what the dossiers of a view are in it."""
    return qualified(f"dossier.{view}")


class Value(NamedTuple):
    """One value that would be published, but for suppression. That of a silent unit is known to be 0."""

    key: Key
    number: int
    statistic: str | None
    unit_code: str
    unit_level: str
    role: Role


class _Number(NamedTuple):
    """A number of a figure.

    Attributes:
        conditions: those that it counts dossiers by, each with its view: of several, what each counts is added up.
        is_looked_in: whether it only looks for items among these dossiers.
        is_less: whether it is only seen as what is taken off another.
    """

    conditions: tuple[tuple[str, str], ...]
    is_looked_in: bool
    is_less: bool


class _Counted(NamedTuple):
    """What a number counts in one evaluation.

    Attributes:
        of_views: by view the kinds that are counted.
        joined: all of these kinds; None if a kind is in two of the views, so that its dossiers count twice.
        details: of a number that looks for items, the kinds by what it shows of them.
        zero_is_sensitive: whether 0 is a small count.
    """

    of_views: tuple[tuple[str, frozenset[str]], ...]
    joined: frozenset[str] | None
    details: tuple[tuple[str, frozenset[str]], ...]
    zero_is_sensitive: bool


class _Figure(NamedTuple):
    """What the values of one figure of an evaluation have in common.

    Attributes:
        key: the first parts of each value's key.
        days: the first and the last.
        weight: of the window.
        numbers: what each of its numbers counts.
    """

    key: tuple[str, str, date, date | None, date | None]
    days: tuple[date, date]
    weight: int
    numbers: tuple[_Counted, ...]


class Numbers:
    """The dossiers of all protected views in use, and every number about them that would be published.

    A dossier that is in several views has a place (a unit of one period) and a kind (a part of a month, and answers)
    in each of them; its place here is all of its places, which mostly are one and the same, its kind all of its kinds.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalogue: Catalogue,
        figures: Mapping[str, Sequence[Figure]],
        evaluated: Sequence[Evaluation],
    ) -> None:
        self._connection = connection
        self._evaluated = evaluated
        self._views = sorted(figures)
        self._position = {
            view: {condition: place for place, condition in enumerate(conditions(of_view))}
            for view, of_view in figures.items()
        }
        self._of_item = {view: _of_item(catalogue.views[view], of_view) for view, of_view in figures.items()}
        self._numbers = _numbers(figures)
        self._is_stock = {view: catalogue.views[view].view.basis == "stock" for view in figures}
        self._parts = connection.execute("SELECT part_number, first_on, last_on FROM part").fetchall()
        self._figures: dict[tuple[int, str | None], _Figure] = {}
        self._shown: dict[tuple[date, date], dict[frozenset[str], dict[frozenset[str], None]]] = {}
        self._places_of: dict[tuple[str, int, str], frozenset[str]] = {}
        self._answered: dict[frozenset[str], Mapping[str, frozenset[str]]] = {}
        self._kinds_of: dict[tuple[str, date, date, str], frozenset[str]] = {}

    @cached_property
    def _rows(self) -> list[tuple[tuple[str, ...], tuple[str | None, ...], int]]:
        """Dossiers by place and kind in each view; where a dossier is not in a view, its place is that in another."""
        joined = f"FROM {dossiers_of(self._views[0])} AS v0"
        for number, view in enumerate(self._views[1:], 1):
            joined += f" FULL JOIN {dossiers_of(view)} AS v{number} ON v{number}.dossier = {_first(number, 'dossier')}"
        places, kinds = ([f"v{number}.{name}" for number in range(len(self._views))] for name in ("place", "kind"))
        weight = _first(len(self._views), "weight")  # a dossier of several views is one row in each
        rows = self._connection.execute(
            f"SELECT {', '.join([*places, *kinds])}, sum({weight})::BIGINT {joined} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        size = len(self._views)
        return [(_filled(row[:size]), row[size:-1], row[-1]) for row in rows]

    @cached_property
    def _kinds(self) -> dict[tuple[str | None, ...], str]:
        """The name of each kind."""
        return {kind: " | ".join(each or "-" for each in kind) for _, kind, _ in self._rows}

    @cached_property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Dossiers by place and kind, also those with none: where a place of the same periods has such a kind."""
        places, kinds = defaultdict(set), defaultdict(set)
        for place, kind, _ in self._rows:
            periods = tuple(each.partition(" ")[0] for each in place)
            places[periods].add(_name(place))
            kinds[periods].add(self._kinds[kind])
        found = {(place, kind): 0 for periods in places for place in places[periods] for kind in kinds[periods]}
        for place, kind, row_count in self._rows:
            found[_name(place), self._kinds[kind]] += row_count
        return found

    @cached_property
    def _units(self) -> Mapping[tuple[int, str], frozenset[str]]:
        """The units of all periods within each unit, by the period that the unit is in."""
        found = defaultdict(set)
        for from_period, to_period, unit, above in self._connection.execute(
            "SELECT from_period, to_period, unit_code, above_code FROM unit_above"
        ).fetchall():
            found[to_period, above].add(f"{from_period} {unit}")
        return {unit: frozenset(places) for unit, places in found.items()}

    @cached_property
    def _by_unit(self) -> list[dict[str, set[str]]]:
        """For each view, the places of each unit of a period."""
        found: list[dict[str, set[str]]] = [defaultdict(set) for _ in self._views]
        for place in {place for place, _, _ in self._rows}:
            for units, unit in zip(found, place, strict=True):
                units[unit].add(_name(place))
        return found

    def cells(self) -> Iterator[tuple[Cell, Value]]:
        """Every number that would be published, with the value that it belongs to."""
        rows = self._connection.execute(
            """
            SELECT evaluation_number, statistic, unit_code, unit_level, period,
                CASE
                    WHEN is_publishable THEN 'published'
                    WHEN is_silent AND coalesce(numerator, 0) = 0 AND coalesce(denominator, 0) = 0 THEN 'known'
                    ELSE 'difference'
                END AS role
            FROM covered
            WHERE definition_version IS NOT NULL AND is_complete AND system IS NULL ORDER BY ALL
            """
        ).fetchall()
        for number, statistic, unit, level, period, role in rows:
            counted = self._figure(number, statistic)
            kpi, window, end, part, units_on = counted.key
            value = Value((kpi, window, end, part, units_on, statistic, unit), number, statistic, unit, level, role)
            weight = LEVEL_WEIGHTS[level] * counted.weight
            for position, each in enumerate(counted.numbers):
                for view, places, kinds in self._sums(each, period, unit):
                    key = (number, statistic, unit, position, view)
                    yield Cell(key, places, kinds, weight, role, each.zero_is_sensitive), value
                    if role == "published":
                        self._shown.setdefault(counted.days, {}).setdefault(places, {})[kinds] = None
                        for answers, some in each.details:
                            yield Cell((*key, answers), places, some, weight, "detail"), value

    def differences(self) -> Iterator[Cell]:
        """What two shown numbers about the same places and days give away, of which one counts a part of the other.

        They may be of two views: what is settled and what is in progress, added up, less what is settled.

        A difference of 0 says only that the one condition includes the other.
        """
        for about, by_places in self._shown.items():
            every = list(dict.fromkeys(kinds for shown in by_places.values() for kinds in shown))
            parts = {(whole, part): whole - part for whole in every for part in every if part and part < whole}
            for places, shown in by_places.items():
                for (whole, part), rest in parts.items():
                    if whole in shown and part in shown:
                        key = ("difference", *about, places, rest)
                        yield Cell(key, places, rest, role="difference", zero_is_sensitive=False)

    def _figure(self, number: int, statistic: str | None) -> _Figure:
        """What is the same of a figure's values for all units."""
        if (number, statistic) not in self._figures:
            item = self._evaluated[number]
            version = item.version.version if item.version else 0
            part = item.part[0] if item.part else None
            of_figure = self._numbers.get((item.kpi.code, version, statistic), ())
            numbers = tuple(self._counted(each, item) for each in of_figure)
            key = (item.kpi.code, item.window.type, item.window.end, part, item.units_on)
            days = (item.first_on, item.last_on)
            self._figures[number, statistic] = _Figure(key, days, WINDOW_WEIGHTS[item.window.type], numbers)
        return self._figures[number, statistic]

    def _sums(self, counted: _Counted, period: int, unit: str) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
        """The places and kinds that a number of a unit counts: at once, or view by view where they differ."""
        places = {view: self._places(view, period, unit) for view, _ in counted.of_views}
        if counted.joined is not None and len(set(places.values())) == 1:
            view = counted.of_views[0][0]
            yield view, places[view], counted.joined
        else:
            yield from ((view, places[view], kinds) for view, kinds in counted.of_views)

    def _places(self, view: str, period: int, unit: str) -> frozenset[str]:
        """The places of the dossiers of a view within a unit."""
        key = (view, period, unit)
        if key not in self._places_of:
            of_view = self._by_unit[self._views.index(view)]
            units = self._units[period, unit]
            self._places_of[key] = frozenset().union(*(of_view[each] for each in units if each in of_view))
        return self._places_of[key]

    def _counted(self, number: _Number, item: Evaluation) -> _Counted:
        """What a number counts in an evaluation."""
        of_views = tuple((view, self._kinds_with(view, item, condition)) for view, condition in number.conditions)
        every = frozenset[str]().union(*(kinds for _, kinds in of_views))
        is_disjoint = len(every) == sum(len(kinds) for _, kinds in of_views)
        view, kinds = of_views[0]
        details = tuple(self._by_answers(view, kinds).items()) if number.is_looked_in else ()
        return _Counted(of_views, every if is_disjoint else None, details, not number.is_less)

    def _kinds_with(self, view: str, item: Evaluation, condition: str) -> frozenset[str]:
        """The kinds that an evaluation counts in a view: its parts of months, with a yes to the condition."""
        key = (view, item.first_on, item.last_on, condition)
        if key not in self._kinds_of:
            of_part = self._kinds_by_part[self._views.index(view)][self._position[view][condition]]
            self._kinds_of[key] = frozenset().union(*(of_part[part] for part in self._within(view, item)))
        return self._kinds_of[key]

    def _within(self, view: str, item: Evaluation) -> list[str]:
        """The parts of months that an evaluation counts in a view: of a state, the one that ends with it."""
        if self._is_stock[view]:
            return [str(part) for part, _, last in self._parts if last == item.state_on]
        return [str(part) for part, first, last in self._parts if first >= item.first_on and last <= item.last_on]

    @cached_property
    def _kinds_by_part(self) -> list[list[dict[str, set[str]]]]:
        """For each view and condition, by part of a month, the kinds with a yes to the condition."""
        found: list[list[dict[str, set[str]]]] = [
            [defaultdict(set) for _ in self._position[view]] for view in self._views
        ]
        for kind, name in self._kinds.items():
            for of_view, each in zip(found, kind, strict=True):
                for of_part in each.split(";") if each is not None else ():
                    part, _, answers = of_part.partition(" ")
                    for by_part, answer in zip(of_view, answers, strict=True):
                        if answer == "1":
                            by_part[part].add(name)
        return found

    def _by_answers(self, view: str, kinds: frozenset[str]) -> Mapping[str, frozenset[str]]:
        """Kinds by what is known of the item of a dossier: a number of items shows which of these there are."""
        if kinds not in self._answered:
            number, found = self._views.index(view), defaultdict(set)
            for kind, name in self._kinds.items():
                if name in kinds:
                    answers = str(kind[number]).partition(" ")[2]
                    found["".join(answers[place] for place in self._of_item[view])].add(name)
            self._answered[kinds] = {answers: frozenset(names) for answers, names in found.items()}
        return self._answered[kinds]


def _first(number: int, column: str) -> str:
    """The column of whichever of the first views has the dossier."""
    return f"coalesce({', '.join(f'v{each}.{column}' for each in range(number))})"


def _filled(place: tuple[str | None, ...]) -> tuple[str, ...]:
    some = next(each for each in place if each is not None)
    return tuple(each or some for each in place)


def _name(place: tuple[str, ...]) -> str:
    """The name of a place: that of its unit, if it is the same in all views."""
    return place[0] if len(set(place)) == 1 else " | ".join(place)


def _numbers(figures: Mapping[str, Sequence[Figure]]) -> Mapping[tuple[str, int, str | None], list[_Number]]:
    """The numbers of each figure on some views: where rows of two views are counted together, their sums."""
    found: dict[tuple[str, int, str | None], list[_Number]] = {}
    of_views = [(view, figure) for view, of_view in figures.items() for figure in of_view]
    for view, figure in sorted(of_views, key=lambda item: item[1].is_added):
        of_figure = found.setdefault((figure.kpi_code, figure.version, figure.statistic), [])
        first_less = len(figure.conditions) - len(figure.less)
        for place, condition in enumerate(figure.conditions):
            number = _Number(((view, condition),), figure.is_looked_in, place >= first_less)
            if figure.is_added and place < len(of_figure):
                added = of_figure[place]
                of_figure[place] = added._replace(conditions=(*added.conditions, (view, condition)))
            else:
                of_figure.append(number)
    return found


def _of_item(view: DeclaredView, figures: Sequence[Figure]) -> list[int]:
    """The places of the conditions of a view that may follow from an item that is looked for: the procedure's fee.

    What a condition only takes from the rows themselves is true of a dossier, whatever its item is.
    """
    items = {figure.item for figure in figures if figure.is_looked_in}
    of_row = {name for name, origins in view.origins.items() if all(table == view.view.of for table, _ in origins)}
    return [
        place
        for place, condition in enumerate(conditions(figures))
        if not columns_of(condition) <= of_row - {str(item) for item in items}
    ]

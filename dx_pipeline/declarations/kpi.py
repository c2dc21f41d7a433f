"""KPI definitions: what is counted among what, with version, validity and legal basis.

A KPI counts rows of a view. Windows, units, roll-up, coverage, targets and rounding do not belong in it: the
engine does them, the same way for every KPI. Free SQL is for what cannot be counted: an age, a percentile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from dx_pipeline.declarations.binding import Binder, check_known
from dx_pipeline.declarations.contract import IDENTIFIER
from dx_pipeline.declarations.counting import Counting, Rows, as_sql, check_expression, view_of
from dx_pipeline.declarations.document import Bilingual, Declared, Document, Location, Owner, place
from dx_pipeline.declarations.level import LEVELS, Level
from dx_pipeline.declarations.mistake import Mistake, both_in_force, no_column
from dx_pipeline.declarations.query import PARAMETERS, YIELDED, Query
from dx_pipeline.declarations.view import DeclaredView, Known
from dx_pipeline.errors import DeclarationError, RuleError
from dx_pipeline.period import WINDOW_TYPES, Window, WindowType

Basis = Literal["flow", "stock", "latest"]

PUBLISHED = "programme.published_figure"
"""Where figures that others computed come from."""


class Version(Counting):
    """One wording of the formula, in force from `valid_from` to `valid_to` (both inclusive).

    Args:
        statistics: several figures under one code, by name, instead of one.
        sql: a file with free SQL, instead of what is counted.
    """

    version: int = Field(ge=1)
    statistics: dict[str, Counting] = Field(default_factory=dict)
    sql: str | None = None
    valid_from: date
    valid_to: date | None = None
    legal_basis: Bilingual
    formula: Bilingual
    denominator_scope: Bilingual | None = None


class Agreed(Declared):
    """A target that was agreed in the data: the lowest value of a column at the end of the window."""

    of: str = Field(pattern=IDENTIFIER)
    lowest: str = Field(pattern=IDENTIFIER)
    statistics: tuple[str, ...] = ()


class Definition(Declared):
    """One KPI.

    Args:
        windows, levels: those that values are published for.
        of: the view that it counts on.
        by_system: whether each system has values of its own. Coverage is that of each system, so one
            silent system leaves the values of the others; all together need every system.
        agreed: the target of a system, in the data themselves.
        is_reported: a figure that others computed: the published one is shown, nothing is computed.
        yields, basis, statistics: of free SQL: what it returns, whether it needs every month of the window
            (`flow`), its last one (`stock`) or none (`latest`), and the names of its figures.
        decimals: of the published value, rounded half up.
        is_bounded: whether what is counted is a part of what it is counted among, so that no percentage is above 100.
        coverage_at_least: values that rest on a smaller share of what is expected are withheld; by default the
            province's share.
    """

    title: Bilingual
    owner: Owner
    unit_of_measure: str
    direction: Literal["up", "down"] = "up"
    decimals: int = Field(default=2, ge=0, le=6)
    is_bounded: bool = True
    windows: tuple[WindowType, ...] = WINDOW_TYPES
    levels: tuple[Level, ...] = LEVELS
    of: str | None = Field(default=None, pattern=IDENTIFIER)
    by_system: bool = False
    agreed: Agreed | None = None
    is_reported: bool = False
    yields: Literal["counts", "measure"] = "counts"
    basis: Basis | None = None
    statistics: tuple[str, ...] = ()
    coverage_at_least: float | None = Field(default=None, ge=0, le=1)
    versions: tuple[Version, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _versions_follow_each_other(self) -> Definition:
        for position, (earlier, later) in enumerate(pairwise(self.versions)):
            if later.version <= earlier.version:
                raise RuleError(
                    f"version {later.version} follows version {earlier.version}: number them upwards.",
                    f"phiên bản {later.version} đứng sau phiên bản {earlier.version}: hãy đánh số tăng dần.",
                )
            if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
                before = later.valid_from - timedelta(days=1)
                raise both_in_force((earlier.version, later.version), before, ("versions", position))
        return self

    @model_validator(mode="after")
    def _the_province_is_shown(self) -> Definition:
        if "province" not in self.levels:
            raise RuleError(
                "'levels' always has 'province': every window has a value of the whole.",
                "'levels' luôn phải có 'province': mỗi kỳ đều có giá trị của toàn tỉnh.",
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_a_value(self) -> Definition:
        free = [version for version in self.versions if version.sql is not None]
        if free and (len(free) < len(self.versions) or self.basis is None or self.is_reported):
            raise RuleError(
                "free SQL needs a 'basis', and is in every version or in none.",
                "SQL tự do cần có 'basis', và phải có trong mọi phiên bản hoặc không phiên bản nào.",
            )
        if not free and (self.basis is not None or self.yields != "counts"):
            raise RuleError(
                "'basis' and 'yields' are about free SQL; what is counted has the basis of its view.",
                "'basis' và 'yields' chỉ dùng cho SQL tự do; những gì được đếm có basis của khung nhìn.",
            )
        named = {tuple(version.statistics) for version in self.versions if version.statistics}
        if not free and len(named | {self.statistics} - {()}) > 1:
            raise RuleError("every version has the same 'statistics'.", "mọi phiên bản phải có cùng các 'statistics'.")
        return self

    @property
    def statistic_names(self) -> tuple[str | None, ...]:
        """The names of its figures; None for a KPI with one."""
        return tuple(self.statistics or self.versions[0].statistics) or (None,)

    def levels_of(self, statistic: str | None) -> tuple[Level, ...]:
        """The levels that one of its figures is published for."""
        counting = self.versions[-1].statistics.get(statistic or "")
        return self.levels if counting is None or counting.levels is None else counting.levels

    @property
    def returned(self) -> tuple[str, ...]:
        """The columns that free SQL returns, in order."""
        beside = {"system": self.by_system, "statistic": bool(self.statistics)}
        named = (name for name, is_asked in beside.items() if is_asked)
        return ("unit_code", *named, *YIELDED[self.yields])

    def countings(self, version: Version) -> Iterator[tuple[str | None, Counting]]:
        """What a version counts: each statistic (None where there is one figure), with its view."""
        if version.sql is not None or self.is_reported:
            return
        every: dict[str | None, Counting] = dict(version.statistics.items()) or {None: version}
        for statistic, counting in every.items():
            of = counting.of or version.of or self.of
            plus = counting.plus and counting.plus.model_copy(update={"of": counting.plus.of or of})
            yield statistic, counting.model_copy(update={"of": of, "plus": plus})

    def version_at(self, day: date) -> Version | None:
        """The version in force on `day`."""
        for version in self.versions:
            if version.valid_from <= day and (version.valid_to is None or day <= version.valid_to):
                return version
        return None

    def versions_within(self, window: Window) -> tuple[Version, ...]:
        """The versions that are in force on some day of a window, in order."""
        return tuple(
            version
            for version in self.versions
            if version.valid_from <= window.end and (version.valid_to is None or version.valid_to >= window.start)
        )


@dataclass(frozen=True)
class DeclaredKpi:
    """A KPI as it is declared under `assets/kpi/<code>/`.

    Args:
        queries: its free SQL by version; empty for what is counted on views.
        views: the views that each version counts on or reads, with those that they read.
        tables: the tables that each version rests on, sorted, each with the bases of the views through which it is
            read; what free SQL reads has the basis of the KPI.
        basis: `flow` if any of its figures counts a flow: then a window is divided where the definition changes.
        adds_up: whether values of units add up to those above them, and so can be shown on other units.
        places: by version and statistic, where each expression is declared, as `file:line`.
    """

    code: str
    definition: Definition
    queries: dict[int, Query]
    views: dict[int, tuple[str, ...]]
    tables: dict[int, dict[str, tuple[Basis, ...]]]
    basis: Basis
    adds_up: bool
    places: dict[tuple[int, str | None], dict[str, str]]

    @property
    def every_view(self) -> tuple[str, ...]:
        """The views of all versions, sorted."""
        return tuple(sorted({name for names in self.views.values() for name in names}))

    @property
    def every_table(self) -> tuple[str, ...]:
        """The tables of all versions, sorted."""
        return tuple(sorted({name for names in self.tables.values() for name in names}))

    def sql(self, version: Version) -> str:
        """A version as one SELECT: its free SQL, or what it counts."""
        if version.version in self.queries:
            return self.queries[version.version].text
        if self.definition.is_reported:
            return f"SELECT unit_code, value FROM {PUBLISHED} WHERE kpi_code = '{self.code}';"
        return "\n".join(as_sql(counting) for _, counting in self.definition.countings(version))


def read(document: Document, code: str, known: Known, binder: Binder) -> DeclaredKpi:
    """The KPI in `document`, checked against the views and tables that are known.

    Raises:
        DeclarationError: a column, view or table is not known, or what is counted is no condition or number.
    """
    return read_definition(document, code, document.read(Definition, "attributes"), known, binder)


def read_definition(
    document: Document,
    code: str,
    definition: Definition,
    known: Known,
    binder: Binder,
    figures: Location | None = None,
) -> DeclaredKpi:
    """A KPI of a definition that comes from `document`.

    Args:
        document: where mistakes are shown.
        code: the KPI's code.
        definition: what was read.
        known: the tables and views.
        binder: binds SQL against them.
        figures: where the document has its figures, by name, if that is not under `versions`.

    Raises:
        DeclarationError: as `read`.
    """
    queries: dict[int, Query] = {}
    views: dict[int, tuple[str, ...]] = {}
    tables: dict[int, dict[str, tuple[Basis, ...]]] = {}
    places: dict[tuple[int, str | None], dict[str, str]] = {}
    used: list[DeclaredView] = []
    rests_on: set[tuple[str, Basis]]
    for position, version in enumerate(definition.versions):
        where = ("attributes", "versions", position)
        if version.sql is not None:
            query = _query(document, definition, version, where)
            check_known(query.path, query.text, query.reads, known.columns)
            for read in query.reads:
                if known.is_linkable(read):
                    raise DeclarationError(
                        query.path,
                        1,
                        f"rows of {read} can lead to a person, and free SQL withholds nothing: count on a view.",
                        f"các dòng của {read} có thể dẫn tới một người, và SQL tự do không che gì: hãy đếm trên một"
                        " khung nhìn.",
                    )
            binder.types(query.path, 1, query.text, PARAMETERS)
            queries[version.version] = query
            reads = set(query.reads)
            behind = {table for read in reads for table in known.tables_behind(read)}
            rests_on = {(table, definition.basis or "flow") for table in behind}
        else:
            reads, rests_on = set(), {(PUBLISHED, "stock")} if definition.is_reported else set()
            for statistic, counting in definition.countings(version):
                within = figures if figures is not None else (*where, "statistics")
                of_counting = (*within, statistic) if statistic else where
                places[version.version, statistic] = _places(document, counting, of_counting)
                on_views = list(_counted_on(document, definition, counting, of_counting, known, binder))
                if len({view.view.basis for view, _ in on_views}) > 1 and counting.plus is not None:
                    _check_ends(document, version, where)
                for view, columns in on_views:
                    used.append(view)
                    reads.add(view.table)
                    rests_on |= {(table, view.view.basis) for table in view.tables_of(columns)}
            if definition.agreed is not None:
                reads.add(_agreed_in(document, definition.agreed, known).table)
        tables[version.version] = _by_table(rests_on)
        views[version.version] = tuple(sorted(known.views_behind(reads)))
    flows = any(view.view.basis == "flow" for view in used)
    counted = [item for version in definition.versions for _, item in definition.countings(version)]
    adds_up = bool(counted) and all(item.distinct is None for item in counted)
    has_units = any(view.view.unit is not None for view in used)
    basis: Basis = definition.basis or ("flow" if flows else "stock")
    return DeclaredKpi(code, definition, queries, views, tables, basis, adds_up and has_units, places)


def _by_table(rests_on: Iterable[tuple[str, Basis]]) -> dict[str, tuple[Basis, ...]]:
    """The bases of each table, in the order of the tables' names."""
    found: dict[str, tuple[Basis, ...]] = {}
    for table, basis in sorted(rests_on):
        found[table] = (*found.get(table, ()), basis)
    return found


def _query(document: Document, definition: Definition, version: Version, where: Location) -> Query:
    path = document.path.parent / str(version.sql)
    if not path.is_file():
        missing = Mistake(
            f"'{version.sql}' is not there: put the SQL beside this file.",
            f"không có tệp '{version.sql}': hãy đặt tệp SQL cạnh tệp này.",
        )
        raise document.error(missing, *where, "sql")
    return Query(path, definition.yields, definition.returned)


def _places(document: Document, counting: Counting, where: Location) -> dict[str, str]:
    """Where each expression of what is counted is declared, as `file:line`."""
    looked_in = "seen_in" if counting.seen_in else "unseen_in"
    keys = {**{name: name for name in ("where", "counted", "among", "less", "plus")}, "looked_in": looked_in}
    return {name: place(document.path, document.line((*where, key))) for name, key in keys.items()}


def _counted_on(
    document: Document, definition: Definition, counting: Counting, where: Location, known: Known, binder: Binder
) -> Iterator[tuple[DeclaredView, set[str]]]:
    """The views that something is counted on, each with the columns that are used; all of it is checked."""
    view, columns = _rows_of(document, definition, counting, where, known, binder)
    columns |= {counting.distinct} if counting.distinct else set()
    if counting.distinct is not None and counting.distinct not in view.contract.columns:
        raise document.error(no_column(counting.distinct, view.table, view.contract.columns), *where, "distinct")
    yield view, columns
    if counting.plus is not None:
        yield _rows_of(document, definition, counting.plus, (*where, "plus"), known, binder)
    looked_in = counting.looked_in
    if looked_in is not None:
        key = "seen_in" if counting.seen_in else "unseen_in"
        other = view_of(document, known, looked_in.of, (*where, key), "of")
        place = document.line((*where, key, "where"))
        used = check_expression(document, place, other, looked_in.where, binder, may_be_number=False)
        if counting.distinct not in other.contract.columns:
            raise document.error(no_column(str(counting.distinct), other.table, other.contract.columns), *where, key)
        yield other, used | {str(counting.distinct)}


def _rows_of(
    document: Document, definition: Definition, rows: Rows, where: Location, known: Known, binder: Binder
) -> tuple[DeclaredView, set[str]]:
    """The view of some rows, and the columns that are used of it."""
    view = view_of(document, known, rows.of, where, "of")
    if definition.by_system and view.view.system is None:
        without = Mistake(
            f"{view.table} has no systems: leave 'by_system' out.",
            f"{view.table} không có hệ thống: hãy bỏ 'by_system'.",
        )
        raise document.error(without, "attributes", "by_system")
    expressions = [("where", rows.where), ("counted", rows.counted), *(("less", each) for each in rows.less)]
    expressions += [("among", rows.among)] if rows.among is not None else []
    columns: set[str] = set()
    for key, expression in expressions:
        may_be_number = key in {"counted", "among"}
        line = document.line((*where, key))
        columns |= check_expression(document, line, view, expression, binder, may_be_number=may_be_number)
    return view, columns


def _check_ends(document: Document, version: Version, where: Location) -> None:
    """Check that a version that adds a state to events is in force for whole months: states are of their ends."""
    after = version.valid_to + timedelta(days=1) if version.valid_to is not None else None
    for key, first in (("valid_from", version.valid_from), ("valid_to", after)):
        if first is not None and first.day != 1:
            in_part = Mistake(
                "a version that adds up events and a state is in force for whole months.",
                "phiên bản cộng các sự kiện với một tình trạng phải có hiệu lực theo trọn tháng.",
            )
            raise document.error(in_part, *where, key)


def _agreed_in(document: Document, agreed: Agreed, known: Known) -> DeclaredView:
    """The view that has what was agreed. A value does not need it: without it there is only no target."""
    view = view_of(document, known, agreed.of, ("attributes", "agreed"), "of")
    if agreed.lowest not in view.contract.columns or view.view.system is None or view.view.basis != "stock":
        no_level = Mistake(
            f"'{agreed.lowest}' of {view.table} is no level of systems at the end of a month.",
            f"'{agreed.lowest}' của {view.table} không phải là mức của các hệ thống vào cuối tháng.",
        )
        raise document.error(no_level, "attributes", "agreed")
    return view

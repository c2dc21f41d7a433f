"""Rows: which rows of views a value counts, by the declared conditions, and which rows each view leaves out.

Only of views whose rows are public one by one is anything counted here, and only where the value itself is shown. Of
all others the conditions are given, and nothing that shows how many rows they are true of, except inside the office.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import literal, qualified, quoted
from dx_pipeline.declarations.view import EXCLUDED, SCHEMA, DeclaredView
from dx_pipeline.kpi.figure import Figure, figures_by_view
from dx_pipeline.kpi.parts import Evaluation
from dx_pipeline.release.explanation.inputs import Inputs

Ranges = tuple[tuple[int, int], ...]
"""Lines of a delivery as ranges, first and last line included."""

Place = tuple[str, str | None, str | None]
"""Table, month (`YYYY-MM`, None of a table without months) and delivery."""


@dataclass(frozen=True)
class Excluded:
    """Rows that a view leaves out for one reason; `row_count` is None where the rows are not public."""

    reason: str
    vi: str
    en: str
    is_lost: bool
    row_count: int | None


@dataclass(frozen=True)
class Counted:
    """What a value counts on one view, within the days from `first_on` to `last_on`.

    Args:
        where, counted, among: the declared conditions: which rows are looked at, what the numerator and the denominator
            add up; `among` is None of a plain count, all are of free SQL, whose text says which rows count.
        less: conditions, each of whose rows are taken off the numerator.
        item: the column whose distinct values are counted, if not the rows.
        is_looked_in: whether these rows are only searched for items.
        is_public: whether the rows of the view are public one by one.
        row_count, counted_count: rows that are looked at, and those of which `counted` is true; None if not shown.
    """

    view: str
    title_vi: str
    title_en: str
    table_name: str
    basis: str
    definition_version: int
    first_on: date
    last_on: date
    where: str | None
    counted: str | None
    among: str | None
    less: tuple[str, ...]
    item: str | None
    is_looked_in: bool
    is_public: bool
    row_count: int | None
    counted_count: int | None
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True)
class Lines:
    """Lines of the rows that are looked at, and of those that are counted, by delivery."""

    looked_at: dict[Place, Ranges]
    counted: dict[Place, Ranges]


def is_public(catalogue: Catalogue, view: DeclaredView) -> bool:
    """Whether the rows of a view are public one by one: it protects nothing, and reads nothing but public tables."""
    if view.view.protects is not None or view.has_states:
        return False
    for read in view.reads:
        other = catalogue.views.get(read.removeprefix(f"{SCHEMA}.")) if read.startswith(f"{SCHEMA}.") else None
        if other is not None and not is_public(catalogue, other):
            return False
        contract = catalogue.contracts.get(read)
        if contract is not None and (contract.audience != "public" or contract.balance is not None):
            return False
    return True


def create_views(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, names: Sequence[str]) -> frozenset[str]:
    """Create the views among those named whose rows are public, over the tables of a release.

    Returns:
        Those that can be read: a view that has changed since may need columns that an older release does not have.
    """
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(SCHEMA)}")
    readable = set()
    for name, view in catalogue.views.items():
        if name in names and is_public(catalogue, view):
            with suppress(duckdb.BinderException, duckdb.CatalogException):
                connection.execute(f"CREATE VIEW IF NOT EXISTS {qualified(view.table)} AS {view.sql}")
                readable.add(name)
    return frozenset(readable)


def count(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, inputs: Inputs, readable: frozenset[str]
) -> tuple[tuple[Counted, ...], Lines]:
    """What a value counts on each view, and the lines of the rows that are public.

    Args:
        connection: has the tables of the release, and `unit_within`.
        catalogue: the views.
        inputs: what the value is computed from.
        readable: the views that the connection has.
    """
    found, lines = [], Lines({}, {})
    for view, item, figure in _figures(catalogue, inputs):
        is_open = view.name in readable
        counts: tuple[int | None, int | None] = (None, None)
        if is_open:
            _select(connection, view, item, figure, inputs)
        if is_open and inputs.is_shown:
            counts = _counts(connection, is_numerator=not _has_looked_in(inputs, figure))
            if _has_lines(catalogue, view, inputs):
                _add(lines.looked_at, _ranges(connection, view, "true"))
                if figure.among is not None and not _has_looked_in(inputs, figure):
                    _add(lines.counted, _ranges(connection, view, "is_counted"))
        left_out = dict(_excluded(connection)) if is_open else None
        found.append(_counted(catalogue, view, item, figure, counts, left_out))
    for item in inputs.evaluations:
        query = inputs.kpi.queries.get(item.version.version) if item.version is not None else None
        read = [name.removeprefix(f"{SCHEMA}.") for name in query.reads] if query is not None else []
        found += [_counted(catalogue, catalogue.views[name], item) for name in read if name in catalogue.views]
    return tuple(found), lines


def _counted(
    catalogue: Catalogue,
    view: DeclaredView,
    item: Evaluation,
    figure: Figure | None = None,
    counts: tuple[int | None, int | None] = (None, None),
    left_out: dict[str, int] | None = None,
) -> Counted:
    """What an evaluation counts on a view; without a figure it is free SQL."""
    first_on, last_on = _days(view, item)
    return Counted(
        view=view.name,
        title_vi=view.view.title.vi,
        title_en=view.view.title.en,
        table_name=view.view.of,
        basis=view.view.basis,
        definition_version=item.version.version if item.version else 0,
        first_on=first_on,
        last_on=last_on,
        where=figure.where if figure else None,
        counted=figure.counted if figure else None,
        among=figure.among if figure else None,
        less=figure.less if figure else (),
        item=figure.item if figure else None,
        is_looked_in=figure is not None and figure.is_looked_in,
        is_public=is_public(catalogue, view),
        row_count=counts[0],
        counted_count=counts[1],
        excluded=tuple(
            Excluded(
                code, reason.vi, reason.en, reason.is_lost, left_out.get(code, 0) if left_out is not None else None
            )
            for code, reason in view.reasons.items()
        ),
    )


def _figures(catalogue: Catalogue, inputs: Inputs) -> Iterator[tuple[DeclaredView, Evaluation, Figure]]:
    """What each evaluation of a value counts, in the order of declaration."""
    for item in inputs.evaluations:
        for name, figures in figures_by_view([inputs.kpi]).items():
            for figure in figures:
                is_asked = figure.statistic == inputs.row["statistic"]
                if is_asked and item.version is not None and figure.version == item.version.version:
                    yield catalogue.views[name], item, figure


def _has_looked_in(inputs: Inputs, figure: Figure) -> bool:
    """Whether another view decides which rows of a figure count: then its own rows do not show it."""
    others = (each for of_view in figures_by_view([inputs.kpi]).values() for each in of_view)
    return any(
        each.is_looked_in and (each.version, each.statistic) == (figure.version, figure.statistic) for each in others
    )


def _has_lines(catalogue: Catalogue, view: DeclaredView, inputs: Inputs) -> bool:
    """Whether rows of a view name their lines: a derived row names only the first of many."""
    is_derived = any(each.table_name == view.view.of and each.derived_from for each in inputs.partitions)
    return (
        view.identity == ("delivery_id", "delivery_line")
        and not is_derived
        and bool(catalogue.sources_of(view.view.of))
    )


def _select(
    connection: duckdb.DuckDBPyConnection, view: DeclaredView, item: Evaluation, figure: Figure, inputs: Inputs
) -> None:
    """Make `selected`: a view's rows of the unit, system and days of a value, with what becomes of them."""
    about, columns = view.view, view.contract.columns
    first_on, last_on = _days(view, item)
    excluded = EXCLUDED if EXCLUDED in columns else "NULL::VARCHAR"
    conditions = [f"{quoted(about.date)} BETWEEN $first_on AND $last_on"]
    if about.unit is not None:
        place = f"unit_code = row.{quoted(about.unit)} AND row.{quoted(about.date)} BETWEEN first_on AND last_on"
        without = f" OR row.{quoted(about.unit)} IS NULL" if inputs.is_of_province else ""
        conditions.append(f"(EXISTS (SELECT 1 FROM unit_within WHERE {place}){without})")
    if about.system is not None and inputs.row["system"] is not None:
        conditions.append(f"{quoted(about.system)} = {literal(inputs.row['system'])}")
    place = ", ".join(
        f"{quoted(name) if name in columns else 'NULL'} AS {name}" for name in ("month", "delivery_id", "delivery_line")
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE selected AS
        SELECT {place}, {excluded} AS excluded, coalesce({figure.where}, false) AS is_looked_at,
            coalesce(({figure.counted})::BOOLEAN, false) AS is_counted
        FROM {qualified(view.table)} AS row WHERE {" AND ".join(conditions)}
        """,
        {"first_on": first_on, "last_on": last_on},
    )


def _days(view: DeclaredView, item: Evaluation) -> tuple[date, date]:
    """First and last day of the rows that an evaluation counts: of states those at the end of a month."""
    if view.view.basis == "flow":
        return item.first_on, item.last_on
    return item.state_on, item.state_on


def _counts(connection: duckdb.DuckDBPyConnection, *, is_numerator: bool) -> tuple[int, int | None]:
    ((looked_at, counted),) = connection.execute(
        "SELECT count(*), count(*) FILTER (is_counted) FROM selected WHERE excluded IS NULL AND is_looked_at"
    ).fetchall()
    return looked_at, counted if is_numerator else None


def _excluded(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return connection.execute(
        "SELECT excluded, count(*) FROM selected WHERE excluded IS NOT NULL GROUP BY ALL"
    ).fetchall()


def _ranges(connection: duckdb.DuckDBPyConnection, view: DeclaredView, condition: str) -> dict[Place, Ranges]:
    """The lines of the selected rows that are looked at, by delivery."""
    rows = connection.execute(
        f"""
        WITH line AS (
            SELECT DISTINCT month, delivery_id, delivery_line FROM selected
            WHERE excluded IS NULL AND is_looked_at AND {condition} AND delivery_id IS NOT NULL
        ),
        placed AS (
            SELECT *, delivery_line
                - row_number() OVER (PARTITION BY month, delivery_id ORDER BY delivery_line) AS stretch
            FROM line
        )
        SELECT strftime(month::DATE, '%Y-%m'), delivery_id, min(delivery_line), max(delivery_line)
        FROM placed GROUP BY month, delivery_id, stretch ORDER BY ALL
        """
    ).fetchall()
    found: dict[Place, list[tuple[int, int]]] = {}
    for month, delivery, first, last in rows:
        found.setdefault((view.view.of, month, delivery), []).append((first, last))
    return {place: tuple(ranges) for place, ranges in found.items()}


def _add(every: dict[Place, Ranges], more: dict[Place, Ranges]) -> None:
    """Add ranges of lines; those that two figures both count are named once."""
    for place, ranges in more.items():
        every[place] = merged([*every.get(place, ()), *ranges])


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Ranges of lines in order, those that touch each other as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)

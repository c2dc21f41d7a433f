"""Lineage: the columns of tables that a value comes from, down to the headings of the delivered files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dx_pipeline.declarations.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.declarations.kpi import PUBLISHED
from dx_pipeline.declarations.lineage import columns_of, of_query
from dx_pipeline.declarations.view import EXCLUDED, DeclaredView, Known, Origin
from dx_pipeline.kpi.figure import Figure, figures_by_view
from dx_pipeline.release.explanation.inputs import Inputs


@dataclass(frozen=True)
class Heading:
    """Where deliveries of some sources have a column: under a heading, in the lines above, or as a constant.

    Args:
        says: `header` (a heading or the name of a field), `constant` (the value), `title` (a regular expression).
    """

    sources: tuple[str, ...]
    says: str
    text: str


@dataclass(frozen=True)
class ColumnOrigin:
    """A column of a table that a value is computed from.

    Args:
        role: `numerator`, `denominator`, `rows` (which are looked at), `item`, `looked_in`, `date`, `unit`, `system`,
            `excluded` (which are left out), `key` (what names a row), or a column that free SQL returns.
        view, view_column: None for free SQL; `view_column` also where a view does not pass a column on.
        derived_from: the delivered table that the pipeline computes the column's table from, for some sources.
    """

    role: str
    view: str | None
    view_column: str | None
    table_name: str
    column_name: str
    vi: str
    en: str
    derived_from: str | None
    headings: tuple[Heading, ...]


def origins(catalogue: Catalogue, inputs: Inputs) -> tuple[ColumnOrigin, ...]:
    """The columns behind a value, in the order of their roles, each role and column once."""
    found: dict[ColumnOrigin, None] = {}
    for number in inputs.versions:
        if number in inputs.kpi.queries:
            every = _of_free_sql(catalogue, inputs, number)
        elif inputs.kpi.definition.is_reported:
            every = iter([("value", None, None, (PUBLISHED, "value"))])
        else:
            every = _of_figures(catalogue, inputs, number)
        for role, view, view_column, origin in every:
            described = _origin(catalogue, inputs, role, view, view_column, origin)
            if described is not None:
                found[described] = None
    return tuple(found)


Used = tuple[str, str | None, str | None, Origin]
"""Role, view and its column, and the table's column that it comes from."""


def _of_figures(catalogue: Catalogue, inputs: Inputs, version: int) -> Iterator[Used]:
    for name, figures in figures_by_view([inputs.kpi]).items():
        view = catalogue.views[name]
        for figure in figures:
            if (figure.version, figure.statistic) == (version, inputs.row["statistic"]):
                for role, column in _roles(view, figure):
                    for origin in view.origins[column]:
                        yield role, name, column, origin
                contract = catalogue.contracts[view.view.of]
                if contract.reporters is not None and view.view.unit is not None:
                    yield "unit", name, None, (view.view.of, contract.reporters.column)
                for column in contract.key:
                    yield "key", name, None, (view.view.of, column)


def _roles(view: DeclaredView, figure: Figure) -> Iterator[tuple[str, str]]:
    """Each column of a view that a figure uses, and what for."""
    about = view.view
    named = {"date": about.date, "unit": about.unit, "system": about.system}
    among = [figure.among] if figure.among is not None else []
    expressions = {"numerator": [figure.counted, *figure.less], "denominator": among, "rows": [figure.where]}
    if figure.is_looked_in:
        expressions = {"looked_in": [figure.where]}
    for role, of_role in expressions.items():
        for column in sorted({name for expression in of_role for name in columns_of(expression)}):
            yield role, column
    if figure.item is not None:
        yield "item", figure.item
    for role, name in named.items():
        if name is not None:
            yield role, name
    if EXCLUDED in view.origins:
        yield "excluded", EXCLUDED


def _of_free_sql(catalogue: Catalogue, inputs: Inputs, version: int) -> Iterator[Used]:
    query, known = inputs.kpi.queries[version], Known(catalogue.contracts, catalogue.views)
    columns = {name: known.columns[name] for name in query.reads}
    for role, line in of_query(query.text, columns).items():
        for origin in known.origins_of(tuple(each for each in line.origins if each[0] in columns)):
            yield role, None, None, origin


def _origin(
    catalogue: Catalogue, inputs: Inputs, role: str, view: str | None, view_column: str | None, origin: Origin
) -> ColumnOrigin | None:
    table, name = origin
    contract = catalogue.contracts.get(table)
    column = contract.readable.get(name) if contract is not None else None
    if column is None:
        return None
    is_derived = any(each.table_name == table and each.derived_from for each in inputs.partitions)
    headings = tuple(_headings(catalogue, inputs, table, name))
    derived_from = DERIVED_FROM[table] if is_derived else None
    return ColumnOrigin(role, view, view_column, table, name, column.vi, column.en, derived_from, headings)


def _headings(catalogue: Catalogue, inputs: Inputs, table: str, column: str) -> Iterator[Heading]:
    """Where deliveries of the needed sources have a column; sources with the same heading are one entry."""
    needed = {each.source for each in inputs.partitions if each.table_name == table}
    found: dict[tuple[str, str], dict[str, None]] = {}
    for source in catalogue.sources_of(table):
        for layout in catalogue.sources[source].source.deliveries if source in needed else ():
            placement = layout.columns.get(column) if layout.table == table else None
            if placement is not None:
                said = {"header": placement.header, "constant": placement.constant, "title": placement.title}
                (place,) = ((says, text) for says, text in said.items() if text is not None)
                found.setdefault(place, {})[source] = None
    for (says, text), sources in found.items():
        yield Heading(tuple(sources), says, text)

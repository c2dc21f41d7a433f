"""KPI definitions: a formula with its code, version, validity, legal basis and SQL.

The SQL counts by unit (or, without `unit_code`, for the province as a whole), within `$window_start`
and `$window_end`. Windows, roll-up, targets and rounding do not belong in it: the engine does them,
the same way for every KPI.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import sqlglot
from pydantic import Field, model_validator
from sqlglot import exp

from dx_pipeline.declarations.document import Bilingual, Declared, Document, Owner
from dx_pipeline.errors import DeclarationError
from dx_pipeline.period import WINDOW_TYPES, Window, WindowType

Yield = Literal["counts", "items", "measure", "reported"]

YIELDED: dict[Yield, tuple[str, ...]] = {
    "counts": ("numerator", "denominator"),
    "items": ("item", "is_counted"),
    "measure": ("value",),
    "reported": ("value",),
}
PARAMETERS = frozenset({"window_start", "window_end"})


class Version(Declared):
    """One wording of the formula, in force from `valid_from` to `valid_to` (both inclusive)."""

    version: int = Field(ge=1)
    sql: str
    valid_from: date
    valid_to: date | None = None
    legal_basis: Bilingual
    formula: Bilingual
    denominator_scope: Bilingual | None = None


class Definition(Declared):
    """One KPI.

    Args:
        yields: what the SQL returns. `counts`: one row a unit with `numerator` and `denominator`
            (NULL for a KPI that is a plain count); they are summed up the unit tree. `items`: one
            row a unit and item with `is_counted`; distinct items are counted at every level.
            `measure`: a value that cannot be added up (an age, a percentile), at every level that
            it is wanted for. `reported`: a value somebody else computed; it is shown and never
            recomputed.
        by_system: the SQL also returns `system`. Coverage is checked for each system apart, so one
            silent system leaves the values of the others; over all of them (`system` empty) counts
            and items are added up, and every system must be covered.
        statistics: the SQL also returns `statistic`, one of these: several figures under one code.
        own_target: the SQL also returns `target`, a level that was agreed in the data themselves.
        basis: `flow` (what happened within the window: every month of it must be there), `stock`
            (the state at its end: its last month must be there) or `latest` (the latest known state
            at its end, however old: no month must be there).
        decimals: of the published value, rounded half up.
        counts_dossiers: numerators and denominators count dossiers, so small cells are withheld.
    """

    title: Bilingual
    owner: Owner
    unit_of_measure: str
    direction: Literal["up", "down"] = "up"
    decimals: int = Field(default=2, ge=0, le=6)
    yields: Yield = "counts"
    by_system: bool = False
    statistics: tuple[str, ...] = ()
    own_target: bool = False
    basis: Literal["flow", "stock", "latest"] = "flow"
    windows: tuple[WindowType, ...] = WINDOW_TYPES
    counts_dossiers: bool = False
    versions: tuple[Version, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _versions_follow_each_other(self) -> Definition:
        for earlier, later in zip(self.versions, self.versions[1:], strict=False):
            if later.version <= earlier.version:
                message = f"version {later.version} follows version {earlier.version}: number them upwards."
                raise ValueError(message)
            if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
                message = f"versions {earlier.version} and {later.version} are in force on the same day."
                raise ValueError(message)
        return self

    @property
    def returned(self) -> tuple[str, ...]:
        """The columns that its SQL returns, in order."""
        beside = {"system": self.by_system, "statistic": bool(self.statistics)}
        named = (name for name, is_asked in beside.items() if is_asked)
        return ("unit_code", *named, *YIELDED[self.yields], *(("target",) if self.own_target else ()))

    def version_at(self, day: date) -> Version | None:
        """The version in force on `day`."""
        for version in self.versions:
            if version.valid_from <= day and (version.valid_to is None or day <= version.valid_to):
                return version
        return None

    def version_for(self, window: Window) -> Version | None:
        """The version a window is evaluated by: the one in force on its last day."""
        return self.version_at(window.end)


class Query:
    """The SQL of one version: its text, and what follows from parsing it.

    Attributes:
        tables: the tables it reads, as `schema.table`, sorted.
        parameters: which of the window's ends it uses.
        is_of_province: whether it returns no units: then its row is for the province as a whole.

    Raises:
        DeclarationError: it is not one SELECT, or does not return the columns its KPI yields.
    """

    def __init__(self, path: Path, definition: Definition) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        try:
            statements = [statement for statement in sqlglot.parse(self.text, read="duckdb") if statement]
        except sqlglot.ParseError as error:
            first = error.errors[0]
            raise DeclarationError(
                path, first.get("line") or 1, f"not valid SQL: {first.get('description')}."
            ) from error
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise DeclarationError(path, 1, "write exactly one SELECT.")
        query = statements[0]
        returned = tuple(query.named_selects)
        if returned not in {definition.returned, definition.returned[1:]}:
            raise DeclarationError(
                path,
                1,
                f"a KPI that yields '{definition.yields}' returns {', '.join(definition.returned)} as it is declared;"
                f" this returns {', '.join(returned) or 'nothing'}.",
            )
        self.is_of_province = "unit_code" not in returned
        self.tables = _tables(query)
        self.parameters = frozenset(parameter.name for parameter in query.find_all(exp.Parameter, exp.Placeholder))
        for name in sorted(self.parameters - PARAMETERS):
            raise DeclarationError(path, 1, f"'${name}' is unknown: use $window_start and $window_end.")


def _tables(query: exp.Query) -> tuple[str, ...]:
    defined = {cte.alias for cte in query.find_all(exp.CTE)}
    named = {f"{table.db}.{table.name}" if table.db else table.name for table in query.find_all(exp.Table)}
    return tuple(sorted(named - defined))


def queries(document: Document, definition: Definition) -> dict[int, Query]:
    """The parsed SQL of each version, by version number.

    Raises:
        DeclarationError: a file is missing or its SQL does not fit the definition.
    """
    found = {}
    for position, version in enumerate(definition.versions):
        path = document.path.parent / version.sql
        if not path.is_file():
            raise document.error(
                f"'{version.sql}' is not there: put the SQL beside this file.",
                *("attributes", "versions", position, "sql"),
            )
        found[version.version] = Query(path, definition)
    return found

"""Suppression: which values about dossiers are withheld, decided for all KPIs at once.

A dossier may be a row of several protected views: received in May and settled in June. So dossiers are counted by what
they are in all of these views together: in each of them the unit, the part of a month, and the answers to every
condition that a figure asks. Each number that would be published counts some of these; `disclosure` decides which of
them are shown. A figure that only looks for items among dossiers is shown with the count of those dossiers, or not at
all, and gives away which dossiers there are besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.declarations.view import DeclaredView
from dx_pipeline.kpi.disclosure import NEVER, Cell, suppression
from dx_pipeline.kpi.dossier_numbers import Key, Numbers, dossiers_of
from dx_pipeline.kpi.figure import Figure, conditions
from dx_pipeline.kpi.parts import Evaluation
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import fill
from dx_pipeline.tables import partition
from dx_pipeline.tables.history import states_of

Decided = Mapping[Key, bool]
"""Values that have been published: whether they are shown."""


def collect(
    connection: duckdb.DuckDBPyConnection,
    view: DeclaredView,
    figures: Sequence[Figure],
    *,
    changes: bool,
    is_alone: bool,
) -> None:
    """Keep what the dossiers of a scanned view are in it, in `dossier.<view>`: one row a dossier.

    Args:
        connection: has the view's rows in `scanned`.
        view: the view.
        figures: what is counted on it.
        changes: whether rows of its table are states of dossiers.
        is_alone: whether no other protected view is in use: then equal dossiers of a view are one row.
    """
    keys = f"FROM {states_of(view.view.of)}" if changes else "FROM (SELECT 0 AS state_hash, 0 AS key_number) LIMIT 0"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE of_state AS SELECT state_hash, hash(key_number) AS dossier {keys}"
    )
    answers = " || ".join(f"CASE WHEN {condition} THEN '1' ELSE '0' END" for condition in conditions(figures))
    is_counted = is_alone and not view.view.repeats
    rows = sql_file(__file__, "dossiers_alone" if is_counted else "dossier").replace("$answers", answers)
    if view.view.repeats:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW collected AS {rows}")
        rows = sql_file(__file__, "dossier_repeated").replace("$is_stock", str(view.view.basis == "stock"))
    names = "dossier, place, kind, weight"
    connection.execute("CREATE SCHEMA IF NOT EXISTS dossier")
    connection.execute(f"CREATE TABLE {dossiers_of(view.name)} AS SELECT {names} FROM ({rows})")


def withhold(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    figures: Mapping[str, Sequence[Figure]],
    evaluated: Sequence[Evaluation],
    decided: Decided,
) -> None:
    """Add to `withheld` the values on protected views that are not shown: those of which a number is withheld.

    The other numbers of such a value may be shown elsewhere: all dossiers, beside another KPI. What has been
    `decided` stays as it is.

    Args:
        connection: has the evaluation, and the dossiers that were collected.
        catalogue: what is declared, with the smallest count that is shown.
        figures: by protected view.
        evaluated: the evaluations, by number.
        decided: values that have been published.
    """
    numbers = Numbers(connection, catalogue, figures, evaluated)
    cells = [
        (as_decided, value)
        for cell, value in numbers.cells()
        if (as_decided := _as_decided(cell, value.key, decided)) is not None
    ]
    every = [*(cell for cell, _ in cells), *numbers.differences()]
    found = suppression(numbers.counts, every, threshold=catalogue.province.suppress_below).withheld
    hidden = {value for cell, value in cells if cell.key in found or not decided.get(value.key, True)}
    rows = [
        {"evaluation_number": value.number, "statistic": value.statistic, "unit_code": value.unit_code}
        for value in sorted(hidden, key=lambda value: (value.number, value.statistic or "", value.unit_code))
    ]
    fill(connection, "withheld", rows)


def published(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, codes: Sequence[str]
) -> Decided:
    """The values of some KPIs and summaries that are published now, and which of them are shown."""
    found: dict[Key, bool] = {}
    for code in codes:
        path = partition.rows(settings, partition.evaluated(catalogue, code))
        if path is not None:
            is_summary = code in catalogue.summaries
            asked = {"code": code, "columns": list(catalogue.summaries[code].summary.counts)} if is_summary else {}
            rows = connection.execute(
                sql_file(__file__, "published_summary" if is_summary else "published"), {"path": str(path), **asked}
            ).fetchall()
            found |= {tuple(key): is_shown for *key, is_shown in rows}
    return found


def _as_decided(cell: Cell, key: Key, decided: Decided) -> Cell | None:
    """A cell as it is if its value has been decided; None if nothing of it is shown or protected."""
    if key not in decided:
        return cell
    if cell.role == "detail":
        return cell._replace(weight=NEVER) if decided[key] else None
    return cell._replace(role="known" if decided[key] else "difference")

"""Scanning views: each view is read once, for every window of every KPI that counts on it.

Counts are kept by unit, system and part of a month; windows add parts up. Every row of the view's table
must be among the rows of the view, counted or with a declared reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import duckdb

from dx_pipeline.declarations.binding import line_of
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual, place
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.sql import literal, qualified, quoted, sql_file
from dx_pipeline.declarations.view import EXCLUDED, DeclaredView
from dx_pipeline.kpi import states
from dx_pipeline.kpi.figure import Figure, figures_by_view
from dx_pipeline.storage.database import OF_THE_SYSTEM
from dx_pipeline.tables.history import state_hash

ROW = "dx_row"
STATE = "dx_state"
"""The columns of a scan that every view has: `dx_day`, `dx_unit`, `dx_system`, `dx_excluded`, `dx_month`; `dx_row`,
which names a row of its table; `dx_state`, which names a state of a row that changes; and `dx_weight`, how many
dossiers the row is of."""


def create_views(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, kpis: Sequence[DeclaredKpi]
) -> dict[str, Bilingual]:
    """Create the views that some KPIs read, over attached tables; each after the views that it reads.

    Views that free SQL reads are computed once, not for each window.

    Returns:
        By KPI whose free SQL reads a failing view: why it fails, in one sentence.
    """
    connection.execute('CREATE SCHEMA IF NOT EXISTS "view"')
    wanted = {name for kpi in kpis for name in kpi.every_view}
    failures: dict[str, Bilingual] = {}
    for name, view in catalogue.views.items():
        if name not in wanted:
            continue
        reading = [kpi.code for kpi in kpis if any(view.table in query.reads for query in kpi.queries.values())]
        try:
            rows = states.select(connection, view) if view.has_states else view.sql
            connection.execute(f"CREATE {'TABLE' if reading else 'VIEW'} {qualified(view.table)} AS {rows}")
        except OF_THE_SYSTEM:
            raise
        except duckdb.Error as error:
            problem = failing(place(view.path, line_of(error)), f"view {name}", f"khung nhìn {name}", error)
            failed = [kpi.code for kpi in kpis if name in kpi.every_view] if view.has_states else reading
            failures.update(dict.fromkeys(failed, problem))
            connection.execute(f"CREATE VIEW {qualified(view.table)} AS {view.sql}")
    return failures


def scan(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    kpis: Sequence[DeclaredKpi],
    protect: Callable[[DeclaredView, Sequence[Figure]], None],
) -> dict[str, Bilingual]:
    """Fill `counted`, `item`, `counted_month`, `agreed` and `conserved` from the views of some KPIs.

    Args:
        connection: has the tables and views.
        catalogue: what is declared.
        kpis: which KPIs.
        protect: is called with each protected view while its rows are in `scanned`.

    Returns:
        By KPI that could not be counted: why, in one sentence.
    """
    failures: dict[str, Bilingual] = {}
    for name, on_view in figures_by_view(kpis).items():
        view = catalogue.views[name]
        try:
            _read(connection, catalogue, view, on_view)
            problem = _conserve(connection, catalogue, view)
        except OF_THE_SYSTEM:
            raise
        except duckdb.Error as error:
            problem = failing(place(view.path, 1), f"view {name}", f"khung nhìn {name}", error)
        if problem is not None:
            failures.update(dict.fromkeys((figure.kpi_code for figure in on_view), problem))
            continue
        _count_each(connection, catalogue, view, [figure for figure in on_view if figure.item is None], failures)
        for figure in on_view:
            if figure.item is not None:
                _try(connection, catalogue, _items(view, figure), figure, failures)
        good = [figure for figure in on_view if figure.kpi_code not in failures]
        _record_months(connection, view, good)
        if view.view.protects is not None and good:
            protect(view, good)
    connection.execute("DROP TABLE IF EXISTS scanned")
    for kpi in kpis:
        _agree(connection, catalogue, kpi)
    return failures


def _read(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, view: DeclaredView, on_view: Sequence[Figure]
) -> None:
    """Read a view, the columns that are used of it, into `scanned`."""
    about, columns = view.view, view.contract.columns
    used = sorted({column for figure in on_view for column in figure.columns})
    fixed = {
        "dx_day": quoted(about.date),
        "dx_unit": quoted(about.unit) if about.unit else "NULL::VARCHAR",
        "dx_system": quoted(about.system) if about.system else "NULL::VARCHAR",
        "dx_excluded": EXCLUDED if EXCLUDED in columns else "NULL::VARCHAR",
        "dx_month": _month(view.contract),
        ROW: f"CASE WHEN {quoted(view.identity[0])} IS NOT NULL THEN {_hash(view)} END",
        "dx_weight": quoted(about.weight) if about.weight else "1::UTINYINT",
        STATE: state_hash() if catalogue.contracts[about.of].changes else "NULL::UBIGINT",
    }
    selected = [*(f"{expression} AS {name}" for name, expression in fixed.items()), *map(quoted, used)]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE scanned AS SELECT {', '.join(selected)} FROM {qualified(view.table)}"
    )


def _conserve(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, view: DeclaredView) -> Bilingual | None:
    """Record where the rows of the view's table are; return a sentence if a row is lost, added, or has no reason."""
    table, name = view.view.of, literal(view.name)
    month = _month(catalogue.contracts[table])
    rows = f"count({'DISTINCT ' if view.view.repeats else ''}{ROW})"
    place = f"{name}, {literal(table)}, dx_month, dx_unit, dx_excluded"
    connection.execute(f"INSERT INTO conserved SELECT {place}, {rows} FROM scanned GROUP BY ALL")
    distinct = "DISTINCT" if view.view.repeats else ""
    reasons = [code for code, reason in view.view.excluded.items() if reason.is_lost]
    connection.execute(sql_file(__file__, "lost"), {"view": view.name, "reasons": reasons})
    broken = connection.execute(
        f"""
        WITH of_table AS (
            SELECT {month} AS month, count(*) AS row_count, sum({_hash(view)}) AS digest
            FROM {qualified(table)} GROUP BY ALL
        ),
        in_view AS (
            SELECT dx_month AS month, count(*) AS row_count, sum({ROW}) AS digest
            FROM (SELECT {distinct} dx_month, {ROW} FROM scanned WHERE {ROW} IS NOT NULL) GROUP BY ALL
        )
        SELECT coalesce(of_table.month, in_view.month), coalesce(of_table.row_count, 0),
            coalesce(in_view.row_count, 0)
        FROM of_table FULL JOIN in_view ON of_table.month IS NOT DISTINCT FROM in_view.month
        WHERE (of_table.row_count, of_table.digest) IS DISTINCT FROM (in_view.row_count, in_view.digest)
        ORDER BY ALL
        """
    ).fetchall()
    for of_month, expected, found in broken:
        return Bilingual(
            vi=f"khung nhìn {view.name} có {found} trong {expected} dòng của {table}, {of_month or 'mọi thời gian'}:"
            " mỗi dòng phải có mặt đúng một lần trong khung nhìn, được tính hoặc kèm lý do ghi dưới 'excluded'.",
            en=f"view {view.name} has {found} of the {expected} rows of {table} of {of_month or 'all time'}:"
            " each belongs into the view once, counted or with a reason under 'excluded'.",
        )
    undeclared = connection.execute(
        "SELECT DISTINCT dx_excluded FROM scanned WHERE dx_excluded IS NOT NULL ORDER BY ALL"
    ).fetchall()
    for (reason,) in undeclared:
        if reason not in view.reasons:
            return Bilingual(
                vi=f"khung nhìn {view.name} loại dòng vì '{reason}': hãy mô tả lý do này dưới 'excluded'.",
                en=f"view {view.name} excludes rows for '{reason}': describe this reason under 'excluded'.",
            )
    return None


def _month(contract: Contract) -> str:
    """The month of a row's partition, as its first day; NULL for a table without months."""
    column = contract.stored.get("month")
    if column is None:
        return "NULL::DATE"
    return "month" if column.type == "date" else "strptime(month, '%Y-%m')::DATE"


def _hash(view: DeclaredView) -> str:
    return f"hash({', '.join(map(quoted, view.identity))})"


def _count_each(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    view: DeclaredView,
    counts: Sequence[Figure],
    failures: dict[str, Bilingual],
) -> None:
    """Count all figures at once; if that fails, one by one: a wrong one does not stop the others."""
    if not counts:
        return
    try:
        connection.execute(_counts(view, counts))
    except OF_THE_SYSTEM:
        raise
    except duckdb.Error:
        for figure in counts:
            _try(connection, catalogue, _counts(view, [figure]), figure, failures)


def _record_months(connection: duckdb.DuckDBPyConnection, view: DeclaredView, counted: Sequence[Figure]) -> None:
    """Record which months the partitions of the counted rows are of."""
    connection.execute(
        sql_file(__file__, "counted_month"),
        {
            "codes": [figure.kpi_code for figure in counted],
            "versions": [figure.version for figure in counted],
            "basis": view.view.basis,
            "table": view.view.of,
        },
    )


def _try(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    sql: str,
    figure: Figure,
    failures: dict[str, Bilingual],
) -> None:
    """Run the statement of a figure; if it fails, note which declared expression fails, and why."""
    try:
        connection.execute(sql)
    except OF_THE_SYSTEM:
        raise
    except duckdb.Error as error:
        places = catalogue.kpis[figure.kpi_code].places[figure.version, figure.statistic]
        named = f"version {figure.version} of KPI {figure.kpi_code}"
        named_vi = f"phiên bản {figure.version} của KPI {figure.kpi_code}"
        failures[figure.kpi_code] = failing(places[_failing(connection, figure)], named, named_vi, error)


def _failing(connection: duckdb.DuckDBPyConnection, figure: Figure) -> str:
    """Which expression of a figure fails on the rows of `scanned`."""
    if figure.is_looked_in or figure.is_added:
        return "looked_in" if figure.is_looked_in else "plus"
    tried = [("where", figure.where, "true"), ("among", figure.among, figure.where)]
    tried += [("less", expression, figure.where) for expression in figure.less]
    for key, expression, rows in tried:
        try:
            connection.execute(
                f"SELECT max(({expression or 'true'})::VARCHAR) FROM scanned WHERE dx_excluded IS NULL AND ({rows})"
            )
        except OF_THE_SYSTEM:
            raise
        except duckdb.Error:
            return key
    return "counted"


def _counts(view: DeclaredView, counts: Sequence[Figure]) -> str:
    """The statement that counts figures: by day first, then by part, then one row a figure."""
    sums, branches = [], []
    for number, figure in enumerate(counts):
        among = "NULL" if figure.among is None else f"d{number}"
        sums.append(f"count(*) FILTER ({figure.where}) AS w{number}")
        counted = " - ".join(_total(expression, figure.where) for expression in (figure.counted, *figure.less))
        sums.append(f"{counted} AS n{number}")
        if figure.among is not None:
            sums.append(f"{_total(figure.among, figure.where)} AS d{number}")
        branches.append(
            f"SELECT {_place(view, figure)}, part_number, dx_unit, {'dx_system' if figure.by_system else 'NULL'},"
            f" n{number}, {among} FROM by_part WHERE w{number} > 0"
        )
    names = [name for number, figure in enumerate(counts) for name in _names(number, figure)]
    return f"""
        INSERT INTO counted
        WITH by_day AS (
            SELECT dx_day, dx_unit, dx_system, {", ".join(sums)} FROM scanned WHERE dx_excluded IS NULL GROUP BY ALL
        ),
        by_part AS MATERIALIZED (
            SELECT part_number, coalesce(dx_unit, whole.unit_code) AS dx_unit, dx_system,
                {", ".join(f"sum({name}) AS {name}" for name in names)}
            FROM by_day
            JOIN part ON dx_day BETWEEN part.first_on AND part.last_on
            LEFT JOIN whole USING (period)
            GROUP BY ALL
        )
        {" UNION ALL ".join(branches)}
        """


def _names(number: int, figure: Figure) -> list[str]:
    return [f"w{number}", f"n{number}", *([f"d{number}"] if figure.among is not None else [])]


def _total(expression: str, where: str) -> str:
    """How many rows a condition is true of, or the sum of a number."""
    if expression == "true":
        return f"count(*) FILTER ({where})"
    return f"coalesce(sum(({expression})::DECIMAL(28, 4)) FILTER ({where}), 0)"


def _place(view: DeclaredView, figure: Figure) -> str:
    statistic = literal(figure.statistic) if figure.statistic else "NULL"
    return f"{literal(figure.kpi_code)}, {figure.version}, {statistic}, {literal(view.view.basis)}"


def _items(view: DeclaredView, figure: Figure) -> str:
    """The statement that collects the distinct items of a figure, by part, unit and system."""
    return f"""
        INSERT INTO item
        SELECT {_place(view, figure)}, {figure.is_looked_in}, part_number, coalesce(dx_unit, whole.unit_code),
            {"dx_system" if figure.by_system else "NULL"}, item, bool_or(is_counted)
        FROM (
            SELECT DISTINCT dx_day, dx_unit, dx_system, {quoted(str(figure.item))}::VARCHAR AS item,
                ({figure.counted}) AS is_counted
            FROM scanned WHERE dx_excluded IS NULL AND ({figure.where})
        )
        JOIN part ON dx_day BETWEEN part.first_on AND part.last_on
        LEFT JOIN whole USING (period)
        GROUP BY ALL
        """


def _agree(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, kpi: DeclaredKpi) -> None:
    """Record the agreed levels of a KPI that the data contain."""
    agreed = kpi.definition.agreed
    if agreed is None:
        return
    view = catalogue.views[agreed.of]
    for statistic in agreed.statistics or kpi.definition.statistic_names:
        connection.execute(
            f"""
            INSERT INTO agreed
            SELECT {literal(kpi.code)}, {literal(statistic) if statistic else "NULL"}, {quoted(view.view.date)},
                {quoted(str(view.view.system))}, min({quoted(agreed.lowest)})
            FROM {qualified(view.table)} WHERE {EXCLUDED if view.view.excluded else "NULL"} IS NULL GROUP BY ALL
            """
        )


def failing(declared: str, en: str, vi: str, error: duckdb.Error) -> Bilingual:
    """Why a KPI cannot be computed: DuckDB's message, without values, which may be of one dossier.

    Args:
        declared: the file and line of what fails.
        en: what it is.
        vi: the same in Vietnamese.
        error: DuckDB's; of its message the place in the statement is left out.
    """
    message = re.sub(r"'[^']*'", "'…'", str(error).splitlines()[0])
    return Bilingual(vi=f"{declared}: {vi} bị lỗi: {message}", en=f"{declared}: {en} fails: {message}")

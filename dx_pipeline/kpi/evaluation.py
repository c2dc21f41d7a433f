"""Evaluation: one KPI over all of its windows and units, the same way for every KPI.

window inputs     which windows there are, and which partitions each is computed from (coverage, …)
observed          the definition's SQL, window by window: counts, items or a value, by unit
rolled_up         up the unit tree
staged            rounded, suppressed, compared with target and published figure
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from dx_pipeline import progress, workers
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue, DeclaredKpi
from dx_pipeline.declarations.sql import create_table
from dx_pipeline.errors import DxError
from dx_pipeline.kpi.suppression import Count, withheld
from dx_pipeline.period import Month, Window, windows
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import STAGED, connect
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import partition, publication
from dx_pipeline.tables.partition import Key, KpiKey
from dx_pipeline.tables.publication import Staged
from dx_pipeline.tables.run import PartitionRun, RunResult

ENGINE_TABLES = ("programme.published_figure", "programme.target", "reference.admin_unit", "reference.agency")
"""What the engine itself reads for every KPI: the unit tree, targets and published figures."""

ROLLED_UP = {"measure": "reported"}
"""Which statement rolls a yield up, where it is not the one of its name."""


@dataclass(frozen=True)
class WindowInputs:
    """The partitions that one window of one KPI uses, for one system or for all together, and their coverage.

    Args:
        system: None for all of them.
        coverage: the share of the monthly partitions it needs that exist.
        is_covered: whether that is enough for a value.
        is_synthetic: whether any of them has synthetic rows.
        revision: how many of their deliveries were replaced by a later one.
    """

    system: str | None
    coverage: float
    is_covered: bool
    is_synthetic: bool
    revision: int


def evaluate(settings: Settings, catalogue: Catalogue, code: str) -> RunResult:
    """Evaluate one KPI and, if its audit passes, publish its values for the next release.

    Raises:
        DxError: the definition's SQL fails, or returns a unit that does not exist.
    """
    progress.announce(f"kpi {code}")
    with writing(settings):
        return next(workers.each(settings, catalogue, _evaluate, [(code,)]))


@contextmanager
def in_parallel(settings: Settings, catalogue: Catalogue) -> Iterator[None]:
    """Within the block every KPI is evaluated, one by one: a worker pool, if there is one, starts all of them now."""
    codes = [(code,) for code in catalogue.kpis]
    with writing(settings), workers.submit_ahead(settings, catalogue, _evaluate, codes):
        yield


def _evaluate(settings: Settings, catalogue: Catalogue, code: str) -> RunResult:
    kpi, key = catalogue.kpis[code], KpiKey(code)
    known = {partition.key_of(run): run for run in partition.runs(settings) if run.kpi_code is None}
    current = _fingerprint(settings, catalogue, kpi, known)
    if (before := publication.unchanged(settings, key, current)) is not None:
        return before
    with connect(settings) as connection:
        _attach(settings, connection, catalogue, kpi)
        evaluated = _windows(connection, kpi, known)
        inputs = [_window_inputs(settings, catalogue, kpi, window, known) for window in evaluated]
        _observe(connection, kpi, evaluated, inputs)
        _roll_up(connection, kpi)
        _withhold(connection, catalogue, kpi, evaluated)
        _stage(connection, catalogue, kpi)
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {STAGED}").fetchall()
        synthetic = any(item.is_synthetic for of_window in inputs for item in of_window)
        return publication.publish(settings, catalogue, connection, Staged(key, rows, synthetic), current)


def _fingerprint(settings: Settings, catalogue: Catalogue, kpi: DeclaredKpi, known: Mapping[Key, PartitionRun]) -> str:
    """A digest of everything that the values of a KPI are computed from."""
    inputs = [
        str(catalogue.province.suppress_below),
        catalogue.digest(f"kpi:{kpi.code}"),
        *sorted({str(key.month) for key in known}),
    ]
    for key, run in sorted(known.items(), key=lambda item: str(item[0])):
        path = partition.rows(settings, key)
        if key.table in {*kpi.tables, *ENGINE_TABLES} and path is not None:
            inputs.append(f"{key} {partition.fingerprint_of(path)} {run.synthetic} {len(run.superseded)}")
    return publication.fingerprint(settings, catalogue, KPI_TABLE, inputs)


def _attach(settings: Settings, connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, kpi: DeclaredKpi) -> None:
    for table in sorted({*kpi.tables, *ENGINE_TABLES}):
        partition.attach(connection, table, catalogue.contracts[table].stored, partition.all_rows(settings, table))


def _windows(
    connection: duckdb.DuckDBPyConnection, kpi: DeclaredKpi, known: Mapping[Key, PartitionRun]
) -> tuple[Window, ...]:
    """Every window that anything was delivered for, and those with a published figure to compare with."""
    months = [key.month for key in known if key.month is not None]
    found = set(windows(months, kpi.definition.windows))
    figures = connection.execute(
        "SELECT DISTINCT period_start, period_end FROM programme.published_figure WHERE kpi_code = $code",
        {"code": kpi.code},
    ).fetchall()
    for start, end in figures:
        months = [Month.of(start), Month.of(end)]
        found.update(
            window for window in windows(months, kpi.definition.windows) if (window.start, window.end) == (start, end)
        )
    return tuple(sorted(found, key=lambda window: (window.end, window.start, window.type)))


def _needed(catalogue: Catalogue, kpi: DeclaredKpi, window: Window) -> Iterator[Key]:
    """The monthly partitions that a window of a KPI is computed from."""
    version = kpi.definition.version_for(window)
    if version is None:
        return
    months = window.months if kpi.definition.basis == "flow" else window.months[-1:]
    for table in kpi.queries[version.version].tables:
        if catalogue.contracts[table].origin == "delivered":
            for source in catalogue.sources_of(table):
                for month in months:
                    yield Key(table, source, month)


def _window_inputs(
    settings: Settings, catalogue: Catalogue, kpi: DeclaredKpi, window: Window, known: Mapping[Key, PartitionRun]
) -> list[WindowInputs]:
    """The inputs of a window as a whole and, for a KPI by system, of each system."""
    needed = list(_needed(catalogue, kpi, window))
    there = {key for key in needed if partition.rows(settings, key) is not None}
    systems = catalogue.systems if kpi.definition.by_system else ()
    in_force = kpi.definition.version_for(window) is not None
    has_begun = any(key.month is not None and key.month >= window.months[-1] for key in known)
    nothing_is_needed = kpi.definition.basis == "latest" and has_begun
    inputs = []
    for system in (None, *systems):
        own = [key for key in needed if system is None or key.source == system or key.source not in systems]
        runs = [known[key] for key in own if key in there and key in known]
        coverage = sum(key in there for key in own) / len(own) if own else 1.0
        inputs.append(
            WindowInputs(
                system=system,
                coverage=coverage if in_force else 0.0,
                is_covered=in_force and (coverage >= 1 or nothing_is_needed),
                is_synthetic=any(run.synthetic for run in runs),
                revision=sum(len(run.superseded) for run in runs),
            )
        )
    return inputs


def _observe(
    connection: duckdb.DuckDBPyConnection,
    kpi: DeclaredKpi,
    evaluated: Sequence[Window],
    inputs: Sequence[Sequence[WindowInputs]],
) -> None:
    """Run the definition's SQL for every window that is covered, as a whole or for some system."""
    connection.execute(_sql("observed"))
    window_rows, input_rows = [], []
    for number, (window, of_window) in enumerate(zip(evaluated, inputs, strict=True)):
        version = kpi.definition.version_for(window)
        if version is not None and any(item.is_covered for item in of_window):
            _run(connection, kpi, version.version, number, window)
        window_rows.append((number, window.type, window.start, window.end, version.version if version else None))
        input_rows += [
            (number, item.system, item.coverage, item.is_covered, item.is_synthetic, item.revision)
            for item in of_window
        ]
    _fill(connection, "evaluated_window", window_rows)
    _fill(connection, "window_input", input_rows)
    if kpi.definition.yields in {"counts", "items"}:
        connection.execute(_sql("all_systems"))


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert plain rows, all at once: DuckDB plans each row of `executemany` anew."""
    if rows:
        columns = connection.table(table).columns
        values = pa.table({name: list(each) for name, each in zip(columns, zip(*rows, strict=True), strict=True)})
        connection.register("filled", values)
        connection.execute(f"INSERT INTO {table} FROM filled")
        connection.unregister("filled")


def _run(connection: duckdb.DuckDBPyConnection, kpi: DeclaredKpi, version: int, number: int, window: Window) -> None:
    query = kpi.queries[version]
    ends = {"window_start": window.start, "window_end": window.end}
    asked_for = query.parameters | ({"window_end"} if query.is_of_province else set())
    bound = {name: value for name, value in ends.items() if name in asked_for}
    whole = f"({_sql('province_code')}) AS unit_code, " if query.is_of_province else ""
    try:
        connection.execute(
            f"INSERT INTO observed BY NAME SELECT $window_number AS window_number, {whole}*"
            f" FROM ({query.text.rstrip().rstrip(';')}\n)",
            {"window_number": number, **bound},
        )
    except duckdb.Error as error:
        message = f"{query.path.name} of KPI {kpi.code} fails: {str(error).splitlines()[0]}"
        raise DxError(message) from error


def _roll_up(connection: duckdb.DuckDBPyConnection, kpi: DeclaredKpi) -> None:
    connection.execute(_sql("units"))
    unknown = connection.execute(_sql("unknown_unit")).fetchall()
    if unknown:
        unit, day = unknown[0]
        message = (
            f"KPI {kpi.code} counts for unit '{unit}', which does not exist on {day}:"
            " correct its SQL, or add the unit to warehouse/reference/admin_unit.csv or agency.csv."
        )
        raise DxError(message)
    connection.execute(_sql(ROLLED_UP.get(kpi.definition.yields, kpi.definition.yields)))
    statistics: list[str | None] = [*kpi.definition.statistics] or [None]
    connection.execute(_sql("province"), {"is_plain_count": _is_plain_count(kpi), "statistics": statistics})


def _withhold(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, kpi: DeclaredKpi, evaluated: Sequence[Window]
) -> None:
    connection.execute("CREATE TEMP TABLE withheld (window_number INTEGER, unit_code VARCHAR)")
    if not kpi.definition.counts_dossiers:
        return
    counts = [
        Count(unit, parent, evaluated[number], int(numerator), int(denominator))
        for number, unit, parent, numerator, denominator in connection.execute(
            """
            SELECT window_number, unit_code, parent_code, numerator, denominator FROM rolled_up
            WHERE numerator IS NOT NULL AND denominator IS NOT NULL
            """
        ).fetchall()
    ]
    number_of = {window: number for number, window in enumerate(evaluated)}
    hidden = withheld(counts, catalogue.province.suppress_below)
    if hidden:
        connection.executemany(
            "INSERT INTO withheld VALUES (?, ?)",
            [[number_of[window], unit] for window, unit in sorted(hidden)],
        )


def _stage(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, kpi: DeclaredKpi) -> None:
    definition = kpi.definition
    connection.execute(create_table(STAGED, catalogue.contracts[KPI_TABLE].stored))
    connection.execute(_sql("half_up"))
    connection.execute(
        _sql("staged"),
        {
            "kpi_code": kpi.code,
            "unit_of_measure": definition.unit_of_measure,
            "decimals": definition.decimals,
            "factor": 100 if definition.unit_of_measure == "percent" else 1,
            "sign": 1 if definition.direction == "up" else -1,
            "is_plain_count": _is_plain_count(kpi),
            "is_reported": definition.yields == "reported",
        },
    )


def _is_plain_count(kpi: DeclaredKpi) -> bool:
    return kpi.definition.yields == "counts" and kpi.definition.unit_of_measure != "percent"


@cache
def _sql(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")

"""Change: why one shown value differs from another, in parts that add up exactly to the difference.

    figure -> pair -> member -> change

Only what `kpi.value` shows goes in (values, counts, coverage, reasons), so nothing that is withheld comes out. Units
below a unit whose counts are not shown are, together, the rest: the unit minus its shown members. All pairs are
compared at once, in temporary tables of one connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.declarations.view import UNITS
from dx_pipeline.kpi import reference
from dx_pipeline.kpi.blocks import blocks
from dx_pipeline.kpi.revision import REVISED
from dx_pipeline.kpi.units import Units
from dx_pipeline.period import Month
from dx_pipeline.storage.database import fill

CHANGE, RELEASE_CHANGE = "kpi.change", "kpi.release_change"
"""The tables of changes: for everybody, and for analysts inside the office."""

BEHIND_UNITS = frozenset({"reference.admin_unit", "reference.agency", reference.SUCCESSION})
"""The tables from which it is computed what each code counts towards."""

PARTS = (
    "volume",
    "mix",
    "rate",
    "new_units",
    "lost_units",
    "coverage",
    "late_data",
    "revision",
    "definition",
    "not_separated",
    "rounding",
)
"""The columns with the parts of a difference."""

COMPARED = (
    "kpi_code",
    "definition_version",
    "window_type",
    "window_start",
    "window_end",
    "part_start",
    "part_end",
    "unit_code",
    "unit_level",
    "system",
    "statistic",
    "numerator",
    "denominator",
    "value",
    "withheld_reason",
    "unit_of_measure",
    "coverage",
    "synthetic",
    "revision",
)
"""The columns of `kpi.value` that a comparison needs."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """What the values of a release were computed from, as its data package lists it.

    Args:
        program: the digest of the code.
        definitions: the digest of everything declared that decides a KPI's values, by code.
        partitions: the digest of each partition, by `<table>/<partition>`.
    """

    program: str
    definitions: Mapping[str, str]
    partitions: Mapping[str, str]

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Inputs:
        """The inputs that a data package lists."""
        return cls(listed["code_version"], listed["definitions"], listed["partitions"])


@dataclass(frozen=True)
class Release:
    """The values of one release.

    Args:
        values: its file with the rows of `kpi.value`.
        inputs: what they were computed from.
        units: the digest of its units through time (`Units.digest`).
        revised: the partitions that accepted revisions changed, as pairs of a proposal and `<table>/<partition>`.
    """

    release_id: str
    values: Path
    inputs: Inputs
    units: str
    revised: frozenset[tuple[str, str]] = frozenset()


def definitions(catalogue: Catalogue) -> dict[str, str]:
    """One digest for each KPI of what is declared and decides its values."""
    return {code: definition(catalogue, code) for code in catalogue.kpis}


def definition(catalogue: Catalogue, code: str) -> str:
    """A digest of what is declared and decides the values of a KPI: its definition, its views, their tables."""
    kpi = catalogue.kpis[code]
    views = (f"view:{name}" for name in kpi.every_view)
    return catalogue.digest(f"kpi:{code}", *views, *(f"contract:{table}" for table in _tables(catalogue, kpi)))


def compare(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, units: Units, release: Release, before: Release | None
) -> None:
    """Fill the temporary table `change`: each value against the window before and, if given, the release before.

    Its rows are those of `kpi.change`, and those of KPIs about dossiers against the release before.
    """
    prepare(connection, catalogue, units, release, before)
    connection.execute(sql_file(__file__, "change_window"))
    connection.execute(sql_file(__file__, "change_release"))
    _decompose(connection, release, before)


def between(
    connection: duckdb.DuckDBPyConnection, release: Release, before: Release | None, earlier: int, later: int
) -> Row:
    """The difference of any two rows of `figure`, with its parts, as a row of `kpi.change`.

    Two units in one window are compared as a whole, without the units below them (`compared_with` is `unit`).

    Args:
        connection: one that `prepare` has filled for these releases.
        release: the release of the later row.
        before: the release of the earlier row, if it is another one.
        earlier: the number of the value that is compared with.
        later: the number of the value that is explained.
    """
    connection.execute(sql_file(__file__, "change_chosen"), {"before_number": earlier, "after_number": later})
    _decompose(connection, release, before)
    (row,) = rows(connection, "FROM change")
    return row


def differences(connection: duckdb.DuckDBPyConnection, release: Release, before: Release) -> list[Row]:
    """Every value that differs between two releases, as a row of `kpi.change` with its `size`, the largest first.

    Args:
        connection: one that `prepare` has filled for these releases.
        release: the later one.
        before: the earlier one.
    """
    connection.execute(sql_file(__file__, "change_release"))
    _decompose(connection, release, before)
    return rows(connection, sql_file(__file__, "change_largest"))


def appeared(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """The values that only one of two releases shows, with the reason why the other one does not.

    Args:
        connection: one that `prepare` has filled for these releases.
    """
    return rows(connection, sql_file(__file__, "change_appeared"))


def prepare(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, units: Units, release: Release, before: Release | None
) -> None:
    """Fill `figure` with the values of one or two releases, and make `pair`, in which they are compared, empty."""
    connection.execute(sql_file(__file__, "change_tables"))
    fill(connection, "kpi_kind", [_kind(catalogue, kpi) for kpi in catalogue.kpis.values()])
    fill(connection, "unit_period", list(_unit_periods(units)))
    fill(connection, "continued", [vars(each) for each in units.continuations()])
    fill(connection, "placed", [vars(each) for each in blocks(units)])
    if before is not None:
        _fill_differences(connection, catalogue, release, before)
    columns = ", ".join(COMPARED)
    values = [(release, "false"), *([(before, "true")] if before is not None else [])]
    selected = [
        f"SELECT {is_before} AS is_before, {columns} FROM read_parquet($path_{is_before}, hive_partitioning = false)"
        for _, is_before in values
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE known_value AS {' UNION ALL '.join(selected)}",
        {f"path_{is_before}": str(each.values) for each, is_before in values},
    )
    connection.execute(sql_file(__file__, "change_figure"))


def number(connection: duckdb.DuckDBPyConnection, value: Mapping[str, Any], *, is_before: bool) -> int:
    """The number of a value in `figure`.

    Args:
        connection: one that `prepare` has filled.
        value: its row of `kpi.value`.
        is_before: whether it is one of the release before.
    """
    key = ("kpi_code", "window_type", "window_end", "part_start", "unit_code", "system", "statistic")
    about = {"is_before": is_before, **{name: value[name] for name in key}}
    (found,) = rows(connection, sql_file(__file__, "change_number"), **about)
    return int(found["figure_number"])


def tables_read(catalogue: Catalogue) -> frozenset[str]:
    """The tables that decide the value of any KPI, those of the units among them."""
    return frozenset(table for kpi in catalogue.kpis.values() for table in _tables(catalogue, kpi)) | BEHIND_UNITS


def rows(connection: duckdb.DuckDBPyConnection, query: str, **parameters: object) -> list[Row]:
    """The rows that a query returns, by the names of their columns."""
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _decompose(connection: duckdb.DuckDBPyConnection, release: Release, before: Release | None) -> None:
    connection.execute(sql_file(__file__, "change_member"))
    about = {
        "is_other_program": before is not None and before.inputs.program != release.inputs.program,
        "release_id": release.release_id,
        "before_release_id": before.release_id if before is not None else None,
    }
    connection.execute(sql_file(__file__, "change_part"), about)


def _kind(catalogue: Catalogue, kpi: DeclaredKpi) -> Row:
    """What the values of a KPI are of their counts, and what the counts add up from."""
    countings = [each for version in kpi.definition.versions for _, each in kpi.definition.countings(version)]
    is_percent = kpi.definition.unit_of_measure == "percent"
    has_items = any(each.distinct is not None for each in countings)
    if not countings:
        form = "opaque"
    elif is_percent:
        form = "items" if has_items else "ratio"
    else:
        form = "count"
    members = None
    if kpi.adds_up:
        members = "units"
    elif countings and not has_items and kpi.definition.by_system:
        members = "systems"
    return {
        "kpi_code": kpi.code,
        "form": form,
        "factor": 100 if is_percent else 1,
        "members": members,
        "has_units": any(catalogue.views[name].view.unit is not None for name in kpi.every_view),
    }


def _unit_periods(units: Units) -> Iterable[Row]:
    for period, (first, last) in enumerate(units.periods):
        for unit in units.in_force(period).values():
            yield {
                "period": period,
                "first_on": first,
                "last_on": last,
                "unit_code": unit.code,
                "parent_code": unit.parent_code,
            }


def _fill_differences(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release: Release, before: Release
) -> None:
    """Fill the tables of what differs between the inputs of two releases."""
    of_kpis = [
        {"kpi_code": code, "table_name": table, "is_state": catalogue.contracts[table].changes}
        for code, kpi in catalogue.kpis.items()
        for table in sorted(_tables(catalogue, kpi))
    ]
    fill(connection, "kpi_table", of_kpis)
    known = before.inputs.partitions
    changed = {name for name, _ in release.inputs.partitions.items() ^ known.items()}
    revised = {name for proposal, name in release.revised if f"{REVISED}/{proposal}" not in known}
    partitions = [
        {"table_name": table, "month": _month_of(name), "is_revised": f"{table}/{name}" in revised}
        for table, _, name in (each.partition("/") for each in sorted(changed))
    ]
    if release.units != before.units:  # of the tables of units, agencies and successions nothing else has an effect
        partitions.append({"table_name": UNITS, "month": None, "is_revised": False})
    fill(connection, "changed_partition", partitions)
    redefined = {code for code, _ in release.inputs.definitions.items() ^ before.inputs.definitions.items()}
    fill(connection, "redefined", [{"kpi_code": code} for code in sorted(redefined)])


def _month_of(partition: str) -> date | None:
    """The first day of the month of a partition; None for a table without months."""
    found = re.search(r"_(\d{4}-\d{2})$", partition)
    return Month.parse(found[1]).first if found else None


def _tables(catalogue: Catalogue, kpi: DeclaredKpi) -> set[str]:
    """The tables that decide a KPI's values."""
    read = {table for name in kpi.every_view for table in catalogue.views[name].reads}
    return {*kpi.every_table, *read} & catalogue.contracts.keys()

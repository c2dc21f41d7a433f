"""Shown values as plain counts, and the changes that the product finds between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from provinces import History, units_of

from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.kpi import change
from dx_pipeline.kpi.change import PARTS, Inputs, Release
from dx_pipeline.period import Month

Row = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """One value: of a unit, for a month; what is None is withheld, for the reason.

    Args:
        counts: numerator and denominator; a count has no denominator.
        system: one system; None for all of them.
    """

    unit: str
    level: str
    month: Month
    counts: tuple[int, int | None] | None
    reason: str = "few_dossiers"
    system: str | None = None
    version: int = 1
    coverage: float = 1.0
    revision: int = 0
    value: float | None = None

    def row(self, catalogue: Catalogue, code: str) -> Row:
        """The row of `kpi.value`."""
        definition = catalogue.kpis[code].definition
        numerator, denominator = self.counts or (None, None)
        value = self.value
        if numerator is not None:
            is_ratio = definition.unit_of_measure == "percent"
            exact = 100 * Decimal(numerator) / Decimal(denominator or 0) if is_ratio and denominator else None
            value = numerator if not is_ratio else None if exact is None else float(round(exact, definition.decimals))
        return {
            "kpi_code": code,
            "definition_version": self.version,
            "window_type": "month",
            "window_start": self.month.first,
            "window_end": self.month.last,
            "unit_code": self.unit,
            "unit_level": self.level,
            "system": self.system,
            "numerator": numerator,
            "denominator": denominator,
            "value": value,
            "withheld_reason": self.reason if value is None else None,
            "unit_of_measure": definition.unit_of_measure,
            "status": "no_target",
            "coverage": self.coverage,
            "coverage_units": self.coverage,
            "coverage_rows": 1.0,
            "suppressed": False,
            "synthetic": False,
            "revision": self.revision,
        }


def changes(
    folder: Path,
    catalogue: Catalogue,
    history: History,
    values: Mapping[str, Iterable[Shown]],
    before: Mapping[str, Iterable[Shown]] | None = None,
    inputs: tuple[Inputs, Inputs] | None = None,
    revised: Iterable[tuple[str, str]] = (),
    *,
    other_units: bool = False,
) -> list[Row]:
    """The changes of some values, by KPI: against the window before and, with `before`, the release before.

    With `other_units` the release before had other units.
    """
    nothing = Inputs("program", {}, {})
    earlier, later = inputs or (nothing, nothing)
    release = Release("later", written(folder / "later.parquet", catalogue, values), later, "units", frozenset(revised))
    other = None
    if before is not None:
        path = written(folder / "earlier.parquet", catalogue, before)
        other = Release("earlier", path, earlier, "other units" if other_units else "units")
    with duckdb.connect() as connection:
        change.compare(connection, catalogue, units_of(history), release, other)
        return change.rows(connection, "FROM change")


def written(path: Path, catalogue: Catalogue, values: Mapping[str, Iterable[Shown]]) -> Path:
    """A file with the rows of `kpi.value`."""
    contract = catalogue.contracts[KPI_TABLE]
    schema = arrow_schema(contract, contract.published)
    rows = [each.row(catalogue, code) for code, shown in values.items() for each in shown]
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(full, schema), path)
    return path


def parts(row: Row) -> dict[str, Decimal]:
    """The parts of a difference that are not zero, to three decimals, without the rounding."""
    return {name: round(row[name], 3) for name in PARTS if round(row[name], 3) and name != "rounding"}


def adds_up(row: Row) -> bool:
    """Whether the parts add up to the difference of the two values, exactly."""
    difference = Decimal(str(row["value"])) - Decimal(str(row["value_before"]))
    return bool(row["difference"] == difference == sum(row[name] for name in PARTS))


def of(rows: Iterable[Row], unit: str, **wanted: object) -> Row:
    """The one change of a unit."""
    (found,) = [
        row for row in rows if row["unit_code"] == unit and all(row[name] == value for name, value in wanted.items())
    ]
    return found

"""Inputs: the partitions that a value needs, and the units that it is of.

Which months a value needs follows from the same evaluation that the engine makes (`dx_pipeline.kpi.parts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.declarations.kpi import DeclaredKpi, Version
from dx_pipeline.declarations.view import UNITS
from dx_pipeline.kpi import reference
from dx_pipeline.kpi.parts import Evaluation, evaluations
from dx_pipeline.kpi.units import Units
from dx_pipeline.period import Month, Window
from dx_pipeline.storage.database import fill
from dx_pipeline.tables.traffic import REACH

Row = dict[str, Any]

EARLIER_STATES, LATER_STATES = "earlier_states", "later_states"
BEHIND_UNITS = ("reference.admin_unit", "reference.agency", reference.SUCCESSION)
"""The tables from which `reference.unit_of` is computed."""


@dataclass(frozen=True)
class Partition:
    """A partition that a value needs.

    Args:
        month: None of a table without months.
        basis: `flow`: its month is one of the window's; `stock`: of the state at its end; `latest`: the newest by then;
            `later_states`: not needed, but it may have later states of rows of the window, which count instead;
            `earlier_states`: not needed, but rows that count may have come with it: of what is in progress, or of what
            ended after the month and before its file was made.
        state: as in `ledger.partition`: `current`, `stale` or `missing`.
        derived_from: the table that it is computed from, if nobody delivers it.
    """

    table_name: str
    source: str
    month: Month | None
    basis: str
    state: str
    row_count: int | None
    problem: str | None
    derived_from: str | None

    @property
    def is_needed(self) -> bool:
        """Whether there is no value without the partition."""
        return self.basis not in {EARLIER_STATES, LATER_STATES}


def is_shown(value: Row) -> bool:
    """Whether a row of `kpi.value` shows a value or its counts."""
    return any(value[name] is not None for name in ("value", "numerator", "denominator"))


class Inputs:
    """What one value is computed from.

    Attributes:
        row: the row of `kpi.value`.
        kpi: its KPI.
        evaluations: the evaluation of its window; of a window that is divided, those of its parts.
        units: every unit through time.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, row: Row) -> None:
        self.row = row
        self.kpi: DeclaredKpi = catalogue.kpis[row["kpi_code"]]
        self.units: Units = reference.units(connection)
        every = list(evaluations(self.kpi, [Window(row["window_type"], row["window_start"], row["window_end"])]))
        asked = [item for item in every if (item.part[0] if item.part else None) == row["part_start"]]
        is_divided = any(item.is_divided for item in asked)
        self.evaluations: tuple[Evaluation, ...] = (
            tuple(item for item in every if item.part) if is_divided else (*asked,)
        )
        self._connection = connection
        self._catalogue = catalogue

    @property
    def versions(self) -> dict[int, Version]:
        """The versions of the definition that apply, by number."""
        return {item.version.version: item.version for item in self.evaluations if item.version is not None}

    @property
    def is_shown(self) -> bool:
        """Whether its counts are shown: then those of the public rows behind them may be."""
        return is_shown(self.row)

    @property
    def is_of_province(self) -> bool:
        """Whether the value is of the whole province, to which rows without a unit belong."""
        return bool(self.row["unit_level"] == "province")

    def fill_unit_within(self) -> None:
        """Make `unit_within`: the units that lie in the unit of the value, with their first and last days."""
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE unit_within (unit_code VARCHAR, first_on DATE, last_on DATE)"
        )
        fill(self._connection, "temp.unit_within", list(self._within()))

    def _within(self) -> Iterator[Row]:
        own, code = self.units.period(self.evaluations[-1].last_on), self.row["unit_code"]
        for number, (first, last) in enumerate(self.units.periods):
            for unit in self.units.in_force(number).values():
                moved = self.units.moved(unit, own) if own is not None else None
                if own is not None and any(above.code == code for above in self.units.above(moved or "", own)):
                    yield {"unit_code": unit.code, "first_on": first, "last_on": last}

    @cached_property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions that it needs, by table, month and source."""
        found: dict[tuple[str, str, Month | None], Partition] = {}
        for item in self.evaluations:
            tables = self.kpi.tables[item.version.version] if item.version is not None else {}
            for table in sorted({*tables, *(BEHIND_UNITS if UNITS in tables else ())} - {UNITS}):
                bases: tuple[str, ...] = tables.get(table, (self.kpi.basis,))
                if self._catalogue.contracts[table].changes:
                    bases = (*bases, LATER_STATES, EARLIER_STATES)
                for basis in bases:
                    for partition in self._of_table(table, basis, item):
                        found.setdefault((table, partition.source, partition.month), partition)
        every = found.values()
        return tuple(sorted(every, key=lambda each: (each.table_name, str(each.month or ""), each.source)))

    def _of_table(self, table: str, basis: str, item: Evaluation) -> Iterator[Partition]:
        is_delivered = self._catalogue.contracts[table].origin == "delivered"
        known = self._known(table)
        for source in self._catalogue.sources_of(table) if is_delivered else sorted({source for source, _ in known}):
            if self.row["system"] is not None and source in self._catalogue.systems and source != self.row["system"]:
                continue
            there = [month for of, month in known if of == source and month and known[of, month][0] != "missing"]
            is_derived = is_delivered and table in self._catalogue.sources[source].source.derived
            for month in self._months(item, basis, there) if is_delivered else (None,):
                state = known.get((source, month), ("missing", None, "nothing was delivered"))
                yield Partition(table, source, month, basis, *state, DERIVED_FROM[table] if is_derived else None)

    def _known(self, table: str) -> dict[tuple[str, Month | None], tuple[str, int | None, str | None]]:
        """State, rows and problem of each partition of a table that the release knows of, by source and month."""
        found = self._connection.execute(
            "SELECT source, month, state, row_count, problem FROM ledger.partition WHERE table_name = $table",
            {"table": table},
        ).fetchall()
        return {(source, Month.parse(month) if month else None): (*state,) for source, month, *state in found}

    def _months(self, item: Evaluation, basis: str, there: Sequence[Month]) -> tuple[Month, ...]:
        """The months that an evaluation needs of a table that is read by a basis: as `needed.sql`, `inputs.sql` of kpi.

        Args:
            item: the evaluation.
            basis: how the table is read.
            there: the months that a source has rows of.
        """
        if basis == "flow":
            return tuple(Month.of(item.first_on).through(Month.of(item.last_on)))
        if basis == "stock":
            return (Month.of(item.state_on),)
        if basis == EARLIER_STATES:
            return tuple(sorted(month for month in there if month < Month.of(item.state_on)))
        if basis == LATER_STATES:
            return tuple(sorted(month for month in there if month.first > item.last_on))
        newest = max((month for month in there if month.first <= item.last_on), default=Month.of(item.last_on))
        ((last,),) = self._connection.execute("SELECT max(month) FROM ledger.partition").fetchall()
        has_ended = last is not None and Month.of(item.last_on) <= Month.parse(last)
        return (newest,) if has_ended else tuple(dict.fromkeys((newest, Month.of(item.last_on))))

    @cached_property
    def delivered(self) -> dict[tuple[str, str, Month | None], bool]:
        """The partitions whose deliveries it is computed from (table, source, month), and whether each is needed.

        Of a derived partition these are the ones that it is computed from.
        """
        found: dict[tuple[str, str, Month | None], bool] = {}
        for each in self.partitions:
            if each.derived_from is None:
                found[each.table_name, each.source, each.month] = each.is_needed
            elif each.month is not None:
                for months in REACH:
                    key = each.derived_from, each.source, each.month.plus(months)
                    found[key] = found.get(key, False) or months == 0
        return found

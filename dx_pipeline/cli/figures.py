"""KPI values that the command line shows, read from the current release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Self

import duckdb

from dx_pipeline.declarations.level import Level
from dx_pipeline.declarations.province import Province
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import HEADLINE
from dx_pipeline.period import WINDOW_TYPES, Month
from dx_pipeline.release.part import PUBLIC
from dx_pipeline.release.rows import VALUES, Row, no_release, query
from dx_pipeline.settings import Settings

DEFINITION = "kpi.definition"
"""The table of a release with the KPIs that were declared when it was built."""

CONNECTION_KPIS = frozenset({"connection_availability", "connection_freshness", "exchange_latency", "exchange_volume"})
"""The KPIs by system that `connections.sql` shows side by side, in projects that have them."""


@dataclass(frozen=True)
class Asked:
    """Which values are asked for.

    Args:
        code: of one KPI; None: of every KPI.
        unit: the code or the name of a unit then.
        level: of all units of a level. Without both, of the province.
        month: of the windows that end in this month.
        system: of one system.
        units_on: on the units of this day, of a KPI that adds up.
    """

    code: str | None = None
    unit: str | None = None
    level: Level | None = None
    month: Month | None = None
    system: str | None = None
    units_on: date | None = None

    @property
    def is_of_units(self) -> bool:
        """Whether values of other units than the province are asked for."""
        return self.unit is not None or self.level is not None

    def includes(self, row: Row) -> bool:
        """Whether a row is of the month, the level and the system."""
        level = self.level or (None if self.unit else "province")
        return (
            (self.month is None or Month.of(row["window_end"]) == self.month)
            and (level is None or row["unit_level"] == level)
            and (self.system is None or row["system"] == self.system)
        )


@dataclass(frozen=True)
class Current:
    """The current release, opened by the first question and closed at the end of the block."""

    settings: Settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_connection" in vars(self):
            self._connection.close()

    def query(self, statement: str, **parameters: object) -> list[Row]:
        """The rows that a statement returns.

        Raises:
            UsageError: there is no release.
        """
        return query(self._connection, statement, **parameters)

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        path = self.settings.current / PUBLIC.database
        if not path.is_file():
            raise no_release(None)
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute(HEADLINE)
        return connection


def headline(current: Current, province: Province) -> list[Row]:
    """For each KPI the province's latest value, and those with a published value; headline KPIs first."""
    return current.query(sql_file(__file__, "headline"), first=list(province.headline))


def by_month(current: Current) -> list[Row]:
    """The province's values of each month, for trends."""
    return current.query(sql_file(__file__, "trend"))


def low_coverage(current: Current, months: Sequence[str]) -> list[Row]:
    """The province's values of some months that are withheld for low coverage."""
    return current.query(sql_file(__file__, "low_coverage"), months=list(months))


def unexplained(current: Current) -> list[Row]:
    """The published figures that do not follow from their own counts, and that nobody has explained."""
    return current.query(sql_file(__file__, "unexplained"))


def every(current: Current, province: Province, asked: Asked) -> list[Row]:
    """Every value of the KPI or the KPIs asked for, of all units and windows, with the names of units (`unit_name`).

    Raises:
        UsageError: there is no such KPI in the release, or no release.
    """
    code, day = asked.code, asked.units_on
    if code is not None and day is not None:
        rows = _on_units(current.settings, code, day)
        names = {row["unit_code"]: row["name_vi"] for row in current.query(sql_file(__file__, "unit_name"), day=day)}
        return [{**row, "unit_name": names.get(row["unit_code"])} for row in rows]
    rows = current.query(VALUES, code=code)
    if not rows and code is not None and _is_declared(current.settings, code):
        raise _without_values(code)
    if not rows and code is not None:
        known = ", ".join(sorted({row["kpi_code"] for row in headline(current, province)}))
        raise UsageError(
            f"'{code}' is no KPI of the current release; known are {known}.",
            vi=f"'{code}' không phải là KPI của bản đang công bố; có {known}.",
        )
    return rows


def chosen(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """Those of the values that are asked for, in order of KPIs, units and windows.

    Raises:
        UsageError: there are none, or several units are called so.
    """
    if asked.unit is not None:
        codes = dict.fromkeys(row["kpi_code"] for row in rows)
        rows = list(_of_unit(rows, codes, asked.code, asked.unit))
    found = [row for row in rows if asked.includes(row)]
    if not found:
        raise _none_of(rows)
    return sorted(found, key=_place)


def of_unit(settings: Settings, province: Province, code: str, unit: str, day: date | None = None) -> list[Row]:
    """Every window of one KPI for a unit, which is given by its code or its name then, with its name (`unit_name`).

    Args:
        settings: the warehouse.
        province: whose headline KPIs come first.
        code: the KPI.
        unit: the code or the name of the unit.
        day: on the units of this day, as `every`.

    Raises:
        UsageError: as `every`, or there is no such unit.
    """
    asked = Asked(code, unit, units_on=day)
    with Current(settings) as current:
        return chosen(every(current, province, asked), asked)


def _of_unit(rows: Sequence[Row], codes: Iterable[str], code: str | None, unit: str) -> Iterator[Row]:
    """The rows of a unit; of every KPI those that have the unit."""
    from dx_pipeline.release import question  # it reads how names are written, for which most questions have no use

    if code is not None:
        yield from question.of_unit(rows, code, unit)
        return
    found = False
    refused = None
    for each in codes:
        try:
            yield from question.of_unit([row for row in rows if row["kpi_code"] == each], each, unit)
            found = True
        except UsageError as error:
            refused = refused or error
    if refused is not None and not found:
        raise refused


def _place(row: Row) -> tuple[Any, ...]:
    """Where a row is among others: by KPI, unit, window and figure."""
    window = (row["window_end"], WINDOW_TYPES.index(row["window_type"]), row["part_start"] or row["window_start"])
    return row["kpi_code"], row["unit_code"], *window, row["statistic"] or "", row["system"] or ""


def _none_of(rows: Sequence[Row]) -> UsageError:
    """No value is of the month, level and system asked for: says which there are."""
    months = sorted({str(Month.of(row["window_end"])) for row in rows})
    levels = ", ".join(sorted({row["unit_level"] for row in rows}))
    systems = ", ".join(sorted({row["system"] for row in rows} - {None}))
    there = f"{months[0]}:{months[-1]}; --level {levels}" if months else "–"
    of_systems = f"; --system {systems}" if systems else ""
    return UsageError(
        f"there is no such value: there are --month {there}{of_systems}.",
        vi=f"không có giá trị như vậy: có --month {there}{of_systems}.",
    )


def published(current: Current, code: str) -> list[Row]:
    """Published figures of one KPI, each with the value recomputed from its own counts and the measured value."""
    return current.query(sql_file(__file__, "published"), code=code)


def _on_units(settings: Settings, code: str, day: date) -> list[Row]:
    """Every window and unit of a KPI that adds up, on the units of a chosen day.

    Raises:
        UsageError: there is no such KPI, it has not been evaluated, or it does not add up.
    """
    from dx_pipeline.cli.on_units import on_units  # it evaluates: other questions need not import what does

    rows = on_units(settings, code, day)
    if rows is None:
        raise _without_values(code)
    return rows


def _is_declared(settings: Settings, code: str) -> bool:
    from dx_pipeline.declarations import catalogue  # only where there is nothing to answer

    return code in catalogue.load(settings.project).kpis


def connections(current: Current) -> list[Row]:
    """Each planned system in the latest month with traffic; none where the release lacks the KPIs for it."""
    defined = {row["kpi_code"] for row in current.query(f"SELECT DISTINCT kpi_code FROM {DEFINITION}")}
    return current.query(sql_file(__file__, "connections")) if defined >= CONNECTION_KPIS else []


def _without_values(code: str) -> UsageError:
    """A KPI is declared, and has no values."""
    return UsageError(
        f"KPI {code} has no published values: run 'dx run' first; 'dx doctor' says why it is held back.",
        vi=f"KPI {code} chưa có giá trị được công bố: hãy chạy 'dx run' trước; 'dx doctor' nêu lý do nếu vẫn chưa có.",
    )

"""Provinces through time as plain rows of the reference tables, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
from hypothesis import strategies as st

from dx_pipeline.kpi import reference
from dx_pipeline.kpi.units import Units
from dx_pipeline.storage.database import fill

Row = dict[str, Any]
START, DAY = date(2004, 1, 1), timedelta(days=1)
DISTRICTS = {"703": ("25456", "25459", "25462"), "709": ("25630", "25633")}
SPECIALISED = ("H53.01", "H53.02", "H53.03")


@dataclass
class History:
    """The units, agencies and successions of a province, changed day by day, earlier changes first."""

    units: list[Row] = field(default_factory=list)
    agencies: list[Row] = field(default_factory=list)
    successions: list[Row] = field(default_factory=list)

    def unit(self, code: str, level: str, parent: str | None, first: date = START) -> None:
        """Add a unit from a day on."""
        about = {"name_vi": code, "unit_type_vi": level, "source": "x"}
        place = {"unit_code": code, "unit_level": level, "parent_code": parent}
        self.units.append({**about, **place, "valid_from": first, "valid_to": None})

    def agency(self, code: str, level: str, unit: str, first: date = START, name: str = "x") -> None:
        """Add an agency from a day on."""
        about = {"agency_code_old": None, "name_vi": name, "source": "x", "certainty": "U"}
        place = {"agency_code": code, "agency_level": level, "unit_code": unit}
        self.agencies.append({**about, **place, "valid_from": first, "valid_to": None})

    def lies_in(self, unit: str, day: date, *successors: str) -> None:
        """Record in which units one lies that ceased on the day before."""
        for code in successors:
            place = {"unit_code": unit, "successor_code": code, "succeeded_on": day}
            self.successions.append({**place, "is_whole": len(successors) == 1, "source": "x", "certainty": "U"})

    def open(self, level: str) -> list[str]:
        """The codes of a level that have no last day yet."""
        units = [row["unit_code"] for row in self.units if row["unit_level"] == level and not row["valid_to"]]
        agencies = [row["agency_code"] for row in self.agencies if row["agency_level"] == level and not row["valid_to"]]
        return agencies if level == "specialised" else units

    def _end(self, rows: Sequence[Row], column: str, code: str, day: date) -> Row:
        row = next(row for row in rows if row[column] == code and row["valid_to"] is None)
        row["valid_to"] = day - DAY
        return row

    def rename(self, agency: str, day: date) -> None:
        """An agency has another name from a day on, and the same code."""
        row = self._end(self.agencies, "agency_code", agency, day)
        self.agencies.append({**row, "name_vi": "y", "valid_from": day, "valid_to": None})

    def merge_agency(self, agency: str, into: str, day: date) -> None:
        """One agency is taken in by another."""
        self._end(self.agencies, "agency_code", agency, day)
        self.lies_in(agency, day, into)

    def close_agency(self, agency: str, day: date) -> None:
        """An agency is closed, and nobody says what became of it."""
        self._end(self.agencies, "agency_code", agency, day)

    def found_agency(self, agency: str, day: date) -> None:
        """A new agency: its code has a first day."""
        self.agency(agency, "specialised", agency, day)

    def merge_commune(self, commune: str, into: str, day: date) -> None:
        """One commune becomes a part of another, which goes on with a larger area."""
        self._end(self.units, "unit_code", commune, day)
        row = self._end(self.units, "unit_code", into, day)
        self.units.append({**row, "valid_from": day, "valid_to": None})
        for code in (commune, into):
            self.lies_in(code, day, into)

    def split_commune(self, commune: str, into: Sequence[str], day: date) -> None:
        """One commune ceases, and its parts become parts of others, which go on with larger areas."""
        self._end(self.units, "unit_code", commune, day)
        for code in into:
            row = self._end(self.units, "unit_code", code, day)
            self.units.append({**row, "valid_from": day, "valid_to": None})
            self.lies_in(code, day, code)
        self.lies_in(commune, day, *into)

    def merge_province(self, day: date) -> None:
        """The province becomes another one, without districts; its communes and agencies go on under it."""
        ended = [self._end(self.units, "unit_code", row["unit_code"], day) for row in self.units if not row["valid_to"]]
        self.unit("80", "province", None, day)
        for row in ended:
            is_commune = row["unit_level"] == "commune"
            self.lies_in(row["unit_code"], day, row["unit_code"] if is_commune else "80")
            if is_commune:
                self.units.append({**row, "parent_code": "80", "valid_from": day, "valid_to": None})
        for row in [row for row in self.agencies if row["agency_level"] == "district" and not row["valid_to"]]:
            self._end(self.agencies, "agency_code", row["agency_code"], day)

    def tables(self) -> dict[str, list[Row]]:
        """The rows of the reference tables."""
        return {
            "reference.admin_unit": self.units,
            "reference.agency": self.agencies,
            "reference.succession": self.successions,
        }


def initial() -> History:
    """One province, two districts, five communes, three specialised agencies and one for each district."""
    made = History()
    made.unit("72", "province", None)
    for number, (district, communes) in enumerate(DISTRICTS.items()):
        made.unit(district, "district", "72")
        made.agency(f"H53.2{number}", "district", district)
        for commune in communes:
            made.unit(commune, "commune", district)
    for code in SPECIALISED:
        made.agency(code, "specialised", code)
    return made


def units_of(history: History) -> Units:
    """The engine's units over the rows of the reference tables."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA reference")
        for table, rows in history.tables().items():
            kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
            connection.execute(f"CREATE TABLE {table} ({kinds})")
            fill(connection, table, [{name: row[name] for name in COLUMNS[table]} for row in rows])
        return reference.units(connection)


VALID = {"valid_from": "DATE", "valid_to": "DATE"}
COLUMNS: dict[str, dict[str, str]] = {
    "reference.admin_unit": {"unit_code": "VARCHAR", "unit_level": "VARCHAR", "parent_code": "VARCHAR", **VALID},
    "reference.agency": {"agency_code": "VARCHAR", "agency_level": "VARCHAR", "unit_code": "VARCHAR", **VALID},
    "reference.succession": {
        "unit_code": "VARCHAR",
        "successor_code": "VARCHAR",
        "succeeded_on": "DATE",
        "is_whole": "BOOLEAN",
    },
}

EVENTS = ("rename", "merge_agency", "close_agency", "found_agency", "merge_commune", "split_commune", "merge_province")


@st.composite
def histories(draw: st.DrawFn, first: date, last: date) -> History:
    """A province that changes on some days between two."""
    made = initial()
    days = draw(st.lists(st.dates(first, last), max_size=5, unique=True))
    for day in sorted(days):
        change(made, draw(st.sampled_from(EVENTS)), day, draw(st.permutations(range(5))))
    return made


def change(made: History, event: str, day: date, order: Sequence[int]) -> None:
    """One change of a province, if there is anything left to be changed: `order` says which units it is about."""
    agencies, communes = ([codes[at] for at in order if at < len(codes)] for codes in _open(made))
    match event:
        case "rename" if agencies:
            made.rename(agencies[0], day)
        case "merge_agency" if len(agencies) > 1:
            made.merge_agency(agencies[0], agencies[1], day)
        case "close_agency" if len(agencies) > 1:
            made.close_agency(agencies[0], day)
        case "found_agency" if not any(row["agency_code"] == "H53.09" for row in made.agencies):
            made.found_agency("H53.09", day)
        case "merge_commune" if len(communes) > 1:
            made.merge_commune(communes[0], communes[1], day)
        case "split_commune" if len(communes) > 2:
            made.split_commune(communes[0], communes[1:3], day)
        case "merge_province" if made.open("province") == ["72"]:
            made.merge_province(day)


def _open(made: History) -> tuple[list[str], list[str]]:
    return made.open("specialised"), made.open("commune")

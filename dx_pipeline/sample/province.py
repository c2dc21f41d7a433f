"""Province: its agencies and units from the reference files, and how much work (made up) each of them has.

Agencies are merged and units replaced in the months that the sample covers, so there is a province for each
time between two changes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from dx_pipeline.errors import UsageError
from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator, normalised

FIRST_MONTH, LAST_MONTH = Month(2022, 1), Month(2026, 12)
"""The months that the sample covers."""

MERGER = Month(2025, 7)
"""The first month of the province that is merged with Long An and has no districts."""

BUSY_DISTRICTS = {"703": 1.75, "712": 1.5, "709": 1.4, "708": 1.15, "711": 0.75, "705": 0.85}
"""Work of some districts relative to the others: more in the city and the two towns, less at the border."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Agency:
    """An agency. `weight` is its share of the work of its level, from 0 to 1."""

    code: str
    name: str
    unit_code: str
    weight: float


@dataclass(frozen=True)
class Province:
    """The agencies in office between two changes by level, in order of code, and all names by code."""

    specialised: tuple[Agency, ...]
    districts: tuple[Agency, ...]
    communes: tuple[Agency, ...]
    names: Mapping[str, str]

    @property
    def agencies(self) -> tuple[Agency, ...]:
        """Every agency; other modules refer to one by its position in here."""
        return (*self.specialised, *self.districts, *self.communes)


@dataclass(frozen=True)
class History:
    """The province through time.

    Args:
        provinces: by the first month of each time between two changes.
        successors: by unit, its successors, each with the month from which on it is one.
    """

    provinces: Mapping[Month, Province]
    successors: Mapping[str, tuple[tuple[Month, str], ...]]

    def province_in(self, month: Month) -> Province:
        """The province in a month."""
        return self.provinces[self.since(month)]

    def since(self, month: Month) -> Month:
        """The month of the latest change up to a month."""
        return max(first for first in self.provinces if first <= month)

    def units_of(self, code: str, month: Month, since: Month = FIRST_MONTH) -> tuple[str, ...]:
        """The units of a month in which a unit of an earlier month lies, in order of code: several if it was split."""
        later = [(first, unit) for first, unit in self.successors.get(code, ()) if since < first <= month]
        if not later:
            return (code,)
        earliest, _ = min(later)
        units = {each for first, unit in later if first == earliest for each in self.units_of(unit, month, first)}
        return tuple(sorted(units))

    def code_of(self, name: str, month: Month) -> str | None:
        """The code of the agency in a month that does the work of a specialised agency of the first month.

        The sample refers to agencies by their name in the first month, because codes may be corrected.
        """
        agencies = self.province_in(FIRST_MONTH).specialised
        code = next((agency.code for agency in agencies if agency.name == name), None)
        return self.units_of(code, month)[0] if code else None


def read(reference: Path, seed: int) -> History:
    """The province of the reference files in a folder.

    Raises:
        UsageError: a file is missing, or no agency of some level is in office in the first month.
    """
    units, agencies = rows(reference / "admin_unit.csv"), rows(reference / "agency.csv")
    provinces = {month: _province(units, agencies, month, seed) for month in _changes((*units, *agencies))}
    first = provinces[FIRST_MONTH]
    for level, found in zip(("specialised", "district", "commune"), _levels(first), strict=True):
        if not found:
            path = reference / "agency.csv"
            raise UsageError(
                f"{path} names no {level} agency: the sample needs one of each level.",
                f"{path} không có cơ quan nào cấp {level}: dữ liệu mô phỏng cần mỗi cấp một cơ quan.",
            )
    successors: dict[str, tuple[tuple[Month, str], ...]] = {}
    for row in rows(reference / "succession.csv"):
        later = (Month.of(date.fromisoformat(row["succeeded_on"])), row["successor_code"])
        successors[row["unit_code"]] = (*successors.get(row["unit_code"], ()), later)
    return History(provinces, successors)


def rows(path: Path) -> tuple[Row, ...]:
    """The rows of a reference file.

    Raises:
        UsageError: the file is missing.
    """
    if not path.is_file():
        raise UsageError(
            f"{path} is missing: restore it from the repository.", f"thiếu {path}: hãy phục hồi từ kho mã nguồn."
        )
    with path.open(encoding="utf-8", newline="") as text:
        return tuple(csv.DictReader(text))


def _changes(dated: Sequence[Row]) -> list[Month]:
    """The first month, and each later one in which a unit or an agency begins or is no more."""
    days = {date.fromisoformat(row["valid_from"]) for row in dated}
    days |= {date.fromisoformat(row["valid_to"]) + timedelta(days=1) for row in dated if row["valid_to"]}
    return sorted({FIRST_MONTH, *(month for day in days if FIRST_MONTH < (month := Month.of(day)) <= LAST_MONTH)})


def _levels(province: Province) -> tuple[tuple[Agency, ...], ...]:
    return province.specialised, province.districts, province.communes


def _province(units: Sequence[Row], agencies: Sequence[Row], month: Month, seed: int) -> Province:
    """The province as it is on the first day of a month."""
    in_force = {row["unit_code"]: row for row in units if _is_in_force(row, month)}
    in_office = sorted((row for row in agencies if _is_in_force(row, month)), key=lambda row: row["agency_code"])
    levels: dict[str, list[Agency]] = {"specialised": [], "district": [], "commune": []}
    for row in in_office:
        levels[row["agency_level"]].append(
            Agency(row["agency_code"], row["name_vi"], row["unit_code"], _busyness(row, in_force, seed))
        )
    names = {row["agency_code"]: row["name_vi"] for row in in_office}
    names |= {code: row["name_vi"] for code, row in in_force.items()}
    return Province(_weighed(levels["specialised"]), _weighed(levels["district"]), _weighed(levels["commune"]), names)


def _is_in_force(row: Row, month: Month) -> bool:
    first = str(month.first)
    return row["valid_from"] <= first <= (row["valid_to"] or first)


def _busyness(row: Row, units: Mapping[str, Row], seed: int) -> float:
    """How much work an agency has: that of its district, which communes share unequally."""
    if row["agency_level"] != "commune":
        return BUSY_DISTRICTS.get(row["unit_code"], 1.0) if row["agency_level"] == "district" else 1.0
    above = units[row["unit_code"]]["parent_code"]
    siblings = sum(unit["parent_code"] == above for unit in units.values())
    own = generator(seed, f"commune {row['unit_code']}").uniform(0.6, 1.5)
    return BUSY_DISTRICTS.get(above, 1.0) * own / siblings


def _weighed(agencies: list[Agency]) -> tuple[Agency, ...]:
    if not agencies:
        return ()
    shares = normalised([agency.weight for agency in agencies]).tolist()
    return tuple(replace(agency, weight=share) for agency, share in zip(agencies, shares, strict=True))

"""Province: its agencies and units from the reference files, and how much work (made up) each of them has."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dx_pipeline.errors import UsageError
from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator, normalised

FIRST_MONTH, LAST_MONTH = Month(2022, 1), Month(2025, 6)
"""The months that the sample covers: from the first reports to the end of the old districts."""

BUSY_DISTRICTS = {"703": 1.75, "712": 1.5, "709": 1.4, "708": 1.15, "711": 0.75, "705": 0.85}
"""Work of some districts relative to the others: more in the city and the two towns, less at the border."""


@dataclass(frozen=True)
class Agency:
    """An agency. `weight` is its share of the work of its level, from 0 to 1."""

    code: str
    name: str
    unit_code: str
    weight: float


@dataclass(frozen=True)
class Province:
    """The agencies in office in the sample's months by level, in order of code, and all names by code."""

    specialised: tuple[Agency, ...]
    districts: tuple[Agency, ...]
    communes: tuple[Agency, ...]
    names: Mapping[str, str]

    @property
    def agencies(self) -> tuple[Agency, ...]:
        """Every agency; other modules refer to one by its position in here."""
        return (*self.specialised, *self.districts, *self.communes)

    def code_of(self, name: str) -> str | None:
        """The code of a specialised agency. The sample refers to them by name, because codes may be corrected."""
        return next((agency.code for agency in self.specialised if agency.name == name), None)


def read(reference: Path, seed: int) -> Province:
    """The province of the reference files in a folder.

    Raises:
        UsageError: a file is missing, or no agency of some level is in office.
    """
    units = {row["unit_code"]: row for row in _in_force(reference / "admin_unit.csv")}
    rows = sorted(_in_force(reference / "agency.csv"), key=lambda row: row["agency_code"])
    levels: dict[str, list[Agency]] = {"specialised": [], "district": [], "commune": []}
    for row in rows:
        levels[row["agency_level"]].append(
            Agency(row["agency_code"], row["name_vi"], row["unit_code"], _busyness(row, units, seed))
        )
    for level, agencies in levels.items():
        if not agencies:
            raise UsageError(f"{reference / 'agency.csv'} names no {level} agency: the sample needs one of each level.")
    names = {row["agency_code"]: row["name_vi"] for row in rows}
    names |= {code: row["name_vi"] for code, row in units.items()}
    return Province(_weighed(levels["specialised"]), _weighed(levels["district"]), _weighed(levels["commune"]), names)


def _in_force(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a reference file that are in force in the sample's first month."""
    if not path.is_file():
        raise UsageError(f"{path} is missing: restore it from the repository.")
    first = str(FIRST_MONTH.first)
    with path.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["valid_from"] <= first <= (row["valid_to"] or first):
                yield row


def _busyness(row: Mapping[str, str], units: Mapping[str, Mapping[str, str]], seed: int) -> float:
    """How much work an agency has: that of its district, which communes share unequally."""
    if row["agency_level"] != "commune":
        return BUSY_DISTRICTS.get(row["unit_code"], 1.0) if row["agency_level"] == "district" else 1.0
    district = units[row["unit_code"]]["parent_code"]
    siblings = sum(unit["parent_code"] == district for unit in units.values())
    own = generator(seed, f"commune {row['unit_code']}").uniform(0.6, 1.5)
    return BUSY_DISTRICTS.get(district, 1.0) * own / siblings


def _weighed(agencies: list[Agency]) -> tuple[Agency, ...]:
    shares = normalised([agency.weight for agency in agencies]).tolist()
    return tuple(replace(agency, weight=share) for agency, share in zip(agencies, shares, strict=True))

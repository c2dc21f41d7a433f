"""The province: its agencies and units, as the reference files have them.

Codes come from the reference files alone. What is made up here is how much work falls on whom.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dx_pipeline.errors import UsageError
from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator, normalised

FIRST_MONTH, LAST_MONTH = Month(2022, 1), Month(2025, 6)
"""The months that the sample can tell of: the reporting begins, and the old districts end."""

BUSY_DISTRICTS = {"703": 1.75, "712": 1.5, "709": 1.4, "708": 1.15, "711": 0.75, "705": 0.85}
"""How much busier than the others some districts are (the city, the two towns; the border ones less)."""


@dataclass(frozen=True)
class Agency:
    """One agency. `weight` is its share of the work of its level."""

    code: str
    name: str
    unit_code: str
    weight: float


@dataclass(frozen=True)
class Province:
    """The agencies that are in office in the sample's months, by level, each in order of code."""

    specialised: tuple[Agency, ...]
    districts: tuple[Agency, ...]
    communes: tuple[Agency, ...]
    names: Mapping[str, str]

    @property
    def agencies(self) -> tuple[Agency, ...]:
        """Every agency; the position in here is how other modules point at one."""
        return (*self.specialised, *self.districts, *self.communes)

    def code_of(self, name: str) -> str | None:
        """The code of a specialised agency. Names are the sample's own handle: codes may be corrected."""
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
    if not all(levels.values()):
        message = f"{reference / 'agency.csv'} names no agency of some level: restore it from the repository."
        raise UsageError(message)
    names = {row["agency_code"]: row["name_vi"] for row in rows}
    names |= {code: row["name_vi"] for code, row in units.items()}
    return Province(_weighed(levels["specialised"]), _weighed(levels["district"]), _weighed(levels["commune"]), names)


def _in_force(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a reference file that hold when the sample begins."""
    if not path.is_file():
        message = f"{path} is missing: restore it from the repository."
        raise UsageError(message)
    first = str(FIRST_MONTH.first)
    with path.open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["valid_from"] <= first <= (row["valid_to"] or first):
                yield row


def _busyness(row: Mapping[str, str], units: Mapping[str, Mapping[str, str]], seed: int) -> float:
    """How much work an agency has: its district's, and for a commune some of its own luck."""
    match row["agency_level"]:
        case "district":
            return BUSY_DISTRICTS.get(row["unit_code"], 1.0)
        case "commune":
            district = units[row["unit_code"]]["parent_code"]
            siblings = sum(unit["parent_code"] == district for unit in units.values())
            luck = generator(seed, f"commune {row['unit_code']}").uniform(0.6, 1.5)
            return BUSY_DISTRICTS.get(district, 1.0) * luck / siblings
        case _:
            return 1.0


def _weighed(agencies: list[Agency]) -> tuple[Agency, ...]:
    shares = normalised([agency.weight for agency in agencies])
    return tuple(
        Agency(agency.code, agency.name, agency.unit_code, float(share))
        for agency, share in zip(agencies, shares, strict=True)
    )

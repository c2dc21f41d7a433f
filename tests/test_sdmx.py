"""SDMX: units of measure are codes, and every name is in Vietnamese and in English."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dx_pipeline.exchange.sdmx import code_of_unit
from dx_pipeline.exchange.sdmx_names import LANGUAGE, NAME
from dx_pipeline.release import Published


@pytest.fixture(scope="module")
def exchange(published: tuple[Path, Published]) -> Path:
    """The folder of the trial project's release for other programs."""
    warehouse, made = published
    return warehouse / "releases" / made.release_id / "public" / "exchange"


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("percent", "PERCENT"),
        ("ngày làm việc / working days", "WORKING_DAYS"),
        ("ms", "MS"),
        ("đồng", "DONG"),
        ("‰", "_O"),
    ],
)
def test_the_code_of_a_unit_is_its_english_words(unit: str, code: str) -> None:
    assert code_of_unit(unit) == code


def test_units_of_measure_are_codes_of_the_list(exchange: Path) -> None:
    with (exchange / "sdmx_kpi_value.csv").open(encoding="utf-8", newline="") as file:
        used = {row["UNIT_MEASURE"] for row in csv.DictReader(file)}
    assert used == {"ENTERPRISES", "GROUPS", "PERCENT"}
    assert named(exchange)["CL_UNIT_MEASURE", "PERCENT"] == {"vi": "Phần trăm", "en": "Percent"}
    assert used <= {code for codes, code in named(exchange) if codes == "CL_UNIT_MEASURE"}


def test_every_name_is_in_both_languages(exchange: Path) -> None:
    found = named(exchange)
    assert all(list(names) == ["vi", "en"] and all(names.values()) for names in found.values())
    assert found["CL_EVALUATION", "met"] == {"vi": "Đạt", "en": "Met"}
    assert found["KPI_VALUE", "KPI_VALUE"] == {"vi": "Giá trị KPI", "en": "Values of KPIs"}
    assert found["CS_KPI_VALUE", "OBS_VALUE"] == {"vi": "Giá trị", "en": "Value"}


def named(exchange: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The names of what the structure has, by the ids of the artefact and of its item, in their order."""
    found = {}
    for artefact in ET.parse(exchange / "sdmx_structure.xml").iter():  # noqa: S314 - our own file
        for owner in (artefact, *artefact) if artefact.get("agencyID") else ():
            names = {name.attrib[LANGUAGE]: name.text or "" for name in owner.iterfind(NAME)}
            if names or "Code" in owner.tag:
                found[artefact.attrib["id"], owner.attrib["id"]] = names
    return found

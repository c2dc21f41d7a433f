"""Licence and contact are in the descriptions of a release where the province declares them, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from projects import PROJECT

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.province import Contact
from dx_pipeline.exchange import dcat
from dx_pipeline.release import Published, datapackage

LICENCE = "https://example.org/licence"
OFFICE = Bilingual(vi="Sở Một", en="Department One")


@pytest.fixture
def database(published: tuple[Path, Published]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The public database of the trial project's release."""
    warehouse, made = published
    path = warehouse / "releases" / made.release_id / "public" / "dx.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def declaring(declared: Catalogue, **terms: Any) -> Catalogue:
    """The trial project, whose province declares licence or contact."""
    return replace(declared, province=declared.province.model_copy(update=terms))


def test_what_is_not_declared_is_not_said(database: duckdb.DuckDBPyConnection, declared: Catalogue) -> None:
    entry = dcat.dataset(database, declared, "r", [Path("dx.duckdb")])
    assert not {"dct:license", "dcat:contactPoint"} & {*entry, *entry["dcat:distribution"][0]}
    assert datapackage.terms(declared.province) == {}


def test_the_sample_province_claims_no_licence() -> None:
    province = catalogue.load(PROJECT).province
    assert (province.licence, province.contact) == (None, None)


def test_licence_and_contact_are_in_both_descriptions(database: duckdb.DuckDBPyConnection, declared: Catalogue) -> None:
    contact = Contact(name=OFFICE, email="so@example.org", url="https://example.org/so")
    given = declaring(declared, licence=LICENCE, contact=contact)
    entry = dcat.dataset(database, given, "r", [Path("dx.duckdb"), Path("kpi/value.parquet")])
    assert entry["dct:license"] == {"@id": LICENCE}
    assert [each["dct:license"] for each in entry["dcat:distribution"]] == [{"@id": LICENCE}] * 2
    card = entry["dcat:contactPoint"]
    assert card["@type"] == "vcard:Organization"
    assert {each["@language"]: each["@value"] for each in card["vcard:fn"]} == {"vi": OFFICE.vi, "en": OFFICE.en}
    assert card["vcard:hasEmail"] == {"@id": "mailto:so@example.org"}
    assert card["vcard:hasURL"] == {"@id": "https://example.org/so"}
    prefixes = {key.partition(":")[0] for key in (*entry, *card) if not key.startswith("@")}
    assert prefixes <= set(dcat.CONTEXT)
    about = {"title": "Sở Một / Department One", "path": "https://example.org/so", "email": "so@example.org"}
    assert datapackage.terms(given.province) == {
        "licenses": [{"path": LICENCE}],
        "contributors": [{**about, "roles": ["contact"]}],
    }


def test_one_address_is_enough(database: duckdb.DuckDBPyConnection, declared: Catalogue) -> None:
    given = declaring(declared, contact=Contact(name=OFFICE, url="https://example.org/so"))
    entry = dcat.dataset(database, given, "r", [])
    assert "vcard:hasEmail" not in entry["dcat:contactPoint"]
    assert "dct:license" not in entry
    assert "email" not in datapackage.terms(given.province)["contributors"][0]

"""The release as a data set in DCAT 3 (JSON-LD), so that a portal of open data can list it.

Standard: W3C Data Catalog Vocabulary (DCAT) 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.province import Contact

NAME = "dcat.jsonld"
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "adms": "http://www.w3.org/ns/adms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet", ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".html": "text/html",
    ".pdf": "application/pdf", ".xml": "application/xml", ".yaml": "application/yaml", ".json": "application/json",
}  # fmt: skip
LANGUAGES = "http://publications.europa.eu/resource/authority/language/"
IANA = "https://www.iana.org/assignments/media-types/"
MONTHLY = "http://publications.europa.eu/resource/authority/frequency/MONTHLY"

MOST_PARTS = 2
"""Of the names of files that are listed: deeper are pages of the report and their tables."""

FRONT_PAGES = {"index", "en"}  # of the report
SPAN = """
    SELECT min(coalesce(part_start, window_start)), max(coalesce(part_end, window_end))
    FROM kpi.value WHERE value IS NOT NULL AND units_on IS NULL
"""


def write(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, public: Path, folder: Path
) -> None:
    """Describe a release as it lies in a folder.

    Args:
        connection: has the tables of the release.
        catalogue: the province.
        release_id: of the release.
        public: the folder of its public part.
        folder: where to write.
    """
    listed = [path.relative_to(public) for path in sorted(public.rglob("*")) if path.is_file()]
    document = dataset(connection, catalogue, release_id, [path for path in listed if _is_whole(path)])
    (folder / NAME).write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _is_whole(path: Path) -> bool:
    """Whether a file is of use by itself: a page of the report is not, only its front pages are."""
    is_page = path.suffix == ".html"
    return len(path.parts) <= MOST_PARTS and (not is_page or path.stem in FRONT_PAGES)


def dataset(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, files: list[Path]
) -> dict[str, Any]:
    """The description of a release as a data set."""
    province = catalogue.province
    ((first, last),) = connection.execute(SPAN).fetchall()
    ((is_synthetic,),) = connection.execute("SELECT coalesce(bool_or(synthetic), false) FROM kpi.value").fetchall()
    return {
        "@context": CONTEXT,
        "@type": "dcat:Dataset",
        "@id": f"urn:dx-pipeline:{province.code}:{release_id}",
        "dct:identifier": release_id,
        "dct:title": _both(f"Chuyển đổi số {province.title.vi}", f"Digital transformation of {province.title.en}"),
        "dct:description": _both(
            "Các KPI chuyển đổi số, kèm định nghĩa, độ phủ và bảng nguồn", "KPIs with definitions, coverage and tables"
        ),
        "dct:publisher": {"@type": "foaf:Agent", "foaf:name": _both(province.title.vi, province.title.en)},
        **_contact(province.contact),
        **_licence(province.licence),
        "dct:language": [{"@id": f"{LANGUAGES}{code}"} for code in ("VIE", "ENG")],
        "dct:accrualPeriodicity": {"@id": MONTHLY},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": {"@value": str(first), "@type": "xsd:date"},
            "dcat:endDate": {"@value": str(last), "@type": "xsd:date"},
        },
        "dcat:version": release_id,
        "dcat:keyword": ["KPI", *(["synthetic", "dữ liệu mô phỏng"] if is_synthetic else [])],
        "dcat:distribution": list(_distributions(files, province.licence)),
    }


def _contact(contact: Contact | None) -> dict[str, Any]:
    """Whom to ask, if that is declared."""
    if contact is None:
        return {}
    card: dict[str, Any] = {"@type": "vcard:Organization", "vcard:fn": _both(contact.name.vi, contact.name.en)}
    if contact.email is not None:
        card["vcard:hasEmail"] = {"@id": f"mailto:{contact.email}"}
    if contact.url is not None:
        card["vcard:hasURL"] = {"@id": contact.url}
    return {"dcat:contactPoint": card}


def _licence(licence: str | None) -> dict[str, Any]:
    """The licence, if one is declared."""
    return {"dct:license": {"@id": licence}} if licence is not None else {}


def _distributions(files: list[Path], licence: str | None) -> Iterator[dict[str, Any]]:
    for path in sorted(files):
        yield {
            "@type": "dcat:Distribution",
            "dct:title": path.as_posix(),
            "dcat:accessURL": {"@id": f"../{path.as_posix()}"},
            "dcat:mediaType": {"@id": f"{IANA}{MEDIA_TYPES.get(path.suffix, 'application/octet-stream')}"},
            **_licence(licence),
        }


def _both(vi: str, en: str) -> list[dict[str, str]]:
    return [{"@language": "vi", "@value": vi}, {"@language": "en", "@value": en}]

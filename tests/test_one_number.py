"""One number, one value: in Parquet, DuckDB, the pages, the downloads, the workbook, the PDF and SDMX."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from pypdf import PdfReader
from pysdmx.io import get_datasets, read_sdmx

from dx_pipeline.language import ENGLISH, VIETNAMESE

CODE = "online_dossier_rate"
PROVINCE = "kpi_code = $code AND unit_level = 'province' AND units_on IS NULL"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(province: dict[str, Any]) -> Path:
    """The public part of the sample province's release."""
    return (Path(province["warehouse"]) / "current").resolve()


def expected(release: Path) -> list[float]:
    """The province's values in the database, sorted."""
    with duckdb.connect(str(release / "dx.duckdb"), read_only=True) as connection:
        query = f"SELECT value FROM kpi.value WHERE {PROVINCE} AND value IS NOT NULL ORDER BY value"
        found = [value for (value,) in connection.execute(query, {"code": CODE}).fetchall()]
    assert len(found) > 2
    return found


def test_parquet_has_the_values_of_the_database(release: Path) -> None:
    rows = pq.read_table(release / "kpi" / f"{CODE}.parquet").to_pylist()
    found = [row["value"] for row in rows if row["unit_level"] == "province" and row["units_on"] is None]
    assert sorted(value for value in found if value is not None) == expected(release)


def test_a_download_has_the_values_of_the_database(release: Path) -> None:
    with (release / "report" / "data" / f"{CODE}-windows.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    heading = next(name for name in rows[0] if name.startswith("Giá trị"))
    assert sorted(float(row[heading]) for row in rows if row[heading]) == expected(release)


def test_a_page_has_the_values_of_the_database(release: Path) -> None:
    for name in (f"kpi/{CODE}.html", f"en/kpi/{CODE}.html"):
        page = (release / "report" / name).read_text(encoding="utf-8")
        table = page[page.index("<caption>Mọi kỳ" if name.startswith("kpi") else "<caption>Every window") :]
        table = table[: table.index("</table>")]
        separators = str.maketrans({".": "", ",": "."}) if name.startswith("kpi") else str.maketrans({",": ""})
        rows = [re.findall(r"<td[^>]*>([^<\n]*)", line) for line in table.split("<tr>")[2:]]
        found = [float(row[0].rstrip("%").translate(separators)) for row in rows if row[0] != "–"]
        assert sorted(found) == expected(release), name


def test_the_workbook_has_the_values_of_the_database(release: Path) -> None:
    book = openpyxl.load_workbook(release / "report" / "kpi.xlsx", read_only=True)
    rows = list(book["Chuỗi - Series"].iter_rows(min_row=3, values_only=True))
    code, value = rows[0].index("Mã KPI / KPI code"), rows[0].index("Giá trị / Value")
    found = [float(str(row[value])) for row in rows[1:] if row[code] == CODE and row[value] is not None]
    assert sorted(found) == expected(release)


def test_units_have_the_names_of_the_days_that_their_values_are_of(release: Path) -> None:
    with duckdb.connect(str(release / "dx.duckdb"), read_only=True) as connection:
        query = """
            SELECT unit_code, max_by(unit_name, window_end) FROM kpi.named
            WHERE value IS NOT NULL AND units_on IS NULL AND unit_level <> 'province' GROUP BY unit_code
        """
        names = dict(connection.execute(query).fetchall())
    assert names["25459"] == "Phường 3"  # its code is another unit's since 2025
    for code, name in names.items():
        page = (release / "report" / "unit" / f"{code}.html").read_text(encoding="utf-8")
        assert f"<h1>{name}</h1>" in page, code


def test_days_below_the_agreed_level_leave_out_faults_of_the_calling_side(release: Path) -> None:
    with duckdb.connect(str(release / "dx.duckdb"), read_only=True) as connection:
        query = """
            SELECT count(*) FROM (
                SELECT sum(succeeded_count) / nullif(sum(call_count) - sum(failed_client_count), 0) AS share
                FROM connection.traffic WHERE system = 'civil_status' GROUP BY hour_at::DATE
            ) WHERE 100 * share < (
                SELECT target FROM kpi.latest WHERE kpi_code = 'connection_availability' AND system = 'civil_status'
                    AND statistic = 'exchange' AND unit_level = 'province')
        """
        connection.execute("SET TimeZone = 'Asia/Ho_Chi_Minh'")
        ((below,),) = connection.execute(query).fetchall()
    page = (release / "report" / "system" / "civil_status.html").read_text(encoding="utf-8")
    assert f"dưới mức cam kết: {below} trên" in page


@pytest.mark.parametrize("name", ["bao-cao.pdf", "report.pdf"])
def test_the_pdf_is_tagged_and_has_the_latest_value(release: Path, name: str) -> None:
    reader = PdfReader(release / "report" / name)
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == ("vi" if name == "bao-cao.pdf" else "en")
    assert "pdfuaid" in str(reader.xmp_metadata and reader.xmp_metadata.rdf_root.toxml())
    with duckdb.connect(str(release / "dx.duckdb"), read_only=True) as connection:
        query = f"SELECT value FROM kpi.latest WHERE {PROVINCE}"
        ((latest,),) = connection.execute(query, {"code": CODE}).fetchall()
    mark = "MÔ PHỎNG" if name == "bao-cao.pdf" else "SYNTHETIC"
    assert all(mark in page.extract_text() for page in reader.pages)
    language = VIETNAMESE if name == "bao-cao.pdf" else ENGLISH
    assert language.figure(latest, "percent") in " ".join(page.extract_text() for page in reader.pages)


def test_sdmx_has_the_values_of_the_database_and_a_valid_structure(release: Path) -> None:
    structure, data = (release / "exchange" / name for name in ("sdmx_structure.xml", "sdmx_kpi_value.csv"))
    message = read_sdmx(structure, validate=True)
    lists = {each.id: {code.id for code in each.items} for each in message.get_codelists()}
    assert {"CL_OBS_STATUS", "CL_CONF_STATUS", "CL_INDICATOR", "CL_REF_AREA"} <= lists.keys()
    (dataset,) = get_datasets(data, structure, validate=False)
    rows = dataset.data
    key = ["INDICATOR", "STATISTIC", "SYSTEM", "REF_AREA", "WINDOW", "TIME_PERIOD"]
    assert not rows.duplicated(key).any()
    of_province = rows[(rows["INDICATOR"] == CODE) & (rows["REF_AREA"] == "72")]
    found = [float(value) for value in of_province["OBS_VALUE"].dropna() if value != ""]
    assert sorted(found) == expected(release)
    for name in ("INDICATOR", "REF_AREA", "OBS_STATUS", "CONF_STATUS", "WINDOW", "EVALUATION", "UNIT_MEASURE"):
        assert set(rows[name]) <= lists[f"CL_{name}"], name


def test_the_contracts_are_a_document_of_the_open_data_contract_standard(release: Path) -> None:
    text = (release / "exchange" / "data_contract.odcs.yaml").read_text(encoding="utf-8")
    document = OpenDataContractStandard.from_string(text)
    assert document.apiVersion == "v3.1.0"
    tables = {table.name: {each.name for each in table.properties or ()} for table in document.schema_ or ()}
    with duckdb.connect(str(release / "dx.duckdb"), read_only=True) as connection:
        listed = "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        views = {name for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
        columns: dict[str, set[str]] = {}
        for table, column in connection.execute(listed).fetchall():
            if table.partition(".")[2] not in views:
                columns.setdefault(table, set()).add(column)
    assert tables == columns
    assert yaml.safe_load(text)["version"] == release.parent.name


def test_the_lineage_leads_from_the_inbox_to_the_release(release: Path) -> None:
    text = (release / "exchange" / "openlineage.ndjson").read_text(encoding="utf-8")
    events = {event["job"]["name"]: event for event in map(json.loads, text.splitlines())}
    assert {each["namespace"] for each in events["ingest/dossier"]["inputs"]} == {"inbox"}
    assert "statistics.dossier" in {each["name"] for each in events["ingest/dossier"]["outputs"]}
    assert "statistics.dossier" in {each["name"] for each in events[f"kpi/{CODE}"]["inputs"]}
    assert f"kpi.{CODE}" in {each["name"] for each in events["publish"]["inputs"]}
    assert [each["name"] for each in events["publish"]["outputs"]] == [release.parent.name]
    assert {each["eventType"] for each in events.values()} == {"COMPLETE"}


def test_the_catalogue_entry_names_files_that_are_there(release: Path) -> None:
    entry: dict[str, Any] = json.loads((release / "exchange" / "dcat.jsonld").read_text(encoding="utf-8"))
    named = [each["dcat:accessURL"]["@id"] for each in entry["dcat:distribution"]]
    assert all((release / "exchange" / name).resolve().is_file() for name in named)
    assert {"../dx.duckdb", "../kpi/value.parquet", "../report/index.html", "../report/kpi.xlsx"} <= set(named)

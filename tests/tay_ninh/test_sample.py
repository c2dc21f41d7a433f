"""The sample province: reproducible, marked as synthetic, calibrated, and in the declared layouts."""

from __future__ import annotations

import codecs
import gzip
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import python_calamine as calamine
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract, arrow_schema
from dx_pipeline.declarations.source import Csv, Excel, Layout
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.period import Month, parse_months
from dx_pipeline.progress import listening
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample import scenario, writing
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.scenario import Scenario
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

SCALE = 0.02
FIRST_HALF = parse_months("2022-01:2022-06")
MAY, JUNE, JULY, AUGUST, SEPTEMBER = (Month(2022, number) for number in (5, 6, 7, 8, 9))
MADE = (MAY, JUNE)


HALF_PAST_MIDNIGHT = datetime(2022, 5, 31, 17, 30, tzinfo=UTC)  # by the clock of the province
WORDS = {"Có, đủ": "true", 'Không "đủ"': "false"}


@pytest.fixture(scope="module")
def made(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(tmp_path_factory.mktemp("sample"), PROJECT)
    sample.make(settings, declared, MADE, scale=SCALE)
    return settings


@pytest.fixture(scope="module")
def small() -> Scenario:
    return scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.05)


def deliveries(settings: Settings) -> dict[str, Path]:
    files = (path for path in sorted(settings.inbox.rglob("*")) if path.is_file())
    return {path.relative_to(settings.inbox).as_posix(): path for path in files}


def contents(settings: Settings, months: Sequence[Month] = MADE) -> dict[str, tuple[bytes, float]]:
    """The bytes and the moment of each delivery of these months."""
    found = {name: path for name, path in deliveries(settings).items() if Month.parse(name.split("/")[1]) in months}
    return {name: (path.read_bytes(), path.stat().st_mtime) for name, path in found.items()}


def layout_of(declared: Catalogue, name: str) -> Layout:
    source, _, file = name.split("/")
    table = file.rsplit("_", 1)[0]
    layouts = declared.sources[source].source.deliveries
    return next(layout for layout in layouts if layout.table.partition(".")[2] == table)


def rows_of(province: Scenario, table: str, *months: Month) -> pa.Table:
    """The rows of a table in these months, before they are written."""
    source = table.partition(".")[2]
    return pa.concat_tables([table_rows.make(province, table, source, month) for month in months])


@pytest.mark.parametrize("months", [(JUNE, MAY), (JUNE,)])
def test_the_same_seed_gives_the_same_bytes_in_any_order_and_selection_of_months(
    declared: Catalogue, made: Settings, tmp_path: Path, months: tuple[Month, ...]
) -> None:
    again = Settings(tmp_path, PROJECT, threads=1)
    sample.make(again, declared, months, scale=SCALE)
    assert contents(again) == contents(made, months)


def test_another_seed_gives_another_province_with_the_same_published_figures(small: Scenario) -> None:
    other = scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=7, scale=0.05)
    codes, others = (rows_of(each, "statistics.dossier", JUNE)["dossier_code"] for each in (small, other))
    assert codes != others
    assert used_services(other) == used_services(small) == 763


def test_months_are_not_copies_of_each_other(small: Scenario) -> None:
    may, june = (rows_of(small, "statistics.dossier", month)["procedure_code"][:50] for month in MADE)
    assert may != june


def test_every_file_is_returned_and_announced_in_order(declared: Catalogue, made: Settings, tmp_path: Path) -> None:
    announced: list[str] = []
    settings = Settings(tmp_path, PROJECT)
    with listening(announced.append):
        paths = sample.make(settings, declared, [MAY], scale=SCALE)
    assert announced == [path.relative_to(settings.inbox).as_posix() for path in paths]
    assert sample.count(declared, [MAY]) == len(announced) == len(contents(made, [MAY]))
    assert not list(settings.scratch.glob("*/*.*"))


def test_every_format_that_the_systems_use_occurs(declared: Catalogue, made: Settings) -> None:
    layouts = [layout_of(declared, name) for name in deliveries(made)]
    formats = [layout.format for layout in layouts]
    assert {(each.kind, getattr(each, "encoding", None), getattr(each, "compression", None)) for each in formats} == {
        ("excel", "unicode", None), ("html", "utf-8", None), ("csv", "utf-8", None), ("csv", "utf-16", None),
        ("csv", "windows-1258", None), ("json", None, None), ("json", None, "gzip"), ("ndjson", None, None),
        ("ndjson", None, "gzip"), ("parquet", None, None), ("xroad", None, None),
    }  # fmt: skip
    assert {each.delimiter for each in formats if isinstance(each, Csv)} == {",", ";", "\t"}
    assert max(each.header_rows for each in formats if isinstance(each, Excel)) == 3
    placements = [field for layout in layouts for field in layout.columns.values()]
    assert {"%d/%m/%Y", "%Y%m%d", "%Y%m%d%H", "%m/%Y", None} <= {field.date for field in placements}
    assert {field.number for field in placements} == {"plain", "vi", "comma"}
    assert any(field.percent for field in placements)


def test_files_of_office_programs_have_the_bytes_those_programs_write(made: Settings) -> None:
    found = {name.split("/")[0] + path.suffix: path for name, path in deliveries(made).items() if "_202206" in name}
    report = deliveries(made)["public_post/2022-06/register_202206.xls"].read_bytes()
    assert report.startswith(b"<html>")
    assert b'rowspan="3"' in report
    assert b'colspan="5"' in report
    unicode_text = found["public_post.csv"].read_bytes()
    assert unicode_text[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    assert {line.count("\t") for line in unicode_text.decode("utf-16").split("\r\n")[2:-1]} == {20}
    from_excel = found["dossier.csv"].read_bytes()
    assert from_excel.startswith(codecs.BOM_UTF8)
    assert from_excel.count(b"\n") == from_excel.count(b"\r\n")
    plain = found["community_group.csv"].read_bytes()
    assert plain.startswith(b"#")
    assert b"\r" not in plain


def test_windows_1258_has_its_tone_marks_after_their_letters(made: Settings) -> None:
    content = deliveries(made)["legal_documents/2022-06/register_202206.csv"].read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    text = content.decode("cp1258")
    assert "Dịch vụ" not in text
    assert "Di\u0323ch vu\u0323" in text
    assert unicodedata.normalize("NFC", text).splitlines()[1].startswith("Dịch vụ;Chiều;")


def test_texts_are_typed_as_people_and_programs_type_them(made: Settings) -> None:
    found = deliveries(made)
    post = found["public_post/2022-06/register_202206.xls"].read_text(encoding="utf-8")
    assert "Hoà  mạng" in post
    assert "Đã  hoà  mạng" in post
    legal = found["legal_documents/2022-06/register_202206.csv"].read_bytes().decode("cp1258")
    assert "Ngày hòa mạng" in unicodedata.normalize("NFC", legal)
    milestones = gzip.decompress(found["project_milestone/2022-06/project_milestone_202206.ndjson.gz"].read_bytes())
    names = [json.loads(line)["name"] for line in milestones.decode().splitlines()]
    assert all(name == unicodedata.normalize("NFD", name) != unicodedata.normalize("NFC", name) for name in names)
    assert all("  " in name for name in names)
    sheet = calamine.CalamineWorkbook.from_path(found["plan/2022-06/plan_202206.xlsx"]).get_sheet_by_index(0)
    agencies = [str(row[2]) for row in sheet.to_python(skip_empty_area=False)]
    assert unicodedata.normalize("NFD", "UBND thị xã Hoà Thành") in agencies


@pytest.mark.parametrize("name", ["public_post", "legal_documents"])
def test_what_is_assumed_of_a_system_says_so(small: Scenario, name: str) -> None:
    for table in ("connection.register", "connection.traffic"):
        operations = table_rows.make(small, table, name, JUNE)["operation"].to_pylist()
        assert {operation[:9] for operation in operations} == {"gia_dinh_"}


def test_lines_without_data_are_where_filters_expect_them(made: Settings) -> None:
    sheet = calamine.CalamineWorkbook.from_path(deliveries(made)["service/2022-06/service_202206.xlsx"])
    rows = sheet.get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert rows[5][:3] == ["(1)", "(2)", "(3)"]
    assert rows[6][0] == 1
    assert [row[0] for row in rows[-2:]] == ["Tổng cộng", "Trong đó: Tỉnh"]
    assert len(rows) == 3 + 2 + 1 + 2_220 + 2


def test_deliveries_arrive_in_the_next_month_about_when_they_are_due(declared: Catalogue, made: Settings) -> None:
    for name, path in deliveries(made).items():
        source, month, _ = name.split("/")
        arrived = datetime.fromtimestamp(path.stat().st_mtime, UTC) + timedelta(hours=UTC_OFFSET_HOURS)
        due = Month.parse(month).plus(1).first.replace(day=declared.sources[source].source.calendar.due_day)
        assert -timedelta(days=1) <= arrived.date() - due <= timedelta(days=8), name
        assert arrived.weekday() < 5, name
        assert 8 <= arrived.hour < 17, name


def test_the_pipeline_reads_the_rows_as_made(declared: Catalogue, province: dict[str, Any]) -> None:
    settings = Settings(province["warehouse"], PROJECT)
    same = scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.2)
    for source in declared.monthly:
        for table in declared.sources[source].source.delivered:
            path, contract = partition.rows(settings, Key(table, source, JUNE)), declared.contracts[table]
            rows = table_rows.make(same, table, source, JUNE)
            assert set(rows.column_names) == set(contract.columns), table
            assert differences(rows, str(path), contract) == 0, (table, source)  # so no row broke a rule


def differences(rows: pa.Table, path: str, contract: Contract) -> int:
    """How many rows are on one side only, or not marked as synthetic; moments are compared by the hour."""
    schema = arrow_schema(contract, contract.columns)
    columns = ", ".join(
        f"date_trunc('hour', {quoted(name)})" if column.type == "timestamp" else quoted(name)
        for name, column in contract.columns.items()
    )
    with duckdb.connect() as connection:
        connection.register("made", rows.select(schema.names).cast(schema))
        connection.execute(f"CREATE VIEW found AS SELECT {columns} FROM read_parquet('{path}') WHERE synthetic")
        (counts,) = connection.execute(
            f"""
            SELECT (SELECT count(*) FROM (SELECT {columns} FROM made EXCEPT ALL FROM found)),
                   (SELECT count(*) FROM (FROM found EXCEPT ALL SELECT {columns} FROM made))
            """
        ).fetchall()
    return sum(counts)


def used_services(province: Scenario) -> int:
    rows = rows_of(province, "statistics.dossier", *FIRST_HALF).to_pylist()
    used = {row["procedure_code"] for row in rows if row["channel"] == "online"}
    assert used <= set(rows_of(province, "statistics.service", JUNE)["procedure_code"].to_pylist())
    return len(used)


def test_the_whole_province_has_exactly_the_published_rates(small: Scenario) -> None:
    volumes = [sample.dossier.volume(replace(small, scale=1.0), month) for month in FIRST_HALF]
    assert sum(volume.total for volume in volumes) == 400_000
    assert sum(volume.online for volume in volumes) == 70_600


def test_an_extract_has_the_earlier_dossiers_that_ended_since_the_one_before(small: Scenario) -> None:
    may, june = (rows_of(small, "statistics.dossier", month).to_pylist() for month in MADE)
    opened = {row["dossier_code"]: row for row in may if row["dossier_status"] == "in_progress"}
    earlier = [row for row in june if row["received_on"] < JUNE.first]
    assert june[-len(earlier) :] == earlier  # after those that were received in the month
    assert len({row["dossier_code"] for row in june}) == len(june)
    assert {row["dossier_status"] for row in earlier} == {"finished", "returned", "stopped"}
    ends = [row["finished_on"] or row["returned_on"] or row["stopped_on"] for row in earlier]
    assert all(date(2022, 6, 2) < day <= date(2022, 7, 2) for day in ends)
    ended = [row for row in earlier if row["received_on"] >= MAY.first]
    assert len(ended) > 0.8 * len(opened)
    same = ("procedure_code", "agency_code", "channel", "received_on", "due_on", "fee_vnd")
    assert all(row[name] == opened[row["dossier_code"]][name] for row in ended for name in same)


def test_a_tiny_sample_uses_as_many_services_as_it_has_online_dossiers(small: Scenario) -> None:
    assert used_services(replace(small, scale=0.002)) == round(0.1765 * 800)


def test_a_service_is_one_procedure_and_integrated_by_then(small: Scenario) -> None:
    rows = rows_of(small, "statistics.service", JUNE).to_pylist()
    assert all(row["integrated_on"] is None or row["integrated_on"] <= JUNE.last for row in rows)
    assert len({row["procedure_code"] for row in rows}) == 2_220
    without_agency = {row["authority_level"]: row["agency_code"] is None for row in rows}
    assert without_agency == {"province": False, "district": True, "commune": True}


def test_levels_3_and_4_give_way_to_partial_and_full_in_august(small: Scenario) -> None:
    july, august = (rows_of(small, "statistics.service", month).to_pylist() for month in (JULY, AUGUST))
    assert [row["procedure_code"] for row in july] == [row["procedure_code"] for row in august]
    pairs = {(old["service_level"], new["service_level"]) for old, new in zip(july, august, strict=True)}
    assert pairs == {(old, new) for old in ("level_3", "level_4") for new in ("partial", "full")}
    assert sum(row["service_level"] == "full" for row in august) == 900


def test_the_programme_is_as_the_article_says(small: Scenario) -> None:
    groups = rows_of(small, "programme.community_group", JUNE)
    assert len(set(groups["unit_code"].to_pylist())) == 94
    enterprises = rows_of(small, "programme.digital_enterprise", JUNE).to_pylist()
    active = [row for row in enterprises if row["enterprise_status"] == "active"]
    assert sum(row["enterprise_count"] for row in active) == 4
    milestones = rows_of(small, "programme.project_milestone", SEPTEMBER)
    assert milestones["milestone_status"].to_pylist() == ["done", "done", "in_progress", "planned"]


def test_offices_are_closed_at_tet(small: Scenario) -> None:
    days = rows_of(small, "statistics.dossier", *FIRST_HALF[:2])["received_on"].to_pylist()
    at_tet = sum(date(2022, 1, 31) <= day <= date(2022, 2, 6) for day in days)
    the_week_after = sum(date(2022, 2, 7) <= day <= date(2022, 2, 13) for day in days)
    assert at_tet < the_week_after / 20


@pytest.mark.parametrize(
    ("kind", "value", "placement", "printed"),
    [
        ("number", 1_234_567.5, {}, "1234567.5"),
        ("number", 1_234_567.5, {"number": "vi"}, '"1.234.567,5"'),
        ("number", 1_234_567.5, {"number": "comma"}, '"1234567,5"'),
        ("number", 1_234_567.5, {"number": "comma", "percent": True}, '"1234567,5%"'),
        ("timestamp", HALF_PAST_MIDNIGHT, {}, "2022-06-01T00:30:00+07:00"),
        ("timestamp", HALF_PAST_MIDNIGHT, {"date": "%d/%m/%Y %H:%M"}, "01/06/2022 00:30"),
        ("boolean", True, {"values": WORDS}, '"Có, đủ"'),
        ("boolean", False, {"values": WORDS}, '"Không ""đủ"""'),
    ],
)
def test_values_are_printed_as_the_layout_has_them_and_quoted_where_they_must_be(
    tmp_path: Path, kind: str, value: object, placement: Mapping[str, object], printed: str
) -> None:
    assert written(tmp_path, kind, [value, None], placement) == [printed, ""]


def written(
    tmp_path: Path, kind: str, values: list[object], placement: Mapping[str, object], preamble_rows: int = 1
) -> list[str]:
    """The lines that one column of a contract becomes in a comma-separated delivery."""
    words = {"vi": "Nó", "en": "It"}
    columns, contracted = {"it": {"header": "Nó", **placement}}, {"it": {"type": kind, **words}}
    file = {"kind": "csv", "preamble_rows": preamble_rows}
    layout = Layout.model_validate({"table": "any.one", "format": file, "columns": columns})
    contract = Contract.model_validate({"title": words, "grain": words, "columns": contracted})
    form = Form(layout=layout, contract=contract, title="Nó", month=JUNE, seed=1, names={})
    with connect(Settings(tmp_path, PROJECT)) as connection:
        writing.write(connection, tmp_path / "one.csv", pa.table({"it": pa.array(values)}), form)
    return (tmp_path / "one.csv").read_text(encoding="utf-8").splitlines()[2:]


def test_a_layout_without_room_for_the_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DxError, match="preamble_rows"):
        written(tmp_path, "number", [1.0], {}, preamble_rows=0)


def test_months_and_scales_that_the_sample_does_not_cover_are_refused(declared: Catalogue, tmp_path: Path) -> None:
    settings = Settings(tmp_path, PROJECT)
    early = parse_months("2021-12:2022-01")
    for months, scale, sentence in ((early, 1.0, "2022-01 to 2026-12"), ([JUNE], 0, "scale"), ([], 1.0, "month")):
        with pytest.raises(UsageError, match=sentence):
            sample.make(settings, declared, months, scale=scale)
    assert not settings.inbox.exists()

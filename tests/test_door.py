"""The door: nothing personal gets past it into the warehouse, and what is clean passes to the byte."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import shutil
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from projects import PROJECT

from dx_pipeline import formats as reading
from dx_pipeline import privacy as door
from dx_pipeline import sample
from dx_pipeline.connectors import inbox as files
from dx_pipeline.declarations import catalogue as catalogues
from dx_pipeline.declarations.source import Excel, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel
from dx_pipeline.landing import delivery as landing
from dx_pipeline.period import Month
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.reading import Loaded
from dx_pipeline.reading.rows import stage
from dx_pipeline.settings import Settings
from dx_pipeline.vietnamese import heading
from dx_pipeline.vietnamese import personal_data as values

MAY = Month(2022, 5)
ARRIVED_AT = datetime(2022, 6, 3, 9, tzinfo=UTC)

HEADINGS = ["Mã", "Lĩnh vực", "Ngày", "Số tiền", "Mã hồ sơ"]
CLEAN = [
    ["A1", "Hộ tịch", "03/05/2022", "912345678", "H53.01-220503-0001"],
    ["A2", "Đất đai", "04/05/2022", "123456789012", "000.00.01.H53-220504-0002"],
    ["A3", "Chứng thực", "", "0", "H53.02-220504-0003"],
]
SECRETS = {
    "identity_number": "072085001234",
    "old_identity_number": "290123456",
    "phone": "0912 345 678",
    "foreign_phone": "+84 276 382 2233",
    "email": "nguyen.van.a@gmail.com",
    "health_card": "DN4720123456789",
    "social_insurance": "7215012345",
    "dossier_code": "000.00.07.H53-220510-0444",
    "ip_address": "10.53.7.25",
    "link": "https://dichvucong.tayninh.gov.vn/tep/88123",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3MiJ9.c2lnbmVk",
    "name": "Nguyễn Văn Bình",
}
NAMES = ["Trần Thị Hoa", "Lê Quốc Dũng", "Phạm Minh"]

DECLARATION = """
type: dx_pipeline.components.Table
attributes:
  title: {{vi: Thử, en: Trial}}
  description: {{vi: Thử, en: Trial}}
  owner: team:x
  deliveries:
    - table: statistics.trial
      format: {format}
      columns:
        code: {{header: "Mã"}}
        field_vi: {{header: "Lĩnh vực"}}
        received_on: {{header: "Ngày", date: "%d/%m/%Y"}}
        fee_vnd: {{header: "Số tiền"}}
        dossier_code: {{header: "Mã hồ sơ"}}
      ignored: [{ignored}]
"""
CONTRACT = """
title: {vi: Thử, en: Trial}
grain: {vi: Mỗi dòng một mã, en: One row is one code}
key: [code]
columns:
  code: {type: text, required: true, vi: Mã, en: Code}
  field_vi: {type: text, vi: Lĩnh vực, en: Field}
  received_on: {type: date, vi: Ngày, en: Day}
  fee_vnd: {type: integer, vi: Số tiền, en: Fee}
  dossier_code: {type: text, personal_data: linkable, pattern: "^[0-9A-Z.]+-[0-9]{6}-[0-9]{4,7}$", vi: Mã, en: Dossier}
"""
FORMATS = {
    "csv": "{kind: csv, preamble_rows: 1}",
    "csv_utf_16": "{kind: csv, delimiter: ';', preamble_rows: 1, encoding: utf-16}",
    "csv_gzip": "{kind: csv, preamble_rows: 1, compression: gzip}",
    "excel": "{kind: excel, preamble_rows: 1}",
    "html": "{kind: html}",
    "json": "{kind: json, records: Data}",
    "ndjson": "{kind: ndjson}",
    "parquet": "{kind: parquet}",
}

Rows = Sequence[Sequence[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project with one source for each format, and a warehouse of its own."""
    project = tmp_path / "project"
    declared = {f"assets/statistics/{name}/defs.yaml": (shape, "") for name, shape in FORMATS.items()}
    declared["assets/statistics/with_note/defs.yaml"] = ("{kind: csv, preamble_rows: 1}", '"Ghi chú", "Người nộp"')
    files = {name: DECLARATION.format(format=shape, ignored=ignored) for name, (shape, ignored) in declared.items()}
    files["assets/contract/statistics/trial.yaml"] = CONTRACT
    files["checks/statistics/trial.yaml"] = "name: statistics.trial\n"
    for name, content in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content), encoding="utf-8")
    shutil.copytree(PROJECT / "checks/kpi", project / "checks/kpi")
    return Settings(warehouse=tmp_path / "warehouse", project=project)


def as_csv(title: str, headings: Sequence[str], rows: Rows, delimiter: str = ",") -> str:
    lines = [title, delimiter.join(headings), *(delimiter.join(row) for row in rows)]
    return "\n".join([*lines, ""])


def as_excel(title: str, headings: Sequence[str], rows: Rows) -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    page = book.add_worksheet()
    for number, row in enumerate([[title], headings, *rows]):
        for column, cell in enumerate(row):
            page.write_string(number, column, cell)
    book.close()
    return content.getvalue()


def as_html(title: str, headings: Sequence[str], rows: Rows) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in [headings, *rows])
    return f"<html><body><p>{title}</p><table>{cells}</table></body></html>"


def as_parquet(title: str, headings: Sequence[str], rows: Rows) -> bytes:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(headings)}
    content = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata({"title": title}), content)
    return content.getvalue()


def records(headings: Sequence[str], rows: Rows) -> list[dict[str, str]]:
    return [dict(zip(headings, row, strict=True)) for row in rows]


WRITERS: dict[str, Callable[[str, Sequence[str], Rows], bytes]] = {
    "csv": lambda *made: as_csv(*made).encode(),
    "csv_utf_16": lambda *made: as_csv(*made, ";").encode("utf-16"),
    "csv_gzip": lambda *made: gzip.compress(as_csv(*made).encode()),
    "excel": as_excel,
    "html": lambda *made: as_html(*made).encode(),
    "json": lambda title, *made: json.dumps({"Message": title, "Data": records(*made)}).encode(),
    "ndjson": lambda _, *made: "".join(json.dumps(record) + "\n" for record in records(*made)).encode(),
    "parquet": as_parquet,
}


def put(settings: Settings, source: str, content: bytes, name: str = "thang_5") -> Path:
    path = settings.inbox / source / str(MAY) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = ARRIVED_AT.timestamp()
    os.utime(path, (moment, moment))
    return path


def land(settings: Settings, path: Path, source: str) -> tuple[landing.Delivery, bool]:
    return landing.land(settings, path, source=source, month=MAY, connector="files", delivered_at=ARRIVED_AT)


def said(content: bytes) -> str:
    """Everything that bytes may say: as they are, unpacked, and in each encoding."""
    parts = [content.decode(codec, "ignore") for codec in ("latin-1", "utf-8", "utf-16-le", "utf-16-be", "cp1258")]
    if content.startswith(b"\x1f\x8b"):
        parts.append(said(gzip.decompress(content)))
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts += [said(archive.read(part)) for part in archive.namelist()]
    if content.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(content))
        parts.append(f"{table.to_pylist()} {table.schema.metadata}")
    parts += [json.dumps(json.loads(line), ensure_ascii=False) for line in parts[1].splitlines() if is_json(line)]
    return unicodedata.normalize("NFC", "\n".join(parts))


def is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def kept_anywhere(settings: Settings) -> str:
    """Everything that stands anywhere under the warehouse, names of files included."""
    paths = [path for path in settings.warehouse.rglob("*") if path.is_file()]
    return "\n".join([*map(str, paths), *(said(path.read_bytes()) for path in paths)])


def read(settings: Settings, delivery: landing.Delivery, source: str) -> tuple[int, list[tuple[object, ...]]]:
    """How many rows a delivery has for the reader, and those that it accepts."""
    catalogue = catalogues.load(settings.project)
    connection = duckdb.connect(config={"temp_directory": str(settings.scratch)})
    layout = reading.recognise(delivery, catalogue.sources[source].source)
    raw = reading.load(connection, delivery, layout, "raw")
    (conserved,) = stage(connection, catalogue.contracts["statistics.trial"], [Loaded(delivery, layout, raw)], MAY)
    found = connection.execute("SELECT code, field_vi, fee_vnd, dossier_code FROM staged ORDER BY delivery_line")
    return conserved.rows_in, found.fetchall()


@pytest.mark.parametrize("name", FORMATS)
def test_a_clean_delivery_passes_as_it_is(settings: Settings, name: str) -> None:
    content = WRITERS[name]("Báo cáo tháng 05 năm 2022", HEADINGS, CLEAN)
    path = put(settings, name, content)
    delivery, _ = land(settings, path, name)
    assert (delivery.content.read_bytes(), path.read_bytes()) == (content, content)
    assert delivery.entry.stripped == {}
    assert read(settings, delivery, name)[1][1] == ("A2", "Đất đai", 123456789012, "000.00.01.H53-220504-0002")


@pytest.mark.parametrize("name", FORMATS)
def test_personal_values_are_kept_nowhere(
    settings: Settings, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [list(row) for row in CLEAN]
    for number, secret in enumerate(SECRETS.values()):
        rows.append([f"B{number}", f"Xem {secret} nhé", "05/05/2022", "1", f"H53.01-220505-{number:04d}"])
        rows.append([f"C{number}", "Hộ tịch", secret, "2", f"H53.01-220506-{number:04d}"])
        rows.append([f"D{number}", "Hộ tịch", "", f"{secret};"[:-1] + " đ", f"H53.01-220507-{number:04d}"])
    title = "Người lập biểu: Ông " + SECRETS["name"] + ", " + SECRETS["phone"]
    path = put(settings, name, WRITERS[name](title, HEADINGS, rows))
    with caplog.at_level(logging.DEBUG):
        delivery, _ = land(settings, path, name)
        rows_in, accepted = read(settings, delivery, name)
    everywhere = kept_anywhere(settings) + caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in SECRETS.values() if secret in everywhere] == []
    assert rows_in == len(rows)
    assert [row[:3] for row in accepted[:3]] == [
        ("A1", "Hộ tịch", 912345678), ("A2", "Đất đai", 123456789012), ("A3", "Chứng thực", 0),
    ]  # fmt: skip
    assert {"phone", "identity_number", "email", "name", "token", "link"} <= set(delivery.entry.stripped)


@pytest.mark.parametrize("name", FORMATS)
def test_a_forbidden_column_goes_altogether_and_the_rest_is_read(settings: Settings, name: str) -> None:
    headings = ["Họ và tên người nộp", *HEADINGS[:2], "soDienThoai", *HEADINGS[2:], "Địa chỉ"]
    rows = [[NAMES[at], *row[:2], "91234", *row[2:], "ấp Long Thới"] for at, row in enumerate(CLEAN)]
    path = put(settings, name, WRITERS[name]("Báo cáo", headings, rows))
    delivery, _ = land(settings, path, name)
    everywhere = kept_anywhere(settings)
    assert [text for text in [*NAMES, "91234\n", "Long Thới", *headings[:1]] if text in everywhere] == []
    assert [row[0] for row in read(settings, delivery, name)[1]] == ["A1", "A2", "A3"]
    assert {"name", "phone", "address"} <= set(delivery.entry.stripped)


def test_a_forbidden_column_that_the_layout_ignores_stays_empty(settings: Settings) -> None:
    headings = [*HEADINGS, "Ghi chú", "Người nộp"]
    rows = [[*row, "đã gọi điện", NAMES[at]] for at, row in enumerate(CLEAN)]
    path = put(settings, "with_note", as_csv("Báo cáo", headings, rows).encode())
    delivery, _ = land(settings, path, "with_note")
    assert delivery.entry.stripped == {"free_text": 3, "name": 3}
    assert path.read_text(encoding="utf-8").splitlines()[2] == "A1,Hộ tịch,03/05/2022,912345678,H53.01-220503-0001,,"
    assert read(settings, delivery, "with_note")[0] == 3


@pytest.mark.parametrize("name", FORMATS)
def test_the_cleaned_file_takes_the_place_of_the_one_in_the_inbox(settings: Settings, name: str) -> None:
    headings, rows = [*HEADINGS, "CCCD"], [[*row, "072085001234"] for row in CLEAN]
    dirty = WRITERS[name]("Báo cáo", headings, rows)
    path = put(settings, name, dirty)
    delivery, is_new = land(settings, path, name)
    assert is_new
    assert path.read_bytes() == delivery.content.read_bytes() != dirty
    assert path.stat().st_mtime == ARRIVED_AT.timestamp()
    assert land(settings, path, name) == (delivery, False)
    put(settings, name, dirty)
    assert land(settings, path, name) == (delivery, False)
    assert path.read_bytes() == delivery.content.read_bytes()
    assert len(landing.landed(settings, name, MAY)) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_what_has_passed_once_passes_as_it_is(settings: Settings, name: str, tmp_path: Path) -> None:
    rows = [[row[0], f"gọi {SECRETS['phone']}", *row[2:], NAMES[at]] for at, row in enumerate(CLEAN)]
    path = put(settings, name, WRITERS[name](SECRETS["email"], [*HEADINGS, "hoTen"], rows))
    delivery, _ = land(settings, path, name)
    catalogue = catalogues.load(settings.project)
    again = door.passed(delivery.content, tmp_path / "again", catalogue.sources[name].source, catalogue.contracts)
    assert again.is_clean


def test_the_log_says_what_was_stripped_by_kind_in_one_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(settings, "csv", as_csv("Báo cáo", [*HEADINGS, "Email"], [[*CLEAN[0], "a@b.vn"]]).encode(), "t5.csv")
    land(settings, path, "csv")
    assert [record.getMessage() for record in caplog.records] == [
        "csv 2022-05 t5.csv: stripped 2 email before it was kept; the file in the inbox was replaced by what was kept"
    ]


def test_a_file_name_loses_what_is_personal_in_it(settings: Settings) -> None:
    content = as_csv("Báo cáo", HEADINGS, CLEAN).encode()
    path = put(settings, "csv", content, "Nguyễn Văn Bình_072085001234.csv")
    delivery, _ = land(settings, path, "csv")
    assert not path.exists()
    assert delivery.entry.stripped == {"identity_number": 1, "name": 1}
    assert "072085001234" not in kept_anywhere(settings)
    (left,) = path.parent.iterdir()
    assert land(settings, left, "csv") == (delivery, False)


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7\x00\x01\x02\x03\x04\x05\x06\x07 072085001234", b"PK\x03\x04 072085001234", bytes(range(32)) * 9],
)
def test_what_cannot_be_looked_into_is_not_kept_and_is_refused(settings: Settings, content: bytes) -> None:
    path = put(settings, "excel", content)
    delivery, _ = land(settings, path, "excel")
    assert delivery.content.read_bytes() == b""
    with pytest.raises(DeliveryRefusedError, match=r"othing of it was kept"):
        reading.recognise(delivery, catalogues.load(settings.project).sources["excel"].source)


def test_a_delivery_that_nobody_recognises_loses_its_forbidden_columns_all_the_same(settings: Settings) -> None:
    text = "Báo cáo\nTháng 5\n\nSTT;Họ tên;Số CCCD\n1;Trần Thị Hoa;x\n2;Lê Quốc Dũng;y\n"
    for name, encoding in {"csv": "utf-8", "ndjson": "utf-8", "json": "cp1258", "excel": "utf-16"}.items():
        content = unicodedata.normalize("NFD", text) if encoding == "cp1258" else text
        path = put(settings, name, content.encode(encoding, "ignore"))
        land(settings, path, name)
    assert [name for name in ("Trần Thị Hoa", "Lê Quốc Dũng", "Quốc") if name in kept_anywhere(settings)] == []


def test_a_broken_json_line_keeps_no_forbidden_field(settings: Settings) -> None:
    path = put(settings, "ndjson", b'{"hoTen": "Le Quoc Dung", "x": \n' + json.dumps({"M\u00e3": "A"}).encode())
    land(settings, path, "ndjson")
    assert "Le Quoc Dung" not in kept_anywhere(settings)


def test_a_workbook_keeps_no_author_no_comment_and_no_other_sheet(settings: Settings) -> None:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    book.set_properties({"author": NAMES[0]})
    page = book.add_worksheet()
    for number, row in enumerate([["Báo cáo"], HEADINGS, *CLEAN]):
        page.write_row(number, 0, row)
    page.write_comment(2, 0, NAMES[1])
    book.add_worksheet("Danh sách").write_column(0, 0, ["Họ tên", *NAMES])
    book.close()
    path = put(settings, "excel", content.getvalue())
    delivery, _ = land(settings, path, "excel")
    assert [name for name in NAMES if name in kept_anywhere(settings)] == []
    assert read(settings, delivery, "excel")[0] == 3


def test_an_xls_is_kept_without_its_properties_and_reads_as_before(settings: Settings) -> None:
    arrived = Path(__file__).parent / "data" / "return_biff.xls"
    shape = Excel(kind="excel", preamble_rows=1, header_rows=2)
    path = put(settings, "excel", arrived.read_bytes(), "bieu.xls")
    delivery, _ = land(settings, path, "excel")
    assert delivery.entry.stripped == {"document_part": 1}
    before, after = excel.sheet(arrived, shape), excel.sheet(delivery.content, shape)
    assert [list(row[:4]) for row in after.rows] == [list(row[:4]) for row in before.rows[: len(after.rows)]]
    assert after.headings(shape) == before.headings(shape)


def test_a_file_outside_the_inbox_is_left_alone_and_goes_by_its_given_name(settings: Settings, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched"
    content = WRITERS["ndjson"]("", [*HEADINGS, "email"], [[*row, SECRETS["email"]] for row in CLEAN])
    fetched.write_bytes(content)
    delivery, _ = landing.land(
        settings, fetched, source="ndjson", month=MAY, connector="http", delivered_at=ARRIVED_AT, name="page_1.ndjson"
    )
    assert (fetched.read_bytes(), delivery.entry.file_name) == (content, "page_1.ndjson")
    assert SECRETS["email"] not in kept_anywhere(settings)
    assert read(settings, delivery, "ndjson")[0] == 3


def test_a_delivery_that_is_cleaned_to_what_had_landed_before_stays_itself(settings: Settings) -> None:
    clean, _ = land(settings, put(settings, "csv", as_csv("Báo cáo", HEADINGS, CLEAN).encode()), "csv")
    path = put(settings, "csv", as_csv("Báo cáo", [*HEADINGS, "SĐT"], [[*row, "x"] for row in CLEAN]).encode())
    later = ARRIVED_AT.replace(day=9)
    os.utime(path, (later.timestamp(), later.timestamp()))
    (cleaned, is_new), *_ = files.fetch(settings, "csv", MAY)
    assert is_new
    assert cleaned.content.read_bytes() == clean.content.read_bytes()
    assert list(files.fetch(settings, "csv", MAY)) == [(cleaned, False)]


def test_a_cleaned_file_does_not_wait_in_the_inbox_as_a_new_one(settings: Settings) -> None:
    path = put(settings, "csv", as_csv("Báo cáo", [*HEADINGS, "SĐT"], [[*row, "x"] for row in CLEAN]).encode())
    assert files.new(settings, "csv", MAY) == (path,)
    assert len(list(files.fetch(settings, "csv", MAY))) == 1
    assert files.new(settings, "csv", MAY) == ()


def test_error_messages_quote_no_cell(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Bí mật số một"  # noqa: S105 - a cell, not a password
    broken = {
        "csv": f'Báo cáo\n{",".join(HEADINGS)}\nA1,"{secret},x\nA2,{secret},,,,,,\n',
        "ndjson": f'{{"Mã": "{secret}", \n{{"{secret}"\n',
        "json": f'{{"Data": [{{"Mã": "{secret}"',
        "html": f"<table><tr><td>{secret}</td></tr></table>",
    }
    for name, content in broken.items():
        delivery, _ = land(settings, put(settings, name, content.encode()), name)
        with pytest.raises(DeliveryRefusedError) as refusal:
            read(settings, delivery, name)
        assert secret not in str(refusal.value)
    assert secret not in caplog.text


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Họ và tên", "name"), ("HO_TEN", "name"), ("hoTenNguoiNop", "name"), ("applicantFullName", "name"),
        ("Ngày sinh", "birth_date"), ("dateOfBirth", "birth_date"), ("NĂM SINH", "birth_date"),
        ("Số CCCD/CMND", "identity_number"), ("so_giay_to", "identity_number"), ("passportNo", "identity_number"),
        ("Số điện thoại", "phone"), ("SĐT", "phone"), ("mobile_phone", "phone"), ("E-mail", "email"),
        ("Địa chỉ thường trú", "address"), ("diachi", "address"), ("Số thẻ BHYT", "health_card"),
        ("Mã số BHXH", "social_insurance"), ("Ghi chú", "free_text"), ("Trích yếu nội dung", "free_text"),
        ("messageUserId", "exchange_field"), ("representedPartyCode", "exchange_field"),
        ("faultString", "exchange_field"), ("securityServerInternalIp", "ip_address"), ("access_token", "token"),
        ("Hä vµ tªn", "name"), ("Hoï vaø teân", "name"), (unicodedata.normalize("NFD", "Họ tên"), "name"),
        ("Mã hồ sơ", None), ("Cơ quan / Tên", None), ("Cơ quan / Mã định danh", None), ("so_thanh_vien", None),
        ("Số người nộp trực tuyến", None), ("Lĩnh vực", None), ("messageId", None), ("serviceCode", None),
    ],
)  # fmt: skip
def test_a_heading_is_known_however_it_is_written(written: str, kind: str | None) -> None:
    assert heading.kind_of(written) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Quyết định 766/QĐ-TTg ngày 23/6/2022", "từ ngày 15/04/2022 đến ngày 14/05/2022", "1.2.0", "000.00.00.H53",
        "1.001193", "UBND huyện Dương Minh Châu", "Lý lịch tư pháp", "12:30:45", "20220515123000", "[stripped]",
        "getCitizenInfo/v1", "05-06-2022 10:00", "1.234.567 đồng", "2022-05-03T10:00:00+07:00",
    ],
)  # fmt: skip
def test_what_only_looks_a_little_personal_stays(text: str) -> None:
    assert values.strip(text) == (text, {})


@pytest.mark.parametrize("code", ["0312345678", "3900123456", "0100109106-001", "H53"])
def test_a_tax_code_stays_where_organisations_are_named(code: str) -> None:
    record = {
        "clientMemberCode": code,
        "serviceMemberCode": code,
        "client_member_code": code,
        "provider": f"VN/COM/{code}/LGSP",
    }
    found: Counter[str] = Counter()
    assert Cleaner(None, None).anything({"records": [record]}, found) == {"records": [record]}
    assert not found


def test_the_same_number_elsewhere_and_others_of_people_there_go() -> None:
    record = {
        "serviceCode": "3900123456",
        "clientMemberCode": "072085001234",
        "serviceMemberCode": "3900123456 0912345678",
        "provider": "VN/COM/3900123456/072085001234",
    }
    found: Counter[str] = Counter()
    kept = Cleaner(None, None).anything(record, found)
    assert "072085001234" not in json.dumps(kept)
    assert "3900123456" not in json.dumps(kept)
    assert found["social_insurance"] == 3
    assert found["identity_number"] == 2


def test_tax_codes_stay_in_columns_that_a_layout_names() -> None:
    layout = Layout.model_validate(
        {
            "table": "connection.register",
            "format": {"kind": "ndjson"},
            "columns": {"operation": {"header": "serviceMemberCode"}},
            "ignored": ["clientMemberCode", "provider"],
        }
    )
    contract = catalogues.load(PROJECT).contracts["connection.register"]
    found: Counter[str] = Counter()
    record = {"serviceMemberCode": "3900123456", "clientMemberCode": "0312345678", "provider": "VN/COM/0312345678"}
    assert Cleaner(layout, contract).record(record, found) == record
    assert not found


def test_a_query_string_goes_and_its_path_stays() -> None:
    stripped = values.strip("/dvc/v1/hoso?soGiayTo=1&x=2")  # noqa: B005 - not that strip
    assert stripped == ("/dvc/v1/hoso", {"query_string": 1})


def test_a_sample_month_passes_to_the_byte(tmp_path: Path) -> None:
    months_pass(tmp_path, [MAY])


@pytest.mark.long
def test_the_whole_sample_passes_to_the_byte(tmp_path: Path) -> None:
    months_pass(tmp_path, list(Month(2022, 1).through(Month(2022, 9))))


def months_pass(tmp_path: Path, months: list[Month]) -> None:
    settings = Settings(warehouse=tmp_path)
    catalogue = catalogues.load(PROJECT)
    for path in sample.make(settings, catalogue, months, scale=0.1):
        source = path.relative_to(settings.inbox).parts[0]
        passed = door.passed(path, tmp_path / "kept", catalogue.sources[source].source, catalogue.contracts)
        assert (path.name, passed) == (path.name, door.Passed())

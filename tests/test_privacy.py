"""The privacy filter: nothing personal is stored, and what is clean is stored byte for byte."""

from __future__ import annotations

import gzip
import io
import json
import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import MAY, SECRETS, accepted, contract, layout, readable, source, staged, workbook
from engine import Engine
from hypothesis import example, given
from hypothesis import strategies as st

from dx_pipeline import formats, ingest, privacy, reading
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.source import Excel, NumberStyle
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.privacy.column import ColumnFilter, column_filters
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.settings import Settings
from dx_pipeline.vietnamese import heading, personal_data

MONTH = Month.parse(MAY)
ARRIVED_AT = datetime(2022, 6, 5, 1, tzinfo=UTC)
TITLE = "Báo cáo tháng 05 năm 2022"
HEADINGS = ["Mã", "Lĩnh vực", "Ngày", "Số tiền", "Mã hồ sơ"]
CLEAN = [
    ["A1", "Hộ tịch", "03/05/2022", "912345678", "H53.01-220503-0001"],
    ["A2", "Đất đai", "04/05/2022", "123456789012", "000.00.01.H53-220504-0002"],
    ["A3", "Chứng thực", "", "0", "H53.02-220504-0003"],
]
NAMES = ["Trần Thị Hoa", "Lê Quốc Dũng", "Phạm Minh"]

CONTRACT = contract(
    "code",
    code={"type": "text", "required": True},
    field_vi="text",
    received_on="date",
    fee_vnd="integer",
    dossier_code={"type": "text", "personal_data": "linkable", "pattern": "^[0-9A-Z.]+-[0-9]{6}-[0-9]{4,7}$"},
)
PLACED = {name: {"header": heading} for name, heading in zip(CONTRACT.columns, HEADINGS, strict=True)}
PLACED["received_on"]["date"] = "%d/%m/%Y"
FORMATS: dict[str, dict[str, object]] = {
    "csv": {"kind": "csv", "preamble_rows": 1},
    "csv_utf_16": {"kind": "csv", "delimiter": ";", "preamble_rows": 1, "encoding": "utf-16"},
    "csv_gzip": {"kind": "csv", "preamble_rows": 1, "compression": "gzip"},
    "excel": {"kind": "excel", "preamble_rows": 1},
    "html": {"kind": "html"},
    "json": {"kind": "json", "records": "Data"},
    "ndjson": {"kind": "ndjson"},
    "parquet": {"kind": "parquet"},
}

Rows = Sequence[Sequence[str]]


def as_csv(title: str, headings: Sequence[str], rows: Rows, delimiter: str = ",") -> bytes:
    return "\n".join([title, *map(delimiter.join, [headings, *rows]), ""]).encode()


def written(name: str, title: str, headings: Sequence[str], rows: Rows) -> bytes:
    """A delivery in one of the formats, with a title where it has a place for one."""
    records = [dict(zip(headings, row, strict=True)) for row in rows]
    lines = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in [headings, *rows])
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records).replace_schema_metadata({"title": title}), parquet)
    return {
        "csv": as_csv(title, headings, rows),
        "csv_utf_16": as_csv(title, headings, rows, ";").decode().encode("utf-16"),
        "csv_gzip": gzip.compress(as_csv(title, headings, rows)),
        "excel": workbook([[title], headings, *rows]),
        "html": f"<html><body><p>{title}</p><table>{lines}</table></body></html>".encode(),
        "json": json.dumps({"Message": title, "Data": records}).encode(),
        "ndjson": "".join(json.dumps(record) + "\n" for record in records).encode(),
        "parquet": parquet.getvalue(),
    }[name]


class Trial(Engine):
    """The engine over one source for each format: what becomes of files in its inbox."""

    def land(self, source: str, content: bytes | None = None, name: str = "file.dat") -> Delivery:
        """Fetch, filter and land what waits, and a file with such content; returns the latest delivery."""
        if content is not None:
            self.put(source, content, name=name)
        ingest.fetch_and_land(self.settings, self.catalogue, source, [MONTH])
        return deliveries.landed(self.settings, source, MONTH)[-1]

    def read(self, source: str, delivery: Delivery) -> tuple[int, list[tuple[object, ...]]]:
        """How many rows reading finds in a delivery, and those that it accepts."""
        connection = duckdb.connect(config={"temp_directory": str(self.settings.scratch)})
        placed = formats.recognise(delivery.content, self.catalogue.sources[source].source)
        return staged(connection, delivery.content, placed, CONTRACT).rows_in, accepted(connection, CONTRACT)

    def stored(self) -> str:
        """Every text under the warehouse, names of files included."""
        paths = [path for path in self.settings.warehouse.rglob("*") if path.is_file()]
        return "\n".join([*map(str, paths), *(readable(path.read_bytes()) for path in paths)])


@pytest.fixture
def trial(declared: Catalogue, warehouse: Settings) -> Trial:
    """One source for each format, and one whose layout ignores columns with personal data."""
    layouts = {name: layout(shape, PLACED) for name, shape in FORMATS.items()}
    layouts["with_note"] = layout(FORMATS["csv"], PLACED, ignored=["Ghi chú", "Người nộp"])
    sources = {name: DeclaredSource("statistics", name, source(one)) for name, one in layouts.items()}
    return Trial(warehouse, replace(declared, contracts={"statistics.trial": CONTRACT}, sources=sources))


@pytest.mark.parametrize("name", FORMATS)
def test_a_clean_delivery_is_stored_as_it_is(trial: Trial, name: str) -> None:
    content = written(name, TITLE, HEADINGS, CLEAN)
    path = trial.put(name, content)
    delivery = trial.land(name)
    assert (delivery.content.read_bytes(), path.read_bytes()) == (content, content)
    assert delivery.entry.stripped == {}
    day = date(2022, 5, 4)
    assert trial.read(name, delivery)[1][1] == ("A2", "Đất đai", day, 123456789012, "000.00.01.H53-220504-0002")


@pytest.mark.parametrize("name", FORMATS)
def test_personal_values_are_stored_nowhere(
    trial: Trial, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [list(row) for row in CLEAN]
    for number, secret in enumerate(SECRETS.values()):
        rows.append([f"B{number}", f"Xem {secret} nhé", "05/05/2022", "1", f"H53.01-220505-{number:04d}"])
        rows.append([f"C{number}", "Hộ tịch", secret, "2", f"H53.01-220506-{number:04d}"])
        rows.append([f"D{number}", "Hộ tịch", "", f"{secret} đ", f"H53.01-220507-{number:04d}"])
    title = f"Người lập biểu: Ông {SECRETS['name']}, {SECRETS['phone']}"
    with caplog.at_level(logging.DEBUG):
        delivery = trial.land(name, written(name, title, HEADINGS, rows))
        rows_in, kept = trial.read(name, delivery)
    everywhere = trial.stored() + caplog.text + "".join(capfd.readouterr())
    assert [secret for secret in SECRETS.values() if secret in everywhere] == []
    assert rows_in == len(rows)
    assert [(row[0], row[1], row[3]) for row in kept[:3]] == [
        ("A1", "Hộ tịch", 912345678), ("A2", "Đất đai", 123456789012), ("A3", "Chứng thực", 0),
    ]  # fmt: skip
    assert {"phone", "identity_number", "email", "name", "token", "link"} <= set(delivery.entry.stripped)


@pytest.mark.parametrize("name", FORMATS)
def test_a_forbidden_column_is_removed_and_the_rest_is_read(trial: Trial, name: str) -> None:
    headings = ["Họ và tên người nộp", *HEADINGS[:2], "soDienThoai", *HEADINGS[2:], "Địa chỉ"]
    rows = [[NAMES[at], *row[:2], "91234", *row[2:], "ấp Long Thới"] for at, row in enumerate(CLEAN)]
    delivery = trial.land(name, written(name, TITLE, headings, rows))
    everywhere = trial.stored()
    assert [text for text in [*NAMES, "91234\n", "Long Thới", *headings[:1]] if text in everywhere] == []
    assert [row[0] for row in trial.read(name, delivery)[1]] == ["A1", "A2", "A3"]
    assert {"name", "phone", "address"} <= set(delivery.entry.stripped)


def test_a_forbidden_column_that_the_layout_ignores_stays_empty(trial: Trial) -> None:
    headings = [*HEADINGS, "Ghi chú", "Người nộp"]
    rows = [[*row, "đã gọi điện", NAMES[at]] for at, row in enumerate(CLEAN)]
    path = trial.put("with_note", as_csv(TITLE, headings, rows))
    delivery = trial.land("with_note")
    assert delivery.entry.stripped == {"free_text": 3, "name": 3}
    assert path.read_text(encoding="utf-8").splitlines()[2] == "A1,Hộ tịch,03/05/2022,912345678,H53.01-220503-0001,,"
    assert trial.read("with_note", delivery)[0] == 3


@pytest.mark.parametrize("name", FORMATS)
def test_the_cleaned_file_replaces_the_one_in_the_inbox_and_needs_no_more_cleaning(
    trial: Trial, name: str, tmp_path: Path
) -> None:
    rows = [[row[0], f"gọi {SECRETS['phone']}", *row[2:], NAMES[at]] for at, row in enumerate(CLEAN)]
    dirty = written(name, SECRETS["email"], [*HEADINGS, "hoTen"], rows)
    path = trial.put(name, dirty)
    delivery = trial.land(name)
    assert path.read_bytes() == delivery.content.read_bytes() != dirty
    assert path.stat().st_mtime == ARRIVED_AT.timestamp()
    assert trial.land(name) == delivery
    assert trial.land(name, dirty) == delivery
    assert path.read_bytes() == delivery.content.read_bytes()
    assert len(deliveries.landed(trial.settings, name, MONTH)) == 1
    declared, contracts = trial.catalogue.sources[name].source, trial.catalogue.contracts
    again = privacy.apply(delivery.content, "content", tmp_path / "again", declared, contracts)
    assert again == privacy.Filtered("content", delivery.content)


def test_the_log_says_what_was_stripped_by_kind(trial: Trial, caplog: pytest.LogCaptureFixture) -> None:
    trial.land("csv", as_csv(TITLE, [*HEADINGS, "Email"], [[*CLEAN[0], "a@b.vn"]]), name="t5.csv")
    assert [record.getMessage() for record in caplog.records] == [
        "csv 2022-05 t5.csv: stripped 2 email before it was kept",
        "csv t5.csv: the file in the inbox was replaced by what was kept of it",
    ]


def test_a_file_name_loses_what_is_personal_in_it(trial: Trial) -> None:
    path = trial.put("csv", as_csv(TITLE, HEADINGS, CLEAN), name="Nguyễn Văn Bình_072085001234.csv")
    delivery = trial.land("csv")
    assert not path.exists()
    assert delivery.entry.stripped == {"identity_number": 1, "name": 1}
    assert "072085001234" not in trial.stored()
    assert len(list(path.parent.iterdir())) == 1
    assert trial.land("csv") == delivery


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7\x00\x01\x02\x03\x04\x05\x06\x07 072085001234", b"PK\x03\x04 072085001234", bytes(range(32)) * 9],
)
def test_what_cannot_be_searched_is_not_stored_and_is_refused(trial: Trial, content: bytes) -> None:
    path = trial.put("excel", content)
    delivery = trial.land("excel")
    assert (delivery.content.read_bytes(), path.read_bytes()) == (b"", content)
    tables = reading.sort(trial.catalogue.sources["excel"].source, [delivery])
    ((refused, problem),) = tables["statistics.trial"].refused
    assert refused == delivery
    assert "othing of it was kept" in problem


def test_a_delivery_that_is_not_recognised_loses_what_is_forbidden_too(trial: Trial) -> None:
    text = "Báo cáo\nTháng 5\n\nSTT;Họ tên;Số CCCD\n1;Trần Thị Hoa;x\n2;Lê Quốc Dũng;y\n"
    for name, encoding in {"csv": "utf-8", "ndjson": "utf-8", "json": "cp1258", "excel": "utf-16"}.items():
        content = unicodedata.normalize("NFD", text) if encoding == "cp1258" else text
        trial.land(name, content.encode(encoding, "ignore"))
    trial.land("ndjson", b'{"hoTen": "Le Quoc Dung", "x": \n' + json.dumps({"Mã": "A"}).encode())
    assert [name for name in ("Trần Thị Hoa", "Quốc", "Le Quoc Dung") if name in trial.stored()] == []


def test_a_workbook_keeps_no_author_no_comment_and_no_other_sheet(trial: Trial) -> None:
    sheets = {"Danh sách": [["Họ tên"], *([name] for name in NAMES)]}
    delivery = trial.land(
        "excel", workbook([["Báo cáo"], HEADINGS, *CLEAN], author=NAMES[0], comment=NAMES[1], **sheets)
    )
    assert [name for name in NAMES if name in trial.stored()] == []
    assert trial.read("excel", delivery)[0] == 3


def test_an_xls_is_kept_without_its_properties_and_reads_as_before(trial: Trial) -> None:
    arrived = Path(__file__).parent / "data" / "return_biff.xls"
    shape = Excel(kind="excel", preamble_rows=1, header_rows=2)
    delivery = trial.land("excel", arrived.read_bytes(), name="bieu.xls")
    assert delivery.entry.stripped == {"document_part": 1}
    before, after = excel.sheet(arrived, shape), excel.sheet(delivery.content, shape)
    assert [list(row[:4]) for row in after.rows] == [list(row[:4]) for row in before.rows[: len(after.rows)]]
    assert after.headings(shape) == before.headings(shape)


def test_a_delivery_that_is_cleaned_to_what_had_landed_before_stays_itself(trial: Trial) -> None:
    clean = trial.land("csv", as_csv(TITLE, HEADINGS, CLEAN))
    path = trial.put("csv", as_csv(TITLE, [*HEADINGS, "SĐT"], [[*row, "x"] for row in CLEAN]), day=9)
    assert inbox.new(trial.settings, "csv", MONTH) == (path,)
    cleaned = trial.land("csv")
    assert cleaned != clean
    assert cleaned.content.read_bytes() == clean.content.read_bytes() == path.read_bytes()
    assert inbox.new(trial.settings, "csv", MONTH) == ()
    assert trial.land("csv") == cleaned
    assert len(deliveries.landed(trial.settings, "csv", MONTH)) == 2


def test_error_messages_quote_no_cell(trial: Trial, caplog: pytest.LogCaptureFixture) -> None:
    secret = "Bí mật số một"  # noqa: S105 - a cell, not a password
    broken = {
        "csv": f'Báo cáo\n{",".join(HEADINGS)}\nA1,"{secret},x\nA2,{secret},,,,,,\n',
        "ndjson": f'{{"Mã": "{secret}", \n{{"{secret}"\n',
        "json": f'{{"Data": [{{"Mã": "{secret}"',
        "html": f"<table><tr><td>{secret}</td></tr></table>",
    }
    for name, content in broken.items():
        with pytest.raises(DeliveryRefusedError) as refusal:
            trial.read(name, trial.land(name, content.encode()))
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
    assert personal_data.strip(text) == (text, {})


NUMBERS_OF_PEOPLE = [text for text in SECRETS.values() if text.replace(" ", "").isdigit() and text.startswith("0")]


@pytest.mark.parametrize("style", ["plain", "vi", "comma"])
@given(text=st.sampled_from(NUMBERS_OF_PEOPLE) | st.from_regex("0[0-9]{9}|0[0-9]{11}", fullmatch=True))
def test_a_number_of_a_person_is_no_number_of_a_column_in_any_style(style: NumberStyle, text: str) -> None:
    column = one_column("integer", number=style)
    found: Counter[str] = Counter()
    assert column.cell(text, found) == ""
    assert found


@pytest.mark.parametrize(
    ("kind", "placed", "texts"),
    [
        ("integer", {"number": "vi"}, ["912.345.678", "912345678", "-1.234", "0", "0,5"]),
        ("number", {"number": "comma", "percent": True}, ["912345678,5", "0", "0,5 %"]),
        ("number", {}, ["123456789012", "-0.5", "1e9"]),
        ("integer", {"values": {"912345678": "a"}}, ["912345678"]),
        ("timestamp", {"date": "%s"}, ["1652345678"]),
        ("timestamp", {"date": "%Y%m%d%H%M"}, ["202205031020"]),
        ("date", {}, ["2022-05-03", "2022-05-03T00:00:00"]),
    ],
)
def test_what_is_as_declared_stays_whatever_it_looks_like(
    kind: str, placed: dict[str, Any], texts: list[str], found: Counter[str]
) -> None:
    column = one_column(kind, **placed)
    assert [column.cell(text, found) for text in texts] == texts
    assert all(column.is_as_declared(text) for text in texts)
    assert not found


def one_column(kind: str, **placed: object) -> ColumnFilter:
    """The filter of a column under the heading `Số`."""
    filters = column_filters(
        ["Số"], layout({"kind": "ndjson"}, {"value": {"header": "Số", **placed}}), contract(value=kind)
    )
    return filters[0]


CAPITALS = "AÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬBCDĐEÈÉẺẼẸÊỀẾỂỄỆGHIÌÍỈĨỊKLMNOÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢPQRSTUÙÚỦŨỤƯỪỨỬỮỰVXYỲÝỶỸỴ"
GIVEN_NAMES = st.builds(str.__add__, st.sampled_from(CAPITALS), st.text(CAPITALS.lower(), max_size=5))


@given(names=st.lists(GIVEN_NAMES, min_size=1, max_size=4))
@example(names=["Đức", "Ánh"])
@example(names=["Ơn"])
@example(names=["Ư", "Ẩn"])
def test_a_name_is_found_with_any_vietnamese_capital(names: list[str]) -> None:
    name = " ".join(["Trần", *names])
    assert personal_data.strip(name, may_be_name=True) == ("", {"name": 1})
    stripped, found = personal_data.strip(f"gặp ông {name}, ngày mai")
    assert (stripped, found) == (f"gặp {personal_data.MARK}, ngày mai", {"name": 1})


@pytest.mark.parametrize("text", ["Trần nhà", "Lê ăn", "Hồ đập", "Phạm ớt", "Lý lịch"])
def test_a_word_that_is_no_capital_makes_no_name(text: str) -> None:
    assert personal_data.strip(text, may_be_name=True) == (text, {})


@pytest.fixture
def found() -> Counter[str]:
    """What a filter counts, by kind."""
    return Counter()


@pytest.mark.parametrize("code", ["0312345678", "3900123456", "0100109106-001", "H53"])
def test_a_tax_code_stays_where_organisations_are_named(code: str, found: Counter[str]) -> None:
    members = dict.fromkeys(("clientMemberCode", "serviceMemberCode", "client_member_code"), code)
    document = {"records": [{**members, "provider": f"VN/COM/{code}/LGSP"}]}
    assert Cleaner(None, None).anything(document, found) == document
    assert not found


def test_the_same_number_elsewhere_and_others_of_people_there_go(found: Counter[str]) -> None:
    record = {"serviceCode": "3900123456", "clientMemberCode": "072085001234"}
    record |= {"serviceMemberCode": "3900123456 0912345678", "provider": "VN/COM/3900123456/072085001234"}
    kept = Cleaner(None, None).anything(record, found)
    assert [number for number in ("072085001234", "3900123456") if number in json.dumps(kept)] == []
    assert (found["social_insurance"], found["identity_number"]) == (3, 2)


def test_tax_codes_stay_in_columns_that_a_layout_names(found: Counter[str]) -> None:
    ignored = ["clientMemberCode", "provider"]
    placed = layout({"kind": "ndjson"}, {"operation": "serviceMemberCode"}, ignored=ignored)
    record = {"serviceMemberCode": "3900123456", "clientMemberCode": "0312345678", "provider": "VN/COM/0312345678"}
    assert Cleaner(placed, contract(operation="text")).record(record, found) == record
    assert not found


def test_a_query_string_goes_and_its_path_stays() -> None:
    stripped = personal_data.strip("/dvc/v1/hoso?soGiayTo=1&x=2")  # noqa: B005 - not that strip
    assert stripped == ("/dvc/v1/hoso", {"query_string": 1})

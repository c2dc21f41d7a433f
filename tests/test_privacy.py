"""The privacy filter: nothing personal is stored, and what is clean is stored byte for byte."""

from __future__ import annotations

import gzip
import io
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import MAY, SECRETS, accepted, contract, layout, readable, source, staged, workbook
from engine import Engine

from dx_pipeline import formats, privacy, reading, receiving
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.source import Excel
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

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
        receiving.fetch_and_land(self.settings, self.catalogue, source, [MONTH])
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


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Phùng_Thị_Ơn.csv", "stripped-01234567.csv"),
        ("baocao_LeQuocDung_052022.xlsx", "stripped-01234567.xlsx"),
        ("Báo cáo - Lê Quốc Dũng.csv", "Báo cáo-stripped-01234567.csv"),
        ("bieu.Nguyễn Văn Đạt", "stripped-01234567"),
        ("Bieu_II06a_UBND_huyen_Duong_Minh_Chau.xlsx", "Bieu_II06a_UBND_huyen_Duong_Minh_Chau.xlsx"),
        ("traffic_202201.json.gz", "traffic_202201.json.gz"),
        ("LyLichTuPhap_2022.xlsx", "LyLichTuPhap_2022.xlsx"),
    ],
)
def test_a_file_that_is_named_for_a_person_is_named_for_its_hash(name: str, kept: str) -> None:
    assert privacy.file_name(name, "0123456789abcdef")[0] == kept


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
    assert "othing of it was kept" in problem.en
    assert "Không lưu gì từ tệp này" in problem.vi


def test_a_delivery_that_is_not_recognised_loses_what_is_forbidden_too(trial: Trial) -> None:
    text = "Báo cáo\nTháng 5\n\nSTT;Họ tên;Số CCCD\n1;Trần Thị Hoa;x\n2;Lê Quốc Dũng;y\n"
    for name in ("csv", "ndjson", "json", "excel"):
        trial.land(name, text.encode())
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


def test_a_line_of_json_that_is_no_utf_8_is_quarantined_alone(trial: Trial) -> None:
    lines = written("ndjson", TITLE, HEADINGS, CLEAN).split(b"\n")
    content = b"\n".join([lines[0], lines[1].replace(b"A2", b"A\xff"), lines[2]])
    path = trial.put("ndjson", content)
    delivery = trial.land("ndjson")
    rows_in, kept = trial.read("ndjson", delivery)
    assert (rows_in, [row[0] for row in kept]) == (3, ["A1", "A3"])
    assert (path.read_bytes(), delivery.entry.stripped) == (content, {"not_utf8": 1})


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

"""Reading: files as agencies really deliver them, one by one."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import get_args

import duckdb
import pytest
import xlsxwriter
from deliveries import accepted, staged
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.declarations import shape
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout, NumberStyle
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import comparable

DATA = Path(__file__).parent / "data"
WORDS = {"vi": "cột", "en": "column"}
CONTRACT = Contract.model_validate(
    {
        "title": WORDS,
        "grain": WORDS,
        "columns": {
            "code": {"type": "text", **WORDS},
            "on_time_pct": {"type": "number", **WORDS},
            "received_on": {"type": "date", **WORDS},
        },
    }
)
COLUMNS: dict[str, dict[str, object]] = {
    "code": {"header": "Mã"},
    "on_time_pct": {"header": "Đúng hạn", "number": "comma", "percent": True},
    "received_on": {"header": "Ngày", "date": "%d/%m/%Y"},
}


def layout(shape: dict[str, object], columns: Mapping[str, object] = COLUMNS, **more: object) -> Layout:
    return Layout.model_validate({"table": "statistics.trial", "format": shape, "columns": columns, **more})


@pytest.fixture
def database(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"temp_directory": str(tmp_path / "spill")})


def read(
    database: duckdb.DuckDBPyConnection, path: Path, shape: Layout, contract: Contract = CONTRACT
) -> list[tuple[object, ...]]:
    """The accepted rows of a file, in the contract's columns."""
    staged(database, path, shape, contract)
    return accepted(database, contract)


def reasons(database: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    found = "SELECT delivery_line, reason_code, column_name FROM quarantined ORDER BY 1"
    return database.execute(found).fetchall()


def put(folder: Path, content: str | bytes, name: str = "delivery") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_an_xls_of_excel_97_is_read_with_its_empty_first_column_and_trailing_cells(
    database: duckdb.DuckDBPyConnection,
) -> None:
    columns = {
        **COLUMNS,
        "on_time_pct": {"header": "Tỷ lệ / Đúng hạn", "number": "comma", "percent": True},
        "received_on": {"header": "Tỷ lệ / Ngày", "date": "%d/%m/%Y"},
    }
    total = {"code": "total_line", "header": "Mã", "matches": "^Tổng"}
    shape = layout({"kind": "excel", "preamble_rows": 1, "header_rows": 2}, columns, filters=[total])
    assert read(database, DATA / "return_biff.xls", shape) == [("A1", 99.5, date(2022, 5, 3))]
    # .xls does not show that 0.5 is printed as 50%, so it is quarantined and not taken for half a percent
    assert reasons(database) == [(5, "ambiguous_number", "on_time_pct")]


def test_percent_cells_read_alike_whether_typed_or_text(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    page, percent = book.add_worksheet(), book.add_format({"num_format": "0.0%"})
    page.write_row(0, 0, ["Mã", "Đúng hạn", "Ngày"])
    for row, (code, cell, style) in enumerate(
        [("A", "99,5%", None), ("B", 0.995, percent), ("C", 99.5, None), ("D", "99,5", None), ("E", "", None)], 1
    ):
        page.write_string(row, 0, code)
        page.write(row, 1, cell, style)
    book.close()
    found = read(database, put(tmp_path, content.getvalue()), layout({"kind": "excel"}))
    assert [row[:2] for row in found] == [("A", 99.5), ("B", 99.5), ("C", 99.5), ("D", 99.5), ("E", None)]


def test_a_stray_cell_at_the_end_of_the_sheet_is_a_refusal_and_no_crash(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    page = book.add_worksheet()
    page.write_row(0, 0, ["Mã", "Đúng hạn", "Ngày"])
    page.write(1_048_575, 16_383, "x")
    book.close()
    with pytest.raises(DeliveryRefusedError, match="far away from its table"):
        read(database, put(tmp_path, content.getvalue()), layout({"kind": "excel"}))


HTML = """
<html><head><title>x</title></head><body><h3>Biểu</h3>
<table border=1><tr><td rowspan=2>Mã<td colspan="2">Kết quả</tr><tr><td>Đúng&nbsp;hạn<td>Ngày</td></tr>
<tr><td>A1</td><td>99,5%</td><td>03/05/2022</td></tr>
<tr><td rowspan=2>A2</td><td><b>50</b></td><td>&nbsp;</td></tr><tr><td>1</td><td></td></tr>
</table></body></html>
"""


def test_an_xls_that_is_an_html_table_is_read(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    columns = {
        **COLUMNS,
        "on_time_pct": {"header": "Kết quả / Đúng hạn", "number": "comma", "percent": True},
        "received_on": {"header": "Kết quả / Ngày", "date": "%d/%m/%Y"},
    }
    path = put(tmp_path, HTML, "bao_cao.xls")
    found = read(database, path, layout({"kind": "html", "header_rows": 2}, columns))
    assert found == [("A1", 99.5, date(2022, 5, 3)), ("A2", 50.0, None), (None, 1.0, None)]
    with pytest.raises(DeliveryRefusedError, match="kind: html"):
        read(database, path, layout({"kind": "excel", "header_rows": 2}, columns))


LEGACY = {
    "tcvn3": "M·,§óng h¹n,Ngµy\nHé tÞch ®iÖn tö,1,\n".encode("latin-1"),
    "vni": "Maõ,Ñuùng haïn,Ngaøy\nHoä tòch ñieän töû,1,\n".encode("latin-1"),
}


@pytest.mark.parametrize("letters", LEGACY)
def test_legacy_letters_are_refused_by_name_or_converted_where_declared(
    letters: legacy.Legacy, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    as_bytes = put(tmp_path, LEGACY[letters], "bytes")
    as_utf_8 = put(tmp_path, LEGACY[letters].decode("latin-1"), "utf-8")
    for path in (as_bytes, as_utf_8):
        with pytest.raises(DeliveryRefusedError, match=legacy.NAMES[letters].split()[0]):
            read(database, path, layout({"kind": "csv"}))
        found = read(database, path, layout({"kind": "csv", "encoding": letters}))
        assert [(str(row[0]).lower(), row[1]) for row in found] == [("hộ tịch điện tử", 1.0)]


@pytest.mark.parametrize("letters", LEGACY)
def test_legacy_letters_under_unicode_headings_are_refused_by_name(
    letters: legacy.Legacy, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cell = LEGACY[letters].decode("latin-1").splitlines()[1]
    with pytest.raises(DeliveryRefusedError, match=legacy.NAMES[letters].split()[0]):
        read(database, put(tmp_path, f"Mã,Đúng hạn,Ngày\n{cell}\n{cell}\n"), layout({"kind": "csv"}))


@pytest.mark.parametrize(("encoding", "codec"), [("utf-16", "utf-16"), ("windows-1258", "cp1258")])
def test_another_encoding_than_the_declared_one_is_named(
    encoding: str, codec: str, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = put(tmp_path, "Ma\u0303,Đu\u0301ng ha\u0323n,Nga\u0300y\nA,1,\n".encode(codec))
    with pytest.raises(DeliveryRefusedError, match=f"encoding: {encoding}"):
        read(database, path, layout({"kind": "csv"}))
    assert read(database, path, layout({"kind": "csv", "encoding": encoding})) == [("A", 1.0, None)]


PAGES = [{"Count": 2, "Data": [{"Mã": "A"}, {"Mã": "B"}]}, {"Count": 1, "Data": [{"Mã": "C"}]}]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_pages_of_json_are_one_delivery(
    compress: Callable[[bytes], bytes], database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    content = "\n".join(map(json.dumps, PAGES)).encode()
    path = put(tmp_path, compress(content))
    only_code = {"code": COLUMNS["code"]}
    shape = {"kind": "json", "records": "Data", "count": "Count", "pages": True}
    assert [row[0] for row in read(database, path, layout(shape, only_code))] == ["A", "B", "C"]
    with pytest.raises(DeliveryRefusedError, match="2 JSON documents"):
        read(database, path, layout({**shape, "pages": False}, only_code))


def test_a_delivery_is_read_compressed_or_not_and_must_be_whole(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    shape = layout({"kind": "csv", "compression": "gzip"})
    plain = read(database, put(tmp_path, "Mã,Đúng hạn,Ngày\nA,1,\n"), shape)
    assert plain == read(database, put(tmp_path, gzip.compress("Mã,Đúng hạn,Ngày\nA,1,\n".encode())), shape)
    with pytest.raises(DeliveryRefusedError, match="broken off"):
        read(database, put(tmp_path, gzip.compress("Mã,Đúng hạn,Ngày\nA,1,\n".encode() * 9)[:-9]), shape)


@pytest.mark.parametrize(
    ("style", "texts", "expected"),
    [
        ("%d/%m/%Y", ["03/05/2022", "3/5/2022", "2022-05-03", "31/02/2022"], ["ambiguous_date", "not_a_date"]),
        ("%m/%Y", ["05/2022", "03/05/2022"], ["ambiguous_date"]),
        ("%Y%m%d", ["20220503", "2022053", "03/05/2022"], ["not_a_date", "ambiguous_date"]),
        (None, ["2022-05-03", "2022-05-03T00:00:00", "05/03/2022", "mai"], ["ambiguous_date", "not_a_date"]),
    ],
)
def test_a_date_in_another_style_is_quarantined_as_ambiguous(
    style: str | None,
    texts: Sequence[str],
    expected: Sequence[str],
    database: duckdb.DuckDBPyConnection,
    tmp_path: Path,
) -> None:
    columns = {"received_on": {"header": "Ngày", **({"date": style} if style else {})}}
    path = put(tmp_path, "\n".join(["Ngày", *texts, ""]))
    accepted = read(database, path, layout({"kind": "csv"}, columns))
    assert len(accepted) == len(texts) - len(expected)
    assert [reason for _, reason, _ in reasons(database)] == list(expected)


@pytest.mark.parametrize(
    ("style", "texts", "expected"),
    [
        ("plain", ["1234.5", "007", "-1e3", "1.234.567", "1,5"], [1234.5, 7, -1000]),
        ("vi", ["1.234,5", "007", "1234", "0,25", "0.123", "01.234", "0.123,5", "1.23"], [1234.5, 7, 1234, 0.25]),
        ("comma", ["1234,5", "007", "-0,5", "1.234"], [1234.5, 7, -0.5]),
    ],
)
def test_a_number_in_another_style_is_quarantined_as_ambiguous(
    style: str, texts: list[str], expected: list[float], database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = {"on_time_pct": {"header": "Số", "number": style}}
    found = read(
        database, put(tmp_path, "\n".join(["Số", *texts, ""])), layout({"kind": "csv", "delimiter": ";"}, columns)
    )
    assert [row[1] for row in found] == expected
    assert [reason for _, reason, _ in reasons(database)] == ["ambiguous_number"] * (len(texts) - len(expected))


SHAPES: dict[str, str] = {
    **{
        f"{style} {zeros}": shape.number(style, leading_zeros=zeros)
        for style in get_args(NumberStyle)
        for zeros in (True, False)
    },
    **{
        style: shape.moment(style)
        for style in ("%d/%m/%Y %H:%M", "%Y%m%d", "%d.%m.%y", "%-d-%b-%Y %H:%M:%S.%f%z", "%s")
    },
    **{str(kind): pattern for kind, pattern in shape.ISO.items()},
}


@pytest.mark.parametrize("pattern", SHAPES.values(), ids=SHAPES)
@given(data=st.data())
def test_a_shape_means_the_same_to_duckdb_and_to_python(pattern: str, data: st.DataObject) -> None:
    matching = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    texts = data.draw(st.lists(matching | st.text("0123456789.,+-eETZ: /%٣", max_size=12), min_size=1))
    found = duckdb.execute("SELECT regexp_full_match(unnest($texts), $pattern)", {"texts": texts, "pattern": pattern})
    assert [is_match for (is_match,) in found.fetchall()] == [bool(re.fullmatch(pattern, text)) for text in texts]


def test_both_styles_of_tone_marks_are_one_word(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    columns = {"code": {"header": "Thị xã Hoà", "values": {"Đã khoá sổ, thuỷ lợi": "x"}}}
    path = put(tmp_path, 'Thị xã Hòa\n"Đã khóa sổ, thủy lợi"\n"Đã khoá sổ, thủy lợi"\n"Đã khoá sổ, thuỷ lợi"\n')
    assert [row[0] for row in read(database, path, layout({"kind": "csv"}, columns))] == ["x", "x", "x"]
    assert comparable("Hoà") == comparable("Ho\u0300a")

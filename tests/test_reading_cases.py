"""Reading: files as agencies really deliver them, one by one."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
import xlsxwriter
from deliveries import accepted, contract, layout, source, staged, workbook
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline import formats
from dx_pipeline.declarations import shape
from dx_pipeline.declarations.source import Layout, NumberStyle
from dx_pipeline.declarations.sql import content_hash
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import comparable

DATA = Path(__file__).parent / "data"
CONTRACT = contract(code="text", on_time_pct="number", received_on="date")
PERCENT = {"header": "Đúng hạn", "number": "comma", "percent": True}
DAY = {"header": "Ngày", "date": "%d/%m/%Y"}
COLUMNS = {"code": "Mã", "on_time_pct": PERCENT, "received_on": DAY}
CSV = layout({"kind": "csv"}, COLUMNS)


def under(heading: str) -> dict[str, Any]:
    """The same columns, all but the code under one merged heading."""
    return {"code": "Mã"} | {
        name: {**placed, "header": f"{heading} / {placed['header']}"}
        for name, placed in (("on_time_pct", PERCENT), ("received_on", DAY))
    }


@pytest.fixture
def database(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"temp_directory": str(tmp_path / "spill")})


Read = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def read(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    """Read a file, or such content, in a layout: the accepted rows, in the contract's columns."""

    def accepted_rows(content: Path | str | bytes, shape: Layout = CSV) -> list[tuple[object, ...]]:
        path = content if isinstance(content, Path) else tmp_path / "delivery"
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        staged(database, path, shape, CONTRACT)
        return accepted(database, CONTRACT)

    return accepted_rows


def reasons(database: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    found = "SELECT delivery_line, reason_code, column_name FROM quarantined ORDER BY 1"
    return database.execute(found).fetchall()


def test_an_xls_of_excel_97_is_read_with_its_empty_first_column_and_trailing_cells(
    database: duckdb.DuckDBPyConnection, read: Read
) -> None:
    total = {"code": "total_line", "header": "Mã", "matches": "^Tổng"}
    shape = layout({"kind": "excel", "preamble_rows": 1, "header_rows": 2}, under("Tỷ lệ"), filters=[total])
    assert read(DATA / "return_biff.xls", shape) == [("A1", 99.5, date(2022, 5, 3))]
    # .xls does not show that 0.5 is printed as 50%, so it is quarantined and not taken for half a percent
    assert reasons(database) == [(5, "ambiguous_number", "on_time_pct")]


def test_percent_cells_read_alike_whether_typed_or_text(read: Read, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        page, percent = book.add_worksheet(), book.add_format({"num_format": "0.0%"})
        page.write_row(0, 0, ["Mã", "Đúng hạn", "Ngày"])
        page.write_column(1, 0, "ABCDE")
        page.write_column(1, 1, ["99,5%", 0.995, 99.5, "99,5", ""])
        page.write(2, 1, 0.995, percent)
    found = read(tmp_path / "book.xlsx", layout({"kind": "excel"}, COLUMNS))
    assert [row[:2] for row in found] == [("A", 99.5), ("B", 99.5), ("C", 99.5), ("D", 99.5), ("E", None)]


def test_a_stray_cell_at_the_end_of_the_sheet_is_a_refusal_and_no_crash(read: Read, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["Mã", "Đúng hạn", "Ngày"])
        page.write(1_048_575, 16_383, "x")
    with pytest.raises(DeliveryRefusedError, match="far away from its table"):
        read(tmp_path / "book.xlsx", layout({"kind": "excel"}, COLUMNS))


MIXED_LINE_ENDS = "Mã,Đúng hạn,Ngày\r\nA1,99,03/05/2022\n{line}\r\n\nA3,x,03/05/2022\r\n"


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_file_with_two_kinds_of_line_ends_is_read_line_by_line(
    database: duckdb.DuckDBPyConnection, read: Read, *, is_compressed: bool
) -> None:
    content = MIXED_LINE_ENDS.format(line='"A2, ""hai""",50,').encode()
    found = read(gzip.compress(content) if is_compressed else content)
    assert found == [("A1", 99.0, date(2022, 5, 3)), ('A2, "hai"', 50.0, None)]
    assert reasons(database) == [(5, "not_a_number", "on_time_pct")]
    with pytest.raises(DeliveryRefusedError, match="line 3: a quotation mark is opened and not closed"):
        read(MIXED_LINE_ENDS.format(line='"A\n2",50,'))


HTML = """
<html><head><title>x</title></head><body><h3>Biểu</h3>
<table border=1><tr><td rowspan=2>Mã<td colspan="2">Kết quả</tr><tr><td>Đúng&nbsp;hạn<td>Ngày</td></tr>
<tr><td>A1</td><td>99,5%</td><td>03/05/2022</td></tr>
<tr><td rowspan=2>A2</td><td><b>50</b></td><td>&nbsp;</td></tr><tr><td>1</td><td></td></tr>
</table></body></html>
"""


def test_an_xls_that_is_an_html_table_is_read(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "bao_cao.xls"
    path.write_text(HTML, encoding="utf-8")
    found = read(path, layout({"kind": "html", "header_rows": 2}, under("Kết quả")))
    assert found == [("A1", 99.5, date(2022, 5, 3)), ("A2", 50.0, None), (None, 1.0, None)]
    with pytest.raises(DeliveryRefusedError, match="kind: html"):
        read(path, layout({"kind": "excel", "header_rows": 2}, under("Kết quả")))


LEGACY = {
    "tcvn3": "M·,§óng h¹n,Ngµy\nHé tÞch ®iÖn tö,1,\n".encode("latin-1"),
    "vni": "Maõ,Ñuùng haïn,Ngaøy\nHoä tòch ñieän töû,1,\n".encode("latin-1"),
}


@pytest.mark.parametrize("letters", LEGACY)
def test_legacy_letters_are_refused_by_name_or_converted_where_declared(letters: legacy.Legacy, read: Read) -> None:
    text = LEGACY[letters].decode("latin-1")
    _, cell = text.splitlines()
    for content in (LEGACY[letters], text, f"Mã,Đúng hạn,Ngày\n{cell}\n{cell}\n"):
        with pytest.raises(DeliveryRefusedError, match=legacy.NAMES[letters].split()[0]):
            read(content)
    for content in (LEGACY[letters], text):
        found = read(content, layout({"kind": "csv", "encoding": letters}, COLUMNS))
        assert [(str(row[0]).lower(), row[1]) for row in found] == [("hộ tịch điện tử", 1.0)]


@pytest.mark.parametrize("letters", LEGACY)
@pytest.mark.parametrize("others", [0, 1, 3])
def test_legacy_headings_are_recognised_whatever_the_number_of_layouts(
    letters: str, others: int, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(LEGACY[letters].decode("latin-1"), encoding="utf-8")
    layouts = (*(layout({"kind": "csv"}, {"code": f"x{number}"}) for number in range(others)), CSV)
    with duckdb.connect() as database, pytest.raises(DeliveryRefusedError, match=f"encoding: {letters}"):
        formats.load(database, tmp_path / "file", formats.recognise(tmp_path / "file", source(*layouts)), "raw")


@pytest.mark.parametrize("kind", ["csv", "excel", "html"])
def test_headings_on_another_line_are_found_in_every_format_with_titles(
    kind: str, tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    rows = [["Biểu"], [""], ["Mã", "Đúng hạn", "Ngày"], ["A", "1", ""]]
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    page = f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    content = {"csv": "\n".join(map(",".join, rows)).encode(), "excel": workbook(rows), "html": page.encode()}
    (tmp_path / "file").write_bytes(content[kind])
    declared = layout({"kind": kind}, COLUMNS)
    with pytest.raises(DeliveryRefusedError, match="its headings are on line 3, and the layout says line 1"):
        formats.load(database, tmp_path / "file", declared, "raw")
    more = source(layout({"kind": kind}, {"code": "x"}), declared)
    with pytest.raises(DeliveryRefusedError, match="its headings are on line 3, and the layout says line 1"):
        formats.recognise(tmp_path / "file", more)


@pytest.mark.parametrize(("encoding", "codec"), [("utf-16", "utf-16"), ("windows-1258", "cp1258")])
def test_another_encoding_than_the_declared_one_is_named(encoding: str, codec: str, read: Read) -> None:
    content = "Ma\u0303,Đu\u0301ng ha\u0323n,Nga\u0300y\nA,1,\n".encode(codec)
    with pytest.raises(DeliveryRefusedError, match=f"encoding: {encoding}"):
        read(content)
    assert read(content, layout({"kind": "csv", "encoding": encoding}, COLUMNS)) == [("A", 1.0, None)]


PAGES = [{"Count": 2, "Data": [{"Mã": "A"}, {"Mã": "B"}]}, {"Count": 1, "Data": [{"Mã": "C"}]}]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_pages_of_json_are_one_delivery(compress: Callable[[bytes], bytes], read: Read) -> None:
    content = compress("\n".join(map(json.dumps, PAGES)).encode())
    shape = {"kind": "json", "records": "Data", "count": "Count", "pages": True}
    assert [row[0] for row in read(content, layout(shape, {"code": "Mã"}))] == ["A", "B", "C"]
    with pytest.raises(DeliveryRefusedError, match="2 JSON documents"):
        read(content, layout({**shape, "pages": False}, {"code": "Mã"}))


def test_a_delivery_is_read_compressed_or_not_and_must_be_whole(read: Read) -> None:
    shape = layout({"kind": "csv", "compression": "gzip"}, COLUMNS)
    content = "Mã,Đúng hạn,Ngày\nA,1,\n".encode()
    assert read(content, shape) == read(gzip.compress(content), shape) == [("A", 1.0, None)]
    with pytest.raises(DeliveryRefusedError, match="broken off"):
        read(gzip.compress(content * 9)[:-9], shape)


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
    style: str | None, texts: list[str], expected: list[str], database: duckdb.DuckDBPyConnection, read: Read
) -> None:
    shape = layout({"kind": "csv"}, {"received_on": {"header": "Ngày", "date": style}})
    assert len(read("\n".join(["Ngày", *texts, ""]), shape)) == len(texts) - len(expected)
    assert [reason for _, reason, _ in reasons(database)] == expected


@pytest.mark.parametrize(
    ("style", "texts", "expected"),
    [
        ("plain", ["1234.5", "007", "-1e3", "1.234.567", "1,5"], [1234.5, 7, -1000]),
        ("vi", ["1.234,5", "007", "1234", "0,25", "0.123", "01.234", "0.123,5", "1.23"], [1234.5, 7, 1234, 0.25]),
        ("comma", ["1234,5", "007", "-0,5", "1.234"], [1234.5, 7, -0.5]),
    ],
)
def test_a_number_in_another_style_is_quarantined_as_ambiguous(
    style: str, texts: list[str], expected: list[float], database: duckdb.DuckDBPyConnection, read: Read
) -> None:
    shape = layout({"kind": "csv", "delimiter": ";"}, {"on_time_pct": {"header": "Số", "number": style}})
    assert [row[1] for row in read("\n".join(["Số", *texts, ""]), shape)] == expected
    assert [reason for _, reason, _ in reasons(database)] == ["ambiguous_number"] * (len(texts) - len(expected))


ROUND = {"plain": "12.000", "vi": "3,000", "comma": "-125,000"}


@pytest.mark.parametrize("style", ROUND)
@pytest.mark.parametrize(("kind", "most"), [("integer", 100), ("number", None)])
def test_round_thousands_of_the_other_style_are_ambiguous(
    style: str, kind: str, most: int | None, database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    known = contract(amount={"type": kind, "max": most})
    shape = layout({"kind": "csv", "delimiter": ";"}, {"amount": {"header": "Số", "number": style}})
    mark = "." if style == "plain" else ","
    (tmp_path / "file").write_text(f"Số\n{ROUND[style]}\n5{mark}0\n0{mark}000\n5{mark}0000\n", encoding="utf-8")
    staged(database, tmp_path / "file", shape, known)
    assert accepted(database, known) == [(5,), (0,), (5,)]
    assert reasons(database) == [(2, "ambiguous_number", "amount")]


def test_a_percentage_is_never_a_thousand(database: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    known = contract(share_pct={"type": "number", "max": 100})
    (tmp_path / "file").write_text("Số\n100.000\n", encoding="utf-8")
    staged(database, tmp_path / "file", layout({"kind": "csv"}, {"share_pct": "Số"}), known)
    assert accepted(database, known) == [(100,)]


def test_a_number_beyond_what_its_column_can_have_is_refused(
    database: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    known = contract(fee_vnd="number", dossier_count="integer", share="number")
    texts = ("99999999999999999999999,1,1", "1e999,1,1", "1,2000000000,1", "1,99999999999999999999,1", "1,1,-1e999")
    (tmp_path / "file").write_text("\n".join(["a,b,c", "1e15,1000000000,-5", *texts, ""]), encoding="utf-8")
    shape = layout({"kind": "csv"}, {"fee_vnd": "a", "dossier_count": "b", "share": "c"})
    staged(database, tmp_path / "file", shape, known)
    assert accepted(database, known) == [(1e15, 10**9, -5)]
    columns = ["fee_vnd", "fee_vnd", "dossier_count", "dossier_count", "share"]
    assert reasons(database) == [(line, "too_large", name) for line, name in enumerate(columns, 3)]


NUMBERS = [(style, zeros) for style in get_args(NumberStyle) for zeros in (True, False)]
MOMENTS = ("%d/%m/%Y %H:%M", "%Y%m%d", "%d.%m.%y", "%-d-%b-%Y %H:%M:%S.%f%z", "%s")
SHAPES: dict[str, str] = {
    **{f"{style} {zeros}": shape.number(style, leading_zeros=zeros) for style, zeros in NUMBERS},
    **{style: shape.moment(style) for style in MOMENTS},
    **{str(kind): pattern for kind, pattern in shape.ISO.items()},
}


@pytest.mark.parametrize("pattern", SHAPES.values(), ids=SHAPES)
@given(data=st.data())
def test_a_shape_means_the_same_to_duckdb_and_to_python(pattern: str, data: st.DataObject) -> None:
    matching = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii"))
    texts = data.draw(st.lists(matching | st.text("0123456789.,+-eETZ: /%٣", max_size=12), min_size=1))
    found = duckdb.execute("SELECT regexp_full_match(unnest($texts), $pattern)", {"texts": texts, "pattern": pattern})
    assert [is_match for (is_match,) in found.fetchall()] == [bool(re.fullmatch(pattern, text)) for text in texts]


def test_both_styles_of_tone_marks_are_one_word(read: Read) -> None:
    shape = layout({"kind": "csv"}, {"code": {"header": "Thị xã Hoà", "values": {"Đã khoá sổ, thuỷ lợi": "x"}}})
    content = 'Thị xã Hòa\n"Đã khóa sổ, thủy lợi"\n"Đã khoá sổ, thủy lợi"\n"Đã khoá sổ, thuỷ lợi"\n'
    assert [row[0] for row in read(content, shape)] == ["x", "x", "x"]
    assert comparable("Hoà") == comparable("Ho\u0300a")


def test_rows_with_different_texts_have_different_hashes_where_the_hash_of_duckdb_is_one() -> None:
    """DuckDB's hash is why keys and contents are not compared by it alone."""
    one, other = "H53.26.04-220620-0100050", "H53.26.04-220629-0100057"
    hashed = (
        f"SELECT hash(code), {content_hash(contract(code='text').columns)} FROM (VALUES ($one), ($other)) AS row(code)"
    )
    (weak_one, strong_one), (weak_other, strong_other) = duckdb.execute(hashed, {"one": one, "other": other}).fetchall()
    assert (weak_one == weak_other, strong_one == strong_other) == (True, False)

"""Personal data is looked for in every part of a document, not only in its rows."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from deliveries import layout, readable, source
from test_privacy import CLEAN, CONTRACT, FORMATS, HEADINGS, PLACED, TITLE, as_csv, written

from dx_pipeline import privacy
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel
from dx_pipeline.privacy import Filtered, conservation
from dx_pipeline.sample import xroad_server

NAME, NUMBER, MAIL = "Phùng Quang Đạt", "072085001234", "dat.phung@gmail.com"
ROWS = [[TITLE], HEADINGS, *CLEAN]


def filtered(folder: Path, kind: str, content: bytes) -> Filtered:
    """What the filter makes of a file in one of the formats."""
    arrived = folder / "arrived"
    arrived.write_bytes(content)
    shape = FORMATS.get(kind, {"kind": kind})
    declared = source(layout(shape, PLACED if kind in FORMATS else {"code": "serviceCode"}))
    return privacy.apply(arrived, "file.dat", folder / "kept", declared, {"statistics.trial": CONTRACT})


def book(sheet: str = "Sheet1", custom: str = "", code_name: str = "", **properties: str) -> bytes:
    """A workbook with clean rows."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as made:
        made.set_properties(properties)
        if custom:
            made.set_custom_property("Checked by", custom)
        if code_name:
            made.set_vba_name(code_name)
        page = made.add_worksheet(sheet)
        for number, row in enumerate(ROWS):
            page.write_row(number, 0, row)
    return content.getvalue()


def edited(content: bytes, edits: dict[str, tuple[str, str]], comment: str = "", member: str = "") -> bytes:
    """A workbook with texts replaced in its parts; a part that it lacks is added. Comments are those of the ZIP."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as arrived, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for info in arrived.infolist():
            old, new = edits.pop(info.filename, ("", ""))
            info.comment = member.encode()
            target.writestr(info, arrived.read(info).decode().replace(old, new, 1) if old else arrived.read(info))
        for name, (_, text) in edits.items():
            target.writestr(name, text)
        target.comment = comment.encode()
    return made.getvalue()


PATH_WITH_NAME = r'<x15ac:absPath xmlns:x15ac="http://x" url="C:\Users\PhungQuangDat\Desktop\"/>'
PARTS: dict[str, Callable[[str], bytes]] = {
    "sheet name": lambda text: book(sheet=text),
    **{name: lambda text, name=name: book(**{name: text})  # type: ignore[misc]
       for name in ("title", "subject", "author", "manager", "company", "category", "keywords", "comments", "status")},
    "custom property": lambda text: book(custom=text),
    "file sharing": lambda text: edited(
        book(), {"xl/workbook.xml": ("<workbookPr", f'<fileSharing userName="{text}"/><workbookPr')}
    ),
    "custom XML": lambda text: edited(book(), {"customXml/item1.xml": ("", f"<x>{text}</x>")}),
    "style": lambda text: edited(book(), {"xl/styles.xml": ('name="Normal"', f'name="{text}"')}),
    "code name": lambda text: edited(
        book(), {"xl/worksheets/sheet1.xml": ("<dimension", f'<sheetPr codeName="{text}"/><dimension')}
    ),
    "XML comment": lambda text: edited(book(), {"xl/workbook.xml": ("<workbookPr", f"<!-- {text} --><workbookPr")}),
    "comment of the archive": lambda text: edited(book(), {}, comment=text),
    "comment of a member": lambda text: edited(book(), {}, member=text),
    "theme": lambda text: edited(book(), {"xl/theme/theme1.xml": ('name="Office Theme"', f'name="{text}"')}),
}  # fmt: skip


@pytest.mark.parametrize("text", [NAME, NUMBER])
@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_a_workbook_is_kept_with_anything_personal(part: str, text: str, tmp_path: Path) -> None:
    content = PARTS[part](text)
    assert text in readable(content)
    result = filtered(tmp_path, "excel", content)
    assert result.content is not None
    assert text not in readable(result.content.read_bytes())
    shape = layout(FORMATS["excel"], PLACED).format
    assert excel.sheet(result.content, shape).rows[1:] == [HEADINGS, *CLEAN]  # type: ignore[arg-type]


def test_a_clean_workbook_with_properties_stays_as_it_is(tmp_path: Path) -> None:
    content = book(sheet="Biểu 06a", title="Báo cáo", company="UBND huyện Dương Minh Châu", category="Hộ tịch")
    assert filtered(tmp_path, "excel", content).stripped == {}


def test_the_folder_of_whoever_saved_a_workbook_is_not_kept(tmp_path: Path) -> None:
    content = edited(book(), {"xl/workbook.xml": ("<workbookPr", f"{PATH_WITH_NAME}<workbookPr")})
    assert "PhungQuangDat" not in readable(filtered(tmp_path, "excel", content).content.read_bytes())  # type: ignore[union-attr]


def parquet(metadata: dict[str, str], columns: dict[str, list[Any]] | None = None) -> bytes:
    """A Parquet file with metadata; those of a column under the name `column`."""
    of_column = metadata.pop("column", "")
    records = [dict(zip(HEADINGS, row, strict=True)) for row in CLEAN]
    table = pa.Table.from_pylist(records)
    for name, values in (columns or {}).items():
        table = table.append_column(name, pa.array(values))
    if of_column:
        table = table.cast(pa.schema([table.schema.field(0).with_metadata({"by": of_column}), *list(table.schema)[1:]]))
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata or None), content)
    return content.getvalue()


@pytest.mark.parametrize("text", [NAME, NUMBER])
@pytest.mark.parametrize("part", ["of the file", "key", "of a column", "of pandas", "name of a column"])
def test_no_part_of_a_parquet_file_is_kept_with_anything_personal(part: str, text: str, tmp_path: Path) -> None:
    content = {
        "of the file": lambda: parquet({"author": text}),
        "key": lambda: parquet({text: "x"}),
        "of a column": lambda: parquet({"column": text}),
        "of pandas": lambda: parquet({"pandas": json.dumps({"creator": {"who": text}}, ensure_ascii=False)}),
        "name of a column": lambda: parquet({}, {text: [1, 2, 3]}),
    }[part]()
    result = filtered(tmp_path, "parquet", content)
    assert result.content is not None
    kept = pq.read_table(result.content)
    assert text not in readable(result.content.read_bytes())
    assert [list(row.values())[:5] for row in kept.to_pylist()] == CLEAN


def with_header(content: bytes, name: str = "", comment: str = "") -> bytes:
    """A gzip file with the name or comment of its member (RFC 1952)."""
    packed = gzip.compress(content, mtime=0)
    flags = (8 if name else 0) | (16 if comment else 0)
    texts = b"".join(text.encode() + b"\x00" for text in (name, comment) if text)
    return packed[:3] + bytes([flags]) + packed[4:10] + texts + packed[10:]


@pytest.mark.parametrize("text", [f"{NAME}.csv", "PhungQuangDat.csv", f"{NUMBER}.csv", MAIL])
def test_no_name_or_comment_in_a_gzip_file_is_kept_with_anything_personal(text: str, tmp_path: Path) -> None:
    rows = as_csv(TITLE, HEADINGS, CLEAN)
    half = rows.index(b"A2")
    second = with_header(rows[:half]) + with_header(rows[half:], name=text)
    for content in (with_header(rows, name=text), with_header(rows, comment=text), second):
        result = filtered(tmp_path, "csv_gzip", content)
        assert result.content is not None
        assert text.encode() not in result.content.read_bytes()
        assert gzip.decompress(result.content.read_bytes()) == rows


def test_a_gzip_file_with_an_innocent_name_stays_as_it_is(tmp_path: Path) -> None:
    content = with_header(as_csv(TITLE, HEADINGS, CLEAN), name="dossier_202205.csv", comment="UBND huyện Châu Thành")
    assert filtered(tmp_path, "csv_gzip", content).stripped == {}


def test_nothing_around_the_records_of_an_answer_is_kept_with_anything_personal(tmp_path: Path) -> None:
    records = json.dumps({"records": [{"monitoringDataTs": 1652345678, "serviceCode": "get"}]}).encode()
    plain = xroad_server.answer(gzip.compress(records, mtime=0), 1)
    assert filtered(tmp_path, "xroad", plain).stripped == {}
    for content in (
        xroad_server.answer(with_header(records, name=f"{NUMBER}.json"), 1),
        plain.replace(b"<SOAP-ENV:Body>", f"<SOAP-ENV:Body><id>{NUMBER}</id>".encode()),
        plain.replace(
            b"content-type:application/gzip", f"content-id:<{MAIL}>\r\ncontent-type:application/gzip".encode()
        ),
    ):
        result = filtered(tmp_path, "xroad", content)
        assert result.content is not None
        assert [text for text in (NUMBER, MAIL) if text in readable(result.content.read_bytes())] == []


@pytest.mark.parametrize("number", [72085001234, 72085001234.0, 912345678, 290123456])
@pytest.mark.parametrize("kind", ["excel", "json", "parquet"])
def test_a_number_of_a_person_that_is_typed_as_a_number_is_taken_out(kind: str, number: float, tmp_path: Path) -> None:
    rows: list[list[Any]] = [[row[0], number if at == 1 else 5, *row[2:]] for at, row in enumerate(CLEAN)]
    records = [dict(zip(HEADINGS, row, strict=True)) for row in rows]
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), content)
    made = {"json": json.dumps({"Data": records}).encode(), "parquet": content.getvalue()}
    if kind == "excel":
        book_content = io.BytesIO()
        with xlsxwriter.Workbook(book_content, {"in_memory": True}) as opened:
            page = opened.add_worksheet()
            for at, row in enumerate([[TITLE], HEADINGS, *rows]):
                page.write_row(at, 0, row)
        made[kind] = book_content.getvalue()
    result = filtered(tmp_path, kind, made[kind])
    assert result.stripped.keys() - {"document_part"} == {"identity_number"}


@pytest.mark.parametrize("name", FORMATS)
def test_the_filter_takes_out_no_row(name: str, tmp_path: Path) -> None:
    rows = [*CLEAN, ["", NAME, "", "", ""], [NAME, "", "", "", ""]]
    result = filtered(tmp_path, name, written(name, NAME, HEADINGS, rows))
    assert result.content is not None
    shape = layout(FORMATS[name], PLACED)
    before = conservation.rows(tmp_path / "arrived", shape.format.kind, shape)
    assert conservation.rows(result.content, shape.format.kind, shape) == before
    assert NAME not in readable(result.content.read_bytes())


def test_a_copy_that_lacks_a_row_is_refused(tmp_path: Path) -> None:
    arrived, kept = tmp_path / "arrived", tmp_path / "kept"
    for kind in FORMATS:
        shape = layout(FORMATS[kind], PLACED)
        arrived.write_bytes(written(kind, TITLE, HEADINGS, CLEAN))
        kept.write_bytes(written(kind, TITLE, HEADINGS, CLEAN[:2]))
        with pytest.raises(DeliveryRefusedError, match=r"would leave \d of its \d rows"):
            conservation.check(arrived, kept, shape.format.kind, shape)

"""Nothing is kept of the bytes between the parts of a document, which no reader shows."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_privacy import CLEAN, FORMATS, HEADINGS
from test_privacy_parts import book, edited, filtered, parquet

from dx_pipeline.declarations.source import Excel
from dx_pipeline.formats import excel

NUMBER = "072203100041"
SECRET = NUMBER.encode()


def repacked(extra: bytes = b"", *, is_growth_hint: bool = False, after_data: bytes = b"") -> bytes:
    """A workbook whose first part has an extra field, or bytes after its packed content."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book())) as arrived, zipfile.ZipFile(made, "w") as target:
        for number, name in enumerate(arrived.namelist()):
            info = zipfile.ZipInfo(name)
            if number == 0 and is_growth_hint:
                info.extra = struct.pack("<HHHH", 0xA220, 4 + len(extra), 0xA028, len(extra)) + extra
            elif number == 0 and extra:
                info.extra = struct.pack("<HH", 0x7777, len(extra)) + extra
            target.writestr(info, arrived.read(name))
    return with_longer_part(made.getvalue(), after_data) if after_data else made.getvalue()


def with_longer_part(content: bytes, after: bytes) -> bytes:
    """A ZIP with one part: packed, and followed by bytes that its size includes."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as arrived, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in arrived.namelist():
            target.writestr(name, arrived.read(name))
    whole = bytearray(made.getvalue())
    start = whole.rfind(b"PK\x05\x06")
    directory = struct.unpack("<I", whole[start + 16 : start + 20])[0]
    last = whole.rfind(b"PK\x01\x02")
    offset = struct.unpack("<I", whole[last + 42 : last + 46])[0]
    size = struct.unpack("<I", whole[last + 20 : last + 24])[0] + len(after)
    whole[last + 20 : last + 24] = whole[offset + 18 : offset + 22] = struct.pack("<I", size)
    whole[start + 16 : start + 20] = struct.pack("<I", directory + len(after))
    return bytes(whole[:directory]) + after + bytes(whole[directory:])


def with_gap(content: bytes, *, is_before_directory: bool) -> bytes:
    """A workbook with bytes before its central directory, or after it."""
    end = content.rfind(b"PK\x05\x06")
    start = struct.unpack("<I", content[end + 16 : end + 20])[0]
    if not is_before_directory:
        return content[:end] + SECRET + content[end:]
    return (
        content[:start]
        + SECRET
        + content[start : end + 16]
        + struct.pack("<I", start + len(SECRET))
        + content[end + 20 :]
    )


ROW = f'<row r="9"><c r="A9" t="inlineStr"><is><t>{NUMBER}</t></is></c></row>'
WORKBOOKS: dict[str, Callable[[], bytes]] = {
    "extra field": lambda: repacked(SECRET),
    "growth hint": lambda: repacked(SECRET, is_growth_hint=True),
    "after packed content": lambda: repacked(after_data=SECRET),
    "before the directory": lambda: with_gap(book(), is_before_directory=True),
    "after all": lambda: edited(book(), {}, comment=NUMBER),
    "sheet that is no sheet": lambda: edited(
        book(), {"xl/worksheets/sheet9.xml": ("", f"<worksheet><sheetData>{ROW}</sheetData></worksheet>")}
    ),
    "comment between rows": lambda: edited(
        book(), {"xl/worksheets/sheet1.xml": ("</sheetData>", f"<!-- {NUMBER} --></sheetData>")}
    ),
    "comment between texts": lambda: edited(book(), {"xl/sharedStrings.xml": ("</sst>", f"<!-- {NUMBER} --></sst>")}),
}


@pytest.mark.parametrize("place", WORKBOOKS)
def test_nothing_between_the_parts_of_a_workbook_is_kept(place: str, tmp_path: Path) -> None:
    content = WORKBOOKS[place]()
    result = filtered(tmp_path, "excel", content)
    assert result.content is not None, result.withheld
    kept = result.content.read_bytes()
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        assert [name for name in archive.namelist() if SECRET in archive.read(name)] == []
    assert SECRET not in kept
    assert result.stripped["document_part"] > 0
    assert excel.sheet(result.content, excel_layout()).rows[1:] == [HEADINGS, *CLEAN]


@pytest.mark.parametrize("content", [with_gap(book(), is_before_directory=False), SECRET + book()])
def test_a_workbook_with_bytes_where_none_can_be_is_withheld(content: bytes, tmp_path: Path) -> None:
    assert filtered(tmp_path, "excel", content).content is None


def excel_layout() -> Excel:
    """The format in which the workbooks are read."""
    return Excel.model_validate(FORMATS["excel"])


@pytest.mark.parametrize("hint", [b"", b"\x00" * 200])
def test_a_workbook_with_zeros_for_growth_stays_as_it_is(hint: bytes, tmp_path: Path) -> None:
    assert filtered(tmp_path, "excel", repacked(hint, is_growth_hint=bool(hint))).stripped == {}


@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "XL/workbook.xml"])
def test_a_workbook_that_has_a_part_twice_is_refused(name: str, tmp_path: Path) -> None:
    made = io.BytesIO(book())
    with zipfile.ZipFile(made) as archive:
        first = archive.read(name.replace("XL", "xl"))
    with zipfile.ZipFile(made, "a") as archive, warnings.catch_warnings(action="ignore"):
        archive.writestr(name, first)
    result = filtered(tmp_path, "excel", made.getvalue())
    assert result.content is None
    assert result.withheld is not None
    assert "has a part twice" in result.withheld.en


def test_nothing_between_the_columns_and_the_footer_of_a_parquet_file_is_kept(tmp_path: Path) -> None:
    content = parquet({})
    length = struct.unpack("<I", content[-8:-4])[0]
    result = filtered(tmp_path, "parquet", content[: -8 - length] + SECRET + content[-8 - length :])
    assert result.content is not None
    assert SECRET not in result.content.read_bytes()
    assert result.stripped == {"document_part": 1}
    assert pq.read_table(result.content).num_rows == len(CLEAN)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_parquet_file_without_gaps_stays_as_it_is(rows: int, compression: str, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([dict(zip(HEADINGS, row, strict=True)) for row in CLEAN])
    content = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), content, row_group_size=rows, compression=compression)
    assert filtered(tmp_path, "parquet", content.getvalue()).stripped == {}

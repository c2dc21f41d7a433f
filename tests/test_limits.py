"""Limits: what is too large is refused while it is unpacked, and says what it is."""

from __future__ import annotations

import gzip
import io
import resource
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import GROUPS, MAY, enterprises, groups, workbook
from engine import Engine, counts

from dx_pipeline import formats
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits
from dx_pipeline.period import Month
from dx_pipeline.tables.partition import Key

GROUP_KEY = Key("programme.community_group", "community_group", Month.parse(MAY))
MIB = 1024 * 1024
LINE = b"TCN-25456-09,25456,15/02/2022,,7\n"


def packed(megabytes: int) -> bytes:
    """Gzip of so many megabytes of lines that are all the same."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), LINE * (MIB // len(LINE))
    pieces = [packer.compress(groups()), *(packer.compress(piece) for _ in range(megabytes)), packer.flush()]
    return b"".join(pieces)


def sheets(rows: str, text: str = "a", number: int = 1) -> bytes:
    """A workbook whose sheets have such rows, and one text that cells share."""
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["a"]]))) as book,
        zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as changed,
    ):
        for part in book.namelist():
            content = book.read(part)
            if "/sheet" in part:
                content = f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{rows}</sheetData></worksheet>'.encode()
            elif part.endswith("sharedStrings.xml"):
                content = f'<sst xmlns="{SPREADSHEET}"><si><t>{text}</t></si></sst>'.encode()
            changed.writestr(part, content)
        for more in range(1, number):
            changed.writestr(f"xl/worksheets/more{more}.xml", "")
    return whole.getvalue()


SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def row(number: int, cells: int) -> str:
    return f'<row r="{number}">' + f'<c r="A{number}" t="s"><v>0</v></c>' * cells + "</row>"


def parquet(**columns: pa.Array) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


TOO_LARGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip": (lambda: packed(40), "more than 100 times as large unpacked"),
    "a gzip in pieces": (lambda: packed(8) * 5, "more than 100 times as large unpacked"),
    "a workbook": (lambda: sheets(" " * 33 * MIB), "more than 100 times as large unpacked"),
    "shared texts": (lambda: sheets(row(1, 10_000), "x" * 32_000), "256 MiB of text"),
    "sheets": (lambda: sheets("", number=101), "it has 101 sheets"),
    "a far row": (
        lambda: sheets('<row r="1"><c r="ZZ1"/></row><row r="1048576"><c/></row>'),
        "far away from its table",
    ),
    "a far cell between tabs": (
        lambda: sheets("<row r=\"1\"><c\tr=\"ZZ1\"/></row><x:row\nr='1048576'><x:c\tr='A1048576'/></x:row>"),
        "far away from",
    ),
    "cells without a place": (
        lambda: sheets(f'<row>{"<c/>" * 20_000}</row><row r="1000000"><c><v>1</v></c></row>'),
        "far away from its table",
    ),
    "rows of Parquet": (lambda: parquet(**{f"c{n}": pa.nulls(11_000_000) for n in range(10)}), "11,000,000 rows"),
    "texts of Parquet": (
        lambda: parquet(a=pa.array(["x" * MIB]).dictionary_encode().take(pa.array([0] * 5_000, pa.int32()))),
        "4,096 MiB unpacked",
    ),
    "a line": (lambda: groups(*GROUPS, "x" * 3 * MIB), "line 6: it is longer than 2 MiB"),
    "a line of JSON": (lambda: b'{"a":1}\n{"a":"' + b"x" * 65 * MIB + b'"}', "line 2: it is longer than 64 MiB"),
    "lines that end in CR": (lambda: LINE.replace(b"\n", b"\r") * 100_000, "line 1: it is longer than 2 MiB"),
}


@pytest.mark.parametrize(("make", "problem"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_is_refused_at_little_cost(tmp_path: Path, make: Callable[[], bytes], problem: str) -> None:
    path = tmp_path / "delivery"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DeliveryRefusedError, match=problem):
        formats.check(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_what_is_large_for_a_reason_is_not_refused(tmp_path: Path) -> None:
    for number, content in enumerate(
        (packed(20), sheets("".join(row(each, 26) for each in range(1, 2_000))), groups(*GROUPS, "x" * (2 * MIB - 9)))
    ):
        (tmp_path / str(number)).write_bytes(content)
        formats.check(tmp_path / str(number))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANY_EXPANSION_BYTES", 100_000)
    monkeypatch.setattr(limits, "LONGEST_VALUE_BYTES", 10_000)


def deep(levels: int) -> bytes:
    return enterprises().replace(b"[]", b"[" * levels + b"]" * levels)


REFUSED = [
    ("community_group", gzip.compress(groups(*GROUPS) + LINE * 10_000), "more than 100 times as large unpacked"),
    ("digital_enterprise", gzip.compress(enterprises())[:-9], "the compressed file is damaged or broken off"),
    ("community_group", groups(*GROUPS, "x" * 3 * MIB), "line 6: it is longer than"),
    ("digital_enterprise", enterprises(("x" * 10_001, "1", "active", 1, 1)), "one of its values is longer than"),
    ("digital_enterprise", deep(900), "nested more than 100 levels deep"),
    ("digital_enterprise", deep(100_000), "it is nested more than 100 levels deep"),
    ("digital_enterprise", b'{"Data": [NaN]}', "it has NaN, which is no value of JSON"),
    ("digital_enterprise", b'{"Data": [' + b"9" * 5000 + b"]}", "it has a number of thousands of digits"),
    ("community_group", b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "it is a web page"),
    ("community_group", groups().replace(b"ma_to,", b"ma_to," + b"x," * 3_000), "is unknown"),
]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("source", "content", "problem"), REFUSED, ids=[problem for *_, problem in REFUSED])
def test_a_refusal_says_what_is_too_large_or_not_whole(
    engine: Engine, source: str, content: bytes, problem: str
) -> None:
    assert problem in str(engine.deliver(source, content).problem)


def test_nul_and_marks_within_a_file_are_in_quarantine(engine: Engine) -> None:
    bad = ("TCN-25456-09,25456,15/02/2022,,\x007", "\ufeffTCN-25456-10,25456,15/02/2022,,7")
    run = engine.deliver("community_group", groups(*GROUPS, *bad))
    assert counts(run) == [(5, 3, 0, 0, 2)]


def test_lines_of_many_fields_are_in_quarantine(engine: Engine) -> None:
    wide = ",".join(["1"] * 500)
    quoted = '"TCN-25456-09",25456,15/02/2022,"' + "," * 500 + '",7'
    run = engine.deliver("community_group", groups(GROUPS[0], *[wide] * 2_000, quoted, *GROUPS[1:]))
    assert counts(run) == [(2_004, 3, 0, 0, 2_001)]
    assert engine.reasons(GROUP_KEY)[0] == (4, "too_many_fields", None)
    assert engine.reasons(GROUP_KEY)[2_000][::2] == (2_004, "dissolved_on")  # a mark between quotes is no delimiter

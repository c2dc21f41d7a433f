"""The scan gives what reading line by line gives: the same rows in the same bytes, the same lines in quarantine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deliveries import DOSSIER_HEADINGS, DOSSIERS, MAY, put
from hypothesis import given
from hypothesis import strategies as st
from projects import Fresh

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.formats import physical_line
from dx_pipeline.ingest import ingest
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.reading import scan
from dx_pipeline.settings import Settings
from dx_pipeline.storage.keys import Keys
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

KEY = Key("statistics.dossier", "dossier", Month.parse(MAY))
ALWAYS, NEVER = 0, 1 << 60
SMALL_BLOCK = 1024
"""So few bytes are ten lines: an extract is several blocks."""

CELLS = {
    "code": ["H53.07-220502-{:04}", "H53.20-220504-{:04}", "h53-1", "", " H53.07-220502-{:04}", "072085001234"],
    "procedure": ["2.000488", "", "Nguyễn Văn An", "nguyen.van.a@gmail.com", "ghi chú", "0912 345 678"],
    "agency": ["H53.07", "H53.20", "H53.99", "", "Sở Nội vụ"],
    "channel": ["Trực tuyến", "Trực tiếp", "", "Trực  tuyến", "trực tuyến", "Trực tuyến", "online"],
    "day": ["02/05/2022", "3/5/2022", "", "31/02/2022", "2022-05-04", "01/06/2022", "02/05/0022", "05/2022"],
    "due": ["16/05/2022", "", "1985-03-02"],
    "end": ["12/05/2022", "", "x"],
    "status": ["Đã giải quyết", "Đang giải quyết", "", "xong"],
    "fee": ["200000", "200000,5", "", "1.000", "-5", "2e5", "012345678901", " 7 "],
}
"""What may be in the cells of a line; the first is as it should be. `{}` is the number of the line."""

STRANGE = ["", "  ", ";;;;;;;;", "a;b", '"', 'x";"y', "Tổng cộng;;;;;;;;3", "\udcff;;;", "\x00;;;;;;;;"]
"""Lines that are no dossiers."""

QUOTED = ['"Trực tuyến"', '"a;b"', '"a""b"', '"', 'a"b']


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Lines of an extract: most as they should be, some with one strange cell, some that are no dossiers."""
    found = []
    for number in range(1, draw(st.integers(0, 40)) + 1):
        cells = [options[0] for options in CELLS.values()]
        match draw(st.sampled_from(["plain"] * 6 + ["cell", "cell", "quoted", "strange", "again"])):
            case "cell":
                place = draw(st.integers(0, len(cells) - 1))
                cells[place] = draw(st.sampled_from([*CELLS.values()][place]))
            case "quoted":
                cells[draw(st.integers(1, len(cells) - 1))] = draw(st.sampled_from(QUOTED))
            case "strange":
                found.append(draw(st.sampled_from(STRANGE)))
                continue
            case "again" if found:
                found.append(draw(st.sampled_from(found)))
                continue
        found.append(";".join(cells).format(number))
    return found


@st.composite
def extracts(draw: st.DrawFn) -> bytes:
    """A whole extract: with or without a byte-order mark, with line feeds or CRLF or both, with or without a last."""
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"], ["\n"] * 9 + ["\r"]]))
    body = ["# Trích xuất một cửa", DOSSIER_HEADINGS, *draw(lines())]
    text = "".join(line + draw(st.sampled_from(ends)) for line in body)
    text = text.rstrip("\r\n") if draw(st.booleans()) else text
    return (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, repr=False)
class Ingested:
    """What came of one extract."""

    kept: list[tuple[str, dict[str, int], str | None]]
    run: dict[str, Any]
    rows: bytes | None
    quarantine: bytes | None


def ingested(settings: Settings, declared: Catalogue, *contents: bytes) -> Ingested:
    """Ingest extracts, one after the other delivered, and look at everything that was written."""
    for day, content in enumerate(contents, 5):
        put(settings, "dossier", content, name=f"{day}.csv", day=day)
    (result, *_) = ingest(settings, declared, "dossier", [KEY.month])
    landed = [item.entry for item in deliveries.landed(settings, "dossier", KEY.month)]
    paths = partition.rows(settings, KEY), partition.quarantined(settings, KEY)
    rows, quarantine = (path.read_bytes() if path is not None else None for path in paths)
    kept = [(entry.kept_sha256, entry.stripped, entry.withheld) for entry in landed]
    assert not list(settings.scratch.rglob("*.parquet"))
    return Ingested(kept, result.run.model_dump(mode="json"), rows, quarantine)


def both_ways(fresh: Fresh, references: Path, declared: Catalogue, *contents: bytes) -> tuple[Ingested, Ingested]:
    """The same extracts by the scan and line by line."""
    found = []
    for smallest in (ALWAYS, NEVER):
        settings = fresh()
        shutil.copytree(references, settings.warehouse, dirs_exist_ok=True)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(scan, "WORTHWHILE_BYTES", smallest)
            patched.setattr(scan, "MOST_ODD_SHARE", 1.0)
            patched.setattr(scan, "BLOCK_BYTES", SMALL_BLOCK)
            found.append(ingested(settings, declared, *contents))
    return found[0], found[1]


@given(content=extracts())
def test_a_scan_gives_what_reading_line_by_line_gives(
    fresh: Fresh, references: Path, declared: Catalogue, content: bytes
) -> None:
    scanned, by_line = both_ways(fresh, references, declared, content)
    assert scanned == by_line


@given(first=extracts(), second=extracts())
@pytest.mark.slow
def test_so_it_does_where_one_delivery_follows_another(
    fresh: Fresh, references: Path, declared: Catalogue, first: bytes, second: bytes
) -> None:
    scanned, by_line = both_ways(fresh, references, declared, first, second)
    assert scanned == by_line


@pytest.mark.parametrize("strange", STRANGE)
def test_what_a_strange_line_does_to_those_after_it_is_the_same_both_ways(
    fresh: Fresh, references: Path, declared: Catalogue, strange: str
) -> None:
    """A cell with a quotation mark may be followed by one that opens another: the next line would belong to it."""
    for content in (extract(strange, *DOSSIERS), extract(*DOSSIERS, strange)):
        scanned, by_line = both_ways(fresh, references, declared, content)
        assert scanned == by_line


def test_a_file_whose_lines_end_in_two_ways_is_read(furnished: Settings, declared: Catalogue) -> None:
    content = f"# Trích xuất\n{DOSSIER_HEADINGS}\r\n{DOSSIERS[0]}\n".encode()
    assert ingested(furnished, declared, content).run["counts"][0]["accepted"] == 1


def test_threads_change_no_byte(
    fresh: Fresh, references: Path, declared: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "WORTHWHILE_BYTES", ALWAYS)
    monkeypatch.setattr(scan, "BLOCK_BYTES", SMALL_BLOCK)
    found = []
    for threads in (1, 2, 3):
        settings = replace(fresh(), threads=threads)
        shutil.copytree(references, settings.warehouse, dirs_exist_ok=True)
        rows = [DOSSIERS[0].replace("-0001", f"-{number:04}") for number in range(1, 200)]
        found.append(ingested(settings, declared, extract(*rows)))
    assert found[0] == found[1] == found[2]


def extract(*rows: str) -> bytes:
    """An extract with these lines."""
    return "\n".join(["# Trích xuất một cửa", DOSSIER_HEADINGS, *rows, ""]).encode("utf-8", "surrogateescape")


def test_only_lines_that_are_not_canonical_are_odd(
    furnished: Settings, declared: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "WORTHWHILE_BYTES", ALWAYS)
    monkeypatch.setattr(scan, "MOST_ODD_SHARE", 1.0)
    found: list[scan.Scanned | None] = []
    real = scan.scan

    def noted(*arguments: Any) -> scan.Scanned | None:
        found.append(real(*arguments))
        return found[-1]

    monkeypatch.setattr(scan, "scan", noted)
    name = DOSSIERS[0].replace("2.000488", "Nguyễn Văn An")
    ingested(furnished, declared, extract(DOSSIERS[0], name, DOSSIERS[1], "a;b", DOSSIERS[2]))
    assert [(each.count, each.odd) for each in found if each is not None] == [(3, (4, 6))]


def test_lines_are_counted(tmp_path: Path) -> None:
    def census(content: bytes) -> tuple[int, bool]:
        (tmp_path / "text").write_bytes(content)
        found = physical_line.census(tmp_path / "text")
        assert found.has_two_ends == (content == b"a\r\nb\n")
        return found.lines, found.has_lone_returns

    assert list(map(census, [b"", b"a", b"a\n", b"a\r\nb"])) == [(0, False), (1, False), (1, False), (2, False)]
    assert census(b"a\r\nb\n") == (2, False)
    assert list(map(census, [b"a\rb\n", b"\r", b"a\r\r\n"])) == [(1, True), (1, True), (1, True)]


@given(content=st.binary(max_size=60).map(lambda text: text.replace(b"\x01", b"\n")), piece=st.integers(1, 9))
def test_lines_are_replaced_in_their_places(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "text"
    path.write_bytes(content)
    every = content.split(b"\n")
    ended = [line + b"\n" for line in every[:-1]] + ([every[-1]] if every[-1] else [])
    wanted = range(1, len(ended) + 2, 2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(physical_line, "PIECE_BYTES", piece)
        assert physical_line.census(path).lines == len(ended)
        picked = dict(physical_line.pick(path, wanted))
        assert picked == {number: line for number, line in enumerate(ended, 1) if number in wanted}
        physical_line.replace(path, path.with_name("target"), dict.fromkeys(picked, b"<>"))
    expected = [b"<>" if number in picked else line for number, line in enumerate(ended, 1)]
    assert path.with_name("target").read_bytes() == b"".join(expected)


CODES = st.lists(st.text(st.sampled_from("0Đ9"), min_size=1, max_size=20), min_size=1)
"""Texts of all lengths, some of which are there twice."""


@given(CODES, st.integers(min_value=0, max_value=20))
def test_keys_are_unique_if_none_is_there_twice(codes: list[str], first: int) -> None:
    """Also those of a part of a block, and of several blocks."""
    keys = Keys(len(codes))
    keys.add(pa.chunked_array([pa.array(codes[:first], pa.string()), pa.array(codes).slice(first)]))
    assert keys.are_unique() == (len(set(codes)) == len(codes))

"""What the privacy filter cannot read is not destroyed: it is withheld, and left as it came."""

from __future__ import annotations

import gzip
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deliveries import (
    DOSSIER_HEADINGS,
    DOSSIERS,
    GROUPS,
    MAY,
    SECRETS,
    dossiers,
    groups,
    layout,
    readable,
    source,
    workbook,
)
from engine import Engine, counts
from test_privacy import CLEAN, CONTRACT, FORMATS, HEADINGS, PLACED

from dx_pipeline import privacy, receiving
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.privacy import Filtered
from dx_pipeline.tables.partition import Key
from dx_pipeline.vietnamese import legacy

MONTH = Month.parse(MAY)
DOSSIER = Key("statistics.dossier", "dossier", MONTH)
MANY = [DOSSIERS[0].replace("-0001;", f"-{number:04};") for number in range(1, 301)]
TEXT = dossiers(*MANY).decode("utf-8-sig")
CODES = [row.partition(";")[0] for row in MANY]


def in_legacy(text: str, kind: legacy.Legacy) -> bytes:
    """A text as a font of before Unicode writes it."""
    written = {letter: sign for sign, letter in (legacy.TCVN3 if kind == "tcvn3" else legacy.VNI).items()}
    return "".join(written.get(letter, letter) for letter in text).encode("latin-1")


UNREADABLE = {
    "tcvn3": (in_legacy(TEXT, "tcvn3"), "TCVN3"),
    "tcvn3_as_utf_8": (in_legacy(TEXT, "tcvn3").decode("latin-1").encode(), "TCVN3"),
    "vni": (in_legacy(TEXT, "vni"), "VNI"),
    "windows_1258": (unicodedata.normalize("NFD", TEXT).replace("\u0323", "").encode("cp1258", "ignore"), "UTF-8"),
    "utf_16": (TEXT.encode("utf-16"), "utf-16"),
    "utf_16_without_vietnamese": (groups(*GROUPS, title="x").decode().encode("utf-16"), "utf-16"),
    "carriage_returns": (TEXT.replace("\r\n", "\r").encode(), "CR"),
    "cut_gzip": (gzip.compress(TEXT.encode())[:-200], "broken off"),
}


def landed(engine: Engine, source: str = "dossier") -> Delivery:
    """The latest delivery of a source."""
    return deliveries.landed(engine.settings, source, MONTH)[-1]


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_decoded_is_withheld_whole_and_left_as_it_came(engine: Engine, name: str) -> None:
    content, reason = UNREADABLE[name]
    path = engine.put("dossier", content)
    problem = str(engine.ingest("dossier").problem)
    assert (path.read_bytes(), landed(engine).content.read_bytes()) == (content, b"")
    assert "Nothing of it was kept" in problem
    assert reason in problem
    assert "; ask the sender" in problem


def test_a_correction_of_the_layout_makes_what_was_withheld_readable(engine: Engine) -> None:
    content = UNREADABLE["utf_16"][0]
    path = engine.put("dossier", content)
    assert not engine.ingest("dossier").published
    declared = engine.catalogue.sources["dossier"]
    (layout,) = declared.source.deliveries
    corrected = layout.model_copy(update={"format": layout.format.model_copy(update={"encoding": "utf-16"})})
    source = replace(declared, source=declared.source.model_copy(update={"deliveries": (corrected,)}))
    digests = engine.catalogue.digests | {"source:dossier": "corrected"}
    sources = dict(engine.catalogue.sources) | {"dossier": source}
    after = Engine(engine.settings, replace(engine.catalogue, sources=sources, digests=digests))
    assert counts(after.ingest("dossier")) == [(300, 300, 0, 0, 0)]
    assert path.read_bytes() == content


def test_a_name_with_nuls_between_its_letters_is_not_kept(engine: Engine) -> None:
    hidden = "\x00".join(SECRETS["name"])
    engine.put("community_group", groups(*GROUPS, f"TCN-25456-09,25456,15/02/2022,,{hidden}"))
    assert counts(engine.ingest("community_group")) == [(4, 3, 0, 0, 1)]
    assert hidden not in landed(engine, "community_group").content.read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_that_is_no_utf_8_costs_its_own_line_alone(engine: Engine, pack: type[bytes]) -> None:
    lines = dossiers(*MANY).split(b"\r\n")
    lines[3] = lines[3].replace(b"H53.07;", f"H53.07 {SECRETS['name']};".encode()[:-1] + b"\xff;")
    content = pack(b"\r\n".join(lines))
    path = engine.put("dossier", content)
    run = engine.ingest("dossier")
    assert counts(run) == [(300, 299, 0, 0, 1)]
    assert engine.reasons(DOSSIER) == [(4, "not_utf8", None)]
    assert path.read_bytes() == content
    kept = landed(engine)
    assert kept.entry.stripped == {"not_utf8": 1}
    assert SECRETS["name"][:-1] not in readable(kept.content.read_bytes())
    assert engine.ingest("dossier") == run


SHIFTED = {
    "without_headings_under_a_title": "Người lập biểu: Sở Nội vụ; tháng 5\r\n" + "\r\n".join(MANY),
    "without_its_title": TEXT.partition("\r\n")[2],
    "under_two_titles": f"UBND\r\n{TEXT}",
    "with_other_delimiters": TEXT.replace(";", ","),
    "without_headings": "\r\n".join(MANY),
    "one_cell_to_the_right": TEXT.replace("\r\nH53", "\r\n;H53"),
    "one_cell_to_the_left": TEXT.replace("\r\nH53", "\r\nx;H53").replace(";200000", ""),
}


@pytest.mark.parametrize("name", SHIFTED)
def test_codes_of_dossiers_stay_where_the_layout_does_not_expect_them(engine: Engine, name: str) -> None:
    content = SHIFTED[name].encode()
    path = engine.put("dossier", content)
    receiving.fetch_and_land(engine.settings, engine.catalogue, "dossier", [MONTH])
    assert (path.read_bytes(), landed(engine).content.read_bytes()) == (content, content)


def test_a_shifted_delivery_loses_what_is_personal_and_nothing_else(engine: Engine) -> None:
    secrets = [text for kind, text in SECRETS.items() if kind != "dossier_code"]
    rows = [f"{row};{secret}" for row, secret in zip(MANY, secrets, strict=False)]
    path = engine.put("dossier", "\r\n".join([DOSSIER_HEADINGS, *rows]).encode())
    engine.ingest("dossier")
    kept = path.read_text(encoding="utf-8")
    assert [secret for secret in secrets if secret in kept] == []
    assert [code for code in CODES[: len(secrets)] if code not in kept] == []


def test_files_that_are_named_for_persons_do_not_get_one_name(engine: Engine) -> None:
    first, second = groups("TCN-25456-01,25456,15/02/2022,,7"), groups("TCN-25459-01,25459,20/03/2022,,9")
    folder = engine.put("community_group", first, name="Nguyễn Văn Đạt.csv").parent
    engine.put("community_group", second, name="Lê_Thị_Ơn.csv")
    engine.ingest("community_group")
    assert {path.read_bytes() for path in folder.iterdir()} == {first, second}
    assert [path.name for path in folder.iterdir() if "stripped" not in path.name] == []


@pytest.mark.parametrize("name", ["csv", "csv_gzip", "csv_utf_16", "excel", "html"])
@pytest.mark.parametrize("titles", [0, 2])
def test_nothing_is_taken_under_headings_on_another_line_than_declared(name: str, titles: int, tmp_path: Path) -> None:
    delimiter = ";" if name == "csv_utf_16" else ","
    lines = [*["Báo cáo"] * titles, *map(delimiter.join, [HEADINGS, *CLEAN])]
    text = "\n".join(lines)
    rows = [*[["Báo cáo"]] * titles, HEADINGS, *CLEAN]
    cells = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows)
    content = {
        "csv": text.encode(),
        "csv_gzip": gzip.compress(text.encode()),
        "csv_utf_16": text.encode("utf-16"),
        "excel": workbook(rows),
        "html": f"<table>{cells}</table>".encode(),
    }[name]
    arrived = tmp_path / "arrived"
    arrived.write_bytes(content)
    declared = source(layout(FORMATS[name], PLACED))
    result = privacy.apply(arrived, "file.dat", tmp_path / "kept", declared, {"statistics.trial": CONTRACT})
    assert result == Filtered("file.dat", arrived)


def test_every_sheet_of_a_workbook_stays_that_no_layout_fits(tmp_path: Path) -> None:
    arrived = tmp_path / "arrived"
    figures: dict[str, Any] = {"Số liệu": [["x", "y"], [CODES[0], "3"]]}
    arrived.write_bytes(workbook([["Trang bìa"], ["Phùng Quang Đạt"]], **figures))
    declared = source(layout({"kind": "excel", "sheet": "Khác"}, PLACED))
    result = privacy.apply(arrived, "file.dat", tmp_path / "kept", declared, {"statistics.trial": CONTRACT})
    assert result.content is not None
    text = readable(result.content.read_bytes())
    assert ("Phùng Quang Đạt" in text, CODES[0] in text, "Trang bìa" in text) == (False, True, True)

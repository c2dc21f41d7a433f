"""Text that looks like a formula stays text in every workbook that we write."""

from __future__ import annotations

import io
import re
import zipfile
from html import escape
from pathlib import Path

import pytest
import python_calamine as calamine
from deliveries import SECRETS, layout, source, workbook

from dx_pipeline import privacy

TEXTS = ("=1+1", "{=1+1}", "+1", "-1+1", "@SUM(A1)", "=HYPERLINK(1)", "\t=1+1", '=cmd|" /C calc"!A1', "internal:A1")


def test_a_page_that_is_written_anew_says_that_formulas_are_text(tmp_path: Path) -> None:
    shape = layout({"kind": "html"}, {"code": "M\u00e3"}, ignored=["Ghi ch\u00fa"])
    cells = "".join(f"<tr><td>{escape(text)}</td><td></td></tr>" for text in ("=1+1", "-1+1", "-1,5 %", "+84", "@A1"))
    phone = f"<tr><td>A</td><td>{SECRETS['phone']}</td></tr>"
    page = f"<table><tr><td>M\u00e3</td><td>Ghi ch\u00fa</td></tr>{cells}{phone}</table>"
    (tmp_path / "sent.xls").write_text(page, encoding="utf-8")
    filtered = privacy.apply(tmp_path / "sent.xls", "x.xls", tmp_path / "kept.xls", source(shape), {})
    assert filtered.content is not None
    kept = filtered.content.read_text(encoding="utf-8")
    marked = re.findall(r"<td([^>]*)>([-=+@][^<]*)</td>", kept)
    assert [text for style, text in marked if "mso-number-format" in style] == ["=1+1", "-1+1", "@A1"]
    again = privacy.apply(tmp_path / "kept.xls", "x.xls", tmp_path / "again.xls", source(shape), {})
    assert again.content == tmp_path / "kept.xls"


@pytest.mark.parametrize("text", TEXTS)
def test_a_workbook_that_is_written_anew_has_no_formulas(text: str, tmp_path: Path) -> None:
    shape = layout({"kind": "excel"}, {"code": "Mã"}, ignored=["Ghi chú"])
    sent, kept = tmp_path / "sent.xlsx", tmp_path / "kept.xlsx"
    sent.write_bytes(workbook([["Mã", "Ghi chú"], ["A", SECRETS["phone"]]]))
    with zipfile.ZipFile(sent) as book, zipfile.ZipFile(tmp_path / "with text.xlsx", "w") as changed:
        for part in book.namelist():  # xlsxwriter itself would make formulas of some texts
            content = book.read(part)
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").encode()
            changed.writestr(part, content.replace(b"<t>A</t>", b'<t xml:space="preserve">' + escaped + b"</t>"))
    filtered = privacy.apply(tmp_path / "with text.xlsx", "x.xlsx", kept, source(shape), {})
    assert filtered.content == kept, filtered
    with zipfile.ZipFile(kept) as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert b"<f" not in sheet
    assert b"<hyperlink" not in sheet
    rows = calamine.CalamineWorkbook.from_object(io.BytesIO(kept.read_bytes())).get_sheet_by_index(0).to_python()
    assert rows[1][0] == text

"""What a page has in neighbouring elements is searched both joined and apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from deliveries import layout, readable, source
from test_privacy import CLEAN, CONTRACT, FORMATS, HEADINGS, PLACED, TITLE, written

from dx_pipeline import privacy

NUMBER = "072203100041"


def kept(folder: Path, old: str, new: str) -> str:
    """What is kept of a page in which a text is replaced."""
    page = written("html", TITLE, HEADINGS, CLEAN).decode()
    assert old in page
    arrived = folder / "arrived"
    arrived.write_bytes(page.replace(old, new, 1).encode())
    declared = source(layout(FORMATS["html"], PLACED))
    result = privacy.apply(arrived, "page.xls", folder / "kept", declared, {"statistics.trial": CONTRACT})
    assert result.content is not None, result.withheld
    return readable(result.content.read_bytes())


@pytest.mark.parametrize(
    "markup",
    [
        "072203<br>100041", "072<b>2031</b>00041", "072203<p>100041</p>", "0722<i></i>03<br/><br/>100041",
        f'A1<span style="display:none">{NUMBER}</span>', f"A1<br/>{NUMBER}", f"{NUMBER}<p>5</p>", f"{NUMBER}<b>5</b>",
        f"5<i>{NUMBER}</i>5", "Nguyễn<b>Văn</b><i>Đạt</i>", "A1<b>Trần</b> <b>Thị</b> Ơn",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["cell", "title"])
def test_nothing_personal_is_kept_in_neighbouring_elements(markup: str, place: str, tmp_path: Path) -> None:
    old = CLEAN[0][1] if place == "cell" else TITLE
    text = kept(tmp_path, f">{old}<", f">{markup}<")
    assert markup not in text
    assert [part for part in (NUMBER, "100041", "2031", "Đạt", "Ơn") if part in text] == []
    assert CLEAN[1][0] in text


@pytest.mark.parametrize("markup", ["Hộ<br>tịch", "Hộ <b>tịch</b>", "Hộ tịch<p></p>", "12<br>34<br>2022"])
def test_a_page_with_innocent_markup_stays_as_it_is(markup: str, tmp_path: Path) -> None:
    assert markup in kept(tmp_path, f">{CLEAN[0][1]}<", f">{markup}<")

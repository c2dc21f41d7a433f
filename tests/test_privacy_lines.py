"""A cell of delimited text may go on in the next line: what is personal only across the two does not stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_privacy import CLEAN, HEADINGS, TITLE, as_csv
from test_privacy_parts import filtered


@pytest.mark.parametrize(
    "cell",
    ["072203\n100041", "Giao 072203\n\u200b100041 ký", "Trần Văn\nĐạt", "a\n072203\n100041\nb", "072203\r\n100041"],
)
def test_nothing_personal_is_kept_that_two_lines_of_a_cell_share(cell: str, tmp_path: Path) -> None:
    rows = [["A0", f'"{cell}"', "", "1", "H53.01-220503-0001"], *CLEAN]
    result = filtered(tmp_path, "csv", as_csv(TITLE, HEADINGS, rows))
    assert result.content is not None
    kept = result.content.read_text()
    assert [part for part in ("100041", "Đạt") if part in kept] == []
    assert kept.count("\n") == as_csv(TITLE, HEADINGS, rows).decode().count("\n")
    assert all(",".join(row) in kept for row in CLEAN)


@pytest.mark.parametrize("cell", ["Hộ\ntịch", "012\n345", 'ống 5""\n10'])
def test_an_innocent_cell_of_two_lines_stays(cell: str, tmp_path: Path) -> None:
    rows = [["A0", f'"{cell}"', "", "1", "H53.01-220503-0001"], *CLEAN]
    assert filtered(tmp_path, "csv", as_csv(TITLE, HEADINGS, rows)).stripped == {}

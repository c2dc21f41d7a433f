"""Recognition: why a file has not the headings that its layout expects, as far as that can be found out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dx_pipeline.declarations.source import Csv, Excel, Html, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import csv, excel, html, refusal
from dx_pipeline.formats.grid import Grid
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.vietnamese import legacy

LOOKED_AT_LINES = 30
"""Nobody prints more titles above a table."""

FEWEST_HEADINGS = 2


WEB_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
"""How a web page begins."""

BEGINNING_BYTES = 4096


def reason(path: Path, layouts: Sequence[Layout]) -> DeliveryRefusedError | None:
    """Why a file has the headings of none of these layouts.

    It is a web page, its headings are on another line, or they are in legacy letters.
    """
    if not any(isinstance(layout.format, Html) for layout in layouts) and _is_web_page(path):
        return DeliveryRefusedError(
            "it is a web page, perhaps one that asks for a password; download the file itself, or ask the sender.",
            "đây là trang web, có thể là trang hỏi mật khẩu; hãy tải đúng tệp dữ liệu, hoặc hỏi nơi gửi.",
        )
    for layout in layouts:
        declared = _preamble(layout)
        if declared is None:
            continue
        with suppress(DeliveryRefusedError):
            for above, found in _each_line(path, layout):
                if above != declared and _are_expected(found, layout):
                    return DeliveryRefusedError(
                        f"its headings are on line {above + 1}, and the layout says line {declared + 1}; correct"
                        " 'preamble_rows' in the layout, or ask the sender for the agreed form.",
                        f"tiêu đề cột ở dòng {above + 1}, còn khai báo ghi dòng {declared + 1}; hãy sửa 'preamble_rows'"
                        " trong khai báo, hoặc đề nghị nơi gửi theo mẫu đã thống nhất.",
                    )
                letters = legacy.encoding_of(found, layout.expected) if above == declared else None
                if letters is not None:
                    return refusal.legacy_letters(letters, line=above + 1)
    return None


def _is_web_page(path: Path) -> bool:
    with path.open("rb") as file:
        return WEB_PAGE.match(file.read(BEGINNING_BYTES).removeprefix(b"\xef\xbb\xbf")) is not None


def _are_expected(found: Sequence[str], layout: Layout) -> bool:
    """Whether a line has most headings of a layout: one word may be on any line."""
    shared = set(as_declared(found, layout)) & set(layout.expected)
    return len(shared) >= min(FEWEST_HEADINGS, len(layout.expected)) and 2 * len(shared) > len(layout.expected)


def _preamble(layout: Layout) -> int | None:
    """After how many lines the headings are declared to be; None in a format that has no lines above them."""
    return layout.format.preamble_rows if isinstance(layout.format, Csv | Excel | Html) else None


def _each_line(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """How many lines are above each of the first lines, and what its cells would be as headings."""
    shape = layout.format
    if isinstance(shape, Csv):
        yield from enumerate(csv.first_lines(path, shape, LOOKED_AT_LINES))
        return
    if not isinstance(shape, Excel | Html):
        return
    top = shape.model_copy(update={"preamble_rows": 0, "header_rows": 1})
    grid: Grid = excel.sheet(path, top) if isinstance(top, Excel) else html.table(path, top)[1]
    for above in range(min(LOOKED_AT_LINES, len(grid.rows) - shape.header_rows + 1)):
        moved = shape.model_copy(update={"preamble_rows": above})
        yield above, [heading for _, heading in grid.headings(moved)]

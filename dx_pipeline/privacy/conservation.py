"""Conservation: the privacy filter takes values out of a delivery, and columns, but no row.

Rows are counted in the file that arrived and in what was kept of it, each read on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dx_pipeline.declarations.source import Excel, Html, JsonEnvelope, Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import excel, html, physical_line, xroad_answer
from dx_pipeline.formats.grid import Cell, is_filled
from dx_pipeline.formats.json import each_document
from dx_pipeline.formats.text import bytes_of, in_unicode, opened


def check(arrived: Path, kept: Path, kind: str, layout: Layout | None) -> None:
    """Check that what was kept of a file has as many rows as the file.

    `kind` is what it was filtered as, a kind of format or `text`; `layout` the layout that it was filtered by, if any.

    Raises:
        DeliveryRefusedError: it has fewer or more; says how many.
    """
    before, after = rows(arrived, kind, layout), rows(kept, kind, layout)
    if before != after:
        raise DeliveryRefusedError(
            f"the privacy filter would leave {after} of its {before} rows;"
            " ask the engineers of the pipeline, as this is a mistake of theirs.",
            f"bộ lọc dữ liệu cá nhân chỉ giữ lại {after} trong {before} dòng; đây là lỗi của chương trình,"
            " hãy báo cho nhóm kỹ thuật.",
        )


def rows(path: Path, kind: str, layout: Layout | None) -> int:
    """How many rows a file has: filled rows of a sheet, records, or lines of text."""
    try:
        match kind:
            case "excel":
                shape = layout.format if layout is not None and isinstance(layout.format, Excel) else None
                name = shape.sheet if shape is not None else None
                return _filled(excel.sheet(path, Excel(kind="excel", sheet=name, header_rows=1)).rows)
            case "html":
                encoding = layout.format.encoding if layout is not None and isinstance(layout.format, Html) else "utf-8"
                with opened(path, encoding) as text:
                    page = html.read(in_unicode(text.read(), encoding))
                return sum(_filled(table.laid_out()[0]) for table in page.tables)
            case "json":
                with opened(path, "utf-8") as text:
                    return sum(_records(document, layout) for _, document in each_document(text.read()))
            case "parquet":
                return int(pq.read_metadata(path).num_rows)
            case "xroad":
                return len(xroad_answer.document(xroad_answer.packed(path.read_bytes()).text)["records"])
    except DeliveryRefusedError:
        pass  # what cannot be read as such was filtered line by line
    return _lines(path)


def _filled(rows: Sequence[Sequence[Cell]]) -> int:
    return sum(any(map(is_filled, row)) for row in rows)


def _records(document: Any, layout: Layout | None) -> int:  # noqa: ANN401 - JSON
    """How many records a document has; one without the layout's array counts as one."""
    found = document
    shape = layout.format if layout is not None else None
    for step in shape.records.split(".") if isinstance(shape, JsonEnvelope) else ():
        found = found.get(step) if isinstance(found, dict) else None
    return len(found) if isinstance(found, list) else 1


def _lines(path: Path) -> int:
    """How many physical lines there are, as a line feed or the end of the file ends one."""
    count, last = 0, b"\n"
    with bytes_of(path) as handle:
        while piece := handle.read(1 << 20):
            count, last = count + physical_line.feeds(piece), piece[-1:]
    return count + (last != b"\n")

"""What a value rests on: the deliveries of the tables that its definition reads, and where their rows went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from dx_pipeline.declarations.catalogue import DERIVED_FROM, Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.report.figures import Figures, Kpi, Value
from dx_pipeline.report.page import Block, Column, Heading, Paragraph, Table
from dx_pipeline.report.window import in_words

COUNTS = (
    "deliveries", "rows_in", "rows_accepted", "rows_duplicate", "rows_filtered", "rows_quarantined", "reports_due",
    "reports_received",
)  # fmt: skip

COLUMNS = (
    Column(Bilingual(vi="Bảng", en="Table")),
    Column(Bilingual(vi="Lần giao", en="Deliveries"), "number"),
    Column(Bilingual(vi="Dòng nhận", en="Rows in"), "number"),
    Column(Bilingual(vi="Nhận vào", en="Accepted"), "number"),
    Column(Bilingual(vi="Trùng", en="Duplicate"), "number"),
    Column(Bilingual(vi="Lọc", en="Filtered"), "number"),
    Column(Bilingual(vi="Cách ly", en="Quarantined"), "number"),
    Column(Bilingual(vi="Báo cáo đến hạn", en="Reports due"), "number"),
    Column(Bilingual(vi="Báo cáo đã nhận", en="Reports received"), "number"),
    Column(Bilingual(vi="Lần giao cuối", en="Last delivery"), "day"),
)

Row = Mapping[str, Any]


class Basis:
    """What was delivered of every table and month of a release.

    Args:
        figures: the release.
        catalogue: the titles of tables.
    """

    def __init__(self, figures: Figures, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._rows = figures.rows(sql_file(__file__, "basis"))

    def of(self, kpi: Kpi, value: Value) -> Iterator[Block]:
        """What a value of a KPI rests on: one row for each table that its definition reads."""
        version = next(each for each in kpi.versions if each.definition_version == value.definition_version)
        read = version.reads.split(", ")
        tables = dict.fromkeys([*read, *(DERIVED_FROM[table] for table in read if table in DERIVED_FROM)])
        rows = [row for table in tables if (row := self._row(table, value)) is not None]
        if not rows:
            return
        window = in_words(value, value.part_end)
        yield Heading(Bilingual(vi="Số này dựa trên gì", en="What this figure rests on"))
        title = Bilingual(vi=f"Số liệu đã giao cho {window.vi}", en=f"What was delivered for {window.en}")
        yield Table(title, COLUMNS, rows, f"{kpi.code}-basis")
        command = f"dx explain {kpi.code} --window {value.window_end:%Y-%m}"
        yield Paragraph(
            Bilingual(vi=f"Đến từng tệp và từng dòng: {command}", en=f"Down to each file and line: {command}")
        )

    def _row(self, table: str, value: Value) -> list[Any] | None:
        first, last = (f"{day:%Y-%m}" for day in (value.window_start, value.window_end))
        found = [
            row
            for row in self._rows
            if row["table_name"] == table
            and (row["first_month"] is None or (first <= row["first_month"] and row["last_month"] <= last))
        ]
        if not found:
            return None
        title = self._catalogue.contracts[table].title
        days: list[datetime] = [row["delivered_at"] for row in found if row["delivered_at"] is not None]
        return [title, *(_sum(found, name) for name in COUNTS), max(days).date() if days else None]


def _sum(rows: Sequence[Row], name: str) -> int | None:
    """The sum of the known counts; none where none is known."""
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) if known else None

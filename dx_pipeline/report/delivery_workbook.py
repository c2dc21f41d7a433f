"""The workbook "your delivery": for one agency, its lines in quarantine, why each is there and what to do.

It is in Vietnamese, goes to whoever delivered the lines, and has nothing of what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import xlsxwriter

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.report.reason import reason
from dx_pipeline.tables.quarantine import Line

TITLE = "Các dòng cần sửa trong tệp đã giao"
SHEET = "Dòng cần sửa"
HEADINGS = ("Tệp", "Bảng", "Tháng", "Dòng", "Cột", "Lý do", "Cách sửa", "Tình trạng")
WIDTHS = (32, 32, 10, 8, 24, 44, 44, 32)
HELD_BACK = "cả tệp đang bị giữ lại, chưa dòng nào được tính"
OTHERS_COUNT = "các dòng khác của tệp đã được tính"
SYNTHETIC = "DỮ LIỆU MÔ PHỎNG – không phải số liệu thật"
MOST_LINES = 1_000_000
"""A sheet of Excel has little more rows."""

PLAIN_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write(catalogue: Catalogue, agency_name: str, lines: Sequence[Line], today: date, target: Path) -> None:
    """Write the workbook of one agency; its folder is made if it is new.

    Args:
        catalogue: the words about tables, columns and rules.
        agency_name: who delivered the lines.
        lines: those in quarantine.
        today: the day that is printed on it.
        target: the file, which is replaced.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(target), PLAIN_TEXT) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        page = book.add_worksheet(SHEET)
        for column, width in enumerate(WIDTHS):
            page.set_column(column, column, width)
        above = [TITLE, f"Cơ quan: {agency_name}", f"Ngày lập: {today:%d/%m/%Y}; số dòng cần sửa: {len(lines)}"]
        above += [SYNTHETIC] if any(line.synthetic for line in lines) else []
        for row, text in enumerate(above):
            page.write_string(row, 0, text, None if row else book.add_format({"bold": True, "font_size": 14}))
        first = len(above) + 1
        for column, text in enumerate(HEADINGS):
            page.write_string(first, column, text, bold)
        page.freeze_panes(first + 1, 0)
        for row, cells in enumerate(_rows(catalogue, lines[:MOST_LINES]), first + 1):
            for column, cell in enumerate(cells):
                if isinstance(cell, int):
                    page.write_number(row, column, cell, wrapped)
                else:  # text that begins with = + - @ stays text
                    page.write_string(row, column, cell, wrapped)


def _rows(catalogue: Catalogue, lines: Sequence[Line]) -> Iterator[tuple[str | int, ...]]:
    for line in lines:
        contract = catalogue.contracts[line.table_name]
        why = reason(catalogue, line.source, line.table_name, line.column_name, line.reason_code)
        yield (
            line.file_name,
            contract.title.vi,
            line.month or "",
            line.delivery_line,
            why.column or "",
            why.why.vi,
            why.remedy.vi,
            HELD_BACK if line.is_held_back else OTHERS_COUNT,
        )

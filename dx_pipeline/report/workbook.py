"""`kpi.xlsx`: the release as one workbook, for who works in Excel. Vietnamese first, English beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.report.download import CREATED, PLAIN_TEXT, both
from dx_pipeline.report.figures import LEVELS, WHOLE, Figures, Kpi, Value
from dx_pipeline.report.kpi_page import month_of
from dx_pipeline.report.window import in_words, unit_in_words

NAME = "kpi.xlsx"
A4 = 9
"""The number of a paper size in Excel."""

HEADER_ROW = 2
"""Above the headings: the title of the sheet, and whether its data are synthetic."""

FORMATS = {"percent": "0.00", "number": "#,##0.##", "share": "0.0%", "day": "dd/mm/yyyy", "text": "General"}
"""Percentages stay 0–100, as everywhere: their unit is in a column of its own."""

LEVEL_SHEETS = {"province": "Toàn tỉnh", "agency": "Sở ngành", "district": "Cấp huyện", "commune": "Cấp xã"}


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, its headings with the kind of each column and its width, and its rows."""

    name: str
    title: Bilingual
    columns: Sequence[tuple[str, str, int]]
    rows: Sequence[Sequence[Any]]


VALUE_COLUMNS = (
    ("Mã KPI / KPI code", "text", 30),
    ("KPI", "text", 44),
    ("KPI (English)", "text", 38),
    ("Thống kê / Statistic", "text", 12),
    ("Hệ thống / System", "text", 20),
    ("Mã đơn vị / Unit code", "text", 12),
    ("Đơn vị / Unit", "text", 30),
    ("Kỳ / Window", "text", 24),
    ("Từ ngày / From", "day", 12),
    ("Đến ngày / To", "day", 12),
    ("Giá trị / Value", "number", 13),
    ("Đơn vị tính / Unit of measure", "text", 14),
    ("Tử số / Numerator", "number", 13),
    ("Mẫu số / Denominator", "number", 13),
    ("Chỉ tiêu / Target", "number", 11),
    ("Lộ trình / Trajectory", "number", 11),
    ("Đánh giá / Status", "text", 20),
    ("Đã công bố / Published", "number", 12),
    ("Độ phủ / Coverage", "share", 10),
    ("Độ phủ đơn vị / Coverage of units", "share", 12),
    ("Độ phủ dòng / Coverage of rows", "share", 12),
    ("Vì sao bị che / Why withheld", "text", 18),
    ("Mô phỏng / Synthetic", "text", 11),
)


def write(figures: Figures, path: Path) -> None:
    """Write the workbook.

    Args:
        figures: the release.
        path: the file.
    """
    with xlsxwriter.Workbook(str(path), PLAIN_TEXT) as book:
        book.set_properties({"created": CREATED, "title": "KPI"})
        formats = {kind: book.add_format({"num_format": shown, "valign": "top"}) for kind, shown in FORMATS.items()}
        heading = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#F0F3F6"}
        )
        title = book.add_format({"bold": True, "font_size": 14})
        warning = book.add_format({"bold": True, "font_color": "#A40E26"})
        for sheet in _sheets(figures):
            page = book.add_worksheet(sheet.name)
            page.write_string(0, 0, f"{sheet.title.vi} / {sheet.title.en}", title)
            if figures.is_synthetic:
                page.write_string(1, 0, f"{words.SYNTHETIC.vi} / {words.SYNTHETIC.en}", warning)
            for place, (name, kind, width) in enumerate(sheet.columns):
                page.set_column(place, place, width, formats[kind])
                page.write_string(HEADER_ROW, place, name, heading)
            for line, row in enumerate(sheet.rows, HEADER_ROW + 1):
                for place, cell in enumerate(row):
                    _write(page, line, place, cell, formats[sheet.columns[place][1]])
            page.freeze_panes(HEADER_ROW + 1, 2)
            page.set_landscape()
            page.set_paper(A4)
            page.fit_to_pages(1, 0)  # as wide as a page, as many pages as it takes
            page.repeat_rows(0, HEADER_ROW)
            page.autofilter(HEADER_ROW, 0, HEADER_ROW + max(1, len(sheet.rows)), len(sheet.columns) - 1)
        _charts(book, figures)


def _write(page: Any, line: int, place: int, cell: Any, kind: Any) -> None:  # noqa: ANN401 - xlsxwriter has no types
    if isinstance(cell, bool):
        page.write_string(line, place, "có / yes" if cell else "", kind)
    elif isinstance(cell, date):
        page.write_datetime(line, place, cell, kind)
    elif isinstance(cell, int | float):
        page.write_number(line, place, cell, kind)
    elif cell is not None:
        page.write_string(line, place, str(cell), kind)


def _sheets(figures: Figures) -> Iterator[Sheet]:
    kpis = list(figures.kpis.values())
    shown = [value for kpi in kpis for value in _latest(kpi, WHOLE)]
    about = Bilingual(vi="KPI của toàn tỉnh", en="KPIs of the province")
    yield Sheet("KPI", about, VALUE_COLUMNS, [_row(figures, value) for value in shown])
    months = [value for kpi in kpis for value in kpi.values if value.unit_level == "province"]
    series = Bilingual(vi="Chuỗi số liệu của toàn tỉnh", en="Series of the province")
    yield Sheet("Chuỗi - Series", series, VALUE_COLUMNS, [_row(figures, value) for value in months])
    for level in LEVELS[1:]:
        units = [unit.unit_code for unit in figures.units.values() if unit.unit_level == level]
        rows = [_row(figures, value) for kpi in kpis for unit in units for value in _latest(kpi, unit)]
        if rows:
            yield Sheet(LEVEL_SHEETS[level], words.LEVEL[level], VALUE_COLUMNS, rows)
    yield _definitions(figures)
    yield from _score(figures)


def _latest(kpi: Kpi, unit: str) -> Iterator[Value]:
    for statistic, system in kpi.statistics:
        value = kpi.latest((unit, statistic, system))
        if value is not None:
            yield value


def _row(figures: Figures, value: Value) -> list[Any]:
    kpi, status, window = figures.kpis[value.kpi_code], words.STATUS[value.status], in_words(value, value.part_end)
    return [
        value.kpi_code, kpi.title.vi, kpi.title.en, value.statistic, value.system, value.unit_code,
        figures.units[value.unit_code].name, window.vi, value.part_start or value.window_start,
        value.part_end or value.window_end, value.value, both(unit_in_words(value.unit_of_measure)),
        value.numerator, value.denominator, value.target, value.trajectory,
        f"{status.vi} / {status.en}", value.published_value, value.coverage,
        value.coverage_units, value.coverage_rows, value.withheld_reason, value.synthetic,
    ]  # fmt: skip


def _definitions(figures: Figures) -> Sheet:
    columns = (
        ("Mã KPI / KPI code", "text", 30), ("KPI", "text", 44), ("Phiên bản / Version", "number", 10),
        ("Từ ngày / From", "day", 12), ("Đến ngày / To", "day", 12), ("Công thức / Formula", "text", 60),
        ("Formula (English)", "text", 60), ("Căn cứ / Legal basis", "text", 50), ("Phụ trách / Owner", "text", 30),
    )  # fmt: skip
    rows = [
        [
            kpi.code, kpi.title.vi, version.definition_version, version.valid_from, version.valid_to,
            version.formula_vi, version.formula_en, both(version.legal_basis), figures.owner(version.owner),
        ]
        for kpi in figures.kpis.values()
        for version in kpi.versions
    ]  # fmt: skip
    return Sheet("Định nghĩa", Bilingual(vi="Định nghĩa", en="Definitions"), columns, rows)


def _score(figures: Figures) -> Iterator[Sheet]:
    names = (
        "window_type", "window_start", "window_end", "unit_code", "unit_level", "scope", "group_code", "criterion",
        "kpi_code", "numerator", "denominator", "value", "threshold", "maximum", "full_maximum", "points",
        "points_lost", "no_points_reason",
    )  # fmt: skip
    found = figures.rows(
        f"SELECT {', '.join(names)} FROM kpi.score_766 WHERE points IS NOT NULL"
        " ORDER BY window_end, window_type, unit_code, scope, group_code, criterion"
    )
    if found:
        kinds = {"window_start": "day", "window_end": "day", "scope": "text"}
        text = {"window_type", "unit_code", "unit_level", "group_code", "criterion", "kpi_code", "no_points_reason"}
        said = dict(figures.tuples(COMMENTS))
        columns = [
            (said.get(name) or name, kinds.get(name, "text" if name in text else "number"), 14) for name in names
        ]
        place = names.index("kpi_code") + 1
        columns.insert(place, ("KPI", "text", 44))
        rows = [[row[name] for name in names] for row in found]
        for row in rows:
            kpi = figures.kpis.get(row[place - 1])
            row.insert(place, kpi and both(kpi.title))
        title = Bilingual(vi="Điểm theo Quyết định 766/QĐ-TTg", en="The score of Decision 766/QĐ-TTg")
        yield Sheet("Điểm 766", title, columns, rows)


COMMENTS = """
    SELECT column_name, comment FROM duckdb_columns()
    WHERE database_name = current_database() AND schema_name = 'kpi' AND table_name = 'score_766'
"""


def _charts(book: Any, figures: Figures) -> None:  # noqa: ANN401 - xlsxwriter has no types
    """A sheet with the trend of each KPI by month."""
    page, data = book.add_worksheet("Biểu đồ"), book.add_worksheet("Số liệu biểu đồ")
    month = book.add_format({"num_format": "mm/yyyy"})
    line = 0
    if figures.is_synthetic:
        data.write_string(0, 0, both(words.SYNTHETIC))
        line = 1
    for number, kpi in enumerate(figures.kpis.values()):
        statistic, system = kpi.statistics[0] if kpi.statistics else (None, None)
        months = [value for value in kpi.months((WHOLE, statistic, system)) if value.value is not None]
        if len(months) < 2:  # noqa: PLR2004 - a line needs two ends
            continue
        data.write_string(line, 0, kpi.title.vi)
        for place, value in enumerate(months, 1):
            data.write_datetime(line, place, month_of(value), month)
            data.write_number(line + 1, place, value.value)
        chart = book.add_chart({"type": "line"})
        where = {
            "categories": [data.name, line, 1, line, len(months)],
            "values": [data.name, line + 1, 1, line + 1, len(months)],
        }
        chart.add_series({**where, "name": kpi.title.vi, "marker": {"type": "circle"}})
        chart.set_title({"name": kpi.title.vi, "name_font": {"size": 11}})
        chart.set_legend({"none": True})
        chart.set_x_axis({"num_format": "mm/yyyy"})
        chart.set_size({"width": 560, "height": 260})
        page.insert_chart(14 * (number // 2), 9 * (number % 2), chart, {"description": kpi.title.vi})
        line += 2

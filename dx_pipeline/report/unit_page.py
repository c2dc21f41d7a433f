"""The page of a unit: an agency, a district or a commune, with its values and its place among its peers."""

from __future__ import annotations

from collections.abc import Sequence

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.report import place
from dx_pipeline.report.figures import LEVELS, Figures, Unit
from dx_pipeline.report.page import Block, Column, Heading, Link, Notes, Page, Paragraph, Table, Trend
from dx_pipeline.report.window import in_words, unit_in_words

BY_MONTH = Bilingual(vi="Diễn biến theo tháng", en="Trend by month")
UNITS = "units.html"
"""Where the list of all units is."""

COLUMNS = (
    Column(Bilingual(vi="KPI", en="KPI"), "link"),
    Column(Bilingual(vi="Kỳ", en="Window"), "window"),
    Column(Bilingual(vi="Giá trị", en="Value"), "number"),
    Column(Bilingual(vi="Đơn vị tính", en="Unit of measure")),
    Column(Bilingual(vi="Diễn biến", en="Trend"), "trend"),
    Column(Bilingual(vi="Hạng", en="Rank"), "number"),
    Column(Bilingual(vi="Trong số", en="Among"), "number"),
    Column(Bilingual(vi="Toàn tỉnh", en="The province"), "number"),
    Column(Bilingual(vi="Tử số", en="Numerator"), "number"),
    Column(Bilingual(vi="Mẫu số", en="Denominator"), "number"),
    Column(Bilingual(vi="Độ phủ", en="Coverage"), "share"),
)


def pages(figures: Figures) -> list[Page]:
    """The list of all units, and the page of each but the province."""
    below = [unit for unit in figures.units.values() if unit.unit_level != "province"]
    return [_list(figures, below), *(_page(figures, unit) for unit in below)]


def _list(figures: Figures, units: Sequence[Unit]) -> Page:
    blocks: list[Block] = []
    for level in LEVELS[1:]:
        rows = [
            [
                Link(unit.name, place.of_unit(unit.unit_code)),
                unit.unit_code,
                _parent(figures, unit),
                unit.valid_from,
                unit.valid_to,
            ]
            for unit in units
            if unit.unit_level == level
        ]
        if rows:
            columns = [
                Column(Bilingual(vi="Đơn vị", en="Unit"), "link"),
                Column(Bilingual(vi="Mã", en="Code")),
                Column(Bilingual(vi="Thuộc", en="Part of")),
                Column(Bilingual(vi="Từ ngày", en="From"), "day"),
                Column(Bilingual(vi="Đến ngày", en="To"), "day"),
            ]
            blocks += [Heading(words.LEVEL[level]), Table(words.LEVEL[level], columns, rows)]
    title = Bilingual(vi="Sở, ngành và địa phương", en="Agencies, districts and communes")
    return Page(UNITS, title, blocks, Bilingual(vi="Đơn vị", en="Units"))


def _parent(figures: Figures, unit: Unit) -> str | None:
    parent = figures.units.get(unit.parent_code or "")
    return parent.name if parent is not None else None


def _page(figures: Figures, unit: Unit) -> Page:
    title = Bilingual(vi=unit.name, en=unit.name)
    rows = [row for kpi in figures.kpis.values() for row in _rows(figures, kpi.code, unit)]
    level = words.LEVEL[unit.unit_level]
    about = Bilingual(vi=f"{level.vi}. Mã: {unit.unit_code}.", en=f"{level.en}. Code: {unit.unit_code}.")
    blocks: list[Block] = [Paragraph(about, Link(Bilingual(vi="Mọi đơn vị", en="All units"), UNITS))]
    if any(row[2] is None for row in rows):
        blocks.append(
            Notes(
                [
                    Bilingual(
                        vi="Dấu gạch ngang: giá trị bị che (quá ít hồ sơ) hoặc chưa đủ dữ liệu; xem trang của KPI.",
                        en="A dash: withheld (too few dossiers) or not enough data; the KPI's page says which.",
                    )
                ]
            )
        )
    columns_title = Bilingual(vi=f"Các KPI của {unit.name}", en=f"The KPIs of {unit.name}")
    return Page(place.of_unit(unit.unit_code), title, [*blocks, Table(columns_title, COLUMNS, rows)])


def _rows(figures: Figures, code: str, unit: Unit) -> list[list[object]]:
    kpi = figures.kpis[code]
    rows: list[list[object]] = []
    for statistic, system in kpi.statistics:
        value = kpi.latest((unit.unit_code, statistic, system))
        if value is None:
            continue
        peers = [each for each in kpi.in_window_of(value) if each.unit_level == unit.unit_level]
        whole = next((each for each in kpi.in_window_of(value) if each.unit_level == "province"), None)
        known = [each.value for each in peers if each.value is not None]
        rank = kpi.rank(value.value, known)
        months = [each.value for each in kpi.months(value.series)]
        rows.append(
            [
                Link(kpi.titled(statistic), place.of_kpi(code)),
                in_words(value, value.part_end), words.HIDDEN if value.suppressed else value.value,
                unit_in_words(kpi.unit_of_measure),
                Trend(months, BY_MONTH, kpi.breaks(value.series)),
                rank, len(known) if rank is not None else None, whole.value if whole is not None else None,
                value.numerator, value.denominator, value.coverage,
            ]
        )  # fmt: skip
    return rows

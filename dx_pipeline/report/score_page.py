"""The page of the score of Decision 766: points, where they are lost, and what gains most."""

from __future__ import annotations

from typing import Any

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.kpi import words
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.report import kpi_page, place
from dx_pipeline.report.figures import LEVELS, Figures
from dx_pipeline.report.page import Block, Column, Heading, Link, Notes, Page, Paragraph, Table

SCORE = "score_766.html"
TITLE = Bilingual(vi="Điểm theo Quyết định 766/QĐ-TTg", en="The score of Decision 766/QĐ-TTg")
POINTS = Column(Bilingual(vi="Điểm", en="Points"), "number")
MOST = Column(Bilingual(vi="Tối đa", en="Maximum"), "number")
LOST = Column(Bilingual(vi="Điểm mất", en="Points lost"), "number")

POINTS_OF_A_PERCENTAGE = Bilingual(vi="điểm phần trăm", en="percentage points")

NO_POINTS = {
    "no_kpi": Bilingual(vi="chưa có KPI", en="no KPI yet"),
    "no_data": Bilingual(vi="chưa có dữ liệu", en="no data"),
    "incomplete": Bilingual(vi="dữ liệu chưa đủ", en="data are not complete"),
}
"""Why a criterion has no points; other reasons are those of withheld values."""


def page(figures: Figures) -> Page | None:
    """The page of the score; None where the release has none."""
    found = figures.rows(sql_file(__file__, "score"))
    whole = [row for row in found if row["unit_level"] == "province"]
    if not whole:
        return None
    (total,) = (row for row in whole if row["scope"] == "total")
    window = (total["window_type"], total["window_start"], total["window_end"])
    blocks: list[Block] = [_lead(total, window)]
    if any(row["is_assumed"] for row in whole):
        blocks.append(
            Notes(
                [
                    Bilingual(
                        vi="Điểm của một số tiêu chí là giả định: văn bản chưa nêu rõ cách chấm.",
                        en="The points of some criteria are assumed: the decision does not say how they are given.",
                    )
                ]
            )
        )
    blocks += [*_gains(whole), *_criteria(figures, whole)]
    for level in LEVELS[1:]:
        blocks += _units(
            figures, [row for row in found if row["unit_level"] == level and row["scope"] == "total"], level
        )
    return Page(SCORE, TITLE, blocks, Bilingual(vi="Điểm 766", en="766 score"))


def _lead(total: dict[str, Any], window: tuple[Any, ...]) -> Paragraph:
    def said(points: float | None, maximum: float | None) -> tuple[str, str]:
        return VIETNAMESE.number(points), VIETNAMESE.number(maximum)

    points, maximum = said(total["points"], total["maximum"])
    return Paragraph(
        Bilingual(
            vi=f"{VIETNAMESE.window(*window).capitalize()}: toàn tỉnh được {points} trên {maximum} điểm có thể chấm"
            f" (thang đầy đủ: {VIETNAMESE.number(total['full_maximum'])}).",
            en=f"{ENGLISH.window(*window)}: the province has {ENGLISH.number(total['points'])} of"
            f" {ENGLISH.number(total['maximum'])} points that can be given"
            f" (the full scale: {ENGLISH.number(total['full_maximum'])}).",
        )
    )


def _gains(rows: list[dict[str, Any]]) -> list[Block]:
    """The criteria by the points that can be gained; what they need is not compared, because its units differ."""
    ranked = sorted((row for row in rows if row["full_points_need"]), key=lambda row: -row["points_lost"])
    if not ranked:
        return []
    columns = [
        Column(Bilingual(vi="Tiêu chí", en="Criterion")),
        Column(Bilingual(vi="Điểm có thể thêm", en="Points to be gained"), "number"),
        Column(Bilingual(vi="Để được điểm tối đa cần thêm", en="Full points need"), "number"),
        Column(Bilingual(vi="Đơn vị tính", en="Counted in")),
        Column(Bilingual(vi="Bước kế tiếp: điểm", en="Next step: points"), "number"),
        Column(Bilingual(vi="Bước kế tiếp: cần thêm", en="Next step: needs"), "number"),
    ]
    cells = [
        [
            _criterion(row), row["points_lost"], row["full_points_need"], _item(row), row["next_points"],
            row["next_point_needs"],
        ]
        for row in ranked
    ]  # fmt: skip
    title = Bilingual(vi="Làm gì được nhiều điểm nhất", en="What gains most")
    return [Heading(title), Table(title, columns, cells, "score_766-gains")]


def _item(row: dict[str, Any]) -> Bilingual:
    """What a criterion counts; of one that has a value and no counts, percentage points."""
    if row["denominator"] is None:
        return POINTS_OF_A_PERCENTAGE
    return Bilingual(vi=row["item_vi"] or "", en=row["item_en"] or "")


def _criterion(row: dict[str, Any]) -> Bilingual:
    return Bilingual(vi=f"{row['criterion']} {row['title_vi']}", en=f"{row['criterion']} {row['title_en']}")


def _criteria(figures: Figures, rows: list[dict[str, Any]]) -> list[Block]:
    columns = [
        Column(Bilingual(vi="Tiêu chí", en="Criterion")),
        Column(Bilingual(vi="Nhóm", en="Group")),
        POINTS,
        MOST,
        LOST,
        Column(Bilingual(vi="Giá trị", en="Value"), "number", "percent"),
        Column(Bilingual(vi="Ngưỡng", en="Threshold"), "number", "percent"),
        Column(Bilingual(vi="Vì sao không có điểm", en="Why no points")),
        Column(Bilingual(vi="KPI", en="KPI"), "link"),
    ]
    cells = [
        [
            _criterion(row), Bilingual(vi=row["group_vi"], en=row["group_en"]), row["points"], row["full_maximum"],
            row["points_lost"], row["value"], row["threshold"], _reason(row["no_points_reason"]),
            kpi_page.link(figures, row["kpi_code"]),
        ]
        for row in rows
        if row["scope"] == "criterion"
    ]  # fmt: skip
    title = Bilingual(vi="Từng tiêu chí", en="Each criterion")
    return [Heading(title), Table(title, columns, cells, "score_766-criteria")]


def _reason(reason: str | None) -> Bilingual | None:
    if reason is None:
        return None
    return NO_POINTS.get(reason) or words.WITHHELD.get(reason) or Bilingual(vi=reason, en=reason)


def _units(figures: Figures, rows: list[dict[str, Any]], level: str) -> list[Block]:
    """The units of a level, by the share of the points that could be given to them."""
    if not rows:
        return []
    share = Column(Bilingual(vi="Tỷ lệ đạt", en="Share of the points"), "share")
    columns = [Column(Bilingual(vi="Đơn vị", en="Unit"), "link"), share, POINTS, MOST, LOST]
    shares = {
        row["unit_code"]: float(row["points"] / row["maximum"])
        for row in rows
        if row["points"] is not None and row["maximum"]
    }
    ordered = sorted(rows, key=lambda row: (-shares.get(row["unit_code"], -1.0), row["unit_code"]))
    cells = [
        [
            _unit(figures, row["unit_code"]), shares.get(row["unit_code"]), row["points"], row["maximum"],
            row["points_lost"],
        ]
        for row in ordered
    ]  # fmt: skip
    return [Heading(words.LEVEL[level]), Table(words.LEVEL[level], columns, cells, f"score_766-{level}")]


def _unit(figures: Figures, code: str) -> Link | None:
    unit = figures.units.get(code)
    return Link(unit.name, place.of_unit(code)) if unit is not None else None

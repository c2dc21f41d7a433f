"""The pages of revisions and of methods: which published values changed, and how figures are made."""

from __future__ import annotations

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.report import kpi_page, place
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.page import Block, Column, Heading, Link, Notes, Page, Paragraph, Table
from dx_pipeline.report.window import unit_in_words

REVISIONS, METHODS = "revisions.html", "methods.html"

UNIT = Column(Bilingual(vi="Đơn vị tính", en="Unit of measure"))

REVISED = """
    SELECT kpi_code, window_type, window_start, window_end, unit_code, statistic, value_before, value_after,
        unit_of_measure, reason, accepted_at
    FROM kpi.revision ORDER BY accepted_at DESC, kpi_code, window_end, unit_code LIMIT 1000
"""
PUBLISHED = """
    SELECT kpi_code, indicator_vi, indicator_en, period_start, period_end, value_as_published, recomputed_value,
        measured_value, unit_of_measure, is_beyond_rounding, explanation_vi, explanation_en, source
    FROM kpi.published_comparison ORDER BY period_end, indicator_vi
"""

GLOSSARY = (
    ("Độ phủ", "Coverage",
     "phần số liệu phải có mà giá trị dựa trên: đơn vị đã báo cáo nhân dòng hợp lệ",
     "how much of what is expected a value rests on: units that reported, times rows that were valid"),
    ("Bị che", "Withheld",
     "không hiện vì quá ít hồ sơ, hoặc vì từ đó suy ra được một số như vậy, hoặc chưa đủ dữ liệu",
     "not shown, because too few dossiers are counted or could be computed from it, or for want of data"),
    ("Lũy kế", "Year to date", "từ ngày 01/01 đến hết tháng", "from 1 January to the end of the month"),
    ("Lộ trình", "Trajectory", "giá trị cần có vào ngày cuối kỳ để đạt chỉ tiêu đúng hạn",
     "the value needed on the last day of the window to reach the target when it is due"),
    ("Cách ly", "Quarantine", "dòng vi phạm quy tắc của bảng: không được tính, chờ sửa",
     "rows that break a rule of their table: not counted, until they are corrected"),
    ("Đính chính", "Revision", "giá trị đã công bố được sửa, có lý do, giá trị trước và sau",
     "a published value that was corrected, with a reason, and the values before and after"),
    ("Bản công bố", "Release", "toàn bộ số liệu công bố cùng lúc, không bao giờ bị sửa",
     "everything that is published at once; it never changes"),
)  # fmt: skip
"""Words of the report: their Vietnamese and English, and what they mean."""

STATUSES = {
    "met": Bilingual(vi="giá trị đã bằng hoặc hơn chỉ tiêu", en="the value has reached the target"),
    "on_track": Bilingual(
        vi="chưa đạt chỉ tiêu, nhưng bằng hoặc hơn lộ trình", en="not yet at the target, at or ahead of the trajectory"
    ),
    "at_risk": Bilingual(
        vi="sau lộ trình không quá một phần mười, hoặc không có lộ trình",
        en="behind the trajectory by no more than a tenth of it, or there is no trajectory",
    ),
    "off_track": Bilingual(
        vi="sau lộ trình hơn một phần mười, hoặc đã quá hạn, hoặc dưới mức cam kết",
        en="behind the trajectory by more than a tenth of it, or past the due day, or below the agreed level",
    ),
    "no_target": Bilingual(vi="KPI này không có chỉ tiêu", en="the KPI has no target"),
    "not_enough_data": Bilingual(
        vi="thiếu số liệu, hoặc giá trị bị che", en="data are missing, or the value is withheld"
    ),
}
"""What each status means; `kpi/staged.sql` decides which one a value has."""


def pages(figures: Figures, catalogue: Catalogue) -> list[Page]:
    """The page of revisions and published figures, and the one of methods."""
    return [_revisions(figures), _methods(figures, catalogue)]


def _revisions(figures: Figures) -> Page:
    blocks: list[Block] = []
    revised = figures.rows(REVISED)
    title = Bilingual(vi="Giá trị đã đính chính", en="Values that were revised")
    blocks.append(Heading(title))
    if revised:
        columns = [
            Column(Bilingual(vi="KPI", en="KPI"), "link"),
            Column(Bilingual(vi="Đơn vị", en="Unit")),
            Column(Bilingual(vi="Đến ngày", en="Until"), "day"),
            Column(Bilingual(vi="Trước", en="Before"), "number"),
            Column(Bilingual(vi="Sau", en="After"), "number"),
            UNIT,
            Column(Bilingual(vi="Lý do", en="Reason")),
            Column(Bilingual(vi="Ngày chấp nhận", en="Accepted on"), "day"),
        ]
        rows = [
            [
                kpi_page.link(figures, row["kpi_code"]),
                figures.units[row["unit_code"]].name if row["unit_code"] in figures.units else row["unit_code"],
                row["window_end"], row["value_before"], row["value_after"],
                unit_in_words(row["unit_of_measure"]), row["reason"], row["accepted_at"].date(),
            ]
            for row in revised
            if row["kpi_code"] in figures.kpis
        ]  # fmt: skip
        blocks.append(Table(title, columns, rows, "revisions"))
    else:
        blocks.append(Notes([Bilingual(vi="Chưa có giá trị nào được đính chính.", en="No value has been revised.")]))
    blocks += _published(figures)
    name = Bilingual(vi="Đính chính và số đã công bố", en="Revisions and published figures")
    return Page(REVISIONS, name, blocks, Bilingual(vi="Đính chính", en="Revisions"))


def _published(figures: Figures) -> list[Block]:
    found = figures.rows(PUBLISHED)
    if not found:
        return []
    columns = [
        Column(Bilingual(vi="Chỉ tiêu đã công bố", en="Published indicator")),
        Column(Bilingual(vi="Từ ngày", en="From"), "day"),
        Column(Bilingual(vi="Đến ngày", en="To"), "day"),
        Column(Bilingual(vi="Nguyên văn", en="As published")),
        Column(Bilingual(vi="Tính lại từ số đếm", en="Recomputed from its counts"), "number"),
        Column(Bilingual(vi="Đo được", en="Measured"), "number"),
        UNIT,
        Column(Bilingual(vi="Giải thích", en="Explanation")),
        Column(Bilingual(vi="KPI", en="KPI"), "link"),
    ]
    unknown = Bilingual(vi="chưa rõ vì sao khác", en="nobody has explained the difference")
    rows = [
        [
            Bilingual(vi=row["indicator_vi"], en=row["indicator_en"] or row["indicator_vi"]),
            row["period_start"], row["period_end"], row["value_as_published"], row["recomputed_value"],
            row["measured_value"], unit_in_words(row["unit_of_measure"]),
            Bilingual(vi=row["explanation_vi"], en=row["explanation_en"] or row["explanation_vi"])
            if row["explanation_vi"] else unknown if row["is_beyond_rounding"] else None,
            kpi_page.link(figures, row["kpi_code"]),
        ]
        for row in found
    ]  # fmt: skip
    title = Bilingual(
        vi="Số đã công bố ở nơi khác, bên cạnh số đo được", en="Figures published elsewhere, beside measured ones"
    )
    return [Heading(title), Table(title, columns, rows, "published")]


def _methods(figures: Figures, catalogue: Catalogue) -> Page:
    below = catalogue.province.suppress_below
    blocks: list[Block] = [
        Paragraph(
            Bilingual(
                vi="Mỗi KPI có định nghĩa theo phiên bản, căn cứ văn bản. Giá trị được tính từ số đếm, không lấy trung"
                " bình các tỷ lệ; số không biết không phải là 0. Kỳ có định nghĩa thay đổi được chia thành các phần.",
                en="Each KPI has versioned definitions with their legal basis. Values are made of counts: ratios are"
                " never averaged, and unknown is not zero. A window in which the definition changes is divided.",
            )
        ),
        Paragraph(
            Bilingual(
                vi=f"Giá trị đếm dưới {below} hồ sơ bị che, cùng những giá trị mà từ đó có thể suy ra.",
                en=f"Values that count fewer than {below} dossiers are withheld, and those from which they could be"
                " computed.",
            )
        ),
    ]
    columns = [
        Column(Bilingual(vi="KPI", en="KPI"), "link"),
        Column(Bilingual(vi="Phiên bản", en="Version"), "number"),
        Column(Bilingual(vi="Công thức", en="Formula")),
        Column(Bilingual(vi="Căn cứ", en="Legal basis")),
        Column(Bilingual(vi="Từ ngày", en="From"), "day"),
    ]
    rows = [
        [
            Link(kpi.title, place.of_kpi(kpi.code)),
            version.definition_version,
            version.formula,
            version.legal_basis,
            version.valid_from,
        ]
        for kpi in figures.kpis.values()
        for version in kpi.versions
    ]
    title = Bilingual(vi="Mọi định nghĩa", en="All definitions")
    blocks += [Heading(title), Table(title, columns, rows, "definitions")]
    glossary = Bilingual(vi="Từ ngữ", en="Glossary")
    meaning = [Column(Bilingual(vi="Từ", en="Word")), Column(Bilingual(vi="Nghĩa", en="Meaning"))]
    entries = [[Bilingual(vi=vi, en=en), Bilingual(vi=of_vi, en=of_en)] for vi, en, of_vi, of_en in GLOSSARY]
    statuses = [[word, STATUSES[status]] for status, word in words.STATUS.items()]
    blocks += [Heading(glossary), Table(glossary, meaning, [*entries, *statuses])]
    name = Bilingual(vi="Phương pháp và từ ngữ", en="Methods and glossary")
    return Page(METHODS, name, blocks, Bilingual(vi="Phương pháp", en="Methods"))

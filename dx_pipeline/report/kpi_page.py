"""The page of a KPI: its definition, its trend, its units among each other, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import words
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.report import place
from dx_pipeline.report.basis import Basis
from dx_pipeline.report.chart import Chart, Line
from dx_pipeline.report.figures import LEVELS, WHOLE, Figures, Kpi, Series, Value
from dx_pipeline.report.page import (
    Block,
    Closed,
    Code,
    Column,
    Drawing,
    Heading,
    Link,
    Notes,
    Page,
    Paragraph,
    Table,
)
from dx_pipeline.report.window import in_words, percent

NO_VALUE = Bilingual(vi="Chưa có giá trị nào.", en="There is no value yet.")


def link(figures: Figures, code: str | None) -> Link | None:
    """The title of a KPI, which leads to its page; none where the code is of no KPI."""
    kpi = figures.kpis.get(code or "")
    return Link(kpi.title, place.of_kpi(kpi.code)) if kpi is not None else None


def page(figures: Figures, kpi: Kpi, basis: Basis, suppress_below: int) -> Page:
    """The page of a KPI.

    Args:
        figures: the release.
        kpi: the KPI.
        basis: what was delivered.
        suppress_below: the smallest count of dossiers that is shown.
    """
    series = [(WHOLE, statistic, system) for statistic, system in kpi.statistics]
    series.sort(key=lambda each: (latest := kpi.latest(each)) is None or latest.value is None)
    latest = kpi.latest(series[0]) if series else None
    blocks: list[Block] = []
    if latest is None:
        blocks.append(Notes([NO_VALUE], is_bad=True))
    else:
        blocks += [*_head(kpi, latest, suppress_below), *_trend(kpi, series), *_all(kpi, series)]
        for level in LEVELS[1:]:
            blocks += _ranking(figures, kpi, latest, level)
        blocks += [*_changes(kpi, latest), *basis.of(kpi, latest)]
    return Page(place.of_kpi(kpi.code), kpi.title, [*blocks, *_definitions(figures, kpi)])


def _head(kpi: Kpi, latest: Value, suppress_below: int) -> Iterator[Block]:
    unit = kpi.unit_of_measure
    columns = [
        Column(Bilingual(vi="Kỳ", en="Window"), "window"),
        Column(Bilingual(vi="Giá trị", en="Value"), "number", unit),
        Column(Bilingual(vi="Tử số", en="Numerator"), "number"),
        Column(Bilingual(vi="Mẫu số", en="Denominator"), "number"),
        Column(Bilingual(vi="Đánh giá", en="Status"), "status"),
        Column(Bilingual(vi="Chỉ tiêu", en="Target"), "number", unit),
        Column(Bilingual(vi="Hạn", en="Due"), "day"),
        Column(Bilingual(vi="Lộ trình", en="Trajectory"), "number", unit),
        Column(Bilingual(vi="Đã công bố", en="Published"), "number", unit),
        Column(Bilingual(vi="Chênh lệch", en="Difference"), "number"),
        Column(Bilingual(vi="Độ phủ", en="Coverage"), "share"),
    ]
    shown = [latest, *(value for value in kpi.published(latest.series) if value is not latest)]
    rows = [
        [
            in_words(value, value.part_end), value.value, value.numerator, value.denominator, value.status,
            value.target, value.target_due, value.trajectory, value.published_value, value.published_difference,
            value.coverage,
        ]
        for value in shown
    ]  # fmt: skip
    title = Bilingual(vi="Giá trị của toàn tỉnh", en="The province's value")
    yield Table(title, columns, rows, f"{kpi.code}-latest")
    yield Heading(Bilingual(vi="Điều cần biết về số này", en="What you should know about this figure"))
    yield Notes(list(_notes(kpi, latest, suppress_below)))


def _notes(kpi: Kpi, latest: Value, suppress_below: int) -> Iterator[Bilingual]:
    if any(value.synthetic for value in kpi.values):
        yield words.SYNTHETIC
    reason = words.withheld({"withheld_reason": latest.withheld_reason}, suppress_below)
    if reason is not None:
        yield reason
    if latest.coverage is not None and latest.coverage < 1:
        yield Bilingual(
            vi=f"Số này dựa trên {percent(latest.coverage).vi} số liệu phải có"
            f" (đơn vị đã báo cáo {percent(latest.coverage_units).vi}, dòng hợp lệ"
            f" {percent(latest.coverage_rows).vi}).",
            en=f"It rests on {percent(latest.coverage).en} of the data that are expected (units that reported:"
            f" {percent(latest.coverage_units).en}; valid rows: {percent(latest.coverage_rows).en}).",
        )
    if latest.stale_inputs:
        yield Bilingual(
            vi=f"Số liệu cũ hoặc bị giữ lại: {latest.stale_inputs}.",
            en=f"Old or held back: {latest.stale_inputs}.",
        )
    if latest.part_start is not None:
        yield words.WITHHELD["definition_changed"]
    changed = [version.valid_from for version in kpi.versions[1:] if version.valid_from <= latest.window_end]
    if changed:
        yield Bilingual(
            vi=f"Định nghĩa thay đổi từ {', '.join(map(VIETNAMESE.day, changed))}: số trước và sau không so sánh được.",
            en=f"The definition changed on {', '.join(map(ENGLISH.day, changed))}: figures before and after do not"
            " compare.",
        )
    hidden = sum(value.suppressed for value in kpi.in_window_of(latest))
    if hidden:
        yield Bilingual(
            vi=f"{hidden} đơn vị bị che: dưới {suppress_below} hồ sơ, hoặc từ đó suy ra được một giá trị như vậy.",
            en=f"{hidden} units are withheld: fewer than {suppress_below} dossiers, or such a count could be computed.",
        )
    if latest.revision:
        times = "once" if latest.revision == 1 else f"{latest.revision} times"
        yield Bilingual(vi=f"Đã đính chính {latest.revision} lần.", en=f"It was revised {times}.")
    stock = kpi.versions[-1].basis == "stock"
    yield Bilingual(
        vi="Đếm trạng thái ngày cuối kỳ." if stock else "Đếm những gì xảy ra trong kỳ.",
        en="It counts the state on the last day of the window." if stock else "It counts what happened in the window.",
    )


def _trend(kpi: Kpi, series: Sequence[Series]) -> Iterator[Block]:
    """The months of the province, of each statistic, with targets, published figures and changes of the definition."""
    together = [each for each in series if each[2] is None] or list(series)
    months = sorted({month_of(value) for each in together for value in kpi.months(each) if value.value is not None})
    if not months:
        return
    by_series = {each: {month_of(value): value for value in kpi.months(each)} for each in together}
    windows = {month: in_words(value, value.part_end) for found in by_series.values() for month, value in found.items()}
    lines = [
        Line(
            series_name(each),
            [_value(by_series[each].get(month)) for month in months],
            "main" if not place else "other",
        )
        for place, each in enumerate(together)
    ]
    first = by_series[together[0]]
    for kind, name in (
        ("target", Bilingual(vi="chỉ tiêu", en="target")),
        ("trajectory", Bilingual(vi="lộ trình", en="trajectory")),
    ):
        values = [getattr(first.get(month), kind, None) for month in months]
        if any(value is not None for value in values):
            lines.append(Line(name, values, kind))
    breaks = [
        (place, Bilingual(vi=f"định nghĩa {value.definition_version}", en=f"definition {value.definition_version}"))
        for place, (month, before) in enumerate(zip(months[1:], months, strict=False), 1)
        if (value := first.get(month))
        and first.get(before)
        and value.definition_version != first[before].definition_version
    ]
    title = Bilingual(vi=f"{kpi.title.vi}, theo tháng", en=f"{kpi.title.en}, by month")
    is_synthetic = any(value.synthetic for value in first.values())
    chart = Chart(title, months, lines, kpi.unit_of_measure, breaks, note=words.SYNTHETIC if is_synthetic else None)
    columns = [Column(Bilingual(vi="Tháng", en="Month"), "window")]
    columns += [
        Column(line.name or Bilingual(vi="Giá trị", en="Value"), "number", kpi.unit_of_measure) for line in lines
    ]
    rows = [[windows[month], *(line.values[place] for line in lines)] for place, month in enumerate(months)]
    yield Heading(Bilingual(vi="Diễn biến", en="Trend"))
    yield Drawing(chart, Table(title, columns, rows, f"{kpi.code}-months"))


def _all(kpi: Kpi, series: Sequence[Series]) -> Iterator[Block]:
    """Every window of the province."""
    unit = kpi.unit_of_measure
    is_several = len(series) > 1
    columns = [
        Column(Bilingual(vi="Kỳ", en="Window"), "window"),
        *([Column(Bilingual(vi="Thống kê, hệ thống", en="Statistic, system"))] if is_several else []),
        Column(Bilingual(vi="Giá trị", en="Value"), "number", unit),
        Column(Bilingual(vi="Tử số", en="Numerator"), "number"),
        Column(Bilingual(vi="Mẫu số", en="Denominator"), "number"),
        Column(Bilingual(vi="Đánh giá", en="Status"), "status"),
        Column(Bilingual(vi="Độ phủ", en="Coverage"), "share"),
        Column(Bilingual(vi="Định nghĩa", en="Definition"), "number"),
    ]
    rows = [
        [
            in_words(value, value.part_end), *([series_name(each) or "–"] if is_several else []),
            value.value, value.numerator, value.denominator, value.status, value.coverage, value.definition_version,
        ]
        for each in series
        for value in kpi.by_series.get(each, ())
    ]  # fmt: skip
    title = Bilingual(vi="Mọi kỳ của toàn tỉnh", en="Every window of the province")
    yield Closed(title, Table(title, columns, rows, f"{kpi.code}-windows"))


def _ranking(figures: Figures, kpi: Kpi, latest: Value, level: str) -> Iterator[Block]:
    """The units of a level among each other, in the window of the province's latest value."""
    found = [value for value in kpi.in_window_of(latest) if value.unit_level == level]
    if not found:
        return
    known = sorted(
        (value for value in found if value.value is not None),
        key=lambda value: value.value or 0.0,
        reverse=kpi.is_better_higher,
    )
    most = max((abs(value.value or 0.0) for value in known), default=0.0) or 1.0
    unit = kpi.unit_of_measure
    columns = [
        Column(Bilingual(vi="Đơn vị", en="Unit"), "link"),
        Column(Bilingual(vi="Hạng", en="Rank"), "number"),
        Column(Bilingual(vi="Giá trị", en="Value"), "number", unit),
        Column(Bilingual(vi="So với toàn tỉnh (vạch)", en="Beside the province (mark)"), "bar"),
        Column(Bilingual(vi="Tử số", en="Numerator"), "number"),
        Column(Bilingual(vi="Mẫu số", en="Denominator"), "number"),
        Column(Bilingual(vi="Độ phủ", en="Coverage"), "share"),
        Column(Bilingual(vi="Đơn vị đã báo cáo", en="Units that reported"), "share"),
        Column(Bilingual(vi="Dòng hợp lệ", en="Valid rows"), "share"),
    ]
    of_province = latest.value / most if latest.value is not None and unit == "percent" else None
    ordered = [*known, *(value for value in found if value.value is None)]
    among = [value.value or 0.0 for value in known]
    rows = [
        [
            Link(figures.name_among_peers(value.unit_code), f"unit/{value.unit_code}.html"),
            kpi.rank(value.value, among),
            words.HIDDEN if value.suppressed else value.value,
            (value.value / most, of_province) if value.value is not None else None,
            value.numerator, value.denominator, value.coverage, value.coverage_units, value.coverage_rows,
        ]
        for value in ordered
    ]  # fmt: skip
    title, window = words.LEVEL[level], in_words(latest)
    yield Heading(title)
    yield Table(
        Bilingual(vi=f"{title.vi}, {window.vi}", en=f"{title.en}, {window.en}"),
        columns, rows, f"{kpi.code}-{level}",
    )  # fmt: skip


def _changes(kpi: Kpi, latest: Value) -> Iterator[Block]:
    """Why the province's values differ from those before."""
    found = [change for change in kpi.changes if change.system is None and change.statistic == latest.statistic]
    if not found:
        return
    parts = [name for name in words.PART if any(abs(getattr(change, name) or 0) >= 0.0005 for change in found)]  # noqa: PLR2004
    columns = [
        Column(Bilingual(vi="Kỳ", en="Window"), "window"),
        Column(Bilingual(vi="Trước", en="Before"), "number", kpi.unit_of_measure),
        Column(Bilingual(vi="Sau", en="After"), "number", kpi.unit_of_measure),
        Column(Bilingual(vi="Chênh lệch", en="Difference"), "number"),
        *(
            Column(Bilingual(vi=words.PART[name].vi.capitalize(), en=words.PART[name].en.capitalize()), "number")
            for name in parts
        ),
    ]
    rows = [
        [
            in_words(change),
            change.value_before,
            change.value,
            float(change.difference or 0),
            *(float(getattr(change, name) or 0) for name in parts),
        ]
        for change in found
    ]
    yield Heading(Bilingual(vi="Vì sao thay đổi", en="Why it changed"))
    reasons = dict.fromkeys(change.not_separated_reason for change in found if change.not_separated_reason)
    yield Notes([words.NOT_SEPARATED[reason] for reason in reasons])
    title = Bilingual(vi="Từ kỳ này sang kỳ khác, và do đâu", en="From one window to the next, and what it is due to")
    yield Table(title, columns, rows, f"{kpi.code}-changes")


def _definitions(figures: Figures, kpi: Kpi) -> Iterator[Block]:
    yield Heading(Bilingual(vi="Định nghĩa", en="Definition"))
    columns = [
        Column(Bilingual(vi="Phiên bản", en="Version"), "number"),
        Column(Bilingual(vi="Công thức", en="Formula")),
        Column(Bilingual(vi="Căn cứ", en="Legal basis")),
        Column(Bilingual(vi="Từ ngày", en="From"), "day"),
        Column(Bilingual(vi="Đến ngày", en="To"), "day"),
    ]
    rows = [
        [version.definition_version, version.formula, version.legal_basis, version.valid_from, version.valid_to]
        for version in reversed(kpi.versions)
    ]
    yield Table(Bilingual(vi="Các phiên bản", en="Versions"), columns, rows, f"{kpi.code}-definitions")
    last, owner = kpi.versions[-1], figures.owner(kpi.versions[-1].owner)
    yield Paragraph(
        Bilingual(vi=f"Mã: {kpi.code}. Phụ trách: {owner}. Đọc các bảng: {last.reads}.",
                  en=f"Code: {kpi.code}. Owner: {owner}. It reads the tables {last.reads}.")
    )  # fmt: skip
    yield Code(Bilingual(vi="Câu SQL của định nghĩa", en="The definition's SQL"), last.sql)


def month_of(value: Value) -> date:
    """Where a month, or a part of one, is on a chart."""
    return value.part_end or value.window_end


def series_name(series: Series) -> Bilingual | None:
    """Which statistic and system a series is of; none where there is but one."""
    statistic, system = series[1:]
    named = [words.statistic(statistic)] if statistic is not None else []
    named += [Bilingual(vi=system, en=system)] if system is not None else []
    if not named:
        return None
    return Bilingual(vi=", ".join(each.vi for each in named), en=", ".join(each.en for each in named))


def _value(value: Value | None) -> float | None:
    return None if value is None else value.value

"""The front page: every KPI of the province at a glance, and first of all what is wrong with the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.report import place
from dx_pipeline.report.figures import WHOLE, Figures, Kpi, Value
from dx_pipeline.report.page import Block, Card, Cards, Column, Heading, Link, Notes, Page, Table, Trend
from dx_pipeline.report.window import in_words, measured, percent

TOPICS = {
    "statistics": Bilingual(vi="Thủ tục, dịch vụ công và hồ sơ", en="Procedures, services and dossiers"),
    "connection": Bilingual(vi="Kết nối với hệ thống quốc gia", en="Connections to national systems"),
    "programme": Bilingual(vi="Chương trình chuyển đổi số", en="The programme of digital transformation"),
}
"""By the schema of the tables that a KPI reads: what it is about."""

HELD_BACK = """
    SELECT table_name, source, month, state, problem FROM ledger.partition
    WHERE state <> 'current' ORDER BY state DESC, table_name, source, month
"""
MOST_HELD_BACK = 6
"""So many partitions are named on the front page; the page of quality has all."""

STATES = {
    "stale": Bilingual(
        vi="số liệu mới bị giữ lại, vẫn dùng số liệu cũ", en="what is new is held back, the old rows stay"
    ),
    "missing": Bilingual(vi="chưa có số liệu", en="there are no rows"),
}

COLUMNS = (
    Column(Bilingual(vi="KPI", en="KPI"), "link"),
    Column(Bilingual(vi="Kỳ", en="Window"), "window"),
    Column(Bilingual(vi="Giá trị", en="Value"), "figure"),
    Column(Bilingual(vi="Diễn biến", en="Trend"), "trend"),
    Column(Bilingual(vi="Đánh giá", en="Status"), "status"),
    Column(Bilingual(vi="Chỉ tiêu", en="Target"), "figure"),
    Column(Bilingual(vi="Lộ trình", en="Trajectory"), "figure"),
    Column(Bilingual(vi="Đã công bố", en="Published"), "figure"),
    Column(Bilingual(vi="Độ phủ", en="Coverage"), "share"),
)


def page(figures: Figures, catalogue: Catalogue) -> Page:
    """The front page.

    Args:
        figures: the release.
        catalogue: which KPIs are shown first, and the titles of tables.
    """
    first = [figures.kpis[code] for code in catalogue.province.headline if code in figures.kpis]
    held_back = list(_held_back(figures, catalogue))
    blocks: list[Block] = [Notes([*held_back, *_warnings(figures)], is_bad=bool(held_back))]
    blocks.append(Cards([card for kpi in first if (card := _card(kpi)) is not None]))
    for schema, title in TOPICS.items():
        kpis = [kpi for kpi in figures.kpis.values() if _schema(kpi) == schema]
        if kpis:
            blocks += [Heading(title), _table(title, kpis)]
    title = Bilingual(vi="Các chỉ số chuyển đổi số", en="KPIs of digital transformation")
    return Page(place.FRONT, title, blocks, Bilingual(vi="Trang đầu", en="Front page"))


def _schema(kpi: Kpi) -> str:
    schemas = {table.partition(".")[0] for table in kpi.versions[-1].reads.split(", ")}
    return next((topic for topic in TOPICS if topic in schemas), "programme")


def _held_back(figures: Figures, catalogue: Catalogue) -> Iterator[Bilingual]:
    """What is missing in the release or older than it should be, one sentence each."""
    found = figures.rows(HELD_BACK)
    for row in found[:MOST_HELD_BACK]:
        table = catalogue.contracts[row["table_name"]].title
        where = ", ".join(str(row[name]) for name in ("source", "month") if row[name])
        state = STATES[row["state"]]
        problem = f": {row['problem']}" if row["problem"] else ""
        yield Bilingual(
            vi=f"{table.vi} ({where}): {state.vi}{problem}", en=f"{table.en} ({where}): {state.en}{problem}"
        )
    rest = len(found) - MOST_HELD_BACK
    if rest > 0:
        yield Bilingual(vi=f"… và {rest} phân vùng khác: xem trang Chất lượng.", en=f"… and {rest} more: see Quality.")


def _warnings(figures: Figures) -> Iterator[Bilingual]:
    """What a reader has to know before the figures."""
    latest = [value for kpi in figures.kpis.values() for value in _shown(kpi)]
    without = sum(value.value is None for value in latest)
    if without:
        yield Bilingual(
            vi=f"{without} trên {len(latest)} giá trị chưa có đủ dữ liệu.",
            en=f"{without} of {len(latest)} values have not enough data.",
        )
    partial = sum(value.value is not None and (value.coverage or 0) < 1 for value in latest)
    if partial:
        yield Bilingual(
            vi=f"{partial} giá trị dựa trên số liệu chưa đầy đủ: xem cột độ phủ.",
            en=f"{partial} values rest on data that are not complete: see their coverage.",
        )
    stale = sum(bool(value.stale_inputs) for value in latest)
    if stale:
        yield Bilingual(vi=f"{stale} giá trị dùng số liệu cũ.", en=f"{stale} values use old data.")


def _shown(kpi: Kpi) -> Iterator[Value]:
    """The latest value of each statistic of all systems together."""
    for statistic, system in kpi.statistics:
        latest = kpi.latest((WHOLE, statistic, system)) if system is None else None
        if latest is not None:
            yield latest


def _trend(kpi: Kpi, value: Value) -> Trend:
    months = [each.value for each in kpi.months(value.series)]
    label = Bilingual(vi=f"Diễn biến theo tháng: {kpi.title.vi}", en=f"Trend by month: {kpi.title.en}")
    return Trend(months, label, kpi.breaks(value.series))


def _card(kpi: Kpi) -> Card | None:
    value = next(_shown(kpi), None)
    if value is None:
        return None
    return Card(
        title=Link(kpi.title, place.of_kpi(kpi.code)),
        value=_of(kpi, value.value),
        window=in_words(value, value.part_end),
        status=value.status,
        sentences=list(_about(kpi, value)),
        trend=_trend(kpi, value),
    )


def _about(kpi: Kpi, value: Value) -> Iterator[Bilingual]:
    """Target, published figures and coverage of a KPI, one sentence each."""
    if value.target is not None:
        shown, due = _of(kpi, value.target), f" ({value.target_due.year})" if value.target_due else ""
        yield Bilingual(vi=f"Chỉ tiêu: {shown.vi}{due}", en=f"Target: {shown.en}{due}")
    for each in [each for each in kpi.published(value.series) if each.value is not None][-1:]:
        figure, found, window = _of(kpi, each.published_value), _of(kpi, each.value), in_words(each)
        yield Bilingual(
            vi=f"Đã công bố cho {window.vi}: {figure.vi}; đo được {found.vi}",
            en=f"Published for {window.en}: {figure.en}; measured: {found.en}",
        )
    share = percent(value.coverage)
    yield Bilingual(vi=f"Độ phủ: {share.vi}", en=f"Coverage: {share.en}")


def _table(heading: Bilingual, kpis: Sequence[Kpi]) -> Table:
    """The KPIs of a topic, each statistic in a row."""
    rows = []
    for kpi in kpis:
        for value in _shown(kpi):
            published = [each for each in kpi.published(value.series) if each.value is not None]
            rows.append(
                [
                    Link(kpi.titled(value.statistic), place.of_kpi(kpi.code)),
                    in_words(value, value.part_end), _figure(kpi, value.value), _trend(kpi, value), value.status,
                    _figure(kpi, value.target), _figure(kpi, value.trajectory),
                    _published(kpi, published[-1]) if published else None, value.coverage,
                ]
            )  # fmt: skip
    return Table(heading, COLUMNS, rows)


def _published(kpi: Kpi, value: Value) -> Bilingual:
    figure, window = _of(kpi, value.published_value), in_words(value)
    return Bilingual(vi=f"{figure.vi} ({window.vi})", en=f"{figure.en} ({window.en})")


def _figure(kpi: Kpi, value: float | None) -> Bilingual | None:
    """A figure of a KPI with its unit, if it is known."""
    return None if value is None else _of(kpi, value)


def _of(kpi: Kpi, value: float | None) -> Bilingual:
    """A figure of a KPI with its unit; a dash where it is not known."""
    return measured(value, kpi.unit_of_measure)

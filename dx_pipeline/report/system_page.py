"""The page of a system: how available, how fast and how used the province's connection to it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.kpi import words
from dx_pipeline.report import legal, place
from dx_pipeline.report.chart import Calendar, Chart, Line
from dx_pipeline.report.figures import WHOLE, Figures, Value
from dx_pipeline.report.page import Block, Closed, Column, Drawing, Heading, Link, Notes, Page, Table
from dx_pipeline.report.window import Window, in_words, unit_in_words

SYSTEMS = "systems.html"
"""Where the list of all systems is."""

AVAILABILITY, LATENCY, VOLUME = "connection_availability", "exchange_latency", "exchange_volume"
METASERVICES = {
    "listMethods", "allowedMethods", "getWsdl", "getOpenAPI", "listClients", "getSecurityServerOperationalData",
    "getSecurityServerHealthData", "getSecurityServerMetrics",
}  # fmt: skip
"""What every X-Road server offers about itself (X-Road: Service Metadata, Operational Monitoring protocols)."""

BY_SYSTEM = ("connection_undeclared", "connection_unused", "orphan_exchange_share", "connection_freshness")
"""The KPIs by system that its page lists besides."""

OPERATION_COLUMNS = (
    Column(Bilingual(vi="Dịch vụ dữ liệu", en="Operation")),
    Column(Bilingual(vi="Tình trạng", en="State")),
    Column(Bilingual(vi="Giao thức", en="Protocol")),
    Column(Bilingual(vi="Hoạt động từ", en="Live since"), "day"),
    Column(Bilingual(vi="Lượt gọi", en="Calls"), "number"),
    Column(Bilingual(vi="Thành công", en="Succeeded"), "share"),
    Column(Bilingual(vi="Phía gọi, trung bình", en="Client side, mean"), "number", "ms"),
    Column(Bilingual(vi="Phía cung cấp, trung bình", en="Provider side, mean"), "number", "ms"),
    Column(Bilingual(vi="Gửi đi, trung bình", en="Sent, mean"), "number", "byte"),
    Column(Bilingual(vi="Nhận về, trung bình", en="Received, mean"), "number", "byte"),
    Column(Bilingual(vi="Căn cứ", en="Legal basis")),
)

DAY_COLUMNS = (
    Column(Bilingual(vi="Ngày", en="Day"), "day"),
    Column(Bilingual(vi="Lượt gọi", en="Calls"), "number"),
    Column(Bilingual(vi="Thành công", en="Succeeded"), "share"),
    Column(Bilingual(vi="Lỗi phía gọi", en="Failed on the calling side"), "number"),
    Column(Bilingual(vi="Lỗi phía cung cấp", en="Failed on the providing side"), "number"),
    Column(Bilingual(vi="Lỗi đường truyền", en="Failed on the way"), "number"),
)


def pages(figures: Figures) -> list[Page]:
    """The list of the connected systems, and the page of each."""
    systems = figures.rows("SELECT system, name_vi, name_en FROM reference.system WHERE is_planned ORDER BY system")
    if not systems or AVAILABILITY not in figures.kpis:
        return []
    return [_list(figures, systems), *(_page(figures, row) for row in systems)]


def _list(figures: Figures, systems: list[dict[str, Any]]) -> Page:
    columns = [
        Column(Bilingual(vi="Hệ thống", en="System"), "link"),
        Column(Bilingual(vi="Tháng", en="Month"), "window"),
        Column(Bilingual(vi="Sẵn sàng", en="Available"), "number", "percent"),
        Column(Bilingual(vi="Cam kết", en="Agreed"), "number", "percent"),
        Column(Bilingual(vi="Đánh giá", en="Status"), "status"),
        Column(Bilingual(vi="Lượt trao đổi", en="Exchanges"), "number"),
        *(Column(Bilingual(vi=name, en=name), "number", "ms") for name in ("p50", "p95", "p99")),
    ]
    rows = []
    for row in systems:
        system = row["system"]
        available = _latest(figures, AVAILABILITY, "exchange", system)
        rows.append(
            [
                Link(Bilingual(vi=row["name_vi"], en=row["name_en"]), place.of_system(system)),
                _month(available),
                available and available.value,
                available and available.target,
                available and available.status,
                _value(_latest(figures, VOLUME, None, system)),
                *(_value(_latest(figures, LATENCY, name, system)) for name in ("p50", "p95", "p99")),
            ]
        )
    title = Bilingual(vi="Kết nối với hệ thống quốc gia", en="Connections to national systems")
    return Page(SYSTEMS, title, [Table(title, columns, rows, "systems")], Bilingual(vi="Hệ thống", en="Systems"))


def _page(figures: Figures, row: dict[str, Any]) -> Page:
    system, title = row["system"], Bilingual(vi=row["name_vi"], en=row["name_en"])
    blocks = [
        *_availability(figures, system), *_latency(figures, system), *_volume(figures, system), *_days(figures, system),
        *_operations(figures, system), *_others(figures, system),
    ]  # fmt: skip
    if not blocks:
        blocks = [Notes([Bilingual(vi="Hệ thống này chưa giao số liệu nào.", en="The system has delivered no data.")])]
    return Page(place.of_system(system), title, blocks)


def _months(figures: Figures, code: str, statistic: str | None, system: str) -> list[Value]:
    kpi = figures.kpis.get(code)
    return kpi.months((WHOLE, statistic, system)) if kpi is not None else []


def _latest(figures: Figures, code: str, statistic: str | None, system: str) -> Value | None:
    known = [value for value in _months(figures, code, statistic, system) if value.value is not None]
    return known[-1] if known else None


def _value(value: Value | None) -> float | None:
    return value.value if value is not None else None


def _month(value: Value | None) -> Window | None:
    return in_words(value) if value is not None else None


def _availability(figures: Figures, system: str) -> Iterator[Block]:
    measured = _months(figures, AVAILABILITY, "exchange", system)
    if not any(value.value is not None for value in measured):
        return
    title = Bilingual(vi="Mức sẵn sàng so với mức cam kết", en="Availability and the agreed level")
    lines = [
        Line(Bilingual(vi="đo được", en="measured"), [value.value for value in measured]),
        Line(Bilingual(vi="cam kết", en="agreed"), [value.target for value in measured], "target"),
    ]
    yield from _drawing(title, measured, lines, "percent", f"{system}-availability", figures)


def _latency(figures: Figures, system: str) -> Iterator[Block]:
    series = {name: _months(figures, LATENCY, name, system) for name in ("p50", "p95", "p99")}
    if not any(value.value is not None for values in series.values() for value in values):
        return
    lines = [
        Line(Bilingual(vi=name, en=name), [value.value for value in values], "main" if name == "p95" else "other")
        for name, values in series.items()
    ]
    title = Bilingual(vi="Thời gian trả lời: p50, p95, p99", en="Response time: p50, p95, p99")
    yield from _drawing(title, series["p50"], lines, "ms", f"{system}-latency", figures)


def _volume(figures: Figures, system: str) -> Iterator[Block]:
    measured = _months(figures, VOLUME, None, system)
    if not any(value.value is not None for value in measured):
        return
    title = Bilingual(vi="Số lượt trao đổi theo tháng", en="Exchanges by month")
    lines = [Line(Bilingual(vi="lượt", en="exchanges"), [value.value for value in measured])]
    yield from _drawing(title, measured, lines, "", f"{system}-volume", figures, is_columns=True)


def _drawing(
    title: Bilingual,
    months: list[Value],
    lines: list[Line],
    unit: str,
    name: str,
    figures: Figures,
    *,
    is_columns: bool = False,
) -> Iterator[Block]:
    places = [month.window_end for month in months]
    chart = Chart(title, places, lines, unit, is_columns=is_columns, note=_note(figures))
    columns = [Column(Bilingual(vi="Tháng", en="Month"), "window")]
    columns += [Column(line.name or title, "number", unit) for line in lines]
    rows = [[in_words(month), *(line.values[place] for line in lines)] for place, month in enumerate(months)]
    yield Heading(title)
    yield Drawing(chart, Table(title, columns, rows, name))


def _note(figures: Figures) -> Bilingual | None:
    return words.SYNTHETIC if figures.is_synthetic else None


def _days(figures: Figures, system: str) -> Iterator[Block]:
    found = figures.rows(sql_file(__file__, "system_day"), system=system)
    if not found:
        return
    title = Bilingual(
        vi="Tỷ lệ thành công theo ngày, không tính lỗi do bên gọi",
        en="Share of calls that succeeded, by day, without faults of the calling side",
    )
    latest = _latest(figures, AVAILABILITY, "exchange", system)
    agreed = latest.target / 100 if latest is not None and latest.target is not None else None
    asked = {row["day"]: row["call_count"] - row["failed_client_count"] for row in found}
    shares = {row["day"]: row["succeeded_count"] / asked[row["day"]] for row in found if asked[row["day"]]}
    rows = [
        [row["day"], row["call_count"], shares.get(row["day"]), *(row[f"failed_{side}_count"] for side in SIDES)]
        for row in found
    ]
    yield Heading(title)
    yield Drawing(Calendar(title, shares, agreed, _note(figures)), Table(title, DAY_COLUMNS, rows, f"{system}-days"))
    if agreed is not None:
        below = sum(share < agreed for share in shares.values())
        yield Notes(
            [
                Bilingual(
                    vi=f"Dấu × là ngày dưới mức cam kết: {below} trên {len(shares)} ngày.",
                    en=f"× is a day below the agreed level: {below} of {len(shares)} days.",
                )
            ]
        )


SIDES = ("client", "server", "network")


def _operations(figures: Figures, system: str) -> Iterator[Block]:
    found = figures.rows(sql_file(__file__, "system_operation"), system=system)
    for is_meta, title, name in (
        (False, Bilingual(vi="Dịch vụ dữ liệu, tháng gần nhất", en="Operations, latest month"), "operations"),
        (
            True,
            Bilingual(vi="Dịch vụ kỹ thuật của X-Road, tháng gần nhất", en="X-Road's metaservices, latest month"),
            "metaservices",
        ),
    ):
        rows = [_operation(row) for row in found if (row["operation"] in METASERVICES) is is_meta]
        if rows:
            yield Heading(title)
            yield Table(title, OPERATION_COLUMNS, rows, f"{system}-{name}")


def _operation(row: dict[str, Any]) -> list[Any]:
    calls = row["call_count"]
    if not row["is_declared"]:
        state = Bilingual(vi="được gọi nhưng không có trong danh sách", en="called, but not in the register")
    elif not calls:
        state = Bilingual(vi="có trong danh sách nhưng không được gọi", en="in the register, but not called")
    else:
        state = Bilingual(vi="đang dùng", en="in use")
    return [
        row["operation"], state, row["protocol"], row["go_live_on"], calls,
        row["succeeded_count"] / calls if calls else None, row["mean_client_ms"], row["mean_provider_ms"],
        row["mean_request_bytes"], row["mean_response_bytes"],
        legal.in_words(row["legal_basis"]),
    ]  # fmt: skip


def _others(figures: Figures, system: str) -> Iterator[Block]:
    columns = [
        Column(Bilingual(vi="KPI", en="KPI"), "link"),
        Column(Bilingual(vi="Tháng", en="Month"), "window"),
        Column(Bilingual(vi="Giá trị", en="Value"), "number"),
        Column(Bilingual(vi="Đơn vị tính", en="Unit of measure")),
    ]
    rows = []
    for code in BY_SYSTEM:
        value = _latest(figures, code, None, system)
        if value is not None:
            unit = figures.kpis[code].unit_of_measure
            link = Link(figures.kpis[code].title, place.of_kpi(code))
            rows.append([link, _month(value), value.value, unit_in_words(unit)])
    if rows:
        title = Bilingual(vi="Các KPI khác của hệ thống", en="Other KPIs of the system")
        yield Closed(title, Table(title, columns, rows, f"{system}-kpis"))

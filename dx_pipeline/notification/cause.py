"""Causes: each thing that is wrong now and stays so until somebody acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dx_pipeline import connectors
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.connector import XRoad
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.kpi import revision
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables.ledger import Ledger
from dx_pipeline.tables.silence import silences


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong.

    Args:
        key: what makes it the same cause tomorrow: no number or moment that changes while it lasts.
        sentence: what is wrong where, and what to do.
    """

    key: str
    sentence: Bilingual


def causes(settings: Settings, catalogue: Catalogue, now: datetime) -> list[Cause]:
    """Everything that is wrong in a warehouse, in a repeatable order.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        now: with a zone: what is late, and what a remote server will delete, depends on it.
    """
    return [
        *_held_back(settings, catalogue),
        *_not_fetched(settings, catalogue),
        *_nearly_lost(settings, catalogue, now),
        *_late(settings, catalogue, now),
        *_proposed(settings),
    ]


def _held_back(settings: Settings, catalogue: Catalogue) -> Iterator[Cause]:
    """Partitions and KPI values whose latest rows were not published."""
    for state in Ledger.read(settings, catalogue).held_back:
        if state.is_of_delivery and state.problem is not None:
            why = state.problem_vi or state.problem
            yield Cause(
                f"held back: {state.key}: {state.problem}",
                Bilingual(
                    vi=f"Giữ lại {state.key}, bản tốt gần nhất vẫn được dùng: {why} Xem 'dx doctor'.",
                    en=f"Held back {state.key}, the last good one stays: {state.problem} See 'dx doctor'.",
                ),
            )


def _late(settings: Settings, catalogue: Catalogue, now: datetime) -> Iterator[Cause]:
    """Sources that should have delivered months by now, from their first one on; another month is another cause."""
    today = now.astimezone(ZoneInfo(settings.time_zone)).date()
    landed = {name: next(deliveries.months_landed(settings, name), None) for name in catalogue.monthly}
    started = {name: month for name, month in landed.items() if month is not None}
    months = list(min(started.values()).through(Month.of(today))) if started else []
    overdue = [silence for silence in silences(settings, catalogue, months, today) if silence.is_overdue]
    for name, first in started.items():
        late = [silence for silence in overdue if silence.source == name and silence.month >= first]
        if late:
            which = str(late[0].month) if len(late) == 1 else f"{late[0].month} – {late[-1].month} ({len(late)})"
            yield Cause(
                f"late: {name} {late[0].month} {late[-1].month}",
                Bilingual(
                    vi=f"Nguồn {name} chưa giao số liệu tháng {which}, hạn {late[-1].due_on:%d/%m/%Y}: hãy hỏi cơ quan"
                    " giao.",
                    en=f"Source {name} has not delivered {which}, due on {late[-1].due_on}: ask whoever delivers it.",
                ),
            )


def _not_fetched(settings: Settings, catalogue: Catalogue) -> Iterator[Cause]:
    """Remote sources whose latest attempt of a month failed."""
    for name, source in catalogue.sources.items():
        for month in attempts.months(settings, name) if connectors.is_remote(source) else ():
            problem = attempts.problem(settings, name, month)
            if problem is not None:
                yield Cause(
                    f"not fetched: {name} {month}",
                    Bilingual(
                        vi=f"Không lấy được {name} {month}: {problem.vi}",
                        en=f"Not fetched, {name} {month}: {problem.en}",
                    ),
                )


def _nearly_lost(settings: Settings, catalogue: Catalogue, now: datetime) -> Iterator[Cause]:
    """X-Road servers that delete records before the pipeline has fetched them, if nothing is done."""
    for name, source in catalogue.sources.items():
        declared = source.source.connector
        if isinstance(declared, XRoad):
            from dx_pipeline.connectors import xroad  # an HTTP client, which most projects and nights do without

            tomorrow = now + timedelta(days=1)
            kept = xroad.retention(settings, name, declared, now=now, next_fetch_at=tomorrow)
            if kept.is_in_danger:
                by = f"{kept.lost_after:%Y-%m-%d %H:%M}" if kept.lost_after else ""
                yield Cause(
                    f"nearly lost: {name}",
                    Bilingual(
                        vi=f"Máy chủ X-Road của {name} sắp xóa nhật ký {by}: chạy 'dx run' ngay, nếu không số liệu mất"
                        " hẳn.",
                        en=f"The X-Road server of {name} deletes records {by}: use 'dx run' now, or they are lost for"
                        " good.",
                    ),
                )


def _proposed(settings: Settings) -> Iterator[Cause]:
    """Deliveries that came after their month had closed, and wait for a decision."""
    for proposal in revision.proposals(settings):
        yield Cause(
            f"proposed: {proposal.key}",
            Bilingual(
                vi=f"Đề nghị đính chính {proposal.key}: xem 'dx revision list', rồi chấp nhận hoặc bỏ tệp.",
                en=f"Proposed revision of {proposal.key}: see 'dx revision list', then accept it or remove the file.",
            ),
        )

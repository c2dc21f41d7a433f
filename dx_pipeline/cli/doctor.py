"""`dx doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from dx_pipeline import connectors, release
from dx_pipeline.cli import screen
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.ledger import Ledger

STATE_WORDS = {
    "current": "mới nhất / current",
    "stale": "Còn giữ bản cũ / Stale",
    "missing": "Chưa có dữ liệu / Missing",
}
ATTEMPT_WORDS = {
    "ok": "có dữ liệu / new data",
    "unchanged": "không đổi / unchanged",
    "empty": "rỗng / empty",
    "failed": "thất bại / failed",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was checked, whether it is well, and the details."""

    subject: str
    is_well: bool
    details: str


def examine(settings: Settings, catalogue: Catalogue) -> list[Finding]:
    """Every finding about a warehouse and its declarations."""
    declared = (
        f"{len(catalogue.contracts)} bảng / tables, {len(catalogue.sources)} nguồn / sources, {len(catalogue.kpis)} KPI"
    )
    return [
        Finding("Python", is_well=True, details=platform.python_version()),
        Finding("DuckDB", is_well=True, details=duckdb.__version__),
        Finding("Kho dữ liệu / Warehouse", settings.warehouse.is_dir(), str(settings.warehouse)),
        Finding("Khai báo / Declarations", is_well=True, details=declared),
        *_of_release(settings, catalogue),
        *_of_inbox(settings, catalogue),
        *_of_sources(settings, catalogue),
    ]


def show(findings: list[Finding]) -> None:
    """Print the findings as a table."""
    marks = {True: "[green]✓[/]", False: "[red]✗[/]"}
    rows = [(finding.subject, marks[finding.is_well], finding.details.replace("; ", "\n")) for finding in findings]
    screen.show_table("dx doctor", ("", "", ""), rows)


def _of_release(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    subject = "Bản công bố / Release"
    current = release.current_id(settings)
    if current is None:
        yield Finding(subject, is_well=False, details="chưa có: chạy 'dx run' / none yet: run 'dx run'")
        return
    problems = release.problems(settings.current, catalogue)
    yield Finding(subject, not problems, problems[0] if problems else f"{current}: đã kiểm chứng / verified")


def _of_inbox(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    strays = inbox.strays(settings, frozenset(catalogue.monthly))
    if strays:
        listed = ", ".join(str(path) for path in strays)
        details = f"không thuộc nguồn hay tháng nào / belongs to no source or month: {listed}"
        yield Finding("Hộp thư / Inbox", is_well=False, details=details)


def _of_sources(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """For each source the state of its partitions, the rows in quarantine, and the latest problem."""
    ledger = Ledger.read(settings, catalogue)
    for name, source in catalogue.sources.items():
        states = [state for state in ledger.states if state.key.source == name]
        counts = Counter(state.state for state in states)
        quarantined = sum(
            counts.quarantined for key, run in ledger.runs.items() if key.source == name for counts in run.counts
        )
        bad = [state for state in states if state.state != "current"]
        parts = [f"{counts[state]} {STATE_WORDS[state].lower()}" for state in STATE_WORDS if counts[state]]
        if quarantined:
            parts.append(f"{quarantined} dòng cách ly / rows in quarantine")
        if bad:
            parts.append(f"{bad[-1].key}: {bad[-1].problem}")
        if not states:
            parts.append("chưa giao gì / nothing delivered yet")
        if not source.is_reference:
            parts += _of_deliveries(settings, source)
        yield Finding(f"{source.source.title.vi} ({name})", bool(states) and not bad, "; ".join(parts))
    yield from _of_connectors(settings, catalogue)
    for run in partition.runs(settings):
        if run.kpi_code is not None and run.problem:
            yield Finding(f"KPI {run.kpi_code}", is_well=False, details=run.problem)


def _of_deliveries(settings: Settings, source: DeclaredSource) -> Iterator[str]:
    """The result of a source's latest delivery or attempt, and by when its next one is due."""
    months = attempts.months(settings, source.name)
    if not months:
        return
    latest = max(
        (attempt for month in months for attempt in attempts.read(settings, source.name, month)),
        key=lambda attempt: attempt.started_at,
    )
    zone = ZoneInfo(settings.time_zone)
    at = latest.started_at.astimezone(zone)
    result = latest.error_class or latest.status
    yield f"lần gần nhất / last: {at:%Y-%m-%d %H:%M} {ATTEMPT_WORDS[latest.status]} ({result})"
    landed = list(deliveries.months_landed(settings, source.name))
    awaited = landed[-1].plus(1) if landed else months[0]
    calendar = source.source.calendar
    late = ", quá hạn / overdue" if datetime.now(zone).date() > calendar.late_after(awaited) else ""
    yield f"kỳ tới / next: {awaited}, hạn / due {calendar.due(awaited)}{late}"


def _of_connectors(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """Every remote source whose latest attempt failed."""
    for name, source in catalogue.sources.items():
        if connectors.is_remote(source):
            problems = [attempts.problem(settings, name, month) for month in attempts.months(settings, name)]
            latest = next((problem for problem in reversed(problems) if problem), None)
            if latest is not None:
                yield Finding(f"Kết nối / Connector {name}", is_well=False, details=latest)

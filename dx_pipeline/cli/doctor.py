"""`dx doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb

from dx_pipeline import catalogue, connector, landing, outcome, partition, release
from dx_pipeline.catalogue import Catalogue, DeclaredSource
from dx_pipeline.cli import screen
from dx_pipeline.connector import files
from dx_pipeline.database import TIME_ZONE
from dx_pipeline.errors import DeclarationError
from dx_pipeline.ledger import Ledger
from dx_pipeline.settings import Settings

STATE_WORDS = {
    "current": "mới nhất / current",
    "stale": "Còn giữ bản cũ / Stale",
    "missing": "Chưa có dữ liệu / Missing",
}
OUTCOME_WORDS = {
    "ok": "có dữ liệu / new data",
    "unchanged": "không đổi / unchanged",
    "empty": "rỗng / empty",
    "failed": "thất bại / failed",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    is_well: bool
    said: str


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be said of a warehouse and its declarations, worst last."""
    findings = [
        Finding("Python", is_well=True, said=platform.python_version()),
        Finding("DuckDB", is_well=True, said=duckdb.__version__),
        Finding("Kho dữ liệu / Warehouse", settings.warehouse.is_dir(), str(settings.warehouse)),
    ]
    try:
        declared = catalogue.load(settings.project)
    except DeclarationError as error:
        return [*findings, Finding("Khai báo / Declarations", is_well=False, said=str(error))]
    said = f"{len(declared.contracts)} bảng / tables, {len(declared.sources)} nguồn / sources, {len(declared.kpis)} KPI"
    findings.append(Finding("Khai báo / Declarations", is_well=True, said=said))
    findings += _of_release(settings, declared)
    findings += _of_inbox(settings, declared)
    findings += _of_sources(settings, declared)
    return findings


def show(findings: list[Finding]) -> None:
    """The findings as a table."""
    marks = {True: "[green]✓[/]", False: "[red]✗[/]"}
    rows = [(finding.subject, marks[finding.is_well], finding.said.replace("; ", "\n")) for finding in findings]
    screen.show_table("dx doctor", ("", "", ""), rows)


def _of_release(settings: Settings, declared: Catalogue) -> Iterator[Finding]:
    subject = "Bản công bố / Release"
    in_force = release.current_id(settings)
    if in_force is None:
        yield Finding(subject, is_well=False, said="chưa có: chạy 'dx run' / none yet: run 'dx run'")
        return
    problems = release.problems(settings.current, declared)
    yield Finding(subject, not problems, problems[0] if problems else f"{in_force}: đã kiểm chứng / verified")


def _of_inbox(settings: Settings, declared: Catalogue) -> Iterator[Finding]:
    strays = files.strays(settings, frozenset(declared.monthly))
    if strays:
        listed = ", ".join(str(path) for path in strays)
        said = f"không thuộc nguồn hay tháng nào / belongs to no source or month: {listed}"
        yield Finding("Hộp thư / Inbox", is_well=False, said=said)


def _of_sources(settings: Settings, declared: Catalogue) -> Iterator[Finding]:
    """For each source how its partitions stand, how much is in quarantine, and the latest problem."""
    read = Ledger.read(settings, declared)
    for name, source in declared.sources.items():
        states = [state for state in read.states if state.key.source == name]
        counts = Counter(state.state for state in states)
        quarantined = sum(
            item.quarantined for key, record in read.records.items() if key.source == name for item in record.counts
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
    yield from _of_outcomes(settings, declared)
    held_kpis = [record for record in partition.records(settings) if record.table == "kpi.value" and record.problem]
    for record in held_kpis:
        yield Finding(f"KPI {record.source}", is_well=False, said=str(record.problem))


def _of_deliveries(settings: Settings, source: DeclaredSource) -> Iterator[str]:
    """What became of a source's latest delivery or attempt, and by when its next one is due."""
    months = outcome.months(settings, source.name)
    if not months:
        return
    latest = max(
        (item for month in months for item in outcome.read(settings, source.name, month)),
        key=lambda item: item.started_at,
    )
    at = latest.started_at.astimezone(ZoneInfo(TIME_ZONE))
    result = latest.error_class or latest.status
    yield f"lần gần nhất / last: {at:%Y-%m-%d %H:%M} {OUTCOME_WORDS[latest.status]} ({result})"
    landed = list(landing.months_landed(settings, source.name))
    awaited = landed[-1].plus(1) if landed else months[0]
    calendar = source.source.calendar
    today = datetime.now(ZoneInfo(TIME_ZONE)).date()
    late = ", quá hạn / overdue" if today > calendar.late_after(awaited) else ""
    yield f"kỳ tới / next: {awaited}, hạn / due {calendar.due(awaited)}{late}"


def _of_outcomes(settings: Settings, declared: Catalogue) -> Iterator[Finding]:
    """Every source that did not answer when it was asked last."""
    for name, source in declared.sources.items():
        if connector.is_remote(source.source):
            problems = [outcome.problem(settings, name, month) for month in outcome.months(settings, name)]
            said = next((problem for problem in reversed(problems) if problem), None)
            if said is not None:
                yield Finding(f"Kết nối / Connector {name}", is_well=False, said=said)

"""`dx doctor`: findings about the warehouse and its sources, and what to do about them."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import click
import duckdb
from rich.markup import escape

from dx_pipeline import connectors, integrity, notification, progress, release
from dx_pipeline.cli import project, reference, revisions, screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.status import HELD_BACK, WELL
from dx_pipeline.connectors import inbox
from dx_pipeline.connectors.inbox import Stray, Why
from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.kpi import revision
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.ledger import Ledger, PartitionState
from dx_pipeline.tables.partition import Key

STATE_WORDS = {
    "current": ("mới nhất", "current"),
    "stale": ("còn giữ bản cũ", "stale"),
    "missing": ("chưa có dữ liệu", "missing"),
}
ATTEMPT_WORDS = {
    "ok": ("có dữ liệu", "new data"),
    "unchanged": ("không đổi", "unchanged"),
    "empty": ("rỗng", "empty"),
    "failed": ("thất bại", "failed"),
}


STRAY_WORDS: dict[Why, tuple[str, str]] = {
    "no_source_or_month": ("không thuộc nguồn hay tháng nào", "belongs to no source or month"),
    "folder": ("thư mục, không được đọc", "a folder, which is not read: put the files one level up"),
    "link": ("liên kết, không được đọc theo", "a link, which is not followed: put the file itself there"),
    "future": (
        "có ngày giờ ở tương lai: hãy chỉnh đồng hồ nơi gửi, rồi đặt lại ngày giờ của tệp ('touch')",
        "has a time in the future: correct the sender's clock, then the time of the file ('touch')",
    ),
    "pipe": ("ống dẫn, không được mở", "a named pipe, which is not opened"),
    "socket": ("socket, không được mở", "a socket, which is not opened"),
    "device": ("thiết bị, không được mở", "a device, which is not opened"),
    "ignored": ("bỏ qua theo tên", "ignored by its name"),
}


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was checked, whether it is well, and the details.

    Args:
        subject: what was checked.
        is_well: whether there is nothing to do.
        details: the state, in few words.
        reasons: why it is not well, each in one sentence; without any, the details say it.
    """

    subject: str
    is_well: bool
    details: str
    reasons: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding for scripts; the details include the reasons."""
        details = "; ".join(filter(None, (*self.reasons, self.details)))
        return {"subject": self.subject, "is_well": self.is_well, "details": details, "reasons": list(self.reasons)}


@click.command()
@on_project
def doctor(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """What `dx doctor` does."""
    with bar("dx doctor", steps(catalogue)):
        findings = examine(settings, catalogue)
    if as_json:
        screen.show_json([finding.as_json() for finding in findings])
    else:
        show(findings)
    return WELL if all(finding.is_well for finding in findings) else HELD_BACK


def steps(catalogue: Catalogue) -> int:
    """How many steps of an examination report progress."""
    return 1 + len(integrity.STEPS) + len(catalogue.sources)


def examine(settings: Settings, catalogue: Catalogue) -> list[Finding]:
    """Every finding about a warehouse and its declarations."""
    counts = (
        (catalogue.contracts, "bảng", "tables"),
        (catalogue.sources, "nguồn", "sources"),
        (catalogue.kpis, "KPI", "KPIs"),
    )
    declared = ", ".join(f"{len(items)} {pick(vi, en)}" for items, vi, en in counts)
    blanks = project.blanks(settings, catalogue)
    return [
        Finding("Python", is_well=True, details=platform.python_version()),
        Finding("DuckDB", is_well=True, details=duckdb.__version__),
        Finding(pick("Kho dữ liệu", "Warehouse"), settings.warehouse.is_dir(), str(settings.warehouse)),
        Finding(pick("Khai báo", "Declarations"), is_well=True, details=declared),
        *(Finding(pick("Cần điền", "To be filled in"), is_well=False, details=blank) for blank in blanks),
        *_of_release(settings, catalogue),
        *_of_kept(settings, catalogue),
        *_of_inbox(settings, catalogue),
        *_of_sources(settings, catalogue),
        *_of_references(settings, catalogue),
        *_of_accepted(settings, catalogue),
        *_of_revisions(settings),
        *_of_notifications(catalogue),
    ]


def held_back(state: PartitionState) -> str:
    """Why the published rows of a partition are not the latest delivered, in one sentence."""
    problem = pick(state.problem_vi or str(state.problem), str(state.problem))
    return f"{state.key} ({pick(*STATE_WORDS[state.state])}): {problem}"


def stray(found: Stray) -> str:
    """Something in the inbox that is not read, and why."""
    return f"{found} ({pick(*STRAY_WORDS[found.why])})"


def show(findings: list[Finding]) -> None:
    """Print a paragraph for each finding that is not well, with every reason; then a line for each that is."""
    for finding in findings:
        if not finding.is_well:
            _show_problem(finding)
    for finding in findings:
        if finding.is_well:
            about = f": {escape(finding.details)}" if finding.details else ""
            screen.paragraph(f"{escape(finding.subject)}[dim]{about}[/]", "[green]✓[/] ")


def _show_problem(finding: Finding) -> None:
    subject = f"[bold]{escape(finding.subject)}[/]"
    if len(finding.reasons) > 1:
        screen.paragraph(f"{subject}: {escape(finding.details)}", "[red]✗[/] ")
        for reason in finding.reasons:
            screen.paragraph(escape(reason), "  - ")
    else:
        reason = "".join(f"{each.removesuffix('.')}. " for each in finding.reasons)
        screen.paragraph(f"{subject}: {escape(reason + finding.details).rstrip()}", "[red]✗[/] ")
    screen.OUT.print()


def _of_release(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    subject = pick("Bản công bố", "Release")
    current = release.current_id(settings)
    if current is None:
        yield Finding(subject, is_well=False, details=f"{pick('chưa có', 'none yet')}: dx run")
        return
    progress.announce(current)
    problems = release.problems(settings.releases / current, catalogue)
    verified = f"{current}: {pick('đã kiểm chứng', 'verified')}"
    yield Finding(subject, not problems, screen.in_words(problems[0]) if problems else verified)


def _of_kept(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """What is kept and is not what was written there; a warehouse has one finding that all is well."""
    subject = pick("Dữ liệu đã giữ", "Kept data")
    found = list(integrity.problems(settings, catalogue))
    for problem in found:
        yield Finding(subject, is_well=False, details=screen.in_words(problem))
    if not found:
        yield Finding(subject, is_well=True, details=pick("nguyên vẹn", "whole"))


def _of_revisions(settings: Settings) -> Iterator[Finding]:
    for proposal in revision.proposals(settings):
        details = revisions.sentence(proposal)
        yield Finding(pick("Đề nghị đính chính", "Proposed revision"), is_well=False, details=details)


def _of_accepted(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """Hashes under `accept` that are of no delivery."""
    for name, source in catalogue.sources.items():
        months = list(deliveries.months_landed(settings, name)) if source.source.accept else []
        landed = {item.entry.delivery_id for month in months for item in deliveries.landed(settings, name, month)}
        for delivery_id in source.source.accept:
            if delivery_id not in landed:
                place = f"assets/{source.group}/{name}/defs.yaml: accept: {delivery_id}"
                problem = pick(
                    "không có lần giao nào như vậy: hãy sửa hoặc bỏ", "is no delivery that came: correct or remove it"
                )
                yield Finding(
                    pick("Tệp được chấp nhận", "Accepted delivery"), is_well=False, details=f"{place} {problem}"
                )


def _of_notifications(catalogue: Catalogue) -> Iterator[Finding]:
    for problem in notification.problems(catalogue):
        yield Finding(pick("Thông báo", "Notifications"), is_well=False, details=screen.in_words(problem))


def _of_references(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    for row in reference.quarantined(settings, catalogue):
        yield Finding(pick("Tệp tham chiếu", "Reference file"), is_well=False, details=row.sentence)


def _of_inbox(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    subject = pick("Hộp thư", "Inbox")
    for found in inbox.unread(settings, catalogue):
        yield Finding(subject, is_well=found.why == "ignored", details=stray(found))


def _of_sources(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """For each source the state of its partitions, the rows in quarantine, and the latest problem."""
    ledger = Ledger.read(settings, catalogue)
    for name, source in catalogue.sources.items():
        progress.announce(name)
        states = [state for state in ledger.states if isinstance(state.key, Key) and state.key.source == name]
        counts = Counter(state.state for state in states)
        quarantined = sum(
            counts.quarantined for key, run in ledger.runs.items() if key.source == name for counts in run.counts
        )
        reasons = [held_back(state) for state in states if state.state != "current"]
        of_states = ", ".join(
            f"{counts[state]} {pick(*words)}" for state, words in STATE_WORDS.items() if counts[state]
        )
        parts = [f"{pick('phân vùng', 'partitions')}: {of_states}"] if states else []
        if quarantined:
            parts.append(f"{screen.number(quarantined)} {pick('dòng cách ly', 'rows in quarantine')}")
        if not states:
            reasons.append(pick("chưa giao gì.", "nothing delivered yet."))
        overdue = _overdue(settings, source)
        if overdue is not None:
            reasons.append(_late(source, overdue))
        if not source.is_reference:
            parts += _of_deliveries(settings, source, is_overdue=overdue is not None)
        subject = f"{screen.in_words(source.source.title)} ({name})"
        yield Finding(subject, not reasons, "; ".join(parts), tuple(reasons))
    yield from _of_connectors(settings, catalogue)
    for run in partition.runs(settings):
        if run.kpi_code is not None and run.problem:
            yield Finding(f"KPI {run.kpi_code}", is_well=False, details=pick(str(run.problem_vi), run.problem))


def _overdue(settings: Settings, source: DeclaredSource) -> Month | None:
    """The month after the last one that a source delivered, if its delivery is overdue."""
    landed = [] if source.is_reference else list(deliveries.months_landed(settings, source.name))
    awaited = landed[-1].plus(1) if landed else None
    is_overdue = awaited is not None and settings.today > source.source.calendar.late_after(awaited)
    return awaited if is_overdue else None


def _late(source: DeclaredSource, month: Month) -> str:
    """Which month of a source is overdue, and what to do, in one sentence."""
    due_on = screen.language().day(source.source.calendar.due(month))
    return pick(
        f"tháng {month} chưa giao, hạn là {due_on}: hãy đặt tệp vào inbox/{source.name}/{month}/ hoặc hỏi nơi gửi.",
        f"{month} has not come, and was due on {due_on}: put it into inbox/{source.name}/{month}/, or ask the sender.",
    )


def _of_deliveries(settings: Settings, source: DeclaredSource, *, is_overdue: bool) -> Iterator[str]:
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
    said = pick(*ATTEMPT_WORDS[latest.status]) + (f" ({latest.error_class})" if latest.error_class else "")
    yield f"{pick('lần gần nhất', 'last')} {screen.language().day(at)} {at:%H:%M}: {said}"
    if is_overdue:
        return
    landed = list(deliveries.months_landed(settings, source.name))
    awaited = landed[-1].plus(1) if landed else months[0]
    due_on = screen.language().day(source.source.calendar.due(awaited))
    yield f"{pick('kỳ tới', 'next')} {awaited}: {pick('hạn', 'due')} {due_on}"


def _of_connectors(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """Every remote source whose latest attempt failed."""
    for name, source in catalogue.sources.items():
        if connectors.is_remote(source):
            problems = [attempts.problem(settings, name, month) for month in attempts.months(settings, name)]
            latest = next((problem for problem in reversed(problems) if problem), None)
            if latest is not None:
                yield Finding(f"{pick('Kết nối', 'Connector')} {name}", is_well=False, details=screen.in_words(latest))

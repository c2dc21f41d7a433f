"""The report of a run: what was published, what changed, and everything that somebody has to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape

from dx_pipeline import connectors, release
from dx_pipeline.cli import doctor, figures, kpi_table, project, quarantine, screen
from dx_pipeline.cli import reference as references
from dx_pipeline.cli.changes import Changes
from dx_pipeline.cli.figures import Current
from dx_pipeline.cli.kpi import PROVINCE
from dx_pipeline.cli.opening import report_page
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.revisions import sentence as revision_sentence
from dx_pipeline.cli.run import Result
from dx_pipeline.connectors import inbox
from dx_pipeline.connectors.inbox import Stray
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi import revision
from dx_pipeline.landing import attempts
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables.ledger import Ledger, PartitionState
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.silence import Silence, silences

NOT_PUBLISHED = ("Chưa có bản công bố mới: bản trước vẫn được dùng.", "There is no new release: the last one remains.")


@dataclass(frozen=True)
class RunReport:
    """What a run ended with.

    Args:
        settings, catalogue, result: the warehouse, what is declared, and the result of the run's jobs.
        held: the partitions of its months whose rows are not the latest delivered.
        silent: the sources that have delivered nothing for a month.
        unread: what is in the inbox and is no delivery.
        proposed: the revisions of its months that wait for somebody.
        low_coverage: values of the province that are withheld, because too little of what is expected has come.
        not_fetched: why remote sources could not be asked.
        mistakes: the wrong rows of reference files.
        quarantined: the lines in quarantine, by source and reason.
        unexplained: the published figures that do not follow from their own counts.
        changes: the values that changed against the release before.
    """

    settings: Settings
    catalogue: Catalogue
    result: Result
    held: list[PartitionState]
    silent: list[Silence]
    unread: list[Stray]
    proposed: list[revision.Proposal]
    low_coverage: list[dict[str, Any]]
    not_fetched: list[str]
    mistakes: list[references.Quarantined]
    quarantined: list[dict[str, Any]]
    unexplained: list[dict[str, Any]]
    changes: Changes

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue, months: Sequence[Month], result: Result) -> RunReport:
        """The report of a run over some months."""
        silent = list(silences(settings, catalogue, months, settings.today))
        without = {(silence.source, silence.month) for silence in silent}
        states = Ledger.read(settings, catalogue).held_back
        with Current(settings) as current:
            low_coverage = figures.low_coverage(current, list(map(str, months))) if result.is_published else []
            unexplained = figures.unexplained(current) if result.is_published else []
        return cls(
            settings,
            catalogue,
            result,
            held=[state for state in states if _is_held(state, months, without)],
            silent=silent,
            unread=inbox.unread(settings, catalogue),
            proposed=[proposal for proposal in revision.proposals(settings) if proposal.key.month in months],
            low_coverage=low_coverage,
            not_fetched=_not_fetched(settings, catalogue, months),
            mistakes=list(references.quarantined(settings, catalogue)),
            quarantined=quarantine.of_run(settings, catalogue, months),
            unexplained=unexplained,
            changes=Changes.since_the_last_release(settings, catalogue, has_changed=result.changed),
        )

    @property
    def is_well(self) -> bool:
        """Whether nothing was held back, is missing or waits for somebody."""
        waiting = (self.held, self.strays, self.overdue, self.proposed, self.low_coverage, self.not_fetched)
        return self.result.is_published and not any(waiting) and not self.result.errors

    @property
    def overdue(self) -> list[Silence]:
        """The silent sources whose delivery is overdue."""
        return [silence for silence in self.silent if silence.is_overdue]

    @property
    def strays(self) -> list[Stray]:
        """What is in the inbox, was meant to be read, and cannot be."""
        return [stray for stray in self.unread if stray.why != "ignored"]

    @property
    def ignored(self) -> list[Stray]:
        """What is in the inbox and is never meant to be read."""
        return [stray for stray in self.unread if stray.why == "ignored"]

    def _kpis(self) -> list[dict[str, Any]]:
        with Current(self.settings) as current:
            return figures.headline(current, self.catalogue.province) if self.result.is_published else []

    def _connections(self) -> list[dict[str, Any]]:
        with Current(self.settings) as current:
            return figures.connections(current) if self.result.is_published else []

    def as_json(self) -> dict[str, Any]:
        """The report for scripts."""
        return {
            "status": int(not self.is_well),
            "release_id": release.current_id(self.settings),
            "published": self.result.is_published,
            "changed": self.result.changed,
            "kpis": self._kpis(),
            "connections": self._connections(),
            "held_back": [state.as_json() for state in self.held],
            "strays": [str(stray) for stray in self.strays],
            "ignored": [str(stray) for stray in self.ignored],
            "overdue": [silence.as_json() for silence in self.overdue],
            "not_yet_due": [silence.as_json() for silence in self.silent if not silence.is_overdue],
            "proposed_revisions": [proposal.as_json() for proposal in self.proposed],
            "low_coverage": self.low_coverage,
            "not_fetched": self.not_fetched,
            "quarantined_references": [asdict(row) for row in self.mistakes],
            "quarantined": self.quarantined,
            "changed_values": self.changes.as_json(),
            "unexplained_figures": self.unexplained,
            "errors": list(self.result.errors),
            "current": str(self.settings.current),
            "internal": str(self.settings.internal),
        }

    def show(self) -> None:
        """Print the report for people: what is wrong, then what changed, a line a KPI, and where the report is."""
        if not self.result.is_published:
            screen.say(f"[red]{pick(*NOT_PUBLISHED)}[/]")
        for words, sentences in self._sentences():
            for sentence in sentences:
                screen.say(f"{words}: {sentence}")
        if not self.result.is_published:
            return
        self.changes.show(self.catalogue)
        if not self.result.changed:
            screen.say(pick("Không có gì thay đổi.", "Nothing changed: the release is the same."))
        screen.OUT.print()
        screen.paragraph(f"[bold]{pick(*PROVINCE)}[/]")
        kpi_table.show_lines(self._kpis())
        screen.OUT.print()
        _show_paths(self.settings)

    def _sentences(self) -> Iterator[tuple[str, Iterable[str]]]:
        """What has to be looked at, under a word for its kind."""
        not_yet_due = (_silence(each) for each in self.silent if not each.is_overdue)
        yield f"[red]{pick('Lỗi', 'Error')}[/]", map(escape, self.result.errors)
        yield _yellow("Giữ lại", "Held back"), map(escape, map(doctor.held_back, self.held))
        yield _yellow("Quá hạn", "Overdue"), map(_silence, self.overdue)
        yield _yellow("Đề nghị đính chính", "Proposed revision"), map(_proposed, self.proposed)
        yield _yellow("Độ phủ thấp", "Low coverage"), map(_low_coverage, self.low_coverage)
        yield pick("Chưa đến hạn", "Not yet due"), not_yet_due
        yield _yellow("Không lấy được", "Not fetched"), self.not_fetched
        yield _yellow("Cách ly", "Quarantined"), quarantine.by_source(self.quarantined)
        wrong = (escape(row.sentence) for row in self.mistakes)
        yield _yellow("Dòng sai trong tệp tham chiếu", "Wrong row of a reference file"), wrong
        unexplained = map(_unexplained, self.unexplained)
        yield _yellow("Số đã công bố chưa được giải thích", "Published figure not explained"), unexplained
        yield _yellow("Không đọc", "Not read"), map(escape, map(doctor.stray, self.strays))
        yield pick("Bỏ qua", "Ignored"), (escape(str(stray)) for stray in self.ignored)
        yield _yellow("Cần điền", "To be filled in"), project.blanks(self.settings, self.catalogue)


def _yellow(vi: str, en: str) -> str:
    return f"[yellow]{pick(vi, en)}[/]"


def _is_held(state: PartitionState, chosen: Sequence[Month], without: set[tuple[str, Month]]) -> bool:
    """Whether something of the months of a run was held back."""
    if state.month is None:
        return True
    is_silence = state.state == "missing" and isinstance(state.key, Key) and (state.key.source, state.month) in without
    return state.month in chosen and not is_silence


def _silence(silence: Silence) -> str:
    """Which source has delivered nothing for a month, when it was due, and which KPIs need it, in one sentence."""
    due_on = screen.language().day(silence.due_on)
    waiting = (
        f"; {pick('các KPI đang chờ', 'KPIs that wait for it')}: {', '.join(silence.kpis)}" if silence.kpis else ""
    )
    said = pick(f"chưa giao gì, hạn là {due_on}", f"has delivered nothing, and was due on {due_on}")
    return f"{silence.source} {silence.month} {said}{waiting}."


def _proposed(proposal: revision.Proposal) -> str:
    """What is proposed, and how to see what it would change, in one sentence."""
    return f"{revision_sentence(proposal)}: {pick('xem', 'see')} 'dx revision list'"


def _low_coverage(row: dict[str, Any]) -> str:
    """Which value of the province is withheld, and how much of the expected data has come, in one sentence."""
    share = screen.number(100 * row["coverage"], "percent")
    said = pick(f"chỉ có {share} số liệu cần có, nên giá trị không được công bố", f"only {share} of the data has come")
    return f"{row['kpi_code']} {row['month']}: {said}; {pick('xem', 'see')} 'dx explain {row['kpi_code']}'."


def _unexplained(row: dict[str, Any]) -> str:
    """Which published figure does not follow from its own counts, and where to explain it, in one sentence."""
    recomputed = screen.number(row["recomputed_value"], row["unit_of_measure"], row["decimals_published"])
    counts = screen.number(row["published_numerator"])
    if row["published_denominator"] is not None:
        counts += f" / {screen.number(row['published_denominator'])}"
    remedy = pick(
        "sửa số, hoặc điền explanation_vi trong published_figure.csv",
        "correct it, or fill in explanation_vi in published_figure.csv",
    )
    return f"{row['indicator_vi']} ({row['value_as_published']}): {counts} = {recomputed}; {remedy}."


def _not_fetched(settings: Settings, catalogue: Catalogue, months: Sequence[Month]) -> list[str]:
    """Why the latest attempt to fetch from each remote source failed, where it did."""
    remote = [name for name in catalogue.monthly if connectors.is_remote(catalogue.sources[name])]
    problems = (attempts.problem(settings, name, month) for name in remote for month in months)
    return [screen.in_words(problem) for problem in problems if problem is not None]


def _show_paths(settings: Settings) -> None:
    """Where to find what was published, the report last."""
    for path, words in (
        (settings.current / release.PUBLIC.database, pick("cơ sở dữ liệu", "database")),
        (settings.current / "kpi", pick("bảng KPI dạng Parquet", "KPI tables as Parquet")),
        (settings.current / "datapackage.json", pick("mô tả và nguồn gốc", "description and inputs")),
        (
            settings.internal / release.INTERNAL.database,
            pick("nội bộ, không công bố", "for analysts inside, not to be published"),
        ),
        (report_page(settings), pick("báo cáo (dx open)", "report (dx open)")),
    ):
        screen.OUT.print(f"[dim]{words}:[/] {escape(str(path))}", soft_wrap=True)

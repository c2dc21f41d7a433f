"""Evaluation: all windows and units of KPIs, the same way for every KPI, and each view scanned once.

evaluations     which windows there are, and which version applies to which of their days
inputs          the partitions that each is computed from: coverage, what is stale or synthetic
scan            what is counted, by unit and part of a month
rolled up       parts to windows, units to those of the window's last day and everything above them
staged          rounded, suppressed, compared with target and published figure
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date

import duckdb

from dx_pipeline import audit, profile, progress, workers
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.kpi import DeclaredKpi
from dx_pipeline.declarations.sql import create_table, literal, sql_file
from dx_pipeline.declarations.view import UNITS, DeclaredView
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.kpi import coverage, free_sql, inputs, reference, scan, states, summary, suppression
from dx_pipeline.kpi.figure import Figure, figures_by_view, looked_for, protected
from dx_pipeline.kpi.inputs import Known
from dx_pipeline.kpi.parts import Evaluation, evaluations, on_units, parts
from dx_pipeline.kpi.tables import about, row
from dx_pipeline.kpi.units import Units
from dx_pipeline.period import Month, windows
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import STAGED, connect, fill
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import history, partition, publication
from dx_pipeline.tables.partition import Key, KpiKey
from dx_pipeline.tables.publication import Staged
from dx_pipeline.tables.run import RunResult

CONSERVATION = "ledger.view_conservation"
"""The table of where the rows of each view's table went."""

LATER_STATES = "ledger.later_state"
"""The table of the later states that would change the figures of closed months, by view."""

_AHEAD: ContextVar[dict[str, RunResult] | None] = ContextVar("results of KPIs evaluated together", default=None)


def evaluate(settings: Settings, catalogue: Catalogue, code: str, beside: Iterable[str] = ()) -> RunResult:
    """Evaluate one KPI or summary, together with others, and publish the values of each whose audit passes.

    A KPI that fails is recorded in its run and does not stop the others. Over damaged rows nothing is evaluated.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        code: the KPI, or the table of the summary, whose result is returned.
        beside: other KPIs to evaluate: a view that they share is scanned once for all.

    Raises:
        DxError: rows of a partition are not those that were published; the next run over its month makes them again.
    """
    progress.announce(f"kpi {code}")
    ahead = _AHEAD.get()
    if ahead is not None and code in ahead:
        return ahead[code]
    wanted = {code, *(catalogue.evaluated if ahead is not None else beside)}
    codes = tuple(sorted(wanted | (protected(catalogue) if wanted & protected(catalogue) else set())))
    with writing(settings):
        results = next(workers.each(settings, catalogue, _evaluate, [(codes,)]))
    if ahead is not None:
        ahead.update(results)
    return results[code]


def values_on(settings: Settings, catalogue: Catalogue, code: str, day: date) -> list[dict[str, object]]:
    """The values of a KPI that adds up on the units of a chosen day, as rows of `kpi.value`; nothing is published.

    Windows that already have the units of the day are included unchanged. Values are withheld together with
    everything that is published.

    Raises:
        UsageError: the KPI does not add up, or no unit is known on that day.
        DxError: the KPI fails.
    """
    if not catalogue.kpis[code].adds_up:
        raise UsageError(
            f"KPI {code} does not add up over units: it is shown on the units of its own windows only.",
            f"KPI {code} không cộng được theo đơn vị: chỉ hiển thị theo các đơn vị trong kỳ của nó.",
        )
    together = protected(catalogue) if code in protected(catalogue) else {code}
    kpis = [catalogue.evaluated[each] for each in sorted(together)]
    known = inputs.known(settings, catalogue)
    with connect(settings) as connection:
        progress.announce("published")
        decided = suppression.published(settings, catalogue, connection, sorted(together))
        progress.announce(code)
        evaluator = _Evaluator(settings, catalogue, connection, kpis, known, decided)
        failures = evaluator.evaluate(evaluator.latest_day(), day)
        if code in failures:
            raise DxError(failures[code].en, failures[code].vi)
        found = connection.execute(sql_file(__file__, "on_units"), {"code": code, "day": day})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def in_parallel(settings: Settings, catalogue: Catalogue) -> Iterator[None]:
    """Within the block every KPI is evaluated; a worker pool, if there is one, starts with all of them now."""
    token = _AHEAD.set({})
    try:
        with (
            writing(settings),
            workers.submit_ahead(settings, catalogue, _evaluate, [(tuple(sorted(catalogue.evaluated)),)]),
        ):
            yield
    finally:
        _AHEAD.reset(token)


def _evaluate(settings: Settings, catalogue: Catalogue, codes: Sequence[str]) -> dict[str, RunResult]:
    known = inputs.known(settings, catalogue)
    current = inputs.fingerprints(settings, catalogue, codes, known)
    results = _unchanged(settings, catalogue, codes, current)
    for code, sentence in inputs.not_known(settings, catalogue, codes).items():
        results[code] = results.get(code) or _hold_back(settings, catalogue, code, current[code], sentence)
    changed = [catalogue.evaluated[code] for code in codes if code not in results]
    if changed:
        for key in known:
            if (damaged := partition.damage(settings, key)) is not None:
                raise damaged
        with connect(settings) as connection:
            results |= _Evaluator(settings, catalogue, connection, changed, known).results(current)
    return results


def _unchanged(
    settings: Settings, catalogue: Catalogue, codes: Sequence[str], current: Mapping[str, str]
) -> dict[str, RunResult]:
    """The results of KPIs that were evaluated over the same, and whose values are there.

    Which values of protected ones are withheld is decided for all of them, so if one is evaluated, all are.
    """
    keys = {code: partition.evaluated(catalogue, code) for code in codes}
    found = {code: publication.unchanged(settings, key, current[code]) for code, key in keys.items()}
    together = protected(catalogue)
    is_lost = any(found[code] is None for code in codes if code in together)
    return {code: result for code, result in found.items() if result and not (is_lost and code in together)}


def _hold_back(settings: Settings, catalogue: Catalogue, code: str, current: str, sentence: Bilingual) -> RunResult:
    """Record that a KPI is not evaluated, because what a closed month rests on is not known; its last values stay."""
    key, fingerprint = partition.evaluated(catalogue, code), f"{current} {sentence.en}"
    before = publication.unchanged(settings, key, fingerprint)
    if before is not None:
        return before
    with connect(settings) as connection:
        staged = Staged(key, rows=0, synthetic=False, failure=sentence)
        return publication.publish(settings, catalogue, connection, staged, fingerprint)


@dataclass
class _Evaluator:
    """One evaluation of some KPIs in a connection of its own."""

    settings: Settings
    catalogue: Catalogue
    connection: duckdb.DuckDBPyConnection
    kpis: Sequence[DeclaredKpi]
    known: Known
    decided: suppression.Decided = field(default_factory=dict)

    def results(self, current: Mapping[str, str]) -> dict[str, RunResult]:
        """Evaluate and publish; the result of each KPI. Past windows are also shown on the latest units."""
        with profile.stage("evaluate", KPI_TABLE):
            failures = self.evaluate(self.latest_day())
            self.record_conservation()
            return dict(self._publish(current, failures))

    def latest_day(self) -> date | None:
        """The last day of the latest month for which anything was delivered."""
        return max((key.month.last for key in self.known if key.month is not None), default=None)

    def evaluate(self, *days: date | None) -> dict[str, Bilingual]:
        """Make `staged`, also with values on the units of some days; return why KPIs failed, by code."""
        units, broken = self._attach()
        evaluated = self._evaluations()
        for day in dict.fromkeys(day for day in days if day is not None):
            if units.period(day) is None:
                raise UsageError(
                    f"no unit is known on {day}: the units begin on {units.periods[0][0]}.",
                    f"chưa có đơn vị nào vào ngày {day}: danh mục đơn vị bắt đầu từ {units.periods[0][0]}.",
                )
            summaries = self.catalogue.summaries  # only on the units of their own months
            own = [item for item in evaluated if item.units_on is None and item.kpi.code not in summaries]
            evaluated = [*evaluated, *on_units(own, units, day)]
        self._prepare(units, evaluated)
        failures = scan.scan(self.connection, self.catalogue, self.kpis, self._collect)
        failures |= free_sql.observe(self.connection, evaluated, self.settings.time_zone) | broken
        self._run(*("synthetic", "counts", "items", "all_systems", "observed", "coverage", "province", "covered"))
        self._withhold(evaluated, failures)
        self._stage()
        return failures

    def _collect(self, view: DeclaredView, figures: Sequence[Figure]) -> None:
        changes = self.catalogue.contracts[view.view.of].changes
        in_use = [name for name in figures_by_view(self.kpis) if self.catalogue.views[name].view.protects]
        suppression.collect(self.connection, view, figures, changes=changes, is_alone=len(in_use) == 1)

    def record_conservation(self) -> None:
        """Record where the rows of each view's table went, and which states wait for a revision."""
        for (name,) in self.connection.execute("SELECT DISTINCT view_name FROM conserved ORDER BY ALL").fetchall():
            self._record(CONSERVATION, "conserved", name)
            if self.catalogue.views[name].has_states:
                self._record(LATER_STATES, "waiting", name)

    def _record(self, table: str, computed: str, view: str) -> None:
        """Replace a view's rows of a table of the ledger."""
        contract = self.catalogue.contracts[table]
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE of_view AS SELECT {', '.join(contract.stored)} FROM {computed}"
            " WHERE view_name = $view ORDER BY ALL",
            {"view": view},
        )
        partition.replace(self.settings, self.connection, Key(table, view, None), contract, "of_view")

    def _run(self, *names: str) -> None:
        for name in names:
            self.connection.execute(sql_file(__file__, name))

    def _attach(self) -> tuple[Units, dict[str, Bilingual]]:
        """Make the tables and views that the KPIs read readable.

        Returns:
            The units through time, and by code of a KPI whose view fails, why it cannot be evaluated.
        """
        tables = {table for kpi in self.kpis for table in kpi.every_table}
        names = {name for kpi in self.kpis for name in kpi.every_view}
        for name in names:
            tables |= {table for table in self.catalogue.views[name].reads if table in self.catalogue.contracts}
        for table in sorted({*tables, *reference.TABLES} & self.catalogue.contracts.keys() - {UNITS}):
            paths = partition.all_rows(self.settings, table)
            history.attach(self.connection, table, self.catalogue.contracts[table], paths)
        self.connection.execute(create_table(UNITS, self.catalogue.contracts[UNITS].stored))
        units = reference.units(self.connection)
        fill(self.connection, UNITS, units.rows())
        states.prepare(self.connection, inputs.closings(self.settings, self.catalogue))
        return units, scan.create_views(self.connection, self.catalogue, self.kpis)

    def _evaluations(self) -> list[Evaluation]:
        """Every window that anything was delivered for, and those with a published figure to compare with."""
        months = [key.month for key in self.known if key.month is not None]
        figures = self.connection.execute(
            "SELECT DISTINCT kpi_code, period_start, period_end FROM programme.published_figure"
        ).fetchall()
        found: list[Evaluation] = []
        for kpi in self.kpis:
            types = kpi.definition.windows
            of_kpi = set(windows(months, types))
            for code, start, end in figures:
                if code == kpi.code:
                    near = windows([Month.of(start), Month.of(end)], types)
                    of_kpi.update(window for window in near if (window.start, window.end) == (start, end))
            found += evaluations(kpi, sorted(of_kpi, key=lambda window: (window.end, window.start, window.type)))
        return found

    def _prepare(self, units: Units, evaluated: Sequence[Evaluation]) -> None:
        """Fill the tables of the evaluation that do not depend on counts."""
        self._run("tables")
        fill(self.connection, "unit_above", [vars(place) for place in units.places()])
        whole = [
            {"period": number, "unit_code": units.province(number), "first_on": first, "last_on": last}
            for number, (first, last) in enumerate(units.periods)
        ]
        fill(self.connection, "whole", whole)
        fill(self.connection, "kpi", [about(self.catalogue, kpi) for kpi in self.kpis])
        asked = [
            {"kpi_code": kpi.code, "statistic": name, "levels": list(kpi.definition.levels_of(name))}
            for kpi in self.kpis
            for name in kpi.definition.statistic_names
        ]
        fill(self.connection, "asked", asked)
        fill(self.connection, "looked_for", looked_for(self.kpis))
        months = {month for item in evaluated for month in item.months}
        fill(self.connection, "part", [vars(part) for part in parts(sorted(months), self.kpis, units)])
        fill(self.connection, "evaluation", [row(number, item, units) for number, item in enumerate(evaluated)])
        self._prepare_coverage(months)

    def _prepare_coverage(self, months: Iterable[Month]) -> None:
        """Fill the tables of expected partitions and reports."""
        fill(self.connection, "system", [{"system": name} for name in self.catalogue.systems])
        fill(self.connection, "month", coverage.months(months))
        fill(self.connection, "kpi_table", coverage.tables(self.kpis))
        views = [(kpi.code, name) for kpi in self.kpis for name in kpi.every_view]
        fill(self.connection, "kpi_view", [{"kpi_code": code, "view_name": name} for code, name in views])
        fill(self.connection, "source_of", coverage.sources(self.catalogue, self.kpis))
        fill(self.connection, "partition", coverage.partitions(self.settings, self.known))
        self._run("needed", "inputs")
        coverage.fill_reports(self.settings, self.connection, self.catalogue, self.kpis, self.known)

    def _withhold(self, evaluated: Sequence[Evaluation], failures: Mapping[str, Bilingual]) -> None:
        """Withhold values of few dossiers, and others from which these could be computed."""
        on_views = figures_by_view(kpi for kpi in self.kpis if kpi.code not in failures)
        protected = {name: each for name, each in on_views.items() if self.catalogue.views[name].view.protects}
        if protected:
            suppression.withhold(self.connection, self.catalogue, protected, evaluated, self.decided)

    def _stage(self) -> None:
        self.connection.execute(create_table(STAGED, self.catalogue.contracts[KPI_TABLE].stored))
        self._run("half_up", "staged")

    def _publish(
        self, current: Mapping[str, str], failures: Mapping[str, Bilingual]
    ) -> Iterator[tuple[str, RunResult]]:
        """Audit all values at once; if an expectation is not met, audit each KPI by itself."""
        self.connection.execute(f"ALTER TABLE {STAGED} RENAME TO every_value")
        self._stage_values(self.catalogue.kpis)
        contract = self.catalogue.contracts[KPI_TABLE]
        partition.attach_references(self.settings, self.connection, self.catalogue, contract)
        every = publication.audited(self.catalogue, self.connection, KPI_TABLE)
        audited = every if all(result.status == "met" for result in every) else None
        for kpi in self.kpis:
            key = partition.evaluated(self.catalogue, kpi.code)
            self._stage_rows(kpi.code)
            ((rows, synthetic),) = self.connection.execute(
                f"SELECT count(*), coalesce(bool_or(synthetic), false) FROM {STAGED}"
            ).fetchall()
            staged = Staged(key, rows, synthetic, failure=failures.get(kpi.code))
            results = audited if isinstance(key, KpiKey) else None
            if staged.can_be_published and results is None:
                partition.attach_references(
                    self.settings, self.connection, self.catalogue, self.catalogue.contracts[key.table]
                )
                results = publication.audited(self.catalogue, self.connection, key.table)
            if not staged.can_be_published or not audit.passes(results or ()):
                self._remove_protected(kpi.code)
            yield (
                kpi.code,
                publication.publish(self.settings, self.catalogue, self.connection, staged, current[kpi.code], results),
            )

    def _remove_protected(self, code: str) -> None:
        """Remove the last values of a KPI on protected views: they were shown together with earlier ones of others."""
        if code in protected(self.catalogue):
            partition.remove(self.settings, partition.evaluated(self.catalogue, code))

    def _stage_rows(self, code: str) -> None:
        """Stage the values of one KPI, or the rows of one summary."""
        if code in self.catalogue.summaries:
            summary.stage(self.connection, self.catalogue.summaries[code], self.catalogue.contracts[code])
        else:
            self._stage_values([code])

    def _stage_values(self, codes: Iterable[str]) -> None:
        """Make `staged` a view of the values of some KPIs."""
        listed = ", ".join(map(literal, codes))
        self.connection.execute(f"CREATE OR REPLACE VIEW {STAGED} AS FROM every_value WHERE kpi_code IN ({listed})")

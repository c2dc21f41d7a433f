"""What is settled within a window and in progress at its end, added up; and what is taken off a count."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deliveries import dossiers
from due_days import ON_TIME, Dossier, lines, rate, with_due_days
from engine import Engine, Rows
from hypothesis import Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from projects import Fresh, with_references
from test_history import every_cell
from test_revision import accept, closing_on_25, proposals

from dx_pipeline.declarations import catalogue
from dx_pipeline.errors import DeclarationError
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import closing

pytestmark = pytest.mark.slow

ON_TIME_RATE, SATISFACTION = "on_time_rate", "satisfaction_rate"
APRIL, MAY, JUNE = MONTHS = tuple(Month(2022, 4).through(Month(2022, 6)))
COUNTS = "window_start, numerator, denominator, value"

IN_TIME = Dossier(1, date(2022, 4, 10), date(2022, 4, 20), date(2022, 4, 18))
LATE = Dossier(2, date(2022, 4, 11), date(2022, 4, 20), date(2022, 4, 25), "Trực tiếp")
LATE_IN_MAY = Dossier(3, date(2022, 4, 12), date(2022, 5, 10))
FORGOTTEN = Dossier(4, date(2022, 4, 13), date(2022, 4, 20))
ON_THE_DAY = Dossier(5, date(2022, 5, 2), date(2022, 5, 31), date(2022, 5, 31))
SETTLED_IN_JUNE = Dossier(6, date(2022, 5, 3), date(2022, 6, 3))
OVERDUE_IN_JUNE = Dossier(7, date(2022, 5, 4), date(2022, 5, 31))


def engine_of(folder: Path, warehouse: Path) -> Engine:
    settings = Settings(warehouse, with_due_days(folder), threads=1)
    declared = catalogue.load(folder)
    with_references(settings, declared)
    return every_cell(Engine(settings, declared))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """The engine over a project with due days; it withholds no small cell."""
    return engine_of(tmp_path / "project", tmp_path / "warehouse")


def deliver(engine: Engine, month: Month, *states: Dossier) -> None:
    engine.put("dossier", dossiers(*lines(states)), str(month), f"{month}.csv")
    engine.results("dossier", str(month))


def deliver_all(engine: Engine) -> None:
    """April to June 2022; number 4 is delivered once, and stays in progress."""
    deliver(engine, APRIL, IN_TIME, LATE, LATE_IN_MAY, FORGOTTEN)
    late = replace(LATE_IN_MAY, finished_on=date(2022, 5, 20))
    deliver(engine, MAY, late, ON_THE_DAY, SETTLED_IN_JUNE, OVERDUE_IN_JUNE)
    deliver(engine, JUNE, replace(SETTLED_IN_JUNE, finished_on=date(2022, 6, 1)))


def values(engine: Engine, code: str, window: str = "month", columns: str = COUNTS) -> Rows:
    """The province's values of one kind of window."""
    run = evaluate(engine.settings, engine.catalogue, code).run
    assert run.published, run.problem
    return engine.values(code, f"unit_level = 'province' AND window_type = '{window}'", columns)


def test_what_is_in_progress_counts_at_the_end_of_the_window(engine: Engine) -> None:
    deliver_all(engine)
    assert values(engine, ON_TIME_RATE) == [
        # Settled 1 and 2, of which 1 on time; in progress 3, and 4, which is overdue.
        (APRIL.first, 2, 4, 50),
        # Settled 3, late, and 5, on the day; in progress 4, overdue, 6, and 7, due on that very day.
        (MAY.first, 3, 5, 60),
        # Settled 6, on time; in progress 4 and 7, both overdue.
        (JUNE.first, 1, 3, 33.33),
    ]


def test_a_longer_window_adds_up_what_is_settled_and_looks_once_at_what_is_in_progress(engine: Engine) -> None:
    deliver_all(engine)
    # Settled 1, 2, 3, 5, 6, of which 2 and 3 late; in progress at the end of June 4 and 7, both overdue: 3 of 7.
    assert values(engine, ON_TIME_RATE, "quarter") == [(APRIL.first, 3, 7, 42.86)]


def test_a_missing_month_of_either_view_is_incomplete(engine: Engine) -> None:
    deliver(engine, APRIL, IN_TIME, LATE_IN_MAY)
    deliver(engine, JUNE, ON_THE_DAY)
    found = values(engine, ON_TIME_RATE, columns="window_start, withheld_reason")
    assert found == [(APRIL.first, None), (MAY.first, "incomplete"), (JUNE.first, None)]


def test_each_condition_is_taken_off_once(engine: Engine) -> None:
    direct = replace(ON_THE_DAY, channel="Trực tiếp")
    deliver(engine, APRIL, IN_TIME, LATE)
    deliver(engine, MAY, direct, Dossier(8, date(2022, 5, 2), date(2022, 5, 9), date(2022, 5, 9)))
    deliver(engine, JUNE, Dossier(9, date(2022, 6, 1), date(2022, 6, 2), date(2022, 6, 3), "Trực tiếp"))
    assert values(engine, SATISFACTION) == [
        # 2 is late and direct: it is taken off twice.
        (APRIL.first, 0, 2, 0),
        (MAY.first, 1, 2, 50),
        # More is taken off than counted.
        (JUNE.first, -1, 1, -100),
    ]


def test_a_closed_month_keeps_what_was_in_progress_at_its_end(engine: Engine) -> None:
    closes = closing_on_25(engine)
    deliver(closes, APRIL, IN_TIME, LATE_IN_MAY, FORGOTTEN)
    assert values(closes, ON_TIME_RATE) == [(APRIL.first, 2, 3, 66.67)]
    # In May the system says that 4 had been finished in April: April has closed.
    deliver(closes, MAY, replace(FORGOTTEN, finished_on=date(2022, 4, 19)))
    assert values(closes, ON_TIME_RATE)[0] == (APRIL.first, 2, 3, 66.67)
    (proposal,) = proposals(closes)
    assert proposal.later_states == (("2022-05", 1),)
    accept(closes, proposal)
    assert values(closes, ON_TIME_RATE)[0] == (APRIL.first, 3, 3, 100)


def test_a_state_of_a_later_month_counts_at_the_end_of_that_month(engine: Engine) -> None:
    closes = closing_on_25(engine)
    deliver(closes, APRIL, LATE_IN_MAY, FORGOTTEN)
    deliver(closes, MAY, replace(FORGOTTEN, due_on=date(2022, 6, 20)), ON_THE_DAY)
    # The due day that came with May is that of the end of May; at the end of April the dossier was overdue.
    assert closes.view("dossier_open", "open_on, is_late, month, excluded") == [
        (APRIL.last, False, APRIL.first, None),
        (APRIL.last, False, MAY.first, "later_state"),
        (APRIL.last, True, APRIL.first, None),
        (MAY.last, False, MAY.first, None),
        (MAY.last, True, APRIL.first, "earlier_state"),
        (MAY.last, True, APRIL.first, None),  # number 3, overdue at the end of May
        (None, False, MAY.first, "other"),
    ]


@pytest.mark.parametrize(
    ("counted", "sentence"),
    [
        ((*ON_TIME[:2], "plus: {of: dossier_gone}"), "'plus' has an 'among' if what it is added to has one"),
        ((*ON_TIME[:2], "plus: {of: dossier_gone, among: true}"), "'dossier_gone' is no declared view"),
        ((*ON_TIME[:2], "plus: {of: dossier_open, counted: is_lat, among: true}"), "'is_lat' is no column here"),
        ((*ON_TIME, "valid_to: 2022-08-14"), "is in force for whole months"),
        (("distinct: channel", "plus: {of: dossier_open}"), "'plus' and 'less' are about rows"),
        (("distinct: channel", "less: [is_late]"), "'plus' and 'less' are about rows"),
        (("less: [finished_on]",), "'finished_on' is DATE: write a condition"),
    ],
)
def test_a_mistake_is_refused(tmp_path: Path, counted: tuple[str, ...], sentence: str) -> None:
    folder = with_due_days(tmp_path / "project")
    declared = folder / "assets/kpi/on_time_rate/defs.yaml"
    declared.write_text(rate(*counted), encoding="utf-8")
    with pytest.raises(DeclarationError, match=re.escape(sentence)) as raised:
        catalogue.load(folder)
    assert raised.value.path == declared


def test_no_kpi_counts_on_a_view_for_other_views(tmp_path: Path) -> None:
    folder = with_due_days(tmp_path / "project")
    view = folder / "assets/view/dossier_open/defs.yaml"
    view.write_text(view.read_text(encoding="utf-8").replace("  basis: stock", "  is_shared: true"), encoding="utf-8")
    with pytest.raises(DeclarationError, match="'dossier_open' is for other views: count on one that reads it"):
        catalogue.load(folder)


def test_an_expression_that_fails_is_named_where_it_is_declared(tmp_path: Path) -> None:
    folder = with_due_days(tmp_path / "project")
    declared = folder / "assets/kpi/on_time_rate/defs.yaml"
    fails = "plus: {of: dossier_open, counted: channel::INTEGER, among: true}"
    declared.write_text(rate(*ON_TIME[:2], fails), encoding="utf-8")
    settings = Settings(tmp_path / "warehouse", folder, threads=1)
    engine = Engine(settings, catalogue.load(folder))
    with_references(settings, engine.catalogue)
    deliver(engine, APRIL, LATE_IN_MAY)
    run = evaluate(settings, engine.catalogue, ON_TIME_RATE).run
    assert run.problem
    line = declared.read_text(encoding="utf-8").splitlines().index(f"      {fails}") + 1
    assert f"on_time_rate/defs.yaml:{line}: version 1 of KPI on_time_rate fails" in run.problem


def test_the_definition_as_sql_counts_both_views(engine: Engine) -> None:
    definition = engine.catalogue.kpis[ON_TIME_RATE]
    sql = definition.sql(definition.definition.versions[0])
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA view")
        for name, is_late in (("settled", "[true, false]"), ("open", "[true, false, false]")):
            connection.execute(f"CREATE TABLE view.dossier_{name} AS SELECT unnest({is_late}) AS is_late")
        assert connection.execute(sql).fetchall() == [(3, 5)]


@dataclass(frozen=True)
class Extract:
    """What is delivered for one month."""

    month: Month
    states: tuple[Dossier, ...]


DAYS = [date(2022, month, day) for month in (3, 4, 5, 6) for day in (1, 15, 30)]


@st.composite
def dossiers_of(draw: st.DrawFn, month: Month) -> Dossier:
    """A dossier as it is at the end of a month."""
    received = draw(st.sampled_from([day for day in DAYS if day <= month.last]))
    due = draw(st.sampled_from([None, *DAYS]))
    finished = draw(st.sampled_from([None, *(day for day in DAYS if received <= day <= month.last)]))
    return Dossier(draw(st.integers(1, 4)), received, due, finished)


@st.composite
def histories(draw: st.DrawFn) -> list[Extract]:
    """Extracts of April to June, one a month, in any order of arrival."""
    found = [
        Extract(
            month, tuple(draw(st.lists(dossiers_of(month), min_size=1, max_size=4, unique_by=lambda one: one.number)))
        )
        for month in MONTHS
    ]
    return draw(st.permutations(found))


def expected(states: Sequence[Extract], month: Month) -> tuple[int, int]:
    """Handled on time and handled, by the latest state of each dossier among these extracts."""
    latest: dict[int, Dossier] = {}
    for extract in sorted(states, key=lambda extract: extract.month):
        latest |= {dossier.number: dossier for dossier in extract.states}
    on_time, every = 0, 0
    for dossier in latest.values():
        settled = dossier.finished_on is not None and Month.of(dossier.finished_on) == month
        is_open = dossier.received_on <= month.last and (dossier.finished_on or date.max) > month.last
        judged_on = dossier.finished_on if settled else month.last
        every += settled or is_open
        on_time += (settled or is_open) and (dossier.due_on or date.max) >= (judged_on or date.max)
    return on_time, every


FreshEngine = Callable[[], Engine]


@pytest.fixture(scope="module")
def fresh_engine(tmp_path_factory: pytest.TempPathFactory, fresh: Fresh) -> FreshEngine:
    """An engine whose warehouse has the reference tables and nothing else, with every call a new one."""
    folder = tmp_path_factory.mktemp("due_days")
    with_lists = engine_of(folder / "project", folder / "warehouse")

    def made() -> Engine:
        settings = replace(with_lists.settings, warehouse=fresh().warehouse)
        shutil.copytree(with_lists.settings.warehouse, settings.warehouse, dirs_exist_ok=True)
        return Engine(settings, with_lists.catalogue)

    return made


@examples(max_examples=examples().max_examples // 2)
@given(history=histories())
def test_of_any_history_the_latest_states_count(fresh_engine: FreshEngine, history: list[Extract]) -> None:
    engine = fresh_engine()
    for extract in history:
        deliver(engine, extract.month, *extract.states)
    counts = [(month.first, *expected(history, month)) for month in MONTHS]
    found = values(engine, ON_TIME_RATE, columns="window_start, coalesce(numerator, 0), coalesce(denominator, 0)")
    assert found == counts


@examples(max_examples=examples().max_examples // 4, phases=[Phase.reuse, Phase.generate])
@given(history=histories())
def test_no_closed_month_changes_by_itself_and_with_all_revisions_the_latest_states_count(
    fresh_engine: FreshEngine, history: list[Extract]
) -> None:
    engine = closing_on_25(fresh_engine())
    columns = "window_start, coalesce(numerator, 0), coalesce(denominator, 0)"
    before: Rows = []
    for extract in sorted(history, key=lambda extract: extract.month):
        closed = {found.month.first for found in closing.every(engine.settings) if found.month is not None}
        deliver(engine, extract.month, *extract.states)
        counts = values(engine, ON_TIME_RATE, columns=columns)
        assert [row for row in counts if row[0] in closed] == [row for row in before if row[0] in closed]
        before = counts
    while found := proposals(engine):
        accept(engine, found[0])
        values(engine, ON_TIME_RATE)
    counts = values(engine, ON_TIME_RATE, columns=columns)
    assert counts == [(month.first, *expected(history, month)) for month in MONTHS]

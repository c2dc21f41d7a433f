"""A dossier has a history: states that later deliveries and months replace, of which the latest counts."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deliveries import dossiers
from engine import Engine, Rows
from engine import counts as dispositions
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from projects import TRIAL, Fresh

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.source import Replacement
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

MONTHS = tuple(Month(2022, 4).through(Month(2022, 7)))
APRIL, MAY, JUNE, JULY = MONTHS
RATE = "online_dossier_rate"
WORDS = {"online": "Trực tuyến", "direct": "Trực tiếp", "in_progress": "Đang giải quyết", "finished": "Đã giải quyết"}


@dataclass(frozen=True)
class State:
    """One line of a delivery: a dossier as it is at that time."""

    number: int
    received_on: date
    status: str = "in_progress"
    channel: str = "online"

    @property
    def line(self) -> str:
        """As the one-stop system writes it."""
        words = f"{WORDS[self.channel]};{self.received_on:%d/%m/%Y};;;{WORDS[self.status]};0"
        return f"H53.07-220401-{self.number:04};2.000488;H53.07;{words}"


def key(month: Month) -> Key:
    return Key("statistics.dossier", "dossier", month)


def every_cell(engine: Engine) -> Engine:
    """The same engine, which withholds no small cell and nothing for its coverage."""
    province = engine.catalogue.province.model_copy(update={"suppress_below": 0, "coverage_at_least": 0})
    return Engine(engine.settings, replace(engine.catalogue, province=province))


def every_change(engine: Engine) -> Engine:
    """The same engine, which takes a delivery however much it differs from the one that it replaces."""
    limits = Replacement(quarantined_pct=100, rows_lost_pct=100, keys_lost_pct=100, sum_change_pct=1e9)
    dossier = engine.catalogue.sources["dossier"]
    layouts = tuple(layout.model_copy(update={"replacement": limits}) for layout in dossier.source.deliveries)
    taken = replace(dossier, source=dossier.source.model_copy(update={"deliveries": layouts}))
    return Engine(engine.settings, replace(engine.catalogue, sources={**engine.catalogue.sources, "dossier": taken}))


def deliver(engine: Engine, month: Month, *states: State, name: str = "extract.csv", day: int = 5) -> None:
    engine.put("dossier", dossiers(*(state.line for state in states)), str(month), name, day)
    engine.results("dossier", str(month))


def by_month(engine: Engine) -> Rows:
    """Month, online dossiers and all dossiers, of the whole province."""
    run = evaluate(engine.settings, engine.catalogue, RATE).run
    assert run.published, run.problem
    where = "unit_level = 'province' AND window_type = 'month'"
    return engine.values(RATE, where, "window_start, coalesce(numerator, 0), coalesce(denominator, 0)")


def test_what_was_open_in_may_closes_in_june_without_may_being_delivered_again(engine: Engine) -> None:
    opened = State(1, date(2022, 5, 20))
    deliver(engine, MAY, opened, State(2, date(2022, 5, 21)))
    deliver(engine, JUNE, replace(opened, status="finished"), State(3, date(2022, 6, 1)))
    (run,) = engine.results("dossier", str(JUNE))
    assert dispositions(run.run) == [(2, 2, 0, 0, 0)]
    assert engine.rows(key(MAY), "dossier_status") == [("in_progress",), ("in_progress",)]
    assert engine.rows(key(JUNE), "month, dossier_status") == [
        (date(2022, 6, 1), "finished"),
        (date(2022, 6, 1), "in_progress"),
    ]
    assert by_month(every_cell(engine)) == [(date(2022, 5, 1), 2, 2), (date(2022, 6, 1), 1, 1)]


def test_a_dossier_received_after_the_month_is_quarantined(engine: Engine) -> None:
    deliver(engine, MAY, State(1, date(2022, 5, 31)), State(2, date(2022, 6, 1)))
    assert engine.reasons(key(MAY)) == [(4, "outside_month", "received_on")]


def test_a_corrected_date_of_receipt_counts_once_in_the_corrected_month(engine: Engine) -> None:
    received = State(1, date(2022, 4, 30))
    deliver(engine, APRIL, received, State(2, date(2022, 4, 4)))
    deliver(engine, MAY, replace(received, received_on=date(2022, 5, 2)))
    assert by_month(every_cell(engine)) == [(date(2022, 4, 1), 1, 1), (date(2022, 5, 1), 1, 1)]


def test_the_latest_month_decides_whatever_arrives_last(engine: Engine) -> None:
    online = State(1, date(2022, 5, 20))
    deliver(engine, JUNE, replace(online, channel="direct"))
    deliver(engine, MAY, online, State(2, date(2022, 5, 21)), day=25)
    assert by_month(every_cell(engine)) == [(date(2022, 5, 1), 1, 2), (date(2022, 6, 1), 0, 0)]


def test_the_same_bytes_for_two_months_are_two_states_of_each_dossier(engine: Engine) -> None:
    for month in (MAY, JUNE):
        deliver(engine, month, State(1, date(2022, 5, 20)), State(2, date(2022, 5, 21)))
    assert by_month(every_cell(engine)) == [(date(2022, 5, 1), 2, 2), (date(2022, 6, 1), 0, 0)]


def test_an_earlier_state_is_in_the_view_with_its_reason_and_what_each_is_as_of(engine: Engine) -> None:
    opened = State(1, date(2022, 5, 20))
    deliver(engine, MAY, opened)
    deliver(engine, JUNE, replace(opened, status="finished"))
    assert engine.view("dossier_received", "as_of, excluded") == [
        (date(2022, 5, 31), "earlier_state"),
        (date(2022, 6, 30), None),
    ]


def needed(engine: Engine) -> Rows:
    """Month, whether anything in it is synthetic, and what is stale, of the whole province."""
    engine.evaluate(RATE)
    where = "unit_level = 'province' AND window_type = 'month'"
    return engine.values(RATE, where, "window_start, synthetic, stale_inputs")


def test_a_month_that_is_stale_is_named_at_its_own_figures_and_at_no_earlier_ones(engine: Engine) -> None:
    opened = State(1, date(2022, 5, 20))
    deliver(engine, MAY, opened)
    deliver(engine, JUNE, replace(opened, status="finished"), name="good.csv")
    engine.put("dossier", b"unreadable", str(JUNE), "bad.csv", 6)
    engine.results("dossier", str(JUNE))
    assert needed(every_cell(engine)) == [
        (date(2022, 5, 1), False, None),
        (date(2022, 6, 1), False, "statistics.dossier dossier 2022-06"),
    ]


@pytest.mark.parametrize(("number", "is_synthetic"), [(1, True), (2, False)])
def test_a_figure_is_synthetic_that_counts_a_synthetic_state_of_a_later_month(
    engine: Engine,
    number: int,
    is_synthetic: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    deliver(engine, MAY, State(1, date(2022, 5, 20)))
    later = State(number, date(2022, 5, 20) if is_synthetic else date(2022, 6, 20))
    engine.put("dossier", dossiers(later.line, title="# SYNTHETIC DATA"), str(JUNE))
    engine.results("dossier", str(JUNE))
    assert needed(every_cell(engine)) == [(date(2022, 5, 1), is_synthetic, None), (date(2022, 6, 1), True, None)]


def test_a_release_marks_the_latest_state_of_each_dossier(engine: Engine) -> None:
    opened = State(1, date(2022, 4, 20))
    deliver(engine, APRIL, opened, State(2, date(2022, 4, 21)))
    engine.put("dossier", dossiers(replace(opened, status="finished").line))
    with duckdb.connect(str(engine.publish().path / "internal" / "dx_internal.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT as_of, dossier_status, is_latest FROM statistics.dossier ORDER BY ALL")
        assert found.fetchall() == [
            (date(2022, 4, 30), "in_progress", False),
            (date(2022, 4, 30), "in_progress", True),
            (date(2022, 5, 31), "finished", True),
        ]


@dataclass(frozen=True)
class Delivered:
    """One arrival of an extract, as delivered on a day of the following month."""

    month: Month
    states: tuple[State, ...]
    name: str
    day: int


STATES = st.builds(
    State,
    number=st.integers(1, 4),
    received_on=st.sampled_from([date(2022, month, day) for month in (3, 4, 5, 6, 7) for day in (1, 30)]),
    status=st.sampled_from(["in_progress", "finished"]),
    channel=st.sampled_from(["online", "direct"]),
)
EXTRACTS = st.tuples(st.sampled_from(MONTHS), st.lists(STATES, min_size=1, max_size=4).map(tuple))


@st.composite
def arrivals(draw: st.DrawFn) -> list[Delivered]:
    """Extracts of some months in any order: some arrive again, some under the name of another, some late."""
    extracts = draw(st.lists(EXTRACTS, min_size=1, max_size=4))
    order = draw(st.lists(st.sampled_from(extracts), min_size=1, max_size=6))
    days = draw(st.permutations(range(1, len(order) + 1)))
    names = draw(st.lists(st.sampled_from(["a.csv", "b.csv"]), min_size=len(order), max_size=len(order)))
    return [Delivered(*extract, name, day) for extract, name, day in zip(order, names, days, strict=True)]


def accepted(extract: Delivered) -> dict[int, State]:
    """The rows of one delivery that are good: none received after the month, none that contradict each other."""
    good = [state for state in extract.states if state.received_on <= extract.month.last]
    return {state.number: state for state in good if all(state == other for other in good if same(state, other))}


def same(state: State, other: State) -> bool:
    return state.number == other.number


def states_of(month: Month, history: Sequence[Delivered]) -> dict[int, State]:
    """The states that a month ends with: by order of delivery, an extract of the same name in place of the earlier."""
    first_time = {extract.states: extract for extract in reversed(history) if extract.month == month}
    by_name: dict[str, Delivered] = {}
    for extract in sorted(first_time.values(), key=lambda extract: extract.day):
        before = by_name.get(extract.name)
        if before is None or accepted(extract) or not accepted(before):  # else every row would be lost: it is held back
            by_name[extract.name] = extract
    found: dict[int, State] = {}
    for extract in sorted(by_name.values(), key=lambda extract: extract.day):
        found |= accepted(extract)
    return found


def published(history: Sequence[Delivered]) -> dict[Month, dict[int, State]]:
    """The states of each month after all arrivals: a month without a good row keeps what it had."""
    found: dict[Month, dict[int, State]] = {}
    for number, extract in enumerate(history, start=1):
        found[extract.month] = states_of(extract.month, history[:number]) or found.get(extract.month, {})
    return found


def expected(history: Sequence[Delivered]) -> Rows:
    """The counts of every month from the first to the last one delivered, from the latest state of each dossier."""
    by_month = published(history)
    latest: dict[int, State] = {}
    for month in sorted(by_month):
        latest |= by_month[month]
    total = Counter(Month.of(state.received_on) for state in latest.values())
    online = Counter(Month.of(state.received_on) for state in latest.values() if state.channel == "online")
    counts = {month: (online[month], total[month]) for month in by_month if by_month[month] and total[month]}
    return [(month.first, *counts.get(month, (0, 0))) for month in min(by_month).through(max(by_month))]


Counted = Callable[[Sequence[Delivered]], Rows]


@pytest.fixture
def counted(references: Path, declared: Catalogue, fresh: Fresh) -> Counted:
    """The counts by month that the pipeline publishes after a history, in a warehouse of its own."""

    def after(history: Sequence[Delivered]) -> Rows:
        settings = replace(fresh(), project=TRIAL, threads=1)
        shutil.copytree(references, settings.warehouse, dirs_exist_ok=True)
        engine = every_change(every_cell(Engine(settings, declared)))
        for extract in history:
            deliver(engine, extract.month, *extract.states, name=extract.name, day=extract.day)
        return by_month(engine)

    return after


APRIL = Month(2022, 4)
IN_APRIL, IN_MAY, IN_MARCH = ((State(1, date(2022, month, 1), "in_progress", "online"),) for month in (4, 5, 3))
HELD_BACK_BETWEEN = [
    Delivered(APRIL, IN_APRIL, "a.csv", 1),
    Delivered(APRIL, IN_MAY, "a.csv", 4),
    Delivered(APRIL, IN_MAY, "a.csv", 3),
    Delivered(APRIL, IN_MARCH, "a.csv", 2),
]
"""The second has no good row and is held back; the last, delivered before it, replaces the first."""


@examples(max_examples=examples().max_examples // 2)
@given(history=arrivals())
@example(history=HELD_BACK_BETWEEN)
def test_the_counts_of_any_history_are_those_of_the_latest_states(counted: Counted, history: list[Delivered]) -> None:
    assert counted(history) == expected(history)

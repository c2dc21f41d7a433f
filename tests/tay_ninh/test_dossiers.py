"""Dossiers of the province through their history: open, settled, and counted once."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import duckdb
import pytest
from engine import Engine
from facts import Row, dossiers, extract
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.sample import dossier, scenario
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

(OPEN,) = dossiers(1, "H53.07", date(2022, 5, 20), "direct", "2.000488")
JUNE, ENDED = "2022-06", date(2022, 6, 3)


def settled(engine: Engine, *june: Row) -> list[tuple[Any, ...]]:
    """Day, unit and why it does not count, of each dossier delivered for June after one that is open in May."""
    engine.put("dossier", extract([OPEN]))
    engine.put("dossier", extract(june), JUNE)
    engine.results("dossier", "2022-05", JUNE)
    return engine.view("dossier_settled", "ended_on, unit_code, excluded", f"month = DATE '{JUNE}-01'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("later", "found"),
    [
        ({"dossier_status": "finished", "finished_on": ENDED}, (ENDED, "H53.07", None)),
        ({"dossier_status": "returned", "returned_on": ENDED}, (ENDED, "H53.07", None)),
        ({"dossier_status": "stopped", "stopped_on": ENDED}, (ENDED, "H53.07", None)),
        (
            {"dossier_status": "finished", "finished_on": ENDED, "stopped_on": date(2022, 6, 1)},
            (ENDED, "H53.07", None),
        ),
        (
            {"dossier_status": "returned", "returned_on": ENDED, "stopped_on": date(2022, 6, 1)},
            (ENDED, "H53.07", None),
        ),
        ({"dossier_status": "in_progress"}, (None, None, "in_progress")),
        ({"dossier_status": "finished"}, (None, None, "no_day")),
    ],
)
def test_a_dossier_is_settled_once_on_the_day_it_was_finished_else_returned_else_stopped(
    engine: Engine, later: Row, found: tuple[object, ...]
) -> None:
    assert settled(engine, {**OPEN, **later}) == [found]
    assert engine.view("dossier_settled", "excluded", "month = DATE '2022-05-01'") == [("earlier_state",)]


def test_a_dossier_that_outlives_its_district_is_settled_in_the_unit_that_has_it_then(engine: Engine) -> None:
    (received,) = dossiers(1, "H53.20", date(2025, 6, 20), "direct", "2.000815")
    ended = {"dossier_status": "finished", "finished_on": date(2025, 7, 2)}
    engine.put("dossier", extract([{**received, **ended}]), "2025-07")
    engine.results("dossier", "2025-07")
    assert engine.view("dossier_received", "unit_code, excluded") == [("703", None)]
    assert engine.view("dossier_settled", "unit_code, excluded") == [("80", None)]


def test_the_sample_settles_each_dossier_once(province: dict[str, Any], declared: Catalogue) -> None:
    made = scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.2)
    ends = Counter(
        Month.of(day)
        for month in dossier.FIRST_HALF
        for day in dossier.ended_on(dossier.received(made, month)).to_pylist()
        if day is not None
    )
    engine = Engine(Settings(province["warehouse"], PROJECT, threads=1), declared)
    counted = engine.view("dossier_settled", "ended_on", "excluded IS NULL")
    found = Counter(Month.of(day) for (day,) in counted)
    assert [found[month] for month in dossier.FIRST_HALF] == [ends[month] for month in dossier.FIRST_HALF]


def test_at_the_end_of_the_sample_few_dossiers_of_its_first_months_are_open(province: dict[str, Any]) -> None:
    with duckdb.connect(str(province["warehouse"] / "internal" / "dx_internal.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            """SELECT received_on < DATE '2022-04-01', avg((dossier_status = 'in_progress')::INTEGER)
               FROM statistics.dossier WHERE is_latest GROUP BY ALL ORDER BY ALL"""
        ).fetchall()
    (_, late), (_, early) = rows
    assert 0 < early < 0.01 < late < 0.15

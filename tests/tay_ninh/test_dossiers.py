"""Dossiers of the province through their history: open, settled, and counted once."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import duckdb
import pytest
from deliveries import dossiers
from engine import Engine
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.sample import dossier, scenario
from dx_pipeline.settings import Settings

OPEN = "H53.07-220520-0001;2.000488;H53.07;Trực tiếp;20/05/2022;27/05/2022;;Đang giải quyết;200000"
JUNE = "2022-06"


def settled(engine: Engine, *june: str) -> list[tuple[Any, ...]]:
    """Day, unit and why it does not count, of each dossier delivered for June after one that is open in May."""
    engine.put("dossier", dossiers(OPEN))
    engine.put("dossier", dossiers(*june), JUNE)
    engine.results("dossier", "2022-05", JUNE)
    return engine.view("dossier_settled", "finished_on, unit_code, excluded", f"month = DATE '{JUNE}-01'")


@pytest.mark.parametrize(
    ("day", "status", "found"),
    [
        ("03/06/2022", "Đã giải quyết", (date(2022, 6, 3), "H53.07", None)),
        ("03/06/2022", "Trả lại", (date(2022, 6, 3), "H53.07", None)),
        ("03/06/2022", "Dừng xử lý", (date(2022, 6, 3), "H53.07", None)),
        ("", "Đang giải quyết", (None, None, "in_progress")),
        ("", "Đã giải quyết", (None, None, "no_day")),
    ],
)
def test_a_dossier_is_settled_once_on_the_day_it_ended(
    engine: Engine, day: str, status: str, found: tuple[object, ...]
) -> None:
    later = OPEN.replace(";;Đang giải quyết", f";{day};{status}")
    assert settled(engine, later) == [found]
    assert engine.view("dossier_settled", "excluded", "month = DATE '2022-05-01'") == [("earlier_state",)]


def test_a_dossier_that_outlives_its_district_is_settled_in_the_unit_that_has_it_then(engine: Engine) -> None:
    received = "H53.20-250620-0001;2.000815;H53.20;Trực tiếp;20/06/2025;04/07/2025;02/07/2025;Đã giải quyết;0"
    engine.put("dossier", dossiers(received), "2025-07")
    engine.results("dossier", "2025-07")
    assert engine.view("dossier_received", "unit_code, excluded") == [("703", None)]
    assert engine.view("dossier_settled", "unit_code, excluded") == [("80", None)]


def test_the_sample_settles_each_dossier_once(province: dict[str, Any], declared: Catalogue) -> None:
    made = scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=0.05)
    ends = Counter(
        Month.of(day)
        for month in dossier.FIRST_HALF
        for day in dossier.received(made, month)["finished_on"].to_pylist()
        if day is not None
    )
    engine = Engine(Settings(province["warehouse"], PROJECT, threads=1), declared)
    counted = engine.view("dossier_settled", "finished_on", "excluded IS NULL")
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

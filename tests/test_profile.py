"""The profile of a run: what each stage takes."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter, process_time

import pytest
from deliveries import GROUPS, groups, put
from engine import Engine
from projects import Dx, runnable

from dx_pipeline import profile
from dx_pipeline.period import Month
from dx_pipeline.profile import Stage, added_up
from dx_pipeline.settings import Settings

STAGES = {"fetch", "filter", "land", "read", "audit", "publish"}


def work() -> int:
    """Keep the processor busy for a moment."""
    return sum(range(200_000))


def test_the_time_of_a_stage_within_another_counts_once() -> None:
    seconds, cpu_seconds = perf_counter(), process_time()
    with profile.recording() as stages, profile.stage("read", "outer"):
        work()
        with profile.stage("audit", "inner"):
            work()
    seconds, cpu_seconds = perf_counter() - seconds, process_time() - cpu_seconds
    assert [(each.name, each.table) for each in stages] == [("audit", "inner"), ("read", "outer")]
    assert 0 < sum(each.seconds for each in stages) <= seconds
    assert 0 < sum(each.cpu_seconds for each in stages) <= cpu_seconds
    assert all(each.peak_mib > 1 for each in stages)


def test_nothing_is_recorded_that_nobody_asked_for() -> None:
    with profile.stage("read", "t"):
        pass
    with profile.recording() as stages:
        pass
    assert stages == []


def test_who_records_around_another_recording_gets_its_stages_too() -> None:
    with profile.recording() as every:
        with profile.recording() as some, profile.stage("read", "t"):
            pass
        with profile.stage("audit", "t"):
            pass
    assert ([each.name for each in some], [each.name for each in every]) == (["read"], ["read", "audit"])


def test_an_iteration_counts_what_it_yields() -> None:
    with profile.recording() as stages:
        assert list(profile.iterating("fetch", "t", None, "abc")) == ["a", "b", "c"]
    (added,) = added_up(stages)
    assert added.count == 3


def test_stages_of_one_name_and_table_are_added_up() -> None:
    may, june = (Stage("read", "t", Month(2022, month), 1.0, 0.5, peak, 1) for month, peak in ((5, 10.0), (6, 20.0)))
    other = Stage("read", "u", None, 1.0, 1.0, 1.0)
    assert added_up([may, other, june]) == [Stage("read", "t", None, 2.0, 1.0, 20.0, 2), other]


def test_ingest_has_a_stage_for_each_step(engine: Engine) -> None:
    with profile.recording() as stages:
        engine.deliver("community_group", groups(*GROUPS))
    table = "programme.community_group"
    assert {each.name for each in stages if each.table in {table, "community_group"}} == STAGES
    assert {each.month for each in stages if each.table == table} == {Month(2022, 5)}


@pytest.mark.slow
def test_a_run_shows_what_its_stages_took(dx: Dx, tmp_path: Path, furnished: Settings) -> None:
    project, home = runnable(tmp_path / "project"), tmp_path / "home"
    put(furnished, "community_group", groups(*GROUPS))
    run = ("run", "--months", "2022-05", "--profile")
    ran = dx(*run, "--json", warehouse=furnished.warehouse, project=project, home=home)
    measured = json.loads(ran.stdout)["profile"]
    assert {*STAGES, "evaluate", "release", "report", "rest"} <= {each["name"] for each in measured}
    assert [each["count"] for each in measured if each["table"] == "programme.community_group"] == [1, 1, 1]
    shown = dx(*run, warehouse=furnished.warehouse, project=project, home=home).stdout
    assert "Time and memory" in shown

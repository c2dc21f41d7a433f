"""The skin: what Dagster shows and runs is what is declared, and it is told the truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from deliveries import GROUPS, groups, put

from dx_pipeline.components.nightly import RANGE_END, RANGE_START, months_tags
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.definitions import defs
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

GROUP = dg.AssetKey(["programme", "community_group"])
CHECK = dg.AssetCheckKey(GROUP, "audit_community_group")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as local:
        yield local


def materialize(
    definitions: dg.Definitions, instance: dg.DagsterInstance, first: Month, last: Month
) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("one", selection=dg.AssetSelection.assets(GROUP))
    graph = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    return graph.resolve_job_def("one").execute_in_process(
        run_config=QUIET, instance=instance, tags=months_tags(first, last), raise_on_error=False
    )


def test_every_declaration_is_an_asset_with_group_owner_kinds_and_description(
    definitions: dg.Definitions, declared: Catalogue
) -> None:
    graph = definitions.resolve_asset_graph()
    expected = {dg.AssetKey([source.group, name]) for name, source in declared.sources.items()}
    expected |= {dg.AssetKey(["kpi", code]) for code in declared.kpis} | {dg.AssetKey(["release"])}
    assert set(graph.get_all_asset_keys()) == expected
    for key in expected:
        node = graph.get(key)
        assert node.group_name
        assert node.owners
        assert node.kinds
        assert node.description


def test_the_columns_tab_is_there_before_anything_has_run(definitions: dg.Definitions) -> None:
    schema = definitions.resolve_asset_graph().get(GROUP).metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns][:2] == ["group_code", "unit_code"]
    assert "Mã tổ / Group code" in [column.description for column in schema.columns]


def test_what_a_kpi_depends_on_comes_from_its_sql(definitions: dg.Definitions) -> None:
    parents = definitions.resolve_asset_graph().get(dg.AssetKey(["kpi", "online_dossier_rate"])).parent_keys
    assert parents == {dg.AssetKey(["statistics", "dossier"]), dg.AssetKey(["reference", "agency"])}


def evaluation_of(result: dg.ExecuteInProcessResult, check: str) -> Any:
    (found,) = (item for item in result.get_asset_check_evaluations() if item.check_name == check)
    return found


def test_a_month_can_be_run_and_its_expectations_are_shown_with_counts(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DX_WAREHOUSE", str(warehouse.warehouse))
    put(warehouse, "community_group", groups(*GROUPS))
    result = materialize(definitions, instance, Month(2022, 5), Month(2022, 5))
    assert result.success
    assert instance.get_materialized_partitions(GROUP) == {"2022-05-01"}
    evaluation = evaluation_of(result, "audit_community_group")
    assert evaluation.passed
    table = evaluation.metadata["expectations"].records
    assert len(table) == evaluation.metadata["evaluated"].value > 3
    assert {record.data["outcome"] for record in table} == {"met"}


def test_a_failed_suite_leaves_the_asset_unmaterialised_and_its_check_red(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DX_WAREHOUSE", str(warehouse.warehouse))
    too_early = "TCN-25456-03,25456,15/07/2022,,7"
    put(warehouse, "community_group", groups(*GROUPS), month="2022-04")
    put(warehouse, "community_group", groups(*GROUPS, too_early), month="2022-05")
    result = materialize(definitions, instance, Month(2022, 4), Month(2022, 5))
    assert not result.success
    assert instance.get_materialized_partitions(GROUP) == {"2022-04-01"}
    evaluation = evaluation_of(result, "audit_community_group")
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert "2022-05" in str(evaluation.metadata["held_back"].value)


def test_a_silent_source_is_neither_materialised_nor_an_error(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DX_WAREHOUSE", str(warehouse.warehouse))
    result = materialize(definitions, instance, Month(2022, 5), Month(2022, 5))
    assert result.success
    assert instance.get_materialized_partitions(GROUP) == set()
    evaluation = evaluation_of(result, "audit_community_group")
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN


def test_the_night_ingests_the_open_months_at_half_past_one(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("nightly_refresh")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "Asia/Ho_Chi_Minh")
    at = dt.datetime(2022, 6, 2, 1, 30, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    context = dg.build_schedule_context(scheduled_execution_time=at)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.tags.items() >= months_tags(Month(2022, 5), Month(2022, 6)).items()


@pytest.mark.parametrize("ending", ["success", "failure", "canceled"])
def test_publication_follows_ingest_whatever_became_of_it(definitions: dg.Definitions, ending: str) -> None:
    sensor = definitions.resolve_sensor_def(f"publication_after_{ending}")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == "publication"


def test_a_file_in_the_inbox_starts_the_run_it_belongs_to_until_it_has_landed(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DX_WAREHOUSE", str(warehouse.warehouse))
    sensor, repository = definitions.resolve_sensor_def("inbox"), definitions.get_repository_def()

    def requested() -> list[tuple[Any, str, str]]:
        context = dg.build_sensor_context(instance=instance, repository_def=repository)
        return [
            (run.asset_selection, run.tags[RANGE_START], run.tags[RANGE_END])
            for run in sensor.evaluate_tick(context).run_requests
        ]

    put(warehouse, "community_group", groups(*GROUPS), month="2022-04")
    put(warehouse, "community_group", groups(*GROUPS), month="2022-05")
    assert requested() == [([GROUP], "2022-04-01", "2022-05-01")]
    assert materialize(definitions, instance, Month(2022, 4), Month(2022, 5)).success
    assert requested() == []
    put(warehouse, "community_group", groups(*GROUPS[:2]), month="2022-05", day=6)
    assert requested() == [([GROUP], "2022-05-01", "2022-05-01")]


def test_a_file_that_belongs_nowhere_is_reported(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DX_WAREHOUSE", str(warehouse.warehouse))
    (warehouse.inbox / "nobody").mkdir(parents=True)
    tick = definitions.resolve_sensor_def("inbox").evaluate_tick(dg.build_sensor_context(instance=instance))
    assert "nobody" in str(tick.skip_message)

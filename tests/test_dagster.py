"""Dagster: what it shows and runs is what is declared, and each partition's results are its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, ModuleTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster_graphql.schema import create_schema
from deliveries import GROUPS, enterprises, groups, put
from projects import PROJECT, Dx, runnable

from dx_pipeline.cli.run import CODE_LOCATION, open_instance
from dx_pipeline.components.event_log import KeptEventLog
from dx_pipeline.components.nightly import ALONE, RANGE_END, RANGE_START, months_tags
from dx_pipeline.components.project import Project
from dx_pipeline.components.results import Partition
from dx_pipeline.components.run_launcher import PROCESS
from dx_pipeline.components.source import lateness
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.definitions import definitions_of
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

GROUP = dg.AssetKey(["programme", "community_group"])
AUDIT = "audit_community_group"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TOO_EARLY = "TCN-25456-03,25456,15/07/2022,,7"
APRIL, MAY, JUNE = Month(2022, 4), Month(2022, 5), Month(2022, 6)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runnable(tmp_path_factory.mktemp("dagster") / "project")


@pytest.fixture(scope="module")
def definitions(project: Path) -> dg.Definitions:
    return definitions_of(project)


@pytest.fixture
def instance(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    configured = getattr(request, "param", (PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    (tmp_path / "dagster.yaml").write_text(configured, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path))
        with dg.DagsterInstance.from_config(str(tmp_path)) as made:
            yield made


def project_of(warehouse: Settings) -> Project:
    return Project(project=str(warehouse.project), warehouse=str(warehouse.warehouse))


Materialize = Callable[[Month, Month], dg.ExecuteInProcessResult]


@pytest.fixture
def materialize(definitions: dg.Definitions, instance: dg.DagsterInstance, furnished: Settings) -> Materialize:
    """Ingest the community groups of some months in one run."""
    job = dg.define_asset_job("one", selection=dg.AssetSelection.assets(GROUP))
    merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("one")
    return lambda first, last: merged.execute_in_process(
        run_config=QUIET,
        instance=instance,
        tags=months_tags(first, last),
        raise_on_error=False,
        resources={"project": project_of(furnished)},
    )


def deliver(settings: Settings, *months: Month, rows: Sequence[str] = GROUPS) -> None:
    for month in months:
        put(settings, "community_group", groups(*rows), month=str(month))


def evaluations(result: dg.ExecuteInProcessResult, check: str) -> dict[str | None, dg.AssetCheckEvaluation]:
    return {each.partition: each for each in result.get_asset_check_evaluations() if each.check_name == check}


def rows(evaluation: dg.AssetCheckEvaluation, table: str) -> list[dict[str, Any]]:
    value = evaluation.metadata[table]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def test_every_declaration_is_an_asset_with_all_that_the_ui_can_show() -> None:
    declared, graph = catalogue.load(PROJECT), definitions_of(PROJECT).resolve_asset_graph()
    expected = {dg.AssetKey([source.group, name]) for name, source in declared.sources.items()}
    expected |= {dg.AssetKey(["kpi", code]) for code in declared.kpis} | {dg.AssetKey(["release"])}
    expected |= {dg.AssetKey(table.split(".")) for table in declared.summaries}
    views = {dg.AssetKey(["view", name]) for name in declared.views}
    assert set(graph.get_all_asset_keys()) == expected | views
    for key in expected:
        node = graph.get(key)
        assert all((node.group_name, node.owners, node.kinds, node.description, node.code_version))
        assert node.metadata["dagster/code_references"].code_references
        assert key == dg.AssetKey(["release"]) or "/current/report/" in str(node.metadata["report"].value)
    kpi = graph.get(dg.AssetKey(["kpi", "online_dossier_rate"]))
    assert kpi.parent_keys == {dg.AssetKey(["view", "dossier_received"])}
    view = graph.get(dg.AssetKey(["view", "dossier_received"]))
    assert dg.AssetKey(["statistics", "dossier"]) in view.parent_keys
    lineage = view.metadata["dagster/column_lineage"].deps_by_column
    assert lineage["channel"] == [dg.TableColumnDep(dg.AssetKey(["statistics", "dossier"]), "channel")]
    assert {"headline", "basis"} <= set(kpi.tags)
    files = {Path(each.file_path).name for each in kpi.metadata["dagster/code_references"].code_references}
    assert files == {"defs.yaml"}
    columns = graph.get(dg.AssetKey(["statistics", "dossier"])).metadata["dagster/column_schema"].columns
    assert columns[0].name == "dossier_code"
    assert " / " in columns[0].description


def test_partitions_are_the_months_from_the_province_s_first_to_the_open_one(definitions: dg.Definitions) -> None:
    at = dt.datetime(2022, 7, 31, 17, 30, tzinfo=dt.UTC)  # already August in the province
    partitions = definitions.resolve_asset_graph().get(GROUP).partitions_def
    keys = partitions.get_partition_keys(current_time=at) if partitions else []
    assert (keys[0], keys[-1]) == ("2022-01-01", "2022-08-01")


@pytest.mark.slow
def test_a_wrong_declaration_is_found_with_file_and_line(project: Path, tmp_path: Path) -> None:
    copy, expected = shutil.copytree(project, tmp_path / "copy"), []
    for path, was, becomes, problem in (
        ("assets/kpi/digital_enterprise_count/defs.yaml", "version: 1,", "version: 0,", "less than the minimum of 1"),
        ("assets/programme/community_group/defs.yaml", "format:", "formats:", "'formats' was unexpected"),
    ):
        text = (copy / path).read_text(encoding="utf-8")
        (copy / path).write_text(text.replace(was, becomes), encoding="utf-8")
        expected += [f"{copy / path}:{1 + text[: text.index(was)].count(chr(10))} ", problem]
    folders = (copy / "assets/kpi/digital_enterprise_count", copy / "assets/programme/community_group")
    command = [str(Path(sys.executable).parent / "dg"), "check", "yaml", *map(str, folders)]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    checked = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert [text for text in expected if text not in checked.stdout] == []


def test_the_code_version_of_an_asset_is_that_of_its_declarations(project: Path, tmp_path: Path) -> None:
    def code_versions(folder: Path) -> dict[str, str | None]:
        graph = definitions_of(folder).resolve_asset_graph()
        return {key.to_user_string(): graph.get(key).code_version for key in graph.get_all_asset_keys()}

    before, copy = code_versions(project), shutil.copytree(project, tmp_path / "copy")
    for path in ("assets/kpi/community_group_count/defs.yaml", "checks/statistics/dossier.yaml"):
        (copy / path).write_text((copy / path).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    after = code_versions(copy)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"kpi/community_group_count", "statistics/dossier", "release"}


@pytest.mark.slow
def test_each_month_has_its_own_counts_and_timestamp(
    materialize: Materialize, instance: dg.DagsterInstance, furnished: Settings
) -> None:
    deliver(furnished, APRIL)
    deliver(furnished, MAY, rows=[GROUPS[0], "TCN-99999-01,99999,01/04/2022,,5"])
    result = materialize(APRIL, JUNE)
    assert result.success
    found = instance.fetch_materializations(GROUP, limit=9).records
    made = {each.partition_key: each.asset_materialization for each in found}
    counts = {month: each.metadata["dagster/row_count"].value for month, each in made.items() if each}
    assert counts == {"2022-04-01": 3, "2022-05-01": 1}  # June, in which nothing was delivered, is not materialized
    assert len({int(each.timestamp * 1000) for each in found}) == len(found)
    april, may, june = evaluations(result, AUDIT).values()
    assert (april.passed, may.passed, june.passed, june.partition) == (True, True, False, "2022-06-01")
    assert (june.severity, june.description) == (dg.AssetCheckSeverity.WARN, "nothing was delivered")
    (quarantined,) = rows(may, "quarantined")
    assert (quarantined["delivery_line"], quarantined["column_name"]) == ("4", "unit_code")


@pytest.mark.slow
def test_a_month_held_back_stays_red_when_a_later_one_is_good(
    definitions: dg.Definitions, materialize: Materialize, instance: dg.DagsterInstance, furnished: Settings
) -> None:
    deliver(furnished, APRIL, JUNE)
    deliver(furnished, MAY, rows=[*GROUPS, TOO_EARLY])
    result = materialize(APRIL, MAY)
    assert not result.success
    assert instance.get_materialized_partitions(GROUP) == {"2022-04-01"}
    red = evaluations(result, AUDIT)["2022-05-01"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    first, *others = rows(red, "expectations")
    assert (first["status"], first["declared_at"]) == ("unmet", "checks/programme/community_group.yaml:3")
    assert {each["status"] for each in others} == {"met"}
    assert "checks/programme/community_group.yaml:3: " in str(red.description)
    assert materialize(JUNE, JUNE).success
    key = dg.AssetCheckKey(GROUP, AUDIT)
    partitions = definitions.resolve_asset_graph().get(GROUP).partitions_def
    state = instance.event_log_storage.get_asset_check_state([(key, partitions)])[key]
    shown = {status.value: set(subset.subset_value.get_partition_keys()) for status, subset in state.subsets.items()}
    assert (shown["FAILED"], shown["SUCCEEDED"]) == ({"2022-05-01"}, {"2022-04-01", "2022-06-01"})


@pytest.mark.slow
def test_a_delivery_that_is_held_back_is_red_and_says_what_to_do(
    materialize: Materialize, instance: dg.DagsterInstance, furnished: Settings
) -> None:
    deliver(furnished, MAY)
    assert materialize(MAY, MAY).success
    worse = groups(GROUPS[0], *["TCN-25456-07,25456,15/02/2022,,many"] * 3)
    put(furnished, "community_group", worse, month=str(MAY), name="worse.csv", day=7)
    result = materialize(MAY, MAY)
    assert not result.success
    red = evaluations(result, AUDIT)["2022-05-01"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (refused,) = rows(red, "refused")
    assert refused["delivery"] == "worse.csv"
    assert refused["problem"].startswith("3 of 4 lines quarantined; 3 rows replaced by 1;")
    assert "put 'accept: " in refused["problem"]
    assert instance.get_materialized_partitions(GROUP) == {"2022-05-01"}


def test_a_month_is_late_by_its_source_s_calendar(
    instance: dg.DagsterInstance, furnished: Settings, declared: Catalogue
) -> None:
    source = declared.sources["community_group"]  # due on the 5th of the next month, with three days of grace
    reported = Partition(instance, GROUP, "", MAY)

    def late_on(day: int) -> dg.AssetCheckEvaluation:
        return lateness(furnished, source, reported, MAY, dt.date(2022, 6, day))

    assert late_on(8).passed
    late = late_on(9)
    assert (late.passed, late.severity, late.partition) == (False, dg.AssetCheckSeverity.WARN, "2022-05-01")
    assert "was due on 2022-06-05" in str(late.description)
    deliver(furnished, MAY)
    ingest(furnished, declared, "community_group", [MAY])
    assert late_on(9).passed


def test_the_nightly_refresh_ingests_the_open_months_at_half_past_one(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("nightly_refresh")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "Asia/Ho_Chi_Minh")
    at = dt.datetime(2022, 6, 2, 1, 30, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    context = dg.build_schedule_context(scheduled_execution_time=at)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.tags.items() >= months_tags(MAY, JUNE).items()


@pytest.mark.parametrize("job", ["evaluation", "publication"])
@pytest.mark.parametrize("ending", ["success", "failure", "canceled"])
def test_evaluation_and_publication_follow_whether_the_job_before_succeeded_or_not(
    definitions: dg.Definitions, ending: str, job: str
) -> None:
    sensor = definitions.resolve_sensor_def(f"{job}_after_{ending}")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == job


@pytest.mark.slow
def test_a_file_in_the_inbox_starts_the_run_it_belongs_to_until_it_has_landed(
    definitions: dg.Definitions, materialize: Materialize, instance: dg.DagsterInstance, furnished: Settings
) -> None:
    resources = {"project": project_of(furnished)}
    sensor, repository = definitions.resolve_sensor_def("inbox"), definitions.get_repository_def()

    def tick() -> Any:
        context = dg.build_sensor_context(instance=instance, repository_def=repository, resources=resources)
        return sensor.evaluate_tick(context)

    def requested() -> list[tuple[Sequence[dg.AssetKey] | None, str, str]]:
        return [(run.asset_selection, run.tags[RANGE_START], run.tags[RANGE_END]) for run in tick().run_requests]

    deliver(furnished, APRIL, MAY)
    assert requested() == [([GROUP], "2022-04-01", "2022-05-01")]
    assert materialize(APRIL, MAY).success
    assert requested() == []
    put(furnished, "community_group", groups(*GROUPS[:2]), month="2022-05", day=6)
    assert requested() == [([GROUP], "2022-05-01", "2022-05-01")]
    (furnished.inbox / "community_group" / "2022-05" / "file.dat").unlink()
    (furnished.inbox / "nobody").mkdir()
    assert "nobody" in str(tick().skip_message)


INITIALISE = """
from pathlib import Path
from dx_pipeline.cli.run import open_instance
from dx_pipeline.settings import Settings
with open_instance(Settings(Path(), Path("{project}"))) as instance:
    instance.get_runs(limit=1), instance.all_asset_keys(), instance.all_instigator_state()
"""


@pytest.mark.slow
def test_first_runs_at_the_same_time_share_one_instance(project: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", INITIALISE.format(project=project)]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors


QUESTIONS = """{
    shouldShowNux
    repositoryOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "dx-pipeline"}) {
        ... on Repository { jobs { name runs { tags { key } repositoryOrigin { repositoryLocationName } } } } }
    source: assetNodeOrError(assetKey: {path: ["programme", "community_group"]}) {
        ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks { name partitionStatuses {
            ... on AssetCheckTimePartitionStatuses { ranges { startKey endKey status } } } } } } } }
    kpi: assetNodeOrError(assetKey: {path: ["kpi", "digital_enterprise_count"]}) {
        ... on AssetNode { staleStatus assetMaterializations { metadataEntries {
            label ... on FloatMetadataEntry { floatValue } ... on PathMetadataEntry { path } } } } }
}"""


def ask(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the web server answers to the UI's questions."""
    target = ModuleTarget("dx_pipeline.definitions", None, None, CODE_LOCATION)
    with WorkspaceProcessContext(instance, target, code_server_log_level="CRITICAL") as process:
        context = process.create_request_context()
        result = asyncio.run(create_schema().execute_async(QUESTIONS, context_value=context))
    assert not result.errors, result.errors
    return dict(result.data or {})


@pytest.mark.parametrize(("process", "status"), [("its own", "STARTED"), ("a dead one", "FAILURE")])
def test_a_run_whose_process_has_died_is_ended(
    process: str, status: str, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    of = {"its own": os.getpid(), "a dead one": dead.pid}[process]
    job, tags = definitions.resolve_job_def("publication"), {PROCESS: str(of)}
    run = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        errors = [error for error in execute_run_monitoring_iteration(workspace, logging.getLogger(__name__)) if error]
    assert errors == []
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status.value == status


@pytest.mark.slow
def test_a_run_of_dx_is_shown_in_the_ui_as_any_other(
    dx: Dx, project: Path, furnished: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(furnished, MAY)
    put(furnished, "digital_enterprise", enterprises(("703", "6201", "active", 5, 3)))
    home = tmp_path / "home"
    ran = dx("run", "--json", warehouse=furnished.warehouse, project=project, home=home)
    assert ran.stdout, ran.stderr
    assert json.loads(ran.stdout)["published"], ran.stdout
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DX_PROJECT", str(project))
    with open_instance(Settings(furnished.warehouse, project)) as instance:
        shown = ask(instance)
        kept, plain = instance.event_log_storage, SqliteEventLogStorage(str(home / "history" / "runs"))
        assert isinstance(kept, KeptEventLog)
        for run in instance.get_runs():
            assert plain.get_logs_for_run(run.run_id) == kept.get_logs_for_run(run.run_id) != []
        plain.dispose()
    assert shown["shouldShowNux"] is False
    jobs = {job["name"]: job["runs"] for job in shown["repositoryOrError"]["jobs"]}
    (ingested,), (published,) = jobs["ingest"], jobs["publication"]
    assert ingested["repositoryOrigin"] == published["repositoryOrigin"] == {"repositoryLocationName": CODE_LOCATION}
    assert ALONE in {tag["key"] for tag in ingested["tags"]}
    checks = {check["name"]: check["partitionStatuses"] for check in shown["source"]["assetChecksOrError"]["checks"]}
    assert checks[AUDIT] == {"ranges": [{"startKey": "2022-05-01", "endKey": "2022-05-01", "status": "SUCCEEDED"}]}
    assert "lateness" in checks
    (materialization,) = shown["kpi"]["assetMaterializations"]
    numbers = {each["label"]: each.get("floatValue", each.get("path")) for each in materialization["metadataEntries"]}
    assert [numbers[name] for name in ("value", "numerator", "target", "coverage")] == [5, 5, 10, 1]
    assert Path(numbers["path"]).is_file()
    assert shown["kpi"]["staleStatus"] == "FRESH"


@pytest.mark.parametrize("instance", ["telemetry: {enabled: false}"], indirect=True)
def test_everything_works_without_the_event_log_that_keeps_connections(
    materialize: Materialize, instance: dg.DagsterInstance, furnished: Settings
) -> None:
    deliver(furnished, MAY)
    assert type(instance.event_log_storage) is SqliteEventLogStorage
    assert materialize(MAY, MAY).success
    assert instance.get_materialized_partitions(GROUP) == {"2022-05-01"}

"""A night in which one source does not answer, and the night after."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from deliveries import GROUPS, enterprises, groups, put
from projects import Dx, runnable
from webhook import WEBHOOK, Webhook, serving

from dx_pipeline.period import Month
from dx_pipeline.sample.http_server import Reply, Service
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow


def fetch_over_http(project: Path, url: str) -> None:
    """Let the project's declaration of enterprises ask a server, one try a request."""
    path = project / "assets" / "programme" / "digital_enterprise" / "defs.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    request = {"name": "all", "path": "/all", "query": {"thang": "{month}"}, "records": "Data"}
    connector = {"kind": "http", "base_url": url, "requests": [request], "bounds": {"attempts": 1}}
    declared["attributes"]["connector"] = connector
    path.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")


def notify_over(project: Path, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the project's declaration name an address for notifications."""
    with (project / "assets" / "province.yaml").open("a", encoding="utf-8") as declared:
        declared.write(f"notify: [{WEBHOOK}]\n")
    monkeypatch.setenv(WEBHOOK, webhook.address)


def test_one_source_that_is_down_stops_no_other_and_the_next_night_catches_up(
    dx: Dx, tmp_path: Path, furnished: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, delivery = runnable(tmp_path / "project"), Reply(enterprises(("703", "6201", "active", 5, 3)))
    webhook = Webhook()
    notify_over(project, webhook, monkeypatch)
    for part in ("connection", "statistics", "kpi/online_dossier_rate"):
        shutil.rmtree(project / "assets" / part)
    put(furnished, "community_group", groups(*GROUPS))

    def night() -> tuple[int, dict[str, Any], dict[str, float]]:
        ran = dx("run", "--json", "--months", "2022-05", warehouse=furnished.warehouse, project=project)
        assert ran.stdout, ran.stderr
        answer = json.loads(ran.stdout)
        values = {row["kpi_code"]: row["value"] for row in answer["kpis"] if row["value"] is not None}
        return ran.returncode, answer, values

    with serving(webhook), Service({"/all": lambda _: delivery}, faults=["unavailable"]) as service:
        fetch_over_http(project, service.url)
        status, answer, values = night()
        assert status == 1
        (problem,) = answer["not_fetched"]
        assert problem.startswith("digital_enterprise ")
        assert "http_5xx (503)" in problem
        assert values == {"community_group_count": 3}
        put(furnished, "community_group", groups(*GROUPS, "TCN-25456-02,25456,15/03/2022,,7"), name="more.csv", day=7)
        status, answer, values = night()
    assert (status, answer["not_fetched"]) == (0, [])
    assert values == {"community_group_count": 4, "digital_enterprise_count": 5}
    changed = answer["changed_values"]
    of_province = {(row["kpi_code"], row["value_before"], row["value"]) for row in changed["largest"]}
    assert ("community_group_count", 3, 4) in of_province
    assert (changed["appeared_count"] > 0, changed["vanished_count"]) == (True, 0)
    assert ["Not fetched, digital_enterprise 2022-05" in message["message"] for message in webhook.taken] == [
        True,
        False,
    ]


def test_a_first_night_in_which_nothing_came_names_every_source(dx: Dx, tmp_path: Path, furnished: Settings) -> None:
    project, today = runnable(tmp_path / "project"), furnished.today
    ran = dx("run", "--json", "--months", "2022-05", warehouse=furnished.warehouse, project=project)
    answer = json.loads(ran.stdout)
    assert (ran.returncode, answer["published"], answer["errors"]) == (1, True, [])
    assert {silence["source"] for silence in answer["overdue"]} >= {"community_group", "dossier"}
    ran = dx("run", "--json", "--months", str(Month.of(today)), warehouse=furnished.warehouse, project=project)
    assert (ran.returncode, json.loads(ran.stdout)["overdue"]) == (0, [])


def test_a_silent_month_is_overdue_after_its_day_of_grace_and_not_yet_due_before(
    dx: Dx, tmp_path: Path, furnished: Settings
) -> None:
    project, today = runnable(tmp_path / "project"), furnished.today
    for part in (
        "connection",
        "statistics",
        "programme/digital_enterprise",
        "kpi/online_dossier_rate",
        "view/dossier_received",
    ):
        shutil.rmtree(project / "assets" / part)
    for part in ("kpi/digital_enterprise_count", "view/digital_enterprise"):
        shutil.rmtree(project / "assets" / part)
    put(furnished, "community_group", groups(*GROUPS))

    def run(months: str) -> tuple[int, dict[str, Any]]:
        ran = dx("run", "--json", "--months", months, warehouse=furnished.warehouse, project=project)
        assert ran.stdout, ran.stderr
        return ran.returncode, json.loads(ran.stdout)

    status, answer = run("2022-05:2022-06")
    (silent,) = answer["overdue"]
    assert (status, answer["not_yet_due"], answer["held_back"]) == (1, [], [])
    assert silent == {
        "source": "community_group",
        "month": "2022-06",
        "due_on": "2022-07-05",
        "late_after": "2022-07-08",
        "is_overdue": True,
        "kpis": ["community_group_count"],
    }
    status, answer = run(str(Month.of(today)))
    assert (status, answer["overdue"], answer["changed"]) == (0, [], False)
    assert [silence["source"] for silence in answer["not_yet_due"]] == ["community_group"]

"""Dagster's UI in a real browser: started as `make ui` does it, a run launched through it, its pages looked at."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from deliveries import GROUPS, groups, put
from projects import PROJECT, Dx
from visits import chromium

from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SCREENSHOTS = "DX_SCREENSHOTS"
"""The environment variable that names a folder for pictures of the pages."""

JULY = "2022-07"
LIST = "july.csv"
TOO_LATE = "TCN-25456-02,25456,15/08/2022,,7"

RUNS = '{ runsOrError(filter: {pipelineName: "__ASSET_JOB"}) { ... on Runs { results { runId status } } } }'


@pytest.fixture(scope="module")
def ui(province: dict[str, Any], dx: Dx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the UI over a copy of the sample province, with Dagster's daemon beside it.

    In the night before, July's list of groups came with one that is set up in August: it was held back.
    """
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(province["warehouse"], folder / "warehouse", symlinks=True)
    (folder / "home").mkdir()
    shutil.copyfile(PROJECT / "dagster.yaml", folder / "home" / "dagster.yaml")
    put(Settings(folder / "warehouse"), "community_group", groups(*GROUPS, TOO_LATE), JULY, LIST)
    ran = dx("run", "--months", JULY, warehouse=folder / "warehouse", home=folder / "home")
    assert ran.returncode == 1, ran.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {"DX_WAREHOUSE": str(folder / "warehouse"), "DAGSTER_HOME": str(folder / "home")}
    command = [shutil.which("dagster", path=str(Path(sys.executable).parent)) or "dagster", "dev"]
    command += ["-h", "127.0.0.1", "-p", str(port), "-w", "workspace.yaml"]
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, **folders}, stdout=log, stderr=log, start_new_session=True
        )
        address = f"http://127.0.0.1:{port}"
        _wait(lambda: httpx.get(f"{address}/server_info").status_code == 200, 120)
        yield address
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(60)


@pytest.fixture(scope="module")
def page(ui: str) -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1360, "height": 900})
        opened.set_default_timeout(60_000)
        opened.goto(ui)
        yield opened


def _wait(is_so: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    pytest.fail(f"not within {seconds} seconds")


def look(page: Page, address: str, name: str, *said: str) -> None:
    """Open a page of the UI, wait for what it has to say, and take a picture of it where they are wanted."""
    page.goto(address)
    for text in said:
        page.get_by_text(text).first.wait_for()
    if folder := os.environ.get(SCREENSHOTS):
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_kpi_says_what_it_is_who_owns_it_and_where_its_page_is(ui: str, page: Page) -> None:
    address = f"{ui}/assets/kpi/online_dossier_rate"
    look(
        page,
        address,
        "dagster-kpi",
        "Tỷ lệ hồ sơ xử lý trực tuyến",
        "van_phong_ubnd_tinh",
        "online_dossier_rate.html",
    )


def test_a_system_says_what_is_checked(ui: str, page: Page) -> None:
    look(page, f"{ui}/assets/connection/judicial_record?view=checks", "dagster-checks", "audit_register")


def test_a_failed_check_says_what_was_held_back_why_and_what_to_do(ui: str, page: Page) -> None:
    address = f"{ui}/assets/programme/community_group?view=checks"
    reason = "A group is not set up after the month that reports it: not met"
    look(page, address, "dagster-failed-check", "Failed", reason, f"{LIST}, line 6", "correct the delivery")


def test_the_home_page_shows_which_jobs_ran_and_failed(ui: str, page: Page) -> None:
    look(page, ui, "dagster-home", "ingest", "evaluation", "publication")


def test_the_catalogue_says_what_each_asset_is(ui: str, page: Page) -> None:
    look(page, f"{ui}/assets", "dagster-catalogue", "Hộ tịch điện tử / Electronic civil status")


def test_the_graph_leads_from_sources_to_the_release(ui: str, page: Page) -> None:
    look(page, f"{ui}/asset-groups", "assets", "release", "kpi")


def test_a_run_that_is_launched_from_the_page_of_a_kpi_ends_well_and_plots_its_value(ui: str, page: Page) -> None:
    page.goto(f"{ui}/assets/kpi/community_group_count")
    page.get_by_role("button", name="Materialize").first.click()

    def ended() -> bool:
        found = httpx.post(f"{ui}/graphql", json={"query": RUNS}).json()["data"]["runsOrError"]["results"]
        assert not [run for run in found if run["status"] in {"FAILURE", "CANCELED"}]
        return bool(found) and all(run["status"] == "SUCCESS" for run in found)

    _wait(ended, 150)
    look(page, f"{ui}/assets/kpi/community_group_count", "dagster-run", "numerator")

"""A run over what the last run looked at: it does nothing, unless anything else is there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from deliveries import GROUPS, groups, put
from projects import Dx, runnable

from dx_pipeline import last_run
from dx_pipeline.declarations.catalogue import Catalogue, load, open_project
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

pytestmark = pytest.mark.slow

MAY = [Month(2022, 5)]
RUN = ("run", "--json", "--months", "2022-05")


def listed(*folders: Path) -> dict[Path, tuple[int, int, int]]:
    """When each file was written, and how large it is; locks, which say who runs, are left out."""
    found = [path for folder in folders for path in folder.rglob("*") if ".scratch" not in path.parts]
    stats = {path: path.lstat() for path in found if path.name != "dx.lock"}
    return {path: (about.st_size, about.st_mtime_ns, about.st_ctime_ns) for path, about in stats.items()}


def written_again(path: Path) -> None:
    """Write the same bytes to a file, and give it back its time."""
    about, content = path.stat(), path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def with_notification(settings: Settings) -> None:
    """Declare an address for notifications."""
    with (settings.project / "assets" / "province.yaml").open("a", encoding="utf-8") as declared:
        declared.write("notify: [DX_WEBHOOK]\n")


CHANGES: dict[str, Callable[[Settings], object]] = {
    "a delivery more": lambda settings: put(settings, "community_group", groups(*GROUPS), name="more.csv", day=7),
    "a delivery written again": lambda settings: written_again(next(settings.inbox.rglob("*.csv"))),
    "a reference file written again": lambda settings: written_again(next(settings.reference.glob("*.csv"))),
    "what landed written again": lambda settings: written_again(next(settings.landing.rglob("content"))),
    "rows written again": lambda settings: written_again(next(settings.tables.rglob("rows.parquet"))),
    "rows gone": lambda settings: next(settings.tables.rglob("rows.parquet")).unlink(),
    "a release written again": lambda settings: written_again(settings.current / "dx.duckdb"),
    "no current release": lambda settings: settings.current.unlink(),
    "an address for notifications": with_notification,
}


@pytest.fixture
def run_once(
    dx: Dx, tmp_path: Path, furnished: Settings, monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, Catalogue, Callable[[], dict[str, object]]]:
    """A warehouse after a run, what is declared, and another run."""
    project, home = runnable(tmp_path / "project"), tmp_path / "home"
    put(furnished, "community_group", groups(*GROUPS))

    def run() -> dict[str, object]:
        ran = dx(*RUN, warehouse=furnished.warehouse, project=project, home=home)
        assert ran.stdout, ran.stderr
        return dict(json.loads(ran.stdout))

    assert run()["changed"] is True
    monkeypatch.setenv("DX_PROJECT", str(project))
    monkeypatch.setenv("DX_WAREHOUSE", str(furnished.warehouse))
    return (*open_project(), run)


def test_a_run_over_the_same_writes_nothing(
    run_once: tuple[Settings, Catalogue, Callable[[], dict[str, object]]], tmp_path: Path
) -> None:
    settings, _, run = run_once
    before = listed(settings.warehouse, tmp_path / "home")
    assert run()["changed"] is False
    assert listed(settings.warehouse, tmp_path / "home") == before


def test_whatever_is_there_besides_is_looked_at(
    run_once: tuple[Settings, Catalogue, Callable[[], dict[str, object]]],
) -> None:
    settings, _, run = run_once

    def is_over_the_same(months: list[Month] = MAY) -> bool:
        load.cache_clear()
        return last_run.is_over_the_same(settings, last_run.looked_at(settings, open_project()[1], months))

    assert is_over_the_same()
    assert not is_over_the_same([Month(2022, 4), *MAY])
    for name, change in CHANGES.items():
        change(settings)
        assert not is_over_the_same(), name
        run()
        assert is_over_the_same() is (change is not with_notification), name


def test_what_comes_while_a_run_is_at_work_is_looked_at_by_the_next(
    run_once: tuple[Settings, Catalogue, Callable[[], dict[str, object]]],
) -> None:
    settings, catalogue, _ = run_once
    before = last_run.looked_at(settings, catalogue, MAY)
    put(settings, "community_group", groups(*GROUPS), name="more.csv", day=7)
    last_run.record(settings, catalogue, before)
    assert last_run.is_over_the_same(settings, before)
    assert not last_run.is_over_the_same(settings, last_run.looked_at(settings, catalogue, MAY))


BROKEN = """
  - type: unexpected_rows_expectation
    kwargs:
      unexpected_rows_query: SELECT * FROM {batch} WHERE error(group_code) IS NULL
    severity: warning
    meta:
      reason: {vi: Không tính được, en: Cannot be evaluated}
"""


def test_what_could_not_be_audited_is_tried_again(dx: Dx, tmp_path: Path, furnished: Settings) -> None:
    project, home = runnable(tmp_path / "project"), tmp_path / "home"
    with (project / "checks" / "programme" / "community_group.yaml").open("a", encoding="utf-8") as suite:
        suite.write(BROKEN)
    put(furnished, "community_group", groups(*GROUPS))
    ran = dx(*RUN, warehouse=furnished.warehouse, project=project, home=home)
    assert json.loads(ran.stdout)["published"] is True
    assert not (furnished.warehouse / last_run.NAME).exists()

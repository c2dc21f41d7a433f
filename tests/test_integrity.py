"""Verification of the whole warehouse, and what runs that were killed or that wait say."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from deliveries import GROUPS, MAY, groups
from engine import Engine
from projects import PROJECT, TRIAL, Dx, runnable

from dx_pipeline import integrity, release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, proven
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import closing
from dx_pipeline.tables.closing import Basis, Closing

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(warehouse: Settings, declared: Catalogue, first: Published) -> Engine:
    """The engine over a warehouse with one release."""
    assert first.path.is_relative_to(warehouse.warehouse)
    landed = deliveries.landed(warehouse, "community_group", Month.parse(MAY))
    basis = Basis(deliveries=tuple(item.entry.delivery_id for item in landed), states_until=MAY)
    closed_on, name = date(2022, 6, 25), "community_group"
    closed = Closing(table=f"programme.{name}", source=name, month=MAY, closed_on=closed_on, first=basis)
    closing.record(warehouse, closed)
    return Engine(warehouse, declared)


def found(engine: Engine) -> list[str]:
    return [problem.en for problem in integrity.problems(engine.settings, engine.catalogue)]


def one(engine: Engine, pattern: str) -> Path:
    return next(iter(sorted(engine.settings.warehouse.glob(pattern))))


def flip(path: Path) -> None:
    """Change one bit of a file, and nothing that a listing of the folder shows."""
    about, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def rewrite(path: Path, old: str, new: str) -> None:
    """Change a record, and the digest that it has of itself."""
    values = json.loads(path.read_text(encoding="utf-8").replace(old, new))
    path.write_text(json.dumps({**values, proven.DIGEST: proven.digest(values)}), encoding="utf-8")


CONTENT = "landing/community_group/2022-05/*/content"
ENTRY = "landing/community_group/2022-05/*/entry.json"
ROWS = "tables/programme.community_group/*/rows.parquet"
RECORD = "tables/_runs/programme.community_group/*.json"
CLOSING = "revisions/programme.community_group/*.json"
COPY = "revisions/copies/programme.community_group/*.json"
DESCRIBED = "current/datapackage.json"

DAMAGES: dict[str, tuple[Callable[[Engine], object], str]] = {
    "a bit of a delivery": (lambda made: flip(one(made, CONTENT)), "content (file.dat) is not what was landed"),
    "no delivery": (lambda made: one(made, CONTENT).unlink(), "content (file.dat) is missing"),
    "half an entry": (lambda made: one(made, ENTRY).write_bytes(b"{"), "is not what was landed: restore it"),
    "a file in landing": (
        lambda made: (made.settings.landing / "x").touch(),
        "landing/x does not belong there, and nothing reads it",
    ),
    "a bit of rows": (lambda made: flip(one(made, ROWS)), "rows.parquet is not what was written there"),
    "no rows": (lambda made: one(made, ROWS).unlink(), "rows.parquet is missing: 'dx run' makes it again"),
    "half a record": (lambda made: one(made, RECORD).write_bytes(b"{"), "_2022-05.json is not what was written there"),
    "lost rows": (
        lambda made: rewrite(one(made, RECORD), '"rows_in": 3', '"rows_in": 4'),
        "the ledger of programme.community_group community_group_2022-05 does not account for 1 of 4 rows",
    ),
    "a folder in tables": (
        lambda made: (made.settings.tables / "programme.community_group" / "x").mkdir(),
        "tables/programme.community_group/x does not belong there",
    ),
    "half a closing": (lambda made: one(made, CLOSING).write_bytes(b"{"), "and its copy is not: 'dx run' writes it"),
    "half a copy": (lambda made: one(made, COPY).write_bytes(b"{"), "and its copy is not: 'dx run' writes it again"),
    "no description": (lambda made: one(made, DESCRIBED).write_text("{}"), "is not the file that was sealed"),
    "a changed log": (
        lambda made: (made.settings.releases / "log.jsonl").write_text("{}\n"),
        "releases/log.jsonl: line 1 was changed",
    ),
    "a file beside releases": (lambda made: (made.settings.releases / "x").touch(), "releases/x is no release"),
    "a lost release": (
        lambda made: one(made, "releases/*/public").parent.rename(made.settings.warehouse / "away"),
        "it is in the release log and no longer on the disk",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_is_named_in_one_sentence(engine: Engine, damage: str) -> None:
    assert found(engine) == []
    cause, sentence = DAMAGES[damage]
    cause(engine)
    assert any(sentence in problem for problem in found(engine)), found(engine)


def test_what_can_be_made_again_is_whole_after_the_next_run(engine: Engine, declared: Catalogue) -> None:
    for damages in (("a bit of a delivery", "a bit of rows", "half a closing"), ("half an entry", "half a record")):
        for damage in damages:
            DAMAGES[damage][0](engine)
        assert len(found(engine)) == len(damages)
        engine.publish()
        assert found(engine) == []
    DAMAGES["no description"][0](engine)
    release.publish(engine.settings, declared)
    assert found(engine) == []


def test_a_closed_month_whose_record_and_copy_are_lost_stops_its_source_alone(engine: Engine) -> None:
    for pattern in (CLOSING, COPY):
        one(engine, pattern).write_bytes(b"{")
    before = one(engine, ROWS).read_bytes()
    (result,) = engine.results("community_group")
    assert "cannot be read, nor can its copy: restore it from a backup" in str(result.run.problem)
    assert one(engine, ROWS).read_bytes() == before
    assert engine.results("digital_enterprise") == []


def test_the_command_and_the_doctor_report_damage_and_status_1(dx: Dx, engine: Engine) -> None:
    folder = engine.settings.warehouse
    whole = dx("verify", "--lang", "en", warehouse=folder, project=TRIAL)
    assert (whole.returncode, whole.stdout.strip()) == (0, "everything that is kept is whole")
    flip(one(engine, CONTENT))
    damaged = dx("verify", "--lang", "en", warehouse=folder, project=TRIAL)
    assert damaged.returncode == 1
    assert "is not what was landed: restore it from a backup." in " ".join(damaged.stderr.split())
    in_json = json.loads(dx("verify", "--json", warehouse=folder, project=TRIAL).stdout)
    assert [set(problem) for problem in in_json["problems"]] == [{"vi", "en"}]
    assert "is not what was landed" in dx("doctor", "--json", "--lang", "en", warehouse=folder, project=TRIAL).stdout


def test_the_check_in_dagster_fails_over_damage(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dx_pipeline.definitions import definitions_of

    project = runnable(tmp_path / "project")
    monkeypatch.setenv("DX_WAREHOUSE", str(engine.settings.warehouse))
    job = definitions_of(project).resolve_job_def("verification")

    def passed() -> Any:
        with dg.DagsterInstance.ephemeral() as instance:
            (evaluation,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
            return evaluation.passed, evaluation.metadata["problems"].value

    assert passed() == (True, 0)
    flip(one(engine, ROWS))
    assert passed() == (False, 1)


# What killed runs leave, and whom a run waits for


def test_what_a_killed_process_left_is_removed_and_named_by_the_next_run(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    program = f"""
import os, signal
from pathlib import Path
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, proven
settings = Settings(Path({str(engine.settings.warehouse)!r}))
files.private_name(settings, ".parquet").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    (left,) = engine.settings.scratch.glob("*/*.parquet")
    (engine.settings.releases / ".0123").mkdir()
    (engine.settings.scratch / "older.parquet").touch()
    own = files.private_name(engine.settings)
    own.touch()
    release.publish(engine.settings, engine.catalogue)
    assert not left.exists()
    assert own.exists()
    assert not (engine.settings.releases / ".0123").exists()
    assert not (engine.settings.scratch / "older.parquet").exists()
    (message,) = [each for each in caplog.messages if "had left" in each]
    for name in (f".scratch/{left.parent.name}", "releases/.0123", ".scratch/older.parquet"):
        assert name in message


def test_a_process_that_ends_leaves_nothing_behind(warehouse: Settings) -> None:
    program = f"""
from pathlib import Path
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, proven
files.private_name(Settings(Path({str(warehouse.warehouse)!r}))).touch()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert list(warehouse.scratch.iterdir()) == []


def test_a_process_that_waits_says_whom_it_waits_for(warehouse: Settings) -> None:
    program = f"""
from pathlib import Path
from dx_pipeline.settings import Settings
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import closing
from dx_pipeline.tables.closing import Basis, Closing
with writing(Settings(Path({str(warehouse.warehouse)!r}))):
    pass
"""
    with ExitStack() as locked:
        locked.enter_context(writing(warehouse))
        waiting = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        said = waiting.stderr.readline()
    assert waiting.wait() == 0
    waiting.stderr.close()
    assert "waiting for the process that writes to the warehouse" in said
    assert f": {os.getpid()} (" in said


def test_a_run_that_is_stopped_says_that_nothing_was_published(
    engine: Engine, first: Published, tmp_path: Path
) -> None:
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    project = str(runnable(tmp_path / "project"))
    folders = {"DX_WAREHOUSE": str(engine.settings.warehouse), "DAGSTER_HOME": str(tmp_path), "DX_PROJECT": project}
    command = [sys.executable, "-m", "dx_pipeline", "run", "--lang", "en"]
    with (
        writing(engine.settings),  # it waits for us when it is stopped
        subprocess.Popen(command, env={**os.environ, **folders}, stderr=subprocess.PIPE, text=True) as running,
    ):
        assert running.stderr is not None
        while "waiting for" not in (line := running.stderr.readline()):
            assert line or running.poll() is None
        time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        said = running.stderr.read()
    assert running.returncode == 1
    assert "stopped; nothing was published." in said
    assert "Traceback" not in said
    assert release.current_id(engine.settings) == first.release_id


# Who may read what


def inodes(settings: Settings) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_ino) for path in settings.warehouse.rglob("*") if not path.is_symlink()}


def test_files_are_for_the_group_and_landing_for_the_owner_alone(dx: Dx, tmp_path: Path, engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    before = inodes(engine.settings)
    project = runnable(tmp_path / "project")
    ran = dx("run", "--json", warehouse=engine.settings.warehouse, project=project, home=tmp_path)
    assert json.loads(ran.stdout)["published"], ran.stderr
    modes: dict[str, set[int]] = defaultdict(set)
    for path, _ in inodes(engine.settings) - before:
        modes[path.relative_to(engine.settings.warehouse).parts[0]].add(stat.S_IMODE(path.stat().st_mode))
    assert modes.pop("landing") == {0o600, 0o700}
    assert set().union(*modes.values()) <= {0o640, 0o750}
    assert {"tables", "releases"} <= modes.keys()


STOPPED_WHILE_IMPORTING = """
import os, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == "great_expectations":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stop())
import dx_pipeline.worker_imports, dx_pipeline.worker_audits
"""


def test_the_workers_server_leaves_an_interrupt_to_the_parent_process() -> None:
    command = [sys.executable, "-c", STOPPED_WHILE_IMPORTING]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)


def test_an_interrupt_from_the_terminal_ends_a_run_in_one_sentence(tmp_path: Path, engine: Engine) -> None:
    """A terminal sends SIGINT to every process of the foreground group, and not to `dx run` alone."""
    engine.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    project, home = runnable(tmp_path / "project"), tmp_path / "home"
    command = [sys.executable, "-m", "dx_pipeline", "run", "--project", str(project), "--lang", "en"]
    environment = {**os.environ, "DX_WAREHOUSE": str(engine.settings.warehouse), "DAGSTER_HOME": str(home)}
    ran = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while ran.poll() is None and not any(home.glob("history/runs/*-*.db")):  # until a job runs
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(ran.pid, signal.SIGINT)
    said = ran.communicate(timeout=60)[1]
    assert (ran.returncode, "Traceback" in said) == (1, False), said
    assert said.endswith("stopped; nothing was published.\n"), said

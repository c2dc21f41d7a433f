"""Every command that the documentation shows does what it says."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import dx_client
import dx_sampled
import pytest
from projects import PROJECT, runnable

from dx_pipeline.declarations import catalogue
from dx_pipeline.language import ENGLISH

pytestmark = pytest.mark.slow

HOW_TO = PROJECT / "docs" / "how-to"
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: title=(?P<title>\S+))?\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED_FROM = (".", "dx_pipeline", "dx_pipeline/declarations/contracts")
NEEDS_A_PERSON = ("make ui",)
TRIAL = 'export DX_WAREHOUSE="$PWD/trial/'
NAMED = {
    *("civil_status", "public_post", "community_group_count", "connection_availability", "exchange_volume"),
    "digital_enterprise_count",
}
"""The systems and KPIs, beside the headline's, that pages about figures name, and one that has a target."""
SAMPLE_AND_RUN = re.compile(r"^dx sample (--months \S+ --scale \S+)\ndx run\n", re.MULTILINE)
NOT_FOR_A_CLONE = {"DX_WAREHOUSE", "DX_PROJECT", "COVERAGE_PROCESS_CONFIG"}  # its code is no code under test


def blocks(page: Path, *kinds: str) -> list[tuple[str, str | None, str]]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(match["kind"], match["title"], match["body"]) for match in found if match["kind"] in kinds]


def shown_in_readme() -> list[tuple[str, str]]:
    """The commands of the README's console blocks, each with the output printed beneath it."""
    pairs = []
    for _, _, body in blocks(PROJECT / "README.md", "console"):
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            pairs.append((command, output.strip()))
    return pairs


def shell(command: str, folder: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands as a reader would, in a folder."""
    return subprocess.run(
        ["/bin/sh", "-u", "-c", command],
        cwd=folder,
        env=environment or None,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path, shared: Path, dx_server: str) -> Path:
    """A checkout of its own, as a new user has it: what git knows or would add, and no data; its commands in `.bin`."""
    listed = shell("git ls-files --cached --others --exclude-standard").stdout.splitlines()
    for name in listed:
        if (PROJECT / name).is_file():
            target = tmp_path / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target)
    return with_commands(tmp_path / "clone", shared, dx_server)


def with_commands(folder: Path, shared: Path, dx_server: str) -> Path:
    """A project with the commands that pages use in its `.bin`."""
    commands = folder / ".bin"
    commands.mkdir()
    on_server = ["-S", dx_client.__file__, dx_server]
    sampled = ["-S", dx_sampled.__file__, str(shared), dx_server]
    for name, arguments in {"python": [], "dx": on_server, "sampled": sampled}.items():
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *arguments])} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder


@pytest.fixture
def trial_project(tmp_path: Path, shared: Path, dx_server: str) -> Path:
    """The small project of the tests, for a page that names nothing else."""
    return with_commands(runnable(tmp_path / "project"), shared, dx_server)


@pytest.fixture
def small_clone(clone: Path) -> Path:
    """A checkout that declares few of the connected systems and KPIs: its runs are shorter.

    Its reference files name no other KPIs: such a row would be wrong.
    """
    kept = NAMED | set(catalogue.load(PROJECT).province.headline)
    for declared in (*clone.glob("assets/connection/*"), *clone.glob("assets/kpi/*")):
        if declared.name not in kept:
            shutil.rmtree(declared)
    for reference in clone.glob("warehouse/reference/*.csv"):
        with reference.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if "kpi_code" in rows[0]:
            dropped = [row for row in rows if row["kpi_code"] not in kept]
            for row in dropped:
                row.update(dict.fromkeys({"kpi_code", "statistic"} & row.keys(), ""))
            if "criterion" not in rows[0]:  # a criterion may have no KPI
                rows = [row for row in rows if row not in dropped]
            with reference.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return clone


def follow(page: str, clone: Path, dagster_home: Path) -> list[subprocess.CompletedProcess[str]]:
    """Do what a page says, from top to bottom: write its files, run its commands."""
    ran = []
    (clone / "trial").mkdir()
    (clone / "trial" / ".dagster").symlink_to(dagster_home)  # a new instance takes seconds
    exported = ""
    environment = {
        **{name: value for name, value in os.environ.items() if name not in NOT_FOR_A_CLONE},
        "PATH": f"{clone / '.bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone),
        "DX_THREADS": "1",  # the suite's other half has the other core
        "DX_LANG": "en",
    }
    for kind, title, body in blocks(HOW_TO / page, "sh", "yaml", "sql"):
        if title is not None:
            (clone / title).parent.mkdir(parents=True, exist_ok=True)
            (clone / title).write_text(body, encoding="utf-8")
        elif body.startswith(TRIAL):
            exported = body  # a reader runs all of a page in one shell
        elif kind == "sh" and not body.startswith(NEEDS_A_PERSON):
            ran.append(shell(SAMPLE_AND_RUN.sub(r"sampled \1\n", exported + body), clone, **environment))
    return ran


@pytest.mark.parametrize(("command", "output"), shown_in_readme())
def test_the_readme_reads_the_outputs_as_it_prints_them(province: dict[str, Any], command: str, output: str) -> None:
    of_tests = {
        ".venv/bin/python": shlex.quote(sys.executable),
        "warehouse/current": f"{province['warehouse']}/current",
    }
    for name, place in of_tests.items():
        command = command.replace(name, place)
    environment = {**os.environ, "DX_WAREHOUSE": str(province["warehouse"]), "PYTHONPATH": str(PROJECT)}
    ran = shell(command, PROJECT, **environment)
    assert [line.rstrip() for line in ran.stdout.strip().splitlines()] == output.splitlines(), ran.stderr


def skeleton(page: Path) -> dict[str, list[Any]]:
    """What two languages of a page have in common: levels of headings, code, links and pictures, rows of tables."""
    text = page.read_text(encoding="utf-8")
    prose = BLOCK.sub("", text)
    return {
        "headings": [len(level) for level in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        "code": blocks(page, *(kind for kind in re.findall(r"^```(\w+)", text, re.MULTILINE))),
        "links": [link for link in re.findall(r"\]\(([^)]+)\)", prose) if not link.startswith("README")],
        "points": re.findall(r"^(- |\d\. )", prose, re.MULTILINE),
        "first cells": re.findall(r"^\| ([`\[].*?) \|", prose, re.MULTILINE),
    }


def test_the_readme_in_vietnamese_keeps_in_step() -> None:
    english, vietnamese = (skeleton(PROJECT / name) for name in ("README.md", "README.vi.md"))
    assert vietnamese == english
    assert len(english["code"]) >= 3
    assert len(english["headings"]) >= 6


def test_analysts_attach_both_databases_and_find_the_published_figure_in_the_rows(province: dict[str, Any]) -> None:
    page = HOW_TO / "analyse-dossiers.md"
    (attached, asked) = (body for _, _, body in blocks(page, "sql"))
    with duckdb.connect() as connection:
        connection.execute(attached.replace("'warehouse/", f"'{province['warehouse']}/"))
        found = connection.sql(asked)
        shown = [found.columns, *found.fetchall()]
    assert len(shown) == 2
    for cells in shown:
        assert f"| {' | '.join(map(str, cells))} |" in page.read_text(encoding="utf-8")


def test_pages_name_only_targets_and_files_that_are_there() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    pages = {page: page.read_text(encoding="utf-8") for page in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]}
    for page, text in pages.items():
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (page.name, target)
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / link).exists(), (page.name, link)
        if page.name in {"CONTRIBUTING.md", "architecture.md"}:
            for named in re.findall(r"`([\w.-]+/[\w/.-]+\.(?:py|sql|yaml))\b", text):
                assert any((PROJECT / folder / named).exists() for folder in NAMED_FROM), (page.name, named)


def test_pages_leave_the_warehouse_of_their_reader_as_it_is() -> None:
    pages = {page: [body for _, _, body in blocks(page, "sh")] for page in HOW_TO.glob("*.md")}
    writing = {page: bodies for page, bodies in pages.items() if "\ndx run" in "\n".join(bodies)}
    assert len(writing) == 10
    for page, (first, *others) in writing.items():
        if page.name != "start-another-province.md":  # it makes a project of its own
            assert first.startswith(f'{TRIAL}{page.stem}" DAGSTER_HOME="$PWD/trial/'), page.name
            assert not re.search(r"warehouse/(?!reference)", "".join(others)), page.name


def test_commands_are_found_as_they_are_typed() -> None:
    bare = re.compile(r"^(?:dx|dg|dagster|python|pip) ", re.MULTILINE)
    for page in [*HOW_TO.glob("*.md"), *PROJECT.glob("README*.md"), PROJECT / "docs" / "index.md"]:
        typed = "".join(body for _, title, body in blocks(page, "sh", "console") if title is None)
        if first := bare.search(typed):
            before = typed[: first.start()]
            assert 'export PATH="$PWD/.venv/bin:$PATH"' in before or ". .venv/bin/activate" in before, page.name


def test_a_closed_month_is_revised_as_the_page_says(small_clone: Path, dagster_home: Path) -> None:
    made, late, listed, accepted, summary = follow("revise-a-closed-month.md", small_clone, dagster_home)
    assert (made.returncode, late.returncode) == (0, 1), made.stderr
    assert "Proposed revision: statistics.dossier dossier 2022-02: bo-sung.csv" in late.stderr
    assert "bo-sung.csv: 20 " in listed.stderr
    assert accepted.returncode == 0, accepted.stderr
    assert "online_dossier_rate" in summary.stdout


def test_a_release_is_proven_as_the_page_says(small_clone: Path, dagster_home: Path) -> None:
    made, earlier, damaged, key = follow("prove-a-release.md", small_clone, dagster_home)
    for proven in (made, earlier):
        assert proven.returncode == 0, proven.stderr
        assert "rebuilt, and equal" in proven.stdout
    assert damaged.returncode == 1
    assert "content (" in damaged.stderr
    assert "is not what was landed" in damaged.stderr
    assert key.stdout.startswith("-----BEGIN PUBLIC KEY-----"), key.stderr


def test_why_a_figure_changed_is_found_out_as_the_page_says(small_clone: Path, dagster_home: Path) -> None:
    made, changed, queried, accepted, compared = follow("why-a-figure-changed.md", small_clone, dagster_home)
    assert made.returncode == 0, made.stderr
    assert "rates of the units" in made.stdout
    by_system, _ = json.JSONDecoder().raw_decode(changed.stdout, changed.stdout.index("{"))
    assert by_system["system"] == "civil_status"
    assert "705 Huyện Tân Biên" in changed.stdout
    assert "rounding" in queried.stdout
    assert accepted.returncode == 0, accepted.stderr
    assert "revision" in compared.stdout


def test_a_figure_is_explained_down_to_the_lines_of_its_file(small_clone: Path, dagster_home: Path) -> None:
    made, asked, found, inside = follow("explain-a-figure.md", small_clone, dagster_home)
    for answer in (made, asked, found, inside):
        assert answer.returncode == 0, answer.stderr
    assert "inside the office" in inside.stdout
    assert "Dossiers handled online" in made.stdout
    assert "Huyện Tân Biên" in asked.stdout
    counted, *lines = found.stdout.splitlines()
    first, last = map(int, re.findall(r"community_group_202202.csv (\d+) (\d+) TCN-", lines[0])[0])
    assert (len(lines), counted) == (1, f"{last - first + 1}.0 groups")


def test_a_delivery_put_in_by_hand_is_read_and_its_bad_row_quarantined(small_clone: Path, dagster_home: Path) -> None:
    made, queried = follow("deliver-by-hand.md", small_clone, dagster_home)
    assert made.returncode == 1, made.stderr  # every other source is silent
    assert "not_a_date" in queried.stdout
    assert "established_on" in queried.stdout


def test_quarantine_is_handled_as_the_page_says(trial_project: Path, dagster_home: Path) -> None:
    made, listed, replayed = follow("handle-quarantine.md", trial_project, dagster_home)
    assert "Quarantined: community_group: 1 not_a_date (established_on), 1 unknown_reference (unit_code)" in made.stderr
    assert "thang-5.csv, line 4, ngay_thanh_lap: " in listed.stdout
    workbooks = trial_project / "trial" / "workbooks"
    assert sorted(path.name for path in workbooks.iterdir()) == ["25459.xlsx", "community_group.xlsx"]
    assert replayed.returncode == 0, replayed.stderr
    assert "programme.community_group community_group 2022-05: 2 → 1 lines in quarantine" in replayed.stdout
    assert "Nothing changed: no rule, layout or reference row" in replayed.stderr


def test_a_system_is_added_by_writing_yaml_only(clone: Path, dagster_home: Path) -> None:
    *_, ran = follow("add-a-system.md", clone, dagster_home)
    assert "land_database" in ran.stdout
    assert "Traceback" not in ran.stderr
    query = (
        "import duckdb; print(duckdb.connect('current/dx.duckdb', read_only=True).sql("
        '"SELECT operation, connection_status, agreed_availability_pct FROM connection.register'
        " WHERE system = 'land_database' ORDER BY 1\").fetchall())"
    )
    rows = shell(shlex.join([sys.executable, "-c", query]), clone / "trial" / "add-a-system").stdout
    assert rows.strip() == "[('dongBoHoSo', 'planned', 99.0), ('traCuuThuaDat', 'connected', 99.5)]"


def test_the_connectors_are_tried_on_the_samples_own_systems(clone: Path, dagster_home: Path) -> None:
    started, declared, ran, looked, stopped = follow("try-the-connectors.md", clone, dagster_home)
    assert [step.returncode for step in (started, declared, ran, looked, stopped)] == [0, 0, 1, 0, 0], ran.stderr
    served = json.loads((clone / "trial" / "served.json").read_text(encoding="utf-8"))
    assert list(served["absent"]) == []
    for system in ("judicial_record", "dossier"):
        assert f"{system} 2022" not in ran.stderr, ran.stderr  # the others are silent
    fetched = re.findall(r"│ (\w+) +│ ([\w.]+) +│ (\w+) +│ +(\d+) │", looked.stdout)
    assert [row[:3] for row in fetched] == [
        ("dossier", "statistics.dossier", "postgres"),
        ("judicial_record", "connection.register", "http"),
        ("judicial_record", "connection.traffic", "http"),
    ]
    assert int(fetched[2][3]) > 1


def test_a_kpi_is_added_by_writing_yaml_and_sql_only(small_clone: Path, dagster_home: Path) -> None:
    (shown,) = follow("add-a-kpi.md", small_clone, dagster_home)
    assert shown.returncode == 0, shown.stderr
    asked = "SELECT count(*) FILTER (finished_on <= due_on), count(*) FROM statistics.dossier"
    asked += " WHERE is_latest AND received_on >= '2022-05-01' AND finished_on IS NOT NULL AND due_on IS NOT NULL"
    internal = small_clone / "trial" / "add-a-kpi" / "internal" / "dx_internal.duckdb"
    with duckdb.connect(str(internal), read_only=True) as inside:
        ((on_time, finished),) = inside.sql(asked).fetchall()
    assert 0 < on_time < finished
    assert f"{ENGLISH.number(on_time)} / {ENGLISH.number(finished)}" in shown.stdout

"""Projects for other provinces: `dx init` makes one, `dx --project` and `DX_PROJECT` work on it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from projects import PROJECT, Dx

from dx_pipeline.cli import project
from dx_pipeline.declarations import catalogue
from dx_pipeline.settings import Settings

SAMPLE_PROVINCE = re.compile(r"tây ninh|tay.ninh|H53|hòa thành|smart_city", re.IGNORECASE)


def test_the_package_names_the_sample_province_only_in_the_sample() -> None:
    package = PROJECT / "dx_pipeline"
    named = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*")
        if path.suffix in {".py", ".sql", ".yaml"} and SAMPLE_PROVINCE.search(path.read_text(encoding="utf-8"))
    }
    assert named <= {"sample"}


@pytest.mark.slow
def test_a_new_project_has_every_declaration_but_those_of_one_province(dx: Dx, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    made = dx("init", str(folder), warehouse=tmp_path)
    assert made.returncode == 0, made.stderr
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    assert [path for path, text in texts.items() if SAMPLE_PROVINCE.search(text)] == []
    ours, theirs = catalogue.load(PROJECT), catalogue.load(folder)
    assert set(ours.kpis) - set(theirs.kpis) == {"smart_city_progress"}
    assert set(ours.contracts) - set(theirs.contracts) == {"programme.project_milestone"}
    assert theirs.systems == ours.systems
    counted = "expect_table_row_count_to_be_between"  # how many units there must be is one province's own number
    assert counted not in {expected.type for expected in theirs.suites["reference.admin_unit"].expectations}
    for path in (folder / "warehouse" / "reference").iterdir():
        headings, _, rows = (PROJECT / "warehouse" / "reference" / path.name).read_text("utf-8").partition("\n")
        assert rows
        assert path.read_text("utf-8") == f"{headings}\n"


@pytest.mark.slow
def test_a_run_and_an_examination_list_what_is_to_be_filled_in(
    dx: Dx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new"
    dx("init", str(folder), warehouse=tmp_path)
    ran = dx("--project", str(folder), "run", warehouse=tmp_path / "warehouse")
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    monkeypatch.setenv("DX_PROJECT", str(folder))
    examined = dx("doctor", "--json", warehouse=tmp_path / "warehouse")
    assert examined.returncode == 1
    found = {finding["details"] for finding in json.loads(examined.stdout)}
    references = folder / "warehouse" / "reference"
    for blank in (
        f"{folder}/assets/province.yaml: title, code",
        f"{folder}/assets/kpi/dx_plan_coverage/defs.yaml: legal_basis",
        *(f"{references / name}.csv: no rows" for name in ("admin_unit", "agency", "system")),
    ):
        assert blank in ran.stderr
        assert blank in found


def test_title_and_code_can_be_given(dx: Dx, tmp_path: Path) -> None:
    given = ("--title", "tỉnh 'Một' / One", "--code", "H29")
    assert dx("init", str(tmp_path / "new"), *given, warehouse=tmp_path).returncode == 0
    province = catalogue.load(tmp_path / "new").province
    assert (province.title.vi, province.title.en, province.code) == ("tỉnh 'Một'", "One", "H29")
    assert province.blanks == ()
    declared = (tmp_path / "new" / "assets" / "connection" / "service_catalogue" / "defs.yaml").read_text("utf-8")
    assert "VN/GOV/H29/LGSP" in declared


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [((".",), "is not empty: name a new folder."), (("new", "--code", "29"), "'29' is no code of a province")],
)
def test_a_project_is_not_made_over_files_or_with_a_wrong_code(
    dx: Dx, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "kept.txt").write_text("kept", encoding="utf-8")
    result: subprocess.CompletedProcess[str] = dx("init", *arguments, warehouse=tmp_path, project=tmp_path)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_the_sample_fills_only_reference_files_without_rows(tmp_path: Path) -> None:
    project.make(tmp_path / "new", None, None)
    declared = catalogue.load(tmp_path / "new")
    settings = Settings(tmp_path / "new" / "warehouse", tmp_path / "new")
    own = settings.reference / "target.csv"
    rows = own.read_text("utf-8") + "online_dossier_rate,72,2025-12-31,80,,,own,P\n"
    own.write_text(rows, encoding="utf-8")
    filled = project.fill_references(settings, declared)
    assert {*filled} == {*settings.reference.iterdir()} - {own}
    assert own.read_text("utf-8") == rows
    assert project.fill_references(settings, declared) == []
    project.check(settings, declared)

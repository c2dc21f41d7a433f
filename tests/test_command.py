"""`dx`: exit statuses that scripts can use, errors in one sentence, JSON for machines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from deliveries import GROUPS, OLD, groups, in_older_layout, put
from projects import TRIAL, Dx, runnable

from dx_pipeline.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The trial project in a folder of its own, for tests that edit it."""
    return runnable(tmp_path / "project")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--months", "2022-13"), "'2022-13' is not a month: write it as YYYY-MM"),
        (("run", "--months", "2020-10"), "the months of this project are 2022-01 (first_month in"),
        (("run", "--months", "2999-01"), "the months of this project are 2022-01 (first_month in"),
        (("run",), "there is nothing in"),
        (("run",), "make the sample with 'dx sample'"),
        (("kpi",), "there is no release yet: run 'dx run' first"),
        (("kpi", "community_group_count", "--lang", "vi"), "dx: chưa có bản công bố nào: hãy chạy 'dx run' trước."),
        (("kpi", "community_group_count", "--units-on", "2022-05-31"), "has no published values: run 'dx run' first"),
        (("kpi", "community_group_count", "--units-on", "2999-01-01"), "the units of 2999-01-01 are not known yet"),
        (("revision", "accept", "abcdef12"), "there is no proposed revision 'abcdef12': see 'dx revision list'"),
        (("fly",), "No such command 'fly'"),
        (("sample", "--scale", "0"), "Invalid value for '--scale'"),
        (("sample", "--port", "8080"), "'--port' goes with '--serve'"),
        (("sample", "--serve", "--faults"), "'--faults' and '--if-empty' are for files"),
        (("sample", "--serve", "--months", "2021-12"), "the sample has nothing for 2021-12"),
        (("release", "rollback"), "there is no earlier release to go back to"),
        (("release", "verify", "nonsense"), "there is no release 'nonsense'"),
        (("--project", "/nowhere", "run"), "/nowhere is no project: it has no assets/province.yaml"),
        (("doctor", "--project", "/nowhere"), "Make one with 'dx init /nowhere'"),
    ],
)
def test_wrong_use_ends_with_one_sentence_and_status_2(
    dx: Dx, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    refused(dx(*arguments, warehouse=tmp_path, project=TRIAL), sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("release", "verify", "nonsense", "--lang", "en"), "there is no release 'nonsense': see 'dx release list'."),
        (("kpi", "--lang", "en"), "there is no release yet: run 'dx run' first."),
        (("fly",), "No such command 'fly'."),
        (("kpi", "--units-on", "today"), "Invalid value for '--units-on'"),
    ],
)
def test_with_json_an_error_is_json_too(dx: Dx, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = dx(*arguments, "--json", warehouse=tmp_path, project=TRIAL)
    answer = json.loads(result.stdout)
    assert (answer["status"], result.returncode) == (2, 2)
    assert answer["error"].startswith(sentence)
    assert sentence in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("language", "remedy"),
    [
        ("en", "make room for the warehouse, or let this user write in it; then try again."),
        ("vi", "hãy giải phóng chỗ cho kho dữ liệu, hoặc cho phép người dùng này ghi vào đó; rồi thử lại."),
    ],
)
def test_a_private_folder_that_nobody_may_write_in_is_one_sentence(
    dx: Dx, warehouse: Settings, language: str, remedy: str
) -> None:
    put(warehouse, "community_group", groups(*GROUPS), month="2022-05")
    warehouse.scratch.symlink_to("/sys/kernel")  # in which the system lets nobody write, root neither
    result = dx("revision", "accept", "0", "--lang", language, warehouse=warehouse.warehouse, project=TRIAL)
    assert result.returncode == 1, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line == f"dx: /sys/kernel/writing.lock: Permission denied: {remedy}"


def test_a_number_of_threads_in_words_is_wrong_use(dx: Dx, tmp_path: Path) -> None:
    refused(dx("run", warehouse=tmp_path, threads="x"), "DX_THREADS is 'x': write a whole number from 1 on.")


def test_an_owner_in_free_text_is_wrong_use(dx: Dx, project: Path) -> None:
    path = project / "assets" / "programme" / "community_group" / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("team:trial", "Sở Một"), encoding="utf-8")
    sentence = f"{path}:5: 'owner': 'Sở Một' is no owner: write team:name_of_the_team, or an e-mail address."
    refused(dx("run", project=project, warehouse=project / "warehouse"), sentence)


def test_a_project_without_reference_files_is_wrong_use(dx: Dx, project: Path) -> None:
    shutil.rmtree(project / "warehouse" / "reference")
    refused(dx("run", project=project, warehouse=project / "warehouse"), "agency.csv: missing")


def refused(result: Any, sentence: str) -> None:
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


@pytest.mark.slow
def test_a_delivery_that_is_refused_does_not_stop_the_run_and_ends_with_status_1(
    dx: Dx, warehouse: Settings, project: Path
) -> None:
    def run(*arguments: str) -> Any:
        return dx(*arguments, warehouse=warehouse.warehouse, project=project, home=project / ".dagster")

    bad = groups(*GROUPS).replace(b",so_thanh_vien", b"")
    put(warehouse, "community_group", bad, month="2022-04", name="bad.csv")
    put(warehouse, "community_group", groups(*GROUPS), month="2022-03")
    ruinous = groups(*(row.replace(",25", ",99") for row in GROUPS))
    put(warehouse, "community_group", ruinous, month="2022-03", name="ruinous.csv", day=8)
    put(warehouse, "community_group", groups(*GROUPS), month="2022-05")
    early = put(warehouse, "community_group", groups(*GROUPS), month="2021-12")
    (warehouse.inbox / "nobody").mkdir()
    link = warehouse.inbox / "community_group" / "2022-06"
    link.symlink_to(warehouse.inbox / "community_group" / "2022-05")
    with_wrong_references(project / "warehouse" / "reference")
    result = run("run")
    assert result.returncode == 1, result.stderr
    for words in (
        "target.csv, line 3, kpi_code: there is no such code in kpi.definition.kpi_code [unknown_reference]",
        "ruinous.csv: 3 of 3 lines quarantined; 3 rows replaced by 0; 3 of 3 keys lost; the earlier delivery stays.",
        "Quarantined: community_group: 3 unknown_reference (unit_code)",
        "Published figure not explained: Số lệch (50%): 1 / 3 = 33%; correct it",
    ):
        assert words in " ".join(result.stderr.split()), result.stderr
    assert "bad.csv: line 2: the column 'so_thanh_vien' is missing" in " ".join(result.stderr.split())
    assert "programme.community_group community_group 2022-05" not in result.stderr
    shown = result.stdout.splitlines()
    assert shown[-1] == f"report (dx open): {warehouse.current / 'report' / 'en.html'}"
    (line,) = [line for line in shown if "community_group_count" in line]
    assert line == "Trial community_group_count: 3 (January to May 2022)"
    for stray in (warehouse.inbox / "nobody", early.parent):
        assert str(stray) in "".join(result.stderr.split())
    assert f"{link} (a link" in " ".join(result.stderr.split()), result.stderr
    assert [item["current"] for item in json.loads(run("release", "list", "--json").stdout)] == [True]
    assert run("release", "verify").returncode == 0
    package = json.loads((warehouse.current / "datapackage.json").read_text(encoding="utf-8"))
    held_back = (item for item in package["dx"]["held_back"] if item["source"] == "community_group")
    assert [(each["month"], each["state"]) for each in held_back] == [("2022-03", "stale"), ("2022-04", "missing")]
    examined = run("doctor", "--json")
    assert examined.returncode == 1
    for words in ("bad.csv", "target.csv, line 3, kpi_code"):
        assert any(words in finding["details"] for finding in json.loads(examined.stdout))
    quarantine_is_listed_and_has_nothing_to_replay(run)
    a_kpi_that_is_new_is_evaluated_first(run, project / "assets" / "kpi")
    headline_comes_first(run, project / "assets" / "province.yaml")
    one_language_is_enough(run)


def with_wrong_references(folder: Path) -> None:
    """A target of a KPI that there is not, and a published figure that does not follow from its own counts."""
    for name, row in (
        ("target", "no_such_kpi,72,2025-12-31,10,,,trial,U"),
        ("published_figure", "Số lệch,,,72,2022-01-01,2022-06-30,percent,50,50%,0,false,1,3,,,,,trial,U"),
    ):
        with (folder / f"{name}.csv").open("a", encoding="utf-8") as text:
            text.write(f"{row}\n")


def test_a_release_of_an_older_layout_is_neither_verified_nor_rolled_back_to(dx: Dx, warehouse: Settings) -> None:
    in_older_layout(warehouse)
    verified = dx("release", "verify", warehouse=warehouse.warehouse, project=TRIAL)
    named = dx("release", "switch", OLD, warehouse=warehouse.warehouse, project=TRIAL)
    for result in (verified, named):
        assert result.returncode == 1
        assert "it is of an older layout" in " ".join(result.stderr.split())
        assert "Traceback" not in result.stderr
    for command in (("release", "verify"), ("release", "switch", OLD), ("doctor",)):
        in_vietnamese = dx(*command, "--lang", "vi", warehouse=warehouse.warehouse, project=TRIAL)
        shown = " ".join((in_vietnamese.stderr + in_vietnamese.stdout).split())
        assert "bản này theo bố cục cũ" in shown
        assert "older layout" not in shown
    in_json = dx("release", "verify", "--json", warehouse=warehouse.warehouse, project=TRIAL)
    (problem,) = json.loads(in_json.stdout)["problems"]
    assert problem["vi"].startswith("bản này theo bố cục cũ")
    assert problem["en"].startswith("it is of an older layout")
    warehouse.current.unlink()
    unnamed = dx("release", "rollback", warehouse=warehouse.warehouse, project=TRIAL)
    refused(unnamed, "there is no earlier release to go back to")


def a_kpi_that_is_new_is_evaluated_first(run: Any, kpis: Path) -> None:
    shutil.copytree(kpis / "community_group_count", kpis / "new_count")
    refused(run("kpi", "new_count", "--lang", "en"), "dx: KPI new_count has no published values: run 'dx run' first")
    shutil.rmtree(kpis / "new_count")


def quarantine_is_listed_and_has_nothing_to_replay(run: Any) -> None:
    (group,) = json.loads(
        run("quarantine", "list", "--by", "delivery", "--source", "community_group", "--json").stdout
    )["groups"]
    assert (group["file_name"], group["line_count"]) == ("ruinous.csv", 3)
    shown = run("quarantine", "show", "--delivery", "ruinous.csv", "--limit", "1", "--lang", "vi")
    assert "ruinous.csv, dòng 3, ma_xa (cả tệp bị giữ lại): mã này không có trong danh mục" in shown.stdout
    assert "1 / 3: thêm --limit" in shown.stderr
    again = run("quarantine", "replay", "--source", "community_group", "--lang", "en")
    assert (again.returncode, "Nothing changed: no rule" in again.stderr) == (0, True)
    refused(run("quarantine", "list", "--table", "nothing"), "there is no table 'nothing': known are")


def headline_comes_first(run: Any, province: Path) -> None:
    codes = [row["kpi_code"] for row in json.loads(run("kpi", "--json").stdout)]
    assert codes[0] == "community_group_count"
    text = province.read_text(encoding="utf-8")
    province.write_text(text.replace("community_group_count", "online_dossier_rate"), encoding="utf-8")
    codes = list(dict.fromkeys(row["kpi_code"] for row in json.loads(run("kpi", "--json").stdout)))
    assert codes == ["online_dossier_rate", "community_group_count", "digital_enterprise_count"]


def one_language_is_enough(run: Any) -> None:
    words = {"vi": ("Giá trị", "đang dùng"), "en": ("Value", "current")}
    shown = {language: run("--lang", language, "kpi").stdout for language in words}
    shown = {language: shown[language] + run("release", "list", "--lang", language).stdout for language in words}
    for language, other in (("vi", "en"), ("en", "vi")):
        assert all(word in shown[language] for word in words[language])
        assert not any(word in shown[language] for word in words[other])

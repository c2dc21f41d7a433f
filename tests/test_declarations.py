"""A wrong declaration is refused when it is loaded, with file, line and what is allowed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from projects import PROJECT

from dx_pipeline.declarations import catalogue
from dx_pipeline.errors import DeclarationError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the declarations, to be broken."""
    for folder in ("assets", "checks"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


PLAN = "assets/programme/plan/defs.yaml"
CONTRACT = "assets/contract/programme/plan.yaml"
SUITE = "checks/programme/plan.yaml"
KPI = "assets/kpi/community_group_count/defs.yaml"
SQL = "assets/kpi/community_group_count/v1.sql"


@pytest.mark.parametrize(
    ("file", "old", "new", "line_has", "sentence"),
    [
        (PLAN, "connector: files", "connector: fax", "connector", "connector"),
        (
            PLAN,
            "    - table: programme.plan",
            "    - tabel: programme.plan",
            "tabel",
            "'deliveries.0.tabel' is not known",
        ),
        (PLAN, "table: programme.plan", "table: programme.plans", "programme.plans", "has no contract: known are"),
        (PLAN, "        plan_status:", "        plan_state:", "plan_state", "is no column of programme.plan: it has"),
        (PLAN, '{header: "Cơ quan / Mã định danh"}', "{}", "agency_code", "give either 'header'"),
        (
            PLAN,
            '{header: "Cơ quan / Mã định danh"}',
            '{header: "Cơ quan / Số điện thoại"}',
            "agency_code",
            "'Cơ quan / Số điện thoại' announces personal data (phone), of which nothing may be kept: name it under",
        ),
        (PLAN, "^(Tổng cộng|Trong đó)", "^(Tổng cộng", "total_line", "is not a regular expression"),
        (CONTRACT, "key: [agency_code]", "key: [agency]", "", "'agency' is used as key"),
        (CONTRACT, "type: date", "type: day", "issued_on", "should be 'text', 'integer'"),
        (
            CONTRACT,
            "reference.agency.agency_code",
            "reference.agency.code",
            "agency_code",
            "no column of a reference table",
        ),
        (
            SUITE,
            "expect_table_row_count_to_be_between",
            "expect_rows",
            "expect_rows",
            "is no expectation of Great Expectations",
        ),
        (SUITE, "max_value", "maximum", "", "Additional properties are not allowed"),
        (
            SUITE,
            "expect_table_row_count_to_be_between",
            "expect_column_values_to_match_regex",
            "match_regex",
            "does not work on DuckDB",
        ),
        (KPI, "basis: stock", "basis: level", "basis", "should be 'flow', 'stock' or 'latest'"),
        (KPI, "sql: v1.sql", "sql: v9.sql", "v9.sql", "is not there: put the SQL beside this file"),
        (SQL, "programme.community_group", "programme.groups", "", "is no declared table: known are"),
        (
            SQL,
            "count(*) AS numerator",
            "count(*) AS n",
            "",
            "returns unit_code, numerator, denominator as it is declared; this",
        ),
        (SQL, "$window_end", "$today", "", "'$today' is unknown: use $window_start and $window_end"),
        (SQL, "count(*) AS", "count( AS", "", "not valid SQL"),
    ],
)
def test_a_mistake_is_reported_with_its_file_and_line(
    project: Path, file: str, old: str, new: str, line_has: str, sentence: str
) -> None:
    path = project / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DeclarationError) as raised:
        catalogue.load(project)
    error = raised.value
    assert error.path == path
    assert sentence in error.problem
    assert str(error).startswith(f"{path}:{error.line}: ")
    if line_has:
        assert line_has in path.read_text(encoding="utf-8").splitlines()[error.line - 1]


def test_a_heading_of_personal_data_may_be_ignored(project: Path) -> None:
    path = project / PLAN
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('["STT", ', '["STT", "Người ký", '), encoding="utf-8")
    declared = catalogue.load(project)
    assert "Người ký" in declared.sources["plan"].source.deliveries[0].ignored


def test_a_key_written_twice_is_refused(project: Path) -> None:
    path = project / PLAN
    path.write_text(path.read_text(encoding="utf-8") + "  owner: team:nobody\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="'owner' is written twice"):
        catalogue.load(project)


def test_a_table_without_a_suite_is_refused(project: Path) -> None:
    (project / SUITE).unlink()
    with pytest.raises(DeclarationError, match=re.escape("write checks/programme/plan.yaml")):
        catalogue.load(project)


def test_two_versions_in_force_on_one_day_are_refused(project: Path) -> None:
    path = project / "assets/kpi/service_integration_rate/defs.yaml"
    text = path.read_text(encoding="utf-8").replace("valid_to: 2022-08-14", "valid_to: 2022-08-20")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match="versions 1 and 2 are in force on the same day"):
        catalogue.load(project)


def test_no_python_is_among_the_declarations() -> None:
    for folder in ("assets", "checks", "warehouse/reference"):
        assert list((PROJECT / folder).rglob("*.py")) == []

"""A wrong declaration is refused when it is loaded, with file, line and what is allowed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from projects import PROJECT, TRIAL

from dx_pipeline.declarations import catalogue
from dx_pipeline.errors import DeclarationError

GROUP = "assets/programme/community_group/defs.yaml"
CONTRACT = "assets/contract/programme/community_group.yaml"
REGISTER = "assets/contract/connection/register.yaml"
SUITE = "checks/programme/digital_enterprise.yaml"
KPI = "assets/kpi/community_group_count/defs.yaml"
FILTER = 'filters: [{code: total, header: ma_to, matches: "^(Cộng"}]'
SQL = "assets/kpi/community_group_count/v1.sql"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the trial project, to be broken."""
    shutil.copytree(TRIAL, tmp_path, dirs_exist_ok=True)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "line_has", "sentence"),
    [
        (GROUP, "  deliveries:", "  connector: fax\n  deliveries:", "connector", "connector"),
        (GROUP, "    - table:", "    - tabel:", "tabel", "'deliveries.0.tabel' is not known"),
        (GROUP, "community_group", "groups", "programme.groups", "has no contract: known are"),
        (GROUP, "        member_count:", "        members:", "members", "is no column of programme.community_group"),
        (GROUP, "{header: ma_to}", "{}", "group_code", "give either 'header'"),
        (GROUP, "{header: ma_to}", '{header: "Số điện thoại"}', "group_code", "announces personal data (phone)"),
        (GROUP, "      columns:", f"      {FILTER}\n      columns:", "total", "is not a regular expression"),
        (GROUP, "  owner:", "  owner: team:nobody\n  owner:", "owner", "'owner' is written twice"),
        (CONTRACT, "key: [group_code]", "key: [group]", "", "'group' is used as key"),
        (CONTRACT, "type: date", "type: day", "established_on", "should be 'text', 'integer'"),
        (REGISTER, "reference.system.system", "reference.system.code", "system", "no column of a reference table"),
        (SUITE, "expect_column_sum", "expect_sum", "expect_sum", "is no expectation of Great Expectations"),
        (SUITE, "max_value", "maximum", "", "Additional properties are not allowed"),
        (SUITE, "column_sum_to_be_between", "column_values_to_match_regex", "match_regex", "does not work on DuckDB"),
        (KPI, "basis: stock", "basis: level", "basis", "should be 'flow', 'stock' or 'latest'"),
        (KPI, "sql: v1.sql", "sql: v9.sql", "v9.sql", "is not there: put the SQL beside this file"),
        (KPI, "2022-08-14", "2022-08-20", "", "versions 1 and 2 are in force on the same day"),
        (SQL, "programme.community_group", "programme.groups", "", "is no declared table: known are"),
        (SQL, "count(*) AS numerator", "count(*) AS n", "", "returns unit_code, numerator, denominator as it is"),
        (SQL, "$window_end", "$today", "", "'$today' is unknown: use $window_start and $window_end"),
        (SQL, "count(*) AS", "count( AS", "", "not valid SQL"),
    ],
)
def test_a_mistake_is_reported_with_its_file_and_line(
    project: Path, file: str, old: str, new: str, line_has: str, sentence: str
) -> None:
    path = project / file
    edit(path, old, new)
    with pytest.raises(DeclarationError) as raised:
        catalogue.load(project)
    error = raised.value
    assert error.path == path
    assert sentence in error.problem
    assert str(error).startswith(f"{path}:{error.line}: ")
    assert line_has in path.read_text(encoding="utf-8").splitlines()[error.line - 1]


def test_a_heading_of_personal_data_may_be_ignored(project: Path) -> None:
    edit(project / GROUP, "      columns:", '      ignored: ["Người ký"]\n      columns:')
    declared = catalogue.load(project)
    assert "Người ký" in declared.sources["community_group"].source.deliveries[0].ignored


def test_a_table_without_a_suite_is_refused(project: Path) -> None:
    (project / SUITE).unlink()
    with pytest.raises(DeclarationError, match=re.escape(f"write {SUITE}")):
        catalogue.load(project)


def test_no_python_is_among_the_declarations() -> None:
    assert not any(list((PROJECT / folder).rglob("*.py")) for folder in ("assets", "checks", "warehouse/reference"))

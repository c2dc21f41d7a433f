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
DOSSIER = "assets/contract/statistics/dossier.yaml"
REGISTER = "assets/contract/connection/register.yaml"
DOSSIER = "assets/contract/statistics/dossier.yaml"
SUITE = "checks/programme/digital_enterprise.yaml"
KPI = "assets/kpi/community_group_count/defs.yaml"
FILTER = 'filters: [{code: total, header: ma_to, matches: "^(Cộng"}]'
RATE = "assets/kpi/online_dossier_rate/defs.yaml"
PROVINCE = "assets/province.yaml"
VIEW = "assets/view/dossier_received/defs.yaml"
VIEW_SQL = "assets/view/dossier_received/view.sql"


SO = "name: {vi: Sở, en: Office}"


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
        (REGISTER, "columns:", "reads: [statistics.dossier]\ncolumns:", "reads", "is no other reference table"),
        (DOSSIER, "audience: internal", "audience: public", "dossier_code:", "such rows are not public. Write"),
        (DOSSIER, "audience: internal", "audience: all", "audience", "should be 'public', 'internal' or 'none'"),
        (SUITE, "expect_column_sum", "expect_sum", "expect_sum", "is no expectation of Great Expectations"),
        (SUITE, "max_value", "maximum", "", "Additional properties are not allowed"),
        (SUITE, "column_sum_to_be_between", "column_values_to_match_regex", "match_regex", "does not work on DuckDB"),
        (KPI, "of: community_group", "of: groups", "of: groups", "'groups' is no declared view: known are"),
        (KPI, "of: community_group", "basis: level", "basis", "should be 'flow', 'stock' or 'latest'"),
        (KPI, "2022-08-14", "2022-08-20", "", "versions 1 and 2 are in force on the same day"),
        (KPI, "version: 1,", "version: 1, counted: group_cod,", "version: 1", "'group_cod' is no column here"),
        (RATE, "counted: channel", "counted: chanel", "chanel", "'chanel' is no column here: perhaps channel"),
        (RATE, "counted: channel = 'online'", "counted: channel", "counted", "'channel' is VARCHAR: write a condition"),
        (RATE, "counted: channel = 'online'", "counted: count(*) > 1", "counted", "looks at several rows"),
        (RATE, "among: true", "distinct: procedure", "distinct", "'procedure' is no column of view.dossier_received"),
        (RATE, "among: true", "seen_in: {of: community_group}", "version: 1", "name the column of the items"),
        (RATE, "counted: channel = 'online'", "sql: v9.sql", "", "free SQL needs a 'basis'"),
        (VIEW, "of: statistics.dossier", "of: programme.community_group", "of:", "is no table that the view reads"),
        (VIEW, "  protects: dossiers\n", "", "", "can lead to a person: add 'protects: dossiers'"),
        (RATE, "  of:", "  levels: [commune]\n  of:", "", "'levels' always has 'province'"),
        (VIEW, "date: received_on", "date: day", "date", "'day' is no column of the view"),
        (VIEW, "date: received_on", "date: channel", "date", "'channel' is no date"),
        (VIEW, "    channel: {vi", "    canal: {vi", "columns:", "'channel' is computed: say under 'columns'"),
        (VIEW_SQL, "dossier.received_on,", "dossier.recieved_on,", "recieved_on", "perhaps received_on"),
        (
            VIEW_SQL,
            "FROM statistics.dossier",
            "FROM statistics.dosier",
            "dosier",
            "no declared table or view: known are",
        ),
        (VIEW_SQL, "coalesce(", "coalesce((", "", "not valid SQL"),
        (VIEW_SQL, "unit.unit_code IS NULL", "NOT dossier.is_latest", "", "is decided for all views alike"),
        (DOSSIER, "key: [dossier_code]", "key: []", "", "a table that changes is delivered by month: it needs"),
        (PROVINCE, "headline:", "licence: CC-BY\nheadline:", "licence", "'CC-BY' is no address of a page"),
        (
            PROVINCE,
            "headline:",
            f"contact: {{{SO}}}\nheadline:",
            "contact",
            "write 'email' or 'url'",
        ),
        (
            PROVINCE,
            "headline:",
            f"contact: {{{SO}, email: phone 0123}}\nheadline:",
            "contact",
            "'phone 0123' is no e-mail address",
        ),
        (
            PROVINCE,
            "headline:",
            f"contact: {{{SO}, url: 'javascript:alert(1)'}}\nheadline:",
            "contact",
            "begins with https://",
        ),
        (DOSSIER, "  channel:", "  as_of:", "", "'as_of' is added to every such table"),
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


FREE = """  yields: measure
  basis: flow
  versions:
    - {version: 1, sql: v1.sql, valid_from: 2022-01-01, legal_basis: {vi: x, en: x}, formula: {vi: x, en: x}}
"""


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT 1 AS value; SELECT 2 AS value", "write exactly one SELECT"),
        ("SELECT 1 AS n", "returns unit_code, value as it is declared; this returns n"),
        ("SELECT count(*) AS value FROM view.dossiers", "'view.dossiers' is no declared table or view"),
        ("SELECT 1 AS value WHERE $today > DATE '2022-01-01'", "'$today' is unknown: use $window_start"),
        ("SELECT max(grup) AS value FROM view.community_group", "'grup' is no column here"),
        ("SELECT count(*) AS value FROM view.dossier_received", "free SQL withholds nothing: count on a view"),
        (None, "'v1.sql' is not there: put the SQL beside this file"),
    ],
)
def test_a_mistake_in_free_sql_is_reported(project: Path, sql: str | None, sentence: str) -> None:
    declared = project / RATE
    head, _, _ = declared.read_text(encoding="utf-8").partition("  of:")
    declared.write_text(head + FREE, encoding="utf-8")
    if sql is not None:
        declared.with_name("v1.sql").write_text(sql, encoding="utf-8")
    with pytest.raises(DeclarationError, match=re.escape(sentence)):
        catalogue.load(project)

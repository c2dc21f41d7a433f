"""What a figure rests on shows beside it: who reported, which rows are counted, which definition applies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, groups
from engine import Engine
from projects import TRIAL

from dx_pipeline import release
from dx_pipeline.declarations import catalogue
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key, KpiKey

pytestmark = pytest.mark.slow

RATE, COUNT = "online_dossier_rate", "community_group_count"
MONTH = "window_type = 'month' AND window_end = DATE '2022-05-31'"
LEGAL = "legal_basis: {vi: x, en: x}, formula: {vi: x, en: x}"

Edited = Callable[..., Engine]


@pytest.fixture
def edited(furnished: Settings, tmp_path: Path) -> Edited:
    """The engine over a copy of the trial project in which some texts are replaced, file by file."""

    def edit(**replaced: tuple[str, str, str]) -> Engine:
        folder = tmp_path / "project"
        shutil.copytree(TRIAL, folder)
        for file, old, new in replaced.values():
            path = folder / file
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            assert old in text, (file, old)
            path.write_text(text.replace(old, new), encoding="utf-8")
        return Engine(Settings(furnished.warehouse, folder, threads=1), catalogue.load(folder))

    return edit


def many(row: str, count: int, day: str = "02/05/2022") -> list[str]:
    """So many dossiers like one, received on a day."""
    code, *rest = row.split(";")
    rest[3] = day
    return [";".join([code.replace("-0001", f"-{number:04}"), *rest]) for number in range(count)]


FIRST, SECOND = (row.replace("16/05/2022;12/05/2022", ";") for row in (DOSSIERS[0], DOSSIERS[2]))
FIRST = FIRST.replace("Đã giải quyết", "Đang giải quyết")
SECOND = SECOND.replace("04/05/2022;04/05/2022;04/05/2022;Đã giải quyết", "04/05/2022;;;Đang giải quyết")


def test_a_silent_district_lowers_coverage_and_withholds_the_province(engine: Engine) -> None:
    engine.deliver("dossier", dossiers(*many(FIRST, 30)))
    engine.evaluate(RATE)
    columns = "unit_code, value, status, withheld_reason, coverage_units, coverage_rows, coverage"
    assert engine.values(RATE, MONTH, columns) == [
        ("703", None, "not_enough_data", "silent", 0, 1, 0),
        ("72", None, "not_enough_data", "low_coverage", 0.5, 1, 0.5),
        ("H53.07", 100, "no_target", None, 1, 1, 1),
    ]


def test_a_lower_threshold_shows_the_figure_with_its_coverage(edited: Edited) -> None:
    engine = edited(threshold=(f"assets/kpi/{RATE}/defs.yaml", "  of:", "  coverage_at_least: 0.5\n  of:"))
    engine.deliver("dossier", dossiers(*many(FIRST, 30)))
    engine.evaluate(RATE)
    shown = engine.values(RATE, f"{MONTH} AND unit_level = 'province'", "value, coverage_units, withheld_reason")
    assert shown == [(100, 0.5, None)]


def test_rows_in_quarantine_lower_the_coverage_of_their_unit_and_of_those_above_it(engine: Engine) -> None:
    broken = [row.replace("Trực tuyến", "Bồ câu") for row in many(FIRST.replace("-2205", "-2204"), 30)]
    engine.deliver("dossier", dossiers(*many(FIRST, 30), *broken, *many(SECOND, 40)))
    engine.evaluate(RATE)
    assert engine.values(RATE, MONTH, "unit_code, coverage_units, coverage_rows, withheld_reason") == [
        ("703", 1, 1, "few_dossiers"),  # none of its dossiers is online
        ("72", 1, 0.7, "low_coverage"),
        ("H53.07", 1, 0.5, "low_coverage"),
    ]


@pytest.mark.parametrize("good", [3, 7])
def test_rows_in_quarantine_give_no_small_count_away(engine: Engine, good: int) -> None:
    broken = [row.replace("Trực tuyến", "Bồ câu") for row in many(FIRST.replace("-2205", "-2204"), 1)]
    engine.deliver("dossier", dossiers(*many(FIRST, good), *broken, *many(SECOND, 40)))
    engine.evaluate(RATE)
    shown = engine.values(RATE, f"{MONTH} AND unit_code = 'H53.07'", "coverage, coverage_units, coverage_rows, status")
    assert shown == [(None, 1, None, "not_enough_data")]
    reasons = engine.values(RATE, f"{MONTH} AND unit_code = 'H53.07'", "withheld_reason, suppressed")
    assert reasons == [("few_dossiers", True)]  # whether three of four rows came or seven of eight


def test_a_corrected_delivery_restores_coverage(engine: Engine) -> None:
    broken = [row.replace("Trực tuyến", "Bồ câu") for row in many(FIRST, 30)]
    engine.deliver("dossier", dossiers(*broken, *many(SECOND, 40)), name="may.csv", day=3)
    engine.deliver("dossier", dossiers(*many(FIRST, 30), *many(SECOND, 40)), name="may.csv", day=4)
    engine.evaluate(RATE)
    assert engine.values(RATE, f"{MONTH} AND unit_code = '72'", "coverage_rows, withheld_reason") == [(1, None)]


def test_rows_from_before_an_agency_s_first_day_are_lost_and_not_forgotten(edited: Edited) -> None:
    engine = edited()
    listed = engine.settings.reference / "agency.csv"
    listed.parent.mkdir(parents=True, exist_ok=True)
    text = (TRIAL / "warehouse" / "reference" / "agency.csv").read_text(encoding="utf-8")
    for name in ("admin_unit", "system", "target", "published_figure"):
        shutil.copyfile(TRIAL / "warehouse" / "reference" / f"{name}.csv", listed.with_name(f"{name}.csv"))
    listed.write_text(
        text.replace(
            "H53.20,,UBND Huyện Một,district,703,2004-01-01", "H53.20,,UBND Huyện Một,district,703,2022-05-15"
        ),
        encoding="utf-8",
    )
    early, later = many(SECOND, 30), many(SECOND.replace("-2205", "-2204"), 30, "20/05/2022")
    engine.deliver("dossier", dossiers(*many(FIRST, 40), *early, *later))
    engine.evaluate(RATE)
    assert engine.values(RATE, f"{MONTH} AND unit_code = '72'", "denominator, coverage_rows, withheld_reason") == [
        (None, 0.7, "low_coverage")
    ]


def test_an_expected_unit_without_anything_to_count_has_a_zero(edited: Edited) -> None:
    engine = edited(filter=(f"assets/kpi/{COUNT}/defs.yaml", "version: 1,", "version: 1, where: unit_code <> '25459',"))
    engine.deliver("community_group", groups(*GROUPS))
    engine.evaluate(COUNT)
    where = f"{MONTH} AND unit_level = 'commune'"
    assert engine.values(COUNT, where, "unit_code, value, status") == [
        ("25456", 1, "no_target"),
        ("25459", 0, "no_target"),
        ("25630", 1, "no_target"),
    ]


def test_a_view_that_loses_a_row_fails_and_says_which_rows(edited: Edited) -> None:
    sql = "assets/view/dossier_received/view.sql"
    engine = edited(
        joined=(sql, "LEFT JOIN", "JOIN"),
        listed=(sql, "unit.code = dossier.agency_code", "unit.code = dossier.agency_code AND unit.code <> 'H53.20'"),
    )
    engine.deliver("dossier", dossiers(*many(FIRST, 30), *many(SECOND, 20)))
    run = evaluate(engine.settings, engine.catalogue, RATE).run
    assert not run.published
    assert run.problem == (
        "view dossier_received has 30 of the 50 rows of statistics.dossier of 2022-05-01:"
        " each belongs into the view once, counted or with a reason under 'excluded'."
    )
    engine.deliver("community_group", groups(*GROUPS))
    assert evaluate(engine.settings, engine.catalogue, COUNT, engine.catalogue.kpis).run.published


def test_a_reason_that_is_not_declared_is_refused(edited: Edited) -> None:
    engine = edited(
        reason=(
            "assets/view/dossier_received/view.sql",
            "unit.unit_code IS NULL THEN 'not_in_force'",
            "TRUE THEN 'other'",
        )
    )
    engine.deliver("dossier", dossiers(*many(FIRST, 3)))
    problem = evaluate(engine.settings, engine.catalogue, RATE).run.problem
    assert problem == "view dossier_received excludes rows for 'other': describe this reason under 'excluded'."


@pytest.mark.slow
def test_one_kpi_that_fails_leaves_its_last_values_and_does_not_stop_the_others(edited: Edited) -> None:
    engine = edited(
        wrong=(f"assets/kpi/{RATE}/defs.yaml", "counted: channel = 'online'", "counted: channel::INTEGER = 1")
    )
    engine.deliver("dossier", dossiers(*many(FIRST, 30), *many(SECOND, 20)))
    engine.deliver("community_group", groups(*GROUPS))
    codes = engine.catalogue.kpis
    runs = {code: evaluate(engine.settings, engine.catalogue, code, codes).run for code in codes}
    assert {code: run.published for code, run in runs.items()} == dict.fromkeys(codes, True) | {RATE: False}
    assert f"version 1 of KPI {RATE} fails: Conversion Error" in str(runs[RATE].problem)
    states = release.publish(engine.settings, engine.catalogue).ledger.held_back
    held = {state.key.name: (state.state, state.problem) for state in states if state.key.table == "kpi.value"}
    assert held == {RATE: ("missing", runs[RATE].problem)}


AS_NUMBER = "channel::INTEGER = 1"
WITHOUT_THE_VALUE = "fails: Conversion Error: Could not convert string '…' to "


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("counted: channel = 'online'", f"counted: {AS_NUMBER}", 9),
        ("among: true", f"among: {AS_NUMBER}", 10),
        ("among: true", f"among: true\n      where: {AS_NUMBER}", 11),
        ("among: true", f"distinct: unit_code\n      seen_in: {{of: dossier_received, where: '{AS_NUMBER}'}}", 11),
    ],
)
def test_what_fails_on_the_rows_is_named_with_file_and_line_and_without_their_values(
    edited: Edited, old: str, new: str, line: int
) -> None:
    engine = edited(wrong=(f"assets/kpi/{RATE}/defs.yaml", old, new))
    engine.deliver("dossier", dossiers(*many(FIRST, 30)))
    problem = evaluate(engine.settings, engine.catalogue, RATE).run.problem
    expected = f"assets/kpi/{RATE}/defs.yaml:{line}: version 1 of KPI {RATE} {WITHOUT_THE_VALUE}INT32"
    assert str(problem).startswith(expected), problem


def free_sql(numerator: str) -> dict[str, tuple[str, str, str]]:
    """Edits by which the count of groups comes from free SQL, with this expression in its third line."""
    folder = f"assets/kpi/{COUNT}"
    text = f"SELECT\n    unit_code,\n    {numerator} AS numerator,\n    1 AS denominator\n"
    return {
        "sql": (f"{folder}/v1.sql", "", f"{text}FROM view.community_group\nGROUP BY unit_code\n"),
        "basis": (f"{folder}/defs.yaml", "of: community_group", "basis: stock"),
        "first": (f"{folder}/defs.yaml", "version: 1,", "version: 1, sql: v1.sql,"),
        "second": (f"{folder}/defs.yaml", "version: 2,", "version: 2, sql: v1.sql,"),
    }


def test_free_sql_that_fails_on_the_rows_is_named_with_file_and_line(edited: Edited) -> None:
    engine = edited(**free_sql("sum(unit_code::TINYINT)"))
    engine.deliver("community_group", groups(*GROUPS))
    problem = evaluate(engine.settings, engine.catalogue, COUNT).run.problem
    assert str(problem).startswith(f"assets/kpi/{COUNT}/v1.sql:3: KPI {COUNT} {WITHOUT_THE_VALUE}INT8"), problem


def test_a_view_that_fails_on_the_rows_fails_the_free_sql_that_reads_it_and_no_other_kpi(edited: Edited) -> None:
    as_number = "unit.unit_code::TINYINT::VARCHAR AS unit_code,"
    failing = ("assets/view/community_group/view.sql", "    unit.unit_code,", f"    {as_number}")
    engine = edited(**free_sql("count(*)"), view=failing)
    engine.deliver("community_group", groups(*GROUPS))
    codes = engine.catalogue.kpis
    runs = {code: evaluate(engine.settings, engine.catalogue, code, codes).run for code in codes}
    assert {code for code, run in runs.items() if not run.published} == {COUNT}
    expected = f"assets/view/community_group/view.sql:3: view community_group {WITHOUT_THE_VALUE}INT8"
    assert str(runs[COUNT].problem).startswith(expected), runs[COUNT].problem


def test_a_change_of_definition_is_never_blended(edited: Edited) -> None:
    versions = f"""versions:
    - {{version: 1, counted: channel = 'online', among: true, valid_from: 2022-01-01, valid_to: 2022-05-14, {LEGAL}}}
    - {{version: 2, counted: channel <> 'online', among: true, valid_from: 2022-05-15, {LEGAL}}}
"""
    engine = edited()
    path = engine.settings.project / f"assets/kpi/{RATE}/defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").partition("versions:")[0] + versions, encoding="utf-8")
    catalogue.load.cache_clear()
    engine = Engine(engine.settings, catalogue.load(engine.settings.project))
    late = many(FIRST.replace("-2205", "-2204"), 10, "20/05/2022")
    engine.deliver(
        "dossier",
        dossiers(*many(FIRST, 30), *late, *many(SECOND, 20), *many(SECOND.replace("-2205", "-2204"), 30, "21/05/2022")),
    )
    engine.evaluate(RATE)
    where = f"{MONTH} AND unit_code = '72'"
    columns = "part_start, part_end, definition_version, numerator, denominator, value, withheld_reason"
    assert engine.values(RATE, where, columns) == [
        (date(2022, 5, 1), date(2022, 5, 14), 1, 30, 50, 60, None),
        (date(2022, 5, 15), date(2022, 5, 31), 2, 30, 40, 75, None),
        (None, None, 2, None, None, None, "definition_changed"),
    ]


def test_a_table_read_as_a_state_and_as_a_flow_is_needed_for_both(edited: Edited) -> None:
    settings = edited().settings
    state, kpi = settings.project / "assets/view/community_group", settings.project / f"assets/kpi/{COUNT}/defs.yaml"
    flow = shutil.copytree(state, state.with_name("group_reported")) / "defs.yaml"
    flow.write_text(flow.read_text(encoding="utf-8").replace("  basis: stock\n", ""), encoding="utf-8")
    items = "version: 1, distinct: unit_code, seen_in: {of: group_reported},"
    kpi.write_text(kpi.read_text(encoding="utf-8").replace("version: 1,", items), encoding="utf-8")
    catalogue.load.cache_clear()
    engine = Engine(settings, catalogue.load(settings.project))
    assert engine.catalogue.kpis[COUNT].tables[1]["programme.community_group"] == ("flow", "stock")
    assert engine.catalogue.kpis[COUNT].tables[2]["programme.community_group"] == ("stock",)
    for month in ("2022-05", "2022-06"):
        engine.put("community_group", groups(*GROUPS), month=month)
    engine.results("community_group", "2022-05", "2022-06")
    engine.evaluate(COUNT)
    where = "unit_code = '72' AND window_end = DATE '2022-06-30' AND part_start IS NULL"
    assert engine.values(COUNT, where, "window_type, value, round(coverage_units, 2)") == [
        ("month", 3, 1),
        ("quarter", None, 0.66),
        ("ytd", None, 0.33),
    ]


def test_a_state_takes_the_version_of_its_last_day(engine: Engine) -> None:
    for month in ("2022-07", "2022-08"):
        engine.put("community_group", groups(*GROUPS), month=month)
    engine.results("community_group", "2022-07", "2022-08")
    engine.evaluate(COUNT)
    where = "unit_code = '72' AND window_type IN ('month', 'ytd') AND value IS NOT NULL"
    columns = "window_type, window_end, part_start, definition_version, value"
    assert engine.values(COUNT, where, columns) == [
        ("month", date(2022, 7, 31), None, 1, 3),
        ("month", date(2022, 8, 31), None, 2, 3),
        ("ytd", date(2022, 7, 31), None, 1, 3),
        ("ytd", date(2022, 8, 31), None, 2, 3),
    ]


def test_a_release_says_which_reports_were_due_and_when_they_came(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS[:2]), day=5)
    engine.put("community_group", groups(*GROUPS), name="again.csv", day=11)
    published = engine.publish()
    with duckdb.connect(str(published.path / "public" / "dx.duckdb"), read_only=True) as connection:
        found = connection.execute(
            """SELECT reporter, unit_code, due_on, late_after, received_on, late_days FROM ledger.expectation
            WHERE source = 'community_group' ORDER BY reporter NULLS FIRST"""
        ).fetchall()
    due = (date(2022, 6, 5), date(2022, 6, 8))
    assert found == [
        (None, None, *due, date(2022, 6, 5), 0),
        ("25456", "25456", *due, date(2022, 6, 11), 3),  # the return of 5 June was replaced
        ("25459", "25459", *due, date(2022, 6, 11), 3),
        ("25630", "25630", *due, date(2022, 6, 11), 3),
    ]


def test_analysts_see_where_the_rows_of_each_table_went(engine: Engine) -> None:
    dissolved = GROUPS[2].replace("01/04/2022,,", "01/04/2022,30/04/2022,")
    engine.put("community_group", groups(*GROUPS[:2], dissolved))
    with duckdb.connect(str(engine.publish().path / "internal" / "dx_internal.duckdb"), read_only=True) as connection:
        found = connection.execute(
            """SELECT month, unit_code, excluded, row_count FROM ledger.view_conservation
            WHERE view_name = 'community_group' ORDER BY ALL"""
        ).fetchall()
    may = date(2022, 5, 1)
    assert found == [(may, "25456", None, 1), (may, "25459", None, 1), (may, "25630", "dissolved", 1)]


def test_a_kpi_about_dossiers_that_fails_shows_nothing_that_others_would_be_compared_with(edited: Edited) -> None:
    engine = edited()
    engine.deliver("dossier", dossiers(*many(FIRST, 30), *many(SECOND, 20)))
    engine.evaluate(RATE)
    path = engine.settings.project / f"assets/kpi/{RATE}/defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("= 'online'", "::INTEGER = 1"), encoding="utf-8")
    catalogue.load.cache_clear()
    engine = Engine(engine.settings, catalogue.load(engine.settings.project))
    assert not evaluate(engine.settings, engine.catalogue, RATE).run.published
    assert partition.rows(engine.settings, KpiKey(RATE)) is None


def test_lost_rows_are_made_again(engine: Engine) -> None:
    engine.deliver("community_group", groups(*GROUPS))
    engine.evaluate(COUNT)
    for key in (Key("programme.community_group", "community_group", Month(2022, 5)), KpiKey(COUNT)):
        path = partition.rows(engine.settings, key)
        assert path is not None
        path.unlink()
    engine.results("community_group")
    engine.evaluate(COUNT)
    assert engine.values(COUNT, f"{MONTH} AND unit_code = '72'", "value") == [(3,)]

"""What changed since the release before: in the release itself, and between any two releases on disk."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, OLD, dossiers, enterprises, groups, in_older_layout
from engine import Engine, Rows
from projects import TRIAL, Dx

from dx_pipeline import release
from dx_pipeline.declarations import catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.period import Window
from dx_pipeline.release import Published, manifest
from dx_pipeline.release.difference import Difference, difference
from dx_pipeline.release.pair import Against, change_of
from dx_pipeline.release.question import Question
from dx_pipeline.storage.files import digest

pytestmark = pytest.mark.slow

MORE = (*GROUPS, "TCN-25456-02,25456,16/02/2022,,7")
LATER = "compared_with = 'release' AND window_type = 'month'"


def with_groups(engine: Engine, *rows: str, day: int = 5) -> Published:
    """Publish a delivery of community groups."""
    engine.put("community_group", groups(*rows), name=f"{day}.csv", day=day)
    return engine.publish()


def asked(published: Published, sql: str, part: str = "public/dx.duckdb") -> Rows:
    with duckdb.connect(str(published.path / part), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def predecessor(published: Published) -> dict[str, Any]:
    package = json.loads((published.path / "public" / "datapackage.json").read_text(encoding="utf-8"))
    return dict(package["dx"]["predecessor"])


def every_cell(engine: Engine) -> Engine:
    """The same engine, which withholds no small cell and nothing for its coverage."""
    province = engine.catalogue.province.model_copy(update={"suppress_below": 0, "coverage_at_least": 0})
    return Engine(engine.settings, replace(engine.catalogue, province=province))


def test_a_release_says_what_a_later_delivery_changed(engine: Engine) -> None:
    first = with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    columns = "unit_code, value_before, value, difference, late_data, before_release_id"
    where = f"WHERE {LATER} AND kpi_code = 'community_group_count'"
    assert asked(later, f"SELECT {columns} FROM kpi.change {where} ORDER BY ALL") == [
        ("25456", 1, 2, 1, 1, first.release_id),
        ("703", 2, 3, 1, 1, first.release_id),
        ("72", 3, 4, 1, 1, first.release_id),
    ]
    assert (predecessor(first), predecessor(later)) == (
        {"release_id": None, "problem": None},
        {"release_id": first.release_id, "problem": None},
    )


def test_a_change_whose_parts_do_not_add_up_is_found_by_verification(engine: Engine) -> None:
    """Somebody alters a part of a change, and describes the altered database."""
    with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    assert release.problems(later.path, engine.catalogue) == []
    database, described = later.path / "public" / "dx.duckdb", later.path / "public" / "datapackage.json"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"UPDATE kpi.change SET late_data = late_data + 1 WHERE {LATER} AND unit_code = '25456'")
    package = json.loads(described.read_text(encoding="utf-8"))
    (resource,) = [each for each in package["resources"] if each["path"] == database.name]
    resource["dx"] = {"bytes": database.stat().st_size, "hash": f"sha256:{digest(database)}"}
    described.write_text(json.dumps(package), encoding="utf-8")
    (later.path / "public" / manifest.NAME).unlink()
    manifest.write(later.path / "public")
    assert [problem.en for problem in release.problems(later.path, engine.catalogue, is_private=True)] == [
        "the parts of 1 rows of kpi.change do not add up to the difference."
    ]


def test_changes_of_dossiers_between_two_releases_are_for_analysts_inside(engine: Engine) -> None:
    shown = every_cell(engine)
    for day, rows in ((5, DOSSIERS[::2]), (7, DOSSIERS)):
        shown.put("dossier", dossiers(*rows), name=f"{day}.csv", day=day)
        published = shown.publish()
    query = f"SELECT value_before, value, late_data FROM {{}} WHERE {LATER} AND unit_level = 'province'"
    assert asked(published, query.format("kpi.change")) == []
    found = asked(published, query.format("kpi.release_change"), "internal/dx_internal.duckdb")
    assert [(before, after, float(part)) for before, after, part in found] == [(50, 33.33, -16.666667)]


def test_nothing_has_changed_where_only_the_predecessor_would_be_another_one(engine: Engine) -> None:
    with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    again = engine.publish()
    assert (again.release_id, again.changed) == (later.release_id, False)


def test_two_fresh_warehouses_have_the_same_releases_and_another_history_has_others(engine: Engine) -> None:
    def of(name: str, *deliveries: int) -> list[str]:
        folder = engine.settings.warehouse.with_name(name)
        shutil.copytree(engine.settings.warehouse, folder)
        other = Engine(replace(engine.settings, warehouse=folder), engine.catalogue)
        for number in (1, 2):
            other.put("community_group", groups(*GROUPS[:number]), name=f"{number}.csv", day=4 + number)
            if number in deliveries:
                other.publish()
        return [item.release_id for item in release.kept(other.settings)]

    in_two_steps = of("first", 1, 2)
    assert in_two_steps == of("second", 1, 2)
    assert of("third", 2) != in_two_steps[:1]


def test_a_damaged_release_is_built_again_under_its_id(engine: Engine) -> None:
    with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    changes = asked(later, "FROM kpi.change ORDER BY ALL")
    (later.path / "public" / "kpi" / "value.parquet").write_bytes(b"")
    again = engine.publish()
    assert (again.release_id, again.changed) == (later.release_id, True)
    assert asked(again, "FROM kpi.change ORDER BY ALL") == changes


def test_a_release_stays_current_when_its_predecessor_is_gone_and_is_another_one_if_it_is_made_again(
    engine: Engine,
) -> None:
    first = with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    shutil.rmtree(first.path)
    assert not engine.publish().changed
    shutil.rmtree(later.path / "public" / "kpi")
    again = engine.publish()
    assert again.release_id != later.release_id
    assert predecessor(again)["release_id"] == first.release_id
    assert asked(again, f"SELECT count(*) FROM kpi.change WHERE {LATER}") == [(0,)]


def test_a_release_that_goes_back_in_time_is_followed_by_the_same_one(engine: Engine) -> None:
    first = with_groups(engine, *GROUPS)
    later = with_groups(engine, *MORE, day=7)
    release.switch_to(engine.settings, first.release_id, "switched")
    assert engine.publish().release_id == later.release_id


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (in_older_layout, f"release {OLD} is not on disk, or is of an older layout."),
        (lambda settings: shutil.rmtree(settings.releases), "is not on disk, or is of an older layout."),
        (
            lambda settings: (settings.current / "kpi" / "value.parquet").write_bytes(b""),
            "is not the file that was described.",
        ),
    ],
)
def test_a_predecessor_that_cannot_be_compared_with_is_named_with_the_reason(
    engine: Engine, spoil: Any, problem: str
) -> None:
    with_groups(engine, *GROUPS)
    spoil(engine.settings)
    later = with_groups(engine, *MORE, day=7)
    assert predecessor(later)["problem"].endswith(problem)
    assert asked(later, f"SELECT count(*) FROM kpi.change WHERE {LATER}") == [(0,)]


@pytest.fixture
def redefined(engine: Engine, tmp_path: Path) -> Engine:
    """The engine over the same warehouse and a project that counts each community group twice."""
    project = tmp_path / "project"
    shutil.copytree(TRIAL, project)
    path = project / "assets" / "kpi" / "community_group_count" / "defs.yaml"
    text = path.read_text(encoding="utf-8").replace("valid_from: 2022", "counted: 2, valid_from: 2022")
    path.write_text(text, encoding="utf-8")
    return Engine(replace(engine.settings, project=project), catalogue.load(project))


def test_a_definition_that_counts_otherwise_is_the_cause_of_what_differs(engine: Engine, redefined: Engine) -> None:
    first = with_groups(engine, *GROUPS)
    later = redefined.publish()
    where = f"WHERE {LATER} AND unit_code = '72'"
    assert asked(later, f"SELECT value_before, value, definition FROM kpi.change {where}") == [(3, 6, 3)]
    found = difference(redefined.settings, redefined.catalogue, first.release_id, later.release_id)
    assert {(row["kpi_code"], row["state"], *row["columns"]) for row in found.definitions} == {
        ("community_group_count", "changed", "sql")
    }


def between(engine: Engine, before: Published, after: Published) -> Difference:
    return difference(engine.settings, engine.catalogue, before.release_id, after.release_id)


def test_two_releases_differ_in_values_that_changed_appeared_and_vanished(engine: Engine) -> None:
    first = with_groups(engine, *GROUPS)
    engine.put("digital_enterprise", enterprises(("703", "62010", "active", 4, 1)))
    later = with_groups(engine, *MORE, day=7)
    found = between(engine, first, later)
    province = [row for row in found.changes if row["unit_code"] == "72"]
    assert {(row["window_type"], float(row["difference"]), float(row["size"])) for row in province} == {
        ("month", 1, 0.25),
        ("ytd", 1, 0.25),
    }
    sizes = [row["size"] for row in found.changes]
    assert sizes == sorted(sizes, reverse=True)
    assert {(row["kpi_code"], row["unit_level"], row["withheld_reason"]) for row in found.appeared} == {
        ("digital_enterprise_count", "province", "incomplete"),
        ("digital_enterprise_count", "district", "no_row"),
    }
    assert found.vanished == []
    assert [(table.name, table.partitions, table.files, table.is_read) for table in found.tables] == [
        ("programme.community_group", ("community_group_2022-05",), ("5.csv", "7.csv"), True),
        ("programme.digital_enterprise", ("digital_enterprise_2022-05",), ("file.dat",), True),
    ]
    vanished = between(engine, later, first).vanished
    assert {(row["unit_code"], row["value_before"], row["value"]) for row in vanished} == {
        ("72", 4, None),
        ("703", 4, None),
    }


def test_any_two_values_are_compared(engine: Engine) -> None:
    current = with_groups(engine, *GROUPS).release_id

    def found(code: str, unit: str | None = None, against_unit: str | None = None) -> dict[str, Any]:
        against = Against(unit=against_unit)
        return change_of(engine.settings, engine.catalogue, current, Question(code, unit), against)

    row = found("community_group_count", "huyen mot", "Huyện Hai")
    assert (row["unit_code"], row["before_unit_code"], row["before_unit_name"]) == ("703", "709", "Huyện Hai")
    assert (row["compared_with"], row["value_before"], row["value"], row["volume"]) == ("unit", 1, 2, 1)
    with pytest.raises(UsageError, match=r"'Hai' is the name of several units: write the code of one \(25459 Xã Hai"):
        found("community_group_count", "Hai")
    with pytest.raises(UsageError, match="KPI community_group_count has no value of 2022-04: there are 2022-05 to"):
        found("community_group_count")
    with pytest.raises(UsageError, match="online_dossier_rate, 72, 2022: Not all partitions") as refused:
        found("online_dossier_rate")
    assert str(refused.value.vi).startswith("online_dossier_rate, 72, 2022: Chưa có đủ các phân vùng")


def test_a_part_of_a_window_is_compared_with_the_part_before_it(engine: Engine, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(TRIAL, project)
    path = project / "assets" / "kpi" / "online_dossier_rate" / "defs.yaml"
    head, _, version = path.read_text(encoding="utf-8").partition("    - version: 1\n")
    first = version.replace("valid_from: 2022-01-01", "valid_from: 2022-01-01\n      valid_to: 2022-05-03")
    second = version.replace("valid_from: 2022-01-01", "valid_from: 2022-05-04").replace("true", "channel IS NOT NULL")
    path.write_text(f"{head}    - version: 1\n{first}    - version: 2\n{second}", encoding="utf-8")
    parted = every_cell(Engine(replace(engine.settings, project=project), catalogue.load(project)))
    parted.put("dossier", dossiers(*DOSSIERS[:2], DOSSIERS[2].replace(";;", ";Trực tuyến;", 1)))
    release_id = parted.publish().release_id

    def found(day: date | None, against: Against) -> dict[str, Any]:
        question = Question("online_dossier_rate", window=Window.parse("2022-05"), part=day)
        return change_of(parted.settings, parted.catalogue, release_id, question, against)

    row = found(date(2022, 5, 4), Against())
    assert (row["value_before"], row["value"], row["not_separated"]) == (50, 100, 50)
    assert (row["before_part_start"], row["not_separated_reason"]) == (date(2022, 5, 1), "other_span")
    for day, against, sentence in (
        (date(2022, 5, 1), Against(), "2022-05-01 begins the first part of 2022-05: there is no part before it."),
        (date(2022, 5, 4), Against(Window.parse("2022-04")), "leave '--against' out"),
        (None, Against(), "each of its parts has one. ('--part 2022-05-01' '--part 2022-05-04')"),
    ):
        with pytest.raises(UsageError) as refused:
            found(day, against)
        assert sentence in str(refused.value)


def test_the_command_line_shows_changes_in_either_language(engine: Engine, dx: Dx) -> None:
    first = with_groups(engine, *GROUPS)
    with_groups(engine, *MORE, day=7)
    of_one = ("change", "community_group_count", "--against-release", first.release_id)

    def ran(*arguments: str) -> str:
        result = dx(*arguments, warehouse=engine.settings.warehouse, project=TRIAL)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "dữ liệu đến sau" in ran(*of_one, "--lang", "vi")
    shown = ran(*of_one, "--lang", "en")
    assert "late data" in shown
    assert "4  72 Thử nghiệm, May 2022" in shown
    assert "3  72 Thử nghiệm, May 2022" in shown
    assert f"{first.release_id} → " in shown
    assert "+1" in ran("release", "diff", first.release_id, "current", "--lang", "en", "--limit", "1")
    assert first.release_id in ran("release", "diff")
    assert json.loads(ran(*of_one, "--json"))["late_data"] == 1
    listed = json.loads(ran("release", "diff", first.release_id, "--json"))
    assert {row["unit_code"] for row in listed["changes"]} == {"72", "703", "25456"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("change", "community_group_count"), "there is no release yet: run 'dx run' first."),
        (("change", "community_group_count", "--lang", "vi"), "dx: chưa có bản công bố nào: hãy chạy 'dx run' trước."),
        (("release", "diff", "--lang", "en"), "dx: there is no release yet: run 'dx run' first."),
        (("change", "community_group_count", "--window", "2022-02:2022-03"), "is no year to date"),
        (("change", "community_group_count", "--against", "2022", "--against-unit", "703"), "exclude each other"),
        (("release", "diff", "nonsense", "other"), "there is no release 'other': see 'dx release list'."),
    ],
)
def test_wrong_use_is_refused_in_one_sentence(
    dx: Dx, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = dx(*arguments, warehouse=tmp_path, project=TRIAL)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert sentence in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1

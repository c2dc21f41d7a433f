"""What `dx explain` says of a value: every step down to the delivered lines, and nothing that is withheld."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, enterprises, groups
from engine import Engine
from projects import TRIAL

from dx_pipeline.cli import figures
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import ReleaseError, UsageError
from dx_pipeline.period import Window
from dx_pipeline.release.difference import difference
from dx_pipeline.release.explanation import Explanation, Question, explain, opened
from dx_pipeline.release.pair import Against, change_of
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest

pytestmark = pytest.mark.slow

GROUP_COUNT, DOSSIER_RATE = "community_group_count", "online_dossier_rate"
MAY = Window.parse("2022-05")
FIRST_UNIT, SECOND_UNIT = "703", "709"


def explained(engine: Engine, code: str, unit: str | None = None, **more: Any) -> Explanation:
    """A value of May."""
    for_inside = more.pop("for_inside", False)
    question = Question(code, unit, **{"window": MAY, **more})
    return explain(engine.settings, engine.catalogue, question, for_inside=for_inside)


def received(agency: str, online: int, direct: int) -> list[str]:
    """Dossiers of one agency, the first of them online."""
    kinds = [DOSSIERS[0]] * online + [DOSSIERS[1]] * direct
    return [row.replace("H53.07", agency).replace("-0001;", f"-{number:04};", 1) for number, row in enumerate(kinds)]


@pytest.fixture(scope="module")
def made(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Three groups and ninety dossiers of May, published; for tests that only look."""
    folder = tmp_path_factory.mktemp("made") / "warehouse"
    shutil.copytree(references, folder)
    engine = Engine(Settings(folder, TRIAL, threads=1), declared)
    engine.put("community_group", groups(*GROUPS), name="to-cong-nghe.csv")
    engine.put("dossier", dossiers(*received("H53.07", 20, 25), *received("H53.20", 15, 30)))
    engine.put("digital_enterprise", enterprises(("703", "6201", "active", 3, 0)))
    engine.publish()
    return engine


@pytest.fixture
def changing(made: Engine, tmp_path: Path) -> Engine:
    """The same in a warehouse of the test's own."""
    shutil.copytree(made.settings.warehouse, tmp_path / "warehouse", symlinks=True)
    return Engine(Settings(tmp_path / "warehouse", TRIAL, threads=1), made.catalogue)


def test_a_figure_is_traced_to_the_lines_of_the_delivered_file(made: Engine) -> None:
    found = explained(made, GROUP_COUNT, FIRST_UNIT)
    (counted,) = found.counted
    (delivery,) = [each for each in found.deliveries if each.table_name == "programme.community_group"]
    path = made.settings.inbox / "community_group" / "2022-05" / "to-cong-nghe.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert (found.value["numerator"], counted.view, counted.where, counted.row_count) == (
        2,
        "community_group",
        "true",
        2,
    )
    assert (delivery.file_name, delivery.delivery_id, delivery.rows_in) == (path.name, digest(path), 3)
    assert (delivery.lines_of, delivery.lines) == ("unit", ((3, 4),))
    assert lines[2:4] == list(GROUPS[:2])


def test_columns_lead_to_the_headings_of_the_delivery(made: Engine) -> None:
    headings = {
        (origin.role, heading.text) for origin in explained(made, DOSSIER_RATE).lineage for heading in origin.headings
    }
    assert headings == {
        ("numerator", "Kênh nộp"),
        ("date", "Ngày tiếp nhận"),
        ("unit", "Cơ quan tiếp nhận"),
        ("key", "Mã hồ sơ"),
    }


def test_dossiers_of_a_unit_are_not_told_apart_within_a_file(made: Engine) -> None:
    for unit in (None, "H53.07", FIRST_UNIT):
        found = explained(made, DOSSIER_RATE, unit)
        (delivery,) = [each for each in found.deliveries if each.table_name == "statistics.dossier"]
        assert (delivery.file_name, delivery.disposition) == ("file.dat", "read")
        assert (delivery.delivery_id, delivery.rows_in, delivery.lines_of, delivery.lines) == (None, None, None, None)
        assert [(item.is_public, item.row_count, item.counted_count) for item in found.counted] == [(False, None, None)]
        assert {reason.row_count for item in found.counted for reason in item.excluded} == {None}


def test_inside_the_office_dossiers_of_a_unit_are_traced_to_their_lines(made: Engine) -> None:
    found = explained(made, DOSSIER_RATE, FIRST_UNIT, for_inside=True)
    (delivery,) = [each for each in found.deliveries if each.table_name == "statistics.dossier"]
    path = made.settings.inbox / "dossier" / "2022-05" / "file.dat"
    assert (delivery.delivery_id, delivery.rows_in, delivery.rows_accepted) == (digest(path), 90, 90)
    assert (delivery.lines_of, delivery.lines, delivery.counted_lines) == ("unit", ((48, 92),), ((48, 62),))
    assert [(item.row_count, item.counted_count) for item in found.counted] == [(45, 15)]
    assert next(iter(found.as_json())) == "for_inside"
    assert not [note for note in found.notes if "--inside" in note.en]


def test_only_inside_the_office_says_so_and_everybody_learns_of_it(made: Engine) -> None:
    public = explained(made, DOSSIER_RATE)
    assert (public.for_inside, "for_inside" in public.as_json()) == (None, False)
    assert [note.en.count("'--inside'") for note in public.notes] == [1]


def test_an_analyst_inside_traces_the_release_that_is_explained(changing: Engine) -> None:
    """A dossier that came again since: its file is none of the older release, and its lines are not known any more."""
    before = explained(changing, DOSSIER_RATE, FIRST_UNIT, for_inside=True)
    changing.put("dossier", dossiers(*received("H53.20", 1, 0)), name="later.csv", day=7)
    changing.publish()
    question = Question(DOSSIER_RATE, FIRST_UNIT, MAY)
    older = explain(changing.settings, changing.catalogue, question, before.value["release_id"], for_inside=True)
    of_dossiers = [each for each in older.deliveries if each.table_name == "statistics.dossier"]
    assert [(each.file_name, each.rows_in, each.lines) for each in of_dossiers] == [("file.dat", 90, None)]
    assert [item.row_count for item in older.counted] == [None]
    assert "Partitions have changed since this release" in older.notes[-1].en
    newer = explained(changing, DOSSIER_RATE, FIRST_UNIT, for_inside=True)
    lines = {each.file_name: each.lines for each in newer.deliveries if each.table_name == "statistics.dossier"}
    assert lines == {"file.dat": ((49, 92),), "later.csv": ((3, 3),)}


def test_without_the_right_to_the_internal_part_inside_is_refused_in_one_sentence(changing: Engine) -> None:
    release_id = str(explained(changing, DOSSIER_RATE).value["release_id"])
    internal = changing.settings.releases / release_id / "internal"
    (internal / "dx_internal.duckdb").unlink()
    with pytest.raises(ReleaseError) as refused:
        explained(changing, DOSSIER_RATE, for_inside=True)
    assert str(refused.value).startswith(f"internal/dx_internal.duckdb of release {release_id} cannot be read (")
    assert "ask whoever runs dx to add you to the group of that folder" in str(refused.value)
    assert explained(changing, DOSSIER_RATE).value["value"] is not None


def test_a_withheld_value_is_explained_alike_whatever_it_counts(
    references: Path, declared: Catalogue, tmp_path: Path
) -> None:
    """Of forty dossiers of one agency 0, 3 or 7 are online, of another's the rest: the same files but for that."""
    explanations = []
    for online in (0, 3, 7):
        shutil.copytree(references, tmp_path / str(online))
        engine = Engine(Settings(tmp_path / str(online), TRIAL, threads=1), declared)
        others = received("H53.20", 30 - online, 10 + online)
        engine.put("dossier", dossiers(*received("H53.07", online, 40 - online), *others))
        engine.publish()
        explanations.append(withheld(engine))
    assert list(explanations[0]) == [FIRST_UNIT, "H53.07"]
    assert explanations[0] == explanations[1] == explanations[2]


def withheld(engine: Engine) -> dict[str, str]:
    """What is explained of the withheld rates of May, by unit."""
    found = {}
    with opened(engine.settings, engine.catalogue) as released:
        for unit, reason in released.connection.execute(
            "SELECT unit_code, withheld_reason FROM kpi.value"
            " WHERE kpi_code = $code AND window_type = 'month' ORDER BY unit_code",
            {"code": DOSSIER_RATE},
        ).fetchall():
            plain = released.explain(Question(DOSSIER_RATE, unit, MAY)).as_json()
            del plain["value"]["release_id"]
            if reason == "few_dossiers":
                found[unit] = json.dumps(plain, default=str)
    with opened(engine.settings, engine.catalogue, for_inside=True) as released:
        for unit, public in found.items():  # inside it is as withheld as it is for everybody
            inside = released.explain(Question(DOSSIER_RATE, unit, MAY))
            plain = replace(inside, for_inside=None).as_json()
            del plain["value"]["release_id"]
            assert json.dumps(plain, default=str) == public
    return found


def test_a_withheld_value_says_why_and_not_which_of_two_reasons(engine: Engine) -> None:
    engine.put("dossier", dossiers(*received("H53.07", 3, 40), *received("H53.20", 30, 30)))
    engine.publish()
    found = explained(engine, DOSSIER_RATE, "H53.07")
    assert found.value["value"] is None
    assert found.withheld is not None
    assert found.withheld.en.startswith(
        "The value is withheld: it counts fewer than 10 dossiers, or one that does could"
    )


def test_quarantined_rows_are_those_of_the_unit_with_reason_and_line(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS, "TCN-25630-02,25630,31/31/2022,,5", "TCN-25456-02,25456,x,,5"))
    engine.publish()
    of_unit = {
        unit: [(each.reason_code, each.column_name, each.row_count, each.lines, each.rows_of) for each in found]
        for unit in (FIRST_UNIT, SECOND_UNIT)
        for found in [explained(engine, GROUP_COUNT, unit).quarantined]
    }
    assert of_unit == {
        FIRST_UNIT: [("not_a_date", "established_on", 1, ((7, 7),), "unit")],
        SECOND_UNIT: [("not_a_date", "established_on", 1, ((6, 6),), "unit")],
    }


def test_quarantined_dossiers_are_named_for_all_deliveries_without_lines(engine: Engine) -> None:
    engine.put("dossier", dossiers(*received("H53.07", 20, 25), DOSSIERS[2].replace("04/05/2022", "x", 1)))
    engine.publish()
    for unit in (None, "H53.07"):
        (broken,) = explained(engine, DOSSIER_RATE, unit).quarantined
        assert (broken.reason_code, broken.row_count, broken.lines, broken.rows_of) == (
            "not_a_date",
            1,
            None,
            "delivery",
        )


def test_a_refused_delivery_is_among_those_of_its_month(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS), name="first.csv")
    engine.put("community_group", b"# T\nma_to,sai\n1,2\n", name="second.csv", day=6)
    engine.publish()
    found = [each for each in explained(engine, GROUP_COUNT).deliveries if each.source == "community_group"]
    assert [(each.file_name, each.disposition, each.lines) for each in found] == [
        ("first.csv", "read", ((3, 5),)),
        ("second.csv", "refused", None),
    ]
    assert "ma_xa" in str(found[1].problem)
    reports = explained(engine, GROUP_COUNT).reports
    assert (reports.received, reports.held_back) == (3, 1)  # all have arrived, and what arrived last is not counted


def test_a_reference_file_has_no_time_of_arrival(made: Engine) -> None:
    assert explained(made, GROUP_COUNT).reports.held_back == 0
    moments = {
        each["month"] is None: each["delivered_at"] for each in explained(made, GROUP_COUNT).as_json()["deliveries"]
    }
    assert moments.keys() == {True, False}
    assert (moments[True], moments[False] is None) == (None, False)


def test_what_is_missing_is_named(made: Engine) -> None:
    found = explained(made, GROUP_COUNT, window=Window.parse("2022"))
    assert (found.value["withheld_reason"], found.withheld is not None) == ("incomplete", True)
    assert [(each.table_name, str(each.month), each.state) for each in found.partitions if each.month] == [
        ("programme.community_group", "2022-12", "missing")
    ]


def test_a_published_figure_stands_beside_the_value_with_its_line(engine: Engine) -> None:
    for month in ("2022-05", "2022-06"):
        engine.put("community_group", groups(*GROUPS), month)
    engine.results("community_group", "2022-05", "2022-06")
    engine.publish()
    found = explained(engine, GROUP_COUNT, window=Window.parse("2022-01:2022-06"))
    assert found.published is not None
    assert (found.published["value"], found.published["source"], found.published["delivery_line"]) == (3, "trial", 2)
    assert found.value["published_difference"] == 0


def test_lines_are_those_of_the_release_or_not_named(changing: Engine) -> None:
    before = explained(changing, GROUP_COUNT)
    changing.put("community_group", groups(*GROUPS[:2]), name="later.csv", day=7)
    changing.results("community_group")
    after = explained(changing, GROUP_COUNT)
    assert (after.value, after.deliveries) == (before.value, before.deliveries)


def test_a_release_is_explained_by_later_declarations_as_far_as_they_fit_it(made: Engine, tmp_path: Path) -> None:
    """A column that was declared since is in no row of the release, so its view has none to count."""
    project = tmp_path / "project"
    shutil.copytree(TRIAL, project)
    contract, view = "contract/programme/community_group.yaml", "view/community_group/view.sql"
    for name, old, new in (
        (contract, "rules:", "  leader_count: {type: integer, vi: Thử, en: Trial}\nrules:"),
        (view, "    unit.unit_code,", "    unit.unit_code,\n    community_group.leader_count,"),
    ):
        path = project / "assets" / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    found = explain(made.settings, catalogue.load(project), Question(GROUP_COUNT, FIRST_UNIT, MAY))
    assert (found.value["value"], [item.row_count for item in found.counted]) == (2, [None])
    assert {each.lines_of for each in found.deliveries} == {"delivery"}
    assert "Declarations have changed since this release" in found.notes[0].en


def test_an_older_release_is_explained_too(changing: Engine) -> None:
    before = explained(changing, GROUP_COUNT)
    changing.put("community_group", groups(*GROUPS, "TCN-25456-02,25456,15/02/2022,,7"), name="later.csv", day=7)
    changing.publish()
    question = Question(GROUP_COUNT, window=MAY)
    again = explain(changing.settings, changing.catalogue, question, before.value["release_id"])
    assert (again, explained(changing, GROUP_COUNT).value["value"]) == (before, 4)


@pytest.fixture(scope="module")
def without_groups(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The declarations of the trial project without one of its KPIs."""
    project = tmp_path_factory.mktemp("project") / "project"
    shutil.copytree(TRIAL, project)
    shutil.rmtree(project / "assets" / "kpi" / GROUP_COUNT)
    path = project / "assets" / "province.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(GROUP_COUNT, DOSSIER_RATE), encoding="utf-8")
    return catalogue.load(project)


def test_a_kpi_that_is_no_longer_declared_is_explained_as_far_as_the_release_goes(
    made: Engine, without_groups: Catalogue
) -> None:
    found = explain(made.settings, without_groups, Question(GROUP_COUNT, FIRST_UNIT, MAY))
    declared = explained(made, GROUP_COUNT, FIRST_UNIT)
    assert (found.value, found.definition) == (declared.value, declared.definition)
    assert (found.counted, found.partitions, found.deliveries) == ((), (), ())
    assert [note.en.partition(":")[0] for note in found.notes] == ["The KPI is no longer declared"]
    assert "programme.community_group" in str(found.definition)
    release_id = str(found.value["release_id"])
    question, against = Question(GROUP_COUNT, FIRST_UNIT, MAY), Against(unit=SECOND_UNIT)
    row = change_of(made.settings, without_groups, release_id, question, against)
    assert (row["difference"], row["not_separated"], row["not_separated_reason"]) == (1, 1, "not_declared")


def test_a_release_that_lacks_a_table_is_refused_in_one_sentence(changing: Engine) -> None:
    release_id = str(explained(changing, GROUP_COUNT).value["release_id"])
    with duckdb.connect(str(changing.settings.releases / release_id / "public" / "dx.duckdb")) as connection:
        connection.execute("DROP TABLE reference.succession")
    question = Question(GROUP_COUNT, FIRST_UNIT, MAY)
    for asked in (
        lambda: explain(changing.settings, changing.catalogue, question),
        lambda: change_of(changing.settings, changing.catalogue, release_id, question, Against(unit=SECOND_UNIT)),
        lambda: difference(changing.settings, changing.catalogue, release_id, release_id),
    ):
        with pytest.raises(UsageError) as refused:
            asked()
        assert str(refused.value) == (
            f"release {release_id} was made by an older version, without 'succession': choose a newer one of"
            " 'dx release list', or make one with 'dx run'."
        )


def test_dx_kpi_finds_a_unit_as_dx_explain_does(made: Engine) -> None:
    for name in ("703", "huyen mot"):
        rows = figures.of_unit(made.settings, made.catalogue.province, GROUP_COUNT, name)
        assert {(row["unit_code"], row["unit_name"]) for row in rows} == {("703", "Huyện Một")}
        on_day = figures.of_unit(made.settings, made.catalogue.province, GROUP_COUNT, name, date(2022, 5, 31))
        assert {row["unit_code"] for row in on_day} == {"703"}
    with pytest.raises(UsageError, match="'Hai' is the name of several units"):
        figures.of_unit(made.settings, made.catalogue.province, GROUP_COUNT, "Hai")
    with pytest.raises(UsageError, match="has no value of unit 'Huyện Mot Hai': did you mean"):
        figures.of_unit(made.settings, made.catalogue.province, GROUP_COUNT, "Huyện Mot Hai")


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (Question("online_dosier_rate"), "'online_dosier_rate' is no declared KPI: did you mean online_dossier_rate?"),
        (Question(GROUP_COUNT, "Huyện Mot Hai"), "no value of unit 'Huyện Mot Hai' in this window: did you mean"),
        (Question(GROUP_COUNT, "999"), "no value of unit '999' in this window: it is published for the levels"),
        (Question(GROUP_COUNT, "Hai"), "is the name of several units: write the code of one (25459 Xã Hai, 709 Huyện"),
        (Question(GROUP_COUNT, window=Window.parse("2021-05")), "no value of 2021-05: there are 2022-05 to 2022-05."),
        (Question(GROUP_COUNT, system="service_catalogue"), "has no system 'service_catalogue': it is not divided by"),
        (Question(GROUP_COUNT, statistic="p95"), "has no statistic 'p95': it is not divided by statistic."),
        (Question(GROUP_COUNT, part=MAY.start), "has no part from 2022-05-01 on: no change of the definition"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(made: Engine, question: Question, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        explain(made.settings, made.catalogue, question)
    assert sentence in str(refused.value)
    assert re.search(r"[\w')][.?]$", str(refused.value))


def test_units_are_found_by_code_and_by_name(made: Engine) -> None:
    for name in ("703", "Huyện Một", "huyen mot"):
        assert explained(made, GROUP_COUNT, name).value["unit_code"] == FIRST_UNIT


def test_without_a_release_there_is_nothing_to_explain(engine: Engine) -> None:
    with pytest.raises(UsageError, match="there is no release yet"):
        explained(engine, GROUP_COUNT)
    with pytest.raises(UsageError, match="there is no release 'abc'"):
        explain(engine.settings, engine.catalogue, Question(GROUP_COUNT), "abc")

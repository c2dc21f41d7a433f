"""Damage of what is kept: verification names it and never waits, the next run heals it or says what is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from deliveries import DOSSIERS, GROUPS, dossiers, groups
from engine import Engine
from projects import TRIAL

from dx_pipeline import integrity, release
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.release import Published
from dx_pipeline.settings import Settings
from dx_pipeline.storage import proven
from dx_pipeline.tables import closing, partition
from dx_pipeline.tables.closing import Basis, Closing
from dx_pipeline.tables.partition import Key, KpiKey

pytestmark = pytest.mark.slow

MAY, JUNE = "2022-05", "2022-06"
TABLE, SOURCE = "programme.community_group", "community_group"


@pytest.fixture
def delivered(engine: Engine) -> Engine:
    """Two months of one source, of which all is published."""
    engine.put(SOURCE, groups(*GROUPS), MAY)
    engine.put(SOURCE, groups(*GROUPS[:1]), JUNE)
    engine.results(SOURCE, MAY, JUNE)
    return engine


def found(engine: Engine) -> list[str]:
    return [problem.en for problem in integrity.problems(engine.settings, engine.catalogue)]


def one(engine: Engine, pattern: str) -> Path:
    (path,) = engine.settings.warehouse.glob(pattern)
    return path


KEPT = {
    "content": f"landing/{SOURCE}/{MAY}/*/content",
    "entry": f"landing/{SOURCE}/{MAY}/*/entry.json",
    "rows": f"tables/{TABLE}/partition={SOURCE}_{MAY}/rows.parquet",
    "record": f"tables/_runs/{TABLE}/{SOURCE}_{MAY}.json",
}
FORMS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kept", KEPT)
def test_what_is_no_file_is_damage_and_is_made_again(delivered: Engine, kept: str, form: str) -> None:
    path = one(delivered, KEPT[kept])
    before = path.read_bytes()
    path.unlink()
    FORMS[form](path)
    (problem,) = found(delivered)
    assert str(path.parent.relative_to(delivered.settings.warehouse)) in problem
    delivered.results(SOURCE, MAY, JUNE)
    assert path.read_bytes() == before
    assert found(delivered) == []


@pytest.mark.parametrize("folder", ["landing", f"landing/{SOURCE}", "tables", f"tables/{TABLE}", "tables/_runs"])
def test_a_file_in_place_of_a_folder_is_named_and_the_folder_is_made_again(delivered: Engine, folder: str) -> None:
    path = delivered.settings.warehouse / folder
    shutil.rmtree(path)
    path.touch()
    assert any(problem.startswith(f"{folder} ") for problem in found(delivered)), found(delivered)
    for name, source in delivered.catalogue.sources.items():
        if source.is_reference:
            ingest(delivered.settings, delivered.catalogue, name, [None])
    delivered.results(SOURCE, MAY, JUNE)
    assert found(delivered) == []


def test_folders_of_no_month_stop_nothing_and_are_named(delivered: Engine) -> None:
    for name in ("2022-13", "abc", "0000-01"):
        (delivered.settings.landing / SOURCE / name).mkdir()
        (delivered.settings.landing / ".attempts" / SOURCE).mkdir(parents=True, exist_ok=True)
        (delivered.settings.landing / ".attempts" / SOURCE / f"{name}.ndjson").touch()
    results = delivered.results(SOURCE, MAY, JUNE)
    assert [result.changed for result in results] == [False, False]
    named = [problem for problem in found(delivered) if "does not belong there, and nothing reads it" in problem]
    assert [problem.split()[0] for problem in named] == [
        f"landing/{SOURCE}/{name}" for name in ("0000-01", "2022-13", "abc")
    ]


def test_what_does_not_belong_in_tables_is_named(delivered: Engine) -> None:
    tables = delivered.settings.tables
    (tables / "_runs" / "stray.json").write_text("{}", encoding="utf-8")
    (tables / "_runs" / TABLE / "notes.txt").touch()
    (tables / "xx.yy" / "partition=q").mkdir(parents=True)
    strays = ("tables/_runs/programme.community_group/notes.txt", "tables/_runs/stray.json", "tables/xx.yy")
    expected = [f"{path} does not belong there, and nothing reads it: move it away." for path in strays]
    assert sorted(found(delivered)) == expected


# What was made from what is gone


def landed(engine: Engine) -> Delivery:
    (delivery,) = deliveries.landed(engine.settings, SOURCE, Month.parse(MAY))
    return delivery


def test_a_lost_delivery_is_named_and_its_month_held_back_until_it_comes_again(delivered: Engine) -> None:
    (waiting,) = (delivered.settings.inbox / SOURCE / MAY).iterdir()
    rows = one(delivered, KEPT["rows"]).read_bytes()
    shutil.move(waiting, delivered.settings.warehouse / "away")
    shutil.rmtree(landed(delivered).content.parent)
    for _ in range(2):
        (problem,) = found(delivered)
        assert f"is lost, and {TABLE} {SOURCE} {MAY} was made from it: restore it from a backup, or" in problem
        may, june = delivered.results(SOURCE, MAY, JUNE)
        assert (may.run.problem, june.run.problem) == (problem, None)
        key = Key(TABLE, SOURCE, Month.parse(MAY))
        assert (delivered.state(key).state, delivered.state(key).problem) == ("stale", problem)
        assert one(delivered, KEPT["rows"]).read_bytes() == rows
    shutil.move(delivered.settings.warehouse / "away", waiting)
    may, _ = delivered.results(SOURCE, MAY, JUNE)
    assert (may.run.published, may.run.problem, found(delivered)) == (True, None, [])
    assert one(delivered, KEPT["rows"]).read_bytes() == rows


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PAR1"), Path.unlink])
def test_rows_in_quarantine_are_made_again(delivered: Engine, damage: Callable[[Path], object]) -> None:
    delivered.put(SOURCE, groups(*GROUPS, "TCN-25456-02,25456,31/02/2022,,7"), MAY, "later.csv", 7)
    delivered.results(SOURCE, MAY)
    rows = one(delivered, f"quarantine/{TABLE}/partition={SOURCE}_{MAY}/rows.parquet")
    before = rows.read_bytes()
    damage(rows)
    (problem,) = found(delivered)
    assert problem.startswith(f"quarantine/{TABLE}/partition={SOURCE}_{MAY}/rows.parquet is")
    delivered.results(SOURCE, MAY)
    assert (rows.read_bytes(), found(delivered)) == (before, [])


def test_a_record_that_is_gone_is_named_and_made_again(delivered: Engine) -> None:
    record = one(delivered, KEPT["record"])
    before = record.read_bytes()
    record.unlink()
    (problem,) = found(delivered)
    assert "_2022-05.json is missing: 'dx run' makes it again from landing." in problem
    delivered.results(SOURCE, MAY, JUNE)
    assert (record.read_bytes(), found(delivered)) == (before, [])


@pytest.fixture
def released(warehouse: Settings, declared: Catalogue, first: Published) -> Engine:
    """The engine over a warehouse with one release, whose month of groups had closed before."""
    assert first.path.is_relative_to(warehouse.warehouse)
    engine = Engine(warehouse, declared)
    basis = Basis(deliveries=(landed(engine).entry.delivery_id,), states_until=MAY)
    closed = Closing(table=TABLE, source=SOURCE, month=MAY, closed_on=date(2022, 6, 25), first=basis)
    closing.record(warehouse, closed)
    release.publish(warehouse, declared)
    assert found(engine) == []
    return engine


def test_what_the_current_release_was_made_from_is_missed(released: Engine) -> None:
    settings = released.settings
    shutil.rmtree(settings.tables / TABLE)
    shutil.rmtree(settings.tables / "_runs" / TABLE)
    (problem,) = found(released)
    assert problem == f"{KEPT['rows']} is missing: 'dx run' makes it again from landing."
    shutil.rmtree(settings.revisions)
    (_, problem) = found(released)
    assert problem.startswith(f"revisions/{TABLE}/{SOURCE}_{MAY}.json is lost, and so is its copy")
    shutil.rmtree(settings.landing / SOURCE)
    assert "is lost, and the current release was made from it" in found(released)[1]


def test_internal_leads_to_the_current_release_and_nowhere_else(released: Engine) -> None:
    link = released.settings.internal

    def is_named() -> bool:
        (problem,) = found(released)
        return problem == "internal is no link to a release: run 'dx run' or 'dx release switch'."

    link.unlink()
    assert is_named()
    link.symlink_to("/etc")
    assert is_named()
    link.unlink()
    link.mkdir()
    assert is_named()
    link.rmdir()
    release.switch_to(released.settings, str(release.current_id(released.settings)), "switched")
    assert found(released) == []


# Entries and records that were changed


def altered(path: Path, *, with_digest: bool, **values: object) -> None:
    """Change values of a record by hand; a careful hand changes its digest too."""
    content = {**json.loads(path.read_text(encoding="utf-8")), **values}
    if with_digest:
        content[proven.DIGEST] = proven.digest(content)
    path.write_text(json.dumps(content), encoding="utf-8")


CHANGES: dict[str, object] = {
    "delivered_at": "2031-06-05T00:00:00Z",
    "file_name": "other.csv",
    "stripped": {"phone": 1},
    "withheld": "not_utf8",
    "cursor_range": {"stream": "x"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_altered_entry_is_named_even_where_its_digest_is_right(delivered: Engine, name: str) -> None:
    for with_digest in (False, True):
        altered(one(delivered, KEPT["entry"]), with_digest=with_digest, **{name: CHANGES[name]})
        (problem,) = found(delivered)
        assert "is not what was landed: restore it from a backup." in problem


def test_an_altered_entry_is_landed_again(delivered: Engine, caplog: pytest.LogCaptureFixture) -> None:
    entry = one(delivered, KEPT["entry"])
    before = entry.read_bytes()
    altered(entry, with_digest=False, delivered_at=CHANGES["delivered_at"])
    assert not any(result.changed for result in delivered.results(SOURCE, MAY, JUNE))
    assert entry.read_bytes() == before
    (said,) = [message for message in caplog.messages if message.startswith("landing/")]
    assert said.endswith("is not what was landed: it is moved to set_aside/ and landed again")


def test_an_entry_of_an_older_version_is_believed(delivered: Engine) -> None:
    entry = one(delivered, KEPT["entry"])
    values = json.loads(entry.read_text(encoding="utf-8"))
    del values[proven.DIGEST]
    entry.write_text(json.dumps(values), encoding="utf-8")
    assert found(delivered) == []
    assert not any(result.changed for result in delivered.results(SOURCE, MAY, JUNE))


def test_an_altered_entry_of_an_older_version_is_not_what_the_current_release_was_made_from(released: Engine) -> None:
    entry = one(released, KEPT["entry"])
    for path in (entry, *released.settings.tables.glob("_runs/*/*.json")):
        altered(path, with_digest=False, digest=None, **({} if path == entry else {"entries": {}}))
    release.publish(released.settings, released.catalogue)
    assert found(released) == []
    altered(entry, with_digest=False, delivered_at=CHANGES["delivered_at"])
    assert "/entry.json is not what was landed: restore it" in found(released)[0]


def test_an_altered_record_is_named_and_made_again(delivered: Engine) -> None:
    record = one(delivered, KEPT["record"])
    before = record.read_bytes()
    altered(record, with_digest=False, rows=170)
    (problem,) = found(delivered)
    assert "_2022-05.json is not what was written there" in problem
    delivered.results(SOURCE, MAY, JUNE)
    assert record.read_bytes() == before


def test_a_record_is_read_again_as_soon_as_its_file_is_another_one(
    delivered: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proven, "SETTLED_NS", 0)
    key, record = Key(TABLE, SOURCE, Month.parse(MAY)), one(delivered, KEPT["record"])
    before = partition.run(delivered.settings, key)
    assert before is not None
    assert partition.run(delivered.settings, key) is before
    altered(record, with_digest=True, rows=170)
    found = partition.run(delivered.settings, key)
    assert found == before.model_copy(update={"rows": 170})
    record.unlink()
    assert partition.run(delivered.settings, key) is None


# Closed months


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("form", [lambda path: path.write_bytes(b"{}"), become_a_pipe])
def test_a_lost_closed_month_holds_back_what_counts_on_it_and_nothing_else(
    delivered: Engine, form: Callable[[Path], object]
) -> None:
    delivered.put("dossier", dossiers(*DOSSIERS), MAY)
    (run,) = [result.run for result in delivered.results("dossier", MAY)]
    codes = ("community_group_count", "online_dossier_rate")
    for code in codes:
        delivered.evaluate(code)
    basis = Basis(deliveries=run.deliveries, states_until=MAY)
    assert run.month is not None
    closed = Closing(table=run.table, source="dossier", month=MAY, closed_on=date(2022, 6, 25), first=basis)
    closing.record(delivered.settings, closed)
    values = delivered.values(codes[1], "true", "*")
    for path in delivered.settings.revisions.rglob("*.json"):
        form(path)
    assert [problem.split(":")[0] for problem in found(delivered)] == [
        f"revisions/{run.table}/dossier_{MAY}.json cannot be read, nor can its copy"
    ]
    delivered.put("dossier", dossiers(*DOSSIERS[:2]), MAY, "later.csv", 7)
    (after,) = [result.run for result in delivered.results("dossier", MAY)]
    assert not after.published
    delivered.put(SOURCE, groups(*GROUPS[:2]), JUNE, "later.csv", 7)
    delivered.results(SOURCE, MAY, JUNE)
    assert [evaluate(delivered.settings, delivered.catalogue, code).run.published for code in codes] == [True, False]
    assert delivered.values(codes[1], "true", "*") == values
    assert release.publish(delivered.settings, delivered.catalogue).changed


def test_a_copy_of_a_partition_under_another_name_counts_nowhere_and_is_set_aside(
    sealed: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    sealed.put("community_group", groups(*GROUPS[:2]))
    assert sealed.ingest("community_group").published
    (rows,) = partition.all_rows(sealed.settings, TABLE)
    evil = rows.parent.with_name("partition=evil")
    evil.mkdir()
    shutil.copyfile(rows, evil / rows.name)
    (rows.parent / "extra.parquet").write_bytes(b"")
    (sealed.settings.landing / "stray.txt").write_text("x", encoding="utf-8")
    assert partition.all_rows(sealed.settings, TABLE) == [rows]
    assert any("partition=evil does not belong there" in problem for problem in found(sealed))
    release.publish(sealed.settings, sealed.catalogue)
    assert not evil.exists()
    assert (
        sealed.settings.set_aside / "tables" / "programme.community_group" / "partition=evil.0" / rows.name
    ).is_file()
    for name in ("partition=evil", "extra.parquet", "stray.txt"):
        assert f"{name} does not belong there" in caplog.text
    assert not list(partition.problems(sealed.settings, sealed.catalogue.contracts))


def test_a_deleted_partition_is_named_when_it_is_made_again(sealed: Engine, caplog: pytest.LogCaptureFixture) -> None:
    sealed.put("community_group", groups(*GROUPS[:2]))
    assert sealed.ingest("community_group").published
    (rows,) = partition.all_rows(sealed.settings, TABLE)
    shutil.rmtree(rows.parent)
    assert sealed.ingest("community_group").published
    assert rows.is_file()
    assert "rows.parquet is missing: 'dx run' makes it again" in caplog.text


COUNT = """
type: dx_pipeline.components.Kpi
attributes:
  title: {vi: Thử, en: Trial}
  owner: team:trial
  unit_of_measure: dossiers
  of: dossier_received
  versions:
    - version: 1
      counted: received_on < DATE '2022-05-20'
      valid_from: 2022-01-01
      legal_basis: {vi: Thử, en: Trial}
      formula: {vi: Thử, en: Trial}
"""

SUITE = """
name: kpi.value
expectations:
  - type: unexpected_rows_expectation
    kwargs: {unexpected_rows_query: "SELECT * FROM {batch} WHERE kpi_code = 'early_count' AND numerator > 100"}
    meta: {reason: {vi: Thử, en: Trial}}
"""


CODES = ("online_dossier_rate", "early_count")


@pytest.fixture
def two_rates(tmp_path: Path, references: Path) -> Engine:
    """Two KPIs on dossiers of two agencies; each has three that only one of the KPIs counts."""
    shutil.copytree(TRIAL, tmp_path / "project")
    count, suite = (
        tmp_path / "project" / each for each in ("assets/kpi/early_count/defs.yaml", "checks/kpi/value.yaml")
    )
    for path, text in ((count, COUNT), (suite, SUITE)):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    settings = Settings(tmp_path / "warehouse", tmp_path / "project", threads=1)
    shutil.copytree(references, settings.warehouse)
    engine = Engine(settings, catalogue.load(settings.project))
    assert engine.deliver("dossier", received(17, 3)).published
    for code in CODES:
        engine.evaluate(code)
    return engine


def received(early: int, late: int) -> bytes:
    """Dossiers that two agencies received early and late in May."""
    rows = [
        f"{agency}-220502-{number:04};2.000488;{agency};{channel};{day}/05/2022;16/05/2022;;Đang giải quyết;200000"
        for agency in ("H53.07", "H53.20")
        for number, day in enumerate(["02"] * early + ["20"] * late)
        for channel in ("Trực tuyến" if number % 2 else "Trực tiếp",)
    ]
    return dossiers(*rows)


@pytest.mark.parametrize("lost", CODES)
def test_lost_values_are_withheld_again_as_they_were_together_with_others(lost: str, two_rates: Engine) -> None:
    before = {code: two_rates.values(code, "true", "*") for code in CODES}
    shutil.rmtree(partition.place_of_rows(two_rates.settings, "kpi.value", lost).parent)
    two_rates.evaluate(lost)
    assert {code: two_rates.values(code, "true", "*") for code in CODES} == before


def test_values_that_fail_their_audit_leave_none_that_were_withheld_together_with_earlier_ones(
    two_rates: Engine,
) -> None:
    two_rates.put("dossier", received(60, 0), name="again.dat", day=6)
    assert two_rates.ingest("dossier").published
    assert not evaluate(two_rates.settings, two_rates.catalogue, "early_count").run.published
    assert partition.rows(two_rates.settings, KpiKey("early_count")) is None
    assert partition.rows(two_rates.settings, KpiKey("online_dossier_rate")) is not None


def test_a_damaged_current_release_is_named_when_another_is_made(
    sealed: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    before = release.publish(sealed.settings, sealed.catalogue)
    (before.path / "public" / "datapackage.json").write_text("{}", encoding="utf-8")
    (sealed.settings.releases / "stray").write_text("x", encoding="utf-8")
    after = release.publish(sealed.settings, sealed.catalogue)
    assert not release.problems(after.path, sealed.catalogue)
    assert f"release {before.release_id} is damaged, and another is made" in caplog.text
    assert "releases/stray does not belong there" in caplog.text
    assert not (sealed.settings.releases / "stray").exists()


def test_a_month_that_is_read_again_after_it_closed_gives_the_same_release(sealed: Engine) -> None:
    before = release.publish(sealed.settings, sealed.catalogue)
    runs = list(partition.runs(sealed.settings))
    for run in runs:
        if run.inputs is not None and run.inputs.revisions is None:
            closed = run.inputs.model_copy(update={"revisions": 0})
            of_rows = run.inputs_of_rows and run.inputs_of_rows.model_copy(update={"revisions": 0})
            again = run.model_copy(update={"inputs": closed, "inputs_of_rows": of_rows})
            partition.record(sealed.settings, partition.key_of(run), again)
    after = release.publish(sealed.settings, sealed.catalogue)
    assert (after.release_id, after.changed) == (before.release_id, False)

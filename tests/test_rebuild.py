"""A release is rebuilt from landing, whatever has happened since, and every difference is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from deliveries import GROUPS, dossiers, enterprises, groups
from engine import Engine
from projects import TRIAL
from test_history import State, every_cell

from dx_pipeline import release
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError, ReleaseError
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi import revision
from dx_pipeline.landing import attempts
from dx_pipeline.landing.attempts import FetchAttempt
from dx_pipeline.period import Month
from dx_pipeline.release import Rebuild
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

APRIL, MAY = Month(2022, 4), Month(2022, 5)
DOSSIERS_OF_APRIL = Key("statistics.dossier", "dossier", APRIL)
ENTERPRISES_OF_MAY = Key("programme.digital_enterprise", "digital_enterprise", MAY)
SET_UP_LATER = "TCN-25630-02,25630,01/08/2022,,5"
NEW_AGENCY = "H53.99,,Sở Mới,specialised,H53.99,2004-01-01,,trial,U"
OF_NEW_AGENCY = State(9, date(2022, 4, 9)).line.replace("H53.07;", "H53.99;")


def at(day: int, number: int, channel: str = "online") -> State:
    return State(number, date(2022, 4, day), channel=channel)


def read(engine: Engine, source: str, month: Month | None) -> None:
    """Ingest a month of a source on a day on which April has closed, and May has not."""
    ingest(engine.settings, engine.catalogue, source, [month], now=datetime(2022, 6, 10, tzinfo=UTC))


def publish(engine: Engine) -> str:
    """Ingest every source for May, evaluate every KPI, and publish; the id of the release."""
    for name, source in engine.catalogue.sources.items():
        read(engine, name, None if source.is_reference else MAY)
    for code in engine.catalogue.kpis:
        engine.evaluate(code)
    return release.publish(engine.settings, engine.catalogue).release_id


def first_release(engine: Engine) -> str:
    """April is delivered, with a row of an agency that is not known yet, and one attempt failed."""
    lines = [*(at(4, number).line for number in range(1, 5)), OF_NEW_AGENCY]
    engine.put("dossier", dossiers(*lines), str(APRIL), "april.csv")
    engine.put("community_group", groups(*GROUPS))
    engine.put("digital_enterprise", enterprises(("703", "6201", "active", 5, 3)))
    log(engine, "timeout")
    read(engine, "dossier", APRIL)
    return publish(engine)


def second_release(engine: Engine) -> str:
    """Much has happened: late data are accepted, a dossier is corrected, a reference and a file's place changed."""
    settings = engine.settings
    (settings.inbox / "dossier" / str(APRIL) / "april.csv").unlink()
    engine.put("dossier", dossiers(at(5, 11).line, at(5, 12).line), str(APRIL), "late.csv", day=20)
    read(engine, "dossier", APRIL)
    (proposal,) = revision.proposals(settings)
    revision.accept(settings, engine.catalogue, proposal.proposal_id, "routine", "came late")
    read(engine, "dossier", APRIL)
    shutil.copytree(TRIAL / "warehouse" / "reference", settings.warehouse / "reference")
    with (settings.warehouse / "reference" / "agency.csv").open("a", encoding="utf-8") as agencies:
        agencies.write(f"{NEW_AGENCY}\n")
    engine.put("dossier", dossiers(at(4, 1, "direct").line, State(21, date(2022, 5, 2)).line), str(MAY), "may.csv")
    engine.put("community_group", groups(*GROUPS, SET_UP_LATER), name="held back.csv", day=7)
    engine.put("digital_enterprise", enterprises(("703", "6201", "active", 5000, 3)), name="much.json", day=7)
    log(engine, "dns")
    return publish(engine)


def log(engine: Engine, error: str) -> None:
    """Record a fetch attempt that failed."""
    attempt = {"source": "dossier", "month": str(MAY), "connector": "http", "started_at": "2022-06-01T00:00:00Z"}
    values = {**attempt, "status": "failed", "received_bytes": 0, "error_class": error}
    attempts.append(engine.settings, FetchAttempt.model_validate(values))


@pytest.fixture(scope="module")
def built(declared: Catalogue, references: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A warehouse with two releases."""
    settings = Settings(tmp_path_factory.mktemp("rebuilt") / "warehouse", TRIAL, threads=1)
    shutil.copytree(references, settings.warehouse)
    engine = closing_engine(settings, declared)
    return settings.warehouse, first_release(engine), second_release(engine)


def closing_engine(settings: Settings, declared: Catalogue) -> Engine:
    """The engine in a province whose months close on the 25th of the next one; it withholds no small cell."""
    shown = every_cell(Engine(settings, declared))
    province = shown.catalogue.province.model_copy(update={"closing_day": 25})
    return Engine(settings, replace(shown.catalogue, province=province))


@pytest.fixture
def releases(built: tuple[Path, str, str], warehouse: Settings, declared: Catalogue) -> tuple[Engine, str, str]:
    """The engine over a copy of it, and the ids of the first and the second release."""
    made, first, second = built
    shutil.copytree(made, warehouse.warehouse, symlinks=True)
    return closing_engine(warehouse, declared), first, second


def differences(engine: Engine, release_id: str) -> list[str]:
    (chosen,) = [item for item in release.kept(engine.settings) if item.release_id == release_id]
    rebuild = Rebuild.of(engine.settings, engine.catalogue, chosen)
    return [sentence.en for sentence in rebuild.differences(engine.settings, engine.catalogue)]


def left_behind(settings: Settings) -> list[Path]:
    return [path for path in settings.scratch.glob("*/*") if path.name != "spill"]


def everything(settings: Settings) -> dict[Path, bytes]:
    found = (path for path in settings.warehouse.rglob("*") if settings.scratch not in path.parents)
    return {path: path.read_bytes() for path in found if path.is_file()}


def test_the_releases_are_of_what_the_test_is_about(releases: tuple[Engine, str, str]) -> None:
    engine, first, second = releases
    assert first != second
    assert engine.reasons(DOSSIERS_OF_APRIL) == [(7, "unknown_reference", "agency_code")]  # not read again since
    assert engine.state(Key("programme.community_group", "community_group", MAY)).state == "stale"
    assert engine.state(ENTERPRISES_OF_MAY).state == "stale"
    with duckdb.connect(str(engine.settings.current / "dx.duckdb"), read_only=True) as current:
        assert current.execute("SELECT max(revision) FROM kpi.value").fetchall() == [(1,)]
        assert current.execute("SELECT count(*) FROM connection.attempt WHERE status = 'failed'").fetchall() == [(2,)]


def test_the_current_release_and_the_one_before_are_rebuilt_as_they_are(releases: tuple[Engine, str, str]) -> None:
    engine, first, second = releases
    before = everything(engine.settings)
    assert differences(engine, second) == []
    assert differences(engine, first) == []
    assert differences(engine, first) == []
    assert everything(engine.settings) == before
    assert left_behind(engine.settings) == []


def test_what_is_accepted_since_does_not_change_what_a_release_was_built_from(
    releases: tuple[Engine, str, str],
) -> None:
    engine, _, second = releases
    run = partition.run(engine.settings, ENTERPRISES_OF_MAY)
    assert run is not None
    declared = engine.catalogue.sources["digital_enterprise"]
    source = declared.source.model_copy(update={"accept": tuple(item.delivery_id for item in run.held_back)})
    sources = {**engine.catalogue.sources, "digital_enterprise": replace(declared, source=source)}
    assert len(source.accept) == 1
    assert differences(Engine(engine.settings, replace(engine.catalogue, sources=sources)), second) == []


def test_a_row_that_was_changed_in_a_release_is_found(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    folder = engine.settings.releases / first / "public"
    with duckdb.connect(str(folder / "dx.duckdb")) as connection:
        connection.execute("UPDATE kpi.value SET value = 99 WHERE kpi_code = 'community_group_count' AND value = 3")
        ((changed,),) = connection.execute("SELECT count(*) FROM kpi.value WHERE value = 99").fetchall()
    values = folder / "kpi" / "value.parquet"
    rows = pq.read_table(values)
    pq.write_table(rows.slice(2), values)
    assert differences(engine, first) == [
        f"public/dx.duckdb kpi.value: {changed} rows are only in the release, {changed} only in the rebuilt one.",
        "public/kpi/value.parquet: 0 rows are only in the release, 2 only in the rebuilt one.",
    ]


def test_a_dossier_that_was_changed_inside_the_office_is_found(releases: tuple[Engine, str, str]) -> None:
    engine, _, second = releases
    path = engine.settings.releases / second / "internal" / "dx_internal.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM statistics.dossier WHERE channel = 'direct'")
    assert differences(engine, second) == [
        "internal/dx_internal.duckdb statistics.dossier: 0 rows are only in the release, 1 only in the rebuilt one."
    ]


def test_changes_since_a_release_that_is_gone_are_not_compared_and_everything_else_is(
    releases: tuple[Engine, str, str],
) -> None:
    engine, first, second = releases
    shutil.rmtree(engine.settings.releases / first)
    gone = f"could not be compared: release {first} is not on disk, or is of an older layout."
    assert differences(engine, second) == [f"kpi.change {gone}", f"kpi.release_change {gone}"]


def test_a_description_with_one_more_space_is_found(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    described = engine.settings.releases / first / "internal" / "datapackage.json"
    described.write_text(f"{described.read_text(encoding='utf-8')} ", encoding="utf-8")
    assert differences(engine, first) == [
        "internal/datapackage.json is written in another way than a release writes it."
    ]


def test_a_description_and_a_file_too_many_are_found(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    folder = engine.settings.releases / first / "public"
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    (folder / "datapackage.json").write_text(json.dumps({**described, "title": "Khác"}), encoding="utf-8")
    (folder / "kpi" / "more.parquet").touch()
    assert differences(engine, first) == [
        'public/datapackage.json differs in "title".',
        "public/kpi/more.parquet is only in the release.",
    ]


def one_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])


@pytest.mark.parametrize(
    ("harm", "name", "sentence"),
    [
        (one_byte, "content", "content .april.csv. is not what was landed"),
        (Path.unlink, "content", "content .april.csv. is missing"),
        (one_byte, "entry.json", "entry.json is not what was landed"),
        (Path.unlink, "entry.json", "entry.json is missing"),
    ],
)
def test_a_landed_file_that_was_changed_or_deleted_is_named(
    releases: tuple[Engine, str, str], harm: Callable[[Path], None], name: str, sentence: str
) -> None:
    engine, first, _ = releases
    (landed,) = [
        entry.parent
        for entry in (engine.settings.landing / "dossier" / str(APRIL)).glob("*/entry.json")
        if "april.csv" in entry.read_text(encoding="utf-8")
    ]
    harm(landed / name)
    with pytest.raises(DxError, match=f"landing/dossier/2022-04/{landed.name}/{sentence}"):
        differences(engine, first)
    assert left_behind(engine.settings) == []


def test_a_record_of_a_closing_that_was_changed_is_named(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    for root in (engine.settings.revisions, engine.settings.revisions / "copies"):
        path = root / "statistics.dossier" / "dossier_2022-04.json"
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r'"states_until": "[\d-]+"', '"states_until": "2022-05"', text), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"what statistics\.dossier dossier 2022-04 rested on when it closed"):
        differences(engine, first)


def test_another_version_of_the_program_is_named(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    other = Settings(engine.settings.warehouse, TRIAL, threads=1)
    vars(other)["code_version"] = "another"
    with pytest.raises(ReleaseError, match=r"by version \w+ of the program, and another is installed"):
        differences(Engine(other, engine.catalogue), first)


def test_other_declarations_are_named(releases: tuple[Engine, str, str]) -> None:
    engine, first, _ = releases
    files = engine.catalogue.files | {"assets/province.yaml": "0", "checks/connection/new.yaml": "1"}
    other = replace(engine.catalogue, digests={**engine.catalogue.digests, "province": "0"}, files=files)
    sentence = "those of the project now: assets/province.yaml, checks/connection/new.yaml; even a comment counts."
    with pytest.raises(ReleaseError, match=sentence) as refused:
        differences(Engine(engine.settings, other), first)
    assert "các khai báo khác với dự án hiện nay: assets/province.yaml, checks" in refused.value.vi


@pytest.mark.parametrize(
    ("part", "key", "sentence"),
    [
        ("internal", "built_from", "before releases recorded what they are built from"),
        ("public", "ledger", "its id does not derive from the inputs that it names"),
    ],
)
def test_a_release_that_does_not_say_what_it_was_built_from_is_not_rebuilt(
    releases: tuple[Engine, str, str], part: str, key: str, sentence: str
) -> None:
    engine, first, _ = releases
    path = engine.settings.releases / first / part / "datapackage.json"
    package = json.loads(path.read_text(encoding="utf-8"))
    (package["dx"] if part == "internal" else package["dx"]["inputs"]).pop(key)
    path.write_text(json.dumps(package), encoding="utf-8")
    with pytest.raises(ReleaseError, match=sentence):
        differences(engine, first)


def test_a_partition_that_an_earlier_program_read_is_named(engine: Engine) -> None:
    engine.deliver("community_group", groups(*GROUPS))
    (path,) = (engine.settings.tables / "_runs" / "programme.community_group").glob("*.json")
    run = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(run | {"inputs": None, "inputs_of_rows": None, "digest": None}), encoding="utf-8")
    made = engine.publish()
    with pytest.raises(ReleaseError, match="community_group 2022-05 was made by an earlier version"):
        differences(engine, made.release_id)

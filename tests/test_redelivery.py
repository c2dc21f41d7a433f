"""A delivery that replaces another one is compared with it; what would ruin a figure waits until it is accepted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deliveries import DOSSIERS, GROUPS, MAY, dossiers, enterprises, groups, landed
from engine import Engine, counts
from projects import TRIAL

from dx_pipeline import formats
from dx_pipeline.cli import doctor
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.source import Replacement
from dx_pipeline.delivered_months import repeat
from dx_pipeline.errors import DeclarationError
from dx_pipeline.ingest import ingest, publish_landed
from dx_pipeline.kpi import revision
from dx_pipeline.notification.cause import causes
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, rows
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect
from dx_pipeline.tables import closing, partition
from dx_pipeline.tables.ledger import Ledger
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun

MONTH = Month.parse(MAY)
KEY = Key("programme.community_group", "community_group", MONTH)
TWENTY_EIGHT = tuple(f"TCN-25456-{number:02},25456,15/02/2022,,7" for number in range(1, 29))
BAD = ("TCN-25456-02,25456,31/02/2022,,7", "TCN-25456-03,99999,15/02/2022,,7", ",25456,15/02/2022,,7")
RUINOUS = groups(TWENTY_EIGHT[0], *BAD)


def limited(engine: Engine, **replacement: float) -> Engine:
    """The engine with limits for what replaces a delivery of community groups."""
    sources = dict(engine.catalogue.sources)
    of_groups = sources["community_group"]
    (layout,) = of_groups.source.deliveries
    layout = layout.model_copy(update={"replacement": Replacement(**replacement)})
    changed = of_groups.source.model_copy(update={"deliveries": (layout,)})
    sources["community_group"] = replace(of_groups, source=changed)
    return Engine(engine.settings, replace(engine.catalogue, sources=sources))


@pytest.fixture(scope="module")
def held_back(references: Path, declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which a ruinous delivery is held back."""
    settings = Settings(tmp_path_factory.mktemp("held_back") / "warehouse", TRIAL, threads=1)
    shutil.copytree(references, settings.warehouse)
    engine = Engine(settings, declared)
    engine.put("community_group", groups(*TWENTY_EIGHT), name="first.dat", day=4)
    engine.deliver("community_group", RUINOUS, name="second.dat", day=6)
    return settings.warehouse


@pytest.fixture
def ruined(held_back: Path, warehouse: Settings, declared: Catalogue) -> Engine:
    """The engine over such a warehouse of the test's own."""
    shutil.copytree(held_back, warehouse.warehouse)
    return Engine(warehouse, declared)


def latest(engine: Engine) -> PartitionRun:
    run = partition.run(engine.settings, KEY)
    assert run is not None
    return run


def test_a_ruinous_delivery_is_held_back_and_the_earlier_rows_stay(ruined: Engine) -> None:
    run = latest(ruined)
    assert len(ruined.rows(KEY)) == 28
    assert counts(run) == [(28, 28, 0, 0, 0)]
    (held,) = run.held_back
    assert (held.rows_in, held.accepted, held.quarantined) == (4, 1, 3)
    assert run.problem == (
        "second.dat: 3 of 4 lines quarantined; 28 rows replaced by 1; 27 of 28 keys lost; the earlier delivery stays."
        f" If this one is right, put 'accept: {held.delivery_id}' under 'attributes' in"
        " assets/programme/community_group/defs.yaml; if not, remove it from the inbox, or deliver a corrected file."
    )
    assert ruined.state(KEY).state == "stale"


def test_it_stays_held_back_whatever_is_lost_of_what_was_published(ruined: Engine) -> None:
    """What is held back follows from what has landed, so nothing has to be remembered."""
    rows = partition.rows(ruined.settings, KEY)
    assert rows is not None
    rows.unlink()
    run = ruined.ingest("community_group")
    assert (len(ruined.rows(KEY)), len(run.held_back)) == (28, 1)


def test_it_is_accepted_with_an_editor_alone_and_made_again_as_it_was(
    ruined: Engine, declared_with: Callable[[str], Catalogue]
) -> None:
    accept = str(latest(ruined).problem).partition("put '")[2].partition("'")[0]
    accepting = Engine(ruined.settings, declared_with(f"  {accept}\n"))
    run = accepting.ingest("community_group")
    assert (run.problem, run.held_back, counts(run)) == (None, (), [(28, 0, 28, 0, 0), (4, 1, 0, 0, 3)])
    assert (len(ruined.rows(KEY)), ruined.state(KEY).state) == (1, "current")
    assert run.inputs is not None
    (again,) = repeat(ruined.settings, ruined.catalogue, "community_group", MONTH, (KEY.table,), run.inputs)
    assert again.run.counts == run.counts


def test_a_delivery_that_is_held_back_is_withdrawn_by_removing_its_file(ruined: Engine) -> None:
    (ruined.settings.inbox / "community_group" / MAY / "second.dat").unlink()
    run = ruined.ingest("community_group")
    assert (run.problem, len(ruined.rows(KEY)), ruined.state(KEY).state) == (None, 28, "current")
    assert run.held_back == ()
    assert partition.quarantined(ruined.settings, KEY, partition.HELD_BACK) is None


def test_a_corrected_delivery_takes_the_place_of_the_one_held_back(ruined: Engine) -> None:
    run = ruined.deliver("community_group", groups(*TWENTY_EIGHT[1:]), name="third.dat", day=8)
    assert (run.problem, len(ruined.rows(KEY))) == (None, 27)


def differences(
    engine: Engine, first: bytes, second: bytes, source: str = "community_group", first_at: datetime | None = None
) -> str:
    """In which ways a second delivery is too different from the first one."""
    (layout,) = engine.catalogue.sources[source].source.deliveries
    contract = engine.catalogue.contracts[layout.table]
    with connect(engine.settings) as connection:
        partition.attach_references(engine.settings, connection, engine.catalogue, contract)
        loaded = []
        for number, content in enumerate((first, second)):
            path = engine.settings.warehouse / f"{number}.dat"
            path.write_bytes(content)
            at = first_at if first_at and not number else datetime(2022, 6, 4 + number, tzinfo=UTC)
            loaded.append(Loaded(landed(path, at), layout, formats.load(connection, path, layout, f"raw {number}")))
        staging = rows.stage_compared(connection, contract, loaded, MONTH, frozenset())
        listed = connection.execute("SELECT count(*) FROM held_back").fetchall() if staging.held_back else []
    assert listed == [(held.counts.quarantined,) for held in staging.held_back]
    return "; ".join(each.en for held in staging.held_back for each in held.differences)


ENTERPRISES = enterprises(*(("703", f"62{number:02}", "active", 50, 3) for number in range(10)))
CORRECTIONS: dict[str, tuple[str, bytes, bytes]] = {
    "one row fewer": ("community_group", groups(*GROUPS), groups(*GROUPS[:2])),
    "one row quarantined": ("community_group", groups(*GROUPS), groups(*GROUPS[:2], BAD[0])),
    "rows added": ("community_group", groups(GROUPS[0]), groups(*TWENTY_EIGHT)),
    "counts of new keys": ("digital_enterprise", enterprises(("703", "6201", "active", 50, 3)), ENTERPRISES),
    "a count corrected": (
        "digital_enterprise",
        ENTERPRISES,
        ENTERPRISES.replace(b'"enterpriseCount": 50', b'"enterpriseCount": 60', 3),
    ),
    "as many quarantined as before": (
        "community_group",
        groups(*GROUPS, *BAD),
        groups(*GROUPS, *BAD, "TCN-25630-02,25630,01/04/2022,,5"),
    ),
    "a small count corrected": (
        "digital_enterprise",
        enterprises(("703", "6201", "active", 3, 3)),
        enterprises(("703", "6201", "active", 9, 3)),
    ),
    "nothing before": ("community_group", groups(*BAD), groups(*TWENTY_EIGHT)),
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_normal_correction_passes(engine: Engine, name: str) -> None:
    source, first, second = CORRECTIONS[name]
    assert differences(engine, first, second, source) == ""


RUINS: dict[str, tuple[str, bytes, bytes, str]] = {
    "every row gone": ("community_group", groups(GROUPS[0]), groups(BAD[0]), "1 rows replaced by 0"),
    "other keys": (
        "community_group",
        groups(*TWENTY_EIGHT),
        groups(*(row.replace("25456", "25459") for row in TWENTY_EIGHT)),
        "28 of 28 keys lost",
    ),
    "counts a thousand times as high": (
        "digital_enterprise",
        ENTERPRISES,
        ENTERPRISES.replace(b'"enterpriseCount": 50', b'"enterpriseCount": 50000'),
        "enterprise_count adds up to 500000 instead of 500 over the same keys",
    ),
    "counts that became zero": (
        "digital_enterprise",
        ENTERPRISES,
        ENTERPRISES.replace(b'"enterpriseCount": 50', b'"enterpriseCount": 0'),
        "enterprise_count adds up to 0 instead of 500 over the same keys",
    ),
    "a key twice each": (
        "community_group",
        groups(*TWENTY_EIGHT),
        groups(*TWENTY_EIGHT, *(row.replace(",7", ",8") for row in TWENTY_EIGHT)),
        "56 of 56 lines quarantined",
    ),
}


@pytest.mark.parametrize("name", RUINS)
def test_a_delivery_beyond_a_threshold_says_which_one(engine: Engine, name: str) -> None:
    source, first, second, sentence = RUINS[name]
    assert sentence in differences(engine, first, second, source)


def test_counts_of_a_month_that_had_not_ended_may_grow(engine: Engine) -> None:
    later = ENTERPRISES.replace(b'"enterpriseCount": 50', b'"enterpriseCount": 500')
    assert "500" in differences(engine, ENTERPRISES, later, "digital_enterprise")
    assert differences(engine, ENTERPRISES, later, "digital_enterprise", datetime(2022, 5, 10, tzinfo=UTC)) == ""


def test_thresholds_are_declared_in_the_layout(engine: Engine) -> None:
    lenient = limited(engine, quarantined_pct=80, rows_lost_pct=99, keys_lost_pct=99)
    assert differences(lenient, groups(*TWENTY_EIGHT), RUINOUS) == ""
    strict = limited(engine, keys_lost_pct=0)
    assert differences(strict, groups(*TWENTY_EIGHT), groups(*TWENTY_EIGHT[1:])) == "1 of 28 keys lost"


def test_increments_are_compared_with_the_file_of_the_same_name_only(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS), name="part_1.csv", day=3)
    engine.put("dossier", dossiers(DOSSIERS[0].replace("0001;", "0009;")), name="part_2.csv", day=4)
    (result,) = engine.results("dossier")
    assert result.run.problem is None
    run = engine.deliver("dossier", dossiers(DOSSIERS[0]), name="part_1.csv", day=5)
    assert "part_1.csv: 3 rows replaced by 1" in str(run.problem)
    assert len(engine.rows(Key("statistics.dossier", "dossier", MONTH))) == 4


def test_the_ledger_and_notifications_name_what_is_held_back(ruined: Engine) -> None:
    (held,) = latest(ruined).held_back
    ledger = Ledger.read(ruined.settings, ruined.catalogue).tables()
    (row,) = [row for row in ledger["ledger.delivery"] if row["delivery_id"] == held.delivery_id]
    assert (row["disposition"], row["problem"].startswith("3 of 4 lines")) == ("held_back", True)
    found = causes(ruined.settings, ruined.catalogue, datetime(2022, 6, 7, tzinfo=UTC))
    (cause,) = [each for each in found if str(KEY) in each.key]
    assert "3 of 4 lines quarantined" in cause.sentence.en
    assert "3 trên 4 dòng bị cách ly; 28 dòng bị thay bằng 1 dòng; mất 27 trên 28 khóa" in cause.sentence.vi


def closing_on_25(engine: Engine) -> Engine:
    province = engine.catalogue.province.model_copy(update={"closing_day": 25})
    return Engine(engine.settings, replace(engine.catalogue, province=province))


def run_on(engine: Engine, day: int) -> PartitionRun:
    """The run of a day in June."""
    now = datetime(2022, 6, day, 12, tzinfo=UTC)
    result, *_ = ingest(engine.settings, engine.catalogue, "community_group", [MONTH], now=now)
    return result.run


def test_a_month_that_should_have_closed_stays_open_until_the_run_after_somebody_was_asked(
    engine: Engine, declared_with: Callable[[str], Catalogue]
) -> None:
    engine.put("community_group", groups(*TWENTY_EIGHT), name="first.dat", day=4)
    engine.put("community_group", RUINOUS, name="second.dat", day=6)
    (held,) = run_on(closing_on_25(engine), 26).held_back
    assert closing.read(engine.settings, KEY) is None
    accepting = Engine(engine.settings, declared_with(f"  accept: {held.delivery_id}\n"))
    run = run_on(closing_on_25(accepting), 27)
    assert (run.problem, run.proposed, run.rows) == (None, (), 1)
    assert closing.read(engine.settings, KEY) is not None


def test_what_is_held_back_when_a_month_closes_is_a_revision_if_it_is_still_there(ruined: Engine) -> None:
    closes = closing_on_25(ruined)
    bad = closes.settings.inbox / "community_group" / MAY / "second.dat"
    bad.unlink()
    run = run_on(closes, 26)
    assert (run.problem, run.proposed, len(closes.rows(KEY))) == (None, (), 28)
    closes.put("community_group", RUINOUS, name="second.dat", day=6)
    run = run_on(closes, 27)
    assert (run.problem, len(run.proposed), len(closes.rows(KEY))) == (None, 1, 28)
    (proposal,) = revision.proposals(closes.settings)
    assert [name for _, name in proposal.late] == ["second.dat"]
    accepted = proposal.accepted("unscheduled", "", datetime(2022, 6, 27, tzinfo=UTC))
    closing.record(closes.settings, accepted)
    publish_landed(closes.settings, closes.catalogue, "community_group", [MONTH])
    assert len(closes.rows(KEY)) == 1


def test_doctor_names_an_accepted_hash_that_is_of_no_delivery(
    ruined: Engine, declared_with: Callable[[str], Catalogue]
) -> None:
    (held,) = latest(ruined).held_back
    accepting = declared_with(f"  accept: [{held.delivery_id}, {'b' * 64}]\n")
    (finding,) = [
        each for each in doctor.examine(ruined.settings, accepting) if "không có lần giao nào" in each.details
    ]
    assert f"accept: {'b' * 64} " in finding.details


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("  accept: [xyz]\n", "'xyz' is no SHA-256 of a delivery: write its 64 digits and letters a to f"),
        ("  accept: 7\n", "'accept'"),
    ],
)
def test_an_accepted_hash_is_checked_when_declarations_are_read(
    declared_with: Callable[[str], Catalogue], declared: str, sentence: str
) -> None:
    with pytest.raises(DeclarationError, match=sentence) as error:
        declared_with(declared)
    assert error.value.line == 6


def test_accepting_a_delivery_has_only_its_month_read_again(declared_with: Callable[[str], Catalogue]) -> None:
    name = "assets/programme/community_group/defs.yaml"
    before, *after = (
        ((read := declared_with(text)).digest("source:community_group"), read.files[name])
        for text in (
            "",
            f"  accept: [{'a' * 64}]\n",
            f"  accept:\n    - {'a' * 64}\n    - {'b' * 64}  # with the agency\n",
        )
    )
    assert set(after) == {before}
    assert declared_with("  # another comment\n").digest("source:community_group") != before[0]


@pytest.fixture
def declared_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Catalogue]:
    """The trial project with some lines more in the declaration of a source."""

    def read(lines: str) -> Catalogue:
        folder = tmp_path_factory.mktemp("declared") / "project"
        shutil.copytree(TRIAL, folder)
        path = folder / "assets" / "programme" / "community_group" / "defs.yaml"
        path.write_text(
            path.read_text(encoding="utf-8").replace("  deliveries:\n", f"{lines}  deliveries:\n"), encoding="utf-8"
        )
        return catalogue.load(folder)

    return read

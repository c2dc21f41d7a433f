"""From the inbox to partitions: what is accepted, refused, held back, and how each is reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trials
from deliveries import DOSSIERS, GROUPS, MAY, dossiers, enterprises, groups, put
from engine import Engine, counts
from filelock import FileLock
from projects import TRIAL

from dx_pipeline.connectors import inbox
from dx_pipeline.connectors.inbox import Stray
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.sample.http_server import Reply, Request, Service
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

MONTH = Month.parse(MAY)
COMPLETE = enterprises(("703", "6201", "active", 5, 3))
DOSSIER_KEY = Key("statistics.dossier", "dossier", MONTH)
GROUP_KEY = Key("programme.community_group", "community_group", MONTH)


@pytest.mark.parametrize(("title", "synthetic"), [("# Danh sách tổ", False), ("# SYNTHETIC DATA", True)])
def test_a_good_delivery_becomes_a_partition_with_its_provenance(
    engine: Engine,
    title: str,
    synthetic: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    run = engine.deliver("community_group", groups(*GROUPS, title=title))
    assert (run.published, run.synthetic, counts(run)) == (True, synthetic, [(3, 3, 0, 0, 0)])
    assert engine.rows(GROUP_KEY, "group_code, delivery_line")[0] == ("TCN-25456-01", 3)
    assert set(engine.rows(GROUP_KEY, "synthetic")) == {(synthetic,)}


def test_the_same_delivery_twice_counts_once(engine: Engine) -> None:
    engine.put("dossier", dossiers(*DOSSIERS), name="first.csv", day=3)
    assert counts(engine.deliver("dossier", dossiers(*DOSSIERS), "again.csv", day=4)) == [(3, 3, 0, 0, 0)]


def test_the_latest_delivery_of_a_dossier_counts(engine: Engine) -> None:
    finished = DOSSIERS[1].replace(";;Đang giải quyết", ";20/05/2022;Đã giải quyết")
    engine.put("dossier", dossiers(*DOSSIERS), name="first.csv", day=3)
    run = engine.deliver("dossier", dossiers(finished), "second.csv", day=4)
    assert counts(run) == [(3, 2, 1, 0, 0), (1, 1, 0, 0, 0)]
    assert ("H53.07-220503-0001", "finished") in engine.rows(DOSSIER_KEY, "dossier_code, dossier_status")


def test_a_snapshot_delivered_again_replaces_the_one_before(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS), name="first.csv", day=4)
    run = engine.deliver("community_group", groups(*GROUPS[:2]), "second.csv", day=6)
    assert counts(run) == [(3, 0, 3, 0, 0), (2, 2, 0, 0, 0)]
    assert len(run.superseded) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("TCN-25456-02,25456,31/02/2022,,7", (6, "not_a_date", "established_on")),
        ("TCN-25456-02,99999,15/02/2022,,7", (6, "unknown_reference", "unit_code")),
        ("TCN-25456-02,25456,15/02/2022,,bảy", (6, "not_a_number", "member_count")),
        ("TCN-25456-02,25456,15/02/2022,,1.818", (6, "ambiguous_number", "member_count")),
        ("TCN-25456-02,25456,15/02/2022,,0", (6, "too_small", "member_count")),
        ("TCN-25456-02,25456,15/02/2022", (6, "too_few_fields", None)),
        ("TCN-25456-02,25456,15/02/2022,,7,x", (6, "too_many_fields", None)),
        ("TO-1,25456,15/02/2022,,7", (6, "malformed", "group_code")),
        (",25456,15/02/2022,,7", (6, "missing", "group_code")),
        ("TCN-25456-02,25456,15/02/2022,01/01/2022,7", (6, "dissolved_before_established", None)),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_line_and_reason(
    engine: Engine, bad: str, reason: tuple[int, str, str | None]
) -> None:
    run = engine.deliver("community_group", groups(*GROUPS, bad))
    assert (run.published, counts(run)) == (True, [(4, 3, 0, 0, 1)])
    assert engine.reasons(GROUP_KEY) == [reason]


def test_a_key_with_two_contents_in_one_delivery_is_a_conflict(engine: Engine) -> None:
    run = engine.deliver("community_group", groups(*GROUPS, GROUPS[0].replace(",7", ",8")))
    assert counts(run) == [(4, 2, 0, 0, 2)]
    assert {row[1] for row in engine.reasons(GROUP_KEY)} == {"key_conflict"}


def test_a_row_of_a_later_month_is_not_counted_here(engine: Engine) -> None:
    june = DOSSIERS[0].replace("02/05/2022", "02/06/2022")
    run = engine.deliver("dossier", dossiers(june, *DOSSIERS[1:]))
    assert engine.reasons(DOSSIER_KEY) == [(3, "outside_month", "received_on")]
    assert run.rows == 2


LACKING = groups(*GROUPS).replace(b",so_thanh_vien", b"")


@pytest.mark.parametrize(
    ("source", "content", "sentence"),
    [
        ("community_group", LACKING, "line 2: the column 'so_thanh_vien' is missing"),
        ("community_group", groups(*GROUPS).replace(b"vien", b"vien,la"), "line 2: the column 'la' is unknown"),
        ("community_group", groups().replace(b"ngay_giai_the", b"ma_xa"), "the column 'ngay_giai_the' is missing"),
        ("community_group", groups(GROUPS[0], '"' + GROUPS[1], GROUPS[2]), "line 4: a quotation mark is opened"),
        ("community_group", "# x\ntổ".encode("utf-16"), "not UTF-8"),
        ("community_group", b"", "ends before its headings"),
        ("digital_enterprise", COMPLETE.replace(b'Count": 1', b'Count": 2'), "announces 2 records and has 1"),
        ("digital_enterprise", COMPLETE[:40], "it is not JSON"),
    ],
)
def test_a_delivery_that_cannot_be_read_is_refused_by_name_line_and_column(
    engine: Engine, source: str, content: bytes, sentence: str
) -> None:
    run = engine.deliver(source, content, name="bad.csv")
    assert not run.published
    assert str(run.problem).startswith("bad.csv: ")
    assert sentence in str(run.problem)
    assert partition.rows(engine.settings, Key(run.table, source, MONTH)) is None


def test_a_refused_delivery_leaves_the_last_good_rows_and_says_they_are_stale(engine: Engine) -> None:
    engine.deliver("community_group", groups(*GROUPS), name="good.csv", day=4)
    bad = engine.put("community_group", LACKING, name="bad.csv", day=6)
    engine.ingest("community_group")
    assert len(engine.rows(GROUP_KEY)) == 3
    assert engine.state(GROUP_KEY).state == "stale"
    assert "bad.csv" in str(engine.state(GROUP_KEY).problem)
    bad.unlink()
    engine.ingest("community_group")
    assert engine.state(GROUP_KEY).state == "current"


def test_a_later_good_delivery_takes_the_place_of_a_refused_one(engine: Engine) -> None:
    engine.put("community_group", LACKING, name="bad.csv", day=4)
    run = engine.deliver("community_group", groups(*GROUPS), name="good.csv", day=6)
    assert (run.published, run.problem) == (True, None)


ENTERPRISE_KEY = Key("programme.digital_enterprise", "digital_enterprise", MONTH)
TWICE = b'"enterpriseCount": 5, "enterpriseCount": 7'


@pytest.mark.parametrize("stripped", [b"", b', "hoTen": "A B"'])
def test_a_record_with_a_name_twice_is_quarantined_whether_or_not_anything_is_stripped(
    engine: Engine, stripped: bytes
) -> None:
    two = enterprises(("703", "6201", "active", 5, 3), ("703", "6202", "active", 5, 3))
    run = engine.deliver("digital_enterprise", two.replace(b'"enterpriseCount": 5', TWICE + stripped, 1))
    assert (run.problem, counts(run)) == (None, [(2, 1, 0, 0, 1)])
    assert engine.reasons(ENTERPRISE_KEY) == [(1, "repeated_name", None)]


@pytest.mark.parametrize("stripped", [b"", b', "hoTen": "A B"'])
def test_a_number_beyond_any_is_quarantined_and_half_a_letter_refuses(engine: Engine, stripped: bytes) -> None:
    run = engine.deliver("digital_enterprise", COMPLETE.replace(b'Count": 5', b'Count": 1e999' + stripped, 1))
    assert counts(run) == [(1, 0, 0, 0, 1)]
    half = COMPLETE.replace(b'"active"', rb'"\ud800"' + stripped, 1)
    assert "damaged and cannot be read as json" in str(engine.deliver("digital_enterprise", half, day=6).problem)


def test_lines_that_end_in_cr_are_named(engine: Engine) -> None:
    content = groups(*GROUPS).replace(b"\n", b"\r")
    assert "its lines end with CR alone" in str(engine.deliver("community_group", content).problem)


def test_a_delivery_with_two_arrays_of_records_is_refused(engine: Engine) -> None:
    run = engine.deliver("digital_enterprise", COMPLETE.replace(b'{"DataCount"', b'{"Data": [], "DataCount"'))
    assert "a name is there twice around its records" in str(run.problem)


def test_a_failed_suite_publishes_nothing_and_the_last_good_partition_stays(engine: Engine) -> None:
    engine.deliver("community_group", groups(*GROUPS), day=4)
    early = groups(*GROUPS, "TCN-25456-03,25456,15/07/2022,,7")
    run = engine.deliver("community_group", early, "early.csv", day=6)
    assert not run.published
    assert "A group is not set up after the month that reports it" in str(run.problem)
    assert len(engine.rows(GROUP_KEY)) == 3
    assert engine.state(GROUP_KEY).state == "stale"


def test_a_warning_publishes_and_is_recorded(engine: Engine) -> None:
    run = engine.deliver("digital_enterprise", enterprises(("703", "6201", "active", 501, 3)))
    assert (run.published, run.problem) == (True, None)
    assert [(e.severity, e.status) for e in run.audit if e.status != "met"] == [("warning", "unmet")]


def test_what_has_not_changed_is_not_read_again_and_without_a_delivery_nothing_is(engine: Engine) -> None:
    assert engine.results("community_group") == []
    engine.put("community_group", groups(*GROUPS))
    (first,) = engine.results("community_group")
    (second,) = engine.results("community_group")
    assert (first.changed, second.changed) == (True, False)


def test_deliveries_of_several_tables_are_recognised_by_their_headings(engine: Engine) -> None:
    engine.put("service_catalogue", b"neither,one,nor,the,other\n1,2,3,4,5\n")
    results = engine.results("service_catalogue")
    assert {result.run.table for result in results} == {"connection.register", "connection.exchange"}
    assert all("none of what this source delivers" in str(result.run.problem) for result in results)


FAULT = (
    b'<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault>'
    b"<faultcode>Server.ServerProxy.AccessDenied</faultcode><faultstring>x</faultstring></S:Fault></S:Body></S:Envelope>"
)


@pytest.mark.parametrize("source", ["service_catalogue", "digital_enterprise", "community_group"])
def test_a_fault_that_was_saved_as_a_delivery_is_called_one(engine: Engine, source: str) -> None:
    engine.put(source, FAULT)
    for result in engine.results(source):
        assert "it is a fault (Server.ServerProxy.AccessDenied), not an answer" in str(result.run.problem)


@pytest.mark.parametrize(("above", "line"), [(b"", 1), (b"a\nb\n\nma_to\n", 5)])
def test_headings_on_another_line_than_declared_are_named(engine: Engine, above: bytes, line: int) -> None:
    content = groups(*GROUPS).partition(b"\n")[2]
    problem = str(engine.deliver("community_group", above + content).problem)
    assert f"its headings are on line {line}, and the layout says line 2; correct 'preamble_rows'" in problem


@pytest.mark.parametrize("count", [1, 3])
def test_empty_columns_at_the_end_are_left_out_and_counted(engine: Engine, count: int) -> None:
    lines = groups(*GROUPS).decode().splitlines()
    content = "\n".join([lines[0], *(line + "," * count for line in lines[1:]), ""])
    run = engine.deliver("community_group", content.encode())
    assert (run.problem, counts(run), [item.empty_columns for item in run.counts]) == (None, [(3, 3, 0, 0, 0)], [count])
    filled = content.replace(",7" + "," * count, ",7" + "," * count + "x", 1)
    problem = str(engine.deliver("community_group", filled.encode(), day=6).problem)
    assert "the column number 6 (it has no heading) is unknown" in problem


def test_others_may_write_while_a_server_is_waited_for(engine: Engine) -> None:
    could_write = []

    def answered(_: Request) -> Reply:
        with FileLock(engine.settings.scratch / "writing.lock", timeout=0):
            could_write.append(True)
        return Reply(COMPLETE)

    name = "digital_enterprise"
    with Service({"/whole": answered}) as server:
        declared = engine.catalogue.sources[name]
        fetched = declared.source.model_copy(update={"connector": trials.http(server.url, trials.WHOLE, trials.ONCE)})
        sources = {**engine.catalogue.sources, name: replace(declared, source=fetched)}
        remote = Engine(engine.settings, replace(engine.catalogue, sources=sources))
        assert counts(remote.ingest(name)) == [(1, 1, 0, 0, 0)]
    assert could_write == [True]
    with FileLock(engine.settings.scratch / "writing.lock", timeout=0):
        pass  # nothing is locked any more


def test_without_reference_rows_nothing_is_checked_against_them(tmp_path: Path, declared: Catalogue) -> None:
    warehouse = Settings(tmp_path / "empty", TRIAL)
    own = warehouse.warehouse / "reference"
    own.mkdir(parents=True)
    (own / "admin_unit.csv").write_text("unit_code\n72\n", encoding="utf-8")
    put(warehouse, "community_group", groups(*GROUPS))
    with pytest.raises(DxError, match=r"reference\.admin_unit has no published rows"):
        Engine(warehouse, declared).ingest("community_group")


def test_a_bad_byte_is_no_other_encoding_and_a_link_is_no_delivery(engine: Engine) -> None:
    engine.put("community_group", groups(*GROUPS).replace(b"25459-01,", b"25459-\xff1,"))
    link = engine.settings.inbox / "community_group" / MAY / "link.csv"
    link.symlink_to(TRIAL / "warehouse" / "reference" / "agency.csv")
    assert counts(engine.ingest("community_group")) == [(3, 2, 0, 0, 1)]
    assert inbox.strays(engine.settings, engine.catalogue) == [Stray(link, "link")]


def test_a_linked_month_is_not_read_even_when_it_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file.csv").write_bytes(groups(*GROUPS))
    link = engine.settings.inbox / "community_group" / MAY
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    assert engine.results("community_group", MAY) == []
    assert inbox.strays(engine.settings, engine.catalogue) == [Stray(link, "link")]

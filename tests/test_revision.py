"""A closed month changes by a revision only: what comes later is proposed, and published once it is accepted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import GROUPS, dossiers, groups
from engine import Engine, Rows
from test_history import State, by_month, deliver, every_cell, key

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.province import Province
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi import revision
from dx_pipeline.kpi.revision import Proposal
from dx_pipeline.period import Month
from dx_pipeline.tables import closing
from dx_pipeline.tables.ledger import Ledger

pytestmark = pytest.mark.slow

APRIL, MAY, JUNE = Month(2022, 4), Month(2022, 5), Month(2022, 6)
MAY_25, MAY_26 = (datetime(2022, 5, day, 12, tzinfo=UTC) for day in (25, 26))
Row = dict[str, object]
WHAT = "change, value_before, value_after, numerator_before, numerator_after, denominator_before, denominator_after"
OF_MONTH = "WHERE kpi_code = 'online_dossier_rate' AND unit_level = 'province' AND window_type = 'month'"
COLUMNS = "month, value_before, value_after, numerator_before, numerator_after, reason"


@pytest.fixture
def closes(engine: Engine) -> Engine:
    """The engine in a province whose months close on the 25th of the next one; it withholds no small cell."""
    return closing_on_25(engine)


def closing_on_25(engine: Engine) -> Engine:
    shown = every_cell(engine)
    province = shown.catalogue.province.model_copy(update={"closing_day": 25})
    return Engine(shown.settings, replace(shown.catalogue, province=province))


def never_closing(engine: Engine) -> Province:
    return engine.catalogue.province.model_copy(update={"closing_day": None})


def of(number: int, received_on: date, channel: str = "online", count: int = 1) -> list[State]:
    """Some dossiers that were received on one day."""
    return [State(number + more, received_on, channel=channel) for more in range(count)]


def proposals(engine: Engine) -> list[Proposal]:
    return revision.proposals(engine.settings)


def accept(engine: Engine, proposal: Proposal) -> None:
    """Accept a proposal and bring the month up to date."""
    revision.accept(engine.settings, engine.catalogue, proposal.proposal_id, "routine", "")
    month = proposal.key.month
    ingest(engine.settings, engine.catalogue, proposal.key.source, [month])


def released(engine: Engine, sql: str) -> Rows:
    with duckdb.connect(str(engine.publish().path / "public" / "dx.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def inside(engine: Engine, sql: str) -> Rows:
    with duckdb.connect(str(engine.publish().path / "internal" / "dx_internal.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_late_delivery_changes_nothing_until_it_is_accepted(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4), "direct", 3), *of(4, date(2022, 4, 4)))
    assert by_month(closes) == [(APRIL.first, 1, 4)]
    deliver(closes, APRIL, *of(11, date(2022, 4, 5), count=4), name="late.csv", day=20)
    assert by_month(closes) == [(APRIL.first, 1, 4)]
    (proposal,) = proposals(closes)
    assert (proposal.key, [name for _, name in proposal.late]) == (key(APRIL), ["late.csv"])
    # 1 of 4 is 25%; with the four late ones, all online, 5 of 8 are 62.5%.
    (change,) = [
        row
        for row in revision.effect(closes.settings, closes.catalogue, proposal).changes
        if (row["unit_level"], row["window_type"]) == ("province", "month")
    ]
    assert (change["value_before"], change["value_after"]) == (25, 62.5)
    assert by_month(closes) == [(APRIL.first, 1, 4)]
    accept(closes, proposal)
    assert proposals(closes) == []
    assert by_month(closes) == [(APRIL.first, 5, 8)]


def test_both_values_stay_and_a_value_has_the_number_of_its_revision(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4), "direct", 30), *of(31, date(2022, 4, 4), count=10))
    by_month(closes)
    for number, days in enumerate((20, 21)):
        late = of(100 + 20 * number, date(2022, 4, 5), count=20)
        deliver(closes, APRIL, *late, name=f"late {number}.csv", day=days)
        (proposal,) = proposals(closes)
        accept(closes, proposal)
        by_month(closes)
    # 10 of 40; then 30 of 60; then 50 of 80. The mean of 25 and 12.5 is 18.75.
    where = "WHERE kpi_code = 'online_dossier_rate' AND unit_level = 'province' AND window_type = 'month'"
    assert released(closes, f"SELECT value, revision FROM kpi.value {where}") == [(62.5, 2)]
    assert inside(closes, f"SELECT {COLUMNS} FROM kpi.revised_value {where} ORDER BY accepted_at") == [
        ("2022-04", 25, 50, 10, 30, "routine"),
        ("2022-04", 50, 62.5, 30, 50, "routine"),
    ]
    summary = "SELECT mean_absolute_revision, largest_revision FROM kpi.revision_summary"
    assert inside(closes, summary) == [(18.75, 25)]


@pytest.fixture
def withholds(closes: Engine) -> Engine:
    """The same in a province that withholds what counts fewer than 10 dossiers."""
    province = closes.catalogue.province.model_copy(update={"suppress_below": 10})
    return Engine(closes.settings, replace(closes.catalogue, province=province))


def test_a_value_that_a_revision_withholds_is_listed_without_what_it_is_now(withholds: Engine) -> None:
    """Of ten dossiers that were submitted online one was not: nine are too few."""
    online = of(31, date(2022, 4, 4), count=10)
    deliver(withholds, APRIL, *of(1, date(2022, 4, 4), "direct", 30), *online)
    by_month(withholds)
    deliver(withholds, APRIL, replace(online[0], channel="direct"), name="late.csv", day=20)
    vanished = [("withheld", 25, None, 10, None, 40, None)]
    assert of_month(withholds) == vanished
    (proposal,) = proposals(withholds)
    accept(withholds, proposal)
    by_month(withholds)
    assert inside(withholds, f"SELECT {WHAT} FROM kpi.revised_value {OF_MONTH}") == vanished
    assert released(withholds, f"SELECT value, revision FROM kpi.value {OF_MONTH}") == [(None, 1)]
    summary = "SELECT revision_count > 0, mean_absolute_revision FROM kpi.revision_summary"
    assert inside(withholds, summary) == [(True, None)]


def test_a_value_that_a_revision_shows_for_the_first_time_is_listed_without_what_it_was(withholds: Engine) -> None:
    deliver(withholds, APRIL, *of(1, date(2022, 4, 4), "direct", 30), *of(31, date(2022, 4, 4), count=9))
    by_month(withholds)
    deliver(withholds, APRIL, *of(50, date(2022, 4, 4)), name="late.csv", day=20)
    assert of_month(withholds) == [("newly_shown", None, 25, None, 10, None, 40)]


def test_public_values_that_appear_and_vanish_by_a_revision_are_in_the_public_list(closes: Engine) -> None:
    """A late list has the first group of one commune, and none of another."""
    closes.put("community_group", groups(*GROUPS[:2]), str(APRIL), "extract.csv", 5)
    closes.results("community_group", str(APRIL))
    closes.evaluate("community_group_count")
    closes.put("community_group", groups(*GROUPS[1:]), str(APRIL), "late.csv", 20)
    closes.results("community_group", str(APRIL))
    (proposal,) = proposals(closes)
    accept(closes, proposal)
    query = "SELECT unit_code, change, value_before, value_after FROM kpi.revision"
    where = "unit_level = 'commune' AND window_type = 'month'"
    assert released(closes, f"{query} WHERE {where} ORDER BY ALL") == [
        ("25456", "not_enough_data", 1, None),
        ("25630", "newly_shown", None, 1),
    ]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([], [{"value": 25.0, "numerator": 10.0, "denominator": 40.0}], ("unit_appears", None, 25, None, 10, None, 40)),
        ([{"value": 25.0}], [], ("unit_vanishes", 25, None, None, None, None, None)),
        (
            [{"value": 25.0}],
            [{"withheld_reason": "few_dossiers", "numerator": 9.0}],
            ("withheld", 25, None, None, None, None, None),
        ),
        ([{"withheld_reason": "few_dossiers"}], [{"withheld_reason": "low_coverage"}], None),
        ([], [{"withheld_reason": "few_dossiers"}], None),
    ],
)
def test_what_happened_to_a_value_has_a_word(
    declared: Catalogue, tmp_path: Path, before: list[Row], after: list[Row], change: tuple[object, ...] | None
) -> None:
    """The values of one unit before and after a revision, as two evaluations wrote them."""
    about = {"kpi_code": "k", "window_type": "month", "window_end": APRIL.last, "unit_code": "703"}
    schema = arrow_schema(declared.contracts["kpi.value"], declared.contracts["kpi.value"].stored)
    schema = pa.schema([(field.name, field.type) for field in schema])
    paths = {}
    for name, rows in (("before", before), ("after", after)):
        paths[name] = [str(tmp_path / f"{name}.parquet")]
        pq.write_table(pa.Table.from_pylist([about | row for row in rows], schema), paths[name][0])
    with duckdb.connect() as connection:
        connection.execute(sql_file(revision.__file__, "revised"), paths)
        assert connection.execute(f"SELECT {WHAT} FROM revised").fetchall() == ([change] if change else [])


def test_a_revision_of_an_earlier_version_has_values_that_changed(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4), "direct", 3), *of(4, date(2022, 4, 4)))
    by_month(closes)
    deliver(closes, APRIL, *of(11, date(2022, 4, 5), count=4), name="late.csv", day=20)
    (proposal,) = proposals(closes)
    accept(closes, proposal)
    (path,) = (closes.settings.revisions / "kpi.revised_value").glob("*.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["change"]), path)
    assert inside(closes, f"SELECT {WHAT} FROM kpi.revised_value {OF_MONTH}") == [("changed", 25, 62.5, 1, 5, 4, 8)]


def of_month(engine: Engine) -> Rows:
    """What the only proposal would change of the province's rate of the month."""
    (proposal,) = proposals(engine)
    rows = revision.effect(engine.settings, engine.catalogue, proposal).changes
    about = [row for row in rows if (row["unit_level"], row["window_type"]) == ("province", "month")]
    return [tuple(row[name] for name in WHAT.split(", ")) for row in about]


def test_no_revision_of_dossiers_is_public(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4), "direct", 30), *of(31, date(2022, 4, 4), count=10))
    by_month(closes)
    deliver(closes, APRIL, *of(100, date(2022, 4, 5)), name="late.csv", day=20)
    (proposal,) = proposals(closes)
    accept(closes, proposal)
    by_month(closes)
    assert released(closes, "SELECT * FROM kpi.revision") == []
    # Every value that rests on the month has the number, whether the late dossier changed it or not.
    assert released(closes, "SELECT DISTINCT revision FROM kpi.value WHERE kpi_code = 'online_dossier_rate'") == [(1,)]


def test_until_the_closing_day_a_delivery_changes_the_month(closes: Engine) -> None:
    for day, now in ((5, MAY_25), (20, MAY_25)):
        closes.put(
            "dossier", dossiers(*(state.line for state in of(day, date(2022, 4, 4)))), str(APRIL), f"{day}.csv", day
        )
        ingest(closes.settings, closes.catalogue, "dossier", [APRIL], now=now)
    assert (by_month(closes), proposals(closes)) == ([(APRIL.first, 2, 2)], [])
    ingest(closes.settings, closes.catalogue, "dossier", [APRIL], now=MAY_26)
    deliver(closes, APRIL, *of(30, date(2022, 4, 4)), name="late.csv", day=24)  # dated back
    assert by_month(closes) == [(APRIL.first, 2, 2)]
    assert len(proposals(closes)) == 1


def test_the_first_delivery_of_a_month_is_no_revision_however_late(closes: Engine) -> None:
    deliver(closes, JUNE, *of(1, date(2022, 6, 4)))
    deliver(closes, APRIL, *of(11, date(2022, 4, 4)))
    assert proposals(closes) == []
    assert by_month(closes) == [(APRIL.first, 1, 1), (MAY.first, 0, 0), (JUNE.first, 1, 1)]


def test_a_later_state_changes_no_closed_month_until_it_is_accepted(closes: Engine) -> None:
    (received,) = of(1, date(2022, 4, 4))
    deliver(closes, APRIL, received, *of(2, date(2022, 4, 4)))
    deliver(closes, MAY, replace(received, channel="direct"), *of(3, date(2022, 5, 4)))
    assert by_month(closes) == [(APRIL.first, 2, 2), (MAY.first, 1, 1)]
    (proposal,) = proposals(closes)
    assert (proposal.key, proposal.late, proposal.later_states) == (key(APRIL), (), (("2022-05", 1),))
    accept(closes, proposal)
    assert by_month(closes) == [(APRIL.first, 1, 2), (MAY.first, 1, 1)]
    assert proposals(closes) == []


def test_a_dossier_that_moves_to_an_open_month_leaves_the_closed_one_with_its_revision(closes: Engine) -> None:
    (received,) = of(1, date(2022, 4, 30))
    deliver(closes, APRIL, received, *of(2, date(2022, 4, 4)))
    deliver(closes, MAY, replace(received, received_on=date(2022, 5, 2)))
    assert by_month(closes) == [(APRIL.first, 2, 2), (MAY.first, 0, 0)]
    while found := proposals(closes):
        accept(closes, found[0])
        by_month(closes)
    assert by_month(closes) == [(APRIL.first, 1, 1), (MAY.first, 1, 1)]


def test_a_state_says_nothing_new_where_what_a_view_counts_is_the_same(closes: Engine) -> None:
    (received,) = of(1, date(2022, 4, 4))
    deliver(closes, APRIL, received)
    deliver(closes, MAY, replace(received, status="finished"))
    assert by_month(closes) == [(APRIL.first, 1, 1), (MAY.first, 0, 0)]
    assert proposals(closes) == []


def test_a_file_that_is_taken_out_of_the_inbox_is_proposed_no_more(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    late = closes.put(
        "dossier", dossiers(*(state.line for state in of(2, date(2022, 4, 4)))), str(APRIL), "late.csv", 20
    )
    closes.results("dossier", str(APRIL))
    assert len(proposals(closes)) == 1
    late.unlink()
    closes.results("dossier", str(APRIL))
    assert proposals(closes) == []


def test_the_ledger_says_of_a_late_delivery_that_it_is_proposed(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    deliver(closes, APRIL, *of(2, date(2022, 4, 4), count=2), name="late.csv", day=20)
    by_month(closes)
    assert released(
        closes, "SELECT file_name, disposition FROM ledger.delivery WHERE month = '2022-04' ORDER BY ALL"
    ) == [
        ("extract.csv", "read"),
        ("late.csv", "proposed"),
    ]
    conserved = "SELECT rows_in, rows_accepted FROM ledger.conservation WHERE table_name = 'statistics.dossier'"
    assert inside(closes, f"{conserved} ORDER BY ALL") == [(1, 1), (2, 2)]
    assert released(closes, conserved) == [(1, 1)]  # what waits for a revision is not part of the month


def test_what_cannot_be_published_cannot_be_accepted(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    by_month(closes)
    unknown = [state.line.replace("H53.07;", "H99.99;") for state in of(2, date(2022, 4, 4), count=50)]
    closes.put("dossier", dossiers(*unknown), str(APRIL), "extract.csv", 20)  # in place of the one good row
    closes.results("dossier", str(APRIL))
    (proposal,) = proposals(closes)
    with pytest.raises(DxError, match=r"statistics\.dossier dossier 2022-04: "):
        accept(closes, proposal)
    assert proposals(closes) == [proposal]
    assert closing.every(closes.settings)[key(APRIL)].revisions == ()


def test_an_id_that_is_not_proposed_is_refused_in_one_sentence(closes: Engine) -> None:
    with pytest.raises(UsageError, match="there is no proposed revision 'abcdef12': see 'dx revision list'"):
        revision.accept(closes.settings, closes.catalogue, "abcdef12", "routine", "")


def test_a_refused_delivery_keeps_no_month_open(closes: Engine) -> None:
    closes.put("dossier", b"not a table", str(APRIL), "broken.csv", 20)
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    assert by_month(closes) == [(APRIL.first, 1, 1)]
    deliver(closes, APRIL, *of(2, date(2022, 4, 4)), name="late.csv", day=21)
    assert by_month(closes) == [(APRIL.first, 1, 1)]
    assert [name for proposal in proposals(closes) for _, name in proposal.late] == ["late.csv"]


def test_a_delivery_that_is_held_back_keeps_no_month_open(closes: Engine) -> None:
    open_until_then = Engine(closes.settings, replace(closes.catalogue, province=never_closing(closes)))
    deliver(open_until_then, APRIL, *of(1, date(2022, 4, 4)))
    unknown = State(2, date(2022, 4, 4)).line.replace("H53.07;", "H99.99;")
    closes.put("dossier", dossiers(unknown), str(APRIL), "extract.csv", 20)  # in place of the one good row
    open_until_then.results("dossier", str(APRIL))
    deliver(closes, APRIL, *of(3, date(2022, 4, 4)), name="late.csv", day=21)
    assert by_month(closes) == [(APRIL.first, 1, 1)]
    assert [name for proposal in proposals(closes) for _, name in proposal.late] == ["extract.csv", "late.csv"]


def test_what_comes_with_the_first_run_after_the_closing_day_is_late(closes: Engine) -> None:
    first, late = (dossiers(State(number, date(2022, 4, 4)).line) for number in (1, 2))
    closes.put("dossier", first, str(APRIL), "extract.csv", 5)
    ingest(closes.settings, closes.catalogue, "dossier", [APRIL], now=MAY_25)
    closes.put("dossier", late, str(APRIL), "late.csv", 24)
    ingest(closes.settings, closes.catalogue, "dossier", [APRIL], now=MAY_26)
    assert by_month(closes) == [(APRIL.first, 1, 1)]
    assert len(proposals(closes)) == 1


def test_a_proposal_is_accepted_once(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    by_month(closes)
    deliver(closes, APRIL, *of(2, date(2022, 4, 4)), name="late.csv", day=20)
    (proposal,) = proposals(closes)
    revision.accept(closes.settings, closes.catalogue, proposal.proposal_id, "routine", "")
    with pytest.raises(UsageError, match="there is no proposed revision"):
        revision.accept(closes.settings, closes.catalogue, proposal.proposal_id, "major", "")


def test_a_rebuilt_warehouse_keeps_what_has_closed(closes: Engine) -> None:
    deliver(closes, APRIL, *of(1, date(2022, 4, 4)))
    deliver(closes, APRIL, *of(2, date(2022, 4, 4)), name="late.csv", day=20)
    before = by_month(closes)
    kept = Ledger.read(closes.settings, closes.catalogue).digest
    shutil.rmtree(closes.settings.tables / "statistics.dossier")
    shutil.rmtree(closes.settings.tables / "_runs" / "statistics.dossier")
    closes.results("dossier", str(APRIL))
    assert (by_month(closes), Ledger.read(closes.settings, closes.catalogue).digest) == (before, kept)

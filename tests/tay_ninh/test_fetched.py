"""What a connector fetches is ingested like what is put into the inbox."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import partial
from pathlib import Path

from trials import MAY, NAME, QUICK

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.connector import Http
from dx_pipeline.ingest import ingest
from dx_pipeline.landing import attempts
from dx_pipeline.sample.http_server import Reply, Request, Service
from dx_pipeline.settings import Settings
from dx_pipeline.tables.attempts import TABLE as ATTEMPTS
from dx_pipeline.tables.run import PartitionRun


def statuses(settings: Settings) -> list[tuple[str, str | None, str | None]]:
    return [(item.status, item.error_class, item.error_code) for item in attempts.read(settings, NAME, MAY)]


def test_what_is_fetched_is_ingested_like_what_is_delivered(
    warehouse: Settings, declared: Catalogue, tmp_path: Path
) -> None:
    sample.make(warehouse, declared, [MAY], scale=0.01)
    by_hand = {record.table: record.rows for record in ingested(warehouse, declared)}
    folder = warehouse.inbox / NAME / str(MAY)
    served = {f"/{path.name.partition('_')[0]}": unpacked(path.read_bytes()) for path in folder.iterdir()}
    handlers = {path: partial(answer_with, content) for path, content in served.items()}
    requests = [{"name": path[1:], "path": path, "query": {"m": "{month}"}, "records": "Data"} for path in served]
    with Service(handlers, faults=["truncate"]) as server:
        fetched_by = Http.model_validate(
            {"kind": "http", "base_url": server.url, "requests": requests, "bounds": QUICK}
        )
        elsewhere = Settings(warehouse=tmp_path / "elsewhere")
        changed = declared.sources[NAME].source.model_copy(update={"connector": fetched_by})
        sources = {**declared.sources, NAME: replace(declared.sources[NAME], source=changed)}
        fetched = ingested(elsewhere, replace(declared, sources=sources))
    assert {record.table: record.rows for record in fetched} == by_hand
    assert all(record.published for record in fetched)
    assert sum(by_hand.values()) > 0
    assert [status for status, _, _ in statuses(elsewhere)] == ["failed", "ok", "ok"]


def unpacked(content: bytes) -> bytes:
    """What is sent compressed as a file is sent plain by HTTP."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def answer_with(content: bytes, _: Request) -> Reply:
    return Reply(content)


def ingested(settings: Settings, catalogue: Catalogue) -> list[PartitionRun]:
    results = ingest(settings, catalogue, NAME, [MAY])
    return [result.run for result in results if result.run.table != ATTEMPTS]

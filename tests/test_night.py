"""A night in which one system does not answer, and the night after."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import Dx, smaller

from dx_pipeline import sample
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.sample.serving import Asked, Reply, Service
from dx_pipeline.settings import Settings

MAY = Month(2022, 5)
DOWN, UP = "judicial_record", "civil_status"


class Ministry:
    """One system's deliveries of May over HTTP, while it is up."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.is_up = False

    def answer(self, name: str, _: Asked) -> Reply:
        """A page, or that it is not available."""
        return Reply(self.pages[name]) if self.is_up else Reply(b"", status=503)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return smaller(tmp_path / "project", DOWN, UP, "connection_availability", "connection_freshness", "exchange_volume")


def ask_over_http(project: Path, url: str, pages: dict[str, bytes]) -> None:
    """Let the project's declaration of the system ask for its pages, one try each."""
    path = project / "assets" / "connection" / DOWN / "defs.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared["attributes"]["connector"] = {
        "kind": "http",
        "base_url": url,
        "requests": [
            {"name": name, "path": f"/{name}", "query": {"thang": "{month}"}, "records": "Data"} for name in pages
        ],
        "bounds": {"attempts": 1},
    }
    path.write_text(yaml.safe_dump(declared, allow_unicode=True), encoding="utf-8")


def project_has(project: Path, source: str) -> bool:
    return any(project.glob(f"assets/*/{source}/"))


def told(result: Any, system: str) -> dict[str, Any]:
    (row,) = (row for row in json.loads(result.stdout)["connections"] if row["system"] == system)
    return dict(row)


def test_one_system_that_is_down_stops_no_other_and_the_next_night_catches_up(
    dx: Dx, declared: Catalogue, project: Path, warehouse: Settings
) -> None:
    sample.make(warehouse, declared, [MAY], scale=0.01)
    delivered = sorted((warehouse.inbox / DOWN / str(MAY)).iterdir())
    pages = {path.name.partition("_")[0]: path.read_bytes() for path in delivered}
    pages = {name: gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text for name, text in pages.items()}
    shutil.rmtree(warehouse.inbox / DOWN)
    nobody, *others = [path for path in sorted(warehouse.inbox.iterdir()) if not project_has(project, path.name)]
    for path in others:
        shutil.rmtree(path)
    ministry = Ministry(pages)
    with Service({f"/{name}": partial(ministry.answer, name) for name in pages}, lifetime_seconds=150) as service:
        ask_over_http(project, service.url, pages)
        first = dx("run", "--json", "--months", "2022-05", warehouse=warehouse.warehouse, project=project)
        ministry.is_up = True
        shutil.rmtree(nobody)
        second = dx("run", "--json", "--months", "2022-05", warehouse=warehouse.warehouse, project=project)
    assert first.returncode == 1, first.stderr
    assert first.stdout, first.stderr
    assert json.loads(first.stdout)["strays"] == [str(nobody)]
    (problem,) = json.loads(first.stdout)["not_fetched"]
    assert problem.startswith(f"{DOWN} ")
    assert "http_5xx (503)" in problem
    assert told(first, DOWN)["exchanges"] is None
    assert told(first, UP)["exchanges"] > 0
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["not_fetched"] == []
    assert told(second, DOWN)["exchanges"] > 0
    assert told(second, UP) == told(first, UP)

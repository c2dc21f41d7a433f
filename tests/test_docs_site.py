"""The documentation site and the notebook: every page is in the navigation, and nothing is loaded from outside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import PROJECT, TRIAL

from dx_pipeline.release import Published

DOCS = PROJECT / "docs"
MKDOCS = shutil.which(str(PROJECT / ".site" / "bin" / "mkdocs")) or shutil.which("mkdocs")
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=([^ >]+)"
    r"|<link\b(?![^>]*canonical)[^>]*\bhref=([^ >]+)|url\(([^)]+)\)|@import ([^;]+)"
)
OUTSIDE = re.compile(r"""["']?(?:https?:)?//""")


def listed(nav: list[Any]) -> Iterator[str]:
    """The pages of a navigation."""
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            (below,) = entry.values()
            yield from listed(below) if isinstance(below, list) else [below]


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    found = list(listed(nav))
    assert len(found) == len(set(found))
    assert set(found) == {page for page in pages if not page.startswith("decisions/")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs-site` builds it."""
    if MKDOCS is None:
        pytest.skip("mkdocs is not installed: 'make docs-site' installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [MKDOCS, "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_pages_of_the_site_load_nothing_from_outside(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 60
    for path in files:
        text = path.read_text(encoding="utf-8")
        loaded = [next(filter(None, found)) for found in LOADED.findall(text)]
        assert loaded or path.suffix == ".css"
        assert not list(filter(OUTSIDE.match, loaded)), path.name


def test_every_decision_and_every_public_function_is_on_the_site(site: Path) -> None:
    decisions = {path.stem for path in (DOCS / "decisions").glob("0*.md")}
    assert decisions <= {path.stem for path in (site / "decisions").glob("*.html")}
    text = (site / "python.html").read_text(encoding="utf-8")
    for name in ("analysis.current", "analysis.Release.kpi", "analysis.Release.explain", "settings.Settings"):
        assert f'id="dx_pipeline.{name}"' in text


def test_the_notebook_runs_as_a_script(published: tuple[Path, Published]) -> None:
    places = {"DX_WAREHOUSE": str(published[0]), "DX_PROJECT": str(TRIAL), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, str(DOCS / "notebooks" / "first_look.py")]
    ran = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr

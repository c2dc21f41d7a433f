"""`dx open`: opens the report of the current release in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.release.part import REPORT
from dx_pipeline.release.rows import no_release
from dx_pipeline.settings import Settings

PAGES = {"vi": "index.html", "en": "en.html"}
"""The front page of the report, by language."""


def report_page(settings: Settings) -> Path:
    """The front page of the current release's report, in the reader's language."""
    return settings.current / REPORT / PAGES[screen.language().code]


@click.command()
@on_project
def open_report(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:  # noqa: ARG001 - as every command
    """What `dx open` does."""
    page = report_page(settings)
    if not settings.current.exists():
        raise no_release(None)
    if not page.is_file():
        raise UsageError(
            "the current release has no report: make one with 'dx run'.",
            vi="bản đang công bố không có báo cáo: hãy tạo bằng 'dx run'.",
        )
    is_opened = _open(page)
    if as_json:
        screen.show_json({"report": str(page), "opened": is_opened})
    else:
        screen.OUT.print(str(page), markup=False, soft_wrap=True)
    return 0


def _open(page: Path) -> bool:
    """Whether a browser opened a page; there may be none, on a server."""
    try:
        return webbrowser.open(page.as_uri())
    except (webbrowser.Error, OSError):
        return False

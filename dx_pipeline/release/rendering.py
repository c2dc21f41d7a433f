"""What is made of a release's public database, in parallel: the report, and the files for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import duckdb

from dx_pipeline import exchange, progress, workers
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.exchange import dcat
from dx_pipeline.language import ENGLISH, VIETNAMESE, Language
from dx_pipeline.release.part import EXCHANGE, PUBLIC, RENDERED, REPORT
from dx_pipeline.report import workbook
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.site import Site
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import attached, connect


def render(settings: Settings, catalogue: Catalogue, release_id: str, public: Path) -> None:
    """Write the report and the files for other programs into the public part of a release."""
    for folder in RENDERED:
        (public / folder).mkdir()
    made = workers.each(settings, catalogue, _render, [(release_id, public, name) for name in RENDERINGS])
    for name in made:
        progress.announce(f"report {name}")
    with opened(settings, public) as connection:
        dcat.write(connection, catalogue, release_id, public, public / EXCHANGE)


def _render(settings: Settings, catalogue: Catalogue, release_id: str, public: Path, name: str) -> str:
    with opened(settings, public) as connection:
        RENDERINGS[name](Figures(connection), catalogue, release_id, public)
    return name


@contextmanager
def opened(settings: Settings, public: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The public database of a release, for reading."""
    with connect(settings) as connection, attached(connection, public / PUBLIC.database) as name:
        connection.execute(f"USE {name}")
        try:
            yield connection
        finally:
            connection.execute("USE memory")


def _pages(language: Language) -> Rendering:
    def write(figures: Figures, catalogue: Catalogue, release_id: str, public: Path) -> None:
        Site.of(figures, catalogue, release_id).write_pages(language, public / REPORT)

    return write


def _document(language: Language) -> Rendering:
    def write(figures: Figures, catalogue: Catalogue, release_id: str, public: Path) -> None:
        Site.of(figures, catalogue, release_id).write_document(language, public / REPORT)

    return write


def _downloads(figures: Figures, catalogue: Catalogue, release_id: str, public: Path) -> None:
    Site.of(figures, catalogue, release_id).write_downloads(public / REPORT)


def _workbook(figures: Figures, _catalogue: Catalogue, _release_id: str, public: Path) -> None:
    workbook.write(figures, public / REPORT / workbook.NAME)


def _exchange(figures: Figures, catalogue: Catalogue, release_id: str, public: Path) -> None:
    exchange.write(figures.connection, catalogue, release_id, public / EXCHANGE)


Rendering = Callable[[Figures, Catalogue, str, Path], None]
RENDERINGS = MappingProxyType(
    {
        "pages_vi": _pages(VIETNAMESE),
        "pages_en": _pages(ENGLISH),
        "document_vi": _document(VIETNAMESE),
        "document_en": _document(ENGLISH),
        "downloads": _downloads,
        "workbook": _workbook,
        "exchange": _exchange,
    }
)
"""What is rendered in parallel: the longest first."""

"""What is made of a release's public database, in parallel: the report, and the files for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import duckdb

from dx_pipeline import exchange, profile, progress, workers
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.exchange import dcat
from dx_pipeline.language import ENGLISH, VIETNAMESE
from dx_pipeline.release.part import EXCHANGE, PUBLIC, RENDERED, REPORT
from dx_pipeline.release.rendered import PAGES, TABLES
from dx_pipeline.report import workbook
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.site import Site
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import attached, connect


def render(settings: Settings, catalogue: Catalogue, release_id: str, public: Path) -> None:
    """Write the report and the files for other programs into the public part of a release.

    The pages are put together once, while workers write what is made without them.
    """
    for folder in RENDERED:
        (public / folder).mkdir()
    of_tables = [(release_id, public, name) for name in OF_TABLES]
    with workers.submit_ahead(settings, catalogue, _render_tables, of_tables):
        with opened(settings, public) as connection:
            site = Site.of(Figures(connection), catalogue, release_id)
        for name in workers.each(settings, catalogue, _render_pages, [(public, site, name) for name in OF_PAGES]):
            progress.announce(f"report {name}")
        for name in workers.each(settings, catalogue, _render_tables, of_tables):
            progress.announce(f"report {name}")
    with opened(settings, public) as connection:
        dcat.write(connection, catalogue, release_id, public, public / EXCHANGE)


def _render_pages(_settings: Settings, _catalogue: Catalogue, public: Path, site: Site, name: str) -> str:
    with profile.stage("report", name):
        OF_PAGES[name](site, public / REPORT)
    return name


def _render_tables(settings: Settings, catalogue: Catalogue, release_id: str, public: Path, name: str) -> str:
    with profile.stage("report", name), opened(settings, public) as connection:
        OF_TABLES[name](connection, catalogue, release_id, public)
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


def _workbook(connection: duckdb.DuckDBPyConnection, _catalogue: Catalogue, _release_id: str, public: Path) -> None:
    workbook.write(Figures(connection), public / REPORT / workbook.NAME)


def _exchange(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, release_id: str, public: Path) -> None:
    exchange.write(connection, catalogue, release_id, public / EXCHANGE)


OF_TABLES: Mapping[str, Callable[[duckdb.DuckDBPyConnection, Catalogue, str, Path], None]] = MappingProxyType(
    dict(zip(TABLES, (_workbook, _exchange), strict=True))
)
OF_PAGES: Mapping[str, Callable[[Site, Path], None]] = MappingProxyType(
    dict(
        zip(
            PAGES,
            (
                partial(Site.write_pages, language=VIETNAMESE),
                partial(Site.write_pages, language=ENGLISH),
                partial(Site.write_document, language=VIETNAMESE),
                partial(Site.write_document, language=ENGLISH),
                Site.write_downloads,
            ),
            strict=True,
        )
    )
)

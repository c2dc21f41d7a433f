"""The report of a release: what people look at, made from its public database alone.

    report/index.html, report/en.html    the front pages; kpi/, unit/, system/ and en/ below them
    report/data/, report/en/data/        the tables of the pages, as CSV and Excel

A page is a title and blocks (`page`), in both languages, with plain values in its tables; `html` and `download` write
it. The same release gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.language import LANGUAGES
from dx_pipeline.report import (
    download,
    front_page,
    html,
    kpi_page,
    method_page,
    quality_page,
    score_page,
    system_page,
    unit_page,
)
from dx_pipeline.report.figures import Figures

FOLDER = "report"
"""Where the report is in the public part of a release."""


def write(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    release_id: str,
    folder: Path,
) -> None:
    """Write the report of a release into an empty folder.

    Args:
        connection: has the tables of the release.
        catalogue: what is declared.
        release_id: the release.
        folder: the folder.
    """
    figures = Figures(connection)
    province = catalogue.province
    units, systems = unit_page.pages(figures), system_page.pages(figures)
    score = score_page.page(figures)
    menu = [
        front_page.page(figures, catalogue),
        *systems[:1],
        *units[:1],
        *([score] if score is not None else []),
        quality_page.page(figures, catalogue),
        *method_page.pages(figures, catalogue),
    ]
    kpis = [kpi_page.page(figures, kpi, province.suppress_below) for kpi in figures.kpis.values()]
    pages = [*menu, *kpis, *systems[1:], *units[1:]]
    site = html.Site(province.title, release_id, menu, figures.is_synthetic)
    for page in pages:
        for language in LANGUAGES:
            target = folder / html.place(page.path, language)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(html.render(site, page, language), encoding="utf-8")
            download.write(page, language, folder)

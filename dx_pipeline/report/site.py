"""All pages of the report of a release, and the forms that they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.language import Language
from dx_pipeline.report import (
    document,
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
from dx_pipeline.report.basis import Basis
from dx_pipeline.report.figures import Figures
from dx_pipeline.report.page import Page


@dataclass(frozen=True, eq=False)
class Site:
    """The pages of a release: plain values, which workers get a copy of.

    Args:
        frame: what all of them share, the menu among it.
        others: the pages that are not in the menu.
    """

    frame: html.Frame
    others: Sequence[Page]

    @classmethod
    def of(cls, figures: Figures, catalogue: Catalogue, release_id: str) -> Site:
        """The report of a release.

        Args:
            figures: what the release has.
            catalogue: what is declared.
            release_id: the release.
        """
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
        basis = Basis(figures, catalogue)
        kpis = [kpi_page.page(figures, kpi, basis, province.suppress_below) for kpi in figures.kpis.values()]
        frame = html.Frame(province.title, release_id, menu, figures.is_synthetic)
        return cls(frame, [*kpis, *systems[1:], *units[1:]])

    def write_pages(self, folder: Path, language: Language) -> None:
        """Write the pages in a language."""
        for page in [*self.frame.menu, *self.others]:
            target = folder / html.place(page.path, language)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(html.render(self.frame, page, language), encoding="utf-8")

    def write_downloads(self, folder: Path) -> None:
        """Write the tables of the pages as files, and the script that sorts them."""
        (folder / html.SCRIPT).write_text(html.template(html.SCRIPT), encoding="utf-8")
        for page in [*self.frame.menu, *self.others]:
            download.write(page, folder, is_synthetic=self.frame.is_synthetic)

    def write_document(self, folder: Path, language: Language) -> None:
        """Write the pages in a language as one PDF; of the units only the list."""
        kpis_and_systems = [page for page in self.others if not page.path.startswith("unit/")]
        document.write([*self.frame.menu, *kpis_and_systems], self.frame, language, folder)

"""Forms: what a delivery of the sample looks like, and how it is marked as synthetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.sample import return_06a
from dx_pipeline.sample.scenario import Scenario
from dx_pipeline.sample.spelling import AS_DECLARED, OF_SOURCES, Spelling

EXTENSIONS = {"excel": "xlsx", "html": "xls", "xroad": "dat"}
"""Endings of file names that differ from the name of the format."""

CODECS = {"utf-8": "utf-8", "utf-16": "utf-16", "windows-1258": "cp1258"}


@dataclass(frozen=True)
class Form:
    """What a delivery of a month looks like.

    Args:
        title: the name of the source, printed above the headings.
        seed: the seed of the sample, printed in the mark.
        names: the name of each agency and unit by code, for the headings that print one.
        more_titles: lines above the headings besides mark, title and month.
        spelling: how its texts are spelled.
    """

    layout: Layout
    contract: Contract
    title: str
    month: Month
    seed: int
    names: Mapping[str, str]
    more_titles: tuple[str, ...] = ()
    spelling: Spelling = AS_DECLARED

    @property
    def is_compressed(self) -> bool:
        """Whether the file is gzip."""
        return getattr(self.layout.format, "compression", None) == "gzip"

    @property
    def extension(self) -> str:
        """The ending of the name of such a file."""
        kind = self.layout.format.kind
        return EXTENSIONS.get(kind, kind) + ".gz" * self.is_compressed

    @property
    def codec(self) -> str:
        """Python's name of the encoding.

        Raises:
            DxError: the sample cannot write that encoding.
        """
        encoding = getattr(self.layout.format, "encoding", "utf-8")
        if encoding not in CODECS:
            raise DxError(
                f"the sample writes no {encoding}: give the format another encoding.",
                f"dữ liệu mô phỏng không ghi được bảng mã {encoding}: hãy khai báo bảng mã khác trong định dạng.",
            )
        return CODECS[encoding]

    def preamble(self, rows: int) -> list[str]:
        """The lines above the headings; the first marks the delivery as synthetic.

        Raises:
            DxError: there is no line for the mark.
        """
        if rows == 0:
            raise DxError(
                f"a sample of {self.layout.table} ('{self.title}') has no line to say that it is synthetic:"
                " give its format 'preamble_rows: 1' or more.",
                f"dữ liệu mô phỏng của {self.layout.table} ('{self.title}') không có dòng nào để ghi rằng đây là dữ"
                " liệu mô phỏng: hãy khai báo 'preamble_rows: 1' trở lên trong định dạng.",
            )
        mark = f"# DỮ LIỆU MÔ PHỎNG / SYNTHETIC DATA – dx sample, seed {self.seed}"
        month = f"Tháng {self.month.number:02d} năm {self.month.year}"
        return [mark, self.title.upper(), month, *self.more_titles, *[""] * rows][:rows]


def form_of(catalogue: Catalogue, scenario: Scenario, source: str, table: str, month: Month) -> Form:
    """The form in which a source delivers a table: its first layout of that table."""
    declared = catalogue.sources[source].source
    return Form(
        layout=next(layout for layout in declared.deliveries if layout.table == table),
        contract=catalogue.contracts[table],
        title=declared.title.vi,
        month=month,
        seed=scenario.seed,
        names=scenario.province_in(month).names,
        more_titles=return_06a.titles(month) if table == "statistics.return_06a" else (),
        spelling=OF_SOURCES.get((source, table), AS_DECLARED),
    )

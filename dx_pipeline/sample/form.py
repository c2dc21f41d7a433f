"""Forms: what a delivery of the sample looks like, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import JsonEnvelope, Layout, Ndjson, Parquet
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.sample.spelling import AS_DECLARED, Spelling

EXTENSIONS = {
    "csv": "csv",
    "excel": "xlsx",
    "html": "xls",
    "json": "json",
    "ndjson": "ndjson",
    "parquet": "parquet",
    "xroad": "dat",
}


@dataclass(frozen=True)
class Form:
    """What a delivery looks like, and what it says of itself.

    Args:
        layout: where each column stands, and in which style.
        contract: what the columns are.
        title: the heading of a return, as its source is called.
        month: the month that is delivered.
        seed: the seed that the sample was made with; it is part of the mark.
        names: the name of each agency and unit by code, for the columns that print one.
        more_titles: what stands above the headings beside the title and the month.
        spelling: how the texts in it are typed.
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
    def extension(self) -> str:
        """How the name of such a file ends."""
        compressed = ".gz" if getattr(self.layout.format, "compression", None) == "gzip" else ""
        return EXTENSIONS[self.layout.format.kind] + compressed

    @property
    def is_typed(self) -> bool:
        """Whether a value keeps its type in it."""
        return isinstance(self.layout.format, JsonEnvelope | Ndjson | Parquet)

    @property
    def mark(self) -> str:
        """The line by which a delivery says that it is made up."""
        return f"# DỮ LIỆU TỔNG HỢP / SYNTHETIC DATA – dx sample, seed {self.seed}"

    def preamble(self, rows: int) -> list[str]:
        """The title lines above the headings, the mark first.

        Raises:
            DxError: there is no line to put the mark on.
        """
        if rows == 0:
            message = (
                f"a sample of {self.layout.table} ('{self.title}') has no line to say that it is synthetic:"
                " give its format 'preamble_rows: 1' or more."
            )
            raise DxError(message)
        titles = [self.mark, self.title.upper(), f"Tháng {self.month.number:02d} năm {self.month.year}"]
        titles += self.more_titles
        return (titles + [""] * rows)[:rows]

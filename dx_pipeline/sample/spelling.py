"""Spelling: how the people behind a source type Vietnamese, and what their programs make of it.

Reading has to see through all of it, so the sample does not spare it: letters and marks apart,
spaces doubled, tone marks in the style that the layout does not use.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dx_pipeline.declarations.source import Layout
from dx_pipeline.vietnamese.spelling import spellings

STEP = " / "


@dataclass(frozen=True)
class Spelling:
    """What a source does to every text that it delivers.

    Args:
        is_apart: letters and their marks apart (NFD).
        is_spaced: two spaces where one would do.
        is_restyled: tone marks in the other of the two styles (Hoà for Hòa, and the reverse).
    """

    is_apart: bool = False
    is_spaced: bool = False
    is_restyled: bool = False

    def of(self, text: str) -> str:
        """A text as it is typed there."""
        text = spellings(text)[-1] if self.is_restyled else text
        text = text.replace(" ", "  ") if self.is_spaced else text
        return unicodedata.normalize("NFD", text) if self.is_apart else text

    def layout(self, layout: Layout) -> Layout:
        """A layout with its headings and words as they are typed there."""
        columns = {
            name: field.model_copy(
                update={
                    "header": self._heading(field.header) if field.header is not None else None,
                    "values": {self.of(word): code for word, code in field.values.items()} if field.values else None,
                }
            )
            for name, field in layout.columns.items()
        }
        filters = tuple(rule.model_copy(update={"header": self._heading(rule.header)}) for rule in layout.filters)
        ignored = tuple(map(self._heading, layout.ignored))
        return layout.model_copy(update={"columns": columns, "filters": filters, "ignored": ignored})

    def table(self, table: pa.Table) -> pa.Table:
        """A table with its texts as they are typed there."""
        for position, column in enumerate(table.columns):
            if pa.types.is_string(column.type):
                texts = [None if text is None else self.of(text) for text in column.to_pylist()]
                table = table.set_column(position, table.column_names[position], pa.array(texts, pa.string()))
        return table

    def _heading(self, heading: str) -> str:
        return STEP.join(map(self.of, heading.split(STEP)))


AS_DECLARED = Spelling()

OF_SOURCES: Mapping[tuple[str, str], Spelling] = {
    ("public_post", "connection.register"): Spelling(is_spaced=True, is_restyled=True),
    ("plan", "programme.plan"): Spelling(is_apart=True, is_restyled=True),
    ("project_milestone", "programme.project_milestone"): Spelling(is_apart=True, is_spaced=True),
}
"""By source and table; every other delivery is typed as its layout has it."""

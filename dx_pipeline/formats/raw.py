"""Raw deliveries: what every format reads a delivery into, and what all of them check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from dx_pipeline.declarations.document import Declared
from dx_pipeline.declarations.source import Layout, Placement
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import refusal
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import comparable, normal

SYNTHETIC = "SYNTHETIC"
"""The word by which a delivery says, in its first title line, that its data are made up."""

SYNTHETIC_KEY = "synthetic"
"""The JSON name that says the same, beside the declared ones."""

AS_PRINTED = Placement(header="")
"""How a column that the layout ignores is printed."""

Shape = TypeVar("Shape", bound=Declared)


@dataclass(frozen=True)
class Raw:
    """A loaded delivery.

    Args:
        name: the temporary table with its lines as text, under the headings of its layout.
        rows: how many lines it has that are not blank and not headings: the rows in.
        is_synthetic: whether the delivery says that its data are made up.
        titles: the lines above its headings.
        empty_columns: how many columns at its end have neither a heading nor a value; they are left out.
        page: its number in the column `page`, if it shares the table with other deliveries.
    """

    name: str
    rows: int
    is_synthetic: bool
    titles: tuple[str, ...] = ()
    page: int | None = None
    empty_columns: int = 0


@dataclass(frozen=True)
class Reader:
    """How one format is read: its headings (cheap, to recognise it), then all of its lines.

    `load_pages` loads several deliveries into one table, in their order, where that pays. All of them raise
    DeliveryRefusedError where a file is not what its layout says, or not whole.
    """

    headings: Callable[[Path, Layout], list[str]]
    load: Callable[[duckdb.DuckDBPyConnection, Path, Layout, str], Raw]
    load_pages: Callable[[duckdb.DuckDBPyConnection, Sequence[Path], Layout, str], list[Raw]] | None = None


def format_of(layout: Layout, kind: type[Shape]) -> Shape:
    """The format of a layout, which is known to be of a kind: its reader was chosen by it."""
    assert isinstance(layout.format, kind)  # noqa: S101
    return layout.format


def placements(layout: Layout) -> dict[str, Placement]:
    """How the text under each expected heading is to be understood."""
    placed = {field.header: field for field in layout.columns.values()}
    return {heading: placed.get(heading, AS_PRINTED) for heading in layout.expected}


def is_marked(titles: Sequence[str]) -> bool:
    """Whether the first title line says that the data are made up."""
    return bool(titles) and SYNTHETIC in titles[0]


def as_declared(found: Sequence[str], layout: Layout) -> list[str]:
    """The headings found, spelt as the layout spells them where they are the same.

    They may have decomposed letters (NFD), double spaces, tone marks in the other style.
    """
    spelt = {comparable(heading): heading for heading in layout.expected}
    return [spelt.get(comparable(heading), normal(heading)) for heading in found]


def check_headings(found: Sequence[str], layout: Layout, line: int) -> list[str]:
    """Check the headings of a delivery by its layout; returns them as the layout spells them.

    Raises:
        DeliveryRefusedError: one is missing, unknown, or there twice. The delivery is quoted only
            if every expected heading is there: else the line may be one of data.
    """
    named = as_declared(found, layout)
    for heading in layout.expected:
        if heading not in named:
            letters = legacy.encoding_of(named, layout.expected)
            if letters is not None:
                raise refusal.legacy_letters(letters, line=line)
            raise DeliveryRefusedError(
                f"the column '{heading}' is missing; ask the sender for it, or correct the layout.",
                f"thiếu cột '{heading}'; hãy đề nghị nơi gửi bổ sung, hoặc sửa cách trình bày đã khai báo.",
                line=line,
                column=heading,
            )
    for position, heading in enumerate(named):
        if heading not in layout.expected:
            number = position + 1
            quoted = f"'{heading}'" if heading else f"number {number} (it has no heading)"
            quoted_vi = f"'{heading}'" if heading else f"thứ {number} (không có tiêu đề)"
            raise DeliveryRefusedError(
                f"the column {quoted} is unknown; declare it under 'columns' or 'ignored',"
                " or ask the sender to leave it out.",
                f"cột {quoted_vi} không được biết; hãy khai báo dưới 'columns' hoặc 'ignored',"
                " hoặc đề nghị nơi gửi bỏ cột này.",
                line=line,
                column=heading,
            )
        if heading in named[:position]:
            raise DeliveryRefusedError(
                f"the column '{heading}' is there twice; ask the sender which one is right.",
                f"cột '{heading}' có hai lần; hãy hỏi nơi gửi cột nào đúng.",
                line=line,
                column=heading,
            )
    return named

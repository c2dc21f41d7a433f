"""What every reader hands on: a delivery's lines as text, under the headings of its layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dx_pipeline.declarations.source import Layout
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.vietnamese import legacy
from dx_pipeline.vietnamese.spelling import comparable, normal

SYNTHETIC = "SYNTHETIC"
"""The word by which a delivery says, in its first title line, that its data are made up."""

SYNTHETIC_KEY = "synthetic"
"""The JSON name that says the same; it may stand beside the declared ones."""


@dataclass(frozen=True)
class Raw:
    """A loaded delivery.

    Args:
        name: the temporary table that holds its lines.
        rows: how many lines it has that are not blank and not headings: the rows in.
        is_synthetic: whether the delivery says of itself that its data are made up.
        titles: the lines above its headings.
        page: where its lines share the table with other deliveries, the number in the column `page`
            that they stand under; None where the table is its own.
    """

    name: str
    rows: int
    is_synthetic: bool
    titles: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True)
class Reader:
    """How one format is read: its headings (cheap, to recognise it), then all of its lines.

    `load_pages` loads several deliveries into one table, in their order, where that pays.
    """

    headings: Callable[[Path, Layout], list[str]]
    load: Callable[[duckdb.DuckDBPyConnection, Path, Layout, str], Raw]
    load_pages: Callable[[duckdb.DuckDBPyConnection, Sequence[Path], Layout, str], list[Raw]] | None = None


def is_marked(titles: Sequence[str]) -> bool:
    """Whether the first title line says that the data are made up."""
    return bool(titles) and SYNTHETIC in titles[0]


def as_declared(found: Sequence[str], layout: Layout) -> list[str]:
    """The headings found, spelt as the layout spells them where they are the same.

    Letters and marks may be apart (NFD), spaces double, tone marks in either style.
    """
    spelt = {comparable(heading): heading for heading in layout.expected}
    return [spelt.get(comparable(heading), normal(heading)) for heading in found]


def check_headings(found: Sequence[str], layout: Layout, line: int) -> list[str]:
    """Hold the headings of a delivery against its layout; returns them as the layout spells them.

    Raises:
        DeliveryRefusedError: one is missing, unknown, or there twice. What stands in the delivery
            is quoted only where every expected heading is there: else it may be a line of data.
    """
    named = as_declared(found, layout)
    for heading in layout.expected:
        if heading not in named:
            letters = legacy.encoding_of(named, layout.expected)
            if letters is not None:
                raise DeliveryRefusedError(legacy.advice(letters), line=line)
            message = f"the column '{heading}' is missing; ask the sender for it, or correct the layout."
            raise DeliveryRefusedError(message, line=line, column=heading)
    for position, heading in enumerate(named):
        if heading not in layout.expected:
            quoted = f"'{heading}'" if heading else f"number {position + 1} (it has no heading)"
            message = (
                f"the column {quoted} is unknown; declare it under 'columns' or 'ignored',"
                " or ask the sender to leave it out."
            )
            raise DeliveryRefusedError(message, line=line, column=heading)
        if heading in named[:position]:
            message = f"the column '{heading}' stands there twice; ask the sender which one holds."
            raise DeliveryRefusedError(message, line=line, column=heading)
    return named

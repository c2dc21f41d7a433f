"""What a page of the report consists of, in both languages; HTML, workbook and PDF are drawn from the same pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.report.chart import Calendar, Chart

Kind = Literal["text", "number", "figure", "window", "day", "status", "share", "link", "bar", "trend"]
NUMBERS = {"number", "share", "figure"}
PICTURES = {"bar", "trend"}
"""Columns that are drawn from figures of other columns: downloads leave them out."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: its heading.
        kind: `text` (words in one or both languages), `number` (with `unit`), `figure` (with its unit in words),
            `window` (a `Window`, sorted in the order of time), `day`, `status`, `share` (0–1, shown as a
            percentage), `link` (a `Link`), `bar` (two shares: how long, and where a mark is), `trend` (a `Trend`).
        unit: the unit of measure of its figures.
    """

    title: Bilingual
    kind: Kind = "text"
    unit: str = ""


@dataclass(frozen=True)
class Link:
    """Words that lead to another page of the report."""

    words: Bilingual | str
    path: str


@dataclass(frozen=True)
class Trend:
    """A sparkline.

    Args:
        values: one a month.
        label: for screen readers.
        breaks: the months before which the definition changes.
    """

    values: Sequence[float | None]
    label: Bilingual
    breaks: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Table:
    """A table: cells are plain values, so that each medium writes them in its own way.

    Args:
        title: what it shows.
        columns: its columns.
        rows: its cells, row by row; None where nothing is known.
        name: of its files for download; none without one.
    """

    title: Bilingual
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    name: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A chart, and behind it the table of its figures."""

    chart: Chart | Calendar
    table: Table


@dataclass(frozen=True)
class Heading:
    """The heading of what follows."""

    words: Bilingual


@dataclass(frozen=True)
class Paragraph:
    """Words, with the page that they lead to at their end."""

    words: Bilingual
    link: Link | None = None


@dataclass(frozen=True)
class Notes:
    """What a reader has to know, one sentence each."""

    sentences: Sequence[Bilingual]
    is_bad: bool = False


@dataclass(frozen=True)
class Code:
    """A statement that computes what is shown."""

    summary: Bilingual
    text: str


@dataclass(frozen=True)
class Card:
    """One KPI in a box."""

    title: Link
    value: Bilingual
    window: Bilingual
    status: str
    sentences: Sequence[Bilingual]
    trend: Trend


@dataclass(frozen=True)
class Cards:
    """Some KPIs beside each other."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Closed:
    """What is shown when a reader opens it, such as a long table."""

    summary: Bilingual
    table: Table


Block = Heading | Paragraph | Notes | Code | Cards | Table | Drawing | Closed


@dataclass(frozen=True)
class Page:
    """A page.

    Args:
        path: where it is, from the folder of its language: `kpi/online_dossier_rate.html`.
        title: its title.
        blocks: what is on it, from the top.
        short: its title in the menu.
    """

    path: str
    title: Bilingual
    blocks: Sequence[Block] = field(default_factory=tuple)
    short: Bilingual | None = None

    @property
    def tables(self) -> list[Table]:
        """Its tables that have files for download."""
        found = [block.table if isinstance(block, Drawing | Closed) else block for block in self.blocks]
        return [block for block in found if isinstance(block, Table) and block.name is not None]

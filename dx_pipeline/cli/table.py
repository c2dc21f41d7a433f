"""Tables for people: nothing is cut, whatever the width of the terminal.

A table that is wider than the terminal has the first cell of each row on a line above the others; if these do not fit
either, each cell is on a line of its own beside its heading. What is piped has one row a line and no lines drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from dx_pipeline.cli import screen
from dx_pipeline.language import MISSING

BETWEEN = "  "
"""What is between two columns."""

INDENT = "  "
"""What stacked cells begin with."""


def show_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table on standard output.

    Args:
        title: above the table; may be empty.
        headings: one a column.
        rows: the cells as Rich's markup, one a column. A column in which no row has anything is left out.
        right: the columns aligned to the right.
    """
    filled = [place for place in range(len(headings)) if place == 0 or any(_has_text(row[place]) for row in rows)]
    is_right = tuple(place in right for place in filled)
    heads = [Text.from_markup(headings[place], style="bold") for place in filled]
    table = Table(heads, [[_cell(row[place]) for place in filled] for row in rows], is_right)
    if title:
        screen.paragraph(f"[bold]{title}[/]")
    for line in table.lines(screen.OUT.width, is_drawn=screen.OUT.is_terminal):
        screen.OUT.print(line, soft_wrap=True)
    screen.OUT.print()


@dataclass(frozen=True)
class Table:
    """Headings and rows of cells; which columns are aligned to the right."""

    headings: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    right: Sequence[bool]

    def lines(self, width: int, *, is_drawn: bool) -> Iterator[Text]:
        """The lines of the table, laid out for a terminal of that width; `is_drawn`: a line below the headings."""
        widths = self._widths()
        if _total(widths) <= width:
            yield from self._side_by_side(widths, is_drawn=is_drawn)
        elif len(INDENT) * 2 + max(widths[1:], default=width) <= width:
            yield from self._under_first(widths, _packed(widths, width))
        else:
            yield from self._one_below_another(width)

    def _widths(self) -> list[int]:
        return [max(cell.cell_len for cell in column) for column in zip(self.headings, *self.rows, strict=True)]

    def _side_by_side(self, widths: Sequence[int], *, is_drawn: bool) -> Iterator[Text]:
        if any(heading.plain for heading in self.headings):
            yield self._line(self.headings, widths, self.right)
            if is_drawn:
                yield Text("─" * _total(widths), style="dim")
        for row in self.rows:
            yield self._line(row, widths, self.right)

    def _under_first(self, widths: Sequence[int], packed: Sequence[range]) -> Iterator[Text]:
        """The first cell of a row above the others, once for all rows that follow each other and begin with it."""
        yield from self._packed_lines(self.headings, widths, packed)
        yield Text("─" * max(_total([widths[place] for place in places]) for places in packed), style="dim")
        first = None
        for row in self.rows:
            if row[0].plain != first:
                first = row[0].plain
                yield from screen.wrapped(row[0].markup, screen.OUT)
            yield from self._packed_lines(row, widths, packed)

    def _packed_lines(self, cells: Sequence[Text], widths: Sequence[int], packed: Sequence[range]) -> Iterator[Text]:
        """The cells but the first, on as many lines as they are packed into; a line of empty ones is left out."""
        for line, places in enumerate(packed):
            if any(_has_text(cells[place].plain) for place in places):
                part = slice(places.start, places.stop)
                yield Text(INDENT * min(line + 1, 2)) + self._line(cells[part], widths[part], self.right[part])

    def _one_below_another(self, width: int) -> Iterator[Text]:
        """Each cell beside its heading, the first one without; what is empty is left out."""
        label_width = max((heading.cell_len for heading in self.headings[1:]), default=0)
        hanging = " " * (len(INDENT) + label_width + len(BETWEEN))
        for row in self.rows:
            yield from screen.wrapped(row[0].markup, screen.OUT)
            for heading, cell in zip(self.headings[1:], row[1:], strict=True):
                if not _has_text(cell.markup):
                    continue
                label = Text(INDENT) + _padded(heading, label_width, is_right=False) + Text(BETWEEN)
                if len(hanging) > width // 2:
                    yield Text(INDENT) + heading
                    label = Text(hanging := INDENT * 2)
                for position, line in enumerate(screen.wrapped(cell.markup, screen.OUT, len(hanging))):
                    yield (label if position == 0 else Text(hanging)) + line

    @staticmethod
    def _line(cells: Sequence[Text], widths: Sequence[int], right: Sequence[bool]) -> Text:
        padded = (_padded(*each) for each in zip(cells, widths, right, strict=True))
        line = Text(BETWEEN).join(padded)
        line.rstrip()
        return line


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(BETWEEN) * (len(widths) - 1)


def _packed(widths: Sequence[int], width: int) -> list[range]:
    """The columns but the first, in as few lines as have room for them."""
    packed, start = [], 1
    for place in range(1, len(widths)):
        if len(INDENT) * 2 + _total(widths[start : place + 1]) > width:
            packed.append(range(start, place))
            start = place
    return [*packed, range(start, len(widths))]


def _padded(cell: Text, width: int, is_right: bool) -> Text:
    padding = Text(" " * (width - cell.cell_len))
    return padding + cell if is_right else cell + padding


def _cell(markup: str) -> Text:
    """A cell on one line."""
    return Text.from_markup("; ".join(markup.split("\n")))


def _has_text(markup: str) -> bool:
    return Text.from_markup(markup).plain.strip(f" {MISSING}*") != ""

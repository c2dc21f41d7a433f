"""Charts as inline SVG: lines over months, columns, sparklines, bars within table cells, and a calendar of days.

Each is read without colour: lines differ by dash and by the words at their ends, days by a sign. Each has a label for
screen readers; the page puts the table of the same figures behind it. No script, no font and no file of others.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import ceil, floor, log10

from markupsafe import Markup, escape

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.language import UNITS, Language

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 168, 22, 34
"""The margins of a chart: for the figures of its axis, the words at the ends of lines, and the months."""

MOST_MONTHS = 12
"""So many months are named below a chart; of more, only some are."""

TICKS = 4
"""About how many figures an axis has."""

FAR_FROM_ZERO = 0.5
"""An axis begins at zero unless the smallest figure is more than this share of the largest."""

LINE_HEIGHT = 14
DASHES = ("", "7 4", "2 3", "9 3 2 3")
"""By place: how the lines of a chart are drawn."""


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Args:
        name: the words at its end; none without it.
        values: one a place of the chart, from the left; None where there is none.
        kind: `main` is drawn strongly, `target` and `trajectory` thinly, `other` by its place.
    """

    name: Bilingual | None
    values: Sequence[float | None]
    kind: str = "main"


@dataclass(frozen=True)
class Chart:
    """A chart of lines or columns over the same places.

    Args:
        label: what it shows, for screen readers.
        places: the last days of the months below its places, from the left; of a month that is divided, those of its
            parts, which lie within the month.
        lines: what is drawn.
        unit: the unit of measure of its figures.
        breaks: at which places something changes that keeps the figures before and after from being compared, and what.
        published: figures that were published elsewhere, by place.
        is_columns: whether the first line is drawn as columns.
        note: what is written over the chart, such as that its data are synthetic.
    """

    label: Bilingual
    places: Sequence[date]
    lines: Sequence[Line]
    unit: str
    breaks: Sequence[tuple[int, Bilingual]] = ()
    published: Sequence[tuple[int, float]] = ()
    is_columns: bool = False
    note: Bilingual | None = None

    @cached_property
    def _ticks(self) -> list[float]:
        """The figures of the axis, from the lowest."""
        figures = [value for line in self.lines for value in line.values if value is not None]
        figures += [value for _, value in self.published]
        return _ticks(figures, from_zero=self.is_columns)

    def svg(self, language: Language) -> Markup:
        """The chart in a language."""
        parts = [*self._axis(language), *self._breaks(language)]
        for position, line in enumerate(self.lines):
            parts += self._columns(line) if self.is_columns and position == 0 else self._line(position, line)
        parts += [*self._published(), *self._ends(language)]
        if self.note is not None:
            parts.append(_text(WIDTH - RIGHT, TOP - 8, language.of(self.note), "note end"))
        return _svg(WIDTH, HEIGHT, language.of(self.label), parts, "chart")

    @cached_property
    def _months(self) -> list[date]:
        """The first days of the months from the first place to the last one."""
        last = self.places[-1] if self.places else date.min
        found = [self.places[0].replace(day=1)] if self.places else []
        while found and (following := (found[-1] + timedelta(days=31)).replace(day=1)) <= last:
            found.append(following)
        return found

    @cached_property
    def _spans(self) -> list[tuple[float, float]]:
        """Where each place begins and ends, in months from the left: a part of a month is as wide as its days are."""
        found: list[tuple[float, float]] = []
        for place, day in enumerate(self.places):
            month, days = self._months.index(day.replace(day=1)), monthrange(day.year, day.month)[1]
            found.append((month + (self._first_days[place] - 1) / days, month + day.day / days))
        return found

    @cached_property
    def _first_days(self) -> list[int]:
        """On which day of its month each place begins: the first, or the one after the part before it."""
        before = [None, *self.places]
        return [
            last.day + 1 if last is not None and last.replace(day=1) == day.replace(day=1) else 1
            for last, day in zip(before, self.places, strict=False)
        ]

    @property
    def _step(self) -> float:
        """How wide a month is."""
        return (WIDTH - LEFT - RIGHT) / max(1, len(self._months))

    def _x(self, place: int) -> float:
        """The middle of a place."""
        return LEFT + self._step * sum(self._spans[place]) / 2

    def _y(self, value: float) -> float:
        low, high = self._ticks[0], self._ticks[-1]
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))

    def _axis(self, language: Language) -> Iterable[Markup]:
        for tick in self._ticks:
            y = self._y(tick)
            yield Markup('<path class="grid" d="M{} {}h{}"/>').format(LEFT, _short(y), WIDTH - RIGHT - LEFT)
            yield _text(LEFT - 8, y + 4, language.figure(tick, self.unit), "axis end")
        if self.unit and self.unit not in UNITS:
            yield _text(0, TOP - 8, language.unit(self.unit), "axis")
        every = ceil(len(self._months) / MOST_MONTHS) or 1
        for place, month in enumerate(self._months):
            if (len(self._months) - 1 - place) % every == 0:
                yield _text(
                    LEFT + self._step * (place + 0.5), HEIGHT - BOTTOM + 18, language.month(month), "axis middle"
                )
        for place, (day, first) in enumerate(zip(self.places, self._first_days, strict=True)):
            is_part = first > 1 or day.day < monthrange(day.year, day.month)[1]
            if is_part and every == 1:
                yield _text(self._x(place), HEIGHT - BOTTOM + 31, f"{first}\N{EN DASH}{day.day}", "note middle")

    def _breaks(self, language: Language) -> Iterable[Markup]:
        for place, words in self.breaks:
            x = LEFT + self._step * self._spans[place][0]
            yield Markup('<path class="break" d="M{} {}v{}"/>').format(_short(x), TOP, HEIGHT - BOTTOM - TOP)
            yield _text(x + 4, HEIGHT - BOTTOM - 6, language.of(words), "note")

    def _columns(self, line: Line) -> Iterable[Markup]:
        for place, value in enumerate(line.values):
            if value is not None:
                width = 0.62 * self._step * (self._spans[place][1] - self._spans[place][0])
                y = self._y(value)
                yield Markup('<rect class="column" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                    self._x(place) - width / 2, y, width, max(0.0, HEIGHT - BOTTOM - y)
                )

    def _line(self, position: int, line: Line) -> Iterable[Markup]:
        breaks = {place for place, _ in self.breaks}
        points: list[tuple[float, float]] = []
        for place, value in [*enumerate(line.values), (len(line.values), None)]:
            if (value is None or place in breaks) and points:
                yield from _polyline(points, line.kind, DASHES[position % len(DASHES)])
                points = []
            if value is not None:
                points.append((self._x(place), self._y(value)))

    def _published(self) -> Iterable[Markup]:
        for place, value in self.published:
            x, y = self._x(place), self._y(value)
            yield Markup('<path class="published" d="M{:.1f} {:.1f}l5 5l-5 5l-5 -5z"/>').format(x, y - 5)

    def _ends(self, language: Language) -> Iterable[Markup]:
        """The names of the lines at their ends, moved apart where they would cover each other."""
        ends = []
        for line in self.lines:
            known = [(place, value) for place, value in enumerate(line.values) if value is not None]
            if known and line.name is not None:
                ends.append((self._y(known[-1][1]), language.of(line.name), line.kind))
        below = float(-LINE_HEIGHT)
        for y, words, kind in sorted(ends):
            below = max(y + 4, below + LINE_HEIGHT)
            yield _text(WIDTH - RIGHT + 6, below, words, f"name {kind}")


def sparkline(values: Sequence[float | None], label: str, breaks: AbstractSet[int] = frozenset()) -> Markup:
    """The trend of a figure, as wide as a word; nothing where fewer than two are known.

    Args:
        values: from the left.
        label: for screen readers.
        breaks: before which of them the line is interrupted, by a mark: the values on its sides do not compare.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two ends
        return Markup("")
    low, high = min(known), max(known)
    width, height, rim = 96, 24, 3

    def x(place: float) -> float:
        return rim + (width - 2 * rim) * place / (len(values) - 1)

    def y(value: float) -> float:
        return height - rim - (height - 2 * rim) * ((value - low) / (high - low) if high > low else 0.5)

    lines: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if place in breaks:
            lines.append([])
        if value is not None:
            lines[-1].append(f"{x(place):.0f},{y(value):.0f}")
    drawn = Markup("").join(Markup('<polyline points="{}"/>').format(" ".join(line)) for line in lines if line)
    drawn += Markup("").join(Markup('<path d="M{:.0f} 1v22"/>').format(x(place - 0.5)) for place in sorted(breaks))
    end_x, end_y = next(line for line in reversed(lines) if line)[-1].split(",")
    end = Markup('<circle cx="{}" cy="{}"/>').format(end_x, end_y)
    return Markup('<svg class="spark" role="img" aria-label="{}">{}{}</svg>').format(label, drawn, end)


def bar(share: float | None, mark: float | None = None) -> Markup:
    """A bar within a table cell, as long as a share of it (0–1), with a line at another share; hidden from readers."""
    if share is None:
        return Markup("")
    width = 120
    drawn = Markup('<rect width="{:.0f}"/>').format(width * min(1, max(0, share)))
    if mark is not None and 0 <= mark <= 1:
        drawn += Markup('<path d="M{:.0f} 0v16"/>').format(width * mark)
    return Markup('<svg class="bar" aria-hidden="true">{}</svg>').format(drawn)


def _svg(width: int, height: int, label: str, parts: Iterable[Markup], kind: str) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        kind, width, height, label, Markup("").join(parts)
    )


def _text(x: float, y: float, words: str, kind: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, _short(x), _short(y), escape(words))


def _short(number: float) -> str:
    """A place in a chart, to a tenth."""
    return f"{number:.1f}".removesuffix(".0")


def _polyline(points: Sequence[tuple[float, float]], kind: str, dash: str) -> Iterable[Markup]:
    drawn = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
    dashes = Markup(' stroke-dasharray="{}"').format(dash) if dash else Markup("")
    yield Markup('<polyline class="line {}" points="{}"{}/>').format(kind, drawn, dashes)
    if kind == "main":
        for x, y in points:
            yield Markup('<circle class="dot" cx="{}" cy="{}" r="3"/>').format(_short(x), _short(y))


def _ticks(figures: Sequence[float], *, from_zero: bool) -> list[float]:
    """The figures of an axis: round ones, the first not above the least of `figures`, the last not below the most."""
    low, high = min(figures, default=0.0), max(figures, default=1.0)
    if from_zero or low < 0 or low <= FAR_FROM_ZERO * high:
        low, high = min(0.0, low), max(0.0, high)
    raw = ((high - low) or abs(high) or 1.0) / TICKS
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(step * number, 10) for number in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Calendar:
    """A chart of days: a row a month, a square a day, the darker the higher the share.

    Args:
        label: what it shows, for screen readers.
        shares: by day, a share (0–1); a day without one is empty.
        agreed: a day below this share has a sign.
        note: what is written below the days, such as that their data are synthetic.
    """

    label: Bilingual
    shares: Mapping[date, float]
    agreed: float | None = None
    note: Bilingual | None = None

    def svg(self, language: Language) -> Markup:
        """The chart in a language."""
        months = sorted({(day.year, day.month) for day in self.shares})
        parts = [
            _text(CELL_LEFT + CELL * (number - 0.5), 12, str(number), "axis middle")
            for number in range(1, 32)
            if number == 1 or number % 5 == 0
        ]
        for row, (year, month) in enumerate(months):
            parts.append(_text(CELL_LEFT - 8, 30 + CELL * row, language.month(date(year, month, 1)), "axis end"))
        lowest = min([*self.shares.values(), self.agreed or 1.0])
        for day, share in self.shares.items():
            x, y = CELL_LEFT + CELL * (day.day - 1), 18 + CELL * months.index((day.year, day.month))
            parts.append(self._square(x, y, share, lowest))
        height = 24 + CELL * len(months)
        if self.note is not None:
            parts.append(_text(CELL_LEFT, height + 10, language.of(self.note), "note"))
            height += 16
        return _svg(CELL_LEFT + 31 * CELL + 4, height, language.of(self.label), parts, "calendar")

    def _square(self, x: float, y: float, share: float, lowest: float) -> Markup:
        depth = 0.12 + 0.78 * ((share - lowest) / (1 - lowest) if lowest < 1 else 1)
        square = Markup('<rect x="{:.0f}" y="{:.0f}" width="{}" height="{}" fill="#0b5394" fill-opacity="{:.2f}"/>')
        drawn = square.format(x, y, CELL - 2, CELL - 2, depth)
        if self.agreed is None or share >= self.agreed:
            return drawn
        sign = Markup('<path class="below" d="M{:.0f} {:.0f}l8 8m0 -8l-8 8"/>').format(x + 4, y + 4)
        return drawn + sign


CELL, CELL_LEFT = 18, 70
"""How wide a day is, and where the first of a month is."""

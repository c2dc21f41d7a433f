"""Months, and the windows that KPIs are evaluated over. Calendar only: no clock, no time zone."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from dx_pipeline.errors import UsageError

WindowType = Literal["month", "quarter", "ytd", "year"]
WINDOW_TYPES: tuple[WindowType, ...] = ("month", "quarter", "ytd", "year")

MONTH = r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$"
"""How a month is written: digits of other scripts, and a year without a calendar, are no month."""


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read `YYYY-MM`.

        Raises:
            UsageError: the text is not a month.
        """
        if not re.fullmatch(MONTH, text):
            raise UsageError(
                f"'{text}' is not a month: write it as YYYY-MM, for example 2022-06.",
                vi=f"'{text}' không phải là tháng: hãy ghi YYYY-MM, ví dụ 2022-06.",
            )
        return cls(int(text[:4]), int(text[5:]))

    @classmethod
    def named(cls, name: str) -> Month | None:
        """The month that a folder or file is named for; None if it is named for none."""
        return cls.parse(name) if re.fullmatch(MONTH, name) else None

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that a day is in."""
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, self.number, monthrange(self.year, self.number)[1])

    def plus(self, months: int) -> Month:
        """The month that many months later (earlier, where negative)."""
        position = self.year * 12 + self.number - 1 + months
        return Month(position // 12, position % 12 + 1)

    def through(self, last: Month) -> Iterator[Month]:
        """Every month from this one to `last`, both included."""
        month = self
        while month <= last:
            yield month
            month = month.plus(1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


def parse_months(text: str) -> tuple[Month, ...]:
    """Read one month (`2022-06`) or a range (`2022-01:2022-09`), both ends included.

    Raises:
        UsageError: a month is malformed, or the range runs backwards.
    """
    first, _, last = text.partition(":")
    start, end = Month.parse(first), Month.parse(last or first)
    if end < start:
        raise UsageError(
            f"'{text}' runs backwards: write the earlier month first.",
            vi=f"'{text}' bị ngược: hãy ghi tháng trước ở trước.",
        )
    return tuple(start.through(end))


def consecutive(months: Sequence[Month]) -> Iterator[tuple[Month, Month]]:
    """The months as (first, last) stretches without a gap, in order."""
    ordered = sorted(set(months))
    start = previous = None
    for month in ordered:
        if start is None or previous is None:
            start = month
        elif month != previous.plus(1):
            yield start, previous
            start = month
        previous = month
    if start is not None and previous is not None:
        yield start, previous


@dataclass(frozen=True, order=True)
class Window:
    """The period of one KPI value. Both ends are inclusive."""

    type: WindowType
    start: date
    end: date

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read a month (`2022-04`), a quarter (`2022-Q2`), a year (`2022`), or a year to date (`2022-01:2022-06`).

        Raises:
            UsageError: the text is no window, or a year to date that does not begin in its January.
        """
        if re.fullmatch(r"\d{4}", text):
            return cls("year", date(int(text), 1, 1), date(int(text), 12, 31))
        if matched := re.fullmatch(r"(\d{4})-Q([1-4])", text):
            first = Month(int(matched[1]), 3 * int(matched[2]) - 2)
            return cls("quarter", first.first, first.plus(2).last)
        if ":" in text:
            months = parse_months(text)
            if months[0] != Month(months[-1].year, 1):
                raise UsageError(
                    f"'{text}' is no year to date: write it from January on, for example 2022-01:2022-06.",
                    vi=f"'{text}' không phải là lũy kế từ đầu năm: hãy ghi từ tháng 1, ví dụ 2022-01:2022-06.",
                )
            return cls("ytd", months[0].first, months[-1].last)
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
            raise UsageError(
                f"'{text}' is no window: write 2022-04, 2022-Q2, 2022, or 2022-01:2022-06 (year to date).",
                vi=f"'{text}' không phải là kỳ: hãy ghi 2022-04, 2022-Q2, 2022, hoặc 2022-01:2022-06 (lũy kế).",
            )
        month = Month.parse(text)
        return cls("month", month.first, month.last)

    def __str__(self) -> str:
        first, last = Month.of(self.start), Month.of(self.end)
        match self.type:
            case "month":
                return str(last)
            case "quarter":
                return f"{last.year:04d}-Q{last.number // 3}"
            case "ytd":
                return f"{first}:{last}"
            case _:
                return f"{last.year:04d}"

    @property
    def before(self) -> Window:
        """The one that it is compared with: the last of its kind; of a year to date the same span of the last year."""
        first, last = Month.of(self.start), Month.of(self.end)
        months = 12 if self.type == "ytd" else len(self.months)
        return Window(self.type, first.plus(-months).first, last.plus(-months).last)

    @property
    def months(self) -> tuple[Month, ...]:
        """Every month it touches, in order."""
        return tuple(Month.of(self.start).through(Month.of(self.end)))


def windows(months: Sequence[Month], types: Sequence[WindowType]) -> tuple[Window, ...]:
    """Every window of the given types that touches the span of the given months.

    A quarter or year that has started but not ended is among them: its coverage shows that it is open.
    """
    if not months:
        return ()
    found: set[Window] = set()
    for month in min(months).through(max(months)):
        january = date(month.year, 1, 1)
        quarter = Month(month.year, 3 * ((month.number - 1) // 3) + 1)
        candidates = (
            Window("month", month.first, month.last),
            Window("quarter", quarter.first, quarter.plus(2).last),
            Window("ytd", january, month.last),
            Window("year", january, date(month.year, 12, 31)),
        )
        found.update(window for window in candidates if window.type in types)
    return tuple(sorted(found, key=lambda window: (window.end, WINDOW_TYPES.index(window.type))))

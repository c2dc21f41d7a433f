"""How words, figures, days and windows are written in Vietnamese and in English.

Figures and dates follow Babel's rules: 52,8% and 30/06/2022 in Vietnamese, 52.8% and 30 June 2022 in English.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, Protocol

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol

Code = Literal["vi", "en"]
MISSING = "–"
"""What stands where there is no figure: never a zero."""

MOST_DECIMALS = 2
"""Where it is not said how many."""

QUARTERS = ("I", "II", "III", "IV")
DAY_FORMATS = {"vi": "dd/MM/yyyy", "en": "d MMMM yyyy"}
UNITS = {"percent": "%"}
"""Units of measure that are written behind the figure without a space."""


ONES = {"1", "\N{MINUS SIGN}1"}
"""The figures that English writes the singular behind."""

ENDINGS = (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("ss", "ss"), ("s", ""))
"""Of English plurals, with what the singular has in their place: the first that fits."""


class Text(Protocol):
    """Words in both languages."""

    @property
    def vi(self) -> str: ...  # noqa: D102 - the words
    @property
    def en(self) -> str: ...  # noqa: D102 - the words


@dataclass(frozen=True)
class Language:
    """One of the two languages."""

    code: Code

    def of(self, text: Text) -> str:
        """The words in this language."""
        return text.vi if self.code == "vi" else text.en

    def pick(self, vi: str, en: str) -> str:
        """One of the two."""
        return vi if self.code == "vi" else en

    def number(self, value: float | None, decimals: int | None = None, most_decimals: int = MOST_DECIMALS) -> str:
        """A figure with its separators; a dash where there is none.

        Args:
            value: the figure.
            decimals: how many it has; by default none that are 0 at its end.
            most_decimals: how many it has at most.
        """
        if value is None:
            return MISSING
        written = f"{value:,.{most_decimals if decimals is None else decimals}f}"
        if decimals is None and "." in written:
            written = written.rstrip("0").rstrip(".")
        if written.startswith("-") and not written.strip("-0.,"):
            written = written[1:]  # what rounds to zero has no sign
        return written.translate(_separators(self.code))

    def figure(
        self, value: float | None, unit: str, decimals: int | None = None, most_decimals: int = MOST_DECIMALS
    ) -> str:
        """A figure with its unit of measure, where that is a sign."""
        written = self.number(value, decimals, most_decimals)
        return written if value is None else f"{written}{UNITS.get(unit, '')}"

    def unit(self, unit: str) -> str:
        """The words of a unit of measure, which may be written for both languages: `ngày / days`."""
        vi, _, en = unit.partition(" / ")
        return UNITS.get(unit) or self.pick(vi, en or vi)

    def measured(self, value: float | None, unit: str, most_decimals: int = MOST_DECIMALS) -> str:
        """A figure with the words of its unit of measure, `1 enterprise`; a dash where there is none."""
        written = self.figure(value, unit, most_decimals=most_decimals)
        if value is None or unit in UNITS:
            return written
        named = self.unit(unit)
        is_one = self.code == "en" and written in ONES
        return f"{written} {singular(named) if is_one else named}"

    def difference(
        self, value: float | None, unit: str, decimals: int | None = None, most_decimals: int = MOST_DECIMALS
    ) -> str:
        """A difference with its sign; of percentages in percentage points."""
        if value is None:
            return MISSING
        sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
        points = self.pick(" điểm %", " pp") if unit == "percent" else ""
        return f"{sign}{self.number(abs(value), decimals, most_decimals)}{points}"

    def day(self, day: date | datetime | None) -> str:
        """A day: 30/06/2022, 30 June 2022."""
        return MISSING if day is None else format_date(day, DAY_FORMATS[self.code], locale=_locale(self.code))

    def month(self, day: date) -> str:
        """The month of a day in few letters: 06/2022, Jun 2022."""
        return format_date(day, self.pick("MM/yyyy", "MMM yyyy"), locale=_locale(self.code))

    def window(self, kind: str, start: date, end: date) -> str:
        """A window in words: tháng 6/2022, quý II/2022, 6 tháng đầu năm 2022, năm 2022."""
        if kind == "month":
            return self.pick(f"tháng {end.month}/{end.year}", format_date(end, "MMMM yyyy", locale=_locale("en")))
        if kind == "quarter":
            quarter = (end.month - 1) // 3
            return self.pick(f"quý {QUARTERS[quarter]}/{end.year}", f"Q{quarter + 1} {end.year}")
        if kind == "ytd":
            until = format_date(end, "MMMM yyyy", locale=_locale("en"))
            en = f"January to {until}" if end.month > 1 else f"{until}, year to date"
            return self.pick(f"{end.month} tháng đầu năm {end.year}", en)
        return self.pick(f"năm {start.year}", str(start.year))


def singular(plural: str) -> str:
    """The singular of an English unit of measure: its last word without the ending of the plural."""
    ending, instead = next(((one, other) for one, other in ENDINGS if plural.endswith(one)), ("", ""))
    return plural.removesuffix(ending) + instead if len(plural) > len("ms") else plural


@lru_cache(maxsize=2)
def _separators(code: str) -> dict[int, str]:
    """Python's separators turned into those of a language; Babel itself takes too long for every figure of a report."""
    locale = _locale(code)
    return str.maketrans({",": get_group_symbol(locale), ".": get_decimal_symbol(locale), "-": "\N{MINUS SIGN}"})


@lru_cache(maxsize=2)
def _locale(code: str) -> Locale:
    return Locale.parse(code)


VIETNAMESE, ENGLISH = Language("vi"), Language("en")
LANGUAGES = (VIETNAMESE, ENGLISH)

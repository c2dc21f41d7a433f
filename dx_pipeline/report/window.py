"""Windows, shares and figures with their units, in words of both languages."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Protocol

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.language import ENGLISH, VIETNAMESE


class Windowed(Protocol):
    """What has a window, such as a value."""

    @property
    def window_type(self) -> str: ...  # noqa: D102 - see kpi.value
    @property
    def window_start(self) -> date: ...  # noqa: D102 - see kpi.value
    @property
    def window_end(self) -> date: ...  # noqa: D102 - see kpi.value
    @property
    def part_start(self) -> date | None: ...  # noqa: D102 - see kpi.value


class Window(Bilingual):
    """A window, or a part of one, in words, with its first and its last day."""

    start: date
    end: date

    @property
    def time(self) -> tuple[int, int]:
        """Its place in the order of time: by its last day, then the shorter one first."""
        return self.end.toordinal(), -self.start.toordinal()


def in_words(value: Windowed, part_end: date | None = None) -> Window:
    """The window of a value; of a part of a window, its days.

    Args:
        value: what has the window.
        part_end: the last day of the part.
    """
    return _in_words(value.window_type, value.window_start, value.window_end, value.part_start, part_end)


@lru_cache(maxsize=4096)  # of a report, nearly all values have one of some dozens
def _in_words(kind: str, start: date, end: date, part_start: date | None, part_end: date | None) -> Window:
    vi, en = VIETNAMESE.window(kind, start, end), ENGLISH.window(kind, start, end)
    if part_start is None:
        return Window(vi=vi, en=en, start=start, end=end)
    last = part_end or end
    return Window(
        vi=f"{VIETNAMESE.day(part_start)} – {VIETNAMESE.day(last)} (phần của {vi})",
        en=f"{ENGLISH.day(part_start)} to {ENGLISH.day(last)} (part of {en})",
        start=part_start,
        end=last,
    )


def percent(share: float | None) -> Bilingual:
    """A share (0–1) as a percentage."""
    hundredths = None if share is None else 100 * share
    return Bilingual(vi=VIETNAMESE.figure(hundredths, "percent"), en=ENGLISH.figure(hundredths, "percent"))


def unit_in_words(unit: str) -> Bilingual:
    """A unit of measure: `%`, or the words of each language."""
    return Bilingual(vi=VIETNAMESE.unit(unit), en=ENGLISH.unit(unit))


def measured(value: float | None, unit: str) -> Bilingual:
    """A figure with its unit of measure; a dash where it is not known."""
    return Bilingual(vi=VIETNAMESE.measured(value, unit), en=ENGLISH.measured(value, unit))

"""Windows in words of both languages."""

from __future__ import annotations

from datetime import date
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


def in_words(value: Windowed, part_end: date | None = None) -> Bilingual:
    """The window of a value; of a part of a window, its days.

    Args:
        value: what has the window.
        part_end: the last day of the part.
    """
    window = (value.window_type, value.window_start, value.window_end)
    vi, en = VIETNAMESE.window(*window), ENGLISH.window(*window)
    if value.part_start is None:
        return Bilingual(vi=vi, en=en)
    last = part_end or value.window_end
    return Bilingual(
        vi=f"{VIETNAMESE.day(value.part_start)} – {VIETNAMESE.day(last)} (phần của {vi})",
        en=f"{ENGLISH.day(value.part_start)} to {ENGLISH.day(last)} (part of {en})",
    )


def percent(share: float | None) -> Bilingual:
    """A share (0–1) as a percentage."""
    hundredths = None if share is None else 100 * share
    return Bilingual(vi=VIETNAMESE.figure(hundredths, "percent"), en=ENGLISH.figure(hundredths, "percent"))

"""Spelling: how people and programs behind a source type Vietnamese. Reading has to understand all of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from dx_pipeline.vietnamese.spelling import spellings

STEP = " / "
TONES = "\u0300\u0301\u0303\u0309\u0323"


@dataclass(frozen=True)
class Spelling:
    """What a source does to every text that it delivers.

    Args:
        is_decomposed: letters and their marks are separate characters (NFD).
        is_spaced: two spaces instead of one.
        is_restyled: tone marks in the other of the two styles (Hoà for Hòa, and the reverse).
    """

    is_decomposed: bool = False
    is_spaced: bool = False
    is_restyled: bool = False

    def of(self, text: str) -> str:
        """A text in this spelling."""
        text = spellings(text)[-1] if self.is_restyled else text
        text = text.replace(" ", "  ") if self.is_spaced else text
        return unicodedata.normalize("NFD", text) if self.is_decomposed else text

    def of_heading(self, heading: str) -> str:
        """A heading in this spelling, step by step."""
        return STEP.join(map(self.of, heading.split(STEP)))


AS_DECLARED = Spelling()

OF_SOURCES: Mapping[tuple[str, str], Spelling] = {
    ("public_post", "connection.register"): Spelling(is_spaced=True, is_restyled=True),
    ("plan", "programme.plan"): Spelling(is_decomposed=True, is_restyled=True),
    ("project_milestone", "programme.project_milestone"): Spelling(is_decomposed=True, is_spaced=True),
}
"""By source and table; every other delivery is spelled as its layout is. CSV and Parquet always are."""


def with_separate_tones(text: str) -> str:
    """Vietnamese with each tone mark after its letter, as Windows-1258 encodes it."""
    clusters = re.findall(r"[^\u0300-\u036f][\u0300-\u036f]*", unicodedata.normalize("NFD", text))
    return "".join(
        unicodedata.normalize("NFC", "".join(mark for mark in cluster if mark not in TONES))
        + "".join(mark for mark in cluster if mark in TONES)
        for cluster in clusters
    )

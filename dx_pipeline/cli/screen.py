"""Output for people, in the reader's language. Programs get JSON or CSV on standard output."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from dx_pipeline.cli.reader import language_code, pick
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import words
from dx_pipeline.language import ENGLISH, VIETNAMESE, Language

PIPED_WIDTH = 100_000
"""The width where there is no terminal: what is piped has a row or a sentence a line."""

OUT = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
ERR = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)

GLUE = "\ue000"
"""What is between words that are not to be on two lines, until lines are made."""

LABEL_WIDTH = 28
"""Longer labels are above their texts."""

MARGIN = 2
"""What a text below its label is indented by."""

COLOURS = {"met": "green", "on_track": "green", "at_risk": "yellow", "off_track": "red", "not_enough_data": "yellow"}
"""The colours of statuses."""


def language() -> Language:
    """How the reader's language writes words, figures and days."""
    return ENGLISH if language_code() == "en" else VIETNAMESE


def in_words(text: Bilingual | DxError) -> str:
    """A sentence in the reader's language."""
    return pick(text.vi, text.en if isinstance(text, Bilingual) else str(text))


def title(row: Mapping[str, Any]) -> str:
    """The title of a row (`title_vi`, `title_en`)."""
    return pick(row["title_vi"], row["title_en"])


def part(row: Mapping[str, Any]) -> str:
    """Which of several figures of one KPI it is."""
    parts = [part for part in (row["statistic"], row["system"]) if part is not None]
    return f" ({', '.join(parts)})" if parts else ""


def window(row: Mapping[str, Any]) -> str:
    """A window in words: a month, a quarter, a year, or a year up to a month."""
    return language().window(row["window_type"], row["window_start"], row["window_end"])


def status(code: str) -> str:
    """The status of a value in words, as markup."""
    return coloured(COLOURS.get(code), in_words(words.STATUS[code]))


def coloured(style: str | None, text: str) -> str:
    """Words in a colour, as markup."""
    return f"[{style}]{text}[/]" if style else text


def synthetic_mark(row: Mapping[str, Any]) -> str:
    """What marks a figure of synthetic data."""
    return " *" if row["synthetic"] else ""


def number(value: float | None, unit: str = "", decimals: int = 2) -> str:
    """A figure as the reader writes it (1.818 and 52,8%, or 1,818 and 52.8%), with at most so many decimals.

    A missing one is a dash, never a zero.
    """
    return language().figure(value, unit, most_decimals=decimals)


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def show_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows as CSV on standard output: numbers with a point, days as YYYY-MM-DD, nothing where a value is missing."""
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def say(message: str) -> None:
    """A sentence on standard error, wrapped between words: standard output is for data."""
    paragraph(message, console=ERR)


def paragraph(markup: str, indent: str = "", hanging: str | None = None, console: Console | None = None) -> None:
    """A text, wrapped between words to the width of the terminal; what is piped is one line.

    Args:
        markup: the text, as Rich's markup.
        indent: what the first line begins with.
        hanging: what the others begin with; by default as many spaces.
        console: standard output, if not given.
    """
    console = console or OUT
    prefix = hanging if hanging is not None else " " * Text.from_markup(indent).cell_len
    for position, line in enumerate(wrapped(markup, console, len(prefix))):
        console.print(Text.from_markup(indent if position == 0 else prefix) + line, soft_wrap=True)


def wrapped(markup: str, console: Console, margin: int = 0) -> Iterator[Text]:
    """The lines of a text: none is cut, and a word that is longer than the terminal is wide is on a line of its own."""
    for text in Text.from_markup(markup).split("\n", allow_blank=True):
        for line in text.divide(_breaks(text.plain, console.width - margin)):
            line.rstrip()
            line.plain = line.plain.replace(GLUE, " ")
            yield line


def _breaks(text: str, width: int) -> list[int]:
    """Where a text is broken: before each word that does not fit on the line of those before it."""
    breaks, used = [], 0
    for found in re.finditer(r" *[^ ]+", text):
        word = found[0].lstrip(" ")
        used += cell_len(found[0])
        if used > width and used > cell_len(found[0]):
            breaks.append(found.end() - len(word))
            used = cell_len(word)
    return breaks


def folded(text: str) -> str:
    """A text of which also a word that is longer than the terminal is wide is broken, as an address."""
    longest = max(OUT.width - MARGIN, 1)
    return re.sub(rf"(?<!\S)[^\s\[]{{{longest + 1},}}", lambda word: "\n".join(_pieces(word[0], longest)), text)


def _pieces(word: str, length: int) -> Iterator[str]:
    for start in range(0, len(word), length):
        yield word[start : start + length]


def together(text: str) -> str:
    """Words that are not to be on two lines."""
    return text.replace(" ", GLUE)


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Labels and the text beside each, or below it where a word is too long for that; without a label, indented."""
    lengths = {label: Text.from_markup(label).cell_len for label, _ in pairs}
    width = max((length for length in lengths.values() if length <= LABEL_WIDTH), default=0)
    for label, text in pairs:
        longest = max(map(cell_len, Text.from_markup(text).plain.split()), default=0)
        if label and lengths[label] <= width and width + 2 + longest <= OUT.width:
            paragraph(text, f"[dim]{label}[/]{' ' * (width - lengths[label])}  ", " " * (width + 2))
        else:
            if label:
                paragraph(f"[dim]{label}[/]")
            paragraph(folded(text), " " * MARGIN)

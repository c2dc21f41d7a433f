"""Judging: what may stay of a cell, by the column it stands in.

A value in a declared column is not personal by its looks as long as it is what the column is
declared to hold: a count of nine digits is a count. What does not fit its column is looked at as
any text is, and goes altogether where the column is no free text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dx_pipeline.declarations.contract import Column, Contract
from dx_pipeline.declarations.source import Layout, NumberStyle, Placement
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data as values
from dx_pipeline.vietnamese.spelling import spellings

NUMBERS: dict[NumberStyle, str] = {
    "plain": r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?",
    "vi": r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|0|[1-9]\d*)(?:,\d+)?",
    "comma": r"[+-]?(?:0|[1-9]\d*)(?:,\d+)?",
}
"""Numbers as they are written: none begins with a superfluous 0, as telephone and identity numbers do."""

ISO = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
DIRECTIVES = {
    "Y": r"\d{4}",
    "j": r"\d{3}",
    "s": r"\d{1,10}",
    "f": r"\d{1,6}",
    "b": r"\w+",
    "B": r"\w+",
    "p": r"\w+",
    "z": r"[+-]\d\d:?\d\d",
}
MOST_KNOWN = 100_000

TAX_CODE = re.compile(r"(?:^|(?<=/))\d{10}(?:-\d{3})?(?=/|$)")
"""A business's tax code, by itself or as one part of an identifier: ten digits, a branch has three more."""


@dataclass
class Judge:
    """What may stay in one column.

    Args:
        kind: what personal data its heading promises: then nothing stays.
        is_removed: whether the column goes altogether, heading and all, because nobody expects it.
        shape: the regular expression of what it is declared to hold; None for free text.
        allowed: kinds of personal data that its contract takes as linkable.
        may_be_name: whether a text that looks like a name all through is one.
        is_number: whether numbers stand in it: then a typed number is what it is.
        is_percent: whether its numbers may be printed with a percent sign.
        is_of_organisations: whether codes of organisations stand in it: then a tax code is one, and no
            number of a person, though it is as long as one.
        known: texts that were found clean before; words repeat, and need not be looked at again.
    """

    kind: str | None = None
    is_removed: bool = False
    shape: str | None = None
    allowed: frozenset[str] = frozenset()
    may_be_name: bool = True
    is_number: bool = False
    is_percent: bool = False
    is_of_organisations: bool = False
    known: set[str] = field(default_factory=set)
    _fits: re.Pattern[str] | None = None

    def cell(self, text: str, found: Counter[str]) -> str:
        """What may stay of a text; what was taken is counted in `found`."""
        if text in self.known or not text or text.isspace():
            return text
        if self.kind is not None:
            found[self.kind] += 1
            return ""
        if self.is_as_declared(text):
            return self._clean(text)
        if self.is_of_organisations and not values.strip(TAX_CODE.sub("", text.strip()))[1]:
            return self._clean(text)
        stripped, taken = values.strip(text, allowed=self.allowed, may_be_name=self.may_be_name)
        if not taken:
            return self._clean(text)
        found.update(taken)
        return "" if self.shape is not None else stripped

    def is_as_declared(self, text: str) -> bool:
        """Whether a text is what the column is declared to hold; never so where any text may stand."""
        if self.shape is None:
            return False
        if self._fits is None:
            self._fits = re.compile(self.shape)
        bare = text.strip()
        return bool(self._fits.fullmatch(bare) or self._fits.fullmatch(unicodedata.normalize("NFC", bare)))

    def _clean(self, text: str) -> str:
        if len(self.known) < MOST_KNOWN:
            self.known.add(text)
        return text


FREE = Judge()
OF_ORGANISATIONS = Judge(is_of_organisations=True)


def judges(found: Sequence[str], layout: Layout | None, contract: Contract | None) -> list[Judge]:
    """One judge for each heading of a delivery, in order."""
    if layout is None or contract is None:
        return [_undeclared(heading, is_expected=False) for heading in found]
    columns = {header: name for name, header in layout.headers.items()}
    made = []
    for heading in as_declared(found, layout):
        if heading in columns and headings.kind_of(heading) is None:
            judge = declared(contract.columns[columns[heading]], layout.columns[columns[heading]])
            made.append(replace(judge, is_of_organisations=headings.is_of_organisations(heading)))
        else:
            made.append(_undeclared(heading, is_expected=heading in layout.expected))
    return made


def _undeclared(heading: str, *, is_expected: bool) -> Judge:
    kind = headings.kind_of(heading)
    return Judge(
        kind=kind,
        is_removed=kind is not None and not is_expected,
        is_of_organisations=headings.is_of_organisations(heading),
    )


def declared(column: Column, placement: Placement) -> Judge:
    """The judge of a column that a layout places."""
    linkable = frozenset({"dossier_code"}) if column.personal_data == "linkable" else frozenset[str]()
    shape = shape_of(column, placement)
    may_be_name = shape is None and column.references is None
    return Judge(
        shape=shape,
        allowed=linkable,
        may_be_name=may_be_name,
        is_number=column.type in {"integer", "number"} and placement.values is None,
        is_percent=placement.percent,
    )


def shape_of(column: Column, placement: Placement) -> str | None:
    """What a column's text looks like where it is as declared; None where any text may stand."""
    if placement.values is not None:
        return _one_of([spelling for word in placement.values for spelling in spellings(word)])
    if column.type == "text":
        return _shape_of_text(column)
    if column.type == "boolean":
        return "(?i:true|false)"
    if column.type in {"date", "timestamp"}:
        return _moment(placement.date) if placement.date else ISO
    return f"(?:{NUMBERS[placement.number]})" + (r"(?:\s?%)?" if placement.percent else "")


def _shape_of_text(column: Column) -> str | None:
    if column.allowed is not None:
        return _one_of(column.allowed)
    return _whole(column.pattern) if column.pattern is not None else None


def _one_of(words: Sequence[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"


def _moment(style: str) -> str:
    parts = re.split(r"%-?([a-zA-Z])", style)
    return "".join(
        re.escape(part) if at % 2 == 0 else DIRECTIVES.get(part, r"\d{1,2}") for at, part in enumerate(parts)
    )


def _whole(pattern: str) -> str | None:
    """A contract's pattern, to be matched as a whole; None where it binds only part of the text."""
    if pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern:
        return f"(?:{pattern[1:-1]})"
    return None

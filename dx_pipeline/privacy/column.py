"""Column filters: what may stay of a cell, by the column that it is in.

A value of a declared column may look like personal data as long as it is what the column is declared to have:
a count of nine digits is a count. A value that is not as declared is searched as any text is; if anything is
found in it, nothing of it stays, unless the column is of free text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dx_pipeline.declarations import shape
from dx_pipeline.declarations.contract import Column, Contract
from dx_pipeline.declarations.source import Layout, Placement, Source
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data
from dx_pipeline.vietnamese.spelling import spellings

MOST_KNOWN = 100_000

COUNT_DIGITS, MONEY_DIGITS = 9, 15
"""At most how many digits a count has, and any other number, where the contract declares no maximum."""

TAX_CODE = re.compile(r"(?:^|(?<=/))\d{10}(?:-\d{3})?(?=/|$)")
"""A business's tax code, by itself or as one part of an identifier: ten digits, a branch has three more."""


@dataclass
class ColumnFilter:
    """What may stay in one column.

    Args:
        announced: the kind of personal data that its heading announces; then nothing stays.
        is_removed: whether the whole column goes, with its heading, because no layout expects it.
        shape: the regular expression of a value that is as declared; None for free text.
        allowed: kinds of personal data that its contract allows as linkable.
        below: of a column of numbers, what every plausible one is below; a typed number that is so stays. 0 where
            it is no column of numbers.
        is_percent: whether its numbers may be printed with a percent sign.
        has_organisations: whether it is a column of organisations' codes. A tax code is then no
            number of a person, though it has as many digits.
        known: texts that were found clean before: words repeat and need no second search.
    """

    announced: str | None = None
    is_removed: bool = False
    shape: str | None = None
    allowed: frozenset[str] = frozenset()
    below: float = 0.0
    is_percent: bool = False
    has_organisations: bool = False
    known: set[str] = field(default_factory=set)
    _shape: re.Pattern[str] | None = None

    def cell(self, text: str, found: Counter[str]) -> str:
        """What may stay of a text; what was taken out is counted in `found`."""
        if text in self.known or not text or text.isspace():
            return text
        if self.announced is not None:
            found[self.announced] += 1
            return ""
        if self.is_as_declared(text):
            return self._clean(text)
        if self.has_organisations and self.is_of_organisation(text):
            return self._clean(text)
        stripped, taken = personal_data.strip(text, allowed=self.allowed, may_be_name=True)
        if not taken:
            return self._clean(text)
        found.update(taken)
        return "" if self.shape is not None else stripped

    def is_of_organisation(self, text: str) -> bool:
        """Whether there is nothing personal in an organisation's identifier, its tax code aside."""
        return not personal_data.strip(TAX_CODE.sub("", text.strip()), may_be_name=True)[1]

    def is_as_declared(self, text: str) -> bool:
        """Whether a text is what the column is declared to have; never so in a column of free text."""
        if self.shape is None:
            return False
        if self._shape is None:
            self._shape = re.compile(self.shape)
        bare = text.strip()
        return bool(self._shape.fullmatch(bare) or self._shape.fullmatch(unicodedata.normalize("NFC", bare)))

    def is_plausible(self, number: float) -> bool:
        """Whether a typed number is one of the column's: as large as it may be, and no number of a person."""
        return abs(number) < self.below

    def _clean(self, text: str) -> str:
        if len(self.known) < MOST_KNOWN:
            self.known.add(text)
        return text


FREE_TEXT = ColumnFilter()
ORGANISATIONS = ColumnFilter(has_organisations=True)


def column_filters(found: Sequence[str], layout: Layout | None, contract: Contract | None) -> list[ColumnFilter]:
    """One filter for each heading of a delivery, in order."""
    if layout is None or contract is None:
        return [_undeclared(heading, is_expected=False) for heading in found]
    columns = {header: name for name, header in layout.headers.items()}
    filters = []
    for heading in as_declared(found, layout):
        if heading in columns and headings.kind_of(heading) is None:
            name = columns[heading]
            filters.append(_declared(heading, name, contract.columns[name], layout.columns[name]))
        else:
            filters.append(_undeclared(heading, is_expected=heading in layout.expected))
    return filters


def delivers_codes(source: Source, contracts: Mapping[str, Contract]) -> bool:
    """Whether a source delivers a table with codes of dossiers."""
    tables = [contracts[layout.table] for layout in source.deliveries if layout.table in contracts]
    return any(column.personal_data == "linkable" for table in tables for column in table.columns.values())


def has_no_code(columns: Sequence[ColumnFilter], cells: Sequence[object], *, has_codes: bool = False) -> bool:
    """Whether a row lacks the code of a dossier in the column that has them, as it does where its cells are shifted.

    A code elsewhere in such a row is the row's own, and may stay. `has_codes`: whether there may be codes in a table
    without such a column.
    """
    linkable = [position for position, column in enumerate(columns) if column.allowed]
    if not linkable:
        return has_codes
    return not any(position < len(cells) and personal_data.is_code(str(cells[position])) for position in linkable)


def _undeclared(heading: str, *, is_expected: bool) -> ColumnFilter:
    announced = headings.kind_of(heading)
    return ColumnFilter(
        announced=announced,
        is_removed=announced is not None and not is_expected,
        has_organisations=headings.is_of_organisations(heading),
    )


def _declared(heading: str, name: str, column: Column, placement: Placement) -> ColumnFilter:
    """The filter of a column that a layout places."""
    is_number = column.type in {"integer", "number"} and placement.values is None
    expected = _shape(name, column, placement)
    return ColumnFilter(
        shape=expected,
        allowed=frozenset({"dossier_code"}) if column.personal_data == "linkable" else frozenset(),
        below=float(f"1e{_most_digits(name, column)}") if is_number else 0.0,
        is_percent=placement.percent,
        has_organisations=headings.is_of_organisations(heading),
    )


def _most_digits(name: str, column: Column) -> int:
    """How many digits a plausible number of a column has: by its maximum, else by what it counts."""
    if column.max is not None:
        return len(str(int(max(abs(column.max), abs(column.min or 0)))))
    return COUNT_DIGITS if name.endswith("_count") else MONEY_DIGITS


def _shape(name: str, column: Column, placement: Placement) -> str | None:
    """The regular expression of a value that is as declared; None where any text is."""
    if placement.values is not None:
        return _one_of([spelling for word in placement.values for spelling in spellings(word)])
    match column.type:
        case "text":
            return _one_of(column.allowed) if column.allowed is not None else _whole(column.pattern)
        case "boolean":
            return "(?i:true|false)"
        case "date" | "timestamp":
            return shape.moment(placement.date) if placement.date else shape.ISO[column.type]
        case "integer" | "number" | "decimal":
            percent = r"(?:\s?%)?" if placement.percent else ""
            digits = MONEY_DIGITS if column.type == "decimal" else _most_digits(name, column)
            digit = r"(?:[0-9]\.?)" if placement.number == "vi" else "[0-9]"
            too_many = rf"(?![+-]?{digit}{{{digits + 1}}})" if digits < MONEY_DIGITS else ""
            return f"(?:{too_many}{shape.number(placement.number, leading_zeros=False)}){percent}"


def _one_of(words: Sequence[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})"


def _whole(pattern: str | None) -> str | None:
    """A contract's pattern, if it describes the whole text; None where it describes a part of it."""
    if pattern is not None and pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern:
        return f"(?:{pattern[1:-1]})"
    return None

"""Privacy filter of JSON records, name by name, however deep they are nested."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout
from dx_pipeline.formats import limits, refusal
from dx_pipeline.formats.json import members
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.privacy.column import FREE_TEXT, ORGANISATIONS, ColumnFilter, column_filters, has_no_code
from dx_pipeline.vietnamese import heading as headings
from dx_pipeline.vietnamese import personal_data


class Cleaner:
    """What may stay of the records of one layout; without a layout, of any JSON."""

    def __init__(self, layout: Layout | None, contract: Contract | None, *, has_codes: bool = False) -> None:
        self._has_codes = has_codes and layout is None
        self._layout, self._contract = layout, contract
        self._columns: dict[str, ColumnFilter] = {}
        self._clean_names: set[str] = set()

    def record(self, value: Any, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
        """What may stay of a record of the layout; what was taken is counted."""
        if not isinstance(value, dict):
            return self.anything(value, found)
        if self._is_known(value):
            return value
        columns = {name: self._column(name) for name in value}
        is_misplaced = has_no_code([*columns.values()], [*value.values()], has_codes=self._has_codes)
        kept: list[tuple[str, Any]] = []
        for name, content in value.items():
            column = columns[name]
            is_code = is_misplaced and isinstance(content, str) and personal_data.is_code(content)
            if column.is_removed and not is_code:
                found[column.announced or ""] += 1
                continue
            text = self._name(name, found)
            kept.append((text, content if is_code else self._value(column, content, found)))
        return members(kept)

    def _is_known(self, record: dict[str, Any]) -> bool:
        """Whether a record has only values that were found clean before, as most have."""
        for name, content in record.items():
            column = self._columns.get(name)
            if column is None or column.announced is not None or name not in self._clean_names:
                return False
            if content.__class__ is str:
                if content not in column.known and not column.is_as_declared(content):
                    return False
            elif not (
                content is None
                or content.__class__ is bool
                or (content.__class__ in NUMBERS and column.is_plausible(content))
            ):
                return False
        return True

    def anything(self, value: Any, found: Counter[str], depth: int = 1) -> Any:  # noqa: ANN401 - JSON
        """What may stay of JSON that no layout describes.

        Raises:
            DeliveryRefusedError: it is nested too deeply.
        """
        if depth > limits.MOST_NESTING:
            raise refusal.too_deep()
        if isinstance(value, list):
            return [self.anything(item, found, depth + 1) for item in value]
        if not isinstance(value, dict):
            return self._value(FREE_TEXT, value, found)
        kept = []
        for name, content in value.items():
            kind = headings.kind_of(name)
            is_code = self._has_codes and isinstance(content, str) and personal_data.is_code(content)
            if kind is not None:
                found[kind] += 1
            elif _is_figure(name, content):
                kept.append((name, content))
            elif headings.is_of_organisations(name):
                kept.append((name, self._value(ORGANISATIONS, content, found)))
            else:
                kept.append((self._name(name, found), content if is_code else self.anything(content, found, depth + 1)))
        return members(kept)

    def _column(self, name: str) -> ColumnFilter:
        column = self._columns.get(name)
        if column is None:
            (column,) = column_filters([name], self._layout, self._contract)
            if len(self._columns) < MOST_NAMES:
                self._columns[name] = column
        return column

    def _name(self, name: str, found: Counter[str]) -> str:
        """What may stay of a name: one that is declared, or was found clean before, stays as it is."""
        if name in self._clean_names:
            return name
        is_declared = self._layout is not None and as_declared([name], self._layout)[0] in self._layout.expected
        kept = name if is_declared else FREE_TEXT.cell(name, found)
        if kept == name and len(self._clean_names) < MOST_NAMES:
            self._clean_names.add(name)
        return kept

    def _value(self, column: ColumnFilter, content: Any, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
        if content is None or isinstance(content, bool):
            return content
        if column.announced is None and isinstance(content, int | float) and column.is_plausible(content):
            return content
        if isinstance(content, dict | list):
            if column.announced is not None:
                found[column.announced] += 1
                return None
            return self.anything(content, found)
        text = str(content)
        limits.check_value(text)
        if isinstance(content, float) and content.is_integer() and abs(content) < LONGEST_NUMBER:
            text = str(int(content))  # as a column of numbers would print it
        before = found.total()
        kept = column.cell(text, found)
        if found.total() == before:
            return content
        return kept or None


NUMBERS = (int, float)
LONGEST_NUMBER = 1e15

MOST_NAMES = 10_000

LENGTHS_OF_NUMBERS = (11, 12)
"""How many digits identity numbers have; moments have 10 or 13, and amounts are smaller."""

_FIGURES = re.compile(r"(?:ts|time|timestamp|at|bytes|size|count|total|offset|limit|duration|ms)$")
"""Names of moments and amounts, whose numbers have as many digits as those of people."""


def _is_figure(name: str, content: object) -> bool:
    """Whether a JSON value is a moment or an amount, by its name."""
    if not isinstance(content, int | float) or _FIGURES.search(headings.folded(name)) is None:
        return False
    return not math.isfinite(content) or len(str(abs(int(content)))) not in LENGTHS_OF_NUMBERS

"""Records: JSON, judged name by name, as deep as it goes."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout
from dx_pipeline.formats.raw import as_declared
from dx_pipeline.privacy.column import FREE, OF_ORGANISATIONS, Judge, judges
from dx_pipeline.vietnamese import heading as headings


class Cleaner:
    """What may stay of the records of one layout; without a layout, of any JSON."""

    def __init__(self, layout: Layout | None, contract: Contract | None) -> None:
        self._layout, self._contract = layout, contract
        self._judges: dict[str, Judge] = {}
        self._clean_names: set[str] = set()

    def loads(self, text: str) -> Any:  # noqa: ANN401 - JSON
        """A JSON text. A name that stands twice in an object is kept in mind: only its last value is read.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(text, object_pairs_hook=self.pairs)

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object out of its names and values, as `json` hands them over."""
        record = dict(pairs)
        if len(record) < len(pairs):
            record[REPEATED] = True
        return record

    def record(self, value: Any, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
        """What may stay of a record of the layout; what was taken is counted."""
        if not isinstance(value, dict):
            return self.anything(value, found)
        if self._is_known(value):
            return value
        kept: dict[str, Any] = {}
        for name, content in value.items():
            if name == REPEATED:
                found["repeated_name"] += 1
                continue
            judge = self._judge(name)
            if judge.is_removed:
                found[judge.kind or ""] += 1
                continue
            text = self._name(name, found)
            kept[text] = self._value(judge, content, found)
        return kept

    def _is_known(self, record: dict[str, Any]) -> bool:
        """Whether a record has nothing in it but what was found clean before: most have not."""
        for name, content in record.items():
            judge = self._judges.get(name)
            if judge is None or judge.is_removed or judge.kind is not None or name not in self._clean_names:
                return False
            if content.__class__ is str:
                if content not in judge.known and not judge.is_as_declared(content):
                    return False
            elif not (
                content is None or content.__class__ is bool or (judge.is_number and content.__class__ in NUMBERS)
            ):
                return False
        return True

    def anything(self, value: Any, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
        """What may stay of JSON that no layout describes."""
        if isinstance(value, list):
            return [self.anything(item, found) for item in value]
        if not isinstance(value, dict):
            return self._value(FREE, value, found)
        kept = {}
        for name, content in value.items():
            kind = headings.kind_of(name) if name != REPEATED else "repeated_name"
            if kind is not None:
                found[kind] += 1
            elif isinstance(content, int | float) and _FIGURES.search(headings.folded(name)):
                kept[name] = content
            elif headings.is_of_organisations(name):
                kept[name] = self._value(OF_ORGANISATIONS, content, found)
            else:
                kept[self._name(name, found)] = self.anything(content, found)
        return kept

    def _judge(self, name: str) -> Judge:
        judge = self._judges.get(name)
        if judge is None:
            (judge,) = judges([name], self._layout, self._contract)
            if len(self._judges) < MOST_NAMES:
                self._judges[name] = judge
        return judge

    def _name(self, name: str, found: Counter[str]) -> str:
        """What may stay of a name: what is declared or was looked at before stays as it is."""
        if name in self._clean_names:
            return name
        is_declared = self._layout is not None and as_declared([name], self._layout)[0] in self._layout.expected
        kept = name if is_declared else FREE.cell(name, found)
        if kept == name and len(self._clean_names) < MOST_NAMES:
            self._clean_names.add(name)
        return kept

    def _value(self, judge: Judge, content: Any, found: Counter[str]) -> Any:  # noqa: ANN401 - JSON
        if content is None or isinstance(content, bool):
            return content
        if judge.is_number and judge.kind is None and isinstance(content, int | float):
            return content
        if isinstance(content, dict | list):
            if judge.kind is not None:
                found[judge.kind] += 1
                return None
            return self.anything(content, found)
        text = content if isinstance(content, str) else _number(content)
        before = found.total()
        kept = judge.cell(text, found)
        if found.total() == before:
            return content
        return kept or None


NUMBERS = (int, float)

REPEATED = "\x00repeated"
"""Beside the names of an object: one of them stood there twice."""

MOST_NAMES = 10_000

_FIGURES = re.compile(r"(?:ts|time|timestamp|at|bytes|size|count|total|offset|limit|duration|ms)$")
"""Names of moments and amounts, whose numbers are as long as people's."""


def _number(value: float) -> str:
    """A number as text, the way a column of numbers would print it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)  # noqa: PLR2004

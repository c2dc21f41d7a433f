"""Shapes: what numbers, dates and moments look like as text, in the styles that a layout declares.

Reading types what has its column's shape; the privacy filter lets what has it pass. Every pattern here means the
same to DuckDB (RE2) and to Python's `re`, is to be matched against a whole text, and has no groups.
"""

from __future__ import annotations

import re

from dx_pipeline.declarations.contract import ColumnType
from dx_pipeline.declarations.source import NumberStyle

NO_LEADING_ZERO = r"(?:0|[1-9][0-9]*)"
"""Telephone and identity numbers begin with a 0; a number that is written plainly does not."""

SECONDS = "%s"
"""The style of a moment that is given as seconds since 1970 (UTC)."""

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
ISO: dict[ColumnType, str] = {"date": rf"{_DAY}(?:[T ]00:00(?::00(?:\.0+)?)?)?", "timestamp": _DAY + _MINUTE}
"""Where no style is declared. Typed files have a day as the midnight it begins with."""

_DIRECTIVE = re.compile("%(-?)([a-zA-Z])")
_PARTS = {
    "Y": "[0-9]{4}",
    "j": "[0-9]{3}",
    "s": "[0-9]{1,10}",
    "f": "[0-9]{1,6}",
    "b": "[A-Za-z]+",
    "B": "[A-Za-z]+",
    "p": "[A-Za-z]+",
    "z": "[+-][0-9]{2}(?::?[0-9]{2})?",
}
"""The parts of a date that are not one or two digits."""


def number(style: NumberStyle, *, leading_zeros: bool) -> str:
    """The shape of a number in one style; `leading_zeros`: whether superfluous ones may be in front of it.

    A number whose thousands are grouped never begins with 0, in either case: `0.123` is not 123.
    """
    whole = "[0-9]+" if leading_zeros else NO_LEADING_ZERO
    match style:
        case "plain":
            return rf"[+-]?{whole}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
        case "comma":
            return f"[+-]?{whole}(?:,[0-9]+)?"
        case "vi":
            return rf"[+-]?(?:[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+|{whole})(?:,[0-9]+)?"


def moment(style: str) -> str:
    """The shape of a date or timestamp in one strptime style.

    Where nothing separates two parts of the style, all of their digits must be there: `2022051` is no `%Y%m%d`.
    """
    few = "[0-9]{2}" if has_adjacent_parts(style) else "[0-9]{1,2}"
    shape, end = "", 0
    for part in _DIRECTIVE.finditer(style):
        shape += re.escape(style[end : part.start()]) + _PARTS.get(part[2], "[0-9]{1,2}" if part[1] else few)
        end = part.end()
    return shape + re.escape(style[end:])


def has_adjacent_parts(style: str) -> bool:
    """Whether nothing separates some two parts of a strptime style."""
    return re.search(f"{_DIRECTIVE.pattern}%", style) is not None

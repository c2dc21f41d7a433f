"""Counting: which rows of a view are counted, and among which, as conditions and numbers over the view's columns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from dx_pipeline.declarations.contract import IDENTIFIER
from dx_pipeline.declarations.document import Declared
from dx_pipeline.declarations.view import SCHEMA

Level = Literal["province", "agency", "district", "commune"]
LEVELS: tuple[Level, ...] = ("province", "agency", "district", "commune")


def _plain(value: object) -> object:
    """YAML reads `among: true` as a truth value, and `counted: 1` as a number."""
    return str(value).lower() if isinstance(value, bool | int) else value


KINDS = [{"type": "string"}, {"type": "boolean"}, {"type": "integer"}]
Expression = Annotated[str, BeforeValidator(_plain), WithJsonSchema({"anyOf": KINDS})]
"""An SQL expression over the columns of a view, true or false for each row, or a number."""


class Seen(Declared):
    """Rows of another view within the window (of a state: at its end) that an item is looked for among."""

    of: str = Field(pattern=IDENTIFIER)
    where: Expression = "true"


class Counting(Declared):
    """What is counted.

    Args:
        of: the view; by default that of the KPI.
        where: which of its rows are looked at.
        counted: a condition, for how many rows it is true of; or a number, which is added up.
        among: the same for the denominator. Without it the KPI is a plain count.
        distinct: a column; its values are counted once at every level, instead of rows.
        seen_in, unseen_in: an item is counted only if another view has a row with it, or has none.
        levels: those that this figure is published for; by default those of the KPI.
    """

    of: str | None = Field(default=None, pattern=IDENTIFIER)
    where: Expression = "true"
    counted: Expression = "true"
    among: Expression | None = None
    distinct: str | None = Field(default=None, pattern=IDENTIFIER)
    seen_in: Seen | None = None
    unseen_in: Seen | None = None
    levels: tuple[Level, ...] | None = None

    @model_validator(mode="after")
    def _only_items_are_looked_for(self) -> Counting:
        if (self.seen_in or self.unseen_in) and self.distinct is None:
            raise ValueError("'seen_in' and 'unseen_in' look for items: name the column of the items as 'distinct'.")
        if self.seen_in and self.unseen_in:
            raise ValueError("an item is looked for either in 'seen_in' or in 'unseen_in'.")
        return self

    @property
    def looked_in(self) -> Seen | None:
        """The other view in which items are looked for."""
        return self.seen_in or self.unseen_in


def as_sql(counting: Counting) -> str:
    """What is counted, as a SELECT over the rows of one unit and window."""
    if counting.distinct is not None:
        looked_in = counting.looked_in
        matched = ""
        if looked_in is not None:
            found = "IN" if counting.seen_in else "NOT IN"
            rows = f"SELECT {counting.distinct} FROM {SCHEMA}.{looked_in.of} WHERE {looked_in.where}"
            matched = f" AND {counting.distinct} {found} ({rows})"
        item = f"count(DISTINCT {counting.distinct})"
        numerator = f"{item} FILTER (({counting.counted}){matched})"
        denominator = f", {item} AS denominator"
    else:
        numerator = _sum(counting.counted)
        denominator = f", {_sum(counting.among)} AS denominator" if counting.among is not None else ""
    return f"SELECT {numerator} AS numerator{denominator} FROM {SCHEMA}.{counting.of} WHERE {counting.where};"


def _sum(expression: str) -> str:
    """An expression over all rows, as the definition writes it: true of how many, or the sum of a number."""
    return "count(*)" if expression == "true" else f"sum(({expression})::INTEGER)"

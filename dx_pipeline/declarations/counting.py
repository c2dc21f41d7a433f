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


class Rows(Declared):
    """Rows of a view, and what is counted of them.

    Args:
        of: the view; by default that of the KPI.
        where: which of its rows are looked at.
        counted: a condition, for how many rows it is true of; or a number, which is added up.
        among: the same for the denominator. Without it the KPI is a plain count.
        less: conditions: a row is taken off the numerator once for each that is true of it.
    """

    of: str | None = Field(default=None, pattern=IDENTIFIER)
    where: Expression = "true"
    counted: Expression = "true"
    among: Expression | None = None
    less: tuple[Expression, ...] = ()


class Counting(Rows):
    """What is counted.

    Args:
        plus: rows of another view, whose counts are added: what is settled within the window, and what is in progress
            at its end.
        distinct: a column; its values are counted once at every level, instead of rows.
        seen_in, unseen_in: an item is counted only if another view has a row with it, or has none.
        levels: those that this figure is published for; by default those of the KPI.
    """

    plus: Rows | None = None
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

    @model_validator(mode="after")
    def _only_rows_are_added(self) -> Counting:
        if self.distinct is not None and (self.plus or self.less):
            raise ValueError("'plus' and 'less' are about rows: leave them out where items are counted once.")
        if self.plus is not None and (self.plus.among is None) != (self.among is None):
            raise ValueError("'plus' has an 'among' if what it is added to has one, and only then.")
        return self

    @property
    def looked_in(self) -> Seen | None:
        """The other view in which items are looked for."""
        return self.seen_in or self.unseen_in


def as_sql(counting: Counting) -> str:
    """What is counted, as a SELECT over the rows of one unit and window."""
    if counting.distinct is not None:
        return f"{_items_as_sql(counting, counting.distinct)};"
    if counting.plus is None:
        return f"{_rows_as_sql(counting)};"
    names = ("numerator", *(["denominator"] if counting.among is not None else []))
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    return f"SELECT {sums} FROM (\n{_rows_as_sql(counting)}\nUNION ALL\n{_rows_as_sql(counting.plus)}\n);"


def _rows_as_sql(rows: Rows) -> str:
    numerator = " - ".join(map(_sum, (rows.counted, *rows.less)))
    denominator = f", {_sum(rows.among)} AS denominator" if rows.among is not None else ""
    return f"SELECT {numerator} AS numerator{denominator} FROM {SCHEMA}.{rows.of} WHERE {rows.where}"


def _items_as_sql(counting: Counting, item: str) -> str:
    looked_in = counting.looked_in
    matched = ""
    if looked_in is not None:
        found = "IN" if counting.seen_in else "NOT IN"
        matched = f" AND {item} {found} (SELECT {item} FROM {SCHEMA}.{looked_in.of} WHERE {looked_in.where})"
    counts = f"count(DISTINCT {item}) FILTER (({counting.counted}){matched}) AS numerator"
    return f"SELECT {counts}, count(DISTINCT {item}) AS denominator FROM {SCHEMA}.{counting.of} WHERE {counting.where}"


def _sum(expression: str) -> str:
    """An expression over all rows, as the definition writes it: true of how many, or the sum of a number."""
    return "count(*)" if expression == "true" else f"sum(({expression})::INTEGER)"

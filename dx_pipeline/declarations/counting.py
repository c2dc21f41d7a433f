"""Counting: which rows of a view are counted, and among which, as conditions and numbers over the view's columns."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from dx_pipeline.declarations.binding import Binder
from dx_pipeline.declarations.contract import IDENTIFIER
from dx_pipeline.declarations.document import Declared, Document, Location
from dx_pipeline.declarations.level import Level
from dx_pipeline.declarations.lineage import columns_of, is_aggregate
from dx_pipeline.declarations.mistake import Mistake
from dx_pipeline.declarations.view import COLUMN_TYPES, SCHEMA, DeclaredView, Known
from dx_pipeline.errors import DeclarationError, RuleError


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
            raise RuleError(
                "'seen_in' and 'unseen_in' look for items: name the column of the items as 'distinct'.",
                "'seen_in' và 'unseen_in' tìm các mục: hãy ghi cột của các mục ở 'distinct'.",
            )
        if self.seen_in and self.unseen_in:
            raise RuleError(
                "an item is looked for either in 'seen_in' or in 'unseen_in'.",
                "một mục chỉ được tìm ở 'seen_in' hoặc ở 'unseen_in': hãy giữ một.",
            )
        return self

    @model_validator(mode="after")
    def _only_rows_are_added(self) -> Counting:
        if self.distinct is not None and (self.plus or self.less):
            raise RuleError(
                "'plus' and 'less' are about rows: leave them out where items are counted once.",
                "'plus' và 'less' là về các dòng: hãy bỏ ra khi mỗi mục chỉ được đếm một lần.",
            )
        if self.plus is not None and (self.plus.among is None) != (self.among is None):
            raise RuleError(
                "'plus' has an 'among' if what it is added to has one, and only then.",
                "'plus' có 'among' khi và chỉ khi phần được cộng vào có 'among'.",
            )
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


def view_of(document: Document, known: Known, name: str | None, where: Location, key: str) -> DeclaredView:
    """The view on which something is counted.

    Args:
        document: where mistakes are shown.
        known: the tables and views.
        name: of the view.
        where: the place of what is counted.
        key: under which the view is named, there or for all that the document counts.

    Raises:
        DeclarationError: there is no such view, or it is for other views.
    """
    if name is None:
        unnamed = Mistake("say what is counted: 'of' names a view.", "hãy ghi đếm cái gì: 'of' nêu một khung nhìn.")
        raise document.error(unnamed, *where)
    if name not in known.views:
        place = (*where, key) if document.has((*where, key)) else ("attributes", key)
        names = ", ".join(known.views)
        unknown = Mistake(
            f"'{name}' is no declared view: known are {names}.",
            f"'{name}' không phải là khung nhìn đã khai báo: có {names}.",
        )
        raise document.error(unknown, *place)
    if known.views[name].view.is_shared:
        shared = Mistake(
            f"'{name}' is for other views: count on one that reads it.",
            f"'{name}' chỉ dùng cho các khung nhìn khác: hãy đếm trên một khung nhìn đọc nó.",
        )
        raise document.error(shared, *where)
    return known.views[name]


def check_expression(
    document: Document, line: int, view: DeclaredView, expression: str, binder: Binder, *, may_be_number: bool
) -> set[str]:
    """The columns that an expression uses, once it is known to be a condition or a number of one row.

    Raises:
        DeclarationError: it is something else, or looks at several rows.
    """
    query = f"SELECT ({expression}) AS expression FROM {view.table}"
    bound = binder.types(document.path, line, query, expression=expression)
    kind = bound["expression"].partition("(")[0]
    allowed = {"boolean", "integer", "number"} if may_be_number else {"boolean"}
    if COLUMN_TYPES.get(kind) not in allowed:
        wanted = "a condition or a number" if may_be_number else "a condition"
        wanted_vi = "một điều kiện hoặc một số" if may_be_number else "một điều kiện"
        raise DeclarationError(
            document.path,
            line,
            f"'{expression}' is {kind}: write {wanted}.",
            f"'{expression}' có kiểu {kind}: hãy ghi {wanted_vi}.",
        )
    if is_aggregate(expression):
        raise DeclarationError(
            document.path,
            line,
            f"'{expression}' looks at several rows: say what is true of one.",
            f"'{expression}' xét nhiều dòng: hãy ghi điều đúng với từng dòng.",
        )
    return columns_of(expression)

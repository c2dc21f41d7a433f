"""Contracts: what a table is, declared once.

From a contract come the DuckDB types, the Arrow schema with descriptions and units in its field
metadata, the Dagster Columns tab, the comments in `dx.duckdb`, the expectations on single columns
and the data dictionary. How a table *arrives* (files, headings, number styles) does not belong
here: that is `source`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from dx_pipeline.declarations.document import Bilingual, Declared
from dx_pipeline.declarations.mistake import no_regular_expression
from dx_pipeline.errors import RuleError

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["text", "integer", "number", "decimal", "boolean", "date", "timestamp"]
PersonalData = Literal["none", "linkable"]
Audience = Literal["public", "internal", "none"]
Origin = Literal["delivered", "reference", "observed", "computed", "view"]

DUCKDB_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "decimal": "DECIMAL(38,6)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}

MOST = {"_count": 1e9, "_vnd": 1e15}
"""The largest value of a delivered column that declares none, by the end of its name: ten times as many as there are
people in Viet Nam, and a tenth of what the country earns in a year. A larger one is a mistake of writing."""

MOST_OF_ANY = 1e15
"""The same of any other number: up to there a double has every digit of a whole number."""

IDENTIFIER = r"^[a-z][a-z0-9_]*$"
PLACE = ("delivery_id", "delivery_line")
"""The columns with the place of a row in what was delivered."""


class Column(Declared):
    """One column: its type, what it means, and what a value must be.

    A value that breaks `required`, `allowed`, `pattern`, `min`, `max` or `references` sends its row to quarantine; a
    number that is delivered always has a `max`: see `MOST`. `personal_data: linkable` marks a value that could lead
    to a person: it is kept to distinguish rows and never leaves the warehouse (no release has it). A `decimal` has
    exactly six decimals, so sums of it are exact; only computed tables have such columns.
    """

    type: ColumnType
    vi: str
    en: str
    unit: str | None = None
    required: bool = False
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    references: str | None = Field(default=None, pattern=r"^[a-z_]+\.[a-z0-9_]+\.[a-z0-9_]+$")
    personal_data: PersonalData = "none"

    @model_validator(mode="after")
    def _rules_fit_the_type(self) -> Column:
        if self.type != "text" and (self.pattern or self.allowed):
            raise RuleError(
                "'pattern' and 'allowed' are for columns of type text.",
                "'pattern' và 'allowed' chỉ dùng cho cột kiểu text.",
            )
        if self.type not in {"integer", "number"} and (self.min is not None or self.max is not None):
            raise RuleError(
                "'min' and 'max' are for columns of type integer or number.",
                "'min' và 'max' chỉ dùng cho cột kiểu integer hoặc number.",
            )
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise no_regular_expression(self.pattern, error) from error
        return self

    @property
    def is_published(self) -> bool:
        """Whether a release may show it."""
        return self.personal_data == "none"


class Reporters(Declared):
    """Who is expected to report: every code of the list that a column refers to, in force at the end of the month.

    `where` is a condition on that list, for those of it that report.
    """

    column: str
    where: str = "true"


class Rule(Declared):
    """A condition on one row. A row for which `sql` is false goes to quarantine with the code `code`.

    Besides the columns it may use `known_until` of a monthly table: the last day that a delivery can know of, which is
    the last day of its month, or the day it arrived if that is later.
    """

    code: str = Field(pattern=IDENTIFIER)
    sql: str
    vi: str
    en: str


MONTH = Column(
    type="date",
    vi="Tháng của phân vùng (ngày đầu tháng)",
    en="Month of the partition, as its first day",
    required=True,
)
PROVENANCE: dict[str, Column] = {
    "delivery_id": Column(
        type="text",
        vi="Mã băm SHA-256 của tệp giao nhận chứa dòng này",
        en="SHA-256 of the delivery that contains this row",
        required=True,
    ),
    "delivery_line": Column(
        type="integer",
        vi="Dòng trong tệp giao nhận",
        en="Line (sheet row, record) within the delivery",
        required=True,
    ),
    "synthetic": Column(
        type="boolean",
        vi="Đúng nếu là dữ liệu mô phỏng (dữ liệu mẫu)",
        en="True where the delivery says of itself that it is synthetic",
        required=True,
    ),
}
KNOWN_UNTIL = "known_until"
"""What a rule may compare days with, besides the columns; see `Rule`."""

AS_OF, IS_LATEST = "as_of", "is_latest"
STATE: dict[str, Column] = {
    AS_OF: Column(
        type="date",
        vi="Tình trạng tại ngày: ngày cuối của tháng mà dòng này được giao",
        en="Day that the state is as of: the last day of the month that the row was delivered for",
        required=True,
    ),
    IS_LATEST: Column(
        type="boolean",
        vi="Đúng nếu không có tháng giao nào sau đó có cùng khóa",
        en="True where no later month that was delivered has the same key",
        required=True,
    ),
}


class Beside(Declared):
    """A summary, and those of its columns that count what a form may count too.

    A period of the form is withheld as a whole if one of them is withheld for the whole province in a month of it.
    """

    table: str
    columns: tuple[str, ...]


class Balance(Declared):
    """The columns of a form that counts what is carried over, received, settled and in progress in a period.

    What is carried over and received is settled or in progress; what is in progress is carried over into the next
    period. Small counts of such a table are withheld from the public.

    Args:
        of: the column with what a row is about.
        first_day, last_day: the columns with the period.
        carried_over: the column of what was in progress when the period began.
        received, settled, in_progress: the columns with the parts of these.
        totals: the columns with the sums: of all that is carried over or received, settled, in progress.
        beside: a summary that may be of the same dossiers.
    """

    of: str
    first_day: str
    last_day: str
    carried_over: str
    received: tuple[str, ...]
    settled: tuple[str, ...]
    in_progress: tuple[str, ...]
    totals: tuple[str, str, str]
    beside: Beside | None = None

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Every column that counts, and the columns that it is the sum of: itself, if it is no total."""
        sums = ((self.carried_over, *self.received), self.settled, self.in_progress)
        single = {name: (name,) for name in (*sums[0], *self.settled, *self.in_progress)}
        return {**single, **dict(zip(self.totals, sums, strict=True))}

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that it names."""
        return (self.of, self.first_day, self.last_day, *self.parts)


WITHHELD_COLUMNS = "withheld_columns"
WITHHELD: dict[str, Column] = {
    WITHHELD_COLUMNS: Column(
        type="text",
        vi="Các cột bị che ở dòng này, cách nhau bằng dấu phẩy: quá ít hồ sơ, hoặc làm lộ một số quá ít",
        en="The columns that are withheld in this row, separated by commas: too few dossiers, or they would reveal such"
        " a number",
    )
}


class Contract(Declared):
    """One table.

    Args:
        origin: `delivered` (arrives monthly), `reference` (a file in git, no months), `observed`
            (recorded by the pipeline while it fetches) or `computed` (made when a release is made).
        grain: what one row is.
        key: the columns that identify a row within a month; empty where every row counts.
        month: a date column that must lie in the month a row is delivered for.
        reporters: who is expected to report every month; without it the source that delivers the table.
        columns_of: another table of which it has the columns and the key, instead of its own.
        changes: whether a row is the state of something that changes later. Then a delivery of a month may have rows
            whose `month` column lies in an earlier month; of all rows with one key, that of the latest month that was
            delivered is the latest state. Whoever reads the table finds in `as_of` the last day of the month that a
            state was delivered for, and in `is_latest` whether it is the latest.
        reads: reference tables that the table's rules and suite compare it with, besides those that columns refer to;
            or `kpi.definition`, of which they see what is the same in every version of a KPI.
        audience: who reads the table in a release. `public`: everybody. `internal`: analysts inside the office;
            rows come without their place in a delivery, in an order that follows from their content. `none`: nobody;
            it stays in the warehouse, where others are computed from it.
        balance: of a public table, the columns whose small counts are withheld; analysts inside see all of them.
        inside_only: of a public table about deliveries, the columns that are empty where it is about a table that
            withholds something; analysts inside see all of them.
    """

    title: Bilingual
    grain: Bilingual
    origin: Origin = "delivered"
    key: tuple[str, ...] = ()
    month: str | None = None
    reporters: Reporters | None = None
    changes: bool = False
    reads: tuple[str, ...] = ()
    audience: Audience = "public"
    balance: Balance | None = None
    inside_only: tuple[str, ...] = ()
    columns: dict[str, Column] = Field(default_factory=dict)
    columns_of: str | None = None
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _names_are_columns(self) -> Contract:
        for name in self.columns:
            if not re.fullmatch(IDENTIFIER, name):
                raise RuleError(
                    f"'{name}' is not a column name: use lower-case letters, digits and _.",
                    f"'{name}' không phải là tên cột: hãy dùng chữ thường không dấu, chữ số và _.",
                )
            if name in self._added:
                raise RuleError(
                    f"'{name}' is added to every such table: leave it out.",
                    f"'{name}' được tự thêm vào mọi bảng loại này: hãy bỏ ra.",
                )
        named = {*self.key, *([self.month] if self.month else []), *self.inside_only}
        named |= {*(self.balance.named if self.balance else ())}
        if unknown := sorted(named - set(self.columns)):
            raise RuleError(
                f"'{unknown[0]}' is used as key, month, in 'balance' or 'inside_only' but is not among the columns.",
                f"'{unknown[0]}' được dùng ở key, month, 'balance' hoặc 'inside_only' nhưng không có trong các cột.",
            )
        if self.origin != "computed" and any(column.type == "decimal" for column in self.columns.values()):
            raise RuleError(
                "'decimal' is for tables that the pipeline computes: write 'number'.",
                "'decimal' chỉ dùng cho bảng do chương trình tính: hãy ghi 'number'.",
            )
        if self.reporters is not None and self._list_of_reporters() is None:
            raise RuleError(
                f"'{self.reporters.column}' of 'reporters' is no column that refers to a list.",
                f"'{self.reporters.column}' trong 'reporters' không phải là cột tham chiếu tới một danh mục.",
            )
        if self.changes and not (self.key and self.month and self.origin == "delivered"):
            raise RuleError(
                "a table that changes is delivered by month: it needs 'key' and 'month'.",
                "bảng có 'changes' được giao theo tháng: cần có 'key' và 'month'.",
            )
        return self

    @model_validator(mode="after")
    def _numbers_have_a_maximum(self) -> Contract:
        for name, column in self.columns.items() if self.origin in {"delivered", "reference"} else ():
            if column.type in {"integer", "number"} and column.max is None:
                most = next((most for ending, most in MOST.items() if name.endswith(ending)), MOST_OF_ANY)
                self.columns[name] = column.model_copy(update={"max": max(most, column.min or 0)})
        return self

    def _list_of_reporters(self) -> str | None:
        column = self.columns.get(self.reporters.column) if self.reporters else None
        return column.references if column else None

    @property
    def _added(self) -> set[str]:
        """The columns that a table has besides those that are declared."""
        provenance = {"month", *PROVENANCE} if self.origin in {"delivered", "reference"} else set()
        return provenance | {KNOWN_UNTIL} | (STATE.keys() if self.changes else set())

    @property
    def stored(self) -> dict[str, Column]:
        """Every column of the table as it is stored: the declared ones, then month and provenance."""
        match self.origin:
            case "delivered":
                return {**self.columns, "month": MONTH, **PROVENANCE}
            case "reference":
                return {**self.columns, **PROVENANCE}
            case _:
                return dict(self.columns)

    @property
    def readable(self) -> dict[str, Column]:
        """Every column that SQL may read: the stored ones and, where rows are states, which are the latest."""
        return {**self.stored, **STATE} if self.changes else self.stored

    @property
    def published(self) -> dict[str, Column]:
        """The columns that a release shows."""
        is_added = "delivery_id" in self._added and (self.audience == "internal" or self.balance is not None)
        left_out = PLACE if is_added else ()
        shown = {name: column for name, column in self.readable.items() if column.is_published and name not in left_out}
        may_be_empty = (*self.inside_only, *(self.balance.parts if self.balance else ()))
        shown |= {name: shown[name].model_copy(update={"required": False}) for name in may_be_empty}
        return {**shown, **WITHHELD} if self.balance else shown

    @property
    def shows_every_row(self) -> bool:
        """Whether everybody sees every row of the table, and every count in it."""
        return self.audience == "public" and self.balance is None

    @property
    def inside(self) -> Contract:
        """The contract of the table as analysts inside the office see it, with every count."""
        return self.model_copy(update={"audience": "internal", "balance": None, "inside_only": ()})

    @property
    def references(self) -> tuple[str, ...]:
        """The reference tables that its columns refer to or its suite reads, sorted."""
        named = (column.references for column in self.columns.values() if column.references is not None)
        return tuple(sorted({*self.reads, *(name.rpartition(".")[0] for name in named)}))


@cache
def _arrow_types() -> dict[ColumnType, pa.DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "decimal": pa.decimal128(38, 6),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }


def arrow_schema(contract: Contract, columns: dict[str, Column]) -> pa.Schema:
    """The Arrow schema of a table, with descriptions and units in each field's metadata."""
    import pyarrow as pa  # and NumPy with it: who reads a release or a declaration needs neither

    types = _arrow_types()
    fields = []
    for name, column in columns.items():
        metadata = {"description": column.en, "description_vi": column.vi}
        if column.unit:
            metadata["unit"] = column.unit
        fields.append(pa.field(name, types[column.type], not column.required, metadata))
    about = {"title": contract.title.en, "title_vi": contract.title.vi, "grain": contract.grain.en}
    return pa.schema(fields, about)

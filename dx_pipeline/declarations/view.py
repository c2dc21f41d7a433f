"""Views: row-level SELECTs over tables, declared once, that KPIs count on.

A view says once which unit and which day each row belongs to, and which rows are in no figure and why. What
is counted among them does not belong here: that is `kpi`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from dx_pipeline.declarations.binding import Binder, check_known, one_select, tables_in
from dx_pipeline.declarations.contract import (
    DUCKDB_TYPES,
    IDENTIFIER,
    IS_LATEST,
    PROVENANCE,
    Column,
    ColumnType,
    Contract,
)
from dx_pipeline.declarations.document import Bilingual, Declared, Document
from dx_pipeline.declarations.lineage import Lineage, of_query
from dx_pipeline.declarations.mistake import Mistake
from dx_pipeline.errors import DeclarationError

SCHEMA = "view"
EXCLUDED = "excluded"
"""The column of a view that says why a row is in no figure; empty for the rows that KPIs count."""

EXCLUDED_MEANS = Bilingual(
    vi="Lý do dòng không được tính, trống nếu được tính", en="Why the row is in no figure, empty where it is counted"
)
UNITS = "reference.unit_of"
"""The computed table that views find units by: which unit each code counts towards on which days."""

COLUMN_TYPES: dict[str, ColumnType] = {
    **{kind: column_type for column_type, kind in DUCKDB_TYPES.items()},
    **dict.fromkeys(("INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT"), "integer"),
    **dict.fromkeys(("DECIMAL", "FLOAT"), "number"),
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
"""The column type of each DuckDB type that a view may return."""

NO_SQL = Mistake(
    "view.sql is not there: put the view's SELECT beside this file.",
    "không có view.sql: hãy đặt câu SELECT của khung nhìn cạnh tệp này.",
)

Origin = tuple[str, str]
"""A table and one of its columns."""


class Reason(Declared):
    """Why rows are in no figure. `is_lost`: they belong into one, and their absence lowers its coverage."""

    vi: str
    en: str
    is_lost: bool = False


STATE_REASONS = {
    "earlier_state": Reason(
        vi="Tình trạng khác, mới hơn, của cùng dòng được tính", en="Another, newer state of the same row counts"
    ),
    "later_state": Reason(
        vi="Tình trạng mới hơn, đến sau khi tháng đã khóa sổ; chờ đính chính",
        en="A newer state, which came after the month had closed; it waits for a revision",
    ),
}


class Described(Declared):
    """What a column means that the view computes; its type follows from the SQL."""

    vi: str
    en: str
    unit: str | None = None


class View(Declared):
    """One view.

    Args:
        of: the table of which every row is in the view, or has a reason in the column `excluded`.
        date: the column with a row's day: windows select by it.
        unit: the column with the unit that a row counts towards, in force on that day; without it rows
            count for the province as a whole.
        system: the column with the system that a row is about.
        basis: `flow`, where rows are events; `stock`, where they are a state at the end of each month.
        repeats: whether one row of the table may be several rows of the view.
        is_shared: whether it is for other views only, which take columns from it: no KPI counts on it, and of a table
            that changes it has every state.
        protects: what rows are of which small counts are withheld.
        weight: the column with how many dossiers a row is of; by default a row is one.
        excluded: the reasons that `excluded` gives, by code.
        columns: the columns that the view computes; the others are described in the contracts they come from.
    """

    title: Bilingual
    grain: Bilingual
    of: str = Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$")
    date: str = Field(pattern=IDENTIFIER)
    unit: str | None = Field(default=None, pattern=IDENTIFIER)
    system: str | None = Field(default=None, pattern=IDENTIFIER)
    basis: Literal["flow", "stock"] = "flow"
    repeats: bool = False
    is_shared: bool = False
    protects: Literal["dossiers"] | None = None
    weight: str | None = Field(default=None, pattern=IDENTIFIER)
    excluded: dict[str, Reason] = Field(default_factory=dict)
    columns: dict[str, Described] = Field(default_factory=dict)


@dataclass(frozen=True)
class DeclaredView:
    """A view as it is declared under `assets/view/<name>/`.

    Args:
        sql: its one SELECT.
        reads: the tables and views in its FROM and JOIN clauses, sorted.
        contract: its columns, with the types that DuckDB gives them.
        has_states: whether it has each row of the table `of` in every state; which one counts is then decided for
            all views alike, and `excluded` says why the others do not.
        origins: by column, the tables and columns that it is computed from.
        identity: the columns that name the row of the table `of` that a row comes from.
    """

    name: str
    view: View
    path: Path
    sql: str
    reads: tuple[str, ...]
    contract: Contract
    origins: dict[str, tuple[Origin, ...]]
    identity: tuple[str, ...]
    has_states: bool

    @property
    def reasons(self) -> dict[str, Reason]:
        """Why rows are in no figure, by code: the declared reasons, and those for states of rows."""
        return {**self.view.excluded, **(STATE_REASONS if self.has_states else {})}

    @property
    def table(self) -> str:
        """Its name in SQL."""
        return f"{SCHEMA}.{self.name}"

    def tables_of(self, columns: set[str]) -> frozenset[str]:
        """The tables that rows of these columns rest on: its own, and those that the columns come from."""
        used = {self.view.date, self.view.unit, self.view.system, EXCLUDED, *columns}
        found = (origins for column, origins in self.origins.items() if column in used)
        return frozenset({self.view.of, *(table for origins in found for table, _ in origins)})


def identity(contract: Contract) -> tuple[str, ...]:
    """The columns that name one row of a table: where it was delivered, or else its key."""
    return ("delivery_id", "delivery_line") if PROVENANCE.keys() <= contract.stored.keys() else contract.key


@dataclass
class Known:
    """The tables and views that SQL may read, while declarations are being read."""

    contracts: dict[str, Contract]
    views: dict[str, DeclaredView]

    @property
    def columns(self) -> dict[str, dict[str, Column]]:
        """The columns of each."""
        tables = {
            name: contract.readable
            for name, contract in self.contracts.items()
            if contract.origin != "computed" or name == UNITS
        }
        return {**tables, **{view.table: view.contract.columns for view in self.views.values()}}

    def tables_behind(self, name: str) -> frozenset[str]:
        """The tables that a table or view rests on."""
        view = self.views.get(name.removeprefix(f"{SCHEMA}."))
        if view is None or not name.startswith(f"{SCHEMA}."):
            return frozenset({name})
        return frozenset(table for read in view.reads for table in self.tables_behind(read))

    def tables_in(self, names: Iterable[str]) -> frozenset[str]:
        """The tables among some tables and views, and those that shared views among them read."""
        shared = [view for name, view in self.views.items() if f"{SCHEMA}.{name}" in names and view.view.is_shared]
        return frozenset(names).union(*(self.tables_in(view.reads) for view in shared))

    def is_linkable(self, name: str) -> bool:
        """Whether rows of a table or view can lead to a person."""
        return any(
            column.personal_data == "linkable"
            for table in self.tables_behind(name)
            if table in self.contracts
            for column in self.contracts[table].columns.values()
        )

    def views_behind(self, names: set[str]) -> frozenset[str]:
        """The views among some tables and views, and those that these read."""
        direct = {name.removeprefix(f"{SCHEMA}.") for name in names if name.startswith(f"{SCHEMA}.")}
        deeper = (self.views_behind(set(self.views[name].reads)) for name in direct)
        return frozenset(direct).union(*deeper)

    def origins_of(self, origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
        """Columns of tables, where some are given as columns of views."""
        found: set[Origin] = set()
        for table, column in origins:
            view = self.views.get(table.removeprefix(f"{SCHEMA}.")) if table.startswith(f"{SCHEMA}.") else None
            found.update(view.origins[column] if view else [(table, column)])
        return tuple(sorted(found))

    def unchanged(self, line: Lineage) -> Column | None:
        """The column that a column is, as it is, of a table or view; None if it is computed."""
        if not line.is_unchanged:
            return None
        ((table, column),) = line.origins
        return self.columns[table][column]


def read(document: Document, name: str, known: Known, binder: Binder) -> DeclaredView:
    """The view in `document`, checked against the tables and views that are known.

    Raises:
        DeclarationError: its SQL does not fit them, or does not return what the declaration names.
    """
    view = document.read(View, "attributes")
    path = document.path.with_name("view.sql")
    if not path.is_file():
        raise document.error(NO_SQL)
    sql = path.read_text(encoding="utf-8").rstrip().rstrip(";")
    reads = tables_in(one_select(path, sql))
    check_known(path, sql, reads, known.columns)
    behind = {table for read in reads for table in known.tables_behind(read)}
    if view.of not in known.contracts.keys() & behind:
        unread = Mistake(
            f"'{view.of}' is no table that the view reads.", f"khung nhìn không đọc bảng nào tên '{view.of}'."
        )
        raise document.error(unread, "attributes", "of")
    if view.protects is None and any(known.is_linkable(read) for read in reads):
        unprotected = Mistake(
            f"rows of {view.of} can lead to a person: add 'protects: dossiers', so that small counts are withheld.",
            f"các dòng của {view.of} có thể dẫn tới một người: hãy thêm 'protects: dossiers' để che số đếm nhỏ.",
        )
        raise document.error(unprotected)
    types = binder.types(path, 1, sql)
    lines = of_query(sql, {table: known.columns[table] for table in reads})
    origins = {column: known.origins_of(lines[column].origins) for column in types}
    of_table = known.contracts[view.of]
    declared = DeclaredView(
        name=name,
        view=view,
        path=path,
        sql=sql,
        reads=reads,
        contract=Contract(
            title=view.title,
            grain=view.grain,
            origin="view",
            columns={
                column: _column(document, view, column, kind, known.unchanged(lines[column]))
                for column, kind in types.items()
            },
        ),
        origins=origins,
        identity=identity(of_table),
        has_states=of_table.changes and not view.is_shared and view.of in known.tables_in(reads),
    )
    _check_columns(document, declared, of_table)
    return declared


def _column(document: Document, view: View, name: str, kind: str, unchanged: Column | None) -> Column:
    """A column of the view: as it is described here, else as in the contract that it comes from unchanged."""
    described = view.columns.get(name)
    type_ = COLUMN_TYPES.get(kind.partition("(")[0])
    if type_ is None:
        types = ", ".join(DUCKDB_TYPES.values())
        unknown = Mistake(
            f"'{name}' is of type {kind}: cast it to one of {types}.",
            f"'{name}' có kiểu {kind}: hãy chuyển (CAST) sang một trong các kiểu {types}.",
        )
        raise document.error(unknown)
    if described is not None:
        return Column(type=type_, vi=described.vi, en=described.en, unit=described.unit)
    if name == EXCLUDED:
        return Column(type="text", vi=EXCLUDED_MEANS.vi, en=EXCLUDED_MEANS.en)
    if unchanged is None:
        unsaid = Mistake(
            f"'{name}' is computed: say under 'columns' what it means.",
            f"'{name}' là cột được tính: hãy ghi ý nghĩa của nó dưới 'columns'.",
        )
        raise document.error(unsaid, "attributes", "columns")
    about = {"vi", "en", "unit", "personal_data"}
    return Column(type=type_, **unchanged.model_dump(include=about))


def _no_column(name: str) -> Mistake:
    return Mistake(f"'{name}' is no column of the view.", f"khung nhìn không có cột '{name}'.")


def _check_columns(document: Document, declared: DeclaredView, of_table: Contract) -> None:
    view, columns = declared.view, declared.contract.columns
    month = ("month",) if "month" in of_table.stored else ()
    needed = {"date": view.date, "unit": view.unit, "system": view.system, "weight": view.weight}
    for key, column in needed.items():
        if column is not None and column not in columns:
            raise document.error(_no_column(column), "attributes", key)
    for column in (*declared.identity, *month, *((EXCLUDED,) if declared.reasons else ())):
        if column not in columns:
            raise DeclarationError(
                declared.path,
                1,
                f"'{column}' is missing: a view returns {column} of its rows.",
                f"thiếu '{column}': khung nhìn phải trả về {column} của các dòng.",
            )
    if columns[view.date].type != "date":
        no_date = Mistake(f"'{view.date}' is no date.", f"'{view.date}' không phải là cột ngày.")
        raise document.error(no_date, "attributes", "date")
    for column in view.columns:
        if column not in columns:
            raise document.error(_no_column(column), "attributes", "columns", column)
    is_of_states = declared.has_states or (of_table.changes and view.is_shared)
    if is_of_states and any((view.of, IS_LATEST) in origins for origins in declared.origins.values()):
        raise DeclarationError(
            declared.path,
            1,
            f"which state of a row of {view.of} counts is decided for all views alike: leave {IS_LATEST} out.",
            f"tình trạng nào của một dòng {view.of} được tính thì mọi khung nhìn đều theo một quy định chung: hãy bỏ"
            f" {IS_LATEST}.",
        )
    if of_table.changes and not is_of_states and EXCLUDED not in columns:
        raise DeclarationError(
            declared.path,
            1,
            f"every state of a row of {view.of} counts: take '{EXCLUDED}' over from the view it reads.",
            f"mọi tình trạng của một dòng {view.of} đều bị tính: hãy lấy cột '{EXCLUDED}' từ khung nhìn mà nó đọc.",
        )


def in_order(documents: dict[str, Document]) -> Iterator[tuple[str, Document]]:
    """Views and their documents, each after the views that its SQL reads.

    Raises:
        DeclarationError: two views read each other.
    """
    pending = dict(sorted(documents.items()))
    while pending:
        ready = [name for name, document in pending.items() if not pending.keys() & _views_in(document)]
        if not ready:
            name, document = next(iter(pending.items()))
            around = Mistake(
                f"'{name}' reads a view that reads '{name}': take one of the two out.",
                f"'{name}' đọc một khung nhìn lại đọc '{name}': hãy bỏ một trong hai chiều.",
            )
            raise document.error(around)
        for name in ready:
            yield name, pending.pop(name)


def _views_in(document: Document) -> frozenset[str]:
    path = document.path.with_name("view.sql")
    named = re.findall(rf"\b{SCHEMA}\.([a-z0-9_]+)", path.read_text(encoding="utf-8")) if path.is_file() else []
    return frozenset(named)

"""Audits: Great Expectations runs a suite on staged rows, before they are published.

Expectations run as SQL in the DuckDB connection that has the staged rows: nothing is written before it
is audited, and no row passes through Python.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

import duckdb

from dx_pipeline import profile
from dx_pipeline.audit.result import CheckStatus, ExpectationResult
from dx_pipeline.audit.unexpected_rows import UnexpectedRows
from dx_pipeline.declarations.sql import qualified
from dx_pipeline.declarations.suite import Expectation, Suite

DIALECT = "dxduckdb"
MOST_LINES = 20
"""So many of the lines that are against an expectation are kept with its result."""


def audit(connection: duckdb.DuckDBPyConnection, table: str, suite: Suite) -> tuple[ExpectationResult, ...]:
    """The result of each expectation of a suite on one table, in the order of the suite."""
    gx = load()
    with _audited(connection, UnexpectedRows(connection, table, suite)):
        batch = _batch_definition(table).get_batch()
        runnable = gx.ExpectationSuite(
            name=suite.name,
            expectations=[
                _configuration(position, expectation) for position, expectation in enumerate(suite.expectations)
            ],
        )
        validation = batch.validate(runnable, result_format="BASIC")
    by_position = {result.expectation_config.meta["position"]: result for result in validation.results}
    results = (_result(each, by_position.get(position)) for position, each in enumerate(suite.expectations))
    return tuple(
        _with_lines(connection, table, expectation, result)
        for expectation, result in zip(suite.expectations, results, strict=True)
    )


@cache
def load() -> Any:
    """Great Expectations. It takes seconds to import, so only a process that audits pays for it.

    Two libraries that take half of that time serve a single expectation, on the shape of a
    distribution; they are imported when it uses them.
    """
    for name in ("scipy.stats", "altair"):
        _import_when_used(name)
    with profile.stage("import", "great_expectations"):
        import great_expectations
        from great_expectations.expectations.expectation import Expectation as Runnable

    _configure_once(Runnable)
    return great_expectations


def passes(audited: Sequence[ExpectationResult]) -> bool:
    """Whether the table may be published: every critical expectation was evaluated and is met."""
    return all(result.status == "met" for result in audited if result.severity == "critical")


def _import_when_used(name: str) -> None:
    """Put a module in place that imports the real one when an attribute is first read.

    (importlib's LazyLoader does not work here: the import statement itself reads attributes of the module.)
    """
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def attribute(asked: str) -> Any:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), asked)

    stand_in.__dict__["__getattr__"] = attribute
    sys.modules[name] = stand_in


_ONE_AT_A_TIME = Lock()
"""GX keeps state between calls, so one audit runs at a time in a process."""


_AUDITED: ContextVar[duckdb.DuckDBPyConnection] = ContextVar("audited connection")

_QUERIES: ContextVar[UnexpectedRows] = ContextVar("queries for unexpected rows")

_CONFIGURED: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("expectations configured", default=None)
"""The configuration of each expectation of the audit that runs now, by its identity."""


@contextmanager
def _audited(connection: duckdb.DuckDBPyConnection, queries: UnexpectedRows) -> Iterator[None]:
    """Within the block GX queries the given connection."""
    with _ONE_AT_A_TIME:
        token, configured, asked = _AUDITED.set(connection), _CONFIGURED.set({}), _QUERIES.set(queries)
        try:
            yield
        finally:
            _QUERIES.reset(asked)
            _CONFIGURED.reset(configured)
            _AUDITED.reset(token)


def _configure_once(runnable: Any) -> None:
    """Let an expectation keep its configuration for the length of an audit.

    GX's own property builds it anew, by way of pydantic and regular expressions, some fifty times
    for each expectation of a validation: a third of an audit. There is no setting for that. Nothing
    changes expectations while they run; outside an audit the property is GX's own. If a later GX has no
    such property, nothing is replaced and audits are only slower.
    """
    plain = vars(runnable).get("configuration")
    if not isinstance(plain, property) or plain.fget is None:
        return
    build = plain.fget

    def configuration(self: Any) -> Any:
        known = _CONFIGURED.get()
        if known is None:
            return build(self)
        if id(self) not in known:
            known[id(self)] = self, build(self)  # kept with it, so that no other gets its identity
        return known[id(self)][1]

    runnable.configuration = property(configuration, doc=plain.__doc__)


@cache
def _batch_definition(table: str) -> Any:
    """The table of the connection that is audited; made once, because making it costs as much as an audit."""
    gx = load()
    from duckdb_engine import ConnectionWrapper
    from sqlalchemy.pool import NullPool

    class Audited(ConnectionWrapper):
        """The connection that is audited. GX closes connections after use; this one stays open."""

        def close(self) -> None: ...

    _register_dialect()
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # the results say the same
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        name="audited",
        connection_string=f"{DIALECT}:///:memory:",
        create_temp_table=False,
        kwargs={
            "creator": lambda: Audited(_AUDITED.get()),
            "poolclass": NullPool,  # every checkout gets the connection that is audited now
        },
    )
    return source.add_table_asset(name=table, table_name=table).add_batch_definition_whole_table("all")


def _register_dialect() -> None:
    """Register a DuckDB dialect that fetches at once and describes tables the short way.

    GX reads results after it has handed its connection back to the pool, when DuckDB's open result
    is gone; SQLAlchemy's fully buffered strategy fetches before that. The inherited reflection asks
    PostgreSQL's catalogue, which takes longer than most audits.
    """
    from duckdb_engine import Dialect
    from sqlalchemy import types
    from sqlalchemy.dialects import registry
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    class BufferedContext(Dialect.execution_ctx_cls):  # type: ignore[misc, valid-type]
        def post_exec(self) -> None:
            super().post_exec()
            if self.cursor is not None and self.cursor.description:
                self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                    self.cursor, self.cursor.description, self.cursor.fetchall()
                )

    class BufferedDialect(Dialect):
        execution_ctx_cls = BufferedContext
        supports_statement_cache = False

        # An audit only reads, and nothing changes meanwhile: the transaction that SQLAlchemy starts
        # for each query costs as much as the query.
        def do_begin(self, connection: Any) -> None: ...
        def do_commit(self, dbapi_connection: Any) -> None: ...
        def do_rollback(self, connection: Any) -> None: ...

        def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            super().do_execute(cursor, _QUERIES.get().instead(statement), parameters, context)  # type: ignore[no-untyped-call]

        def get_columns(self, connection: Any, table_name: str, *_: Any, **__: Any) -> Any:
            described = connection.exec_driver_sql(f"DESCRIBE {qualified(table_name)}").fetchall()
            return [
                {"name": name, "type": types.NullType(), "nullable": True, "default": None} for name, *_ in described
            ]

        def get_pk_constraint(self, *_: Any, **__: Any) -> Any:
            return {"constrained_columns": [], "name": None}

    registry.impls[DIALECT] = lambda: BufferedDialect


def _configuration(position: int, expectation: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    return ExpectationConfiguration(
        type=expectation.type,
        kwargs=dict(expectation.kwargs),
        severity=FailureSeverity(expectation.severity),
        meta={"position": position},  # GX returns results in an order of its own
    )


def _result(expectation: Expectation, result: Any) -> ExpectationResult:
    details = (result.result or {}) if result is not None else {}
    problem = _exception(result)
    status: CheckStatus = "met" if result is not None and result.success else "unmet"
    observed = details.get("observed_value")
    unexpected = observed if "unexpected_rows_query" in expectation.kwargs else details.get("unexpected_count")
    return ExpectationResult(
        type=expectation.type,
        subject=_subject(expectation),
        severity=expectation.severity,
        status=status if problem is None else "broken",
        element_count=details.get("element_count"),
        unexpected_count=unexpected,
        observed=None if observed is None or isinstance(observed, list) else str(observed),
        reason_vi=expectation.meta.reason.vi,
        reason_en=expectation.meta.reason.en,
        problem=problem,
    )


def _with_lines(
    connection: duckdb.DuckDBPyConnection, table: str, expectation: Expectation, result: ExpectationResult
) -> ExpectationResult:
    """A result with the first lines of deliveries that are against it, where its own query returns them."""
    query = expectation.kwargs.get("unexpected_rows_query")
    if result.status != "unmet" or query is None:
        return result
    rows = query.format(batch=qualified(table)).rstrip("; \n")
    found: list[tuple[str, int]] = []
    with suppress(duckdb.BinderException):  # the query returns no lines: it counts, or the table is computed
        found = connection.execute(
            f"SELECT delivery_id, delivery_line FROM ({rows}) ORDER BY ALL LIMIT {MOST_LINES}"
        ).fetchall()
    return result.model_copy(update={"lines": tuple(found)})


def _exception(result: Any) -> str | None:
    """The message of the exception that kept an expectation from being evaluated, if one did.

    GX gives either one `exception_info` or one for each metric.
    """
    if result is None:
        return "it gave no result"
    info = result.exception_info or {}
    candidates = [info] if "raised_exception" in info else list(info.values())
    for candidate in candidates:
        if isinstance(candidate, dict) and candidate.get("raised_exception"):
            return str(candidate.get("exception_message")).strip().splitlines()[0]
    return None


def _subject(expectation: Expectation) -> str:
    arguments = expectation.kwargs
    if isinstance(arguments.get("column"), str):
        return str(arguments["column"])
    if arguments.get("column_list"):
        return ", ".join(arguments["column_list"])
    return "table"

"""Audits: a suite of expectations, run by Great Expectations on a staged table, before publication.

The expectations are pushed down as SQL into the very DuckDB connection that holds the staged rows,
so nothing is written before it is judged and no row passes through Python.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any

import duckdb

from dx_pipeline.contract import qualified
from dx_pipeline.record import Expected
from dx_pipeline.suite import Expectation, Suite

DIALECT = "dxduckdb"


def audit(connection: duckdb.DuckDBPyConnection, table: str, suite: Suite) -> tuple[Expected, ...]:
    """What became of each expectation of a suite on one table, in the order of the suite."""
    import great_expectations as gx  # takes seconds: only a process that audits pays for it

    with _audited(connection):
        batch = _batch_definition(table).get_batch()
        runnable = gx.ExpectationSuite(
            name=suite.name,
            expectations=[
                _configuration(position, expectation) for position, expectation in enumerate(suite.expectations)
            ],
        )
        validation = batch.validate(runnable, result_format="BASIC")
    by_position = {result.expectation_config.meta["position"]: result for result in validation.results}
    return tuple(
        _expected(expectation, by_position.get(position))
        for position, expectation in enumerate(suite.expectations)
    )


def holds(audited: Sequence[Expected]) -> bool:
    """Whether the table may be published: every critical expectation was evaluated and is met."""
    return all(expected.outcome == "met" for expected in audited if expected.severity == "critical")


_ONE_AT_A_TIME = Lock()
"""GX keeps state of its own between calls; months are read side by side, and audited in turn."""

_CONNECTION: ContextVar[duckdb.DuckDBPyConnection] = ContextVar("audited connection")


@contextmanager
def _audited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """GX looks into the given connection for as long as the block lasts."""
    with _ONE_AT_A_TIME:
        token = _CONNECTION.set(connection)
        try:
            yield
        finally:
            _CONNECTION.reset(token)


@cache
def _batch_definition(table: str) -> Any:
    """The table of whichever connection is audited; made once, because making it costs an audit."""
    import great_expectations as gx
    from duckdb_engine import ConnectionWrapper
    from sqlalchemy.pool import NullPool

    _register_dialect()
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # results say it all
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        name="audited",
        connection_string=f"{DIALECT}:///:memory:",
        create_temp_table=False,
        kwargs={
            "creator": lambda: ConnectionWrapper(_CONNECTION.get().cursor()),
            "poolclass": NullPool,  # every checkout asks for the connection that is audited now
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

    class BufferedContext(Dialect.execution_ctx_cls):  # type: ignore[misc]
        def post_exec(self) -> None:
            super().post_exec()
            if self.cursor is not None and self.cursor.description:
                self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                    self.cursor, self.cursor.description, self.cursor.fetchall()
                )

    class BufferedDialect(Dialect):  # type: ignore[misc]
        execution_ctx_cls = BufferedContext
        supports_statement_cache = False

        def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **_: Any) -> Any:
            described = connection.exec_driver_sql(f"DESCRIBE {qualified(table_name)}").fetchall()
            return [
                {"name": name, "type": types.NullType(), "nullable": True, "default": None}
                for name, *_ in described
            ]

        def get_pk_constraint(self, *_: Any, **__: Any) -> Any:
            return {"constrained_columns": [], "name": None}

    registry.impls[DIALECT] = lambda: BufferedDialect


def _configuration(position: int, expectation: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(
        type=expectation.type,
        kwargs=dict(expectation.kwargs),
        severity=expectation.severity,
        meta={"position": position},  # GX returns results in an order of its own
    )


def _expected(expectation: Expectation, result: Any) -> Expected:
    details = (result.result or {}) if result is not None else {}
    problem = _exception(result)
    if result is None or problem is not None:
        outcome = "broken"
    else:
        outcome = "met" if result.success else "unmet"
    observed = details.get("observed_value")
    return Expected(
        type=expectation.type,
        subject=_subject(expectation),
        severity=expectation.severity,
        outcome=outcome,
        element_count=details.get("element_count"),
        unexpected_count=details.get("unexpected_count"),
        observed=None if observed is None or isinstance(observed, list) else str(observed),
        reason_vi=expectation.meta.reason.vi,
        reason_en=expectation.meta.reason.en,
        problem=problem,
    )


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
        return arguments["column"]
    if arguments.get("column_list"):
        return ", ".join(arguments["column_list"])
    return "table"

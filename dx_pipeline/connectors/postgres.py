"""The `postgres` connector: a view or query, read in Arrow batches from where the last reading ended.

Rows are read in the order of the cursor column, in one read-only transaction. A delivery ends where the
cursor changes, so rows with the same cursor value stay together, and the next reading starts after the
last value that has landed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from dx_pipeline.connectors.http_client import environment
from dx_pipeline.connectors.retry import FetchError, FetchTask, Page, arrived, fetch_page, prepared
from dx_pipeline.declarations.connector import Postgres
from dx_pipeline.declarations.sql import quoted
from dx_pipeline.landing.attempts import ErrorClass

CURSOR = "dx_cursor"
"""The cursor as text, as the database writes it; it is left out of what lands."""

CANCELED, LOST = "57014", ("08", "57P")
"""SQLSTATEs (or their beginnings) of a statement that took too long, and of a session that ended."""

BY_WORDS: dict[str, ErrorClass] = {
    "refused": "connection_refused",
    "could not translate host name": "dns",
    "timeout expired": "timeout",
    "timed out": "timeout",
    "certificate": "tls",
    "SSL": "tls",
    "server closed the connection": "connection_lost",
    "terminating connection": "connection_lost",
    "no connection to the server": "connection_lost",
}
"""What libpq says where there is no SQLSTATE, because there was no session."""


def pages(task: FetchTask, declared: Postgres) -> Iterator[Page]:
    """The rows of a month that are newer than what has landed, one set of them per page."""
    task = replace(task, stream=declared.name)
    dsn = prepared(task, lambda: _with_timeout(environment(declared.dsn_env), declared.bounds.connect_seconds))
    reading = _Reading(task, declared, dsn)
    try:
        for _ in range(declared.bounds.pages):
            page = fetch_page(task, reading.next)
            yield page
            if page.delivery_id is None:
                return
    finally:
        reading.close()


@dataclass
class _Reading:
    """One pass over the rows of a month. After a failure it starts again, after what has landed."""

    task: FetchTask
    declared: Postgres
    dsn: str
    sets: Generator[pa.Table, None, None] | None = None

    def next(self) -> Page:
        """The next set of rows; an empty page means that there are no more."""
        try:
            if self.sets is None:
                self.sets = self._sets(self._landed_until())
            rows = next(self.sets, None)
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            self.close()  # what fails while rows are streamed comes as an error of Arrow's or the system's
            raise _failure(error) from error
        if rows is None:
            return Page("empty", 0, 0)
        if rows.nbytes > self.task.bounds.page_bytes:
            raise FetchError("too_large", error_code="page_bytes", received_bytes=rows.nbytes)
        values = rows[CURSOR]
        if values.null_count:
            raise FetchError("malformed", error_code=f"{self.declared.cursor}_is_null")
        sink = pa.BufferOutputStream()
        pq.write_table(_plain(rows), sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        cursor_range = {"after": self._landed_until() or "", "through": values[-1].as_py()}
        return arrived(
            self.task,
            [content],
            f"{self.declared.name}_{self.task.month}_{len(self.task.landed()) + 1}.parquet",
            {name: value for name, value in cursor_range.items() if value},
            datetime.now(UTC),
            received_bytes=rows.nbytes,
            record_count=rows.num_rows,
        )

    def close(self) -> None:
        """End the transaction, if one is open."""
        if self.sets is not None:
            self.sets.close()
            self.sets = None

    def _landed_until(self) -> str | None:
        """The last cursor value up to which nothing is missing."""
        ranges = [delivery.entry.cursor_range or {} for delivery in self.task.landed()]
        followed = {item.get("after", ""): item["through"] for item in ranges}
        until = ""
        while until in followed:
            until = followed.pop(until)
        return until or None

    def _sets(self, after: str | None) -> Generator[pa.Table, None, None]:
        """The rows after a cursor value, in sets that end where the cursor changes."""
        with closing(dbapi.connect(self.dsn)) as connection, connection.cursor() as cursor:
            self._prepare(cursor, after)
            cursor.execute(self._query(cursor, after))
            batches = cursor.fetch_record_batch()
            kept = batches.schema.empty_table()
            for batch in batches:
                kept = pa.concat_tables([kept, pa.Table.from_batches([batch])])
                if kept.num_rows > self.declared.rows:
                    *whole, (start, end) = _stretches(kept, self.declared.rows)
                    yield from (kept[first:last] for first, last in whole)
                    kept = kept[start:end]  # more rows with the same last cursor may follow
            yield from (kept[first:last] for first, last in _stretches(kept, self.declared.rows))

    def _prepare(self, cursor: Any, after: str | None) -> None:  # noqa: ANN401 - the driver is untyped
        """One snapshot, for reading only, bounded in time; values are bound as settings of it.

        They cannot be bound to the query itself: the driver streams a query only without parameters.
        """
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        month = self.task.month
        for name, value in {
            "statement_timeout": str(round(self.declared.statement_seconds * 1000)),
            "TimeZone": self.task.settings.time_zone,
            "DateStyle": "ISO",
            "extra_float_digits": "3",
            "dx.after": after or "",
            "dx.first": month.first.isoformat(),
            "dx.beyond": month.plus(1).first.isoformat(),
        }.items():
            cursor.execute("SELECT set_config($1, $2, true)", (name, value))
            cursor.fetchall()

    def _query(self, cursor: Any, after: str | None) -> str:  # noqa: ANN401 - the driver is untyped
        declared = self.declared
        name, month = quoted(declared.cursor), quoted(declared.month)
        origin = (
            f"({declared.query})" if declared.query else ".".join(map(quoted, (declared.relation or "").split(".")))
        )
        cursor.execute(f"SELECT pg_typeof((SELECT {name} FROM {origin} AS origin LIMIT 1))::text")
        kind = cursor.fetchall()[0][0]
        conditions = [
            f"{month} >= current_setting('dx.first')::date",
            f"{month} < current_setting('dx.beyond')::date",
        ]
        if after is not None:
            conditions.append(f"({name} > current_setting('dx.after')::{kind} OR {name} IS NULL)")
        if declared.settle_seconds:
            conditions.append(f"({name} <= now() - INTERVAL '{declared.settle_seconds} seconds' OR {name} IS NULL)")
        return (
            f"SELECT {', '.join(map(quoted, declared.columns))}, {name}::text AS {CURSOR} FROM {origin} AS origin"
            f" WHERE {' AND '.join(conditions)} ORDER BY {name} NULLS LAST"
        )


def _plain(rows: pa.Table) -> pa.Table:
    """The rows without the driver's own types and metadata: values without an Arrow type become text."""
    columns = {
        name: pa.chunked_array([chunk.storage for chunk in column.chunks])
        if isinstance(column.type, pa.BaseExtensionType)
        else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if name != CURSOR
    }
    return pa.table(columns)


def _stretches(rows: pa.Table, size: int) -> Iterator[tuple[int, int]]:
    """Where rows may be cut: each piece has `size` of them plus those with the same last cursor."""
    values = rows[CURSOR].to_pylist()
    start = 0
    while start < len(values):
        end = min(start + size, len(values))
        while end < len(values) and values[end] == values[end - 1]:
            end += 1
        yield start, end
        start = end


def _failure(error: Exception) -> FetchError:
    """The error class of a database error. Its text is left out: it may quote rows and the connection string."""
    state = (getattr(error, "sqlstate", None) or "").strip("\x00 ")
    if state == CANCELED or "statement timeout" in str(error):
        return FetchError("timeout", error_code=CANCELED, is_transient=False)
    if state:
        return FetchError("connection_lost" if state.startswith(LOST) else "database", error_code=state)
    return FetchError(next((meant for words, meant in BY_WORDS.items() if words in str(error)), "database"))


def _with_timeout(dsn: str, seconds: float) -> str:
    """The connection string with a time-out, if it has none (libpq, 34.1.2)."""
    if "connect_timeout" in dsn:
        return dsn
    setting = f"connect_timeout={max(2, round(seconds))}"
    if "://" not in dsn:
        return f"{dsn} {setting}"
    return f"{dsn}{'&' if '?' in dsn else '?'}{setting}"

"""Connections: each step opens a DuckDB of its own, in memory, with limits and a place to spill.

No process ever holds a shared database file for writing, so nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from dx_pipeline.settings import Settings

TIME_ZONE = "Asia/Ho_Chi_Minh"
"""Times without a zone in deliveries are the province's; a month begins at its midnight."""


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database, closed at the end whatever happens."""
    spill = settings.scratch / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": settings.threads,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute(f"SET TimeZone = '{TIME_ZONE}'")
    connection.execute("SET enable_progress_bar = false")
    try:
        yield connection
    finally:
        connection.close()

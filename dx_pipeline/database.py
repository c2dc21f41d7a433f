"""Connections: each step has a DuckDB of its own, in memory, with limits and a place to spill.

No process ever holds a shared database file for writing, so nobody waits for anybody. Within a
process the databases of steps hang on one instance, which knows DuckDB's functions and time zones:
setting that up takes longer than most queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import duckdb

from dx_pipeline.settings import Settings

TIME_ZONE = "Asia/Ho_Chi_Minh"
"""Times without a zone in deliveries are the province's; a month begins at its midnight."""


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database, gone at the end whatever happens."""
    spill = settings.scratch / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = _instance(settings.threads, settings.memory_limit, str(spill)).cursor()
    name = f"step_{uuid.uuid4().hex}"
    connection.execute(f"SET TimeZone = '{TIME_ZONE}'; SET enable_progress_bar = false")
    connection.execute(f"ATTACH ':memory:' AS {name} (COMPRESS); USE {name}")
    try:
        yield connection
    finally:
        connection.execute(f"USE memory; DETACH {name}")
        connection.close()


@lru_cache(maxsize=1)  # an instance lives on for as long as a step is connected to it
def _instance(threads: int, memory_limit: str, spill: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )

"""Rows of a release, as dictionaries."""

from __future__ import annotations

from typing import Any

import duckdb

from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import UsageError

Row = dict[str, Any]

VALUES = sql_file(__file__, "value")
"""The query of the values of a KPI (`$code`), each with the name that its unit had then."""


def query(connection: duckdb.DuckDBPyConnection, statement: str, **parameters: object) -> list[Row]:
    """The rows that a statement returns, by the names of its columns."""
    found = connection.execute(statement, parameters)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def no_release(release_id: str | None) -> UsageError:
    """There is no release of an id; None for the current one."""
    if release_id is None:
        return UsageError(
            "there is no release yet: run 'dx run' first.", vi="chưa có bản công bố nào: hãy chạy 'dx run' trước."
        )
    return UsageError(
        f"there is no release '{release_id}': see 'dx release list'.",
        vi=f"không có bản công bố '{release_id}': xem 'dx release list'.",
    )

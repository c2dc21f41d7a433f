"""Score: the points of the 766 index, from the values that a release shows and the criteria in force."""

from __future__ import annotations

import duckdb

from dx_pipeline.declarations.sql import sql_file

SCORE = "kpi.score_766"


def fill_score(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill `kpi.score_766` from `kpi.value` and `reference.criterion_766` of the same database.

    Only values that are shown give points, so nothing that is withheld can be computed from a score.
    """
    connection.execute(sql_file(__file__, "score_766"))

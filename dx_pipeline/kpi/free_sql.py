"""Free SQL: KPIs whose values a SELECT of their own computes, window by window."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from dx_pipeline.declarations.binding import line_of
from dx_pipeline.declarations.document import Bilingual, place
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.kpi.parts import Evaluation
from dx_pipeline.kpi.scan import failing
from dx_pipeline.storage.database import OF_THE_SYSTEM


def observe(
    connection: duckdb.DuckDBPyConnection, evaluated: Sequence[Evaluation], time_zone: str
) -> dict[str, Bilingual]:
    """Run the free SQL of KPIs for each window in which anything is complete; what it computes is in `observed`.

    Args:
        connection: has the tables that the SQL reads, and `input`.
        evaluated: the windows.
        time_zone: the province's; the bounds of a window are its midnights.

    Returns:
        By KPI whose SQL fails on the rows: why, in one sentence.
    """
    failures: dict[str, Bilingual] = {}
    complete = connection.execute(
        "SELECT DISTINCT evaluation_number FROM input WHERE is_complete ORDER BY ALL"
    ).fetchall()
    connection.execute(sql_file(__file__, "reported"))
    for (number,) in complete:
        item = evaluated[number]
        if item.version is None or item.version.version not in item.kpi.queries or item.kpi.code in failures:
            continue
        query = item.kpi.queries[item.version.version]
        bounds = item.bounds(time_zone)
        asked = {name: bounds[name] for name in query.parameters}
        try:
            connection.execute(
                "INSERT INTO observed BY NAME SELECT $number AS evaluation_number, *"
                f" FROM ({query.text.rstrip().rstrip(';')}\n)",
                {"number": number, **asked},
            )
        except OF_THE_SYSTEM:
            raise
        except duckdb.Error as error:
            named = f"KPI {item.kpi.code}"
            failures[item.kpi.code] = failing(place(query.path, line_of(error)), named, named, error)
    return failures

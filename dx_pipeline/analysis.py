"""A release in Python, for analysts: figures as data frames with names, units and descriptions.

    import dx_pipeline as dx

    r = dx.current()
    r.kpi("online_dossier_rate", level="district")
    r.sql("SELECT * FROM kpi.latest WHERE unit_level = 'province'")

The release is the one that was current when it was opened: a night that publishes another one does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from dx_pipeline.errors import UsageError
from dx_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from dx_pipeline.release.explanation import Explanation

Kind = Literal["pandas", "arrow", "polars"]
DATABASE = "dx.duckdb"

VALUES = """
    SELECT * EXCLUDE (release_id) FROM kpi.named
    WHERE kpi_code = $code AND units_on IS NULL
        AND ($level IS NULL OR unit_level = $level)
        AND ($unit IS NULL OR unit_code = $unit OR unit_name = $unit)
        AND ($window IS NULL OR window_type = $window)
        AND ($month IS NULL OR strftime(window_end, '%Y-%m') = $month)
        AND ($system IS NULL OR system = $system)
        AND ($statistic IS NULL OR statistic = $statistic)
    ORDER BY window_end, list_position(['month', 'quarter', 'ytd', 'year'], window_type), part_start, unit_code, system,
        statistic
"""


class Release:
    """A release, opened for reading.

    Args:
        folder: its public part.
        settings: of the project and warehouse that it is in; explanations need them.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._settings = settings
        self.path = folder
        self.release_id = folder.parent.name
        self._connection = duckdb.connect(str(folder / DATABASE), read_only=True)
        self._connection.execute("SET TimeZone = $zone", {"zone": settings.time_zone})

    def sql(self, query: str, parameters: Mapping[str, object] | None = None, frame: Kind = "pandas") -> Any:  # noqa: ANN401
        """The rows of a query over the tables of the release, as a data frame."""
        return _as(self._connection.cursor().execute(query, parameters or {}), frame)

    def kpis(self) -> pd.DataFrame:
        """Every version of every KPI: one row of `kpi.definition` each."""
        return self.sql("SELECT * FROM kpi.definition ORDER BY kpi_code, definition_version")

    def kpi(
        self,
        code: str,
        *,
        level: str | None = None,
        unit: str | None = None,
        window: str | None = None,
        month: str | None = None,
        system: str | None = None,
        statistic: str | None = None,
        frame: Kind = "pandas",
    ) -> Any:  # noqa: ANN401 - a frame of the kind that was asked for
        """The values of a KPI: one row a unit, window, system and statistic, as in `kpi.named`.

        Args:
            code: the KPI.
            level: `province`, `agency`, `district` or `commune`.
            unit: the code or the name of a unit.
            window: `month`, `quarter`, `ytd` or `year`.
            month: windows that end in this month (YYYY-MM).
            system: of a KPI by system.
            statistic: of a KPI with several.
            frame: `pandas` (its `attrs` describe the KPI and every column), `arrow` or `polars`.

        Raises:
            UsageError: there is no such KPI.
        """
        about = self._about(code)
        asked = {
            "code": code, "level": level, "unit": unit, "window": window, "month": month, "system": system,
            "statistic": statistic,
        }  # fmt: skip
        found = self.sql(VALUES, asked, frame)
        if frame == "pandas":
            found.attrs = {**about, "columns": self._columns(), "release_id": self.release_id}
        return found

    def explain(self, code: str, **asked: Any) -> Explanation:  # noqa: ANN401 - see `Question.written`
        """What a value is made of, as `dx explain` shows it.

        Args:
            code: the KPI.
            **asked: `unit`, `window`, `part`, `system`, `statistic`, as the options of `dx explain`.
        """
        from dx_pipeline.declarations import catalogue
        from dx_pipeline.release import explanation
        from dx_pipeline.release.question import Question

        names = ("unit", "window", "part", "system", "statistic")
        question = Question.written(code, *(asked.get(name) for name in names))
        declared = catalogue.load(self._settings.project)
        return explanation.explain(self._settings, declared, question, self.release_id)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _about(self, code: str) -> dict[str, Any]:
        """What the last version of a KPI's definition says."""
        query = "SELECT * FROM kpi.definition WHERE kpi_code = $code ORDER BY definition_version DESC LIMIT 1"
        found = self._connection.execute(query, {"code": code})
        names = [column[0] for column in found.description or ()]
        rows = found.fetchall()
        if not rows:
            known = ", ".join(row[0] for row in self._connection.execute(CODES).fetchall())
            raise UsageError(f"'{code}' is no KPI of release {self.release_id}; known are {known}.")
        return dict(zip(names, rows[0], strict=True))

    def _columns(self) -> dict[str, str]:
        """What each column of `kpi.value` is, in Vietnamese and English."""
        comments = (
            "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'kpi' AND table_name = 'value'"
        )
        return dict(self._connection.execute(comments).fetchall())


COMMENTS = "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'kpi' AND table_name = 'value'"
CODES = "SELECT DISTINCT kpi_code FROM kpi.definition ORDER BY kpi_code"


def current(warehouse: str | Path | None = None, project: str | Path | None = None) -> Release:
    """The current release.

    Args:
        warehouse: by default `DX_WAREHOUSE`, else `warehouse/` of the project.
        project: by default `DX_PROJECT`, else the folder that this one lies in.

    Raises:
        UsageError: there is no release yet.
    """
    settings = Settings.from_environment(project, warehouse)
    if not (settings.current / DATABASE).is_file():
        raise UsageError(f"there is no release in {settings.warehouse}: run 'dx run' first.")
    return Release(settings.current.resolve(), settings)  # `current` may move on; this release stays


def _as(found: duckdb.DuckDBPyConnection, frame: Kind) -> Any:  # noqa: ANN401 - a frame of that kind
    if frame == "pandas":
        return found.df()
    rows = found.to_arrow_table()
    if frame == "arrow":
        return rows
    import polars as pl  # who asks for it has it

    return pl.from_arrow(rows)

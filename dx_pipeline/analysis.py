"""A release in Python, for analysts: figures as data frames with names, units and descriptions.

    import dx_pipeline as dx

    r = dx.current()
    r.kpi("online_dossier_rate", level="district")
    r.sql("SELECT * FROM kpi.latest WHERE unit_level = 'province'")

The release is the one that was current when it was opened: a night that publishes another one does not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
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

WRITTEN = """
    CASE window_type
        WHEN 'month' THEN strftime(window_end, '%Y-%m')
        WHEN 'quarter' THEN format('{}-Q{}', year(window_end), quarter(window_end))
        WHEN 'ytd' THEN format('{}:{}', strftime(window_start, '%Y-%m'), strftime(window_end, '%Y-%m'))
        ELSE strftime(window_end, '%Y')
    END
"""
"""A window as `period.Window.parse` reads it."""

FILTERS = {
    "level": "unit_level = $level",
    "unit": "(unit_code = $unit OR unit_name = $unit)",
    "window": f"$window IN (window_type, {WRITTEN})",
    "month": "strftime(window_end, '%Y-%m') = $month",
    "system": "system = $system",
    "statistic": "statistic = $statistic",
}
"""What each argument of `Release.kpi` selects by."""

KNOWN = {
    "level": "unit_level",
    "window": "window_type",
    "month": "strftime(window_end, '%Y-%m')",
    "system": "system",
    "statistic": "statistic",
}
"""What is listed where an argument is not among the values of a KPI; there are too many units."""

ORDER = """
    window_end, list_position(['month', 'quarter', 'ytd', 'year'], window_type), part_start, unit_code, system,
    statistic
"""
CODES = "SELECT DISTINCT kpi_code FROM kpi.definition ORDER BY kpi_code"
COMMENTS = "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'kpi' AND table_name = 'named'"


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
        self._connection.execute("SET GLOBAL TimeZone = $zone", {"zone": settings.time_zone})

    def sql(self, query: str, parameters: Mapping[str, object] | None = None, frame: Kind = "pandas") -> Any:  # noqa: ANN401
        """The rows of a query over the tables of the release, as a data frame."""
        return _as(self._connection.cursor().sql(query, params=dict(parameters or {})), frame)

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
            window: a kind of window (`month`, `quarter`, `ytd`, `year`) or one window: `2022-06`, `2022-Q2`,
                `2022-01:2022-06`, `2022`.
            month: windows that end in this month (YYYY-MM).
            system: of a KPI by system.
            statistic: of a KPI with several.
            frame: `pandas` (its `attrs` describe the KPI and every column), `arrow` or `polars`.

        Raises:
            UsageError: there is no such KPI, or it has no value of such a level, unit, window, system or statistic.
        """
        about = self._about(code)
        given = {"level": level, "unit": unit, "window": window, "month": month, "system": system}
        asked = {name: value for name, value in {**given, "statistic": statistic}.items() if value is not None}
        for name, value in asked.items():
            self._check(code, name, value)
        chosen = " AND ".join(["kpi_code = $code", *(FILTERS[name] for name in asked)])
        query = f"SELECT * EXCLUDE (release_id, units_on) FROM kpi.named WHERE {chosen} ORDER BY {ORDER}"
        found = self.sql(query, {"code": code, **asked}, frame)
        if frame == "pandas":
            found.attrs = {**about, "columns": self._columns(), "release_id": self.release_id}
        return found

    def explain(
        self,
        code: str,
        *,
        unit: str | None = None,
        window: str | None = None,
        part: date | None = None,
        system: str | None = None,
        statistic: str | None = None,
    ) -> Explanation:
        """What a value is made of, as `dx explain` shows it.

        Args:
            code: the KPI.
            unit: the code or the name of a unit; by default the province.
            window: `2022-06`, `2022-Q2`, `2022-01:2022-06` or `2022`; by default the one that `dx kpi` shows.
            part: the first day of a part of the window, where the definition changes within it.
            system: of a KPI by system; by default all of them together.
            statistic: of a KPI with several; by default the first one.

        Raises:
            UsageError: there is no such value.
        """
        from dx_pipeline.declarations import catalogue
        from dx_pipeline.release import explanation
        from dx_pipeline.release.question import Question

        since = part if part is None or isinstance(part, datetime) else datetime(part.year, part.month, part.day)  # noqa: DTZ001 - a day
        question = Question.written(code, unit, window, since, system, statistic)
        declared = catalogue.load(self._settings.project)
        return explanation.explain(self._settings, declared, question, self.release_id)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _about(self, code: str) -> dict[str, Any]:
        """What the last version of a KPI's definition says; days as text, so that a frame can be written to a file."""
        query = "SELECT * FROM kpi.definition WHERE kpi_code = $code ORDER BY definition_version DESC LIMIT 1"
        found = self._connection.execute(query, {"code": code})
        names = [column[0] for column in found.description or ()]
        rows = found.fetchall()
        if not rows:
            known = ", ".join(row[0] for row in self._connection.execute(CODES).fetchall())
            raise UsageError(
                f"'{code}' is no KPI of release {self.release_id}; known are {known}.",
                f"'{code}' không phải là KPI của bản công bố {self.release_id}; có {known}.",
            )
        plain = (value.isoformat() if isinstance(value, date) else value for value in rows[0])
        return dict(zip(names, plain, strict=True))

    def _check(self, code: str, name: str, value: str) -> None:
        """Refuse what no value of a KPI has: an empty frame would look like missing data."""
        of_kpi = f"SELECT count(*) FROM kpi.named WHERE kpi_code = $code AND {FILTERS[name]}"
        ((rows,),) = self._connection.execute(of_kpi, {"code": code, name: value}).fetchall()
        if rows:
            return
        known, known_vi = "see kpi.named", "xem kpi.named"
        if name in KNOWN:
            values = f"SELECT DISTINCT {KNOWN[name]} AS known FROM kpi.named WHERE kpi_code = $code ORDER BY known"
            listed = [
                row[0] for row in self._connection.execute(values, {"code": code}).fetchall() if row[0] is not None
            ]
            known = f"it has {', '.join(listed)}" if listed else "it has none"
            known_vi = f"có {', '.join(listed)}" if listed else "không có giá trị nào như vậy"
        raise UsageError(
            f"'{code}' has no value with {name} '{value}' in release {self.release_id}: {known}.",
            f"'{code}' không có giá trị nào với {name} '{value}' trong bản công bố {self.release_id}: {known_vi}.",
        )

    def _columns(self) -> dict[str, str]:
        """What each column of `kpi.named` is, in Vietnamese and English."""
        return dict(self._connection.execute(COMMENTS).fetchall())


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
        raise UsageError(
            f"there is no release in {settings.warehouse}: run 'dx run' first.",
            f"chưa có bản công bố nào trong {settings.warehouse}: hãy chạy 'dx run' trước.",
        )
    return Release(settings.current.resolve(), settings)  # `current` may move on; this release stays


def _as(found: duckdb.DuckDBPyRelation, frame: Kind) -> Any:  # noqa: ANN401 - a frame of that kind
    if frame == "pandas":
        return found.df()
    rows = found.to_arrow_table()
    if frame == "arrow":
        return rows
    try:
        import polars as pl
    except ImportError as error:
        raise UsageError(
            "frame='polars' needs Polars: 'pip install polars', or ask for 'arrow'.",
            "frame='polars' cần có Polars: hãy chạy 'pip install polars', hoặc dùng 'arrow'.",
        ) from error
    return pl.from_arrow(rows)

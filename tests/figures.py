"""The figures of a few rows, by the province's own KPIs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from projects import PROJECT
from tables import publish, published, values

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.settings import Settings

Row = dict[str, Any]
Months = Mapping[str, list[Row]]
"""Rows by month, or by month and source: `2022-05 public_post`."""


class Figures:
    """The figures of some tables: of some KPIs, or of all."""

    def __init__(
        self, references: Path, folder: Path, declared: Catalogue, tables: Mapping[str, Months], *codes: str
    ) -> None:
        shutil.copytree(references, folder)
        settings = Settings(folder, PROJECT, threads=1)
        limits = {"suppress_below": 0, "coverage_at_least": 0.0}
        shown = replace(declared, province=declared.province.model_copy(update=limits))
        for table, months in tables.items():
            for key, rows in months.items():
                month, _, source = key.partition(" ")
                publish(settings, shown, table, source or table.partition(".")[2], month, rows)
        self.rows = values(settings, shown, *codes)
        self.summary = published(settings, "statistics.dossier_summary")

    def of(self, code: str, end: date, unit: str | None = None, window: str = "month", **more: object) -> list[object]:
        """Numerator, denominator and value of the province or a unit; with `system`, `statistic`, `part_start`."""
        wanted = {"system": None, "statistic": None, "part_start": None, "units_on": None, **more}
        found = [
            [row["numerator"], row["denominator"], row["value"]]
            for row in self.rows
            if (row["kpi_code"], row["window_end"], row["window_type"]) == (code, end, window)
            and (row["unit_level"] == "province" if unit is None else row["unit_code"] == unit)
            and all(row[name] == value for name, value in wanted.items())
        ]
        assert len(found) <= 1
        return found[0] if found else []

    def about(self, code: str, end: date, column: str) -> object:
        """What else is known of the province's figure for a month."""
        (found,) = [
            row[column]
            for row in self.rows
            if (row["kpi_code"], row["window_end"], row["window_type"], row["unit_level"])
            == (code, end, "month", "province")
            and row["part_start"] is None
            and row["units_on"] is None
        ]
        return found


def day(text: str) -> date:
    return date.fromisoformat(text)

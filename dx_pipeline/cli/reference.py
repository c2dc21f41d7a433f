"""Rows of reference files that are in quarantine: people edit these files, so each is named with what to correct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from dx_pipeline.cli.reader import pick
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.report.reason import reason
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key


@dataclass(frozen=True)
class Quarantined:
    """One row of a reference file that broke its contract: where it is, and why."""

    file: str
    line: int
    column: str | None
    reason_code: str
    vi: str
    en: str

    @property
    def sentence(self) -> str:
        """Where the row is, what is wrong with it, and what to do."""
        place = f"{self.file}, {pick('dòng', 'line')} {self.line}{f', {self.column}' if self.column else ''}"
        remedy = pick(
            "dòng này chưa được dùng: sửa rồi chạy lại 'dx run'", "the row is not used: correct it, run 'dx run' again"
        )
        return f"{place}: {pick(self.vi, self.en)} [{self.reason_code}]; {remedy}."


def quarantined(settings: Settings, catalogue: Catalogue) -> list[Quarantined]:
    """The rows of reference files in quarantine, in the order of files and lines."""
    return [row for name in sorted(catalogue.sources) for row in _of_source(settings, catalogue, name)]


def _of_source(settings: Settings, catalogue: Catalogue, name: str) -> Iterator[Quarantined]:
    source = catalogue.sources[name]
    for table in source.source.tables if source.reference_file is not None else ():
        path = partition.quarantined(settings, Key(table, name, None))
        if path is None:
            continue
        rows = duckdb.execute(
            "SELECT delivery_line, column_name, reason_code FROM read_parquet($path, hive_partitioning = false)"
            " ORDER BY ALL",
            {"path": str(path)},
        ).fetchall()
        for line, column, code in rows:
            why = reason(catalogue, name, table, column, code).why
            yield Quarantined(str(source.reference_file), line, column, code, why.vi, why.en)

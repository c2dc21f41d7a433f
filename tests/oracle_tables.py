"""The published tables of a warehouse as pandas reads them, for a second computation of the KPIs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from territory import Territory


class Tables:
    """The published tables of a warehouse."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tables"
        self._made: dict[Callable[[Tables], pd.DataFrame], pd.DataFrame] = {}

    def once(self, make: Callable[[Tables], pd.DataFrame]) -> pd.DataFrame:
        """What is computed from the tables, computed once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    @cache  # noqa: B019 - it lives as long as one test
    def frame(self, table: str) -> pd.DataFrame:
        """All rows of a table, with the first day of the month of their partition."""
        frames = [
            pd.read_parquet(path).assign(partition_month=self._partition(path)[1])
            for path in sorted((self._folder / table).glob("*/rows.parquet"))
        ]
        return pd.concat([each for each in frames if len(each)] or frames[:1]) if frames else pd.DataFrame()

    @cache  # noqa: B019
    def there(self, table: str) -> dict[tuple[str, date | None], int]:
        """The partitions of a table: source, first day of the month, and how many rows."""
        paths = (self._folder / table).glob("*/rows.parquet")
        return {self._partition(path): pq.read_metadata(path).num_rows for path in paths}

    @cache  # noqa: B019
    def broken(self, table: str) -> Counter[tuple[str, date | None, str]]:
        """Rows in quarantine by source, month and who reported them, without deliveries that were replaced."""
        found: Counter[tuple[str, date | None, str]] = Counter()
        for path in (self._folder.parent / "quarantine" / table).glob("*/rows.parquet"):
            name = path.parent.name.removeprefix("partition=")
            run = json.loads((self._folder / "_runs" / table / f"{name}.json").read_text(encoding="utf-8"))
            frame = pd.read_parquet(path)
            for reporter in frame[~frame["delivery_id"].isin(run["superseded"])]["reporter"]:
                found[(*self._partition(path), reporter if isinstance(reporter, str) else "")] += 1
        return found

    @cached_property
    def months(self) -> tuple[date, ...]:
        """The months of any partition, from the first to the last."""
        found = {month for path in self._folder.glob("[a-z]*.*") for _, month in self.there(path.name) if month}
        return tuple(month.date() for month in pd.date_range(min(found), max(found), freq="MS")) if found else ()

    @cached_property
    def territory(self) -> Territory:
        """The units through time."""
        rows = [self.rows(f"reference.{name}") for name in ("admin_unit", "agency", "succession")]
        return Territory(*rows)

    @cache  # noqa: B019
    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a small table, with None for what is empty."""
        return records(self.frame(table))

    @staticmethod
    def _partition(path: Path) -> tuple[str, date | None]:
        source, _, month = path.parent.name.removeprefix("partition=").rpartition("_")
        is_month = len(month) == 7 and month[4] == "-"
        return (source, date(int(month[:4]), int(month[5:]), 1)) if is_month else (f"{source}_{month}".strip("_"), None)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, with None for what is empty."""
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame]
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]


@cache
def last_day(month: Any) -> date:
    """The last day of the month of a day."""
    end: date = (pd.Timestamp(month) + pd.offsets.MonthEnd(0)).date()
    return end


def in_force(row: dict[str, Any], day: date) -> bool:
    """Whether a row of a dated list is in force on a day."""
    return bool(row["valid_from"] <= day and (row["valid_to"] is None or row["valid_to"] >= day))

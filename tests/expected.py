"""The values that every KPI has to have, window by window, from what `oracle` counts in pandas.

Each has its counts and its exact value, or the reason why there is none. Only what suppression withholds is not known
here: that is tested for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from math import floor
from pathlib import Path
from typing import Any

import pandas as pd
from oracle import BUCKETS, EDGES, Counted, Kind, calls
from oracle_766 import KINDS
from oracle_coverage import Coverage, Span, spans
from oracle_tables import Tables, last_day

Place = tuple[str, str | None, str | None]
"""Unit, system, statistic."""

Key = tuple[str, str, date, date, date | None, str, str | None, str | None]
"""KPI, kind of window, its first and last day, first day of the part, unit, system, statistic."""


@dataclass(frozen=True)
class Expected:
    """One value: counts, or an exact measure, or why there is none."""

    numerator: Fraction | None = None
    denominator: Fraction | None = None
    value: Fraction | None = None
    reason: str | None = None


def windows(months: Sequence[date]) -> Iterator[tuple[str, date, date]]:
    """Every month, quarter, year to date and year that some months are in."""
    found = set()
    for month in months:
        quarter = month.replace(month=3 * ((month.month - 1) // 3) + 1)
        found |= {("month", month, last_day(month)), ("ytd", month.replace(month=1), last_day(month))}
        found.add(("quarter", quarter, last_day(quarter.replace(month=quarter.month + 2))))
        found.add(("year", month.replace(month=1), month.replace(month=12, day=31)))
    yield from sorted(found)


class Warehouse:
    """What is expected of the KPIs over the published tables of a warehouse."""

    def __init__(self, folder: Path, systems: Sequence[str]) -> None:
        self.folder, self.systems, self.tables = folder, tuple(systems), Tables(folder)
        self.territory = self.tables.territory

    def values(self, *codes: str) -> dict[Key, Expected]:
        """Every value of some KPIs, by its key; all KPIs, if none is named."""
        found: dict[Key, Expected] = {}
        for code in codes or KINDS:
            for type_, start, end in self.windows(code):
                for span in spans(KINDS[code], type_, start, end):
                    for place, value in self._span(code, KINDS[code], span):
                        found[(code, span.type, span.start, span.end, span.part_start, *place)] = value
        return found

    def windows(self, code: str) -> list[tuple[str, date, date]]:
        """The windows of a KPI: those of all months, and those that others have published a figure for."""
        found = set(windows(self.tables.months))
        for row in self.tables.rows("programme.published_figure"):
            if row["kpi_code"] == code:
                bounds = (row["period_start"], row["period_end"])
                found |= {each for each in windows([day.replace(day=1) for day in bounds]) if each[1:] == bounds}
        return sorted(found)

    def _span(self, code: str, kind: Kind, span: Span) -> Iterator[tuple[Place, Expected]]:
        province = str(self.territory.province(span.last))
        shown_for = [None, *self.systems] if kind.by_system else [None]
        places = {(province, system, statistic) for system in shown_for for statistic in kind.statistics}
        cover = Coverage(self.tables, self.systems, kind, span)
        reasons = {system: span.reason or cover.missing(system) for system in shown_for}
        counts: dict[Place, Expected] = {}
        if None in reasons.values():
            counts = self._measure(code, span) if kind.is_measure else self._counts(code, kind, span)
        places |= {place for place in counts if place[1] in shown_for}
        places |= {(unit, None, statistic) for unit in cover.units for statistic in kind.statistics}
        for place in places:
            unit, system, _ = place
            if self.territory.level(unit, span.last) in kind.levels:
                reason = reasons[system] or cover.low(unit, system)
                yield place, Expected(reason=reason) if reason else self._value(kind, counts.get(place), cover, place)

    @staticmethod
    def _value(kind: Kind, counted: Expected | None, cover: Coverage, place: Place) -> Expected:
        if kind.is_measure:
            return counted or Expected(reason="not_measured")
        found = counted or Expected(Fraction(0), Fraction(0))
        if not kind.is_percent:
            return Expected(found.numerator, found.denominator, found.numerator)
        if not found.denominator:
            has_reported = place[1] is None and (cover.units.get(place[0]) or (None,))[0] is not None
            return Expected(reason="nothing_to_count" if counted or has_reported else "not_measured")
        return Expected(found.numerator, found.denominator, 100 * (found.numerator or 0) / found.denominator)

    # What is counted, added up.

    def _counted(self, code: str, version: int) -> Counted:
        key = (code, version)
        if key not in self._memory:
            counted = KINDS[code].count(self.tables, version)
            rows, found, still = (self._by_stretch(each) for each in (counted.rows, counted.found, counted.open))
            self._memory[key] = Counted(rows, found, counted.is_wanted, still)
        return self._memory[key]

    @cached_property
    def _counted_before(self) -> dict[tuple[str, int | None, date, date], dict[Place, Expected]]:
        return {}

    @cached_property
    def _memory(self) -> dict[tuple[str, int], Counted]:
        return {}

    def _by_stretch(self, rows: Any) -> Any:
        """Rows with the number of changes of units up to their day."""
        return None if rows is None else rows.assign(stretch=[self.territory.number(day) for day in rows["day"]])

    def _within(self, frame: pd.DataFrame, span: Span, *, is_state: bool) -> pd.DataFrame:
        if is_state:
            return frame[frame["day"] == span.state_on]
        return frame[(frame["day"] >= span.first) & (frame["day"] <= span.last)]

    def _rolled_up(self, frame: pd.DataFrame, span: Span) -> pd.DataFrame:
        """Rows once for the unit in which theirs lies on the last day, and once for each unit above that."""
        places = {}
        for row in frame[["unit", "stretch", "day"]].drop_duplicates(["unit", "stretch"]).itertuples(index=False):
            code = row.unit if isinstance(row.unit, str) else str(self.territory.province(row.day))
            places[row.unit if isinstance(row.unit, str) else None, row.stretch] = self.territory.place(
                code, row.day, span.last
            )
        keys = zip(frame["unit"].tolist(), frame["stretch"].tolist(), strict=True)
        above = [places[unit if isinstance(unit, str) else None, stretch] for unit, stretch in keys]
        return frame.assign(unit=above).explode("unit")

    def _counts(self, code: str, kind: Kind, span: Span) -> dict[Place, Expected]:
        key = (code, span.version, span.first, span.last)
        if key not in self._counted_before:
            counted = self._counted(code, int(span.version or 0))
            add_up = self._items if "item" in counted.rows else self._sums
            self._counted_before[key] = add_up(kind, counted, span)
        return self._counted_before[key]

    def _sums(self, kind: Kind, counted: Counted, span: Span) -> dict[Place, Expected]:
        frame = self._within(counted.rows, span, is_state=kind.basis == "stock")
        if counted.open is not None:
            frame = pd.concat([frame, self._within(counted.open, span, is_state=True)])
        frame = frame.groupby(["unit", "stretch", "system", "statistic"], dropna=False, as_index=False).agg(
            {"day": "first", "numerator": "sum", "denominator": "sum"}
        )
        rows = self._rolled_up(frame, span)
        found: dict[Place, Expected] = {}
        for by in (["unit", "system", "statistic"], ["unit", "statistic"]):
            for keys, total in rows.groupby(by, dropna=False)[["numerator", "denominator"]].sum().iterrows():
                system = _text(keys[1]) if len(keys) == 3 else None
                counts = Fraction(total["numerator"]), Fraction(total["denominator"])
                found[keys[0], system, _text(keys[-1])] = Expected(*counts)
        return found

    def _items(self, kind: Kind, counted: Counted, span: Span) -> dict[Place, Expected]:
        """Items once at every level; those of two systems are two."""
        among = self._distinct(counted.rows, span)
        counts = among["is_counted"]
        if counted.found is not None:
            found = self._distinct(counted.found, span)
            seen = set(zip(found["unit"], found["system"], found["item"], strict=True))
            keys = zip(among["unit"], among["system"], among["item"], strict=True)
            counts = counts & pd.Series([(key in seen) == counted.is_wanted for key in keys], among.index, dtype=bool)
        by = ["unit", "system", "statistic"]
        totals = among.assign(number=1, good=counts.astype(int)).groupby(by)[["good", "number"]].sum()
        values: dict[Place, Expected] = {
            (unit, system or None, name or None): Expected(Fraction(int(total["good"])), Fraction(int(total["number"])))
            for (unit, system, name), total in totals.iterrows()
        }
        if kind.by_system:
            for unit, total in totals.groupby("unit").sum().iterrows():
                values[str(unit), None, None] = Expected(Fraction(int(total["good"])), Fraction(int(total["number"])))
        return values

    def _distinct(self, frame: pd.DataFrame, span: Span) -> pd.DataFrame:
        """The items within a window by unit and system, each once; of a state those at the end of its last month."""
        is_state = "partition_month" in frame and "received_on" not in frame and "hour_at" not in frame
        frame = self._within(frame, span, is_state=is_state)
        if "is_counted" not in frame:
            frame = frame.assign(is_counted=True)
        frame = frame if "statistic" in frame else frame.assign(statistic=None)
        columns = ["unit", "stretch", "system", "statistic", "item", "is_counted"]
        rows = self._rolled_up(frame.drop_duplicates(columns)[[*columns, "day"]], span)
        rows = rows.assign(**{name: rows[name].astype(object).fillna("") for name in ("system", "statistic")})
        return rows.groupby(["unit", "system", "statistic", "item"], as_index=False)["is_counted"].any()

    # What cannot be added up.

    def _measure(self, code: str, span: Span) -> dict[Place, Expected]:
        frame, province = self.tables.once(calls), str(self.territory.province(span.last))
        frame = frame[frame["day"] <= span.last]
        if code == "connection_freshness":
            ages = {str(system): (span.last - day).days for system, day in frame.groupby("system")["day"].max().items()}
            planned = {row["system"] for row in self.tables.rows("reference.system") if row["is_planned"]}
            found: dict[Place, Expected] = {
                (province, system, None): Expected(value=Fraction(age)) for system, age in ages.items()
            }
            if planned and planned <= set(ages):
                found[province, None, None] = Expected(value=Fraction(max(ages[system] for system in planned)))
            return found
        frame = frame[frame["day"] >= span.first]
        parts: list[tuple[str | None, pd.DataFrame]] = [(None, frame)]
        parts += [(str(system), part) for system, part in frame.groupby("system")]
        return {
            (province, system, name): Expected(value=value)
            for system, part in parts
            for name in KINDS[code].statistics
            if (value := percentile([int(part[bucket].sum()) for bucket in BUCKETS], int(str(name)[1:]))) is not None
        }


def percentile(counts: Sequence[int], percent: int) -> Fraction | None:
    """The percentile of a histogram, linear within the bucket; in the last one, which has no end, its beginning."""
    rank, before = Fraction(percent * sum(counts), 100), 0
    for lower, upper, count in zip((0, *EDGES), (*EDGES, EDGES[-1]), counts, strict=True):
        if count and before + count >= rank:
            return lower + (upper - lower) * (rank - before) / count
        before += count
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def rounded(value: Fraction, decimals: int) -> float:
    """A value, rounded half up."""
    scale: int = 10**decimals
    return floor(value * scale + Fraction(1, 2)) / scale

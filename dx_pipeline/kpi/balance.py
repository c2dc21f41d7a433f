"""Balances: forms that count, period by period, what is carried over, received, settled and in progress.

Which cells of such a form are withheld is decided over all of its rows and periods at once. The form gives sums alone,
so dossiers are distributed over the ways through its periods, in one of the possible manners: received online, in
progress, carried over, settled late. Every relation between its columns follows from these ways, and whatever else
gives the same sums is another manner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from dx_pipeline.declarations.contract import Balance
from dx_pipeline.kpi.disclosure import Cell, Role, suppression
from dx_pipeline.kpi.units import DAY

Row = Mapping[str, Any]
Period = tuple[date, date]
Step = tuple[Period, str]
"""A column that counts a dossier in a period."""

Way = tuple[Step, ...]
"""The columns that count a dossier from period to period, totals left out."""

TOTAL_WEIGHT = 4
"""The cost of withholding a total, relative to one of its parts."""


def withheld(rows: Sequence[Row], balance: Balance, threshold: int) -> set[tuple[str, Period, str]]:
    """The cells of a form that are withheld: subject of the row, period, column.

    The sums over all rows of a period are taken as known to everybody: others may publish them.

    Args:
        rows: all rows of all periods.
        balance: the columns of the form.
        threshold: the smallest count that is shown.
    """
    by_subject: dict[str, dict[Period, Row]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row[balance.of], _period(row, balance))):
        by_subject[row[balance.of]][_period(row, balance)] = row
    ways = {subject: _ways(of_subject, balance) for subject, of_subject in by_subject.items()}
    found = suppression(
        _counts(by_subject, ways), list(_cells(by_subject, ways, balance, threshold)), threshold=threshold
    )
    return {key for key in found.withheld if isinstance(key, tuple) and key[0] is not None}


def _period(row: Row, balance: Balance) -> Period:
    return row[balance.first_day], row[balance.last_day]


def _ways(of_subject: Mapping[Period, Row], balance: Balance) -> dict[Way, int]:
    """How many dossiers of one subject went each way; those that came first are settled first."""
    found: dict[Way, int] = defaultdict(int)
    stock: list[tuple[Way, int]] = []
    before: Period | None = None
    for period, row in of_subject.items():
        if before is None or before[1] + DAY != period[0]:
            stock = _ended(found, stock)
        carried, left = _split(stock, row[balance.carried_over])
        _ended(found, left)
        coming = [((*way, (period, balance.carried_over)), count) for way, count in carried]
        missing = row[balance.carried_over] - sum(count for _, count in carried)
        new = [(balance.carried_over, missing), *((name, row[name]) for name in balance.received)]
        coming += [(((period, name),), count) for name, count in new]
        stock = []
        for name in (*balance.settled, *balance.in_progress):
            taken, coming = _split(coming, row[name])
            gone = [((*way, (period, name)), count) for way, count in taken]
            stock += gone if name in balance.in_progress else _ended(found, gone)
        _ended(found, coming)
        before = period
    _ended(found, stock)
    return found


def _ended(found: dict[Way, int], ways: Sequence[tuple[Way, int]]) -> list[tuple[Way, int]]:
    """Count dossiers that have ended; return an empty stock."""
    for way, count in ways:
        found[way] += count
    return []


def _split(ways: Sequence[tuple[Way, int]], number: int) -> tuple[list[tuple[Way, int]], list[tuple[Way, int]]]:
    """The first `number` dossiers, and the others."""
    first, rest = [], []
    for way, count in ways:
        taken = min(count, number)
        number -= taken
        first += [(way, taken)] if taken else []
        rest += [(way, count - taken)] if count > taken else []
    return first, rest


def _counts(
    by_subject: Mapping[str, Mapping[Period, Row]], ways: Mapping[str, Mapping[Way, int]]
) -> dict[tuple[str, str], int]:
    """Dossiers by subject and way, with 0 where the subject has a row in each period of the way."""
    every = {way for of_subject in ways.values() for way in of_subject}
    return {
        (subject, _name(way)): ways[subject].get(way, 0)
        for subject, periods in by_subject.items()
        for way in every
        if all(period in periods for period, _ in way)
    }


def _cells(
    by_subject: Mapping[str, Mapping[Period, Row]],
    ways: Mapping[str, Mapping[Way, int]],
    balance: Balance,
    threshold: int,
) -> Iterator[Cell]:
    """Every cell of the form, and the sums over all rows of a period."""
    counted: dict[Step, set[str]] = defaultdict(set)
    for way in {way for of_subject in ways.values() for way in of_subject}:
        for step in way:
            counted[step].add(_name(way))
    everything = frozenset(by_subject)
    for period in sorted({period for of_subject in by_subject.values() for period in of_subject}):
        rows = {subject: of_subject[period] for subject, of_subject in by_subject.items() if period in of_subject}
        for name, parts in balance.parts.items():
            kinds = frozenset().union(*(counted[period, part] for part in parts))
            weight = TOTAL_WEIGHT if len(parts) > 1 else 1
            for subject in rows:
                yield Cell((subject, period, name), frozenset({subject}), kinds, weight=weight)
            total = sum(row[part] for row in rows.values() for part in parts)
            role: Role = "known" if total >= threshold else "difference"
            yield Cell((None, period, name), everything, kinds, role=role)


def _name(way: Way) -> str:
    return ", ".join(f"{first} {last} {name}" for (first, last), name in way)

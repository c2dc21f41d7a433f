"""What anybody can read about dossiers in a release, as linear constraints on dossiers nobody has seen.

An atom is the dossiers of one place and month that agree in every condition that a published number asks. How many
there are is unknown. Each published number is a sum of atoms. All of it is written down here from what the columns
mean; the product's own sets are not used.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from dx_pipeline.period import Month

THRESHOLD = 10
DIRECTIONS = 6
EXACT = 1e-6
Number = tuple[str, str, date, date]
"""What is counted, where, and the first and last day of the window."""

RECEIVED = ("online", "service", "eligible", "missing", "fee", "paid")
SETTLED = ("online", "late", "document", "electronic", "digitised")
OPEN = ("overdue",)
CONDITIONS = {"received": RECEIVED, "settled": SETTLED, "open": OPEN}
"""What is asked of each event. What is open is so at the end of a month."""

EXCLUDE = (("online", "missing"),)
"""Conditions that exclude each other: the channel of an online dossier is known."""

INCLUDE = (("paid", "fee"), ("electronic", "document"))
"""Conditions of which the first includes the second: what is paid has a fee."""


def _is(*names: str) -> dict[str, bool]:
    return dict.fromkeys(names, True)


MEASURES: dict[str, tuple[tuple[str, dict[str, bool]], ...]] = {
    "received": (("received", {}),),
    "received online": (("received", _is("online")),),
    "received direct": (("received", {"online": False}),),
    "received, channel missing": (("received", _is("missing")),),
    "received, service": (("received", _is("service")),),
    "received online, service": (("received", _is("online", "service")),),
    "received, eligible": (("received", _is("eligible")),),
    "received online, eligible": (("received", _is("online", "eligible")),),
    "received, fee": (("received", _is("fee")),),
    "received, paid online": (("received", _is("paid")),),
    "settled": (("settled", {}),),
    "settled, document": (("settled", _is("document")),),
    "settled, electronic result": (("settled", _is("electronic")),),
    "settled, digitised": (("settled", _is("digitised")),),
    "settled late": (("settled", _is("late")),),
    "settled online": (("settled", _is("online")),),
    "handled": (("settled", {}), ("open", {})),
    "handled on time": (("settled", {"late": False}), ("open", {"overdue": False})),
    "handled late": (("settled", _is("late")), ("open", _is("overdue"))),
    "settled, late and online": (("settled", _is("late")), ("settled", _is("online"))),
}
"""What is counted: the event, and the conditions; of several, the sum."""

OF_KPIS = {
    "online_dossier_rate": ("received online", "received"),
    "online_dossier_rate_with_service": ("received online, service", "received, service"),
    "online_dossier_rate_full_online": ("received online, eligible", "received, eligible"),
    "dossier_channel_missing_rate": ("received, channel missing", "received"),
    "dossier_paid_online_rate": ("received, paid online", "received, fee"),
    "electronic_result_rate": ("settled, electronic result", "settled, document"),
    "digitised_dossier_rate": ("settled, digitised", "settled"),
    "on_time_rate": ("handled on time", "handled"),
    "copied_rate": ("received online", "received"),
    "late_rate": ("settled late", "settled"),
    "settled_online_rate": ("settled online", "settled"),
    "timely_rate": ("handled on time", "handled"),
}
"""The numerator and the denominator of each KPI that counts dossiers."""

OF_DIFFERENCE = {
    "on_time_rate": "handled late",
    "timely_rate": "handled late",
    "content_rate": "settled, late and online",
}
"""What the numerator of each KPI leaves of the denominator."""

OF_SUMMARY = {
    "received_total_count": "received",
    "received_online_count": "received online",
    "received_direct_count": "received direct",
    "received_channel_missing_count": "received, channel missing",
    "settled_total_count": "settled",
    "settled_late_count": "settled late",
}

Atom = tuple[str, str, Month, tuple[bool, ...]]
"""Event, place, month, and the answer to each condition of the event."""


def possible_answers(names: Sequence[str]) -> list[tuple[bool, ...]]:
    """Every way to answer some conditions, without those that cannot be."""
    found = []
    for answers in itertools.product([False, True], repeat=len(names)):
        of = dict(zip(names, answers, strict=True))
        is_excluded = any(of.get(one) and of.get(other) for one, other in EXCLUDE)
        if not is_excluded and all(of[other] for one, other in INCLUDE if of.get(one)):
            found.append(answers)
    return found


@dataclass(frozen=True)
class Reader:
    """Somebody who has every published number and looks for those that are not there.

    Args:
        above: the unit above each unit.
        places: the units that dossiers can belong to.
        months: the months that numbers are published of.
        shown: the published numbers.
        empty: the units and windows that are said to have had no report.
        items: online services that had an online dossier, where their number is shown.
    """

    above: Mapping[str, str | None]
    places: Sequence[str]
    months: Sequence[Month]
    shown: Mapping[Number, int]
    empty: frozenset[tuple[str, date, date]] = frozenset()
    items: Mapping[tuple[str, date, date], int] = field(default_factory=dict)

    def within(self, unit: str) -> Reader:
        """The same reader, who looks at one unit and everything below it alone."""
        inside = {unit}
        while more := {each for each, above in self.above.items() if above in inside} - inside:
            inside |= more
        return replace(
            self,
            above={each: above for each, above in self.above.items() if each in inside},
            places=[place for place in self.places if place in inside],
            shown={number: value for number, value in self.shown.items() if number[1] in inside},
            empty=frozenset(where for where in self.empty if where[0] in inside),
            items={where: count for where, count in self.items.items() if where[0] in inside},
        )

    @cached_property
    def every_atom(self) -> dict[Atom, int]:
        """Every atom, with its number."""
        found: list[Atom] = []
        for place, month in itertools.product(self.places, self.months):
            for event, names in CONDITIONS.items():
                found += [(event, place, month, answers) for answers in possible_answers(names)]
        return {atom: number for number, atom in enumerate(found)}

    @cached_property
    def _within(self) -> dict[str, list[str]]:
        """The places within each unit."""
        found = defaultdict(list)
        for place in self.places:
            unit: str | None = place
            while unit is not None:
                found[unit].append(place)
                unit = self.above.get(unit)
        return found

    @cached_property
    def _of_slot(self) -> dict[tuple[str, str, Month], list[tuple[int, dict[str, bool]]]]:
        found = defaultdict(list)
        for (event, place, month, answers), number in self.every_atom.items():
            found[event, place, month].append((number, dict(zip(CONDITIONS[event], answers, strict=True))))
        return found

    def atoms(self, number: Number) -> list[int]:
        """The atoms that a number is the sum of."""
        what, unit, first, last = number
        within = [month for month in self.months if first <= month.first and month.last <= last]
        found: list[int] = []
        for event, conditions in MEASURES[what]:
            months = [month for month in self.months if month.last == last] if event == "open" else within
            slots = [self._of_slot[event, place, month] for place in self._within.get(unit, []) for month in months]
            asked = conditions.items()
            found += [atom for slot in slots for atom, answers in slot if asked <= answers.items()]
        return found

    @cached_property
    def _equations(self) -> tuple[csr_array, np.ndarray]:
        rows = [(self.atoms(number), value) for number, value in self.shown.items()]
        rows += [(self.atoms(("received", *where)), 0) for where in sorted(self.empty)]
        sums = matrix([atoms for atoms, _ in rows], len(self.every_atom))
        right = [value for _, value in rows] + [0] * self._carried_over.shape[0]
        return vstack([sums, self._carried_over]).tocsr(), np.array(right)

    @cached_property
    def _carried_over(self) -> csr_array:
        """In each place, received so far less settled so far and in progress: 0, if nothing was open before."""
        received, handled = [], []
        for place, month in itertools.product(self.places, self.months):
            so_far = (place, self.months[0].first, month.last)
            received.append(self.atoms(("received", *so_far)))
            handled.append(self.atoms(("handled", *so_far)))
        return matrix(received, len(self.every_atom)) - matrix(handled, len(self.every_atom))

    @cached_property
    def _at_most_zero(self) -> tuple[csr_array, np.ndarray]:
        """What is never more than zero: items minus their dossiers."""
        online = [self.atoms(("received online", *where)) for where in self.items]
        return -matrix(online, len(self.every_atom)), -np.array(list(self.items.values()))

    def confined(self, numbers: Iterable[Number]) -> Iterator[Number]:
        """Those of some hidden numbers that are confined to less than the threshold."""
        asked = {number: self.atoms(number) for number in numbers}
        return confined(asked, Known(self._equations, self._at_most_zero))


@dataclass(frozen=True)
class Known:
    """Sums of unknown counts that are known, and sums that are at most so large: matrices, and right sides."""

    equal: tuple[csr_array, np.ndarray]
    at_most: tuple[csr_array, np.ndarray]

    def least(self, objective: np.ndarray) -> np.ndarray:
        """Counts that make an objective the least."""
        capped = np.full(len(objective), 1e5)  # more than any published number, so that no direction is endless
        solved = linprog(
            objective,
            A_ub=self.at_most[0],
            b_ub=self.at_most[1],
            A_eq=self.equal[0],
            b_eq=self.equal[1],
            bounds=np.column_stack([np.zeros_like(capped), capped]),
            method="highs",
        )
        assert solved.status == 0, solved.message
        return np.asarray(solved.x)


def confined(asked: Mapping[Any, Sequence[int]], known: Known) -> Iterator[Any]:
    """Those of some sums of unknown counts that are confined to less than the threshold.

    A few random directions show for most of them that they vary enough; for the others both ends are computed.
    """
    sums = matrix(list(asked.values()), known.equal[0].shape[1])
    draw = np.random.default_rng(1)
    seen = [sums @ known.least(draw.choice([-1.0, 1.0], len(asked)) @ sums) for _ in range(DIRECTIONS)]
    reach = np.ptp(np.array(seen), axis=0)
    for position in np.flatnonzero(reach < THRESHOLD - EXACT):
        one = sums[[position]].toarray()[0]
        if one @ known.least(-one) - one @ known.least(one) < THRESHOLD - EXACT:
            yield list(asked)[position]


def matrix(rows: Sequence[Sequence[int]], width: int) -> csr_array:
    """One row a sum, with a 1 for each of its members."""
    lengths = [len(row) for row in rows]
    columns = np.fromiter(itertools.chain.from_iterable(rows), np.intp, sum(lengths))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    return csr_array((np.ones(len(columns)), columns, starts), shape=(len(rows), width))


def of_values(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Number, int]]:
    """The numbers in rows of `kpi.value`."""
    for row in rows:
        for name, column in zip(OF_KPIS.get(row["kpi_code"], ()), ("numerator", "denominator"), strict=False):
            if row[column] is not None:
                yield (name, row["unit_code"], row["window_start"], row["window_end"]), int(row[column])
        difference = OF_DIFFERENCE.get(row["kpi_code"])
        if difference is not None and row["numerator"] is not None:
            where = (row["unit_code"], row["window_start"], row["window_end"])
            yield (difference, *where), int(row["denominator"] - row["numerator"])


def of_summary(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Number, int]]:
    """The numbers in rows of `statistics.dossier_summary`."""
    for row in rows:
        month = Month.of(row["month"])
        for column, name in OF_SUMMARY.items():
            if row[column] is not None:
                yield (name, row["unit_code"], month.first, month.last), row[column]


FORM = {
    "received_total_count": ("received_online_count", "received_direct_count", "carried_over_count"),
    "settled_total_count": ("settled_early_count", "settled_on_time_count", "settled_late_count"),
    "in_progress_total_count": ("in_progress_in_term_count", "in_progress_overdue_count"),
}
"""The totals of form 06a, and their parts."""

FormCell = tuple[str, date, str]
"""A cell of form 06a: the field, the last day of the period, the column."""


def confined_in_form(shown: Sequence[Mapping[str, Any]], truth: Sequence[Mapping[str, Any]]) -> Iterator[FormCell]:
    """The small cells of form 06a that its relations confine, for somebody who also knows every large sum over fields.

    Args:
        shown: the public rows; what is withheld is empty.
        truth: the same rows with every count.
    """
    parts = {**{name: (name,) for names in FORM.values() for name in names}, **FORM}
    single = [name for name, names in parts.items() if len(names) == 1]
    rows = {(row["field_vi"], row["period_end"]): row for row in truth}
    number = {cell: position for position, cell in enumerate((*row, name) for row in rows for name in single)}
    cells = {(*row, name): [number[*row, part] for part in names] for row in rows for name, names in parts.items()}
    equal = [
        (cells[row["field_vi"], row["period_end"], name], row[name])
        for row in shown
        for name in parts
        if row[name] is not None
    ]
    assert all(value >= THRESHOLD for _, value in equal)
    balances = []
    periods = sorted({period for _, period in rows})
    for field_vi, period in rows:
        coming, *gone = (cells[field_vi, period, total] for total in FORM)
        balances.append((coming, [*gone[0], *gone[1]]))
        later = [each for each in periods if each > period][:1]
        if later and (field_vi, later[0]) in rows:
            balances.append((gone[1], cells[field_vi, later[0], "carried_over_count"]))
    for period, (name, names) in itertools.product(periods, parts.items()):
        of_period = [row for row in rows if row[1] == period]
        total = sum(rows[row][name] for row in of_period)
        if total >= THRESHOLD:
            equal.append(([number[*row, part] for row in of_period for part in names], total))
    size = len(number)
    plus, minus = (matrix(list(side), size) for side in zip(*balances, strict=True))
    left = vstack([matrix([atoms for atoms, _ in equal], size), plus - minus]).tocsr()
    right = np.array([value for _, value in equal] + [0] * len(balances))
    small = {cell: atoms for cell, atoms in cells.items() if rows[cell[:2]][cell[2]] < THRESHOLD}
    nothing = (csr_array((0, size)), np.zeros(0))
    return confined(small, Known((left, right), nothing))

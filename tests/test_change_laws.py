"""Laws of changes over random provinces: whatever the counts, units and gaps are, the parts add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest
from comparison import Row, Shown, adds_up, changes
from hypothesis import given
from hypothesis import strategies as st
from projects import PROJECT
from provinces import History, histories, initial, units_of

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month

pytestmark = pytest.mark.slow

MONTHS = (Month(2022, 3), Month(2022, 4))
RATIO, COUNT, ITEMS, STOCK_ITEMS = (
    "online_dossier_rate",
    "community_group_count",
    "service_usage_rate",
    "service_integration_rate",
)
REASONS = ("few_dossiers", "silent", "low_coverage")
Tree = dict[str, list[Shown]]


@pytest.fixture(scope="module")
def kpis() -> Catalogue:
    """The province's own KPIs."""
    return catalogue.load(PROJECT)


@dataclass(frozen=True)
class Counts:
    """Numerator and denominator of the rows of each place (a unit without units below it) in each month."""

    of: dict[tuple[str, Month], tuple[int, int]]
    withheld: dict[tuple[str, Month], str]

    def shown(self, history: History) -> Tree:
        """The values of all units: what lies below them, added up. Items are not: any number may be at any unit."""
        units = units_of(history)
        found: Tree = {RATIO: [], COUNT: [], ITEMS: [], STOCK_ITEMS: []}
        for month in MONTHS:
            period = units.period(month.last)
            assert period is not None
            in_force = units.in_force(period)
            added = {code: [0, 0] for code in in_force}
            for (place, of_month), counts in self.of.items():
                if of_month == month and self.withheld.get((place, month)) != "silent":
                    for above in units.above(place, period):
                        added[above.code] = [mine + more for mine, more in zip(added[above.code], counts, strict=True)]
            for code, unit in in_force.items():
                reason = None if unit.level == "province" else self.withheld.get((code, month))
                numerator, denominator = added[code]
                items = (numerator % 40, denominator % 60 + 40)
                of_kpis = {RATIO: (numerator, denominator), COUNT: (numerator, None), ITEMS: items, STOCK_ITEMS: items}
                for kpi, of_unit in of_kpis.items():
                    found[kpi].append(Shown(code, unit.level, month, None if reason else of_unit, reason or ""))
        return found


@st.composite
def provinces(draw: st.DrawFn, *, with_gaps: bool = True) -> tuple[History, Counts]:
    """A province that may change between two months, with counts, and gaps in what is shown of them."""
    history = draw(histories(MONTHS[0].last, MONTHS[1].last)) if with_gaps else initial()
    units = units_of(history)
    counts, withheld = {}, {}
    for month in MONTHS:
        in_force = units.in_force(units.period(month.last) or 0)
        above = {unit.parent_code for unit in in_force.values()}
        for code, unit in in_force.items():
            denominator = draw(st.integers(0, 5000))
            if code not in above or draw(st.booleans()):  # some rows belong to a unit above directly
                counts[code, month] = (draw(st.integers(0, denominator)), denominator)
            if with_gaps and unit.level != "province" and (code not in above) and draw(st.booleans()):
                withheld[code, month] = draw(st.sampled_from(REASONS))
    return history, Counts(counts, withheld)


def is_only_rounding(row: Row, catalogue: Catalogue) -> bool:
    """Whether what is called rounding is no more than half a unit of the last decimal of either value."""
    decimals = catalogue.kpis[row["kpi_code"]].definition.decimals
    is_count = row["unit_of_measure"] != "percent"
    return bool(abs(row["rounding"]) <= (0 if is_count else Decimal(1).scaleb(-decimals)) + Decimal("0.00001"))


@given(made=provinces())
def test_the_parts_add_up_exactly_and_rounding_is_rounding(
    made: tuple[History, Counts], kpis: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    history, counts = made
    found = changes(tmp_path_factory.mktemp("law"), kpis, history, counts.shown(history))
    for row in found:
        assert adds_up(row), row
        assert is_only_rounding(row, kpis), row


@given(first=provinces(with_gaps=False), second=provinces())
def test_they_add_up_between_releases_too(
    first: tuple[History, Counts],
    second: tuple[History, Counts],
    kpis: Catalogue,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = [counts.shown(history) for history, counts in (first, second)]
    found = changes(tmp_path_factory.mktemp("law"), kpis, second[0], values[1], values[0])
    for row in found:
        assert adds_up(row), row
        assert is_only_rounding(row, kpis), row


@given(made=provinces(with_gaps=False))
def test_with_all_counts_shown_nothing_is_left_that_cannot_be_separated(
    made: tuple[History, Counts], kpis: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The parts of the province's rate, computed from the counts in fractions."""
    history, counts = made
    values = counts.shown(history)
    found = changes(tmp_path_factory.mktemp("law"), kpis, history, values)
    assert not any(row["not_separated"] or row["coverage"] or row["new_units"] or row["lost_units"] for row in found)
    rows = {(each.unit, each.month): each.counts or (0, 0) for each in values[RATIO]}
    whole = [as_integers(rows["72", month]) for month in MONTHS]
    if not all(denominator for _, denominator in whole):
        return
    (province,) = [row for row in found if row["kpi_code"] == RATIO and row["unit_code"] == "72"]
    below = [unit.code for unit in units_of(history).in_force(0).values() if unit.parent_code == "72"]
    members = [[as_integers(rows[code, month]) for month in MONTHS] for code in below]
    rest = [
        tuple(all_ - sum(parts) for all_, *parts in zip(*at, strict=True)) for at in zip(whole, *members, strict=True)
    ]
    rate = sum((of_rate(member, whole) for member in [*members, rest]), Fraction(0))
    assert abs(Fraction(province["rate"]) - rate) < Fraction(1, 10**5)


def as_integers(counts: tuple[int, int | None]) -> tuple[int, int]:
    numerator, denominator = counts
    return numerator, denominator or 0


def of_rate(member: Sequence[tuple[int, ...]], whole: Sequence[tuple[int, int]]) -> Fraction:
    """The share of one unit in the middle of two months, times the difference of its rates."""
    if not all(denominator for _, denominator in member):
        return Fraction(0)
    shares = [Fraction(mine, every) for (_, mine), (_, every) in zip(member, whole, strict=True)]
    before, after = (Fraction(numerator, denominator) for numerator, denominator in member)
    return 100 * (shares[0] + shares[1]) / 2 * (after - before)

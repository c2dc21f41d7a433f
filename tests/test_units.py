"""Units through time: where a code counts on a day, and where a unit lies on another day."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from provinces import START, History, histories, initial, units_of

from dx_pipeline.kpi.blocks import Placed, blocks
from dx_pipeline.kpi.units import FOREVER, Units

pytestmark = pytest.mark.slow

MARCH, MAY, JULY = date(2025, 3, 1), date(2025, 5, 10), date(2025, 7, 1)
JANUARY, DECEMBER = date(2025, 1, 15), date(2025, 12, 31)
MIRROR = {"new": "lost", "lost": "new"}
CHANGING = histories(date(2025, 1, 2), date(2025, 9, 30))


def lies(units: Units, code: str, day: date, seen_on: date) -> str | None:
    """The unit among those of one day in which a unit of another day lies."""
    first, last = units.period(day), units.period(seen_on)
    assert first is not None
    assert last is not None
    return units.moved(units.in_force(first)[code], last)


def counts_towards(units: Units, code: str, day: date) -> str | None:
    """The unit that a code counts towards on a day."""
    found = [
        row["unit_code"]
        for row in units.rows()
        if row["code"] == code and str(row["valid_from"]) <= str(day) <= str(row["valid_to"])
    ]
    assert len(found) <= 1
    return str(found[0]) if found else None


@pytest.fixture
def history() -> History:
    return initial()


def test_without_a_list_of_units_no_day_is_in_a_period() -> None:
    assert (Units([], [], []).rows(), Units([], [], []).period(MARCH)) == ([], None)


def test_a_renamed_agency_is_the_same_unit(history: History) -> None:
    history.rename("H53.01", MARCH)
    units = units_of(history)
    assert lies(units, "H53.01", JANUARY, DECEMBER) == "H53.01"
    assert lies(units, "H53.01", DECEMBER, JANUARY) == "H53.01"
    assert counts_towards(units, "H53.01", DECEMBER) == "H53.01"


def test_an_agency_that_outlives_a_province_is_the_same_unit(history: History) -> None:
    history.merge_province(JULY)
    units = units_of(history)
    assert lies(units, "H53.01", JANUARY, DECEMBER) == "H53.01"
    assert [unit.code for unit in units.above("H53.01", 1)] == ["H53.01", "80"]


def test_a_merged_agency_lies_in_its_successor(history: History) -> None:
    history.merge_agency("H53.03", "H53.02", MARCH)
    units = units_of(history)
    assert lies(units, "H53.03", JANUARY, DECEMBER) == "H53.02"
    assert lies(units, "H53.02", JANUARY, DECEMBER) == "H53.02"
    assert counts_towards(units, "H53.03", JANUARY) == "H53.03"
    assert counts_towards(units, "H53.03", MARCH) == "H53.02"


def test_an_agency_that_is_renamed_as_it_takes_in_another_was_both_of_them_before(history: History) -> None:
    history.merge_agency("H53.03", "H53.02", MARCH)
    history.rename("H53.02", MARCH)
    units = units_of(history)
    assert lies(units, "H53.02", JANUARY, DECEMBER) == "H53.02"
    assert lies(units, "H53.02", DECEMBER, JANUARY) == "72"  # the smallest unit of January that has both


def test_an_agency_that_was_closed_without_a_successor_lies_in_the_province(history: History) -> None:
    history.close_agency("H53.03", MARCH)
    units = units_of(history)
    assert lies(units, "H53.03", JANUARY, DECEMBER) == "72"
    assert counts_towards(units, "H53.03", DECEMBER) == "72"


def test_after_two_mergers_a_unit_lies_in_the_last_successor(history: History) -> None:
    history.merge_agency("H53.03", "H53.02", MARCH)
    history.merge_agency("H53.02", "H53.01", MAY)
    units = units_of(history)
    assert [lies(units, "H53.03", JANUARY, day) for day in (JANUARY, MARCH, MAY)] == ["H53.03", "H53.02", "H53.01"]
    assert [counts_towards(units, "H53.03", day) for day in (MARCH, MAY)] == ["H53.02", "H53.01"]


@pytest.mark.parametrize(
    ("others", "found"),
    [(("25459", "25462"), "703"), (("25459", "25630"), "72")],
    ids=["within_a_district", "over_two_districts"],
)
def test_a_split_commune_lies_in_the_nearest_unit_that_has_all_of_it(
    history: History, others: tuple[str, ...], found: str
) -> None:
    history.split_commune("25456", others, MARCH)
    units = units_of(history)
    assert lies(units, "25456", JANUARY, DECEMBER) == found
    assert counts_towards(units, "25456", DECEMBER) == found


def test_the_parts_of_a_split_commune_may_come_together_again(history: History) -> None:
    history.split_commune("25456", ("25459", "25630"), MARCH)
    history.merge_commune("25630", "25459", MAY)
    assert lies(units_of(history), "25456", JANUARY, DECEMBER) == "25459"


def test_a_code_that_lives_on_with_another_area_is_another_unit_before(history: History) -> None:
    history.merge_commune("25456", "25459", MARCH)
    units = units_of(history)
    assert lies(units, "25459", JANUARY, DECEMBER) == "25459"
    assert lies(units, "25456", JANUARY, DECEMBER) == "25459"
    assert lies(units, "25459", DECEMBER, JANUARY) == "703"  # two communes of one district


def test_a_unit_that_took_in_part_of_another_is_known_before_only_as_a_part_of_the_unit_above(history: History) -> None:
    history.split_commune("25456", ("25459", "25630"), MARCH)
    units = units_of(history)
    assert lies(units, "25459", DECEMBER, JANUARY) == "703"
    assert lies(units, "25630", DECEMBER, JANUARY) == "72"


def test_a_district_that_ceased_lies_in_the_province(history: History) -> None:
    history.merge_province(JULY)
    units = units_of(history)
    assert lies(units, "703", JANUARY, DECEMBER) == "80"
    assert lies(units, "25456", JANUARY, DECEMBER) == "25456"
    assert lies(units, "25456", DECEMBER, JANUARY) == "25456"
    assert lies(units, "80", DECEMBER, JANUARY) == "72"


def test_an_agency_s_code_outlives_its_unit(history: History) -> None:
    history.merge_province(JULY)
    units = units_of(history)
    assert counts_towards(units, "H53.20", JULY - timedelta(days=1)) == "703"
    assert counts_towards(units, "H53.20", JULY) == "80"


def test_a_code_has_no_unit_before_its_first_day(history: History) -> None:
    history.found_agency("H53.09", MARCH)
    units = units_of(history)
    assert counts_towards(units, "H53.09", MARCH - timedelta(days=1)) is None
    assert counts_towards(units, "H53.09", MARCH) == "H53.09"
    assert lies(units, "H53.09", DECEMBER, JANUARY) == "72"


def test_before_the_first_unit_there_is_no_period(history: History) -> None:
    assert units_of(history).period(START - timedelta(days=1)) is None


@given(CHANGING)
def test_every_unit_has_exactly_one_place_among_the_units_of_every_other_day(history: History) -> None:
    units = units_of(history)
    places = defaultdict(list)
    for place in units.places():
        places[place.from_period, place.to_period, place.unit_code].append(place.above_code)
    for from_period, to_period in product(range(len(units.periods)), repeat=2):
        for code, unit in units.in_force(from_period).items():
            moved = str(units.moved(unit, to_period))
            assert moved in units.in_force(to_period)
            assert places[from_period, to_period, code] == [above.code for above in units.above(moved, to_period)]


@given(CHANGING)
def test_the_province_has_every_unit_of_every_day_once(history: History) -> None:
    units = units_of(history)
    within = Counter(
        (place.from_period, place.to_period, place.unit_code)
        for place in units.places()
        if place.above_code == units.province(place.to_period)
    )
    every = product(range(len(units.periods)), repeat=2)
    assert within == Counter((*periods, code) for periods in every for code in units.in_force(periods[0]))


@given(CHANGING)
def test_from_its_first_day_on_a_code_counts_towards_one_unit_in_force_on_every_day(history: History) -> None:
    units = units_of(history)
    stretches: dict[str, list[tuple[date, date, str]]] = {}
    for row in units.rows():
        stretches.setdefault(str(row["code"]), []).append((row["valid_from"], row["valid_to"], str(row["unit_code"])))  # type: ignore[arg-type]
    assert set(stretches) == {unit.code for unit in units.units if unit.level != "agency"} | {
        agency.code for agency in units.agencies
    }
    for found in stretches.values():
        assert found[-1][1] == FOREVER
        assert all(last + timedelta(days=1) == first for (_, last, _), (first, _, _) in pairwise(found))
        for first, last, unit in found:
            for number, (start, end) in enumerate(units.periods):
                assert max(first, start) > min(last, end) or unit in units.in_force(number)


@given(CHANGING)
def test_every_unit_below_another_is_in_one_block_whichever_of_two_periods_is_later(history: History) -> None:
    units = units_of(history)
    placed: dict[tuple[int, str, int, str, bool], list[Placed]] = defaultdict(list)
    for each in blocks(units):
        placed[each.from_period, each.from_whole, each.to_period, each.to_whole, each.is_after].append(each)
    for whole in units.continuations():
        pair = (whole.from_period, whole.from_code, whole.to_period, whole.to_code)
        for is_after, (period, code) in enumerate((pair[:2], pair[2:])):
            below = sorted(unit.code for unit in units.in_force(period).values() if unit.parent_code == code)
            assert sorted(each.unit_code for each in placed[*pair, bool(is_after)]) == below
            mirrored = placed[*pair[2:], *pair[:2], not is_after]
            assert [(each.unit_code, MIRROR.get(each.kind, each.kind)) for each in placed[*pair, bool(is_after)]] == [
                (each.unit_code, each.kind) for each in mirrored
            ]


def test_units_that_exchange_area_are_in_one_block(history: History) -> None:
    history.split_commune("25456", ("25459", "25462"), MARCH)
    history.found_agency("H53.09", MARCH)
    history.close_agency("H53.03", MARCH)
    found = {
        (each.unit_code, each.is_after): (each.kind, each.is_single)
        for each in blocks(units_of(history))
        if (each.from_period, each.to_period) == (0, 1) and each.from_whole in {"703", "72"}
    }
    assert {found[code, False] for code in ("25456", "25459", "25462")} == {("common", False)}
    assert {found[code, True] for code in ("25459", "25462")} == {("common", False)}
    assert (found["703", True], found["H53.09", True], found["H53.03", False]) == (
        ("common", True),
        ("new", False),
        ("lost", False),
    )

"""Disclosure control: nobody who has everything published can find out a count that was withheld."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from datetime import date

import numpy as np
from attacker import Attacker, confined
from hypothesis import given
from hypothesis import strategies as st
from publication import THRESHOLD, Publication

from dx_pipeline.kpi.disclosure import Cell, suppression
from dx_pipeline.kpi.disclosure.rearrangement import width
from dx_pipeline.period import Month, Window

APRIL = Window("month", date(2022, 4, 1), date(2022, 4, 30))
TREE = {"72": None, "703": "72", "709": "72", **dict.fromkeys(("25456", "25459", "25462"), "703"), "25630": "709"}
CHANNELS = {
    "received": frozenset({"online", "direct", "post"}),
    "online": frozenset({"online"}),
    "direct": frozenset({"direct"}),
    "post": frozenset({"post"}),
}


def april(counts: dict[str, int]) -> Publication:
    """The dossiers that communes received in one month."""
    dossiers = {(unit, Month(2022, 4), "any"): count for unit, count in counts.items()}
    return Publication(TREE, dossiers, {"received": frozenset({"any"})}, types=("month",))


def units(keys: frozenset[Hashable]) -> list[str]:
    return sorted(str(key[1]) for key in keys if isinstance(key, tuple))


def attacker(publication: Publication, withheld: frozenset[Hashable]) -> Attacker:
    return Attacker(publication.relations(), publication.shown(withheld))


def test_a_small_count_is_withheld_with_another_one_that_protects_it() -> None:
    found = april({"25456": 4, "25459": 30, "25462": 60, "25630": 80}).suppression()
    assert units(found.sensitive) == ["25456"]
    assert units(found.complementary) == ["25459"]
    assert not found.exposed


def test_nothing_is_withheld_where_every_count_is_large_enough() -> None:
    assert not april({"25456": 10, "25459": 10, "25462": 10, "25630": 10}).suppression().withheld


def test_zero_is_a_small_count() -> None:
    assert units(april({"25456": 0, "25459": 30, "25462": 60, "25630": 80}).suppression().sensitive) == ["25456"]


def test_two_small_counts_do_not_protect_each_other() -> None:
    publication = april({"25456": 2, "25459": 2, "25462": 60, "25630": 80})
    assert units(publication.suppression().withheld) == ["25456", "25459", "25462"]


def test_a_small_count_without_neighbours_takes_what_is_above_it_along() -> None:
    found = april({"25456": 50, "25459": 30, "25462": 60, "25630": 8}).suppression()
    assert units(found.sensitive) == ["25630", "709"]
    assert units(found.complementary) == ["25459", "703"]


def test_what_is_only_published_once_needs_no_protection() -> None:
    cells = [Cell("commune", frozenset({"25456"}), frozenset({"2022-04"}))]
    found = suppression({("25456", "2022-04"): 3}, cells, threshold=THRESHOLD)
    assert found.withheld == {"commune"}
    assert not found.exposed


def test_a_numerator_may_be_withheld_while_its_denominator_is_shown() -> None:
    dossiers = {
        (unit, Month(2022, 4), channel): count
        for unit, counts in {"25456": (4, 90), "25459": (30, 60), "25462": (60, 70), "25630": (80, 90)}.items()
        for channel, count in zip(("online", "direct"), counts, strict=True)
    }
    measures = {name: CHANNELS[name] - {"post"} for name in ("received", "online")}
    found = Publication(TREE, dossiers, measures, ("month",)).suppression()
    assert found.withheld == {("online", "25456", APRIL), ("online", "25459", APRIL)}


def test_a_number_of_items_is_withheld_where_dossiers_protect_a_count_below_it() -> None:
    """No procedure with a service had an online dossier in a district: then none had one in its communes."""
    counts = {("a", "service"): 0, ("b", "service"): 0, ("c", "service"): 40}
    counts |= {(place, "other"): 30 for place in "abc"}
    online = frozenset({"service", "other"})
    cells = [Cell(("online", unit), frozenset(unit), online) for unit in ("a", "b", "c", "ab", "abc")]
    cells += [Cell(("service", unit), frozenset(unit), frozenset({"service"})) for unit in ("a", "b", "c")]
    details = [
        Cell(("items", unit, kind), frozenset(unit), frozenset({kind}), role="detail")
        for unit in ("ab", "c", "abc")
        for kind in online
    ]
    found = suppression(counts, [*cells, *details], threshold=THRESHOLD)
    assert found.sensitive == {("service", "a"), ("service", "b")}
    assert not found.exposed
    assert ("items", "ab", "service") in found.complementary
    assert ("items", "abc", "service") not in found.withheld


def test_the_same_count_in_two_tables_is_withheld_in_both() -> None:
    places, kinds = frozenset({"25456"}), frozenset({"2022-04 online"})
    cells = [Cell("numerator", places, kinds), Cell("summary", places, kinds)]
    assert suppression({("25456", "2022-04 online"): 3}, cells, threshold=THRESHOLD).sensitive == {
        "numerator",
        "summary",
    }


def test_a_difference_is_protected_although_it_is_not_published() -> None:
    """96 of 100 online would show that 4 were not."""
    dossiers = {
        (unit, Month(2022, 4), channel): count
        for unit, counts in {"25456": (96, 4), "25459": (30, 60), "25462": (60, 70), "25630": (80, 90)}.items()
        for channel, count in zip(("online", "other"), counts, strict=True)
    }
    measures = {"received": frozenset({"online", "other"}), "online": {"online"}, "not online": {"other"}}
    publication = Publication(
        TREE,
        dossiers,
        {name: frozenset(each) for name, each in measures.items()},
        ("month",),
        frozenset({"not online"}),
    )
    found = publication.suppression()
    assert found.sensitive == {("not online", "25456", APRIL)}
    assert len(found.complementary) == 2
    assert not confined(attacker(publication, found.withheld).by_linear_programming(found.sensitive), THRESHOLD)
    assert ("not online", "25456", APRIL) in confined(attacker(publication, frozenset()).by_differencing(), THRESHOLD)


def test_what_everybody_knows_to_be_zero_is_reported_as_exposed() -> None:
    whole, commune, april_online = frozenset({"a", "b"}), frozenset({"a"}), frozenset({"2022-04 online"})
    counts = {("a", "2022-04 online"): 0, ("b", "2022-04 online"): 0}
    cells = [Cell("province", whole, april_online, role="known"), Cell("commune", commune, april_online)]
    found = suppression(counts, cells, threshold=THRESHOLD)
    assert found.exposed == found.sensitive == {"commune"}
    assert "province" not in found.withheld


def test_a_commune_that_was_merged_is_protected_in_the_year_of_the_merger() -> None:
    """Communes a and b are c from July on; the year to date of c counts all three."""
    counts = {(place, f"2025-0{month}"): 60 + month for place in "ab" for month in range(1, 7)}
    counts |= {(place, f"2025-0{month}"): 90 + month for place in "cd" for month in range(7, 10)}
    counts |= {("d", f"2025-0{month}"): 70 + month for month in range(1, 7)}
    counts["a", "2025-03"] = 3
    places = {"a": "a", "b": "b", "c": "abc", "d": "d", "province": "abcd"}
    cells = []
    for month in range(1, 10):
        for unit in ["a", "b", "d", "province"] if month < 7 else ["c", "d", "province"]:
            for window, first in (("month", month), ("ytd", 1)):
                kinds = frozenset(f"2025-0{each}" for each in range(first, month + 1))
                cells.append(Cell((window, unit, month), frozenset(places[unit]), kinds))
    found = suppression(counts, cells, threshold=THRESHOLD)
    assert found.sensitive == {("month", "a", 3)}
    assert not found.exposed
    relations = [(cell.key, [(p, k) for p in cell.places for k in cell.kinds if (p, k) in counts]) for cell in cells]
    shown = {key: sum(counts[part] for part in parts) for key, parts in relations if key not in found.withheld}
    assert not confined(Attacker(relations, shown).by_linear_programming(found.sensitive), THRESHOLD)
    assert set(units(found.withheld)) == {"a", "b"}


def test_months_of_communes_are_withheld_before_years_and_districts() -> None:
    months = list(Month(2022, 1).through(Month(2022, 12)))
    communes = ["25456", "25459", "25462", "25630"]
    dossiers = {(unit, month, "any"): 40 + number for number, unit in enumerate(communes) for month in months}
    dossiers["25456", Month(2022, 5), "any"] = 4
    found = Publication(TREE, dossiers, {"received": frozenset({"any"})}).suppression()
    assert set(units(found.withheld)) == {"25456", "25459"}
    assert not [key for key in found.withheld if isinstance(key, tuple) and key[2].type in {"quarter", "year"}]
    assert len(found.withheld) == 6


def test_a_commune_that_did_not_exist_yet_cannot_protect_another_one() -> None:
    """Commune b has dossiers in July only: nobody believes that some of them were received in June or August."""
    counts = {("a", "6"): 60, ("a", "7"): 3, ("a", "8"): 60, ("b", "7"): 50}
    counts |= {("c", month): 70 for month in "678"}
    places = {"a": "a", "b": "b", "district": "ab", "c": "c", "province": "abc"}
    cells = [
        Cell((unit, months), frozenset(within), frozenset(months))
        for unit, within in places.items()
        for months in ("6", "7", "8", "67", "678")
        if any((place, month) in counts for place in within for month in months)
    ]
    found = suppression(counts, cells, threshold=THRESHOLD)
    assert {("a", "7")} <= found.sensitive
    relations = [(cell.key, [(p, k) for p in cell.places for k in cell.kinds if (p, k) in counts]) for cell in cells]
    shown = {key: sum(counts[part] for part in parts) for key, parts in relations if key not in found.withheld}
    assert not confined(Attacker(relations, shown).by_linear_programming(found.sensitive - found.exposed), THRESHOLD)
    assert not found.exposed


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_the_width_of_an_interval_is_exact(amounts: list[tuple[int, int]], own: list[bool]) -> None:
    changes = itertools.product(*(range(-part, rest + 1) for part, rest in amounts))
    reached = {sum(itertools.compress(each, own)) for each in changes if sum(each) == 0}
    of_own = sum(part + rest for part, rest in itertools.compress(amounts, own))
    part, rest = (np.array(float(sum(column))) for column in zip(*amounts, strict=True))
    assert max(reached) - min(reached) == width(np.array(float(of_own)), part, rest)

"""An attack on what is published: differencing, linear programming and linear algebra over all of it at once."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Hashable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from attacker import Attacker, confined
from hypothesis import given, settings
from hypothesis import strategies as st
from publication import THRESHOLD, Publication

from dx_pipeline.kpi.disclosure import Cell, suppression
from dx_pipeline.period import Month, Window

pytestmark = pytest.mark.slow

NESTED = {
    "received": frozenset({"online eligible", "online", "eligible", "other"}),
    "eligible": frozenset({"online eligible", "eligible"}),
    "online": frozenset({"online eligible", "online"}),
    "online eligible": frozenset({"online eligible"}),
}
"""A chain of conditions within conditions."""

CHANNELS = {
    "received": frozenset({"online", "direct", "post"}),
    **{channel: frozenset({channel}) for channel in ("online", "direct", "post")},
}
"""A summary by channel: received = online + direct + post."""

PLAIN = {"received": frozenset({"any"})}

SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, 9, 10, 13, 30, 80, 400])


@st.composite
def publications(draw: st.DrawFn) -> Publication:
    """A province of up to two districts and an agency, over up to four months, with small and larger counts."""
    units: dict[str, str | None] = {"72": None}
    for district in range(draw(st.integers(1, 2))):
        units[f"70{district}"] = "72"
        units |= {f"70{district}-{commune}": f"70{district}" for commune in range(draw(st.integers(1, 3)))}
    units |= {"agency": "72"} if draw(st.booleans()) else {}
    first = Month(2022, draw(st.sampled_from([1, 2, 5, 10, 11])))
    months = list(first.through(first.plus(draw(st.integers(0, 3)))))
    measures = draw(st.sampled_from([PLAIN, NESTED, CHANNELS]))
    places = [unit for unit in units if unit not in units.values()]
    slots = [(place, month, each) for place in places for month in months for each in sorted(measures["received"])]
    sizes = draw(st.lists(SIZES, min_size=len(slots), max_size=len(slots)))
    return Publication(units, dict(zip(slots, sizes, strict=True)), measures)


def attacker(publication: Publication, withheld: frozenset[Hashable]) -> Attacker:
    return Attacker(publication.relations(), publication.shown(withheld))


@given(publications())
def test_an_attacker_finds_no_withheld_count(publication: Publication) -> None:
    found = publication.suppression()
    assert found.sensitive == publication.small()
    assert not found.exposed
    reader = attacker(publication, found.withheld)
    assert not confined(reader.by_differencing(), THRESHOLD) & found.sensitive
    assert not reader.by_linear_algebra() & found.sensitive
    assert not confined(reader.by_linear_programming(found.sensitive), THRESHOLD)


@given(publications(), st.randoms(use_true_random=False))
def test_the_order_of_cells_and_counts_does_not_matter(publication: Publication, order: random.Random) -> None:
    counts = [((place, f"{month} {each}"), count) for (place, month, each), count in publication.dossiers.items()]
    cells = publication.cells()
    first = suppression(dict(counts), cells, threshold=THRESHOLD)
    order.shuffle(counts)
    order.shuffle(cells)
    assert suppression(dict(counts), cells, threshold=THRESHOLD) == first


def small_province(seed: int, measures: Mapping[str, frozenset[str]], mean: int) -> Publication:
    """Two districts of three communes over a quarter, with few dossiers of each class a month."""
    draw = np.random.default_rng(seed)
    units = {"72": None, "703": "72", "709": "72", **{f"{above}{n}": above for above in ("703", "709") for n in "123"}}
    places = [unit for unit in units if len(unit) == 4]
    months = list(Month(2022, 1).through(Month(2022, 3)))
    dossiers = {
        (place, month, each): int(draw.exponential(mean))
        for place in places
        for month in months
        for each in sorted(measures["received"])
    }
    return Publication(units, dossiers, measures)


@pytest.mark.parametrize("seed", range(5))
def test_without_complementary_suppression_the_same_attacker_finds_counts(seed: int) -> None:
    publication = small_province(seed, NESTED, 25)
    sensitive = publication.suppression().sensitive
    reader = attacker(publication, sensitive)
    assert confined(reader.by_differencing(), THRESHOLD) & sensitive
    assert reader.by_linear_algebra() & sensitive
    assert confined(reader.by_linear_programming(sensitive), THRESHOLD)


APRIL = Window("month", date(2022, 4, 1), date(2022, 4, 30))
TREE = {"72": None, "703": "72", "709": "72", **dict.fromkeys(("25456", "25459", "25462"), "703"), "25630": "709"}


@st.composite
def tables(draw: st.DrawFn) -> dict[tuple[str, str], int]:
    """Counts by row and column."""
    rows, columns = draw(st.sampled_from([(8, 3), (6, 4), (5, 5), (10, 3)]))
    sizes = st.sampled_from([2, 5, 8, 12, 20, 35, 60, 90, 150, 200])
    return {(f"r{row}", f"c{column}"): draw(sizes) for row in range(rows) for column in range(columns)}


@pytest.mark.long
@given(counts=tables())
@settings(max_examples=100)
def test_about_as_few_are_withheld_as_the_optimum(
    counts: dict[tuple[str, str], int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Tau-Argus finds the least loss for one table, for a protection that is weaker than ours."""
    places, kinds = (with_total(sorted({name[axis] for name in counts})) for axis in (0, 1))
    cells = [Cell((row, column), places[row], kinds[column]) for row in places for column in kinds]
    relations = [(cell.key, [(p, k) for p in sorted(cell.places) for k in sorted(cell.kinds)]) for cell in cells]
    values = {key: sum(counts[part] for part in parts) for key, parts in relations}
    found = suppression(counts, cells, threshold=THRESHOLD)
    shown: dict[Hashable, int] = {key: value for key, value in values.items() if key not in found.withheld}
    assert not confined(Attacker(relations, shown).by_linear_programming(found.sensitive), THRESHOLD)
    optimum = withheld_by_tau_argus(counts, tmp_path_factory.mktemp("argus"))
    assert found.sensitive <= optimum
    assert len(found.withheld) <= 1.5 * len(optimum) + 2


def with_total(names: list[str]) -> dict[str, frozenset[str]]:
    """The sets that a table with a total counts."""
    return {"Total": frozenset(names), **{name: frozenset({name}) for name in names}}


def withheld_by_tau_argus(counts: Mapping[tuple[str, str], int], folder: Path) -> set[tuple[str, str]]:
    """The cells of one table that the optimal suppression of Tau-Argus withholds."""
    from pytauargus import protect

    dossiers = [
        {"row": row, "column": column, "one": 1} for (row, column), count in counts.items() for _ in range(count)
    ]
    rule = f"FREQ({THRESHOLD},100)"
    with contextlib.chdir(folder):  # the engine writes its log where it runs
        result = protect(dossiers, ["row", "column"], "one", rule, "OPT(1)", workdir=str(folder))
    return {(row["row"], row["column"]) for row in result.tables[0].rows if row["status"] in {"U", "M"}}

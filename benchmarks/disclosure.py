"""Benchmark: disclosure control at the usual size and at the largest that is planned for.

python benchmarks/disclosure.py

Dossiers are drawn for communes in districts and for agencies. Usual: nine months, four measures, about 10,000
cells. Large: 57 months, twelve measures, about 380,000 cells.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

from dx_pipeline.kpi.disclosure import Cell, suppression
from dx_pipeline.period import Month, windows

THRESHOLD = 10


def measures(conditions: int, number: int) -> dict[str, frozenset[str]]:
    """All dossiers, those that meet each condition, those that meet two of them, and so on."""
    kinds = ["".join(each) for each in itertools.product("10", repeat=conditions)]
    chosen = itertools.chain.from_iterable(itertools.combinations(range(conditions), n) for n in range(conditions + 1))
    met = {str(each): frozenset(kind for kind in kinds if all(kind[n] == "1" for n in each)) for each in chosen}
    unmet = {f"not {n}": frozenset(kind for kind in kinds if kind[n] == "0") for n in range(conditions)}
    several = {"one of two": frozenset(kind for kind in kinds if "1" in kind[:2])}
    return dict(itertools.islice((met | unmet | several).items(), number))


def units(districts: int, communes: int, agencies: int) -> dict[str, frozenset[str]]:
    """Each unit and the places in it."""
    of_district = {f"D{n:02}": [f"D{n:02}-{m:02}" for m in range(communes)] for n in range(districts)}
    places = [*itertools.chain.from_iterable(of_district.values()), *(f"A{n:02}" for n in range(agencies))]
    sets = {**of_district, **{place: [place] for place in places}, "province": places}
    return {unit: frozenset(each) for unit, each in sets.items()}


def measure(
    title: str, tree: dict[str, frozenset[str]], months: list[Month], counted: dict[str, frozenset[str]]
) -> None:
    """Time one call for each of several mean numbers of dossiers a place and month."""
    kinds = sorted(frozenset().union(*counted.values()))
    ended = [window for window in windows(months, ("month", "quarter", "ytd", "year")) if window.end <= months[-1].last]
    scopes = {
        (name, window): frozenset(f"{month} {kind}" for month in window.months for kind in each)
        for name, each in counted.items()
        for window in ended
    }
    cells = [Cell((unit, *scope), places, of) for unit, places in tree.items() for scope, of in scopes.items()]
    for mean in (540, 100, 20):
        draw = np.random.default_rng(1)
        size = {place: float(draw.lognormal()) for place in sorted(tree["province"])}
        slots = itertools.product(size, months, kinds)
        counts = {
            (place, f"{month} {kind}"): int(draw.poisson(mean * size[place] / len(kinds)))
            for place, month, kind in slots
        }
        start = time.perf_counter()
        found = suppression(counts, cells, threshold=THRESHOLD)
        seconds = time.perf_counter() - start
        shares = f"{len(found.sensitive):,} sensitive, {len(found.complementary):,} withheld with them"
        print(f"{title}, {mean} dossiers a place and month: {len(cells):,} cells, {shares}, {seconds:.2f} s")


if __name__ == "__main__":
    measure("usual", units(9, 10, 23), list(Month(2022, 1).through(Month(2022, 9))), measures(2, 4))
    measure("large", units(12, 16, 25), list(Month(2022, 1).through(Month(2026, 9))), measures(3, 12))

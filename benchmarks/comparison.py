"""Comparison of the whole way with four other programs: ratios of processor time and of time, and memory.

python -m benchmarks.comparison --rows 1000000 --pairs 5 [--programs floor,rules]

Every program brings the same delivery to the same counts, one after the other in each round, every second round in
reverse order, so that a machine that becomes slower is so for all. A ratio is the median of those of the rounds. The
figures go into docs/performance.json and docs/performance.md, unless there are fewer than five rounds. The status is 1
if the counts differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import deliveries, performance, programs
from benchmarks.measurement import Measured
from benchmarks.performance import RATIOS, Figures, Ratio, Size
from benchmarks.programs import BENCH, DLT_DBT, EVERY, OURS, PANDAS_GX, Program
from dx_pipeline.errors import DxError

LARGE = 1_000_000
"""Above so many rows only the programs that stream are compared, unless others are asked for."""

SMALL = 10_000
"""So many rows are tried before anything is measured."""

FEWEST_PAIRS = 5

Round = dict[str, Measured]


def rounds(compared: Sequence[Program], csv: Path, count: int) -> list[Round]:
    """Measure programs on one delivery, a number of times in turn.

    Raises:
        DxError: a program failed, or the counts of two programs differ.
    """
    done: list[Round] = []
    for number in range(count):
        of_round: Round = {}
        for program in compared if number % 2 == 0 else reversed(compared):
            found = of_round[program.name] = program.run(csv)
            took = f"{found.cpu_seconds:8.1f} s CPU {found.wall_seconds:8.1f} s {found.peak_mib:8,.0f} MiB"
            print(f"{number + 1}/{count} {program.name:20}{took}", file=sys.stderr)
        check(of_round)
        done.append(of_round)
    return done


def check(of_round: Round) -> None:
    """Raise DxError unless every program counted the same."""
    counted = {name: found.counts for name, found in of_round.items()}
    first = next(iter(counted.values()))
    if any(counts != first for counts in counted.values()):
        lines = "; ".join(f"{name}: {counts}" for name, counts in counted.items())
        raise DxError(f"the counts differ: {lines}", f"các số đếm khác nhau: {lines}")


def ratio(done: Sequence[Round], above: str, below: str) -> Ratio:
    """The medians of the ratios of two programs over all rounds."""
    pairs = [(each[above], each[below]) for each in done]
    cpu = [one.cpu_seconds / other.cpu_seconds for one, other in pairs]
    wall = [one.wall_seconds / other.wall_seconds for one, other in pairs]
    return Ratio(cpu=median(cpu), wall=median(wall), cpu_of_pairs=tuple(cpu))


def figures(done: Sequence[Round], name: str) -> Figures:
    """What a program took: medians of its times, and its highest peak of memory."""
    own = [each[name] for each in done]
    return Figures(
        cpu_seconds=median(each.cpu_seconds for each in own),
        wall_seconds=median(each.wall_seconds for each in own),
        peak_mib=max(each.peak_mib for each in own),
    )


def main() -> int:
    """Prepare, measure, and write the page."""
    parser = argparse.ArgumentParser(description="Compare the whole way with other programs.")
    parser.add_argument("--rows", type=int, default=LARGE)
    parser.add_argument("--pairs", type=int, default=FEWEST_PAIRS)
    parser.add_argument("--programs", default="", help="names of competitors, with commas; else those for the size")
    asked = parser.parse_args()
    named = {name for name in asked.programs.split(",") if name}
    if unknown := named - {each.name for each in EVERY}:
        parser.error(f"no such programs: {', '.join(sorted(unknown))}")
    left_out = (PANDAS_GX, DLT_DBT) if asked.rows > LARGE else ()
    others = [each for each in EVERY if each.name in named or (not named and each not in left_out)]
    compared = [OURS, *(each for each in others if each is not OURS)]
    for program in compared:
        program.prepare()
    small, csv = (deliveries.month_of(rows, BENCH / "deliveries") for rows in (SMALL, asked.rows))
    try:
        rounds(compared, small, 1)
        done = rounds(compared, csv, asked.pairs)
    except DxError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    names = {each.name for each in compared}
    size = Size(
        rows=deliveries.count(csv),
        pairs=asked.pairs,
        measured_on=datetime.now(UTC).date(),
        machine=performance.machine(),
        versions={each.name: each.versions() for each in compared if each is not programs.WITHOUT_AUDIT},
        counts=done[0][OURS.name].counts,
        programs={name: figures(done, name) for name in names},
        ratios={each.name: ratio(done, each.above, each.below) for each in RATIOS if {each.above, each.below} <= names},
    )
    print(performance.table([size]))
    if asked.pairs >= FEWEST_PAIRS:
        performance.write(size)
    else:
        print(f"Not written into docs/: at least {FEWEST_PAIRS} pairs make a figure.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

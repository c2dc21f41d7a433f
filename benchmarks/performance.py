"""Performance as it is published: docs/performance.json, and the tables of docs/performance.md.

Each size that was measured is kept until it is measured again.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, FIGURES = DOCS / "performance.md", DOCS / "performance.json"
MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- end of bench -->)", re.DOTALL)
NONE = "–"
SIZE_SHARE = 0.1
"""By so much of itself a size may differ from the one that a target is for."""


class Plain(BaseModel):
    """Values as they are written into the JSON."""

    model_config = ConfigDict(frozen=True)


class Ratio(Plain):
    """Medians over the pairs, and the ratio of processor time of each pair."""

    cpu: float
    wall: float
    cpu_of_pairs: tuple[float, ...]


class Figures(Plain):
    """What one program took."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float


class Machine(Plain):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gib: float
    system: str


class Size(Plain):
    """All figures of one size."""

    rows: int
    pairs: int
    measured_on: date
    machine: Machine
    versions: dict[str, dict[str, str]]
    counts: dict[str, int]
    programs: dict[str, Figures]
    ratios: dict[str, Ratio]


class Published(Plain):
    """The whole file, smallest size first."""

    sizes: tuple[Size, ...] = ()


class Compared(Plain):
    """A ratio that is published: the program above, the one below, and what is aimed at, at which size."""

    name: str
    above: str
    below: str
    words: str
    target: str


RATIOS = (
    Compared(
        name="ours/rules", above="ours", below="rules", words="ours ÷ (a2) rules", target="≤ 1.15 at 10,000,000 rows"
    ),
    Compared(
        name="ours/floor",
        above="ours",
        below="floor",
        words="ours ÷ (a) floor",
        target="≤ 1.8, better 1.5, at 10,000,000 rows",
    ),
    Compared(
        name="ours_without_audit/floor",
        above="ours_without_audit",
        below="floor",
        words="ours without audit ÷ (a) floor",
        target="≤ 1.4, better 1.15, at 10,000,000 rows",
    ),
    Compared(
        name="pandas_gx/ours",
        above="pandas_gx",
        below="ours",
        words="(b) pandas and Great Expectations ÷ ours",
        target="≥ 4 at 1,000,000 rows",
    ),
    Compared(
        name="dlt_dbt/ours",
        above="dlt_dbt",
        below="ours",
        words="(c) dlt and dbt ÷ ours",
        target="≥ 4 at 1,000,000 rows",
    ),
)


def machine() -> Machine:
    """This machine."""
    model = platform.processor() or platform.machine()
    if (listed := Path("/proc/cpuinfo")).is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", listed.read_text(encoding="utf-8"), re.MULTILINE)
        model = found[1].strip() if found else model
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    return Machine(cpu=model, cores=os.cpu_count() or 1, memory_gib=memory, system=platform.system())


def read() -> Published:
    """What was measured until now."""
    return Published.model_validate_json(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else Published()


def write(size: Size) -> None:
    """Put the figures of a size in place of earlier ones of the same size, in the JSON and on the page.

    Raises:
        RuntimeError: the page has no place for them.
    """
    kept = [each for each in read().sizes if abs(each.rows - size.rows) > SIZE_SHARE * size.rows]
    published = Published(sizes=tuple(sorted((*kept, size), key=lambda each: each.rows)))
    text = PAGE.read_text(encoding="utf-8")
    new, count = MARKS.subn(lambda found: f"{found[1]}{section(published.sizes)}{found[2]}", text)
    if count != 1:
        raise RuntimeError(f"{PAGE} has no place for the figures")
    FIGURES.write_text(published.model_dump_json(indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(new, encoding="utf-8")


def section(sizes: Sequence[Size]) -> str:
    """The part of the page that is generated."""
    return "\n".join((table(sizes), *_of_programs(sizes), *_conditions(sizes)))


def table(sizes: Sequence[Size]) -> str:
    """The ratios, peaks and growth at each size, beside what is aimed at."""
    heads = [f"{size.rows:,} rows" for size in sizes]
    lines = [f"| | {' | '.join(heads)} | aimed at |", f"|---|{'---:|' * len(sizes)}---|"]
    for each in RATIOS:
        found = [size.ratios.get(each.name) for size in sizes]
        if any(found):
            lines.append(_row(f"{each.words}: CPU", [f"{one.cpu:.2f}" if one else NONE for one in found], each.target))
            lines.append(_row(f"{each.words}: time", [f"{one.wall:.2f}" if one else NONE for one in found], ""))
    peaks = [f"{size.programs['ours'].peak_mib / 1024:.2f} GiB" for size in sizes]
    lines.append(_row("ours: peak of memory", peaks, "≤ 1.2 GiB at 10,000,000 rows"))
    growth = [_growth(one, other) for one, other in pairwise(sizes)]
    lines.append(_row("ours: CPU ÷ that of the size before", [NONE, *growth], "≤ 5.5 from 10,000,000 to 50,000,000"))
    return "\n".join((*lines, ""))


def _growth(smaller: Size, larger: Size) -> str:
    grown = larger.programs["ours"].cpu_seconds / smaller.programs["ours"].cpu_seconds
    return f"{grown:.2f} ({larger.rows / smaller.rows:.1f} times the rows)"


def _row(words: str, cells: Sequence[str], target: str) -> str:
    return f"| {words} | {' | '.join(cells)} | {target} |"


def _of_programs(sizes: Sequence[Size]) -> Iterator[str]:
    """What each program took: absolute figures, which mean something on the machine named only."""
    columns: tuple[tuple[str, Callable[[Figures], str]], ...] = (
        ("CPU", lambda found: f"{found.cpu_seconds:,.1f} s"),
        ("time", lambda found: f"{found.wall_seconds:,.1f} s"),
        ("memory", lambda found: f"{found.peak_mib:,.0f} MiB"),
    )
    for size in sizes:
        yield f"At {size.rows:,} rows:\n"
        yield f"| | {' | '.join(name for name, _ in columns)} |"
        yield f"|---|{'---:|' * len(columns)}"
        for name, found in sorted(size.programs.items(), key=lambda item: item[1].cpu_seconds):
            yield f"| `{name}` | {' | '.join(shown(found) for _, shown in columns)} |"
        yield ""


def _conditions(sizes: Sequence[Size]) -> Iterator[str]:
    """Where and with what each size was measured."""
    for size in sizes:
        on = size.machine
        where = f"{on.cpu}, {on.cores} cores, {on.memory_gib:g} GiB of memory, {on.system}"
        yield f"{size.rows:,} rows: {size.pairs} pairs on {size.measured_on}; {where}.\n"
        own: dict[str, list[str]] = {}
        for name, versions in size.versions.items():
            listed = ", ".join(f"{library} {version}" for library, version in versions.items())
            own.setdefault(listed, []).append(f"`{name}`")
        yield from (f"- {', '.join(names)}: {listed}" for listed, names in own.items())
        yield ""

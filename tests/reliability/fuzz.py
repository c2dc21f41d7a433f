"""Mutated deliveries in every format: each goes through the privacy filter and reading, as in a night.

    python tests/reliability/fuzz.py --n 10000 [--seed 2022]

A mutation may end in a refusal of one sentence, or in rows. Then every row of the file, counted by the simple readers
of `forms`, is accounted for; and what was accepted is what the file says, within the rules of the contract, by the few
lines of `judgement`. No mutation ends in a traceback, or takes longer than 20 seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import duckdb
import page
from deliveries import MAY, accepted, landed, source
from forms import UNITS, Form
from judgement import Outcome, violations
from mutation import Case, case

from dx_pipeline import formats, privacy
from dx_pipeline.errors import DeliveryRefusedError, DxError
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, rows

HANG_SECONDS = 20
WORKERS = 2
ENDED = ("read", "refused", "withheld")


@dataclass
class Report:
    """What a suite found: how often what was done, and every violation."""

    tally: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, tally: Iterable[str], found: Sequence[str]) -> None:
        """Count one mutation."""
        self.tally.update(tally)
        self.violations += found


def database(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database as a step of a night has: in memory, with the reference table that the contract refers to."""
    connection = duckdb.connect(config={"temp_directory": str(folder / "spill"), "threads": 1})
    connection.execute("SET TimeZone = 'Asia/Ho_Chi_Minh'; CREATE SCHEMA reference")
    connection.execute("CREATE TABLE reference.unit AS SELECT unnest($units::VARCHAR[]) AS unit_code", {"units": UNITS})
    return connection


def deliver(connection: duckdb.DuckDBPyConnection, folder: Path, form: Form, content: bytes) -> Outcome:
    """Filter and read a delivery, as ingest does.

    Raises:
        Exception: anything but a refusal is an error of the pipeline.
    """
    file, target = folder / "delivery", folder / "kept"
    file.write_bytes(content)
    declared = source(form.layout)
    filtered = privacy.apply(file, "delivery", target, declared, {form.layout.table: form.contract})
    if filtered.content is None:
        return Outcome("withheld", filtered.withheld.en if filtered.withheld is not None else "")
    try:
        found = formats.recognise(filtered.content, declared)
        delivery = landed(filtered.content, datetime(2022, 6, 1, tzinfo=UTC))
        loaded = Loaded(delivery, found, formats.load(connection, filtered.content, found, "raw"))
        (counts,) = rows.stage(connection, form.contract, [loaded], Month.parse(MAY))
    except DeliveryRefusedError as refusal:
        return Outcome("refused", str(refusal))
    ((quarantined,),) = connection.execute("SELECT count(*) FROM quarantined").fetchall()
    return Outcome("read", "", counts, quarantined, accepted(connection, form.contract), bool(filtered.stripped))


def tried(connection: duckdb.DuckDBPyConnection, folder: Path, made: Case) -> tuple[list[str], list[str]]:
    """What to count of one mutation, and its violations."""
    began = time.monotonic()
    name = f"{made.form.name}, {made.kind}"
    try:
        outcome = deliver(connection, folder, made.form, made.content)
    except DxError as error:
        return [f"{made.kind}: failed"], [f"{name}: {type(error).__name__}: {error}"]
    except Exception as error:  # noqa: BLE001 - every other error is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return [f"{made.kind}: traceback"], [f"{name}: {type(error).__name__} in {where}: {str(error)[:200]}"]
    found = [f"{name} ({made.said}): {sentence}" for sentence in violations(made, outcome)]
    seconds = time.monotonic() - began
    if seconds > HANG_SECONDS:
        found.append(f"{name}: it took {seconds:.0f} s")
    return [f"{made.kind}: {outcome.ended}", f"all: {outcome.ended}"], found


def fuzz(numbers: Iterable[int], seed: int) -> Iterator[tuple[list[str], list[str]]]:
    """Try the mutations of these numbers in this process: what to count of each, and its violations."""
    with TemporaryDirectory() as folder:
        connection = database(Path(folder))
        for number in numbers:
            tally, found = tried(connection, Path(folder), case(seed, number))
            yield tally, [f"{number}: {sentence}" for sentence in found]


def work(numbers: Sequence[int], seed: int) -> None:
    """Be a worker: print a line for each mutation; the system ends it at one that hangs."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.alarm(3 * HANG_SECONDS)  # the first one waits for what has to be loaded
    for answer in fuzz(numbers, seed):
        print(json.dumps(answer), file=answers, flush=True)
        signal.alarm(HANG_SECONDS)


def supervised(numbers: Sequence[int], seed: int, add: Callable[[list[str], list[str]], object]) -> None:
    """Let workers try the mutations, a new one after each that ended a worker."""
    left = list(numbers)
    while left:
        command = [sys.executable, __file__, "--seed", str(seed), "--numbers", ",".join(map(str, left))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                left.pop(0)
                add(*json.loads(line))
        if left:
            how = f"no end within {HANG_SECONDS} s" if worker.returncode == -signal.SIGALRM else "the process died"
            add(["all: worker ended"], [f"{left.pop(0)}: {how} (status {worker.returncode})"])


def in_workers(count: int, seed: int, announce: Callable[[str], object] = print) -> Report:
    """Try that many mutations in processes."""
    report, began = Report(), time.monotonic()

    def add(tally: list[str], found: list[str]) -> None:
        report.add(tally, found)
        done = sum(times for what, times in report.tally.items() if what.startswith("all: "))
        if done % 1000 == 0:
            speed = done / (time.monotonic() - began)
            announce(f"{done} of {count}: {len(report.violations)} violations, {speed:.0f} a second")

    with ThreadPoolExecutor(WORKERS) as pool:
        parts = [range(first, count, WORKERS) for first in range(WORKERS)]
        list(pool.map(lambda part: supervised(part, seed, add), parts))
    return report


def write(report: Report, count: int) -> None:
    """Put the figures into docs/reliability.md: how the mutations of each kind ended."""
    kinds = sorted({what.split(": ")[0] for what in report.tally} - {"all"})
    rows = [(kind, [report.tally[f"{kind}: {ended}"] for ended in ENDED]) for kind in [*kinds, "all"]]
    heads = ["read", "refused", "withheld whole"]
    page.write("fuzz", f"make fuzz N={count}", len(report.violations), heads, rows)


def main() -> None:
    """Run the suite, print what it found, and with `--write` put it into docs/reliability.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    parser.add_argument("--numbers", help="try these mutations alone, in this process")
    chosen = parser.parse_args()
    if chosen.numbers:
        work(list(map(int, chosen.numbers.split(","))), chosen.seed)
        os._exit(0)
    report = in_workers(chosen.n, chosen.seed)
    for what, times in sorted(report.tally.items()):
        print(f"{times:8,}  {what}")
    for violation in report.violations:
        print(violation)
    print(f"{len(report.violations)} violations")
    if chosen.write:
        write(report, chosen.n)
    raise SystemExit(bool(report.violations))


if __name__ == "__main__":
    main()

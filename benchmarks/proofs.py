"""What it costs to prove kept bytes: the share of a night that is spent on digests, in one run.

    python benchmarks/proofs.py [SCALE]

Over two months of the sample: a first night, and one in which a month is delivered anew.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dx_pipeline import release, sample
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings, default_project
from dx_pipeline.storage import files, parquet

MONTHS = [Month(2022, 5), Month(2022, 6)]


def night(settings: Settings, declared: Catalogue) -> None:
    """Every source, every KPI, one release, in this process alone."""
    for name, source in declared.sources.items():
        ingest(settings, declared, name, [None] if source.is_reference else MONTHS)
    first, *others = declared.evaluated
    evaluate(settings, declared, first, others)
    release.publish(settings, declared)


def timed(work: Callable[[Path], str], spent: list[float]) -> Callable[[Path], str]:
    """The same, and a note of how long each call took."""

    def call(path: Path) -> str:
        began = time.perf_counter()
        try:
            return work(path)
        finally:
            spent.append(time.perf_counter() - began)

    return call


def watched() -> list[float]:
    """Let every module note how long its digests take, in seconds."""
    spent: list[float] = []
    for work in (files.digest, parquet.digest):
        watching = timed(work, spent)
        for module in [each for name, each in sys.modules.items() if name.startswith("dx_pipeline")]:
            for name in [name for name, value in vars(module).items() if value is work]:
                setattr(module, name, watching)
    return spent


def main() -> None:
    """Measure, and print one share a line."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    declared = catalogue.load(default_project())
    spent = watched()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(warehouse=Path(folder), threads=1)
        sample.make(settings, declared, MONTHS, scale=scale)
        for what in ("proofs, first night", "proofs, a month anew"):
            spent.clear()
            began = time.perf_counter()
            night(settings, declared)
            took = time.perf_counter() - began
            cost = f"({len(spent)} digests, {sum(spent):.2f} of {took:.1f} s)"
            print(f"{what:21} {sum(spent) / took:6.2%} of the time {cost}")
            (delivered,) = (settings.inbox / "dossier" / str(MONTHS[-1])).iterdir()
            delivered.write_bytes(delivered.read_bytes() + b"\n")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # DuckDB's binding prints about leaks when the interpreter ends

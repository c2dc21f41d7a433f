"""Deliveries: one month of the sample's dossiers as the one-stop system delivers it, of any size.

python -m benchmarks.deliveries ROWS FILE

Up to a million rows are the sample's at a larger scale. More are these, each several times with codes of its own: the
sample makes seven months to deliver one, in memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from benchmarks.province import MONTH, declared
from dx_pipeline import sample
from dx_pipeline.settings import Settings

ROWS_AT_SCALE_1 = 81_600
"""A little fewer than the sample delivers for the month."""

PROJECT = Path(__file__).resolve().parent.parent
MOST_SAMPLED = 1_000_000
LINES_ABOVE = 2
"""The line that marks the rows as synthetic, and the headings."""


def month_of(rows: int, folder: Path) -> Path:
    """The delivery with at least so many rows; made once, by a process of its own, which needs much memory."""
    target = folder / f"dossier_{rows}.csv"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "benchmarks.deliveries", str(rows), str(target)], cwd=PROJECT, check=True)
    return target


def make(rows: int, target: Path) -> None:
    """Make the delivery, whole or not at all."""
    copies = ceil(rows / MOST_SAMPLED)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        settings = Settings(warehouse=Path(scratch))
        (csv,) = sample.make(settings, declared(), [MONTH], scale=ceil(rows / copies) / ROWS_AT_SCALE_1)
        delivered_at = csv.stat().st_mtime
        if copies > 1:
            csv = _repeated(csv, copies)
        os.utime(csv, (delivered_at, delivered_at))
        shutil.move(csv, target)


def count(csv: Path) -> int:
    """How many rows a delivery has."""
    with csv.open("rb") as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        return sum(block.count(b"\n") for block in blocks) - LINES_ABOVE


def _repeated(csv: Path, copies: int) -> Path:
    """The same rows several times, each time with other running numbers in their codes."""
    target = csv.with_suffix(".repeated")
    with csv.open(encoding="utf-8", newline="") as source, target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(next(source) for _ in range(LINES_ABOVE))
        for line in source:
            file.writelines(_with_codes(line, copies))
    return target


def _with_codes(line: str, copies: int) -> Iterator[str]:
    """A row under several codes: the running number that ends a code has up to seven digits."""
    code, rest = line.split(";", 1)
    of_day, _, number = code.rpartition("-")
    for copy in range(copies):
        yield f"{of_day}-{copy:02}{int(number):05};{rest}"


if __name__ == "__main__":
    make(int(sys.argv[1]), Path(sys.argv[2]))

"""What the pipeline costs beside the same rules as one SQL script: see benchmarks/, and docs/performance.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from projects import PROJECT

from benchmarks import deliveries, province
from benchmarks.comparison import check, ratio, rounds
from benchmarks.measurement import Measured
from benchmarks.performance import MARKS, PAGE, read, section
from benchmarks.programs import COMPETITORS, LOCK, OURS, RULES
from dx_pipeline.errors import DxError
from dx_pipeline.ingest import ingest
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

ROWS = 100_000
RECORDED = 9.5
"""Processor time of the pipeline ÷ that of the rules as one SQL script at 100,000 rows, on 30 November 2026.

Most of it at this size is what does not grow: imports, declarations, the reference files.
"""

ROUNDS = 3
SOUND = (
    "H53.05-220601-0001;2.000488;H53.05;Trực tiếp;01/06/2022;15/06/2022;03/06/2022;;;Đã giải quyết;0;;;Không;0;;"
    "Không;3;3;1;Có;Có"
)
BROKEN = (
    ("H53.05-220601-0001", "h53.05-220601-0002"),
    ("H53.05-220601-0001", ""),
    ("2.000488", "2.0004"),
    (";H53.05;", ";H53.99;"),
    ("Trực tiếp", "Điện thoại"),
    ("01/06/2022", "2022-06-01"),
    ("01/06/2022", "01/07/2022"),
    ("15/06/2022", "15/05/2022"),
    ("03/06/2022", "31/05/2022"),
    ("03/06/2022", "03/06/2031"),
    ("Đã giải quyết", "Đang giải quyết"),
    ("Đã giải quyết", ""),
    ("quyết;0;", "quyết;101;"),
    ("quyết;0;;;", "quyết;0;02/06/2022;;"),
    ("quyết;0;;;", "quyết;1;;02/06/2022;"),
    ("quyết;0;;;", "quyết;1;30/05/2022;;"),
    ("Không;0;;", "Không;0;Có;"),
    ("Không;0;;", "Không;-1;;"),
    ("Không;0;;", "Không;nhiều;;"),
    ("3;3;1", "3;4;1"),
    ("3;3;1", "3;3;4"),
    ("3;3;1", "3;3;1001"),
    ("Có;Có", "Có;Rồi"),
)
"""A text of the sound row, and what takes its place: each breaks one rule."""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A delivery with each kind of bad row between sound ones, a row that is there twice, and two that contradict."""
    small = deliveries.month_of(1_000, tmp_path)
    heads = small.read_text(encoding="utf-8").splitlines()[: deliveries.LINES_ABOVE]
    rows = []
    for number, (text, instead) in enumerate(BROKEN):
        row = SOUND.replace(text, instead, 1)
        assert row != SOUND
        rows += [
            row.replace("0001;", f"{1000 + number};", 1),
            SOUND.replace("0001;", f"{2000 + number};", 1),
        ]
    rows += [SOUND, SOUND, SOUND.replace("0001", "0003"), SOUND.replace("0001", "0003").replace("03/06", "04/06")]
    target = tmp_path / "broken.csv"
    target.write_text("\n".join([*heads, *rows, ""]), encoding="utf-8")
    os.utime(target, (small.stat().st_mtime, small.stat().st_mtime))
    return target


@pytest.mark.slow
def test_the_rules_as_one_sql_script_find_the_same_bad_lines(broken: Path, tmp_path: Path) -> None:
    settings, catalogue = Settings(tmp_path / "warehouse", PROJECT), province.declared()
    inbox = settings.inbox / province.SOURCE / str(province.MONTH)
    inbox.mkdir(parents=True)
    shutil.copy2(broken, inbox)
    ingest(settings, catalogue, province.SOURCE, [province.MONTH])
    ours = partition.quarantined(settings, Key(province.TABLE, province.SOURCE, province.MONTH))
    command = [sys.executable, str(COMPETITORS / "rules" / "run.py"), str(broken), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["received"] == len(BROKEN) + 1
    query = "SELECT delivery_line FROM read_parquet($path) ORDER BY ALL"
    lines = [duckdb.execute(query, {"path": str(path)}).fetchall() for path in (ours, tmp_path / "quarantine.parquet")]
    assert lines[0] == lines[1]
    assert len(lines[0]) == len(BROKEN) + 2


@pytest.mark.slow
def test_the_pipeline_costs_no_more_beside_plain_sql_than_it_did(tmp_path: Path) -> None:
    done = rounds((OURS, RULES), deliveries.month_of(ROWS, tmp_path), ROUNDS)
    assert ratio(done, OURS.name, RULES.name).cpu <= 2 * RECORDED


def test_programs_that_count_differently_are_named_with_their_counts() -> None:
    same, other = (Measured(1, 1, 1, {"received": received}) for received in (3, 2))
    check({"ours": same, "floor": same})
    with pytest.raises(DxError, match=r"ours: \{'received': 3\}; rules: \{'received': 2\}"):
        check({"ours": same, "rules": other})


def test_the_page_of_performance_has_the_figures_that_were_measured() -> None:
    found = MARKS.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == f"{found[1]}{section(read().sizes)}{found[2]}"


def test_locks_of_competitors_have_hashes_and_name_no_index() -> None:
    locks = sorted(COMPETITORS.glob(f"*/{LOCK}"))
    assert len(locks) == 2
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text

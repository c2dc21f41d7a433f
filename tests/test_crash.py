"""A night may be killed or refused anything at any moment: the short form of `make crash`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from projects import PROJECT

SUITE = PROJECT / "tests" / "reliability" / "crash.py"


def test_disturbed_nights_leave_a_whole_release_and_the_next_run_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    written = tmp_path / "report.json"
    command = [sys.executable, str(SUITE), "--n", "2", "--json", str(written)]
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(written.read_text(encoding="utf-8"))
    assert report["violations"] == []
    disturbed = {what: count for what, count in report["tally"].items() if "reader" not in what}
    assert sum(disturbed.values()) == 2
    assert any(what.endswith(("killed", "stopped")) for what in disturbed)
    assert report["tally"]["times a reader opened the current release"] > 3

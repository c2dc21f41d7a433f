"""Measurement: one program as a process of its own: its processor time, its time and its peak of memory.

Processor time (user and system) is what the system counted for the program and every process it waited for. Memory is
what the program and all its descendants have resident together, looked at ten times a second; what several of them
share counts once for each. (What the system itself notes as the peak of a process begins with that of its parent.)
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

from dx_pipeline.errors import DxError

INTERVAL = 0.1
TRACED = "COVERAGE_"
"""How the names of variables begin by which tests have processes traced: what is measured is not."""


@dataclass(frozen=True)
class Measured:
    """What one run of a program took, in seconds and MiB, and the counts that it printed last."""

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float
    counts: dict[str, int]


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Measured:
    """Run a program in a folder; its last line of output is its counts as JSON.

    Raises:
        DxError: it ended with another status than 0, or printed no counts.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(TRACED)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env={**inherited, **environment}, stdout=out, stderr=said)
        peak, ended = [0], Event()
        watching = Thread(target=_watch, args=(process.pid, peak, ended), daemon=True)
        watching.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
        ended.set()
        watching.join()
        out.seek(0)
        said.seek(0)
        lines = out.read().decode(errors="replace").splitlines()
        if process.returncode or not lines:
            last = (said.read().decode(errors="replace").splitlines() or lines or ["nothing"])[-1]
            sentence = f"{' '.join(command)} ended with status {process.returncode} and said: {last}"
            raise DxError(sentence, sentence)
    return Measured(used.ru_utime + used.ru_stime, wall, peak[0] / 2**20, json.loads(lines[-1]))


def _watch(pid: int, peak: list[int], ended: Event) -> None:
    """Note the most memory that a process and its descendants have together, or the process alone had in between."""
    while not ended.wait(INTERVAL):
        peak[0] = max(peak[0], _memory(pid), _highest(pid))


def _highest(pid: int) -> int:
    """The most memory that a process itself ever had, where the system says so."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _memory(pid: int) -> int:
    """What a process and its descendants have now."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
    except psutil.Error:
        return 0
    return total

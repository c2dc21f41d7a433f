"""Processes of the suite: what each does, and how it ended."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import util
from pathlib import Path
from typing import Any

WAIT_SECONDS = 300


def forked(work: Callable[[], object], said: Path | None = None) -> int:
    """Do something in a process of its own; returns its id.

    Args:
        work: what it does.
        said: a file for the error that ends it.
    """
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what it warns of is expected
        work()
    except BaseException as error:  # noqa: BLE001 - it is disturbed; how it ends is not looked at, only what it leaves
        if said is not None:
            said.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        os._exit(1)
    util._run_finalizers(0)  # type: ignore[attr-defined]  # noqa: SLF001 - as a worker ends
    os._exit(0)


def answer(work: Callable[[], Any], folder: Path) -> Any:
    """The result of something that a process of its own does.

    The process that forks others opens no database itself: threads of one would be missing in those that it forks.
    """
    written = folder / "answer.pickle"
    ended = wait_for(forked(lambda: written.write_bytes(pickle.dumps(work()))))
    if ended != "done":
        raise RuntimeError(f"a process that was not disturbed {ended}")
    return pickle.loads(written.read_bytes())  # noqa: S301 - this process wrote it


def wait_for(process: int) -> str:
    """How a process ended: `done`, `stopped` by itself, `killed`, or `hung`."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "killed" if os.WIFSIGNALED(status) else "stopped" if os.WEXITSTATUS(status) else "done"
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return "hung"

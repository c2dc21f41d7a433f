"""A server that runs `dx`: each command is a process of its own, forked from this one after its imports.

Importing Dagster and Great Expectations takes longer than most commands. Open no connection, thread or file here:
a forked process could not use it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from dagster._core.execution import api

from dx_pipeline import audit, definitions, sample
from dx_pipeline.cli import main

IMPORTED = (api, definitions, sample)
MOST_SECONDS = 170
"""A command that takes longer is stopped by SIGALRM."""


def serve() -> None:
    """Run commands one after the other: a line of JSON on standard input each, answered by its exit status."""
    audit.load()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            execute(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def execute(arguments: Sequence[str], folder: str, environment: Mapping[str, str], stdout: str, stderr: str) -> None:
    """Be `dx`, in a folder, and write into two files; never returns."""
    signal.alarm(MOST_SECONDS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["dx", *arguments]
    main()


if __name__ == "__main__":
    serve()

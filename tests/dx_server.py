"""A server that runs `dx`: each command is a process of its own, forked from this one after its imports.

Importing Dagster and Great Expectations takes longer than most commands, and so does reading the declarations of the
projects under test, which do not change. Open no connection, thread or file here: a forked process could not use it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from dagster._core.execution import api
from projects import PROJECT, TRIAL

from dx_pipeline import audit, definitions, sample
from dx_pipeline.cli import main
from dx_pipeline.cli.command import COMMANDS
from dx_pipeline.declarations import catalogue
from dx_pipeline.release import rendering

IMPORTED = (api, definitions, rendering, sample)
MOST_SECONDS = 600
"""A command that takes longer is stopped by SIGALRM."""


def serve(descriptor: int) -> None:
    """Run the commands that `dx_client.py` sends to a listening socket, until standard input ends."""
    audit.load()
    for place, _ in COMMANDS.values():
        import_module(f"dx_pipeline.cli.{place.partition(':')[0]}")
    for project in (PROJECT, TRIAL):
        catalogue.load(project)
    gc.freeze()
    with socket.socket(fileno=descriptor) as listening:
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            connection, _ = listening.accept()
            with connection:
                if os.fork() == 0:
                    listening.close()
                    answer(connection)
            forget_what_has_ended()


def forget_what_has_ended() -> None:
    """Take note of the processes that have answered, so that the system need not remember them."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def answer(connection: socket.socket) -> None:
    """Run one command in another process; send its id and its exit status, a line each. Never returns."""
    _, descriptors, *_ = socket.recv_fds(connection, 1, 3)
    with connection.makefile(encoding="utf-8") as request:
        asked = json.load(request)
    child = os.fork()
    if child == 0:
        connection.close()
        execute(descriptors=descriptors, **asked)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def execute(arguments: Sequence[str], folder: str, environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
    """Be `dx`, in a folder, with standard input, output and error; never returns."""
    signal.alarm(MOST_SECONDS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    sys.argv = ["dx", *arguments]
    main()


if __name__ == "__main__":
    serve(int(sys.argv[1]))

"""Run `dx` on the server of `dx_server.py`: from a test, or as the command that a page of the documentation names.

As a command it imports nothing that takes time: `python -S dx_client.py SOCKET ARGUMENTS...`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def run(
    server: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int],
    started: Callable[[int], object] = lambda _: None,
) -> int:
    """The exit status of `dx` in a folder, with standard input, output and error; `started` gets its process id."""
    request = {"arguments": list(arguments), "folder": folder, "environment": dict(environment)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server)
        socket.send_fds(connection, [b"\n"], descriptors)
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile(encoding="utf-8") as answer:
            started(int(answer.readline()))
            return int(answer.readline())


def main() -> None:
    """Be `dx`: an interrupt is one of the command."""
    server, *arguments = sys.argv[1:]

    def started(process: int) -> None:
        signal.signal(signal.SIGINT, lambda *_: os.kill(process, signal.SIGINT))

    status = run(server, arguments, str(Path.cwd()), os.environ, (0, 1, 2), started)
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    main()

"""What a worker process has imported before it is forked. Only the workers' server imports this module.

Open no connection, thread or file here: a forked process could not use it.
"""

import atexit
import gc
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the parent handles it

from dx_pipeline import ingest  # noqa: E402 - these imports take seconds, in which somebody may stop the run
from dx_pipeline.kpi import evaluation  # noqa: E402

__all__ = ["evaluation", "ingest"]

gc.freeze()  # workers share what was imported, and never search it for garbage

# Skip the interpreter's own shutdown, in which DuckDB's binding prints about leaks.
atexit.register(os._exit, 0)

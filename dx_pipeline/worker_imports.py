"""What a worker process has imported before it is forked. Only the workers' server imports this module.

Open no connection, thread or file here: a forked process could not use it.
"""

import atexit
import gc
import os

from dx_pipeline import audit, ingest
from dx_pipeline.kpi import evaluation

__all__ = ["audit", "evaluation", "ingest"]

gc.disable()
audit.load()
gc.enable()
gc.freeze()  # workers share what was imported, and never search it for garbage

# Skip the interpreter's own shutdown, in which DuckDB's binding prints about leaks.
atexit.register(os._exit, 0)

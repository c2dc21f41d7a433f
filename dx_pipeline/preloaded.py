"""What a worker has imported before it is forked. Imported by the workers' server alone.

No connection, thread or file may be opened here: a forked process could not use it.
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
gc.freeze()  # so that workers share what was imported, and never search it for garbage

# The server's own ending is not the interpreter's, in which DuckDB's binding prints about leaks.
atexit.register(os._exit, 0)

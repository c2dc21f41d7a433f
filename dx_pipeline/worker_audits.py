"""What a worker process has besides, before it is forked, where audits are likely. Only the workers' server imports it.

Great Expectations takes seconds to import: workers share it, and a night with nothing new does without. A worker that
audits after all imports it itself. Open no connection, thread or file here: a forked process could not use it.
"""

import gc

from dx_pipeline import audit

gc.disable()
audit.load()
gc.enable()
gc.freeze()  # workers share what was imported, and never search it for garbage

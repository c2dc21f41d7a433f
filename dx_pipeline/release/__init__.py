"""Releases: everything that is published, built in private, verified, then switched to in one step.

    releases/<id>/dx.duckdb  kpi/*.parquet  datapackage.json
    current -> releases/<id>

The id derives from what is in it: the same inputs give the same release, byte for byte. Nothing in a
release depends on the clock, the machine or the order of work.
"""

from dx_pipeline.release.build import Published, publish
from dx_pipeline.release.datapackage import DATABASE
from dx_pipeline.release.store import Kept, current_id, kept, switch
from dx_pipeline.release.verification import problems, verify

__all__ = ["DATABASE", "Kept", "Published", "current_id", "kept", "problems", "publish", "switch", "verify"]

"""Releases: everything that is published, built in private, verified, then switched to in one step.

    releases/<id>/public/    dx.duckdb  kpi/*.parquet  datapackage.json
    releases/<id>/internal/  dx_internal.duckdb  datapackage.json
    current  -> releases/<id>/public
    internal -> current/../internal

`public` may leave the office as it is. `internal` is for analysts inside: rows that are about one case each, which no
other user of the machine can read. Which table is for whom is declared: `audience` in its contract.

The id derives from what is in it: the same inputs give the same release, byte for byte. Nothing in a
release depends on the clock, the machine or the order of work.
"""

from dx_pipeline.release.build import Published, publish
from dx_pipeline.release.part import INTERNAL, PUBLIC, Part
from dx_pipeline.release.rebuild import Rebuild
from dx_pipeline.release.store import Kept, current_id, kept, switch
from dx_pipeline.release.verification import problems, verify

__all__ = [
    "INTERNAL",
    "PUBLIC",
    "Kept",
    "Part",
    "Published",
    "Rebuild",
    "current_id",
    "kept",
    "problems",
    "publish",
    "switch",
    "verify",
]

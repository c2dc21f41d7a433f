"""Releases: everything that is published, built in private, verified, then switched to in one step.

    releases/<id>/public/    dx.duckdb  kpi/*.parquet  datapackage.json  SHA256SUMS
    releases/<id>/internal/  dx_internal.duckdb  datapackage.json  SHA256SUMS
    releases/log.jsonl       what happened to each release, chained by hashes
    current  -> releases/<id>/public
    internal -> current/../internal

`public` may leave the office as it is. `internal` is for analysts inside: rows that are about one case each, which no
other user of the machine can read. Which table is for whom is declared: `audience` in its contract.

The id derives from what is in it: the same inputs after the same predecessor give the same release, byte for byte.
Nothing in a release depends on the clock, the machine or the order of work. The predecessor is the release that was
current when it was built; `kpi.change` compares with it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dx_pipeline.release.build import Published, publish
    from dx_pipeline.release.log import ReleaseLog
    from dx_pipeline.release.part import INTERNAL, PUBLIC, Part
    from dx_pipeline.release.predecessor import predecessor_id
    from dx_pipeline.release.rebuild import Rebuild
    from dx_pipeline.release.store import (
        Kept,
        before_current,
        current_id,
        kept,
        links_elsewhere,
        pin,
        strays,
        switch_to,
    )
    from dx_pipeline.release.verification import problems, verify
else:
    _MODULES = {
        "build": ("Published", "publish"),
        "log": ("ReleaseLog",),
        "part": ("INTERNAL", "PUBLIC", "Part"),
        "predecessor": ("predecessor_id",),
        "rebuild": ("Rebuild",),
        "store": (
            "Kept",
            "before_current",
            "current_id",
            "kept",
            "links_elsewhere",
            "pin",
            "strays",
            "switch_to",
        ),
        "verification": ("problems", "verify"),
    }

    def __getattr__(name: str) -> object:
        """Import a module when something of it is used: who reads a release need not import what builds one."""
        from importlib import import_module

        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = [
    "INTERNAL",
    "PUBLIC",
    "Kept",
    "Part",
    "Published",
    "Rebuild",
    "ReleaseLog",
    "before_current",
    "current_id",
    "kept",
    "links_elsewhere",
    "pin",
    "predecessor_id",
    "problems",
    "publish",
    "strays",
    "switch_to",
    "verify",
]

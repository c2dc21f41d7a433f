"""Dagster components: the skin through which declarations become assets, checks, jobs and schedules.

Each one takes what the core has read and hands the work back to the core; no figure is made here.
"""

from dx_pipeline.components.inbox import Inbox
from dx_pipeline.components.kpi import Kpi
from dx_pipeline.components.nightly import Nightly
from dx_pipeline.components.release import Release
from dx_pipeline.components.source import Reference, System, Table
from dx_pipeline.components.summary import Summary
from dx_pipeline.components.view import View

__all__ = ["Inbox", "Kpi", "Nightly", "Reference", "Release", "Summary", "System", "Table", "View"]

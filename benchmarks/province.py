"""What the benchmarks of the whole way declare: the dossiers of one month, and the KPIs whose counts are compared.

It is Tây Ninh's own catalogue with other sources and KPIs left out: what is left is as it is declared.
"""

from __future__ import annotations

from dataclasses import replace

from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.period import Month
from dx_pipeline.settings import default_project

MONTH = Month(2022, 6)
SOURCE, TABLE = "dossier", "statistics.dossier"
REFERENCES = ("admin_unit", "agency", "succession")
"""What dossiers are held against and counted by; targets and published figures would be compared with, not counted."""

COUNTS = {
    "received": ("online_dossier_rate", "denominator"),
    "online": ("online_dossier_rate", "numerator"),
    "channel_missing": ("dossier_channel_missing_rate", "numerator"),
    "reused": ("data_reuse_rate", "numerator"),
}
"""The counts that every program gives: the KPI of each, and the column of `kpi.value`."""


def declared() -> Catalogue:
    """The units and agencies, the dossiers, and the KPIs of the counts."""
    whole = catalogue.load(default_project())
    codes = {code for code, _ in COUNTS.values()}
    return replace(
        whole,
        sources={name: each for name, each in whole.sources.items() if name in {SOURCE, *REFERENCES}},
        kpis={code: kpi for code, kpi in whole.kpis.items() if code in codes},
        summaries={},
    )

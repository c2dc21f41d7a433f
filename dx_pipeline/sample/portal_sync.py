"""Portal sync: what the national systems have of the dossiers that each agency received in a month."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.period import Month
from dx_pipeline.sample import dossier
from dx_pipeline.sample.scenario import Scenario

REPORTED, RECEIVED_WITHOUT_STATE = 0.985, 0.3
"""Shares (made up): dossiers that agencies report; of those not synchronised, those that the portal has received."""


def table(scenario: Scenario, month: Month) -> pa.Table:
    """`statistics.portal_sync` of a month: one row for each agency in office, in the order of the province."""
    agencies = pa.array([agency.code for agency in scenario.province_in(month).agencies])
    received = dossier.received(scenario, month)
    total = _count_by_agency(received, agencies)
    synchronised = _count_by_agency(received.filter(received["is_synchronised"]), agencies)
    rng = scenario.generator("portal sync", month)
    return pa.table(
        {
            "agency_code": agencies,
            "reported_count": rng.binomial(total, REPORTED),
            "portal_received_count": synchronised + rng.binomial(total - synchronised, RECEIVED_WITHOUT_STATE),
            "synchronised_count": synchronised,
        }
    )


def _count_by_agency(dossiers: pa.Table, agencies: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many of the dossiers each agency received."""
    places = pc.index_in(dossiers["agency_code"], value_set=agencies).to_numpy()
    return np.bincount(places, minlength=len(agencies))

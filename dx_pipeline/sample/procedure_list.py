"""Procedure list: every procedure of the province's competence at the end of a month."""

from __future__ import annotations

import pyarrow as pa

from dx_pipeline.period import Month
from dx_pipeline.sample.scenario import Scenario


def table(scenario: Scenario, month: Month) -> pa.Table:
    """`reference.procedure` at the end of a month. A list does not foresee which of its procedures will end."""
    items = scenario.procedures_in(month)
    ends = [item.valid_to if item.valid_to is not None and item.valid_to <= month.last else None for item in items]
    return pa.table(
        {
            "procedure_code": [item.code for item in items],
            "name_vi": [item.name_vi for item in items],
            "field_vi": [item.field_vi for item in items],
            "authority_level": [item.level for item in items],
            "agency_code": pa.array([item.agency_code for item in items], pa.string()),
            "has_fee": [item.fee_vnd > 0 for item in items],
            "fee_vnd": [item.fee_vnd for item in items],
            "requires_result": [item.requires_result for item in items],
            "statutory_days": [item.term_days for item in items],
            "is_full_online_eligible": [item.is_eligible for item in items],
            "valid_from": pa.array([item.valid_from for item in items], pa.date32()),
            "valid_to": pa.array(ends, pa.date32()),
        }
    )

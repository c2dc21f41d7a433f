"""Handling: what the one-stop system records of how a dossier was handled, besides when it was due and ended.

Supplements, payment, documents, results, complaints and synchronisation. All shares are made up; they grow evenly from
the first month of the sample to its last one, and differ from agency to agency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import Days, Flags, Floats, Integers
from dx_pipeline.sample.scenario import Scenario, between

PAID_ONLINE, ELECTRONIC_RESULT = (0.08, 0.42), (0.30, 0.75)
DIGITISED, REUSED, SYNCHRONISED = (0.20, 0.62), (0.05, 0.40), (0.82, 0.985)
"""Shares in the first month of the sample and in its last one."""

DIGITISED_IN_PART = 0.35
"""Share of the documents that are digitised of a dossier that is not digitised as a whole."""

WITH_SUPPLEMENT, WITH_MORE_THAN_ONE, UNANSWERED = 0.08, 0.08, 0.6
"""Shares of dossiers that take two days or more; of those with a supplement; of those of them that are not finished."""

WITH_COMPLAINT, WITH_COMPLAINT_IF_LATE = 0.0008, 0.006
AGENCIES_DIFFER, ONLINE_DIFFERS = 0.35, 1.2
"""By how much the logarithm of the odds differs: of agencies as a standard deviation; of dossiers that came online."""

RESULTS = ("has_electronic_result", "has_digitised_result")


@dataclass(frozen=True)
class Course:
    """When each dossier of a month was received and how long it took, in the same order.

    Args:
        agency: the code of the agency that received it, by its position; `agencies` has the positions.
        received: the day it was received.
        taken: the working days until it ends.
        is_online, is_late, is_over, is_finished: over is finished, returned or stopped.
        has_paid: whether there was a fee to pay.
        requires_result, components: of its procedure.
    """

    agencies: Sequence[str]
    agency: Integers
    received: Days
    taken: Floats
    is_online: Flags
    is_late: Flags
    is_over: Flags
    is_finished: Flags
    has_paid: Flags
    requires_result: Flags
    components: Integers


def columns(scenario: Scenario, month: Month, course: Course) -> dict[str, pa.Array]:
    """The columns of `statistics.dossier` that this module is about, of the dossiers received in a month."""
    rng = scenario.generator("handling", month)
    count = len(course.agency)
    readiness = _readiness(scenario, course) + np.where(course.is_online, ONLINE_DIFFERS, 0.0)

    def drawn(shares: tuple[float, float]) -> Flags:
        return rng.random(count) < _shifted(between(month, *shares), readiness)

    is_digitised, is_electronic = drawn(DIGITISED), drawn(ELECTRONIC_RESULT) & course.requires_result
    in_part = rng.binomial(course.components, DIGITISED_IN_PART)
    digitised = np.where(is_digitised, course.components, in_part)
    complaint = np.where(course.is_late, WITH_COMPLAINT_IF_LATE, WITH_COMPLAINT)
    is_open = ~course.is_over
    return {
        **_supplements(scenario, course, rng),
        "has_complaint": pa.array(course.is_over & (rng.random(count) < complaint)),
        "paid_online": pa.array(drawn(PAID_ONLINE), mask=~course.has_paid),
        "has_electronic_result": pa.array(is_electronic & course.is_finished, mask=is_open),
        "components_count": pa.array(course.components),
        "components_digitised_count": pa.array(digitised),
        "components_reused_count": pa.array(rng.binomial(digitised, between(month, *REUSED))),
        "has_digitised_result": pa.array((is_digitised | is_electronic) & course.is_finished, mask=is_open),
        "is_synchronised": pa.array(drawn(SYNCHRONISED)),
    }


def as_of(dossiers: pa.Table, day: pa.Scalar, is_open: pa.ChunkedArray) -> Mapping[str, pa.ChunkedArray]:
    """The columns of dossiers as they are on a day: open ones have no result, no complaint, no later supplement."""
    requested, received = (
        pc.if_else(pc.less_equal(dossiers[name], day), dossiers[name], None)
        for name in ("supplement_requested_on", "supplement_received_on")
    )
    return {
        "supplement_count": pc.if_else(pc.is_valid(requested), dossiers["supplement_count"], 0),
        "supplement_requested_on": requested,
        "supplement_received_on": received,
        "has_complaint": pc.and_not(dossiers["has_complaint"], is_open),
        **{name: pc.if_else(is_open, None, dossiers[name]) for name in RESULTS},
    }


def _supplements(scenario: Scenario, course: Course, rng: np.random.Generator) -> dict[str, pa.Array]:
    """How often supplements were asked for, and when the first one was asked for and came: before the dossier ended."""
    count = len(course.taken)
    has_one = (rng.random(count) < WITH_SUPPLEMENT) & (course.taken > 1)
    has_more = has_one & (rng.random(count) < WITH_MORE_THAN_ONE)
    asked_after = np.floor(rng.random(count) * course.taken)
    came_after = asked_after + 1 + np.floor(rng.random(count) * (course.taken - asked_after))
    came_after = np.minimum(came_after, course.taken)
    is_answered = has_one & (course.is_finished | (rng.random(count) >= UNANSWERED))
    return {
        "supplement_count": pa.array(has_one.astype(np.int64) + has_more),
        "supplement_requested_on": _days_after(scenario, course.received, asked_after, has_one),
        "supplement_received_on": _days_after(scenario, course.received, came_after, is_answered),
    }


def _days_after(scenario: Scenario, days: Days, count: Floats, chosen: Flags) -> pa.Array:
    """The day so many working days after each of `days` that is chosen; empty for the others."""
    found = days.copy()
    found[chosen] = scenario.workdays.after(days[chosen], count[chosen])
    return pa.array(found, mask=~chosen)


def _readiness(scenario: Scenario, course: Course) -> Floats:
    """By how much the odds of each dossier's agency differ from the province's, as a logarithm."""
    shifts = [scenario.generator(f"readiness of {code}").normal(0.0, AGENCIES_DIFFER) for code in course.agencies]
    return np.array(shifts)[course.agency]


def _shifted(share: float, shift: Floats) -> Floats:
    """A share from 0 to 1 whose odds are moved by the exponential of `shift`."""
    odds: Floats = share / (1 - share) * np.exp(shift)
    return odds / (1 + odds)

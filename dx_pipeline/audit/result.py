"""Results of an audit."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

CheckStatus = Literal["met", "unmet", "broken"]


class ExpectationResult(BaseModel):
    """The result of one expectation.

    `status` is `broken` where the expectation itself could not be evaluated: then nothing is known
    about the data.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    subject: str
    severity: Literal["critical", "warning", "info"]
    status: CheckStatus
    element_count: int | None = None
    unexpected_count: int | None = None
    observed: str | None = None
    reason_vi: str
    reason_en: str
    problem: str | None = None

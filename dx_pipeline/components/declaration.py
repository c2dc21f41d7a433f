"""A component whose attributes are one of the core's models."""

from typing import Self

import dagster as dg
from pydantic import BaseModel


class Declaration(dg.Component, dg.Resolvable):
    """Base of a component that is also one of the core's pydantic models.

    Dagster validates that model itself. The model that it would derive takes no bounded numbers, dates or
    tuples in nested models (docs/decisions/0015-components-are-the-cores-models.md).
    """

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The schema of the attributes: the component itself."""
        return cls  # type: ignore[return-value]  # every subclass is a pydantic model

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """The component: what Dagster has validated."""
        return model  # type: ignore[return-value]  # an instance of `cls.model()`

"""Conservation: where the rows of one delivery went."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from dx_pipeline.errors import ConservationError


class Counts(BaseModel):
    """Where the rows of one delivery went. `rows_in` is always the sum of the four counts that follow it.

    `empty_columns` were left out: the last ones of delimited text, where they have neither a heading nor a value.
    """

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    rows_in: int
    accepted: int
    duplicate: int
    filtered: int
    quarantined: int
    empty_columns: int = 0

    def check(self) -> None:
        """Raise ConservationError unless every row in is accounted for exactly once."""
        out = self.accepted + self.duplicate + self.filtered + self.quarantined
        if out != self.rows_in:
            raise ConservationError(
                f"delivery {self.delivery_id[:12]}: {self.rows_in} rows in but {out} accounted for;"
                " this is a bug of the pipeline, please report it with the delivery."
            )

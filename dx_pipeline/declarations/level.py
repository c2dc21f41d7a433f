"""The levels of units that values are computed for."""

from __future__ import annotations

from typing import Literal

Level = Literal["province", "agency", "district", "commune"]
LEVELS: tuple[Level, ...] = ("province", "agency", "district", "commune")
"""From the province down."""

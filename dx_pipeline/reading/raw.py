"""What every reader hands on: a delivery's lines as text, under the headings of its layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.source import Layout

SYNTHETIC = "SYNTHETIC"
"""The word by which a delivery says, in its first title line, that its data are made up."""

SYNTHETIC_KEY = "synthetic"
"""The JSON name that says the same; it may stand beside the declared ones."""


@dataclass(frozen=True)
class Raw:
    """A loaded delivery.

    Args:
        name: the temporary table that holds its lines.
        rows: how many lines it has that are not blank and not headings: the rows in.
        is_synthetic: whether the delivery says of itself that its data are made up.
    """

    name: str
    rows: int
    is_synthetic: bool


@dataclass(frozen=True)
class Reader:
    """How one format is read: its headings (cheap, to recognise it), then all of its lines."""

    headings: Callable[[Path, Layout], list[str]]
    load: Callable[[duckdb.DuckDBPyConnection, Path, Layout, str], Raw]


def check_headings(found: Sequence[str], layout: Layout, line: int) -> None:
    """Hold the headings of a delivery against its layout.

    Raises:
        DeliveryRefusedError: one is missing, unknown, or there twice.
    """
    for heading in layout.expected:
        if heading not in found:
            message = f"the column '{heading}' is missing; ask the sender for it, or correct the layout."
            raise DeliveryRefusedError(message, line=line, column=heading)
    for position, heading in enumerate(found):
        if heading not in layout.expected:
            named = f"'{heading}'" if heading else f"number {position + 1} (it has no heading)"
            message = (
                f"the column {named} is unknown; declare it under 'columns' or 'ignored',"
                " or ask the sender to leave it out."
            )
            raise DeliveryRefusedError(message, line=line, column=heading)
        if heading in found[:position]:
            message = f"the column '{heading}' stands there twice; ask the sender which one holds."
            raise DeliveryRefusedError(message, line=line, column=heading)

"""Where the pages of the report are, as paths from its folder. Who links to a page need not import what writes it."""

from __future__ import annotations

FRONT = "index.html"
QUALITY = "quality.html"


def of_kpi(code: str) -> str:
    """Where the page of a KPI is."""
    return f"kpi/{code}.html"


def of_system(system: str) -> str:
    """Where the page of a system is."""
    return f"system/{system}.html"


def of_unit(unit_code: str) -> str:
    """Where the page of a unit is."""
    return f"unit/{unit_code}.html"

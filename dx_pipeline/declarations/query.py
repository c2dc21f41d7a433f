"""Free SQL of a KPI, for what cannot be counted: its text, and what follows from parsing it."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from dx_pipeline.declarations.binding import one_select, tables_in
from dx_pipeline.errors import DeclarationError

YIELDED = {"counts": ("numerator", "denominator"), "measure": ("value",)}
PARAMETERS = {
    "window_start": "DATE",
    "window_end": "DATE",
    "window_start_at": "TIMESTAMPTZ",
    "window_after_at": "TIMESTAMPTZ",
}
"""What free SQL may ask for: the window's first and last day, when it begins, and when the day after it begins."""


class Query:
    """Free SQL of one version: its text, and what follows from parsing it.

    Attributes:
        reads: the tables and views that it reads, as `schema.table`, sorted.
        parameters: which of `PARAMETERS` it uses.
        is_of_province: whether it returns no units: then its row is for the province as a whole.

    Raises:
        DeclarationError: it is not one SELECT, or does not return the columns its KPI yields.
    """

    def __init__(self, path: Path, yields: str, expected: tuple[str, ...]) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        query = one_select(path, self.text)
        returned = tuple(query.named_selects)
        if returned not in {expected, expected[1:]}:
            wanted, given = ", ".join(expected), ", ".join(returned)
            raise DeclarationError(
                path,
                1,
                f"a KPI that yields '{yields}' returns {wanted} as it is declared; this returns {given or 'nothing'}.",
                f"KPI có yields '{yields}' phải trả về {wanted} như khai báo; câu này trả về"
                f" {given or 'không cột nào'}.",
            )
        self.is_of_province = "unit_code" not in returned
        self.reads = tables_in(query)
        self.parameters = frozenset(parameter.name for parameter in query.find_all(exp.Parameter, exp.Placeholder))
        for name in sorted(self.parameters - PARAMETERS.keys()):
            known = ", ".join(f"${each}" for each in PARAMETERS)
            raise DeclarationError(
                path, 1, f"'${name}' is unknown: use {known}.", f"'${name}' không được biết: hãy dùng {known}."
            )

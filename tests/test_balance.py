"""Form 06a: what its columns say of each other decides what is withheld."""

from __future__ import annotations

from datetime import date
from typing import Any

from projects import PROJECT

from dx_pipeline.declarations.catalogue import load
from dx_pipeline.kpi.balance import withheld

BALANCE = load(PROJECT).contracts["statistics.return_06a"].balance
MARCH, APRIL = (date(2022, 2, 15), date(2022, 3, 14)), (date(2022, 3, 15), date(2022, 4, 14))

Row = dict[str, Any]


def form(
    field_vi: str, period: tuple[date, date], coming: tuple[int, int, int], gone: tuple[int, ...]
) -> dict[str, Any]:
    """A row: received online, direct, carried over; settled early, on time, late; in progress in term, overdue."""
    assert BALANCE
    names = (*BALANCE.received, BALANCE.carried_over, *BALANCE.settled, *BALANCE.in_progress)
    totals = (sum(coming), sum(gone[:3]), sum(gone[3:]))
    about = {"field_vi": field_vi, "period_start": period[0], "period_end": period[1]}
    return {**about, **dict(zip((*names, *BALANCE.totals), (*coming, *gone, *totals), strict=True))}


def hidden(*rows: Row) -> set[tuple[str, date, str]]:
    assert BALANCE
    return {(field, period[1], name.removesuffix("_count")) for field, period, name in withheld(rows, BALANCE, 10)}


def test_a_form_without_small_cells_is_shown_whole() -> None:
    fields = [form(name, MARCH, (100, 200, 40), (150, 60, 50, 50, 30)) for name in ("Đất đai", "Hộ tịch")]
    assert hidden(*fields) == set()


def test_a_small_cell_is_withheld_with_others_of_its_row_and_of_another_field() -> None:
    small = form("Đất đai", MARCH, (100, 200, 40), (197, 60, 3, 50, 30))
    others = [form(name, MARCH, (100, 200, 40), (150, 60, 50, 50, 30)) for name in ("Hộ tịch", "Hộ khẩu")]
    found = hidden(small, *others)
    assert ("Đất đai", MARCH[1], "settled_late") in found
    assert len({field for field, _, _ in found}) == 2
    assert {name for field, _, name in found if field == "Đất đai"} == {"settled_late", "settled_on_time"}


def test_what_is_in_progress_is_withheld_where_it_is_carried_over() -> None:
    """Column 6 of a period is column 11 of the one before."""
    fields = []
    for name, stock in (("Đất đai", 6), ("Hộ tịch", 60), ("Hộ khẩu", 70)):
        fields.append(form(name, MARCH, (100, 200, 40), (200 - stock, 80, 60, stock, 0)))
        fields.append(form(name, APRIL, (100, 200, stock), (150, 40 + stock, 50, 40, 20)))
    found = hidden(*fields)
    assert {("Đất đai", MARCH[1], "in_progress_total"), ("Đất đai", APRIL[1], "carried_over")} <= found
    for name in ("Hộ tịch", "Hộ khẩu"):
        assert ((name, MARCH[1], "in_progress_total") in found) == ((name, APRIL[1], "carried_over") in found)

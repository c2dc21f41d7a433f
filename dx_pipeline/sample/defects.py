"""Defects of single lines: what is planted in deliveries of the sample, as data.

A line is a copy of a sound one with these cells instead of its own. What a cell may say besides text: `{before}` is the
day before the month, `{first}` its first day, `{beyond}` the day after it, `{far}` a day two years later, `{day}` the
first day as in codes of dossiers, `{year}` the year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong in the first month's delivery of a table; a lost column, in the last month's.

    Args:
        disposition: what the pipeline must do: `quarantined`, `duplicate` or `refused` (the whole delivery).
        reason_code: the code under which the row is quarantined.
        reason: what is wrong, in words.
        cells: the cells of the bad row by contract column, where they differ from the row it copies.
        fields_lost: how many fields the line lacks.
        fields_added: how many fields it has too many.
        is_cut: whether the line breaks off in the middle.
        repeated: the contract column whose name a JSON record has twice.
        column_lost: the contract column that the whole delivery lacks.
    """

    disposition: str
    reason_code: str
    reason: str
    cells: Mapping[str, str | int | float | None] = field(default_factory=dict)
    fields_lost: int = 0
    fields_added: int = 0
    is_cut: bool = False
    repeated: str | None = None
    column_lost: str | None = None


OPEN = {
    "received_on": "{first}", "due_on": "", "finished_on": "", "returned_on": "", "stopped_on": "",
    "dossier_status": "Đang giải quyết", "supplement_count": "0", "supplement_requested_on": "",
    "supplement_received_on": "", "fee_vnd": "", "paid_online": "", "components_count": "",
    "components_digitised_count": "", "components_reused_count": "",
}  # fmt: skip
"""A dossier about which nothing is known but that it was received: it breaks no rule."""

NOT_UTF8 = "\udcff"
"""A byte that no letter of UTF-8 begins with, as Python writes what cannot be decoded."""

OF_CELLS: tuple[tuple[str, str, str, str], ...] = (
    ("not_a_date", "a date that is in no calendar", "received_on", "31/02/{year}"),
    ("not_a_date", "words instead of a date", "finished_on", "hôm qua"),
    ("not_a_date", "the number that Excel keeps for a day", "due_on", "44684"),
    ("ambiguous_date", "the year first", "received_on", "{year}-01-05"),
    ("ambiguous_date", "dots in a date", "due_on", "05.12.{year}"),
    ("ambiguous_date", "the month before the day", "due_on", "12/31/{year}"),
    ("missing", "no procedure", "procedure_code", ""),
    ("missing", "no agency", "agency_code", ""),
    ("missing", "no day of receipt", "received_on", ""),
    ("missing", "no status", "dossier_status", ""),
    ("missing", "no code of a dossier", "dossier_code", ""),
    ("malformed", "a code of a dossier in another form", "dossier_code", "H53.01/{day}/9099"),
    ("malformed", "a code of a procedure in another form", "procedure_code", "1.12345"),
    ("unknown_reference", "an unknown agency", "agency_code", "H53.99"),
    ("unknown_word", "a word that has no code", "channel", "Qua bưu tá"),
    ("unknown_word", "an unknown status", "dossier_status", "Đã hủy"),
    ("unknown_word", "neither yes nor no", "has_complaint", "Có thể"),
    ("not_a_number", "letters in a number", "fee_vnd", "2OO000"),
    ("not_a_number", "a number in words", "components_count", "mười"),
    ("not_a_number", "a number with a power of ten", "fee_vnd", "1e30"),
    ("not_a_number", "a number without end", "fee_vnd", "inf"),
    ("not_a_number", "an error of a spreadsheet", "components_count", "#REF!"),
    ("not_a_number", "a formula", "components_count", "=1+1"),
    ("ambiguous_number", "a number in another style than the declared one", "fee_vnd", "200.000"),
    ("ambiguous_number", "round thousands in the other style", "fee_vnd", "3,000"),
    ("ambiguous_number", "round thousands in a plain column", "components_count", "1.000"),
    ("ambiguous_number", "a part of a document", "components_count", "1.5"),
    ("too_small", "a negative count", "components_count", "-1"),
    ("too_small", "a negative fee", "fee_vnd", "-1"),
    ("too_large", "more supplements than there can be", "supplement_count", "101"),
    ("too_large", "a fee that nobody pays", "fee_vnd", "99999999999999999999999"),
    ("too_large", "a count that is no count", "components_count", "99999999999999999999999"),
    ("outside_month", "a row of a later month", "received_on", "{beyond}"),
    ("not_utf8", "a byte that is no UTF-8", "channel", f"Tr{NOT_UTF8}c"),
    ("not_utf8", "a NUL", "channel", "Tr\x00c"),
    ("missing", "a name of a person", "agency_code", "Nguyễn Văn Đạt"),
    ("missing", "a name with a surname that few have", "dossier_status", "Thạch Thị Ơn"),
    ("missing", "an address of e-mail", "procedure_code", "nguyen.van.a@gmail.com"),
    ("missing", "a number of a telephone beside words", "procedure_code", "gọi 0912 345 678"),
    ("too_large", "an identity number without its 0", "fee_vnd", "72085001234567"),
)
"""Of one cell of a dossier: reason code, what is wrong, column, text."""

OF_RULES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("finished_before_received", "finished before it was received", {"finished_on": "{before}"}),
    ("returned_before_received", "returned before it was received", {"returned_on": "{before}"}),
    ("stopped_before_received", "stopped before it was received", {"stopped_on": "{before}"}),
    ("ended_in_the_future", "finished after it was delivered", {"finished_on": "{far}"}),
    ("in_progress_with_end", "in progress, and finished", {"finished_on": "{first}"}),
    ("due_before_received", "due before it was received", {"due_on": "{before}"}),
    (
        "supplement_requested_before_received", "a supplement before it was received",
        {"supplement_requested_on": "{before}", "supplement_count": "1"},
    ),
    (
        "supplement_received_before_requested", "a supplement that came before it was asked for",
        {"supplement_requested_on": "{first}", "supplement_received_on": "{before}", "supplement_count": "1"},
    ),
    (
        "supplement_in_the_future", "a supplement after it was delivered",
        {"supplement_requested_on": "{far}", "supplement_count": "1"},
    ),
    ("supplement_not_requested", "a supplement nobody asked for", {"supplement_received_on": "{first}"}),
    ("supplement_not_counted", "a supplement that is not counted", {"supplement_requested_on": "{first}"}),
    ("nothing_paid_online", "nothing to pay, and paid online", {"fee_vnd": "0", "paid_online": "Có"}),
    (
        "more_digitised_than_components", "more digitised than there are",
        {"components_count": "1", "components_digitised_count": "99"},
    ),
    (
        "more_reused_than_digitised", "more reused than digitised",
        {"components_count": "5", "components_digitised_count": "1", "components_reused_count": "2"},
    ),
    (
        "more_reused_than_components", "more reused than there are",
        {"components_count": "1", "components_reused_count": "2"},
    ),
)  # fmt: skip
"""Of a dossier as a whole: reason code, what is wrong, cells."""


def _dossier(number: int, reason_code: str, reason: str, cells: Mapping[str, str]) -> Defect:
    code = {"dossier_code": f"H53.01-{{day}}-90{number:02d}"}
    return Defect("quarantined", reason_code, reason, {**OPEN, **code, **cells})


LINES = (
    Defect("duplicate", "", "the same row once more"),
    Defect("quarantined", "too_few_fields", "too few fields", fields_lost=3),
    Defect("quarantined", "too_many_fields", "a field too many", fields_added=1),
    Defect("quarantined", "too_many_fields", "a thousand fields too many", fields_added=1000),
    _dossier(98, "key_conflict", "two rows that differ have one code: the first", {"channel": "Trực tuyến"}),
    _dossier(98, "key_conflict", "two rows that differ have one code: the second", {"channel": "Trực tiếp"}),
)
DOSSIERS = (
    *(_dossier(number, code, why, {name: text}) for number, (code, why, name, text) in enumerate(OF_CELLS)),
    *(_dossier(number, *rest) for number, rest in enumerate(OF_RULES, len(OF_CELLS))),
    *LINES,
)

DEFECTS: Mapping[tuple[str, str], tuple[Defect, ...]] = {
    ("dossier", "statistics.dossier"): DOSSIERS,
    ("social_insurance", "connection.register"): (
        Defect("quarantined", "unknown_word", "a status that no connection has",
               {"operation": "getThuNghiem", "connection_status": "Đã hủy"}),
        Defect("quarantined", "too_large", "available for more than all the time",
               {"operation": "getThuNghiem", "agreed_availability_pct": "101"}),
    ),
    ("social_insurance", "connection.traffic"): (
        Defect("refused", "missing_column", "a required column is missing", column_lost="succeeded_count"),
    ),
    ("business_registration", "connection.traffic"): (
        Defect("quarantined", "not_json", "a line that is no JSON", is_cut=True),
        Defect("quarantined", "repeated_name", "a record with a name twice", repeated="call_count"),
        Defect("quarantined", "too_small", "a negative number of calls", {"call_count": -1}),
        Defect("quarantined", "ambiguous_number", "half a call", {"call_count": 1.5}),
        Defect("quarantined", "missing", "calls of no operation", {"operation": None}),
    ),
}  # fmt: skip
"""By source and table."""

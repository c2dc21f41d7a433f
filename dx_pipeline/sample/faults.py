"""Faults: known defects planted in deliveries, for tests of whether each is caught.

A bad row is added to the sound ones, as a copy with one thing wrong, so that no figure changes. Only
deliveries in CSV and NDJSON get any. One file lists what was planted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dx_pipeline.declarations.source import Csv, Ndjson
from dx_pipeline.period import Month
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.writing import csv_line, headings
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import write_text

LISTED_IN = "sample_faults.json"
SPACING = 3

Fault = dict[str, str | int]
"""One planted defect as it is listed: `line` is the physical line from 1, or the headings of a refused delivery."""


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong in the first month's delivery of a table; a lost column, in the last month's.

    Args:
        disposition: what the pipeline must do: `quarantined`, `duplicate` or `refused` (the whole delivery).
        reason_code: the code under which the row is quarantined.
        reason: what is wrong, in words.
        cells: the cells of the bad row by contract column, where they differ from the row it copies; `{before}` is
            the day before the month, `{beyond}` the day after it, `{day}` its first day, `{year}` its year.
        fields_lost: how many fields the line lacks.
        is_cut: whether the line breaks off in the middle.
        column_lost: the contract column that the whole delivery lacks.
    """

    disposition: str
    reason_code: str
    reason: str
    cells: Mapping[str, str] = field(default_factory=dict)
    fields_lost: int = 0
    is_cut: bool = False
    column_lost: str | None = None


def _dossier(number: int, reason_code: str, reason: str, **cells: str) -> Defect:
    code = {"dossier_code": f"H53.01-{{day}}-90{number:02d}"}
    return Defect("quarantined", reason_code, reason, code | cells)


UNKNOWN_STATUS = {"operation": "getThuNghiem", "connection_status": "Đã hủy"}
DEFECTS = {
    ("dossier", "statistics.dossier"): (
        _dossier(1, "not_a_date", "a date that is in no calendar", received_on="31/02/{year}"),
        _dossier(2, "unknown_reference", "an unknown agency", agency_code="H53.99"),
        _dossier(3, "not_a_number", "letters in a number", fee_vnd="2OO000"),
        _dossier(4, "ambiguous_number", "a number in another style than the declared one", fee_vnd="200.000"),
        _dossier(5, "unknown_word", "a word that has no code", channel="Qua bưu tá"),
        _dossier(6, "finished_before_received", "finished before it was received", finished_on="{before}"),
        _dossier(7, "outside_month", "a row of a later month", received_on="{beyond}"),
        _dossier(8, "more_digitised_than_components", "more digitised than there are", components_digitised_count="99"),
        _dossier(9, "returned_before_received", "returned before it was received", returned_on="{before}"),
        Defect("duplicate", "", "the same row once more"),
        Defect("quarantined", "too_few_fields", "too few fields", fields_lost=3),
    ),
    ("social_insurance", "connection.register"): (
        Defect("quarantined", "unknown_word", "an unknown status", UNKNOWN_STATUS),
    ),
    ("social_insurance", "connection.traffic"): (
        Defect("refused", "missing_column", "a required column is missing", column_lost="succeeded_count"),
    ),
    ("business_registration", "connection.traffic"): (
        Defect("quarantined", "not_json", "a line that is no JSON", is_cut=True),
    ),
}
"""By source and table."""


def plant(path: Path, name: str, source: str, form: Form, months: Sequence[Month]) -> list[Fault]:
    """Plant the defects of a delivery in its written file; they are listed under `name`.

    `months` are all that are made: most defects are in the first one.
    """
    shape = form.layout.format
    defects = [
        defect
        for defect in DEFECTS.get((source, form.layout.table), ())
        if form.month == (max(months) if defect.column_lost else min(months))
    ]
    if not defects or not isinstance(shape, Csv | Ndjson):
        return []
    lines = path.read_bytes().decode().splitlines(keepends=True)
    first = shape.preamble_rows + 1 if isinstance(shape, Csv) else 0
    sound = lines[first:]
    planted: list[Fault] = []
    for number, defect in enumerate(defects if sound else ()):
        if defect.column_lost:
            place = first - 1
            lines[place:] = [_changed(line, defect, form) for line in lines[place:]]
        else:
            place = min(first + (SPACING + 1) * number + 1, len(lines))
            lines.insert(place, _changed(sound[min(SPACING * number, len(sound) - 1)], defect, form))
        listed: Fault = {"source": source, "table": form.layout.table, "month": str(form.month), "file": name}
        listed |= {"line": place + 1, "disposition": defect.disposition}
        planted.append(listed | {"reason_code": defect.reason_code, "reason": defect.reason})
    path.write_bytes("".join(lines).encode())
    return planted


def list_in(settings: Settings, faults: Sequence[Fault]) -> None:
    """Write the list of planted faults; if there are none, remove that of an earlier sample."""
    path = settings.warehouse / LISTED_IN
    if faults:
        write_text(settings, path, json.dumps(faults, ensure_ascii=False, indent=2) + "\n")
    else:
        path.unlink(missing_ok=True)


def _changed(line: str, defect: Defect, form: Form) -> str:
    """A sound line with the defect."""
    body = line.rstrip("\r\n")
    end = line[len(body) :]
    if defect.is_cut:
        return body[: len(body) // 2] + end
    shape = form.layout.format
    assert isinstance(shape, Csv)  # noqa: S101 - the other defects are of fields
    cells = next(csv.reader([body], delimiter=shape.delimiter))
    printed = headings(form.layout)
    before, beyond = form.month.first - timedelta(days=1), form.month.plus(1).first
    for column, text in defect.cells.items():
        cells[printed.index(form.layout.headers[column])] = text.format(
            before=f"{before:%d/%m/%Y}",
            beyond=f"{beyond:%d/%m/%Y}",
            day=f"{form.month.first:%y%m%d}",
            year=form.month.year,
        )
    if defect.column_lost:
        del cells[printed.index(form.layout.headers[defect.column_lost])]
    return csv_line(cells[: len(cells) - defect.fields_lost], shape) + end

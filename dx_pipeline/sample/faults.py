"""Faults: known defects planted in deliveries, for tests of whether each is caught.

A bad row is added to the sound ones, as a copy with one thing wrong, and a bad file beside them, so that no figure
changes. Only deliveries in CSV and NDJSON get bad rows. One file lists what was planted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from dx_pipeline.declarations.source import Csv, Ndjson
from dx_pipeline.period import Month
from dx_pipeline.sample.defects import DEFECTS, Defect
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.writing import csv_line, headings
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import write_text

LISTED_IN = "sample_faults.json"
SPACING = 3

Fault = dict[str, str | int]
"""One planted defect as it is listed: `line` is the physical line from 1, or the headings of a refused delivery."""


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
        listed |= {"reason_code": defect.reason_code, "reason": defect.reason}
        says = f"'{form.layout.headers[defect.column_lost]}' is missing" if defect.column_lost else ""
        planted.append(listed | ({"says": says} if says else {}))
    path.write_bytes("".join(lines).encode(errors="surrogateescape"))
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
    if not isinstance(shape, Csv):
        return _record(json.loads(body), defect, form) + end
    cells = next(csv.reader([body], delimiter=shape.delimiter))
    printed = headings(form.layout)
    for column, text in defect.cells.items():
        cells[printed.index(form.layout.headers[column])] = _said(text, form)
    if defect.column_lost:
        del cells[printed.index(form.layout.headers[defect.column_lost])]
    added = ["x"] * defect.fields_added
    return csv_line([*cells[: len(cells) - defect.fields_lost], *added], shape) + end


def _record(record: dict[str, object], defect: Defect, form: Form) -> str:
    """A sound JSON record with the defect."""
    headers = form.layout.headers
    record |= {headers[column]: value for column, value in defect.cells.items()}
    text = json.dumps(record, ensure_ascii=False)
    if defect.repeated:
        name = headers[defect.repeated]
        text = f"{text[:-1]}, {json.dumps({name: record[name]}, ensure_ascii=False)[1:]}"
    return text


def _said(value: str | float | None, form: Form) -> str:
    """The text of a cell, with the days that it speaks of."""
    first = form.month.first
    before, beyond, far = first - timedelta(days=1), form.month.plus(1).first, form.month.plus(24).first
    return str(value).format(
        before=f"{before:%d/%m/%Y}",
        first=f"{first:%d/%m/%Y}",
        beyond=f"{beyond:%d/%m/%Y}",
        far=f"{far:%d/%m/%Y}",
        day=f"{first:%y%m%d}",
        year=form.month.year,
    )

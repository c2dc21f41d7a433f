"""Faults: known defects planted in deliveries, so that a test can ask whether each was caught.

They come on top of the sound rows, so that no figure changes: a bad row is a copy with one thing
wrong. Only formats that are lines of text get any. What was planted is listed in one file.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

from dx_pipeline.declarations.source import Csv, Ndjson
from dx_pipeline.period import Month
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.writing import headings
from dx_pipeline.settings import Settings

LISTED_IN = "sample_faults.json"
SPACING = 3


@dataclass(frozen=True)
class Defect:
    """One thing that goes wrong in the first month's delivery of a table.

    Args:
        source: whose delivery it is planted in.
        table: of which table.
        outcome: what the pipeline owes it: `quarantined`, `duplicate` or `refused` (the delivery).
        reason_code: under which code, where the row is quarantined.
        reason: what is wrong, in words.
        cells: what the bad row says by contract column, where it differs from the row it copies;
            `{before}` is the day before the month, `{day}` its first day, `{year}` its year.
        fields_lost: how many fields the line is short of.
        is_cut: the line breaks off in the middle.
    """

    source: str
    table: str
    outcome: str
    reason_code: str
    reason: str
    cells: Mapping[str, str] = field(default_factory=dict)
    fields_lost: int = 0
    is_cut: bool = False


@dataclass(frozen=True)
class Fault:
    """One planted defect: where it stands, and what ought to become of it.

    `line` is the physical line, counted from 1; of a refused delivery, its line of headings.
    """

    source: str
    table: str
    month: str
    file: str
    line: int
    outcome: str
    reason_code: str
    reason: str


def _dossier(number: int, reason_code: str, reason: str, **cells: str) -> Defect:
    code = {"dossier_code": f"H53.01-{{day}}-90{number:02d}"}
    return Defect("dossier", "statistics.dossier", "quarantined", reason_code, reason, code | cells)


DEFECTS = (
    _dossier(1, "not_a_date", "a date that is in no calendar", received_on="31/02/{year}"),
    _dossier(2, "unknown_reference", "an agency that nobody knows", agency_code="H53.99"),
    _dossier(3, "not_a_number", "letters in a number", fee_vnd="2OO000"),
    _dossier(4, "ambiguous_number", "a number in another style than the declared one", fee_vnd="200.000"),
    _dossier(5, "unknown_word", "a word that has no code", channel="Qua bưu tá"),
    _dossier(6, "finished_before_received", "finished before it was received", finished_on="{before}"),
    _dossier(7, "outside_month", "a row of another month", received_on="{before}"),
    Defect("dossier", "statistics.dossier", "duplicate", "", "the same row once more"),
    Defect("dossier", "statistics.dossier", "quarantined", "too_few_fields", "too few fields", fields_lost=3),
    Defect(
        "social_insurance",
        "connection.register",
        "quarantined",
        "unknown_word",
        "a status that nobody knows",
        {"operation": "getThuNghiem", "connection_status": "Đã hủy"},
    ),
    Defect(
        "business_registration", "connection.traffic", "quarantined", "not_json", "a line that is no JSON", is_cut=True
    ),
)

LOST_COLUMN = Defect(
    "social_insurance", "connection.traffic", "refused", "missing_column", "a required column is missing"
)
LOST = "succeeded_count"
"""What the last month's delivery lacks: it is refused whole."""


def plant(path: Path, source: str, form: Form, months: Sequence[Month], shown_as: str) -> tuple[Fault, ...]:
    """Plant in a written delivery whatever is due there: lines in the first month, a lost column in the last.

    Args:
        path: the written file.
        source: whose delivery it is.
        form: what it looks like.
        months: the months that are made.
        shown_as: how the list of faults names the file.
    """
    found: list[Fault] = []
    if form.month == min(months):
        found.extend(_plant_lines(path, source, form, shown_as))
    if form.month == max(months) and (source, form.layout.table) == (LOST_COLUMN.source, LOST_COLUMN.table):
        found.extend(_drop_column(path, source, form, shown_as))
    return tuple(found)


def list_in(settings: Settings, faults: Sequence[Fault]) -> None:
    """Write the list of planted faults; without any, take away that of an earlier sample."""
    path = settings.warehouse / LISTED_IN
    if not faults:
        path.unlink(missing_ok=True)
        return
    private = settings.scratch / uuid.uuid4().hex
    text = json.dumps([asdict(fault) for fault in faults], ensure_ascii=False, indent=2)
    private.write_text(text + "\n", encoding="utf-8")
    private.replace(path)


def _plant_lines(path: Path, source: str, form: Form, shown_as: str) -> Iterator[Fault]:
    """Put a bad line after every third sound one."""
    defects = [item for item in DEFECTS if (item.source, item.table) == (source, form.layout.table)]
    if not defects or not isinstance(form.layout.format, Csv | Ndjson):
        return
    lines = path.read_bytes().decode().splitlines(keepends=True)
    first = form.layout.format.preamble_rows + 1 if isinstance(form.layout.format, Csv) else 0
    sound = lines[first:]
    if not sound:
        return
    for number, defect in enumerate(defects):
        model = sound[min(SPACING * number, len(sound) - 1)]
        line = min(first + (SPACING + 1) * number + 1, len(lines))
        lines.insert(line, _spoilt(model, defect, form))
        yield _fault(source, form, shown_as, line + 1, defect)
    path.write_bytes("".join(lines).encode())


def _fault(source: str, form: Form, shown_as: str, line: int, defect: Defect) -> Fault:
    return Fault(
        source=source,
        table=form.layout.table,
        month=str(form.month),
        file=shown_as,
        line=line,
        outcome=defect.outcome,
        reason_code=defect.reason_code,
        reason=defect.reason,
    )


def _spoilt(line: str, defect: Defect, form: Form) -> str:
    body = line.rstrip("\r\n")
    end = line[len(body) :]
    if defect.is_cut:
        return body[: len(body) // 2] + end
    assert isinstance(form.layout.format, Csv)  # noqa: S101 - the other defects are of fields
    cells = next(csv.reader([body], delimiter=form.layout.format.delimiter))
    places = {heading: position for position, heading in enumerate(headings(form.layout))}
    before = form.month.first - timedelta(days=1)
    for column, text in defect.cells.items():
        cells[places[form.layout.headers[column]]] = text.format(
            before=f"{before:%d/%m/%Y}", day=f"{form.month.first:%y%m%d}", year=form.month.year
        )
    return _line(cells[: len(cells) - defect.fields_lost], form.layout.format) + end


def _drop_column(path: Path, source: str, form: Form, shown_as: str) -> Iterator[Fault]:
    shape = form.layout.format
    if not isinstance(shape, Csv):
        return
    lost = headings(form.layout).index(form.layout.headers[LOST])
    lines = path.read_bytes().decode().splitlines(keepends=True)
    for number, line in enumerate(lines[shape.preamble_rows :], shape.preamble_rows):
        body = line.rstrip("\r\n")
        cells = next(csv.reader([body], delimiter=shape.delimiter))
        lines[number] = _line(cells[:lost] + cells[lost + 1 :], shape) + line[len(body) :]
    path.write_bytes("".join(lines).encode())
    yield _fault(source, form, shown_as, shape.preamble_rows + 1, LOST_COLUMN)


def _line(cells: Sequence[str], shape: Csv) -> str:
    printed = io.StringIO()
    csv.writer(printed, delimiter=shape.delimiter, quotechar=shape.quote, lineterminator="").writerow(cells)
    return printed.getvalue()

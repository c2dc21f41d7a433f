"""The sample province: synthetic deliveries in the formats that the systems really use.

There is no open row-level data of the province. The sample is calibrated: from its files alone the
pipeline computes the figures published for the first half of 2022. Each delivery is marked as synthetic.

    scenario, province, procedure, operation    what the rows are made from: agencies, procedures, working days
    rows                                        the rows of a table, source and month, in the contract's columns
    dossier, handling, service, connection ...  how the rows of each table are made
    writing, form, sheet, spelling              rows as a delivery, in the layout of its source
    faults, defects, faulty_files               known defects in deliveries, and beside them
    live, *_server                              the same rows served live, for trying connectors
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pyarrow as pa

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.source import Calendar
from dx_pipeline.errors import UsageError
from dx_pipeline.period import Month, parse_months
from dx_pipeline.progress import announce
from dx_pipeline.sample import exchange, faulty_files, scenario
from dx_pipeline.sample import rows as table_rows
from dx_pipeline.sample.faults import Fault, list_in, plant
from dx_pipeline.sample.form import Form, form_of
from dx_pipeline.sample.province import FIRST_MONTH, LAST_MONTH
from dx_pipeline.sample.scenario import Scenario
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS
from dx_pipeline.sample.writing import write
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect
from dx_pipeline.storage.files import private_name

DEFAULT_MONTHS = parse_months("2022-01:2022-09")
DEFAULT_SEED = 2022

LATE_SHARE = 0.07
MOST_DAYS_EARLY, MOST_DAYS_LATE = 1, 6
OFFICE_HOURS = (8, 17)
SATURDAY = 5


def make(
    settings: Settings,
    catalogue: Catalogue,
    months: Sequence[Month] = DEFAULT_MONTHS,
    *,
    scale: float = 1.0,
    seed: int = DEFAULT_SEED,
    faults: bool = False,
) -> tuple[Path, ...]:
    """Write the sample's deliveries of some months into the inbox.

    The same seed, month and scale give the same bytes, whatever else is made with them; only faults
    depend on which month is the first and which the last.

    Args:
        settings: the warehouse to fill, and the reference files with its agencies.
        catalogue: the sources and their layouts.
        months: which months, in any order.
        scale: multiplies dossiers and calls, but not registers and programme tables.
        seed: another seed makes other rows with the same published figures.
        faults: plant known defects, and list them in `sample_faults.json` of the warehouse.

    Returns:
        The files written, in order of month, source and table.

    Raises:
        UsageError: a month is outside those that the sample covers, or the scale is not positive.
        DxError: a layout has no line to mark a delivery as synthetic.
    """
    ordered = tuple(sorted(set(months)))
    check(ordered, scale)
    made = scenario.build(settings.reference, seed=seed, scale=scale)
    written: list[Path] = []
    planted: list[Fault] = []
    with connect(settings) as database:
        for month, source, table in _deliveries(catalogue, ordered):
            form = form_of(catalogue, made, source, table, month)
            due = _arrival(made, catalogue.sources[source].source.calendar, source, table, month)
            arrived_at = min(due, datetime.now(UTC).timestamp())  # the day may be still to come
            for ending, rows in _files(form, table_rows.make(made, table, source, month)):
                name = f"{source}/{month}/{table.partition('.')[2]}_{month.year}{month.number:02d}.{ending}"
                announce(name)
                private = private_name(settings, Path(name).suffix)
                write(database, private, rows, form)
                sound = private.read_bytes() if faults else b""
                if faults:
                    planted += plant(private, name, source, form, ordered)
                os.utime(private, (arrived_at, arrived_at))
                written.append(settings.inbox / name)
                written[-1].parent.mkdir(parents=True, exist_ok=True)
                private.replace(written[-1])
                if faults and month == ordered[-1]:
                    planted += faulty_files.put(written[-1], sound, source, table)
    list_in(settings, planted)
    return tuple(written)


def count(catalogue: Catalogue, months: Sequence[Month] = DEFAULT_MONTHS) -> int:
    """How many files `make` writes for these months, if no table needs more pages than usual."""
    return sum(
        exchange.page_count(month) if table == "connection.exchange" else 1
        for month, _, table in _deliveries(catalogue, sorted(set(months)))
    )


def check(months: Sequence[Month], scale: float) -> None:
    """Check what is requested against what the sample covers.

    Raises:
        UsageError: a month (they are in order) is outside those it covers, or the scale is not positive.
    """
    if not months:
        raise UsageError(
            "no month was given: write one as 2022-06, or a range as 2022-01:2022-09.",
            "chưa nêu tháng nào: hãy ghi một tháng như 2022-06, hoặc một khoảng như 2022-01:2022-09.",
        )
    for month in (months[0], months[-1]):
        if not FIRST_MONTH <= month <= LAST_MONTH:
            raise UsageError(
                f"the sample has nothing for {month}: it covers {FIRST_MONTH} to {LAST_MONTH}.",
                f"dữ liệu mô phỏng không có tháng {month}: chỉ có từ {FIRST_MONTH} đến {LAST_MONTH}.",
            )
    if not scale > 0:
        raise UsageError(
            f"the scale is {scale:g}: give a number above 0, where 1 is the whole province.",
            f"quy mô là {scale:g}: hãy ghi một số lớn hơn 0, trong đó 1 là toàn tỉnh.",
        )


def _deliveries(catalogue: Catalogue, months: Sequence[Month]) -> Iterator[tuple[Month, str, str]]:
    """Month, source and table of each delivery that the sample has rows for."""
    for month in months:
        for source in catalogue.monthly:
            for table in catalogue.sources[source].source.delivered:
                if table_rows.are_made(table, source):
                    yield month, source, table


def _files(form: Form, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The files of a delivery: the ending of each name, and its rows. Exchanges come in several pages."""
    if form.layout.format.kind != "xroad":
        yield form.extension, rows
        return
    for number, page in enumerate(exchange.pages(rows, form.month), start=1):
        yield f"{number:02}.{form.extension}", page


def _arrival(made: Scenario, calendar: Calendar, source: str, table: str, month: Month) -> int:
    """When a delivery arrives, in unix seconds: near the day it is due, in office hours, seldom late."""
    rng = made.generator(f"arrival {source} {table}", month)
    if rng.random() < LATE_SHARE:
        day = calendar.due(month) + timedelta(days=int(rng.integers(1, MOST_DAYS_LATE + 1)))
    else:
        day = calendar.due(month) - timedelta(days=int(rng.integers(0, MOST_DAYS_EARLY + 1)))
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    hour, minute, second = rng.integers((OFFICE_HOURS[0], 0, 0), (OFFICE_HOURS[1], 60, 60)).tolist()
    moment = datetime.combine(day, time(hour, minute, second), timezone(timedelta(hours=UTC_OFFSET_HOURS)))
    return int(moment.timestamp())

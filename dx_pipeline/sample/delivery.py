"""Deliveries: where a source's file of a month lies, and when it arrived there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta, timezone
from pathlib import Path

from dx_pipeline.declarations.source import Calendar
from dx_pipeline.period import Month
from dx_pipeline.sample.draw import generator
from dx_pipeline.sample.workday import UTC_OFFSET_HOURS
from dx_pipeline.settings import Settings

LATE_SHARE = 0.07
MOST_DAYS_EARLY, MOST_DAYS_LATE = 1, 6
OFFICE_HOURS = (8, 17)
SATURDAY = 5


def place(settings: Settings, source: str, month: Month, table: str, extension: str) -> Path:
    """Where the delivery of a table lies in the inbox."""
    name = f"{table.partition('.')[2]}_{month.year:04d}{month.number:02d}.{extension}"
    return settings.inbox / source / str(month) / name


def arrival(calendar: Calendar, source: str, table: str, month: Month, seed: int) -> datetime:
    """When the delivery of a month arrives: near the day it is due, in office hours, seldom late."""
    rng = generator(seed, f"arrival {source} {table}", month)
    due = month.plus(1).first.replace(day=calendar.due_day)
    if rng.random() < LATE_SHARE:
        day = due + timedelta(days=int(rng.integers(1, MOST_DAYS_LATE + 1)))
    else:
        day = due - timedelta(days=int(rng.integers(0, MOST_DAYS_EARLY + 1)))
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    hour, minute, second = rng.integers((OFFICE_HOURS[0], 0, 0), (OFFICE_HOURS[1], 60, 60)).tolist()
    return datetime.combine(day, time(hour, minute, second), timezone(timedelta(hours=UTC_OFFSET_HOURS)))


@contextmanager
def arriving(settings: Settings, path: Path, arrived_at: datetime) -> Iterator[Path]:
    """A private file to fill: once it is filled it is dated, and only then shown in the inbox as `path`."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    private = settings.scratch / f"{uuid.uuid4().hex}{path.suffix}"
    try:
        yield private
        moment = int(arrived_at.timestamp())
        os.utime(private, (moment, moment))
        private.replace(path)
    finally:
        private.unlink(missing_ok=True)

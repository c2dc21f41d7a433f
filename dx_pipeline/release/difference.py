"""Differences between releases on disk, and between any two values of one or two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import ReleaseError, UsageError
from dx_pipeline.kpi import change
from dx_pipeline.kpi.change import Row
from dx_pipeline.kpi.reference import units
from dx_pipeline.period import Window
from dx_pipeline.release.part import INTERNAL, PUBLIC
from dx_pipeline.release.predecessor import values_of
from dx_pipeline.settings import Settings


@dataclass(frozen=True)
class Difference:
    """What differs between two releases.

    Args:
        changes: the values that differ and that both show, as rows of `kpi.change` with their `size`, largest first.
        appeared, vanished: the values that only the later or only the earlier one shows, with the reason.
        definitions: the versions of definitions that only one of them has or that differ, each with `what` differs.
        is_other_program: whether they were made by different versions of the program.
    """

    before_id: str
    after_id: str
    changes: list[Row]
    appeared: list[Row]
    vanished: list[Row]
    definitions: list[Row]
    is_other_program: bool


def difference(settings: Settings, catalogue: Catalogue, before_id: str, after_id: str) -> Difference:
    """Every difference between two releases on disk.

    Raises:
        UsageError: one of them cannot be compared; says why.
    """
    release, before = _release(settings, after_id), _release(settings, before_id)
    with _compared(settings, catalogue, release, before) as connection:
        changes = change.differences(connection, release, before)
        appeared = change.appeared(connection)
    return Difference(
        before_id,
        after_id,
        changes,
        [row for row in appeared if row["value"] is not None],
        [row for row in appeared if row["value"] is None],
        list(_redefined(before, release)),
        release.inputs.program != before.inputs.program,
    )


@dataclass(frozen=True)
class Chosen:
    """One value of a release.

    Args:
        window: None for the latest month that has a value; a year or quarter if there is no month.
        unit: None for the province.
    """

    code: str
    window: Window | None = None
    unit: str | None = None
    system: str | None = None
    statistic: str | None = None


def change_of(
    settings: Settings,
    catalogue: Catalogue,
    release_id: str,
    value: Chosen,
    against: Mapping[str, Any] | None = None,
    before_id: str | None = None,
) -> Row:
    """Why a value differs from another one, as a row of `kpi.change`.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        release_id: the release of the value.
        value: the value.
        against: what is other in the one that it is compared with: its `window` or its `unit`. By default it is that of
            the window before or, with `before_id`, the same value.
        before_id: the release of the one that it is compared with, if it is another one.

    Raises:
        UsageError: there is no such value, it is withheld, or there is nothing to compare it with.
    """
    release = _release(settings, release_id)
    before = _release(settings, before_id) if before_id is not None else None
    with _compared(settings, catalogue, release, before) as connection:
        later = _figure(connection, value, is_before=False)
        window = Window(later["window_type"], later["window_start"], later["window_end"])
        same = replace(value, window=window, unit=later["unit_code"])
        if against or before is not None:
            other = _figure(connection, replace(same, **(against or {})), is_before=before is not None)
            earlier = other["figure_number"]
        else:
            earlier = change.window_before(connection, later["figure_number"])
        if earlier is None:
            raise UsageError(f"{value.code} has no value that is shown of {later['unit_code']} in the window before.")
        return change.between(connection, release, before, earlier, later["figure_number"])


def _figure(connection: duckdb.DuckDBPyConnection, value: Chosen, *, is_before: bool) -> Row:
    """A chosen value that is shown, as a row of `figure`."""
    window = value.window
    found = change.rows(
        connection,
        sql_file(__file__, "chosen"),
        is_before=is_before,
        code=value.code,
        unit=value.unit,
        system=value.system,
        statistic=value.statistic,
        window_type=window.type if window else None,
        window_start=window.start if window else None,
        window_end=window.end if window else None,
    )
    if not found:
        about = [value.unit, value.system, value.statistic, f"{window.start} to {window.end}" if window else None]
        named = ", ".join(each for each in about if each is not None)
        raise UsageError(f"{value.code} has no value of {named or 'the province'}: see 'dx kpi {value.code} --json'.")
    if found[0]["value"] is None:
        row = found[0]
        raise UsageError(
            f"the value of {value.code} of {row['unit_code']} in {row['window_start']} to {row['window_end']} is not"
            f" shown ({row['withheld_reason']})."
        )
    return found[0]


def _redefined(before: change.Release, after: change.Release) -> Iterator[Row]:
    """The versions of definitions that only one of two releases has or that differ, with the columns that differ."""
    found = [
        {
            (row["kpi_code"], row["definition_version"]): row
            for row in pq.read_table(release.values.with_name("definition.parquet")).to_pylist()
        }
        for release in (before, after)
    ]
    for code, version in sorted(found[0].keys() | found[1].keys()):
        old, new = (rows.get((code, version), {}) for rows in found)
        differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if differing:
            state = "new" if not old else "gone" if not new else "changed"
            columns = differing if state == "changed" else []
            yield {"kpi_code": code, "definition_version": version, "state": state, "columns": columns}


@contextmanager
def _compared(
    settings: Settings, catalogue: Catalogue, release: change.Release, before: change.Release | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the values of one or two releases can be compared; units are those of the later one."""
    path = settings.releases / release.release_id / PUBLIC.name / PUBLIC.database
    with duckdb.connect(str(path), read_only=True) as connection:
        change.prepare(connection, catalogue, units(connection), release, before)
        yield connection


def _release(settings: Settings, release_id: str) -> change.Release:
    """A release on disk, with the partitions that accepted revisions changed."""
    try:
        release = values_of(settings, release_id)
    except ReleaseError as error:
        raise UsageError(str(error)) from error
    path = settings.releases / release_id / INTERNAL.name / INTERNAL.database
    with duckdb.connect(str(path), read_only=True) as connection:
        revised = connection.execute(
            "SELECT DISTINCT proposal, table_name || '/' || source || '_' || month FROM kpi.revised_value"
        ).fetchall()
    return replace(release, revised=frozenset(revised))

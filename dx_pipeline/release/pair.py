"""Pairs: any two values of one or two releases on disk, and why the later differs from the earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import change, words
from dx_pipeline.kpi.change import Row
from dx_pipeline.kpi.reference import units
from dx_pipeline.kpi.units import Unit, Units
from dx_pipeline.period import Window
from dx_pipeline.progress import announce
from dx_pipeline.release.difference import compared, for_users, released
from dx_pipeline.release.part import PUBLIC
from dx_pipeline.release.predecessor import opened
from dx_pipeline.release.question import Question, find, find_latest, window_of
from dx_pipeline.release.rows import query
from dx_pipeline.settings import Settings

SHOWN = 8
"""How many units a sentence names."""


@dataclass(frozen=True)
class Against:
    """What is other in the value that one is compared with: one of these; by default it is that of the window before.

    Args:
        unit: the code or the name of another unit.
        release_id: the same value in another release.
    """

    window: Window | None = None
    unit: str | None = None
    release_id: str | None = None


def change_of(
    settings: Settings, catalogue: Catalogue, release_id: str, question: Question, against: Against = Against()
) -> Row:
    """Why a value differs from another one: a row of `kpi.change`, with the names of units and the title of the KPI.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        release_id: the release of the value.
        question: the value; without a window it is that of the latest month that is shown.
        against: what is other in the one that it is compared with.

    Raises:
        UsageError: there is no such value, it is withheld, or there is nothing to compare it with.
    """
    announce(release_id)
    release = released(settings, release_id)
    before = released(settings, against.release_id) if against.release_id is not None else None
    with compared(settings, catalogue, release, before) as connection:
        later = find_latest(connection, catalogue, question)
        _check_shown(connection, catalogue, later)
        if before is not None:
            with for_users(), opened(settings, before.release_id, PUBLIC) as other:
                earlier = _in_release(other, catalogue, later, before.release_id)
                _check_shown(other, catalogue, earlier)
        else:
            earlier = _in_same_release(connection, catalogue, later, against)
            _check_shown(connection, catalogue, earlier)
        numbers = (
            change.number(connection, earlier, is_before=before is not None),
            change.number(connection, later, is_before=False),
        )
        announce(question.code)
        row = change.between(connection, release, before, *numbers)
    return {
        **{name: later[name] for name in ("title_vi", "title_en", "unit_name", "part_end")},
        "release_id": release_id,
        **row,
        **{f"before_{name}": earlier[name] for name in ("unit_name", "window_type", "window_start", "part_start")},
    }


def _same(row: Row) -> Question:
    """The question whose answer is a row of `kpi.value`."""
    names = ("kpi_code", "unit_code", "part_start", "system", "statistic")
    code, unit, part, system, statistic = (row[name] for name in names)
    return Question(code, unit, window_of(row), part, system, statistic)


def _in_release(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, later: Row, release_id: str) -> Row:
    """The same value in another release."""
    try:
        return find(connection, catalogue, _same(later))
    except UsageError as error:
        vi = f"bản công bố {release_id}: {error.vi or error}"
        raise UsageError(f"release {release_id}: {error}", vi=vi) from error


def _in_same_release(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, later: Row, against: Against) -> Row:
    """The value of another unit, or of an earlier window or part."""
    same = _same(later)
    if against.unit is not None:
        return find(connection, catalogue, replace(same, unit=against.unit))
    if same.part is None:
        window = against.window or window_of(later).before
        unit = continued(units(connection), catalogue, later, window, window.end)
        return find(connection, catalogue, replace(same, window=window, unit=unit))
    if against.window is not None:
        raise UsageError(
            "a part of a window is compared with the part before it: leave '--against' out.",
            vi="một phần kỳ được so với phần ngay trước nó: hãy bỏ '--against'.",
        )
    day = same.part - timedelta(days=1)
    earlier = [part for part in _parts(connection, later) if part["part_end"] == day]
    if not earlier:
        raise UsageError(
            f"{same.part} begins the first part of {same.window}: there is no part before it.",
            vi=f"{same.part} là ngày đầu của phần thứ nhất trong kỳ {same.window}: không có phần nào trước nó.",
        )
    unit = continued(units(connection), catalogue, later, window_of(later), day)
    return find(connection, catalogue, replace(same, part=earlier[0]["part_start"], unit=unit))


def _parts(connection: duckdb.DuckDBPyConnection, row: Row) -> list[Row]:
    """The parts of the window of a value, in order."""
    return query(
        connection,
        "SELECT DISTINCT part_start, part_end FROM kpi.value WHERE kpi_code = $code AND window_type = $type"
        " AND window_end = $end AND part_start IS NOT NULL ORDER BY part_start",
        code=row["kpi_code"],
        type=row["window_type"],
        end=row["window_end"],
    )


def _check_shown(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, row: Row) -> None:
    """Refuse a value that is not shown, and say why it is not."""
    if row["value"] is not None:
        return
    reason = words.withheld(row, catalogue.province.suppress_below) or words.NO_VALUE
    about = f"{row['kpi_code']}, {row['unit_code']}, {window_of(row)}"
    hint = ""
    if row["withheld_reason"] == "definition_changed":
        hint = " ".join(f"'--part {part['part_start']}'" for part in _parts(connection, row))
        hint = f" ({hint})"
    raise UsageError(f"{about}: {reason.en}{hint}", vi=f"{about}: {reason.vi}{hint}")


def continued(known: Units, catalogue: Catalogue, later: Row, window: Window, day: date) -> str:
    """The code of the unit of another day that the unit of a value is, by the dated successions.

    Args:
        known: every unit through time.
        catalogue: what is declared.
        later: the row of `kpi.value`, with the name of its unit.
        window: the one that is compared with.
        day: its last day, or that of the part of it.

    Raises:
        UsageError: the unit has another area, or was not there; says which units have it.
    """
    own, other = known.period(later["part_end"] or later["window_end"]), known.period(day)
    code: str = later["unit_code"]
    unit = known.in_force(own).get(code) if own is not None else None
    if own is None or other is None or unit is None:
        return code
    found = known.in_force(other).get(known.moved(unit, other) or "")
    if found is not None and known.moved(found, own) == code:
        return found.code
    raise _other_area(catalogue, later, window, _areas(known, unit, own, other))


def _areas(known: Units, unit: Unit, own: int, other: int) -> tuple[list[str], list[str]]:
    """The units of another period that lie in a unit as a whole, and those that a part of it lies in or comes from."""
    wholly: list[str] = []
    partly: list[str] = []
    for each in known.in_force(other).values():
        earlier, later = (each, unit) if other < own else (unit, each)
        if later.code in known.shared(earlier, max(own, other)):
            (wholly if known.moved(each, own) == unit.code else partly).append(each.code)
    return sorted(wholly), sorted(partly)


def _other_area(
    catalogue: Catalogue, later: Row, window: Window, areas: tuple[Sequence[str], Sequence[str]]
) -> UsageError:
    named = f"{later['unit_code']} {later['unit_name'] or ''}".strip()
    wholly, partly = ([*codes[:SHOWN], *(["…"] if len(codes) > SHOWN else [])] for codes in areas)
    en = [f"all of {', '.join(wholly)}"] if wholly else []
    vi = [f"toàn bộ {', '.join(wholly)}"] if wholly else []
    if partly:
        en.append(f"a part of {', '.join(partly)}")
        vi.append(f"một phần {', '.join(partly)}")
    if not en:
        return UsageError(
            f"{named} is not there in {window}: the successions name no unit that it was, so nothing can be compared.",
            vi=f"{named} không có trong kỳ {window}: bảng tiếp nối không nêu đơn vị nào là nó, nên không so được.",
        )
    kpi = catalogue.kpis.get(later["kpi_code"])
    ask = f"dx kpi {later['kpi_code']} --units-on {later['window_end']} --unit {later['unit_code']}"
    is_on_units = kpi is not None and kpi.adds_up
    return UsageError(
        f"{named} has another area in {window}, by the successions: {' and '.join(en)}"
        f"{f'; see every window on the units of one day: {ask!r}' if is_on_units else ''}.",
        vi=f"{named} có địa bàn khác trong kỳ {window}, theo bảng tiếp nối: {' và '.join(vi)}"
        f"{f'; xem mọi kỳ theo đơn vị của một ngày: {ask!r}' if is_on_units else ''}.",
    )

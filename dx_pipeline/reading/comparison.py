"""Comparison: a delivery that replaces another one is held back if it is much worse.

Deliveries are taken in order of precedence. Each one that replaces an earlier one is compared with it as both were
typed, before either counts. What is held back is treated as if it had not come: the earlier delivery stays, and the
next one is compared with that. So what is held back follows from what has landed and from the declarations alone, and
is the same whenever a month is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import duckdb

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.source import Replacement
from dx_pipeline.declarations.sql import content_hash, quoted
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded
from dx_pipeline.reading.conservation import Counts

COUNT = "_count"
"""How the names of columns end whose values are added up."""

ALWAYS = 1
"""So many lines, rows or keys may be lost of however few, unless the limit is 0."""


FEW = 10
"""By so much a sum may change however small it is, unless the limit is 0."""


@dataclass(frozen=True)
class HeldBack:
    """A delivery that is much worse than the one that it replaces.

    Args:
        position: its place in order of precedence, counted from 0 over all deliveries of the table.
        counts: where its rows would go if it were taken.
        differences: each way in which it is worse than its layout allows, in a few words.
    """

    position: int
    loaded: Loaded
    counts: Counts
    differences: tuple[Bilingual, ...]


@dataclass(frozen=True)
class _Content:
    """What one delivery comes to by itself: lines that are data, rows it would add, lines that are no row."""

    rows_in: int
    lines: int
    rows: int
    quarantined: int


def find(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    items: Sequence[Loaded],
    month: Month | None,
    accepted: frozenset[str],
) -> tuple[HeldBack, ...]:
    """The deliveries that are held back, in order of precedence.

    Args:
        connection: has the lines of all deliveries in the table `typed`.
        contract: of the table that they fill.
        items: the deliveries in order of precedence.
        month: that they are for.
        accepted: the ids of those that are taken whatever they are like.
    """
    found: list[HeldBack] = []
    standing: list[int] = []
    for position, item in enumerate(items):
        earlier = next((each for each in reversed(standing) if replaces(item, items[each])), None)
        if earlier is not None and item.delivery.entry.delivery_id not in accepted:
            before, after = (_content(connection, contract, place) for place in (earlier, position))
            limits = item.layout.replacement
            may_grow = not _has_ended(items[earlier], month)
            worse = (
                *_lost(limits, before, after),
                *_keys(connection, contract, limits, earlier, position),
                *_sums(connection, contract, limits, earlier, position, may_grow=may_grow),
            )
            if worse:
                found.append(HeldBack(position, item, _counts(item, after), worse))
                continue
        standing.append(position)
    return tuple(found)


def replaces(later: Loaded, earlier: Loaded) -> bool:
    """Whether a delivery replaces an earlier one: a snapshot any, an increment one of the same file name."""
    return earlier.layout.mode == "snapshot" or later.delivery.entry.file_name == earlier.delivery.entry.file_name


def _has_ended(item: Loaded, month: Month | None) -> bool:
    """Whether the month of a delivery was over when it was delivered."""
    if month is None:
        return True
    delivered_at = item.delivery.entry.delivered_at
    return delivered_at >= datetime.combine(month.plus(1).first, time(), delivered_at.tzinfo)


def _at_most(pct: float, count: float, always: int = ALWAYS) -> float:
    """By how much so many may differ."""
    return max(always, count * pct / 100) if pct else 0


def _lost(limits: Replacement, before: _Content, after: _Content) -> Iterator[Bilingual]:
    """Too many lines in quarantine, too few rows."""
    is_no_worse = after.quarantined * before.lines <= before.quarantined * after.lines
    if not is_no_worse and after.quarantined > _at_most(limits.quarantined_pct, after.lines):
        yield Bilingual(
            vi=f"{after.quarantined} trên {after.lines} dòng bị cách ly",
            en=f"{after.quarantined} of {after.lines} lines quarantined",
        )
    lost = before.rows - after.rows
    if lost > _at_most(limits.rows_lost_pct, before.rows) or (lost > 0 and not after.rows):
        yield Bilingual(
            vi=f"{before.rows} dòng bị thay bằng {after.rows} dòng", en=f"{before.rows} rows replaced by {after.rows}"
        )


def _keys(
    connection: duckdb.DuckDBPyConnection, contract: Contract, limits: Replacement, earlier: int, later: int
) -> Iterator[Bilingual]:
    """Too many keys that are no longer there."""
    if not contract.key:
        return
    lost = f"FROM ({_rows(contract)}) SELECT count(*)"
    gone = f"{lost} WHERE is_earlier AND NOT is_later"
    places = {"earlier": earlier, "later": later}
    ((count, every),) = connection.execute(f"SELECT ({gone}), ({lost} WHERE is_earlier)", places).fetchall()
    if count > _at_most(limits.keys_lost_pct, every):
        yield Bilingual(vi=f"mất {count} trên {every} khóa", en=f"{count} of {every} keys lost")


def _sums(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    limits: Replacement,
    earlier: int,
    later: int,
    *,
    may_grow: bool,
) -> Iterator[Bilingual]:
    """Counts that add up to something else, over the keys that both deliveries have."""
    names = [name for name in contract.columns if name.endswith(COUNT) and name not in contract.key]
    if not names or not contract.key:
        return
    sums = ", ".join(f"sum({quoted(f'{name} {side}')})" for name in names for side in ("earlier", "later"))
    query = f"SELECT {sums} FROM ({_rows(contract, names)}) WHERE is_earlier AND is_later"
    ((*found,),) = connection.execute(query, {"earlier": earlier, "later": later}).fetchall()
    for name, before, after in zip(names, found[::2], found[1::2], strict=True):
        change = (after or 0) - (before or 0)
        most = _at_most(limits.sum_change_pct, abs(before or 0), FEW)
        if before and abs(change) > most and not (may_grow and change > 0):
            yield Bilingual(
                vi=f"tổng {name} là {after or 0:.15g} thay vì {before:.15g}, tính trên cùng các khóa",
                en=f"{name} adds up to {after or 0:.15g} instead of {before:.15g} over the same keys",
            )


def _rows(contract: Contract, names: Sequence[str] = ()) -> str:
    """The query with one row a key that one of two deliveries has by itself (see `_good`), and counts of each."""
    key = ", ".join(quoted(name) for name in contract.key)
    counts = "".join(
        f", any_value({quoted(name)}) FILTER (delivery_position = ${side}) AS {quoted(f'{name} {side}')}"
        for name in names
        for side in ("earlier", "later")
    )
    return f"""
        SELECT {key}, bool_or(delivery_position = $earlier) AS is_earlier,
            bool_or(delivery_position = $later) AS is_later{counts}
        FROM ({_good(contract, "delivery_position IN ($earlier, $later)", names)})
        GROUP BY {key}
        """


def _good(contract: Contract, where: str, names: Sequence[str] = ()) -> str:
    """The query with the rows that deliveries would add by themselves: one a key, if its rows do not contradict.

    Args:
        contract: of the table.
        where: which deliveries.
        names: the columns that are wanted besides the key.
    """
    good = f"FROM typed WHERE filter_code IS NULL AND reason IS NULL AND {where}"
    if not contract.key:
        return f"SELECT 1 AS line_count {good}"
    key = ", ".join(("delivery_position", *(quoted(name) for name in contract.key)))
    content = content_hash(contract.columns)
    others = "".join(f", any_value({quoted(name)}) AS {quoted(name)}" for name in names)
    return f"""
        SELECT {key}{others}, count(*) AS line_count {good}
        GROUP BY {key} HAVING min({content}) = max({content})
        """


def _content(connection: duckdb.DuckDBPyConnection, contract: Contract, position: int) -> _Content:
    rows = f"({_good(contract, 'delivery_position = $position')})"
    ((rows_in, data, count, good),) = connection.execute(
        f"""
        SELECT count(*), count(*) FILTER (filter_code IS NULL),
            (SELECT count(*) FROM {rows}), coalesce((SELECT sum(line_count) FROM {rows}), 0)::BIGINT
        FROM typed WHERE delivery_position = $position
        """,
        {"position": position},
    ).fetchall()
    return _Content(rows_in, data, count, data - good)


def _counts(item: Loaded, content: _Content) -> Counts:
    counts = Counts(
        delivery_id=item.delivery.entry.delivery_id,
        rows_in=item.raw.rows,
        accepted=content.rows,
        duplicate=content.lines - content.quarantined - content.rows,
        filtered=content.rows_in - content.lines,
        quarantined=content.quarantined,
    )
    counts.check()
    return counts

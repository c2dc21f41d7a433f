"""Rows: every line of a month's deliveries ends as accepted, duplicate, filtered or quarantined.

typed          one table for all deliveries of a partition: typed values, and the reason why a row is bad
disposition    what becomes of each row; repeated keys are resolved here
staged         the accepted rows, as the contract stores them
quarantined    the rows that broke the contract: delivery, line, reason
held_back      the same of deliveries that are held back: nothing else of them counts
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import duckdb

from dx_pipeline.declarations.contract import DUCKDB_TYPES, KNOWN_UNTIL, Contract
from dx_pipeline.declarations.source import Placement
from dx_pipeline.declarations.sql import create_table, literal, qualified, quoted, sql_file, violations
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, comparison, scanned_rows, values
from dx_pipeline.reading.comparison import HeldBack
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.storage.database import QUARANTINED, STAGED
from dx_pipeline.vietnamese.spelling import normal

SMALL = 200_000
"""So many typed rows take little memory."""

DISPOSITIONS = ("accepted", "duplicate", "filtered", "quarantined")

OF_HELD_BACK = "held_back"
"""The table of a connection with the bad rows of deliveries that are held back."""


@dataclass(frozen=True)
class Staging:
    """What became of the deliveries of one partition.

    Args:
        counts: where the rows of each delivery went, in the order of the deliveries, without those held back.
        held_back: the deliveries that differ too much from what they would replace.
    """

    counts: tuple[Counts, ...]
    held_back: tuple[HeldBack, ...]


def stage(
    connection: duckdb.DuckDBPyConnection, contract: Contract, loaded: Iterable[Loaded], month: Month | None
) -> tuple[Counts, ...]:
    """Make `staged` and `quarantined` as `stage_compared` does, and take every delivery whatever it is like."""
    return _stage(connection, contract, _type_all(connection, contract, loaded, month), (), month)


def stage_compared(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    loaded: Iterable[Loaded],
    month: Month | None,
    accepted: frozenset[str],
) -> Staging:
    """Make `staged`, `quarantined` and `held_back` from the loaded deliveries of one partition, in order of precedence.

    The lines of a delivery are dropped once they are typed, so that an iterator which loads each when its turn comes
    has only one in memory. Reference tables that the contract refers to must be in the connection under their names.

    Args:
        connection: has the reference tables.
        contract: of the table.
        loaded: the deliveries.
        month: that they are for; None for a table without months.
        accepted: the ids of those that are not compared with what they replace.

    Raises:
        ConservationError: rows were lost or added.
    """
    items = _type_all(connection, contract, loaded, month)
    held_back = comparison.find(connection, contract, items, month, accepted)
    return Staging(_stage(connection, contract, items, held_back, month), held_back)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    items: Sequence[Loaded],
    held_back: Sequence[HeldBack],
    month: Month | None,
) -> tuple[Counts, ...]:
    """Make the tables from `typed`; return where the rows of each delivery went that is not held back."""
    positions = {held.position for held in held_back}
    kept = {position: item for position, item in enumerate(items) if position not in positions}
    _set_aside(connection, contract, sorted(positions))
    _decide(connection, contract, [list(kept)[place] for place in superseded(list(kept.values()))])
    _write(connection, contract, items, month)
    counts = {position: rest for position, *rest in connection.execute(sql_file(__file__, "counts")).fetchall()}
    conserved = tuple(
        Counts(
            delivery_id=item.delivery.entry.delivery_id,
            rows_in=item.raw.rows,
            empty_columns=item.raw.empty_columns,
            **dict(zip(DISPOSITIONS, counts.get(position, (0, 0, 0, 0)), strict=True)),
        )
        for position, item in kept.items()
    )
    for item in conserved:
        item.check()
    connection.execute("DROP TABLE disposition")
    return conserved


def superseded(loaded: Sequence[Loaded]) -> tuple[int, ...]:
    """The positions of deliveries that a later one replaces.

    A snapshot is replaced by any later delivery, an increment by a later one of the same file name.
    """
    found = []
    for position, item in enumerate(loaded):
        later = loaded[position + 1 :]
        name = item.delivery.entry.file_name
        if (item.layout.mode == "snapshot" and later) or any(other.delivery.entry.file_name == name for other in later):
            found.append(position)
    return tuple(found)


def _type_all(
    connection: duckdb.DuckDBPyConnection, contract: Contract, loaded: Iterable[Loaded], month: Month | None
) -> list[Loaded]:
    """Make `typed` from the lines of all deliveries, and `delivered`, the delivery at each position."""
    declared = ", ".join(f"{quoted(name)} {DUCKDB_TYPES[column.type]}" for name, column in contract.columns.items())
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE typed (
            delivery_position INTEGER, delivery_line BIGINT, filter_code VARCHAR, reason VARCHAR, {declared})
        """
    )
    items: list[Loaded] = []
    for name, sharing in groupby(loaded, key=lambda item: item.raw.name):
        together = list(sharing)
        if (scanned := together[0].scanned) is not None:
            scanned_rows.insert(connection, contract, scanned, len(items))
            if not scanned.odd:
                items += together
                continue
        parameters: dict[str, Any] = {"position": len(items), **_from_titles(together[0])}
        if _knows_until(contract, month):
            parameters["delivered_at"] = [item.delivery.entry.delivered_at for item in together]
        connection.execute(_typed(contract, together[0], month), parameters)
        connection.execute(f"DROP TABLE {quoted(name)}")
        items += together
    _compress(connection, items)
    delivered = {
        "positions": list(range(len(items))),
        "ids": [item.delivery.entry.delivery_id for item in items],
        "synthetic": [item.raw.is_synthetic for item in items],
    }
    connection.execute(sql_file(__file__, "delivered"), delivered)
    return items


def _knows_until(contract: Contract, month: Month | None) -> bool:
    """Whether rules compare days with the last one that a delivery can know of."""
    return month is not None and any(KNOWN_UNTIL in rule.sql for rule in contract.rules)


def _from_titles(item: Loaded) -> dict[str, str | None]:
    """The values of the columns that are found in the lines above the headings, by parameter."""
    parameters: dict[str, str | None] = {}
    for name, placement in item.layout.columns.items():
        if placement.title is not None:
            pattern = re.compile(normal(placement.title))
            found = (pattern.search(title) for title in item.raw.titles)
            parameters[f"title_{name}"] = next((match[1] for match in found if match), None)
    return parameters


def _typed(contract: Contract, item: Loaded, month: Month | None) -> str:
    """The statement that types the lines of one raw table: clean text, then values, then the first reason.

    `$position` is that of the first delivery in the table, `$delivered_at` when each of them arrived, where rules ask.
    """
    layout, raw = item.layout, item.raw
    page = "page" if raw.page is not None else "0 AS page"
    texts = {heading: f"text_{number}" for number, heading in enumerate(layout.expected)}
    words = {
        heading
        for name, heading in layout.headers.items()
        if contract.columns[name].type == "text" and layout.columns[name].values is None
    }
    cleaned = ", ".join(
        f"{values.clean(heading, is_words=heading in words or heading in layout.ignored)} AS {name}"
        for heading, name in texts.items()
    )
    typed, reasons = [], ["WHEN fault IS NOT NULL THEN fault"]
    for name, column in contract.columns.items():
        placement = layout.columns.get(name)
        text = _text_of(name, placement, texts)
        typed.append(f"{values.value(text, column, placement) if placement else 'NULL'} AS {quoted(name)}")
        if placement is not None:
            unreadable = values.unreadable(column, placement, text)
            reasons.append(
                f"WHEN {text} IS NOT NULL AND {quoted(name)} IS NULL THEN {unreadable} || {literal(f'|{name}')}"
            )
        reasons.extend(
            f"WHEN {condition} THEN {literal(f'{reason}|{name}')}" for condition, reason in violations(name, column)
        )
    if contract.month is not None and month is not None:
        first = "" if contract.changes else f" AND {quoted(contract.month)}::DATE >= DATE '{month.first}'"
        within = f"{quoted(contract.month)}::DATE <= DATE '{month.last}'{first}"
        reasons.append(f"WHEN NOT ({within}) THEN 'outside_month|{contract.month}'")
    reasons.extend(f"WHEN NOT ({rule.sql}) THEN {literal(f'{rule.code}|')}" for rule in contract.rules)
    filters = "".join(
        f" WHEN regexp_matches({texts[rule.header]}, {literal(rule.matches)}) THEN {literal(rule.code)}"
        for rule in layout.filters
    )
    filter_code = f"CASE{filters} END" if filters else "NULL"
    columns = ", ".join(quoted(name) for name in contract.columns)
    known = "NULL::DATE"
    if month is not None and _knows_until(contract, month):
        known = f"greatest(DATE '{month.last}', list_extract($delivered_at::TIMESTAMPTZ[], page + 1)::DATE)"
    return f"""
        INSERT INTO typed
        WITH cleaned AS (SELECT {page}, line, fault, {cleaned} FROM {quoted(raw.name)}),
        valued AS (
            SELECT *, {filter_code} AS filter_code, {known} AS {KNOWN_UNTIL}, {", ".join(typed)} FROM cleaned)
        SELECT $position + page, line, filter_code,
            CASE WHEN filter_code IS NOT NULL THEN NULL {" ".join(reasons)} END, {columns}
        FROM valued
        """


def _text_of(name: str, placement: Placement | None, texts: dict[str, str]) -> str:
    if placement is None:
        return "NULL"
    if placement.title is not None:
        return f"$title_{name}::VARCHAR"
    return literal(placement.constant or "") if placement.header is None else texts[placement.header]


def _decide(connection: duckdb.DuckDBPyConnection, contract: Contract, replaced: Sequence[int]) -> None:
    """Make `disposition`: what becomes of every typed row.

    Rows of replaced deliveries are duplicates. A key that is twice in one delivery with different content is a
    conflict that cannot be resolved: all of its rows are quarantined. Otherwise the later delivery takes
    precedence, and within a delivery the first line.
    """
    connection.execute(sql_file(__file__, "disposition"), {"replaced": list(replaced)})
    if not contract.key:
        return
    key = ", ".join(quoted(name) for name in contract.key)
    content = ", ".join(quoted(name) for name in contract.columns)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH twice AS (  -- by their hashes, which take less memory; two keys of one hash do no harm
            SELECT hash({key}) AS key_hash
            FROM typed JOIN disposition USING (delivery_position, delivery_line)
            WHERE disposition = 'accepted' GROUP BY key_hash HAVING count(*) > 1
        ),
        hashed AS (
            SELECT delivery_position, delivery_line, {key}, hash({content}) AS content_hash
            FROM typed JOIN disposition USING (delivery_position, delivery_line)
            WHERE disposition = 'accepted' AND hash({key}) IN (SELECT key_hash FROM twice)
        ),
        compared AS (
            SELECT *, min(content_hash) OVER same_delivery <> max(content_hash) OVER same_delivery AS is_conflict
            FROM hashed WINDOW same_delivery AS (PARTITION BY {key}, delivery_position)
        )
        SELECT delivery_position, delivery_line, is_conflict,
            row_number() OVER (
                PARTITION BY {key}, is_conflict ORDER BY delivery_position DESC, delivery_line
            ) > 1 AS is_repeated
        FROM compared
        """
    )
    connection.execute(sql_file(__file__, "repeated"), {"conflict": f"key_conflict|{contract.key[0]}"})
    connection.execute("DROP TABLE repeated")


def _set_aside(connection: duckdb.DuckDBPyConnection, contract: Contract, positions: Sequence[int]) -> None:
    """Move the deliveries at some positions out of `typed`; `held_back` has their bad rows."""
    if not positions:
        return
    key = ", ".join(("delivery_position", *(quoted(name) for name in contract.key)))
    content = f"CASE WHEN reason IS NULL THEN hash({', '.join(quoted(name) for name in contract.columns)}) END"
    conflict = literal(f"key_conflict|{contract.key[0]}") if contract.key else "NULL"
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {OF_HELD_BACK} AS
        WITH broken AS (
            SELECT delivery_position, delivery_line, {_reporter(contract)} AS reporter,
                coalesce(reason, CASE WHEN {"true" if contract.key else "false"}
                    AND min({content}) OVER same_key <> max({content}) OVER same_key THEN {conflict} END) AS reason
            FROM typed
            WHERE filter_code IS NULL AND list_contains($positions::INTEGER[], delivery_position)
            WINDOW same_key AS (PARTITION BY {key})
        )
        SELECT delivery_id, delivery_line, split_part(reason, '|', 1) AS reason_code,
            nullif(split_part(reason, '|', 2), '') AS column_name, reporter, synthetic
        FROM broken JOIN delivered USING (delivery_position)
        WHERE reason IS NOT NULL ORDER BY delivery_position, delivery_line
        """,
        {"positions": list(positions)},
    )
    connection.execute(
        "DELETE FROM typed WHERE list_contains($positions::INTEGER[], delivery_position)",
        {"positions": list(positions)},
    )


def _write(
    connection: duckdb.DuckDBPyConnection, contract: Contract, items: Sequence[Loaded], month: Month | None
) -> None:
    """Make `staged` and `quarantined` by disposition, some deliveries at a time: sorting takes memory."""
    for name in (STAGED, QUARANTINED):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(create_table(STAGED, contract.stored))
    month_value = {"month": f"DATE '{month.first}'"} if month else {}
    columns = ", ".join(month_value.get(name, quoted(name)) for name in contract.stored)
    for first, last in _stretches(items):
        connection.execute(
            f"""
            INSERT INTO {STAGED}
            SELECT {columns} FROM typed JOIN disposition USING (delivery_position, delivery_line)
                JOIN delivered USING (delivery_position)
            WHERE disposition = 'accepted' AND delivery_position BETWEEN $first AND $last
            ORDER BY delivery_position, delivery_line
            """,
            {"first": first, "last": last},
        )
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW reporting AS"
        f" SELECT delivery_position, delivery_line, {_reporter(contract)} AS reporter FROM typed"
    )
    connection.execute(sql_file(__file__, "quarantined"))
    connection.execute("DROP VIEW reporting; DROP TABLE typed; DROP TABLE delivered")
    _compress(connection, items)


def _reporter(contract: Contract) -> str:
    """Who reported a row, if it names one of those who are expected to report; anything else stays unnamed."""
    if contract.reporters is None:
        return "NULL::VARCHAR"
    column = contract.reporters.column
    table, _, key = str(contract.columns[column].references).rpartition(".")
    return f"CASE WHEN {quoted(column)} IN (SELECT {quoted(key)} FROM {qualified(table)}) THEN {quoted(column)} END"


def _stretches(items: Sequence[Loaded]) -> Iterator[tuple[int, int]]:
    """The first and last position of consecutive deliveries that have few rows together."""
    first = rows = 0
    for position, item in enumerate(items):
        if rows and rows + item.raw.rows > SMALL:
            yield first, position - 1
            first, rows = position, 0
        rows += item.raw.rows
    yield first, len(items) - 1


def _compress(connection: duckdb.DuckDBPyConnection, items: Sequence[Loaded]) -> None:
    """Compress what is in memory, if that is much: repeated words take most of it."""
    if sum(item.raw.rows for item in items) > SMALL:
        connection.execute("CHECKPOINT")

"""Rows: every line of a month's deliveries ends as accepted, duplicate, filtered or quarantined.

typed    one table for all deliveries of a partition: typed values, and a reason where one is due
disposition  what becomes of each row; repeated keys are settled here
staged   the accepted rows, as the contract stores them
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import duckdb

from dx_pipeline.declarations.contract import DUCKDB_TYPES, Contract
from dx_pipeline.declarations.source import Placement
from dx_pipeline.declarations.sql import create_table, literal, quoted, violations
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, values
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.storage.database import STAGED
from dx_pipeline.vietnamese.spelling import normal

SMALL = 200_000
"""So many typed rows take no memory to speak of."""

QUARANTINED = "quarantined"
DISPOSITIONS = ("accepted", "duplicate", "filtered", "quarantined")


def stage(
    connection: duckdb.DuckDBPyConnection, contract: Contract, loaded: Iterable[Loaded], month: Month | None
) -> tuple[Counts, ...]:
    """Make `staged` and `quarantined` from the loaded deliveries of one partition, in their order.

    Deliveries are taken one after the other, and their lines dropped once they are typed: whoever
    loads them while they are asked for holds no more than one in memory.

    Reference tables that the contract refers to must be in the connection under their names.

    Returns:
        Where the rows of each delivery went, in the order of the deliveries.

    Raises:
        ConservationError: rows were lost or invented.
    """
    items = _type_all(connection, contract, loaded, month)
    _settle(connection, contract, superseded(items))
    _write(connection, contract, items, month)
    counts = {
        position: rest
        for position, *rest in connection.execute(
            """
            SELECT delivery_position,
                count(*) FILTER (disposition = 'accepted'), count(*) FILTER (disposition = 'duplicate'),
                count(*) FILTER (disposition = 'filtered'), count(*) FILTER (disposition = 'quarantined')
            FROM settled GROUP BY delivery_position
            """
        ).fetchall()
    }
    conserved = tuple(
        Counts(
            delivery_id=item.delivery.entry.delivery_id,
            rows_in=item.raw.rows,
            **dict(zip(DISPOSITIONS, counts.get(position, (0, 0, 0, 0)), strict=True)),
        )
        for position, item in enumerate(items)
    )
    for item in conserved:
        item.check()
    connection.execute("DROP TABLE settled")
    return conserved


def superseded(loaded: Sequence[Loaded]) -> tuple[int, ...]:
    """The positions of deliveries that hold no more, because a later one took their place.

    Of snapshots only the latest holds. Of increments one that was sent again under its own name
    is replaced by what came later under that name.
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
    """Make `typed` from the lines of all deliveries, and `delivered`, which says whose they are."""
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
        connection.execute(
            _typed(contract, together[0], month), {"position": len(items), **_said_in_titles(together[0])}
        )
        connection.execute(f"DROP TABLE {quoted(name)}")
        items += together
    _compress(connection, items)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE delivered AS
        SELECT unnest($positions::INTEGER[]) AS delivery_position, unnest($ids::VARCHAR[]) AS delivery_id,
            unnest($synthetic::BOOLEAN[]) AS synthetic
        """,
        {
            "positions": list(range(len(items))),
            "ids": [item.delivery.entry.delivery_id for item in items],
            "synthetic": [item.raw.is_synthetic for item in items],
        },
    )
    return items


def _said_in_titles(item: Loaded) -> dict[str, str | None]:
    """What the lines above the headings say, by parameter, for the columns that are placed there."""
    said: dict[str, str | None] = {}
    for name, placement in item.layout.columns.items():
        if placement.title is not None:
            pattern = re.compile(normal(placement.title))
            found = (pattern.search(title) for title in item.raw.titles)
            said[f"title_{name}"] = next((match[1] for match in found if match), None)
    return said


def _typed(contract: Contract, item: Loaded, month: Month | None) -> str:
    """The statement that types the lines of one table: clean text, then values, then the first reason.

    `$position` is that of the first delivery in it.
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
        reasons.append(
            f"WHEN {quoted(contract.month)}::DATE NOT BETWEEN DATE '{month.first}' AND DATE '{month.last}'"
            f" THEN 'outside_month|{contract.month}'"
        )
    reasons.extend(f"WHEN NOT ({rule.sql}) THEN {literal(f'{rule.code}|')}" for rule in contract.rules)
    filters = "".join(
        f" WHEN regexp_matches({texts[rule.header]}, {literal(rule.matches)}) THEN {literal(rule.code)}"
        for rule in layout.filters
    )
    filter_code = f"CASE{filters} END" if filters else "NULL"
    columns = ", ".join(quoted(name) for name in contract.columns)
    return f"""
        INSERT INTO typed
        WITH cleaned AS (SELECT {page}, line, fault, {cleaned} FROM {quoted(raw.name)}),
        valued AS (SELECT *, {filter_code} AS filter_code, {", ".join(typed)} FROM cleaned)
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


def _settle(connection: duckdb.DuckDBPyConnection, contract: Contract, replaced: Sequence[int]) -> None:
    """Decide the disposition of every typed row.

    A key that stands twice in one delivery with different content is a conflict that nobody here
    can settle: all of its rows go to quarantine. Otherwise the later delivery holds, and within a
    delivery the first line. Rows of replaced deliveries count as duplicates.
    """
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE settled AS
        SELECT delivery_position, delivery_line,
            CASE WHEN filter_code IS NOT NULL THEN 'filtered' WHEN reason IS NOT NULL THEN 'quarantined'
                WHEN delivery_position IN (SELECT unnest($replaced::INTEGER[])) THEN 'duplicate'
                ELSE 'accepted' END AS disposition,
            reason
        FROM typed
        """,
        {"replaced": list(replaced)},
    )
    if not contract.key:
        return
    key = ", ".join(quoted(name) for name in contract.key)
    content = ", ".join(quoted(name) for name in contract.columns)
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH twice AS (  -- by their hashes, which take less memory: one that is not twice does no harm
            SELECT hash({key}) AS key_hash
            FROM typed JOIN settled USING (delivery_position, delivery_line)
            WHERE disposition = 'accepted' GROUP BY key_hash HAVING count(*) > 1
        ),
        hashed AS (
            SELECT delivery_position, delivery_line, {key}, hash({content}) AS content_hash
            FROM typed JOIN settled USING (delivery_position, delivery_line)
            WHERE disposition = 'accepted' AND hash({key}) IN (SELECT key_hash FROM twice)
        ),
        judged AS (
            SELECT *, min(content_hash) OVER same_delivery <> max(content_hash) OVER same_delivery AS is_conflict
            FROM hashed WINDOW same_delivery AS (PARTITION BY {key}, delivery_position)
        )
        SELECT delivery_position, delivery_line, is_conflict,
            row_number() OVER (
                PARTITION BY {key}, is_conflict ORDER BY delivery_position DESC, delivery_line
            ) > 1 AS is_repeated
        FROM judged
        """
    )
    connection.execute(
        f"""
        UPDATE settled SET
            disposition = CASE WHEN is_conflict THEN 'quarantined' ELSE 'duplicate' END,
            reason = CASE WHEN is_conflict THEN {literal(f"key_conflict|{contract.key[0]}")} END
        FROM repeated
        WHERE settled.delivery_position = repeated.delivery_position
            AND settled.delivery_line = repeated.delivery_line AND (is_conflict OR is_repeated)
        """
    )
    connection.execute("DROP TABLE repeated")


def _write(
    connection: duckdb.DuckDBPyConnection, contract: Contract, items: Sequence[Loaded], month: Month | None
) -> None:
    """Make `staged` and `quarantined` of the settled rows, some deliveries at a time: sorting takes memory."""
    for name in (STAGED, QUARANTINED):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(create_table(STAGED, contract.stored))
    month_value = {"month": f"DATE '{month.first}'"} if month else {}
    columns = ", ".join(month_value.get(name, quoted(name)) for name in contract.stored)
    for first, last in _stretches(items):
        connection.execute(
            f"""
            INSERT INTO {STAGED}
            SELECT {columns} FROM typed JOIN settled USING (delivery_position, delivery_line)
                JOIN delivered USING (delivery_position)
            WHERE disposition = 'accepted' AND delivery_position BETWEEN $first AND $last
            ORDER BY delivery_position, delivery_line
            """,
            {"first": first, "last": last},
        )
    connection.execute(
        f"""
        CREATE TABLE {QUARANTINED} AS
        SELECT delivery_id, delivery_line, split_part(settled.reason, '|', 1) AS reason_code,
            nullif(split_part(settled.reason, '|', 2), '') AS column_name, synthetic
        FROM settled JOIN delivered USING (delivery_position)
        WHERE disposition = 'quarantined' ORDER BY delivery_position, delivery_line
        """
    )
    connection.execute("DROP TABLE typed; DROP TABLE delivered")
    _compress(connection, items)


def _stretches(items: Sequence[Loaded]) -> Iterator[tuple[int, int]]:
    """The positions of the deliveries, first and last of as many as are not too many rows together."""
    first = rows = 0
    for position, item in enumerate(items):
        if rows and rows + item.raw.rows > SMALL:
            yield first, position - 1
            first, rows = position, 0
        rows += item.raw.rows
    yield first, len(items) - 1


def _compress(connection: duckdb.DuckDBPyConnection, items: Sequence[Loaded]) -> None:
    """Compress what is in memory, where it is much: words that repeat take most of it."""
    if sum(item.raw.rows for item in items) > SMALL:
        connection.execute("CHECKPOINT")

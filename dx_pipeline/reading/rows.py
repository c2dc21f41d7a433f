"""Rows: every line of a month's deliveries ends as accepted, duplicate, filtered or quarantined.

typed          one table for all deliveries of a partition: typed values, and the reason why a row is bad
disposition    what becomes of each row; repeated keys are resolved here
staged         the accepted rows, as the contract stores them
quarantined    the rows that broke the contract: delivery, line, reason
held_back      the same of deliveries that are held back: nothing else of them counts
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from dx_pipeline.declarations.contract import DUCKDB_TYPES, Contract
from dx_pipeline.declarations.sql import content_hash, create_table, literal, qualified, quoted, sql_file
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, comparison, typed
from dx_pipeline.reading.comparison import HeldBack
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.reading.scan import Scanned
from dx_pipeline.storage.database import QUARANTINED, STAGED

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


def stage_odd(
    connection: duckdb.DuckDBPyConnection, contract: Contract, item: Loaded, month: Month | None
) -> dict[str, int] | None:
    """Make `staged` and `quarantined` from the lines alone that a scan of the only delivery left.

    Returns how many of them became what; None where a key is twice in the delivery: all of its lines are needed then.
    """
    assert item.scanned is not None  # noqa: S101
    items = _type_all(connection, contract, [item], month, are_scanned_left_out=True)
    if contract.key and _has_repeated_key(connection, contract, item.scanned):
        return None
    _decide(connection, contract, [])
    _write(connection, contract, items, month)
    found = connection.execute(sql_file(__file__, "counts")).fetchall()
    connection.execute("DROP TABLE disposition")
    if item.scanned.odd:
        connection.execute(f"DROP TABLE {quoted(item.raw.name)}")
    counts = found[0][1:] if found else (0, 0, 0, 0)
    return dict(zip(DISPOSITIONS, counts, strict=True))


def _has_repeated_key(connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scanned) -> bool:
    """Whether a key is twice in a delivery: in rows that were scanned, or in good ones of `typed`, or in both."""
    if scanned.has_unique_keys and not scanned.odd:
        return False
    key = ", ".join(quoted(name) for name in contract.key)
    rows, good = "read_parquet($path, hive_partitioning = false)", "typed WHERE filter_code IS NULL AND reason IS NULL"
    of_scanned = f"SELECT {key} FROM {rows}"
    if scanned.has_unique_keys:  # then only keys of other lines can be there twice
        of_scanned += f" WHERE ({key}) IN (SELECT ({key}) FROM {good})"
    twice = (
        f"FROM ({of_scanned} UNION ALL SELECT {key} FROM {good}) SELECT 1 GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
    )
    return bool(connection.execute(twice, {"path": str(scanned.rows)}).fetchall())


def _type_all(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    loaded: Iterable[Loaded],
    month: Month | None,
    *,
    are_scanned_left_out: bool = False,
) -> list[Loaded]:
    """Make `typed` from the lines of all deliveries, and `delivered`, the delivery at each position.

    `are_scanned_left_out`: whether from the other lines alone, which stay in the connection.
    """
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
            if not are_scanned_left_out:
                typed.insert_scanned(connection, contract, scanned, len(items))
            if not scanned.odd:
                items += together
                continue
        parameters = {"position": len(items), **typed.parameters(contract, together, month)}
        connection.execute(typed.statement(contract, together[0], month), parameters)
        if not are_scanned_left_out:
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
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH twice AS (  -- by their hashes, which take less memory; two keys of one hash do no harm
            SELECT hash({key}) AS key_hash
            FROM typed JOIN disposition USING (delivery_position, delivery_line)
            WHERE disposition = 'accepted' GROUP BY key_hash HAVING count(*) > 1
        ),
        hashed AS (
            SELECT delivery_position, delivery_line, {key}, {content_hash(contract.columns)} AS content_hash
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
    content = f"CASE WHEN reason IS NULL THEN {content_hash(contract.columns)} END"
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

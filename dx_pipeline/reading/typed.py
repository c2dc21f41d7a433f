"""Typed lines: what puts the lines of a delivery, with typed values and the reasons of bad ones, into `typed`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb

from dx_pipeline.declarations.contract import KNOWN_UNTIL, Contract
from dx_pipeline.declarations.source import Placement
from dx_pipeline.declarations.sql import literal, quoted, violations
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, values
from dx_pipeline.reading.scan import Scanned
from dx_pipeline.vietnamese.spelling import normal


def insert_scanned(connection: duckdb.DuckDBPyConnection, contract: Contract, scanned: Scanned, position: int) -> None:
    """Add the rows that a scan has typed to `typed`: nothing is wrong with them."""
    columns = ", ".join(quoted(name) for name in contract.columns)
    connection.execute(
        f"INSERT INTO typed SELECT $position, delivery_line, NULL, NULL, {columns}"
        " FROM read_parquet($path, hive_partitioning = false)",
        {"position": position, "path": str(scanned.rows)},
    )


def _knows_until(contract: Contract, month: Month | None) -> bool:
    """Whether rules compare days with the last one that a delivery can know of."""
    return month is not None and any(KNOWN_UNTIL in rule.sql for rule in contract.rules)


def parameters(contract: Contract, items: Sequence[Loaded], month: Month | None) -> dict[str, Any]:
    """The parameters of the statement for deliveries that share a raw table, but for the position of the first."""
    found: dict[str, Any] = {**_from_titles(items[0])}
    if _knows_until(contract, month):
        found["delivered_at"] = [item.delivery.entry.delivered_at for item in items]
    return found


def _from_titles(item: Loaded) -> dict[str, str | None]:
    """The values of the columns that are found in the lines above the headings, by parameter."""
    parameters: dict[str, str | None] = {}
    for name, placement in item.layout.columns.items():
        if placement.title is not None:
            pattern = re.compile(normal(placement.title))
            found = (pattern.search(title) for title in item.raw.titles)
            parameters[f"title_{name}"] = next((match[1] for match in found if match), None)
    return parameters


def statement(contract: Contract, item: Loaded, month: Month | None) -> str:
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

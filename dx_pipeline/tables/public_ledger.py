"""The ledger as everybody may see it: it reveals no count of few rows of a table that withholds some.

A delivery may be of one agency. So of tables that withhold something (see `Catalogue.withholds`) neither rows, sizes
nor hashes of a single delivery are public: of few rows, a size or a hash says as much as their number. Rows are summed
by month.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.tables.ledger import Ledger, PartitionState
from dx_pipeline.tables.partition import Key, key_of
from dx_pipeline.tables.run import PartitionRun

Row = dict[str, Any]
Sums = Counter[str]

COUNTS = ("rows_in", "rows_accepted", "rows_duplicate", "rows_filtered", "rows_quarantined")
EARLIER = "rows_earlier"
"""Accepted rows that are states of earlier months: what is accepted, less the published count of the month."""

SENSITIVE = ("rows_in", "rows_accepted", "rows_duplicate", EARLIER)
"""The counts that are never shown where they are few: of quarantined rows each is listed, filtered ones are no rows."""

WITHHELD_REASON = "what was delivered is not published: analysts inside the office find the reason in ledger.partition"


def tables(ledger: Ledger, catalogue: Catalogue, earlier: Mapping[Key, int]) -> dict[str, list[Row]]:
    """The public rows of the ledger's tables.

    Args:
        ledger: the whole ledger.
        catalogue: which tables withhold something.
        earlier: how many rows of a partition are states of earlier months.
    """
    whole = {name: list(rows) for name, rows in ledger.tables().items()}
    named = {(row["source"], row["delivery_id"]): row["table_name"] for row in whole["ledger.delivery"]}

    def is_whole(row: Row) -> bool:
        table = row.get("table_name") or named.get((row["source"], row.get("delivery_id")))
        return not (catalogue.withholds(table) if table is not None else catalogue.source_withholds(row["source"]))

    shown = {
        name: [
            row if is_whole(row) else row | dict.fromkeys(catalogue.contracts[name].inside_only) for row in whole[name]
        ]
        for name in ("ledger.delivery", "ledger.stripped", "ledger.audit")
    }
    shown["ledger.conservation"] = [row for row in whole["ledger.conservation"] if is_whole(row)]
    shown["ledger.conservation"] += _summed(ledger, catalogue, earlier)
    shown["ledger.partition"] = [_state(state, catalogue) for state in ledger.states]
    return shown


def held_back(ledger: Ledger, catalogue: Catalogue) -> list[Row]:
    """What was held back, as the public data package reports it."""
    return [_without_reason(state, catalogue) for state in ledger.held_back]


def _state(state: PartitionState, catalogue: Catalogue) -> Row:
    described = _without_reason(state, catalogue)
    rows = None if _withholds(state, catalogue) else state.rows
    return {"table_name": described.pop("table"), **described, "row_count": rows, "synthetic": state.synthetic}


def _without_reason(state: PartitionState, catalogue: Catalogue) -> Row:
    """A partition's state; why a delivery was refused may say how many rows it has, or has not."""
    is_shown = state.problem is None or not _withholds(state, catalogue) or not state.is_of_delivery
    return state.as_json() if is_shown else {**state.as_json(), "problem": WITHHELD_REASON}


def _withholds(state: PartitionState, catalogue: Catalogue) -> bool:
    return isinstance(state.key, Key) and catalogue.withholds(state.key.table)


def _summed(ledger: Ledger, catalogue: Catalogue, earlier: Mapping[Key, int]) -> Iterator[Row]:
    """Rows of `ledger.conservation` of tables that withhold something, without what waits for a revision."""
    runs: dict[str, list[PartitionRun]] = defaultdict(list)
    for run in ledger.runs.values():
        if catalogue.withholds(run.table) and run.counts:
            runs[run.table].append(run)
    for table, of_table in sorted(runs.items()):
        for row in sums(of_table, catalogue.province.suppress_below, earlier):
            yield {"table_name": table, **row}


def sums(runs: Iterable[PartitionRun], threshold: int, earlier: Mapping[Key, int]) -> Iterator[Row]:
    """Where the rows of one table went, by month, over all sources and deliveries.

    Months with a count that is too small have one row together, with at least one more month, so that no count in it is
    too small. Where all months together have too few, these counts are empty.
    """
    by_month: dict[str, Sums] = defaultdict(Counter)
    for run in runs:
        for counts in run.counts:
            plain = {"rows_in": counts.rows_in, **{name: getattr(counts, name[5:]) for name in COUNTS[1:]}}
            by_month[run.month or ""].update(plain)
        by_month[run.month or ""][EARLIER] += earlier.get(key_of(run), 0)
    together = [month for month, of_month in by_month.items() if _few(of_month, threshold)]
    others = sorted(by_month.keys() - set(together), key=lambda month: (by_month[month]["rows_in"], month))
    if together and others:
        together.append(others.pop(0))
    while others and _few(_sum(by_month, together), threshold):
        together.append(others.pop(0))
    for month in sorted(others):
        yield {"month": month or None, **_counts(by_month[month])}
    if together:
        whole = _sum(by_month, together)
        few = _few(whole, threshold)
        empty = {"rows_in", "rows_duplicate", *few} - {EARLIER} if few else set()
        empty |= {"rows_accepted"} if EARLIER in few else set()
        months = ", ".join(sorted(together))
        yield {"month": None, "months": months or None, **_counts(whole), **dict.fromkeys(empty)}


def _few(of_rows: Sums, threshold: int) -> list[str]:
    """The counts that are too small to be shown."""
    return [name for name in SENSITIVE if 0 < of_rows[name] < threshold]


def _sum(by_month: dict[str, Sums], months: Iterable[str]) -> Sums:
    whole: Sums = Counter()
    for month in months:
        whole.update(by_month[month])
    return whole


def _counts(of_rows: Sums) -> Row:
    return {name: of_rows[name] for name in COUNTS}

"""Revisions: what came after a month had closed, what it would change, and its acceptance.

    late delivery, later state -> proposal -> (tried out: before, after) -> accepted -> published

A proposal changes nothing. To see what it would change, the pipeline itself runs in a copy of the warehouse in which it
is accepted; what it publishes there is compared with what is published now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline import progress
from dx_pipeline.declarations.catalogue import KPI_TABLE, Catalogue
from dx_pipeline.declarations.contract import arrow_schema
from dx_pipeline.declarations.sql import literal, sql_file
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.ingest import publish_landed
from dx_pipeline.kpi.evaluation import LATER_STATES, evaluate
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files, parquet
from dx_pipeline.storage.database import connect
from dx_pipeline.storage.lock import writing
from dx_pipeline.tables import closing, partition
from dx_pipeline.tables.closing import Closing, Reason, Revision
from dx_pipeline.tables.partition import Key

REVISED = "kpi.revised_value"
"""The table of the values that accepted revisions changed."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Proposal:
    """A revision of one closed month of a table, which nobody has accepted yet.

    Args:
        closing: what the month rests on now.
        late: the deliveries that came after it had closed: id and file name.
        later_states: by the month that they were delivered for, how many later states would change its figures.
        states_until: the last month of which states count once it is accepted.
    """

    closing: Closing
    late: tuple[tuple[str, str], ...]
    later_states: tuple[tuple[str, int], ...]
    states_until: str

    @property
    def key(self) -> Key:
        """The partition that it changes."""
        return self.closing.key

    @property
    def proposal_id(self) -> str:
        """Its id: another one as soon as anything else is proposed for the month."""
        about = [str(self.key), *(delivery_id for delivery_id, _ in self.late), *map(str, self.later_states)]
        about += [self.states_until] if self.later_states else []
        return sha256("\n".join(about).encode()).hexdigest()[:8]

    def accepted(self, reason: Reason, note: str, at: datetime) -> Closing:
        """The closing with this revision."""
        ids = (*self.closing.basis.deliveries, *(delivery_id for delivery_id, _ in self.late))
        revision = Revision(
            deliveries=tuple(sorted(ids)),
            states_until=self.states_until,
            proposal=self.proposal_id,
            accepted_at=at,
            reason=reason,
            note=note,
        )
        return self.closing.model_copy(update={"revisions": (*self.closing.revisions, revision)})

    def as_json(self) -> Row:
        """The proposal as `--json` reports it."""
        return {
            "proposal": self.proposal_id,
            "table": self.key.table,
            "source": self.key.source,
            "month": str(self.key.month),
            "files": [name for _, name in self.late],
            "later_states": dict(self.later_states),
            "reason": "routine",
        }


@dataclass(frozen=True)
class Effect:
    """What a proposal would change.

    Args:
        counts: where the rows of each late delivery would go.
        changes: the published values that would differ, appear or vanish, as rows of `kpi.revised_value` without its
            acceptance.
    """

    counts: tuple[Counts, ...]
    changes: list[Row]


def proposals(settings: Settings) -> list[Proposal]:
    """What came after its month had closed and waits for acceptance, by table, source and month."""
    closings, states = closing.every(settings), _later_states(settings)
    found = []
    for key, closed in closings.items():
        until = closing.last_closed(closings, key.table, key.source)
        later = states[key] if str(until) > closed.basis.states_until else ()
        late = _late(settings, closed)
        if late or later:
            found.append(Proposal(closed, late, later, str(until)))
    return found


def effect(settings: Settings, catalogue: Catalogue, proposal: Proposal) -> Effect:
    """What would be published if a proposal were accepted.

    Raises:
        DxError: what was delivered late cannot be published; says why.
    """
    with connect(settings) as connection:
        counts = _try_out(settings, catalogue, connection, proposal)
        found = connection.execute("FROM revised")
        names = [column[0] for column in found.description or ()]
        return Effect(counts, [dict(zip(names, row, strict=True)) for row in found.fetchall()])


def accept(
    settings: Settings,
    catalogue: Catalogue,
    proposal_id: str,
    reason: Reason,
    note: str,
    *,
    now: datetime | None = None,
) -> Proposal:
    """Accept a proposal: record what it changes and what the month rests on from now on. The next run publishes it.

    Raises:
        UsageError: there is no such proposal.
        DxError: what was delivered late cannot be published; says why.
    """
    with writing(settings):
        by_id = {proposal.proposal_id: proposal for proposal in proposals(settings)}
        if proposal_id not in by_id:
            raise UsageError(
                f"there is no proposed revision '{proposal_id}': see 'dx revision list'.",
                f"không có đề nghị đính chính '{proposal_id}': xem 'dx revision list'.",
            )
        proposal, at = by_id[proposal_id], now or datetime.now(UTC)
        about = proposal.as_json()
        contract = catalogue.contracts[REVISED]
        with connect(settings) as connection:
            _try_out(settings, catalogue, connection, proposal)
            rows = connection.sql(
                "SELECT *, $proposal AS proposal, $table AS table_name, $source AS source, $month AS month,"
                " $reason AS reason, $at::TIMESTAMPTZ AS accepted_at, nullif($note, '') AS note FROM revised",
                params={
                    **{name: about[name] for name in ("proposal", "table", "source", "month")},
                    "reason": reason,
                    "at": at.isoformat(),
                    "note": note,
                },
            )
            path = _revised_path(settings, proposal_id)
            parquet.write(settings, rows, path, arrow_schema(contract, contract.stored), {})
        closing.record(settings, proposal.accepted(reason, note, at))
        return proposal


def revised(settings: Settings) -> dict[str, Path]:
    """The values that each accepted revision changed, by the id of its proposal, in the order of their ids."""
    accepted = {item.proposal for closed in closing.every(settings).values() for item in closed.revisions}
    return {proposal: _revised_path(settings, proposal) for proposal in sorted(accepted)}


def _try_out(
    settings: Settings, catalogue: Catalogue, connection: duckdb.DuckDBPyConnection, proposal: Proposal
) -> tuple[Counts, ...]:
    """Fill `revised` with the values that a proposal would change; where the rows of its deliveries would go."""
    progress.announce(f"revision {proposal.proposal_id}")
    with _copy(settings) as copy:
        closing.record(copy, proposal.accepted("routine", "", datetime.now(UTC)))
        publish_landed(copy, catalogue, proposal.key.source, [Month.parse(proposal.closing.month)])
        run = partition.run(copy, proposal.key)
        if run is None or not run.published or run.problem is not None:
            why = (run.problem, run.problem_vi) if run else ("nothing can be read", "không đọc được gì")
            raise DxError(f"{proposal.key}: {why[0]}", f"{proposal.key}: {why[1]}")
        first, *others = catalogue.kpis
        evaluate(copy, catalogue, first, others)
        paths = {
            name: [str(path) for path in partition.all_rows(each, KPI_TABLE)]
            for name, each in {"before": settings, "after": copy}.items()
        }
        connection.execute(sql_file(__file__, "revised"), paths)
    late = {delivery_id for delivery_id, _ in proposal.late}
    return tuple(item for item in run.counts if item.delivery_id in late)


@contextmanager
def _copy(settings: Settings) -> Iterator[Settings]:
    """A copy of the warehouse to try something out in."""
    with files.private_warehouse(settings) as copy:
        for original in (settings.tables, settings.quarantine, settings.revisions):
            if original.is_dir():
                files.link(original, copy.warehouse / original.name)
        for original in (settings.landing, settings.inbox, settings.reference):
            (copy.warehouse / original.name).symlink_to(original)
        yield copy


def _late(settings: Settings, closed: Closing) -> tuple[tuple[str, str], ...]:
    """The deliveries, id and file name, that the latest run of a month found late and nobody has accepted since."""
    run = partition.run(settings, closed.key)
    ids = {item.delivery_id for item in run.proposed} - {*closed.basis.deliveries} if run is not None else set()
    landed = deliveries.landed(settings, closed.source, closed.key.month) if ids else ()
    return tuple((item.entry.delivery_id, item.entry.file_name) for item in landed if item.entry.delivery_id in ids)


def _later_states(settings: Settings) -> dict[Key, tuple[tuple[str, int], ...]]:
    """How many later states would change the figures of each closed month: in the view in which they are most."""
    found: dict[Key, tuple[tuple[str, int], ...]] = defaultdict(tuple)
    if paths := partition.all_rows(settings, LATER_STATES):
        rows = duckdb.execute(
            "SELECT table_name, source, month, state_month, max(row_count)"
            f" FROM read_parquet([{', '.join(literal(str(path)) for path in paths)}], hive_partitioning = false)"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for table, source, month, state_month, count in rows:
            found[Key(table, source, Month.of(month))] += ((str(Month.of(state_month)), count),)
    return found


def _revised_path(settings: Settings, proposal_id: str) -> Path:
    return settings.revisions / REVISED / f"{proposal_id}.parquet"

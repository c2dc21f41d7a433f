"""Inputs: what a release was built from. Its internal part lists them, and it can be built again from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict

from dx_pipeline.errors import ReleaseError
from dx_pipeline.landing.delivery import ENTRY
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.tables import closing, partition
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.ledger import Ledger
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.run import PartitionRun, RunInputs


class LandedDelivery(BaseModel):
    """A delivery that had landed, and the SHA-256 of its entry; the entry has the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True)

    source: str
    month: str | None
    delivery_id: str
    entry_sha256: str


class RecordedRun(BaseModel):
    """The latest run of a partition that sources fill; see `PartitionRun`. A derived partition has no inputs."""

    model_config = ConfigDict(frozen=True)

    table: str
    source: str
    month: str | None
    inputs: RunInputs | None
    inputs_of_rows: RunInputs | None

    @property
    def key(self) -> Key:
        """The partition of the run."""
        return Key(self.table, self.source, Month.parse(self.month) if self.month else None)


class ReleaseInputs(BaseModel):
    """What a release was built from, beside code and declarations.

    Args:
        deliveries: everything that had landed.
        closings: by partition of a closed month, a digest of what it rested on when it closed and since each revision.
        runs: what each partition's latest run and its rows were made from.
        unknown: the partitions that were made by a version of the program that did not record their inputs.
    """

    model_config = ConfigDict(frozen=True)

    deliveries: tuple[LandedDelivery, ...]
    closings: dict[str, tuple[str, ...]]
    runs: tuple[RecordedRun, ...]
    unknown: tuple[str, ...] = ()

    @classmethod
    def read(cls, settings: Settings, ledger: Ledger) -> ReleaseInputs:
        """What a release would be built from now."""
        runs = dict(sorted(ledger.runs.items(), key=lambda item: str(item[0])))
        return cls(
            deliveries=tuple(_landed(ledger)),
            closings={str(key): closed.digests for key, closed in closing.every(settings).items()},
            runs=tuple(_recorded(key, run) for key, run in runs.items()),
            unknown=tuple(str(key) for key, run in runs.items() if not _is_known(settings, key, run)),
        )

    @property
    def digest(self) -> str:
        """One digest of all inputs. A month without revisions is the same whether it was read open or closed."""
        values = self.model_dump(mode="json")
        for made in (run[side] for run in values["runs"] for side in ("inputs", "inputs_of_rows") if run[side]):
            made["revisions"] = made["revisions"] or None
        return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def id_of(inputs: Mapping[str, Any], predecessor: Mapping[str, str | None]) -> str:
    """The id of the release that is made of these inputs and compared with a predecessor, as its package names it."""
    derived_from = {**inputs, "predecessor": dict(predecessor)}
    return sha256(json.dumps(derived_from, sort_keys=True).encode()).hexdigest()[:16]


def closings_then(settings: Settings, recorded: Mapping[str, Sequence[str]]) -> dict[Key, Closing]:
    """What closed months rested on when a release was built, without the revisions since.

    Args:
        settings: the warehouse, which has the records of today.
        recorded: by partition, the digests of the release: see `ReleaseInputs.closings`.

    Raises:
        ReleaseError: a record is missing, or is not the one of the release.
    """
    closings = {str(key): closed for key, closed in closing.every(settings).items()} if recorded else {}
    then = {}
    for name, digests in recorded.items():
        found = closings.get(name)
        if found is None or found.digests[: len(digests)] != tuple(digests):
            raise ReleaseError(
                f"the record of what {name} rested on when it closed is missing or was changed.",
                f"bản ghi về căn cứ của {name} khi khóa sổ bị thiếu hoặc đã bị sửa.",
            )
        then[found.key] = found.after(len(digests) - 1)
    return then


def _landed(ledger: Ledger) -> Iterator[LandedDelivery]:
    for delivery in ledger.deliveries:
        entry = delivery.entry
        digest = files.digest(delivery.content.with_name(ENTRY))
        yield LandedDelivery(source=entry.source, month=entry.month, delivery_id=entry.delivery_id, entry_sha256=digest)


def _recorded(key: Key, run: PartitionRun) -> RecordedRun:
    return RecordedRun(
        table=key.table, source=key.source, month=run.month, inputs=run.inputs, inputs_of_rows=run.inputs_of_rows
    )


def _is_known(settings: Settings, key: Key, run: PartitionRun) -> bool:
    """Whether the inputs of a run are recorded, and those of the published rows, if there are any."""
    if run.derived_from:
        return True
    return run.inputs is not None and (run.inputs_of_rows is not None or partition.rows(settings, key) is None)

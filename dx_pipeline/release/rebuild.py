"""Rebuild: build a release again from landing, in a private warehouse, and compare it with the one on disk.

    what it was built from -> checked, linked -> every run made again -> KPIs -> built -> compared

Later deliveries, closed months, accepted revisions and fetch attempts are left out. Three records are
facts that landing does not have, and are taken as they are: which months had closed, which values revisions changed,
and the log of fetch attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import Any

from dx_pipeline import delivered_months, ingest, progress, workers
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi.change import CHANGE, RELEASE_CHANGE
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.kpi.revision import REVISED, revised
from dx_pipeline.landing import attempts as log
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import ENTRY, Delivery, Entry
from dx_pipeline.period import Month
from dx_pipeline.release import comparison, datapackage
from dx_pipeline.release.build import Snapshot, build
from dx_pipeline.release.inputs import LandedDelivery, RecordedRun, ReleaseInputs, closings_then, id_of
from dx_pipeline.release.part import INTERNAL, PUBLIC
from dx_pipeline.release.predecessor import Predecessor
from dx_pipeline.release.store import Kept
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files
from dx_pipeline.tables import attempts, closing
from dx_pipeline.tables.run import RunInputs

NAMED = 3
"""How many files that differ are named."""

NOT_RECORDED = Bilingual(
    vi="bản này được tạo trước khi các bản công bố ghi lại mình được tạo từ đâu",
    en="it was built before releases recorded what they are built from",
)
ID_OF_OTHER_INPUTS = Bilingual(
    vi="mã của bản này không suy ra được từ các đầu vào mà nó nêu",
    en="its id does not derive from the inputs that it names",
)
RECORD_CHANGED = Bilingual(
    vi="bản ghi về các đầu vào của bản này đã bị sửa", en="the record of what it was built from has been changed"
)
COMPARED_WITH_PREDECESSOR = (CHANGE, RELEASE_CHANGE)
"""The tables that a release computes from the values of its predecessor."""


@dataclass(frozen=True)
class Rebuild:
    """A release that can be rebuilt.

    Args:
        release: where it is.
        inputs: the digests that its id derives from.
        built_from: what its rows were made from.
        predecessor: the release that its values are compared with, as it is on disk now.
        not_compared: the tables that cannot be rebuilt without a predecessor that is gone, with the reason of each.
    """

    release: Kept
    inputs: dict[str, Any]
    built_from: ReleaseInputs
    predecessor: Predecessor
    not_compared: Mapping[str, Bilingual]

    @classmethod
    def of(cls, settings: Settings, catalogue: Catalogue, release: Kept) -> Rebuild:
        """The rebuild of a release by the installed program and the present declarations.

        Raises:
            ReleaseError: it does not say what it was built from, or was built by another version of the program or with
                other declarations.
        """
        public, internal = (_described(release, part) for part in (PUBLIC.name, INTERNAL.name))
        inputs, built_from = public.get("inputs", {}), internal.get("built_from")
        if built_from is None or "built_from" not in inputs:
            raise _refusal(release, NOT_RECORDED)
        if inputs["code_version"] != settings.code_version:
            raise _refusal(release, _other_version(inputs["code_version"], settings.code_version))
        if inputs["declarations"] != catalogue.digest(*catalogue.digests):
            raise _refusal(release, _other_declarations(internal.get("declared", {}), catalogue.files))
        if id_of(inputs, public.get("predecessor", {})) != release.release_id:
            raise _refusal(release, ID_OF_OTHER_INPUTS)
        found = ReleaseInputs.model_validate(built_from)
        if found.unknown:
            raise _refusal(release, _made_earlier(found.unknown[0]))
        if not found.has(inputs["built_from"]):
            raise _refusal(release, RECORD_CHANGED)
        predecessor, not_compared = _predecessor(settings, public.get("predecessor", {}))
        return cls(release, inputs, found, predecessor, not_compared)

    @property
    def steps(self) -> int:
        """How many steps report progress."""
        return len(_earlier(self.built_from.runs)) + len(_latest(self.built_from.runs)) + len(("kpi", "release"))

    def differences(self, settings: Settings, catalogue: Catalogue) -> list[Bilingual]:
        """Every difference between the release and the rebuilt one, each in one sentence; none if they are equal.

        Args:
            settings: the warehouse.
            catalogue: what is declared.

        Raises:
            ReleaseError: a record that it was built from is missing, or is not as it was.
            DxError: a file that has landed is missing or has other bytes; names it.
        """
        with files.private_warehouse(settings) as private, workers.worker_pool(private, catalogue):
            _link(settings, private, self.built_from)
            _repeat(private, catalogue, self.built_from.runs)
            first, *others = catalogue.evaluated
            evaluate(private, catalogue, first, others)
            progress.announce("release")
            snapshot = Snapshot.read(private, catalogue)
            rebuilt = private.releases / self.release.release_id
            rebuilt.mkdir(parents=True)
            original = replace(snapshot, inputs=self.inputs, built_from=self.built_from, predecessor=self.predecessor)
            build(private, catalogue, original, rebuilt)
            return [
                *_other_inputs(self.inputs, snapshot.inputs),
                *comparison.differences(private, self.release.path, rebuilt, self.not_compared),
            ]


def _refusal(release: Kept, reason: Bilingual) -> ReleaseError:
    return ReleaseError(
        f"release {release.release_id} cannot be rebuilt: {reason.en}.",
        f"không dựng lại được bản công bố {release.release_id}: {reason.vi}.",
    )


def _other_version(of_release: str, installed: str) -> Bilingual:
    return Bilingual(
        vi=f"bản này do phiên bản {of_release} của chương trình tạo ra, còn đang cài là {installed}",
        en=f"it was built by version {of_release} of the program, and {installed} is installed",
    )


def _made_earlier(name: str) -> Bilingual:
    return Bilingual(
        vi=f"{name} do một phiên bản cũ của chương trình tạo ra: hãy đọc lại mọi tháng bằng 'dx run'",
        en=f"{name} was made by an earlier version of the program: read every month with 'dx run'",
    )


def _other_declarations(recorded: Mapping[str, str], now: Mapping[str, str]) -> Bilingual:
    """Which files differ, the first ones by name; an older release does not say what they were."""
    every = recorded.keys() | now.keys() if recorded else ()
    others = sorted(name for name in every if recorded.get(name) != now.get(name))
    more = f", … ({len(others)})" if len(others) > NAMED else ""
    which = f": {', '.join(others[:NAMED])}{more}" if others else ""
    return Bilingual(
        vi=f"bản này được tạo với các khai báo khác với dự án hiện nay{which}; một chú thích khác cũng được tính",
        en=f"it was built with other declarations than those of the project now{which}; even a comment counts",
    )


def _described(release: Kept, part: str) -> dict[str, Any]:
    """What the description of a part says, beside its files."""
    found: dict[str, Any] = datapackage.read(release.path / part)["dx"]
    return found


def _predecessor(settings: Settings, recorded: Mapping[str, str | None]) -> tuple[Predecessor, dict[str, Bilingual]]:
    """The predecessor that a release names, and what cannot be compared because it is no longer there."""
    now = Predecessor.named(settings, recorded.get("release_id"))
    if recorded.get("problem") is not None or now.problem is None:
        values = now.values if recorded.get("problem") is None else None
        return Predecessor(now.release_id, values, recorded.get("problem")), {}
    reason = Bilingual(vi=now.problem_vi or now.problem, en=now.problem)
    return Predecessor(now.release_id), dict.fromkeys(COMPARED_WITH_PREDECESSOR, reason)


def _other_inputs(inputs: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> Iterator[Bilingual]:
    """Which partitions have other rows than those that the release was built from."""
    before, after = inputs["partitions"], rebuilt["partitions"]
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Bilingual(
                vi=f"các dòng của {name} không phải là các dòng mà bản công bố được tạo từ đó.",
                en=f"the rows of {name} are not those that the release was built from.",
            )
    for name in ("built_from", "ledger"):
        if inputs[name] != rebuilt[name]:
            yield Bilingual(
                vi=f"'{name}' trong các đầu vào khác với bản dựng lại.",
                en=f"'{name}' among its inputs is not what the rebuilt release has.",
            )


def _link(settings: Settings, private: Settings, built_from: ReleaseInputs) -> None:
    """Fill the private warehouse with exactly those records and deliveries that a release was built from."""
    for item in built_from.deliveries:
        _link_delivery(settings, private, item)
    for run in built_from.runs:
        for month, count in run.inputs.attempts if run.inputs is not None else ():
            log.copy(settings, private, run.source, Month.parse(month), count)
    for closed in closings_then(settings, built_from.closings).values():
        closing.record(private, closed)
    if (settings.revisions / REVISED).is_dir():
        files.link(settings.revisions / REVISED, private.revisions / REVISED)
    for proposal, path in revised(private).items():
        if not path.is_file():
            raise ReleaseError(
                f"the values that revision {proposal} changed are missing: restore {path.name}.",
                f"thiếu các giá trị mà đính chính {proposal} đã thay đổi: hãy phục hồi {path.name}.",
            )


def _link_delivery(settings: Settings, private: Settings, item: LandedDelivery) -> None:
    month = Month.parse(item.month) if item.month else None
    folder = deliveries.folder_of(settings, item.source, month) / item.delivery_id
    entry = folder / ENTRY
    if not entry.is_file() or files.digest(entry) != item.entry_sha256:
        raise deliveries.not_as_landed(settings, entry)
    landed = Delivery(Entry.model_validate_json(entry.read_text(encoding="utf-8")), folder / deliveries.CONTENT)
    deliveries.verify(settings, landed)
    files.link(folder, deliveries.folder_of(private, item.source, month) / item.delivery_id)


def _repeat(private: Settings, catalogue: Catalogue, runs: Sequence[RecordedRun]) -> None:
    """Make the runs of all partitions that sources fill again, then what is derived from them."""
    references = _in_order(catalogue, [run for run in runs if catalogue.sources[run.source].is_reference])
    _repeat_references(private, catalogue, references)
    in_force = {run.table: run.inputs_of_rows.deliveries[-1] for run in references if run.inputs_of_rows is not None}
    monthly = [run for run in runs if run.month is not None]
    for made in (_earlier(monthly), _latest(monthly)):
        by_references = defaultdict(list)
        for run, inputs in made:
            others = tuple((table, each) for table, each in inputs.references if in_force.get(table) != each)
            by_references[others].append((run, inputs))
        for others, some in sorted(by_references.items()):
            with _other_references(private, catalogue, references, dict(others)):
                _repeat_runs(private, catalogue, some)
    for name in catalogue.monthly:
        ingest.derive_all(private, catalogue, name)
        attempts.publish(private, catalogue, name)


def _repeat_runs(private: Settings, catalogue: Catalogue, made: Sequence[tuple[RecordedRun, RunInputs]]) -> None:
    """Make runs again, in parallel: they do not depend on each other."""
    items = [(run.source, run.key.month, (run.table,), inputs) for run, inputs in made]
    running = workers.each(private, catalogue, delivered_months.repeat, items)
    for run, _ in made:
        progress.announce(str(run.key))
        next(running)


def _repeat_references(private: Settings, catalogue: Catalogue, runs: Sequence[RecordedRun]) -> None:
    """Make the runs of reference tables again, one after the other: a table may refer to those before it."""
    for run in runs:
        for each, inputs in (*_earlier([run]), *_latest([run])):
            _repeat_runs(private, catalogue, [(each, inputs)])


@contextmanager
def _other_references(
    private: Settings, catalogue: Catalogue, references: Sequence[RecordedRun], others: Mapping[str, str]
) -> Iterator[None]:
    """Within the block reference tables have the rows of other deliveries, by table: those that runs were made with."""
    changed = [run for run in references if run.table in others]
    for run in changed:
        delivered_months.repeat(
            private, catalogue, run.source, None, (run.table,), RunInputs(deliveries=(others[run.table],))
        )
    yield
    _repeat_references(private, catalogue, changed)


def _in_order(catalogue: Catalogue, references: Iterable[RecordedRun]) -> list[RecordedRun]:
    """Reference tables, each after those that it refers to."""
    by_table = {run.table: run for run in references}
    sorter = TopologicalSorter({table: catalogue.contracts[table].references for table in by_table})
    return [by_table[table] for table in sorter.static_order() if table in by_table]


def _earlier(runs: Iterable[RecordedRun]) -> list[tuple[RecordedRun, RunInputs]]:
    """The runs whose rows are still published although a later run was held back, with their inputs."""
    return [(run, run.inputs_of_rows) for run in runs if run.inputs_of_rows not in (None, run.inputs)]


def _latest(runs: Iterable[RecordedRun]) -> list[tuple[RecordedRun, RunInputs]]:
    """The latest runs of what was delivered, with their inputs; neither what is derived nor fetch attempts."""
    return [(run, run.inputs) for run in runs if run.inputs is not None and run.table != attempts.TABLE]

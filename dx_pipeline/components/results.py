"""Results of a run, as Dagster shows them: materializations and check evaluations of one partition."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import dagster as dg
import pyarrow.parquet as pq
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.components.asset import contract_file, partition_key, suite_file
from dx_pipeline.declarations.document import Document
from dx_pipeline.period import Month
from dx_pipeline.profile import Stage, added_up
from dx_pipeline.settings import PACKAGE, Settings
from dx_pipeline.tables import partition as partitions
from dx_pipeline.tables.run import PartitionRun

Metadata = dict[str, dg.MetadataValue]
Event = dg.AssetMaterialization | dg.MaterializeResult[None] | dg.AssetCheckEvaluation | dg.Output[None]

AUDITED = "Great Expectations kiểm tra {table} trước khi công bố / audits {table} before publication"
"""The description of an audit's check."""

MOST_LINES = 20
"""So many quarantined lines are shown with a check; `dx quarantine` shows all of them."""

MARKUP = re.compile(r"[\\`*<\[]")
"""What begins markup in a description, which Dagster's pages read as Markdown: a file name may have any of it."""

STATUS_ORDER = {"broken": 0, "unmet": 1, "met": 2}


def check_name(table: str) -> str:
    """The name of the check that shows the audit of one table."""
    return f"audit_{table.rpartition('.')[2]}"


@dataclass(frozen=True)
class Partition:
    """One partition of an asset (month None: all of an asset without partitions) and where it is recorded."""

    instance: dg.DagsterInstance
    key: dg.AssetKey
    code_version: str
    month: Month | None = None

    @property
    def name(self) -> str | None:
        """Its name in Dagster."""
        return partition_key(self.month) if self.month else None

    def evaluation(
        self,
        check: str,
        *,
        passed: bool,
        severity: dg.AssetCheckSeverity,
        metadata: Metadata,
        description: str | None,
        blocking: bool = False,
    ) -> dg.AssetCheckEvaluation:
        """The evaluation of a check of this partition, linked to the partition's latest materialization.

        Dagster shows an evaluation without that link as outdated.
        """
        return dg.AssetCheckEvaluation(
            asset_key=self.key,
            check_name=check,
            passed=passed,
            severity=severity,
            metadata=metadata,
            description=description,
            blocking=blocking,
            partition=self.name,
            target_materialization_data=self._latest,
        )

    @cached_property
    def _latest(self) -> AssetCheckEvaluationTargetMaterializationData | None:
        """Its latest materialization, looked up once: materializations are reported before checks."""
        records = dg.AssetRecordsFilter(asset_key=self.key, asset_partitions=[self.name] if self.name else None)
        for found in self.instance.fetch_materializations(records, limit=1).records:
            return AssetCheckEvaluationTargetMaterializationData(
                storage_id=found.storage_id, run_id=found.run_id, timestamp=found.timestamp
            )
        return None


def profiled(stages: Iterable[Stage], month: Month | None = None) -> Metadata:
    """What each stage of a step took, as a table; of one month, if given."""
    records = [
        dg.TableRecord(
            {
                "stage": each.name,
                "table": each.table,
                "seconds": round(each.seconds, 3),
                "cpu_seconds": round(each.cpu_seconds, 3),
                "peak_mib": round(each.peak_mib),
            }
        )
        for each in added_up(each for each in stages if month is None or each.month in {None, month})
    ]
    return {"profile": dg.MetadataValue.table(records)} if records else {}


def report_to_dagster(
    settings: Settings,
    partition: Partition,
    runs: Mapping[str, PartitionRun | None],
    metadata: Metadata | None = None,
) -> Iterator[Event]:
    """Report the latest runs of one partition: a materialization with its own counts, then an audit for each table.

    A partition of which anything was held back is not materialized, and its failed blocking check fails the
    step. A month is materialized by an event of its own, because an output would materialize every month of the run.

    Args:
        settings: the warehouse.
        partition: of which asset.
        runs: by table; None where nothing was delivered.
        metadata: of the materialization, besides the counts.
    """
    made = [run for run in runs.values() if run is not None]
    if any(run.published for run in made) and not any(run.problem for run in made):
        described = {**_counts(made), **(metadata or {})}
        data_version = sha256("".join(run.fingerprint for run in made).encode()).hexdigest()
        if partition.name is None:
            yield dg.MaterializeResult(
                asset_key=partition.key, metadata=described, data_version=dg.DataVersion(data_version)
            )
        else:
            yield dg.AssetMaterialization(
                asset_key=partition.key,
                partition=partition.name,
                metadata=described,
                tags={"dagster/code_version": partition.code_version, "dagster/data_version": data_version},
            )
    for table, run in runs.items():
        yield audit_evaluation(settings, partition, table, run)


def audit_evaluation(
    settings: Settings, partition: Partition, table: str, run: PartitionRun | None
) -> dg.AssetCheckEvaluation:
    """The audit of one table's partition, unmet expectations first.

    It fails as an error if the partition was held back, and as a warning if an expectation that is less
    than critical is not met or nothing was delivered.
    """
    held_back = run.problem if run else None
    is_empty = run is None or not (run.published or held_back)
    audit = sorted(run.audit, key=lambda expected: STATUS_ORDER[expected.status]) if run else []
    failed = [(expected, declared_at(settings, table, expected)) for expected in audit if expected.status != "met"]
    met = [(expected, "") for expected in audit if expected.status == "met"]
    metadata: Metadata = {
        "evaluated": dg.MetadataValue.int(len(audit)),
        "unmet": dg.MetadataValue.int(sum(expected.status == "unmet" for expected, _ in failed)),
        "broken": dg.MetadataValue.int(sum(expected.status == "broken" for expected, _ in failed)),
        "expectations": _table([_expectation(expected, declared) for expected, declared in [*failed, *met]]),
    }
    if run and run.refused:
        refused = [{"delivery": refusal.file_name, "problem": refusal.problem} for refusal in run.refused]
        metadata["refused"] = _table(refused)
    if run and (lines := _quarantined(settings, run)):
        metadata["quarantined"] = _table(lines)
    reasons = [f"{declared}: {expected.problem or expected.reason_en}" for expected, declared in failed]
    words = "\n".join(filter(None, [held_back, *reasons]))
    return partition.evaluation(
        check_name(table),
        passed=not (held_back or is_empty or failed),
        severity=dg.AssetCheckSeverity.ERROR if held_back else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description="nothing was delivered" if is_empty else MARKUP.sub(r"\\\g<0>", words) or None,
        blocking=True,
    )


def check_outputs(specs: Iterable[dg.AssetCheckSpec]) -> Iterator[Event]:
    """The outputs that Dagster requires of a step, one a check, however many partitions were evaluated."""
    for spec in specs:
        yield dg.Output(None, output_name=spec.get_python_identifier())


def declared_at(settings: Settings, table: str, expected: ExpectationResult) -> str:
    """The file and line that declare an expectation: in the table's suite, or else the table's contract."""
    suite = suite_file(settings, table)
    if suite:
        document = Document(suite)
        for position, written in enumerate(document.value.get("expectations", ())):
            if written["type"] == expected.type and written["meta"]["reason"]["vi"] == expected.reason_vi:
                return f"{suite.relative_to(settings.project)}:{document.line(('expectations', position))}"
    contract = contract_file(settings, table)
    is_own = not contract.is_relative_to(settings.project)
    return f"{contract.relative_to(PACKAGE.parent if is_own else settings.project)}:1"


def _counts(runs: Sequence[PartitionRun]) -> Metadata:
    """Where the rows of a partition's deliveries went."""
    counts = [counts for run in runs for counts in run.counts]
    total: Metadata = {
        "dagster/row_count": dg.MetadataValue.int(sum(run.rows for run in runs)),
        "synthetic": dg.MetadataValue.bool(any(run.synthetic for run in runs)),
    }
    if not counts:
        return total
    return total | {
        "rows_in": dg.MetadataValue.int(sum(item.rows_in for item in counts)),
        "rows_duplicate": dg.MetadataValue.int(sum(item.duplicate for item in counts)),
        "rows_filtered": dg.MetadataValue.int(sum(item.filtered for item in counts)),
        "rows_quarantined": dg.MetadataValue.int(sum(item.quarantined for item in counts)),
        "empty_columns": dg.MetadataValue.int(sum(item.empty_columns for item in counts)),
    }


def _expectation(expected: ExpectationResult, declared: str) -> dict[str, str]:
    is_counted = expected.status != "broken"
    return {
        "status": expected.status,
        "expectation": expected.type,
        "on": expected.subject,
        "severity": expected.severity,
        "rows": str(expected.element_count) if is_counted and expected.element_count is not None else "",
        "unexpected": str(expected.unexpected_count) if is_counted and expected.unexpected_count is not None else "",
        "observed": expected.observed or "",
        "reason": f"{expected.reason_vi} / {expected.reason_en}",
        "problem": expected.problem or "",
        "declared_at": declared,
    }


def _quarantined(settings: Settings, run: PartitionRun) -> list[dict[str, str]]:
    """The first quarantined lines of a partition, each with its delivery and the reason."""
    if not any(counts.quarantined for counts in run.counts):
        return []
    path = partitions.quarantined(settings, partitions.key_of(run))
    if path is None:
        return []
    columns = ["delivery_id", "delivery_line", "column_name", "reason_code"]
    first = pq.read_table(path, columns=columns).slice(0, MOST_LINES)
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in first.to_pylist()]


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    names = list(rows[0]) if rows else ["status"]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name=name, type="string") for name in names]),
    )

"""Results of a run, as Dagster shows them: materializations and check evaluations of one partition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import dagster as dg
import pyarrow.parquet as pq

from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.components.asset import partition_key
from dx_pipeline.declarations.document import Document
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.run import PartitionRun

Metadata = dict[str, dg.MetadataValue]
Event = dg.AssetMaterialization | dg.MaterializeResult[None] | dg.AssetCheckEvaluation | dg.AssetCheckResult

MOST_LINES = 20
"""So many quarantined lines are shown with a check; `dx quarantine` shows all of them."""

STATUS_ORDER = {"broken": 0, "unmet": 1, "met": 2}


def check_name(table: str) -> str:
    """The name of the check that shows the audit of one table."""
    return f"audit_{table.rpartition('.')[2]}"


@dataclass(frozen=True)
class Results:
    """The results of a run for one partition of an asset.

    Args:
        month: None for an asset without partitions.
        runs: by table; None where nothing was delivered.
        metadata: of the materialization, besides the counts.
    """

    key: dg.AssetKey
    code_version: str
    month: Month | None
    runs: Mapping[str, PartitionRun | None]
    metadata: Metadata = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether rows were published, and those of no table were held back."""
        runs = [run for run in self.runs.values() if run is not None]
        return any(run.published for run in runs) and not any(run.problem for run in runs)


def report_to_dagster(settings: Settings, results: Results) -> Iterator[Event]:
    """Report one partition: a materialization with its own counts if its rows are the latest, then its checks.

    A partition that was held back is not materialized; a failed blocking check fails the step. A month is
    materialized by an event of its own, because an output would materialize every month of the run.
    """
    runs = [run for run in results.runs.values() if run is not None]
    if results.is_good:
        metadata = {**_counts(runs), **results.metadata}
        data_version = sha256("".join(run.fingerprint for run in runs).encode()).hexdigest()
        if results.month is None:
            yield dg.MaterializeResult(
                asset_key=results.key, metadata=metadata, data_version=dg.DataVersion(data_version)
            )
        else:
            yield dg.AssetMaterialization(
                asset_key=results.key,
                partition=partition_key(results.month),
                metadata=metadata,
                tags={"dagster/code_version": results.code_version, "dagster/data_version": data_version},
            )
    for table, run in results.runs.items():
        yield check_evaluation(settings, results.key, table, run, results.month)


def check_evaluation(
    settings: Settings, key: dg.AssetKey, table: str, run: PartitionRun | None, month: Month | None
) -> dg.AssetCheckEvaluation:
    """The audit of one table's partition, unmet expectations first.

    It fails as an error if the partition was held back, and as a warning if an expectation that is less
    than critical is not met or nothing was delivered.
    """
    held_back = run.problem if run else None
    is_empty = run is None or not (run.published or held_back)
    audit = sorted(run.audit, key=lambda expected: STATUS_ORDER[expected.status]) if run else []
    failed = [expected for expected in audit if expected.status != "met"]
    declared = {id(expected): declared_at(settings, table, expected) for expected in failed}
    metadata: Metadata = {
        "evaluated": dg.MetadataValue.int(len(audit)),
        "unmet": dg.MetadataValue.int(sum(expected.status == "unmet" for expected in failed)),
        "broken": dg.MetadataValue.int(sum(expected.status == "broken" for expected in failed)),
        "expectations": _table([_expectation(expected, declared.get(id(expected), "")) for expected in audit]),
    }
    if run and run.refused:
        refused = [{"delivery": refusal.file_name, "problem": refusal.problem} for refusal in run.refused]
        metadata["refused"] = _table(refused)
    if run and (lines := _quarantined(settings, run)):
        metadata["quarantined"] = _table(lines)
    described = [f"{declared[id(expected)]}: {expected.problem or expected.reason_en}" for expected in failed]
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check_name(table),
        passed=not (held_back or is_empty or failed),
        severity=dg.AssetCheckSeverity.ERROR if held_back else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description="nothing was delivered" if is_empty else "\n".join(filter(None, [held_back, *described])) or None,
        blocking=True,
        partition=partition_key(month) if month else None,
    )


def declared_at(settings: Settings, table: str, expected: ExpectationResult) -> str:
    """The file and line that declare an expectation: the table's suite, or else its contract."""
    folder = table.replace(".", "/")
    suite = settings.project / "checks" / f"{folder}.yaml"
    if suite.is_file():
        document = Document(suite)
        for position, written in enumerate(document.value.get("expectations", ())):
            if written["type"] == expected.type and written["meta"]["reason"]["vi"] == expected.reason_vi:
                return f"checks/{folder}.yaml:{document.line(('expectations', position))}"
    return f"assets/contract/{folder}.yaml:1"


def _counts(runs: Sequence[PartitionRun]) -> Metadata:
    """Where the rows of a partition's deliveries went."""
    counts = [counts for run in runs for counts in run.counts]
    return {
        "dagster/row_count": dg.MetadataValue.int(sum(run.rows for run in runs)),
        "rows_in": dg.MetadataValue.int(sum(item.rows_in for item in counts)),
        "rows_duplicate": dg.MetadataValue.int(sum(item.duplicate for item in counts)),
        "rows_filtered": dg.MetadataValue.int(sum(item.filtered for item in counts)),
        "rows_quarantined": dg.MetadataValue.int(sum(item.quarantined for item in counts)),
        "synthetic": dg.MetadataValue.bool(any(run.synthetic for run in runs)),
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
    path = partition.quarantined(settings, partition.key_of(run))
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

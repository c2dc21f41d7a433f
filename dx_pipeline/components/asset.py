"""What every asset of this project shares: keys, partitions, columns, and how an audit is shown."""

from collections.abc import Iterable, Sequence
from datetime import date

import dagster as dg

from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.province import Province
from dx_pipeline.period import Month
from dx_pipeline.tables.run import PartitionRun

POOL = "warehouse"
"""Runs that write queue behind each other in this pool (limit 1 in dagster.yaml)."""


def months_definition(province: Province) -> dg.MonthlyPartitionsDefinition:
    """The province's months, from its first one on; the month that is still open is a partition too."""
    start = province.start.first.isoformat()
    return dg.MonthlyPartitionsDefinition(start_date=start, timezone=province.time_zone, end_offset=1)


RELEASE_KEY = dg.AssetKey(["release"])


def source_key(catalogue: Catalogue, name: str) -> dg.AssetKey:
    """The asset of a source: `connection/<system>`, `statistics/<table>` and so on."""
    return dg.AssetKey([catalogue.sources[name].group, name])


def kpi_key(code: str) -> dg.AssetKey:
    """The asset of a KPI."""
    return dg.AssetKey(["kpi", code])


def months_of(context: dg.AssetExecutionContext) -> tuple[Month, ...]:
    """The months a run is for, in order."""
    return tuple(Month.of(date.fromisoformat(key)) for key in context.partition_keys)


def both(text: Bilingual) -> str:
    """Vietnamese first, English beneath it, as Dagster's Markdown descriptions show them."""
    return f"{text.vi}\n\n*{text.en}*"


def column_schema(tables: dict[str, dict[str, Column]]) -> dg.TableSchema:
    """The Columns tab of an asset; where it fills several tables, each column names its own."""
    several = len(tables) > 1
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=f"{table}.{name}" if several else name,
                type=DUCKDB_TYPES[column.type],
                description=f"{column.vi} / {column.en}",
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required, other=[column.unit] if column.unit else []
                ),
            )
            for table, columns in tables.items()
            for name, column in columns.items()
        ]
    )


def check_name(table: str) -> str:
    """The name of the check that shows the audit of one table."""
    return f"audit_{table.rpartition('.')[2]}"


def check_result(name: str, key: dg.AssetKey, records: Sequence[PartitionRun]) -> dg.AssetCheckResult:
    """The audits of one table over the partitions of a run, as one check with every expectation in it.

    It fails as an error where a partition was held back, and as a warning where something less
    than critical does not hold.
    """
    problems = [f"{record.month or 'all'}: {record.problem}" for record in records if record.problem]
    unmet = [expected for record in records for expected in record.audit if expected.status != "met"]
    metadata: dict[str, dg.MetadataValue] = {
        "expectations": _expectation_table(records),
        "evaluated": dg.MetadataValue.int(sum(len(record.audit) for record in records)),
        "unmet": dg.MetadataValue.int(sum(expected.status == "unmet" for expected in unmet)),
        "broken": dg.MetadataValue.int(sum(expected.status == "broken" for expected in unmet)),
    }
    if problems:
        metadata["held_back"] = dg.MetadataValue.md("\n".join(f"- {problem}" for problem in problems))
    if not records:
        metadata["nothing_delivered"] = dg.MetadataValue.text("nothing was delivered for these months")
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=bool(records) and not problems and not unmet,
        severity=dg.AssetCheckSeverity.ERROR if problems else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=problems[0] if problems else None,
    )


def _expectation_table(records: Iterable[PartitionRun]) -> dg.TableMetadataValue:
    rows = [
        dg.TableRecord(
            {
                "month": record.month or "all",
                "expectation": expected.type,
                "on": expected.subject,
                "severity": expected.severity,
                "outcome": expected.status,
                "rows": _count(expected, expected.element_count),
                "unexpected": _count(expected, expected.unexpected_count),
                "observed": expected.observed or "",
                "reason": f"{expected.reason_vi} / {expected.reason_en}",
                "problem": expected.problem or "",
            }
        )
        for record in records
        for expected in record.audit
    ]
    names = ("month", "expectation", "on", "severity", "outcome", "rows", "unexpected", "observed", "reason", "problem")
    return dg.MetadataValue.table(
        records=rows, schema=dg.TableSchema(columns=[dg.TableColumn(name=name, type="string") for name in names])
    )


def _count(expected: ExpectationResult, count: int | None) -> str:
    return "" if count is None or expected.status == "broken" else str(count)

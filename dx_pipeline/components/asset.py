"""What the assets of this project share: keys, partitions, descriptions, columns, references to their code."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg

from dx_pipeline.declarations.catalogue import OWN_CONTRACTS, Catalogue
from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.province import Province
from dx_pipeline.errors import DxError
from dx_pipeline.period import Month
from dx_pipeline.release.part import REPORT
from dx_pipeline.settings import Settings

POOL = "warehouse"
"""Runs that write queue behind each other in this pool (limit 1 in dagster.yaml)."""

RELEASE_KEY = dg.AssetKey(["release"])
INTEGRITY = dg.AssetCheckKey(RELEASE_KEY, "kept_data_is_whole")


def months_definition(province: Province) -> dg.MonthlyPartitionsDefinition:
    """The province's months, from its first one on; the month that is still open is a partition too."""
    start = province.start.first.isoformat()
    return dg.MonthlyPartitionsDefinition(start_date=start, timezone=province.time_zone, end_offset=1)


def partition_key(month: Month) -> str:
    """The name of a month's partition in Dagster."""
    return month.first.isoformat()


def source_key(catalogue: Catalogue, name: str) -> dg.AssetKey:
    """The asset of a source: `connection/<system>`, `statistics/<table>` and so on."""
    return dg.AssetKey([catalogue.sources[name].group, name])


def kpi_key(code: str) -> dg.AssetKey:
    """The asset of a KPI."""
    return dg.AssetKey(["kpi", code])


def evaluated_key(catalogue: Catalogue, code: str) -> dg.AssetKey:
    """The asset of a KPI, or that of a summary, whose code is the name of its table."""
    return dg.AssetKey(code.split(".")) if code in catalogue.summaries else kpi_key(code)


def view_key(name: str) -> dg.AssetKey:
    """The asset of a view."""
    return dg.AssetKey(["view", name])


def both(text: Bilingual) -> str:
    """Vietnamese first, English beneath it, as Dagster's Markdown descriptions show them."""
    return f"{text.vi}\n\n*{text.en}*"


def failure(error: DxError) -> dg.Failure:
    """The failure of a step by an error of ours; the sentence in Vietnamese is its metadata `vi`."""
    metadata = {"vi": dg.MetadataValue.text(error.vi)}
    return dg.Failure(description=str(error), metadata=metadata, allow_retries=False)


def contract_file(settings: Settings, table: str) -> Path:
    """The file of a table's contract: the project's, or the pipeline's own."""
    declared = settings.project / "assets" / "contract" / f"{table.replace('.', '/')}.yaml"
    return declared if declared.is_file() else OWN_CONTRACTS / f"{table.replace('.', '/')}.yaml"


def suite_file(settings: Settings, table: str) -> Path | None:
    """The file of a table's suite, if it has one."""
    declared = settings.project / "checks" / f"{table.replace('.', '/')}.yaml"
    return declared if declared.is_file() else None


def code_references(paths: Iterable[Path | None]) -> dg.CodeReferencesMetadataValue:
    """Links to files; Dagster adds the `defs.yaml` that declares the component."""
    return dg.CodeReferencesMetadataValue(
        code_references=[dg.LocalFileCodeReference(file_path=str(path), label=path.name) for path in paths if path]
    )


def report_page(settings: Settings, page: str) -> dg.PathMetadataValue:
    """Where the page of the report is that an asset is about; `page` is named from the folder of the report."""
    return dg.MetadataValue.path(str(settings.current / REPORT / page))


def column_schema(tables: Mapping[str, Mapping[str, Column]]) -> dg.TableSchema:
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

"""The pipeline's own way from a file in the inbox to published rows and KPI counts, as one process.

python -m benchmarks.ours CSV FOLDER [--without-audit]

Fetched, filtered, landed, read, audited, published, and counted, in a new warehouse in FOLDER. Prints the counts as
JSON. `--without-audit` leaves Great Expectations out: it shows what that part costs, and is nothing the product has.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import duckdb

from benchmarks.province import COUNTS, MONTH, REFERENCES, SOURCE, TABLE, declared
from dx_pipeline import audit
from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.errors import DxError
from dx_pipeline.ingest import ingest
from dx_pipeline.kpi.evaluation import evaluate
from dx_pipeline.settings import Settings
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key, KpiKey


def main(csv: Path, folder: Path, *, is_audited: bool) -> dict[str, int]:
    """Publish the month and give its counts.

    Raises:
        DxError: the month, or a KPI, was not published.
    """
    if not is_audited:
        audit.audit = _nothing  # type: ignore[assignment]
    settings, catalogue = Settings(warehouse=folder / "warehouse"), declared()
    inbox = settings.inbox / SOURCE / str(MONTH)
    inbox.mkdir(parents=True)
    os.link(csv, inbox / csv.name)  # the delivery is there before the pipeline begins
    for name in REFERENCES:
        ingest(settings, catalogue, name, [None])
    ingest(settings, catalogue, SOURCE, [MONTH])
    if (run := partition.run(settings, Key(TABLE, SOURCE, MONTH))) is None or not run.published:
        raise DxError(f"{TABLE} {MONTH} was not published.", f"{TABLE} {MONTH} không được công bố.")
    first, *others = catalogue.kpis
    evaluate(settings, catalogue, first, others)
    return {name: _count(settings, *each) for name, each in COUNTS.items()}


def _nothing(*_: object) -> tuple[ExpectationResult, ...]:
    return ()


def _count(settings: Settings, code: str, column: str) -> int:
    """The numerator or denominator of a KPI for the province in the month."""
    path = partition.rows(settings, KpiKey(code))
    ((found,),) = duckdb.execute(
        f"SELECT {column} FROM read_parquet($path) WHERE window_type = 'month' AND window_start = $start"
        " AND unit_level = 'province' AND units_on IS NULL AND part_start IS NULL AND kpi_code = $code",
        {"path": str(path), "start": MONTH.first, "code": code},
    ).fetchall()
    return int(found)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), is_audited="--without-audit" not in sys.argv)))
    sys.stdout.flush()
    os._exit(0)  # DuckDB's binding prints about leaks when the interpreter ends

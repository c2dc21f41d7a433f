"""Benchmarks: ratios within one run, never absolute times that a slower machine would fail.

make bench-parts

dossiers        reading one month of dossiers (typed, checked, split, written) against DuckDB
                alone casting the same CSV
audit           the suite of that month by Great Expectations against the same rules as SQL
unchanged       a second pass over a month that has not changed against the first
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from dx_pipeline import audit, sample
from dx_pipeline.audit.expectations import complete
from dx_pipeline.declarations import catalogue
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.ingest import ingest
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings, default_project
from dx_pipeline.tables import partition
from dx_pipeline.tables.partition import Key

MONTH = Month(2022, 6)
KEY = Key("statistics.dossier", "dossier", MONTH)
ROUNDS = 5


def timed(work: Callable[[], object]) -> float:
    """The median time of some rounds, after one that is not counted; in seconds."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure, and print one ratio a line."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    declared = catalogue.load(default_project())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(warehouse=Path(folder))
        sample.make(settings, declared, [MONTH], scale=scale)
        (csv,) = (settings.inbox / "dossier" / str(MONTH)).iterdir()
        first = timed(lambda: _read_again(settings, declared))
        second = timed(lambda: ingest(settings, declared, "dossier", [MONTH]))
        alone = timed(lambda: _duckdb_alone(csv))
        ours, plain, expectations = _audits(settings, declared)
        (count,) = duckdb.execute(f"SELECT count(*) FROM '{partition.rows(settings, KEY)}'").fetchall()[0]
    print(f"dossiers   {count:,} rows: {first / alone:5.2f} x the time of DuckDB alone ({first:.2f} s, {alone:.2f} s)")
    print(f"audit      {expectations} expectations: {ours / plain:5.2f} x the time of one SQL statement ({ours:.2f} s)")
    print(f"unchanged  {second / first:5.3f} x the time of the first pass ({second:.3f} s)")


def _read_again(settings: Settings, declared: catalogue.Catalogue) -> None:
    (settings.tables / partition.RUNS / KEY.table / f"{KEY.name}.json").unlink(missing_ok=True)
    ingest(settings, declared, "dossier", [MONTH])


def _duckdb_alone(csv: Path) -> None:
    headings = csv.read_text(encoding="utf-8-sig").splitlines()[1].split(";")
    columns = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in headings)
    dates = ", ".join(
        f"strptime({quoted(heading)}, '%d/%m/%Y')::DATE AS {quoted(heading)}"
        for heading in headings
        if heading.startswith("Ngày")
    )
    with tempfile.NamedTemporaryFile(suffix=".parquet") as target:
        connection = duckdb.connect()
        connection.execute(
            f"""COPY (SELECT * REPLACE ({dates}) FROM read_csv({literal(str(csv))}, auto_detect = false, header = true,
                columns = {{{columns}}}, delim = ';', skip = 1)) TO {literal(target.name)} (COMPRESSION zstd)"""
        )
        connection.close()


def _audits(settings: Settings, declared: catalogue.Catalogue) -> tuple[float, float, int]:
    contract = declared.contracts[KEY.table]
    suite = complete(KEY.table, contract, declared.suites[KEY.table])
    rows = partition.rows(settings, KEY)
    connection = duckdb.connect()
    partition.attach_references(settings, connection, declared, contract)
    connection.execute(f"CREATE TABLE staged AS SELECT * FROM '{rows}'")
    queries = [
        expectation.kwargs["unexpected_rows_query"].replace("{batch}", "staged")
        for expectation in suite.expectations
        if "unexpected_rows_query" in expectation.kwargs
    ]
    counted = " , ".join(f"(SELECT count(*) FROM ({query.rstrip()}))" for query in queries)
    by_gx = timed(lambda: audit.audit(connection, "staged", suite))
    by_sql = timed(lambda: connection.execute(f"SELECT {counted}").fetchall())
    connection.close()
    return by_gx, by_sql, len(suite.expectations)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # DuckDB's binding prints about leaks when the interpreter ends

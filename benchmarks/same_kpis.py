"""Whether two warehouses publish the same KPI tables, cell by cell, apart from the release's id.

python benchmarks/same_kpis.py BEFORE/warehouse AFTER/warehouse

Shows what a change of the code changed in the figures. The status is 1 if anything differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from dx_pipeline.declarations.sql import literal

ALL_BUT_ID = "SELECT COLUMNS(lambda name: name <> 'release_id') FROM read_parquet({path})"


def differing_rows(before: Path, after: Path) -> tuple[int, int]:
    """How many rows only one of two Parquet files has: those of the first, and those of the second."""
    first, second = (ALL_BUT_ID.format(path=literal(str(path))) for path in (before, after))
    gone, new = (
        duckdb.execute(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})").fetchall()[0][0]
        for one, other in ((first, second), (second, first))
    )
    return gone, new


def main(before: Path, after: Path) -> int:
    """Compare each table, and print it with its count of differing rows."""
    folders = [warehouse / "current" / "kpi" for warehouse in (before, after)]
    names = sorted({path.name for folder in folders for path in folder.glob("*.parquet")})
    status = 0 if names else 1
    for name in names:
        paths = [folder / name for folder in folders]
        if not all(path.is_file() for path in paths):
            said, status = "is in one of them only", 1
        elif any(counts := differing_rows(*paths)):
            said, status = f"{counts[0]} rows only before, {counts[1]} rows only after", 1
        else:
            said = "same"
        print(f"{name:40} {said}")
    return status


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))

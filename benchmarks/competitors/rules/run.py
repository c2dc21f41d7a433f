"""The same rules as the pipeline's, written out by hand as one SQL script for DuckDB: see rules.sql.

python run.py CSV FOLDER
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

HERE = Path(__file__).resolve().parent
AGENCIES = HERE.parents[2] / "warehouse" / "reference" / "agency.csv"
MONTH_END = date(2022, 6, 30)


def main(csv: Path, folder: Path) -> dict[str, int]:
    """Run the script and give its counts."""
    delivered_on = datetime.fromtimestamp(csv.stat().st_mtime, ZoneInfo("Asia/Ho_Chi_Minh")).date()
    variables: dict[str, object] = {
        "csv": str(csv),
        "agencies": str(AGENCIES),
        "known_until": max(MONTH_END, delivered_on),
        "rows": str(folder / "dossier.parquet"),
        "bad_rows": str(folder / "quarantine.parquet"),
        "results": str(folder / "suite.json"),
    }
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
        counted = connection.execute((HERE / "rules.sql").read_text(encoding="utf-8"))
        names = [column[0] for column in counted.description or ()]
        return dict(zip(names, counted.fetchall()[0], strict=True))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))

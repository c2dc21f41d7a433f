"""Inside: what analysts in the office see more of a release: the whole ledger, and lines of tables that withhold rows.

The ledger is that of the internal part, so whoever may not read this part sees nothing of it. Rows are those of the
warehouse's partitions, which have their place in a delivery, and only where they are still those of the release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.sql import qualified
from dx_pipeline.declarations.view import SCHEMA, DeclaredView
from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi import states
from dx_pipeline.release import datapackage
from dx_pipeline.release.inputs import closings_then
from dx_pipeline.release.part import INTERNAL
from dx_pipeline.settings import Settings
from dx_pipeline.storage import parquet
from dx_pipeline.storage.database import attached, connect, show, tables_of
from dx_pipeline.tables import history, partition
from dx_pipeline.tables.closing import Closing
from dx_pipeline.tables.partition import Key


class Inside:
    """A release as analysts in the office see it.

    Attributes:
        connection: has its tables with the whole ledger, and none that withhold something until `create_views`.
        changed: the tables whose partitions, or what closed months rest on, are not those of the release any more.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        connection: duckdb.DuckDBPyConnection,
        hashes: Mapping[str, str],
        closings: Mapping[str, Sequence[str]],
    ) -> None:
        self.connection = connection
        self.changed: set[str] = set()
        self._settings, self._catalogue = settings, catalogue
        self._hashes = hashes
        self._rows: set[str] = set()
        self._views: set[str] = set()
        states.prepare(connection, self._closed(closings))

    def create_views(self, names: Sequence[str]) -> frozenset[str]:
        """Create the views among those named whose rows are not public, each after the views that it reads.

        Returns:
            Those that can be read: their rows are those of the release.
        """
        withheld = {name: self._withheld_by(view) for name, view in self._catalogue.views.items() if name in names}
        self._attach({table for tables in withheld.values() for table in tables or ()})
        for name, tables in withheld.items():
            if tables and tables <= self._rows and name not in self._views:
                with suppress(duckdb.BinderException, duckdb.CatalogException):  # declared otherwise since
                    view = self._catalogue.views[name]
                    rows = states.select(self.connection, view) if view.has_states else view.sql
                    self.connection.execute(f"CREATE VIEW {qualified(view.table)} AS {rows}")
                    self._views.add(name)
        return frozenset(self._views & withheld.keys())

    def _withheld_by(self, view: DeclaredView) -> set[str] | None:
        """The tables behind a view that withhold something; None if it reads single exchanges, which stay closed."""
        found: set[str] = set()
        for read in view.reads:
            if read.startswith(f"{SCHEMA}."):
                behind = self._withheld_by(self._catalogue.views[read.removeprefix(f"{SCHEMA}.")])
                if behind is None:
                    return None
                found |= behind
            elif self._catalogue.withholds(read):
                found.add(read)
            elif not self._catalogue.contracts[read].shows_every_row:
                return None
        return found

    def _attach(self, tables: set[str]) -> None:
        """Make the rows of tables readable, as they were when the release was made."""
        for table in sorted(tables - self._rows - self.changed):
            paths = self._paths(table)
            if paths is None:
                self.changed.add(table)
            else:
                history.attach(self.connection, table, self._catalogue.contracts[table], paths)
                self._rows.add(table)

    def _paths(self, table: str) -> list[Path] | None:
        """The partition files of a table that the release was made from; None if they are no longer the same."""
        every = partition.all_rows(self._settings, table)
        there = {f"{table}/{path.parent.name.removeprefix('partition=')}": path for path in every}
        wanted = {name: digest for name, digest in self._hashes.items() if name.startswith(f"{table}/")}
        if any(name not in there or parquet.digest(there[name]) != digest for name, digest in wanted.items()):
            return None
        return [there[name] for name in sorted(wanted)]

    def _closed(self, recorded: Mapping[str, Sequence[str]]) -> dict[Key, Closing]:
        """What closed months of tables that withhold something rested on when the release was made."""
        found: dict[Key, Closing] = {}
        for table in filter(self._catalogue.withholds, self._catalogue.contracts):
            of_table = {name: digests for name, digests in recorded.items() if name.startswith(f"{table} ")}
            try:
                found |= closings_then(self._settings, of_table)
            except ReleaseError:
                self.changed.add(table)
        return found


@contextmanager
def opened(
    settings: Settings, catalogue: Catalogue, release: Path, public: str, hashes: Mapping[str, str]
) -> Iterator[Inside]:
    """The internal part of a release.

    Args:
        settings: the warehouse, which has the partitions.
        catalogue: what is declared.
        release: its folder.
        public: the name under which its public database is attached.
        hashes: of the rows of each partition that it was made from, by table and name.

    Raises:
        ReleaseError: the internal part cannot be read.
    """
    folder = release / INTERNAL.name
    database = folder / INTERNAL.database
    try:
        database.open("rb").close()
    except OSError as error:
        raise _not_readable(release.name, error) from error
    described = datapackage.read(folder)
    closings = described["dx"].get("built_from", {}).get("closings", {})
    with connect(settings) as connection, attached(connection, database) as internal:
        of_public = {table for table in tables_of(connection, public) if not catalogue.withholds(table)}
        show(connection, internal, of_public & tables_of(connection, internal))
        show(connection, public, of_public)
        yield Inside(settings, catalogue, connection, hashes, closings)


def _not_readable(release_id: str, error: OSError) -> ReleaseError:
    """This user may not read the internal part, or it is not there."""
    name = f"{INTERNAL.name}/{INTERNAL.database}"
    return ReleaseError(
        f"{name} of release {release_id} cannot be read ({error.strerror}): '--inside' is for analysts in the office;"
        " ask whoever runs dx to add you to the group of that folder, or leave '--inside' out.",
        vi=f"không đọc được {name} của bản công bố {release_id} ({error.strerror}): '--inside' dành cho cán bộ trong cơ"
        " quan; hãy đề nghị người vận hành dx thêm bạn vào nhóm của thư mục đó, hoặc bỏ '--inside'.",
    )

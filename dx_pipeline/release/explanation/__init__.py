"""Explanations: what a value of a release is made of, from its definition to the lines of delivered files.

    value -> definition -> reports -> views and conditions -> partitions -> deliveries and lines -> headings

Everything comes from the public part of a release, from declarations, and from facts about deliveries. Explanations are
copied into letters, so they have nothing that the release withholds and nothing from which it could be computed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import literal, quoted, sql_file
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import change
from dx_pipeline.kpi.figure import protected
from dx_pipeline.period import Window
from dx_pipeline.release import datapackage, question, words
from dx_pipeline.release.explanation import deliveries, lineage, reports, rows
from dx_pipeline.release.explanation.deliveries import Delivery, Quarantined
from dx_pipeline.release.explanation.inputs import Inputs, Partition
from dx_pipeline.release.explanation.lineage import ColumnOrigin
from dx_pipeline.release.explanation.reports import Reports
from dx_pipeline.release.explanation.rows import Counted
from dx_pipeline.release.part import PUBLIC
from dx_pipeline.release.predecessor import lacking
from dx_pipeline.release.question import Question, Row, query
from dx_pipeline.release.store import kept
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect

__all__ = ["Explanation", "Question", "Released", "explain", "opened"]


@dataclass(frozen=True)
class Explanation:
    """What one value is made of.

    Args:
        value: its row of `kpi.value`, with the name of its unit (`unit_name`) and the title of the KPI.
        definition: the row of `kpi.definition` of its version; None where none is in force.
        withheld: why no value is shown, in a sentence (vi, en); None if one is.
        parts: the values of the parts of its window, where the definition changes within it.
        reports: the reports that were expected and came, and coverage of the units below.
        counted: what it counts on which views, by which conditions.
        partitions: the partitions of tables that it needs.
        deliveries: the files behind these.
        quarantined: the rows of these that broke a contract.
        published: the figure that others published for this very window, as a row of `programme.published_figure`.
        revisions: its rows of `kpi.revision`; of KPIs about dossiers the release shows none.
        lineage: the columns that it comes from.
        notes: sentences about free SQL, non-public rows, and declarations or partitions that have changed.
    """

    value: Row
    definition: Row | None
    withheld: Bilingual | None
    parts: tuple[Row, ...]
    reports: Reports
    counted: tuple[Counted, ...]
    partitions: tuple[Partition, ...]
    deliveries: tuple[Delivery, ...]
    quarantined: tuple[Quarantined, ...]
    published: Row | None
    revisions: tuple[Row, ...]
    lineage: tuple[ColumnOrigin, ...]
    notes: tuple[Bilingual, ...]

    @property
    def window(self) -> Window:
        """The window of the value."""
        return Window(self.value["window_type"], self.value["window_start"], self.value["window_end"])

    def as_json(self) -> Row:
        """The explanation as `dx explain --json` writes it; dates and moments are ISO texts."""
        plain = asdict(self)
        plain["withheld"] = self.withheld.model_dump() if self.withheld else None
        plain["notes"] = [note.model_dump() for note in self.notes]
        for each in plain["partitions"]:
            each["month"] = f"{each['month']['year']:04d}-{each['month']['number']:02d}" if each["month"] else None
        return plain


def explain(settings: Settings, catalogue: Catalogue, asked: Question, release_id: str | None = None) -> Explanation:
    """What a value of a release is made of.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        asked: which value.
        release_id: by default the current release.

    Raises:
        UsageError: there is no such release, or no such value in it.
    """
    with opened(settings, catalogue, release_id) as released:
        return released.explain(asked)


@contextmanager
def opened(settings: Settings, catalogue: Catalogue, release_id: str | None = None) -> Iterator[Released]:
    """A release whose values are explained, one after the other.

    Raises:
        UsageError: there is no such release.
    """
    folder = _folder(settings, release_id)
    name = f"release_{uuid.uuid4().hex}"
    with connect(settings) as connection:
        connection.execute(f"ATTACH {literal(str(folder / PUBLIC.database))} AS {name} (READ_ONLY)")
        try:
            tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $name"
            for schema, table in connection.execute(tables, {"name": name}).fetchall():
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
                of_table = f"{quoted(schema)}.{quoted(table)}"
                connection.execute(f"CREATE VIEW {of_table} AS FROM {name}.{of_table}")
            described = json.loads((folder / datapackage.NAME).read_text(encoding="utf-8"))
            yield Released(settings, catalogue, connection, described["dx"]["inputs"])
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            lack = lacking(folder.parent.name, error)
            raise UsageError(str(lack), vi=lack.vi) from error
        finally:
            connection.execute(f"DETACH {name}")


def _folder(settings: Settings, release_id: str | None) -> Path:
    """The public part of a release; not the link to it, which may be switched while it is read."""
    for item in kept(settings):
        if item.has_parts and (item.is_current if release_id is None else item.release_id == release_id):
            return item.path / PUBLIC.name
    raise question.no_release(release_id)


@dataclass(frozen=True)
class Released:
    """A release in a connection: its tables by their names, and what it was made from (as in its data package)."""

    settings: Settings
    catalogue: Catalogue
    connection: duckdb.DuckDBPyConnection
    inputs: dict[str, Any]

    def explain(self, asked: Question) -> Explanation:
        """What a value of the release is made of.

        Raises:
            UsageError: the release has no such value.
        """
        connection, catalogue = self.connection, self.catalogue
        value = question.find(connection, catalogue, asked)
        if value["kpi_code"] not in catalogue.kpis:
            return self._as_released(value)
        inputs = Inputs(connection, catalogue, value)
        inputs.fill_unit_within()
        deliveries.fill_wanted(connection, inputs)
        is_as_declared = self.inputs.get("definitions", {}).get(inputs.kpi.code) == change.definition(
            catalogue, inputs.kpi.code
        )
        names = inputs.kpi.every_view if is_as_declared else ()  # other conditions would count other rows
        readable = rows.create_views(connection, catalogue, names)
        counted, lines = rows.count(connection, catalogue, inputs, readable)
        behind = deliveries.behind(self.settings, catalogue, connection, inputs, lines, self.inputs["partitions"])
        return Explanation(
            value=value,
            definition=next(iter(self._about("definition", value)), None),
            withheld=words.withheld(value, catalogue.province.suppress_below),
            parts=tuple(self._about("parts", value)) if value["withheld_reason"] == "definition_changed" else (),
            reports=reports.expected(connection, catalogue, inputs),
            counted=counted,
            partitions=inputs.partitions,
            deliveries=behind,
            quarantined=deliveries.quarantined(catalogue, connection, inputs),
            published=next(iter(self._about("published", value)), None),
            revisions=tuple(self._about("revisions", value)),
            lineage=lineage.origins(catalogue, inputs),
            notes=tuple(self._notes(inputs, behind)),
        )

    def _as_released(self, value: Row) -> Explanation:
        """What the release itself says of a value of a KPI that is no longer declared."""
        return Explanation(
            value=value,
            definition=next(iter(self._about("definition", value)), None),
            withheld=words.withheld(value, self.catalogue.province.suppress_below),
            parts=tuple(self._about("parts", value)) if value["withheld_reason"] == "definition_changed" else (),
            reports=Reports(0, 0, 0, (), (), ()),
            counted=(),
            partitions=(),
            deliveries=(),
            quarantined=(),
            published=next(iter(self._about("published", value)), None),
            revisions=tuple(self._about("revisions", value)),
            lineage=(),
            notes=(words.NO_LONGER_DECLARED,),
        )

    def _about(self, name: str, value: Row) -> list[Row]:
        """The rows that a statement returns for a value; its parameters are named after columns of the value."""
        statement = sql_file(__file__, name)
        return query(self.connection, statement, **{key: value[key] for key in re.findall(r"\$(\w+)", statement)})

    def _notes(self, inputs: Inputs, explained: tuple[Delivery, ...]) -> Iterator[Bilingual]:
        if self.inputs["declarations"] != self.catalogue.digest(*self.catalogue.digests):
            yield words.DECLARED_OTHERWISE
        if any(version in inputs.kpi.queries for version in inputs.versions):
            yield words.FREE_SQL
        if inputs.kpi.code in protected(self.catalogue):
            yield words.PROTECTED
        if any(each.rows_accepted and each.lines is None and each.disposition == "read" for each in explained):
            yield words.LINES_UNKNOWN

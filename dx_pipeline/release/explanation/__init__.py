"""Explanations: what a value of a release is made of, from its definition to the lines of delivered files.

    value -> definition -> reports -> views and conditions -> partitions -> deliveries and lines -> headings

Everything comes from the public part of a release, from declarations, and from facts about deliveries. Explanations are
copied into letters, so they have nothing that the release withholds and nothing from which it could be computed. Only
where they are asked for inside the office do those of a value that is shown have more (`inside`), and they say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import sql_file
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import change
from dx_pipeline.kpi import words as kpi_words
from dx_pipeline.kpi.figure import protected
from dx_pipeline.period import Window
from dx_pipeline.progress import announce
from dx_pipeline.release import datapackage, question, words
from dx_pipeline.release.explanation import deliveries, inside, lineage, reports, rows
from dx_pipeline.release.explanation.deliveries import Delivery, Quarantined
from dx_pipeline.release.explanation.inputs import Inputs, Partition, is_shown
from dx_pipeline.release.explanation.inside import Inside
from dx_pipeline.release.explanation.lineage import ColumnOrigin
from dx_pipeline.release.explanation.reports import Reports
from dx_pipeline.release.explanation.rows import Counted
from dx_pipeline.release.part import PUBLIC
from dx_pipeline.release.predecessor import lacking
from dx_pipeline.release.question import Question
from dx_pipeline.release.rows import Row, no_release, query
from dx_pipeline.release.store import kept
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import attached, connect, show, tables_of

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
        for_inside: that it is for use inside the office only; None if it may leave the office.
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
    for_inside: Bilingual | None

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
        del plain["for_inside"]
        return {**({"for_inside": self.for_inside.model_dump()} if self.for_inside else {}), **plain}


def explain(
    settings: Settings,
    catalogue: Catalogue,
    asked: Question,
    release_id: str | None = None,
    *,
    for_inside: bool = False,
) -> Explanation:
    """What a value of a release is made of.

    Args:
        settings: the warehouse.
        catalogue: what is declared.
        asked: which value.
        release_id: by default the current release.
        for_inside: whether analysts inside the office ask, who may read the internal part.

    Raises:
        UsageError: there is no such release, or no such value in it.
        ReleaseError: it is asked for inside, and the internal part cannot be read.
    """
    with opened(settings, catalogue, release_id, for_inside=for_inside) as released:
        return released.explain(asked)


@contextmanager
def opened(
    settings: Settings, catalogue: Catalogue, release_id: str | None = None, *, for_inside: bool = False
) -> Iterator[Released]:
    """A release whose values are explained, one after the other.

    Raises:
        UsageError: there is no such release.
        ReleaseError: it is opened for inside, and the internal part cannot be read.
    """
    folder = _folder(settings, release_id)
    described = datapackage.read(folder)
    about = described["dx"]["inputs"]
    with ExitStack() as stack:
        connection = stack.enter_context(connect(settings))
        public = stack.enter_context(attached(connection, folder / PUBLIC.database))
        try:
            show(connection, public, tables_of(connection, public))
            more = inside.opened(settings, catalogue, folder.parent, public, about["partitions"])
            yield Released(settings, catalogue, connection, about, stack.enter_context(more) if for_inside else None)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            lack = lacking(folder.parent.name, error)
            raise UsageError(str(lack), vi=lack.vi) from error


def _folder(settings: Settings, release_id: str | None) -> Path:
    """The public part of a release; not the link to it, which may be switched while it is read."""
    for item in kept(settings):
        if item.has_parts and (item.is_current if release_id is None else item.release_id == release_id):
            return item.path / PUBLIC.name
    raise no_release(release_id)


STEPS = 4
"""How many steps of an explanation report progress."""


@dataclass(frozen=True)
class Released:
    """A release in a connection: its tables by their names, and what it was made from (as in its data package).

    `inside` is what analysts in the office see more of it; None if explanations are for everybody.
    """

    settings: Settings
    catalogue: Catalogue
    connection: duckdb.DuckDBPyConnection
    inputs: dict[str, Any]
    inside: Inside | None = None

    def explain(self, asked: Question) -> Explanation:
        """What a value of the release is made of.

        Raises:
            UsageError: the release has no such value.
        """
        catalogue = self.catalogue
        value = question.find(self.connection, catalogue, asked)
        if value["kpi_code"] not in catalogue.kpis:
            return self._as_released(value)
        seen = self.inside if is_shown(value) else None  # a value that is withheld is so inside, too
        connection = seen.connection if seen is not None else self.connection
        announce("inputs")
        inputs = Inputs(connection, catalogue, value)
        inputs.fill_unit_within()
        deliveries.fill_wanted(connection, inputs)
        is_as_declared = self.inputs.get("definitions", {}).get(inputs.kpi.code) == change.definition(
            catalogue, inputs.kpi.code
        )
        names = inputs.kpi.every_view if is_as_declared else ()  # other conditions would count other rows
        readable = rows.create_views(connection, catalogue, names)
        if seen is not None:
            readable |= seen.create_views(names)
        announce("rows")
        counted, lines = rows.count(connection, catalogue, inputs, readable)
        announce("deliveries")
        behind = deliveries.behind(
            self.settings, catalogue, connection, inputs, lines, self.inputs["partitions"], is_inside=seen is not None
        )
        announce("reports")
        return Explanation(
            value=value,
            definition=next(iter(self._about("definition", value)), None),
            withheld=kpi_words.withheld(value, catalogue.province.suppress_below),
            parts=tuple(self._about("parts", value)) if value["withheld_reason"] == "definition_changed" else (),
            reports=reports.expected(connection, catalogue, inputs),
            counted=counted,
            partitions=inputs.partitions,
            deliveries=behind,
            quarantined=deliveries.quarantined(catalogue, connection, inputs),
            published=next(iter(self._about("published", value)), None),
            revisions=tuple(self._about("revisions", value)),
            lineage=lineage.origins(catalogue, inputs),
            notes=tuple(self._notes(inputs, behind, seen)),
            for_inside=self._for_inside,
        )

    def _as_released(self, value: Row) -> Explanation:
        """What the release itself says of a value of a KPI that is no longer declared."""
        return Explanation(
            value=value,
            definition=next(iter(self._about("definition", value)), None),
            withheld=kpi_words.withheld(value, self.catalogue.province.suppress_below),
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
            for_inside=self._for_inside,
        )

    @property
    def _for_inside(self) -> Bilingual | None:
        return words.FOR_INSIDE if self.inside is not None else None

    def _about(self, name: str, value: Row) -> list[Row]:
        """The rows that a statement returns for a value; its parameters are named after columns of the value."""
        statement = sql_file(__file__, name)
        return query(self.connection, statement, **{key: value[key] for key in re.findall(r"\$(\w+)", statement)})

    def _notes(self, inputs: Inputs, explained: tuple[Delivery, ...], seen: Inside | None) -> Iterator[Bilingual]:
        if self.inputs["declarations"] != self.catalogue.digest(*self.catalogue.digests):
            yield words.DECLARED_OTHERWISE
        if any(version in inputs.kpi.queries for version in inputs.versions):
            yield words.FREE_SQL
        if seen is None and inputs.kpi.code in protected(self.catalogue):
            yield words.PROTECTED
        is_unknown = any(each.rows_accepted and each.lines is None and each.disposition == "read" for each in explained)
        if is_unknown or (seen is not None and seen.changed & {each.table_name for each in inputs.partitions}):
            yield words.LINES_UNKNOWN

"""The sample province: made-up deliveries in the formats that the systems really use.

There is no open row-level data of the province. The sample is calibrated so that the pipeline,
given these files alone, comes to the figures that were published for the first half of 2022. Each
delivery says of itself that it is synthetic.

    province, procedure, operation              what there is, the same in every month
    dossier, service, connection, exchange ...  what happened in a month, in the contracts' terms
    writing, workbook, page                     such a table, as its source would print it
    spelling, letters                           how it is typed there, and in which encoding
    delivery, faults                            when it arrives, and what is wrong with it
    trial, serving, opmon, one_stop             the same rows served live, for trying connectors
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dx_pipeline.declarations.catalogue import Catalogue, DeclaredSource
from dx_pipeline.declarations.source import Layout, XRoadAnswers
from dx_pipeline.errors import UsageError
from dx_pipeline.period import Month, parse_months
from dx_pipeline.progress import announce
from dx_pipeline.sample import exchange, world
from dx_pipeline.sample.delivery import arrival, arriving, place
from dx_pipeline.sample.faults import Fault, list_in, plant
from dx_pipeline.sample.form import Form
from dx_pipeline.sample.province import FIRST_MONTH, LAST_MONTH
from dx_pipeline.sample.spelling import AS_DECLARED, OF_SOURCES
from dx_pipeline.sample.writing import write
from dx_pipeline.settings import Settings
from dx_pipeline.storage.database import connect

DEFAULT_MONTHS = parse_months("2022-01:2022-09")
DEFAULT_SEED = 2022


def make(
    settings: Settings,
    catalogue: Catalogue,
    months: Sequence[Month] = DEFAULT_MONTHS,
    *,
    scale: float = 1.0,
    seed: int = DEFAULT_SEED,
    faults: bool = False,
) -> tuple[Path, ...]:
    """Write the sample's deliveries of some months into the inbox.

    The same seed, month and scale give the same bytes, whatever else is made with them. Only the
    planted faults go by which month is the first and which the last.

    Args:
        settings: the warehouse to fill, and the reference files that name its agencies.
        catalogue: who delivers what, and in which form.
        months: which months, in any order.
        scale: multiplies dossiers and calls; registers and programme tables are what they are.
        seed: another seed makes another province with the same published figures.
        faults: plant known defects, and list them in `sample_faults.json` of the warehouse.

    Returns:
        The files written, in order of month, source and table.

    Raises:
        UsageError: a month is outside those the sample can tell of, or the scale is not positive.
        DxError: a layout leaves no room to mark a delivery as synthetic.
    """
    ordered = tuple(sorted(set(months)))
    check(ordered, scale)
    made_up = world.build(settings.reference, seed=seed, scale=scale)
    written: list[Path] = []
    planted: list[Fault] = []
    with connect(settings) as database:
        for job in _jobs(catalogue, ordered):
            form = _form(job, catalogue, made_up)
            rows = world.rows(made_up, job.table, job.source.name, job.month)
            arrived_at = arrival(job.source.source.calendar, job.source.name, job.table, job.month, seed)
            for extension, page in _files(form, rows):
                path = place(settings, job.source.name, job.month, job.table, extension)
                announce(path.relative_to(settings.inbox).as_posix())
                with arriving(settings, path, arrived_at) as private:
                    if isinstance(form.layout.format, XRoadAnswers):
                        exchange.write(database, private, page, form.layout)
                    else:
                        write(database, private, page, form)
                    if faults:
                        shown_as = path.relative_to(settings.inbox).as_posix()
                        planted.extend(plant(private, job.source.name, form, ordered, shown_as))
                written.append(path)
    list_in(settings, planted)
    return tuple(written)


def count(catalogue: Catalogue, months: Sequence[Month] = DEFAULT_MONTHS) -> int:
    """How many files `make` writes for these months, as long as none needs more pages than usual."""
    return sum(
        exchange.page_count(job.month) if isinstance(job.layout.format, XRoadAnswers) else 1
        for job in _jobs(catalogue, sorted(set(months)))
    )


@dataclass(frozen=True)
class _Job:
    """What one source delivers of one table for one month."""

    source: DeclaredSource
    layout: Layout
    month: Month

    @property
    def table(self) -> str:
        return self.layout.table


def _files(form: Form, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The files that the rows of one table and month arrive in: how the name of each ends, and its rows."""
    if not isinstance(form.layout.format, XRoadAnswers):
        yield form.extension, rows
        return
    for number, page in enumerate(exchange.pages(rows, form.month), start=1):
        yield f"{number:02}.{form.extension}", page


def _form(job: _Job, catalogue: Catalogue, made_up: world.World) -> Form:
    return Form(
        layout=job.layout,
        contract=catalogue.contracts[job.table],
        title=job.source.source.title.vi,
        month=job.month,
        seed=made_up.seed,
        names=made_up.province.names,
        more_titles=world.titles(job.table, job.month),
        spelling=OF_SOURCES.get((job.source.name, job.table), AS_DECLARED),
    )


def _jobs(catalogue: Catalogue, months: Sequence[Month]) -> Iterator[_Job]:
    """Everything to be made: each table of each source that the sample can tell of, month by month."""
    for month in months:
        for name in catalogue.monthly:
            declared = catalogue.sources[name]
            first_layout = {layout.table: layout for layout in reversed(declared.source.deliveries)}
            for table in declared.source.delivered:
                if world.tells_of(table, name):
                    yield _Job(declared, first_layout[table], month)


def check(months: Sequence[Month], scale: float) -> None:
    """Hold what is asked for against what the sample knows.

    Raises:
        UsageError: a month (they are in order) is outside those it can tell of, or the scale is not positive.
    """
    if not months:
        message = "no month was given: write one as 2022-06, or a range as 2022-01:2022-09."
        raise UsageError(message)
    for month in (months[0], months[-1]):
        if not FIRST_MONTH <= month <= LAST_MONTH:
            message = f"the sample has nothing for {month}: it knows {FIRST_MONTH} to {LAST_MONTH}."
            raise UsageError(message)
    if not scale > 0:
        message = f"the scale is {scale:g}: give a number above 0, where 1 is the whole province."
        raise UsageError(message)

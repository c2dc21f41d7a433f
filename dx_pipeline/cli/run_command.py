"""`dx run`: which months, and the report of what came of them."""

from __future__ import annotations

import click

from dx_pipeline import connectors, last_run, profile, workers
from dx_pipeline.cli import profile_table, project, screen
from dx_pipeline.cli import run as runs
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.run_report import RunReport
from dx_pipeline.cli.status import HELD_BACK, WELL
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import ReleaseError, UsageError
from dx_pipeline.period import Month, parse_months
from dx_pipeline.release import datapackage
from dx_pipeline.settings import Settings
from dx_pipeline.tables import ledger


@click.command()
@on_project
@click.option("--months", help="Tháng hoặc khoảng tháng / A month or range: 2022-01 or 2022-01:2022-09.")
@click.option(
    "--profile", "is_profiled", is_flag=True, help="Thời gian và bộ nhớ từng bước / Time and memory by stage."
)
def run(settings: Settings, catalogue: Catalogue, as_json: bool, months: str | None, is_profiled: bool) -> int:
    """What `dx run` does."""
    project.check(settings, catalogue)
    chosen = _months(settings, catalogue, months)
    with profile.recording() as stages, profile.stage(profile_table.REST, "dx run"):
        before = last_run.looked_at(settings, catalogue, chosen)
        if last_run.is_over_the_same(settings, before):
            report = RunReport.of(settings, catalogue, chosen, runs.Result((), is_published=True, changed=False))
        else:
            workers.start_server(settings, audits=_is_to_audit(settings, catalogue))  # while Dagster is imported
            with bar("dx run", runs.steps(catalogue, chosen)):
                result = runs.run(settings, catalogue, chosen)
                report = RunReport.of(settings, catalogue, chosen, result)
                if result.is_published and not result.errors:
                    last_run.record(settings, catalogue, before)
    if as_json:
        measured = {"profile": profile_table.as_json(stages)} if is_profiled else {}
        screen.show_json({**report.as_json(), **measured})
    else:
        report.show()
    if is_profiled and not as_json:
        screen.OUT.print()
        profile_table.show(stages)
    return WELL if report.is_well else HELD_BACK


def _is_to_audit(settings: Settings, catalogue: Catalogue) -> bool:
    """Whether something will probably be read and audited: what is new in the inbox, what servers have, or everything.

    Everything is read again where the program or the declarations are not those of the current release.
    """
    now = {"code_version": settings.code_version, "declarations": catalogue.digest(*catalogue.digests)}
    try:
        released = datapackage.read(settings.current)["dx"].get("inputs")
    except ReleaseError:
        return True
    if not isinstance(released, dict) or not now.items() <= released.items():
        return True
    return any(map(connectors.is_remote, catalogue.sources.values())) or any(
        inbox.new(settings, name, month)
        for name in catalogue.monthly
        for month in inbox.months_waiting(settings, catalogue, name)
    )


def _months(settings: Settings, catalogue: Catalogue, text: str | None) -> tuple[Month, ...]:
    """The months of a run: those asked for, or every month for which anything was delivered.

    Raises:
        UsageError: a month is before the province's first one or after the current one, or none was asked for and
            nothing was delivered.
    """
    first, last = catalogue.province.start, inbox.this_month(settings)
    waiting = {month for name in catalogue.monthly for month in inbox.months_waiting(settings, catalogue, name)}
    known = waiting | {month for month in ledger.months_known(settings, catalogue) if first <= month <= last}
    chosen = tuple(sorted(known)) if text is None else parse_months(text)
    if first > last or (text and (chosen[0] < first or chosen[-1] > last)):
        raise UsageError(
            f"the months of this project are {first} (first_month in assets/province.yaml) to {last}.",
            vi=f"các tháng của dự án này là từ {first} (first_month trong assets/province.yaml) đến {last}.",
        )
    if not known and text is None:
        raise UsageError(
            f"there is nothing in {settings.inbox}: put deliveries there, or make the sample with 'dx sample'.",
            vi=f"{settings.inbox} chưa có gì: hãy đặt tệp giao nhận vào đó, hoặc tạo dữ liệu mẫu bằng 'dx sample'.",
        )
    return chosen

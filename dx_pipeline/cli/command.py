"""The commands. Exit status: 0 all is well, 1 something was held back, 2 wrong use."""

from __future__ import annotations

import atexit
import errno
import os
import sys
from datetime import datetime
from pathlib import Path

import click
import duckdb
from rich.markup import escape

from dx_pipeline import __version__, workers
from dx_pipeline.cli import doctor as doctors
from dx_pipeline.cli import figures, project, quarantine, screen
from dx_pipeline.cli import run as runs
from dx_pipeline.cli.changes import change, diff
from dx_pipeline.cli.explain import explanation
from dx_pipeline.cli.integrity import verify
from dx_pipeline.cli.options import AS_JSON, everywhere, on_project
from dx_pipeline.cli.options import as_json as json_option
from dx_pipeline.cli.releases import releases
from dx_pipeline.cli.revisions import revisions
from dx_pipeline.cli.run_report import PROVINCE, RunReport
from dx_pipeline.cli.screen import both
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DeclarationError, DxError, UsageError
from dx_pipeline.period import Month, parse_months
from dx_pipeline.settings import Settings, limit_permissions
from dx_pipeline.tables import ledger

WELL, HELD_BACK, WRONG_USE = 0, 1, 2
NO_ROOM_OR_RIGHT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
REMEDY = (
    "hãy giải phóng chỗ cho kho dữ liệu, hoặc cho phép người dùng này ghi vào đó; rồi thử lại",
    "make room for the warehouse, or let this user write in it; then try again",
)
SAMPLE_MONTHS = "2022-01:2022-09"
EVERY_UNIT = ("Mọi đơn vị: --json.", "Every unit: --json.")
INSIDE = (
    "Chỉ dùng trong cơ quan: số của hai ngày khác nhau có thể làm lộ số đã che.",
    "For use inside the office: figures of two days together can reveal withheld ones.",
)


def main() -> None:
    """The entry point: run a command, and report an error as one sentence and an exit status."""
    try:
        limit_permissions()
        status = commands(standalone_mode=False)
    except click.ClickException as error:
        status = _refuse(error.format_message(), WRONG_USE)
    except click.exceptions.Exit as stopped:
        status = stopped.exit_code
    except click.Abort:
        status = _refuse(both("đã dừng.", "stopped."), HELD_BACK)
    except DxError as error:
        is_wrong_use = isinstance(error, UsageError | DeclarationError)
        status = _refuse(screen.in_words(error), WRONG_USE if is_wrong_use else HELD_BACK)
    except RuntimeError as error:
        if not runs.is_stop(error):
            raise
        status = _refuse(both("đã dừng.", "stopped."), HELD_BACK)
    except (MemoryError, duckdb.OutOfMemoryException):
        status = _refuse(f"{both(*runs.TOO_LITTLE_MEMORY)}.", HELD_BACK)
    except OSError as error:
        if error.errno not in NO_ROOM_OR_RIGHT:
            raise
        where = f"{error.filename}: " if error.filename else ""
        status = _refuse(f"{where}{error.strerror}: {both(*REMEDY)}.", HELD_BACK)
    _leave(status if isinstance(status, int) else WELL)


def _refuse(sentence: str, status: int) -> int:
    """Say what went wrong, on standard error and with `--json` as JSON on standard output too."""
    screen.say(f"dx: {escape(sentence)}")
    if AS_JSON in sys.argv[1:]:  # also where the command line itself is wrong, and nothing of it was read
        screen.show_json({"error": sentence, "status": status})
    return status


def _leave(status: int) -> None:
    """End the process without the interpreter's own shutdown, in which DuckDB prints about leaks."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what was registered still runs
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@click.group()
@click.version_option(__version__, prog_name="dx")
@everywhere
def commands() -> None:
    """Từ tệp giao nhận đến KPI / From deliveries to KPIs."""


releases.add_command(diff)
commands.add_command(explanation)
commands.add_command(releases)
commands.add_command(change)
commands.add_command(revisions)
commands.add_command(verify)
commands.add_command(quarantine.quarantines)


@commands.command()
@everywhere
@json_option
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--title", help="Tên tỉnh / The province's name: 'tỉnh X / X province'.")
@click.option("--code", help="Mã tỉnh trên trục văn bản / Its code in the electronic documents system.")
def init(folder: Path, as_json: bool, title: str | None, code: str | None) -> int:
    """Tạo dự án cho một tỉnh khác / Make a project for another province."""
    project.make(folder.absolute(), title, code)
    if as_json:
        screen.show_json({"project": str(folder.absolute())})
    else:
        screen.OUT.print(f"{folder}: {both('đọc', 'read')} {folder / 'README.md'}", soft_wrap=True)
    return WELL


@commands.command()
@on_project(before=workers.start_server)  # what it imports takes as long as reading the declarations
@click.option("--months", help="Tháng hoặc khoảng tháng / A month or range: 2022-01 or 2022-01:2022-09.")
def run(settings: Settings, catalogue: Catalogue, as_json: bool, months: str | None) -> int:
    """Đọc các tháng, tính KPI, phát hành / Read the months, evaluate the KPIs, publish."""
    project.check(settings, catalogue)
    chosen = _months(settings, catalogue, months)
    with screen.bar("dx run", runs.steps(catalogue, chosen)):
        result = runs.run(settings, catalogue, chosen)
    report = RunReport.of(settings, catalogue, chosen, result)
    if as_json:
        screen.show_json(report.as_json())
    else:
        report.show()
    return WELL if report.is_well else HELD_BACK


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
        raise UsageError(f"the months of this project are {first} (first_month in assets/province.yaml) to {last}.")
    if not known and text is None:
        raise UsageError(
            f"there is nothing in {settings.inbox}: put deliveries there, or make the sample with 'dx sample'."
        )
    return chosen


@commands.command()
@on_project()
@click.option("--months", default=SAMPLE_MONTHS, show_default=True, help="Tháng hoặc khoảng tháng / Months.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(min=0.001), help="Nhân số dòng / Rows.")
@click.option("--seed", default=2022, show_default=True, help="Số khởi tạo / Seed: the same seed gives the same bytes.")
@click.option("--faults", is_flag=True, help="Thêm lỗi đã biết / Plant known defects, listed in sample_faults.json.")
@click.option("--if-empty", is_flag=True, help="Chỉ tạo khi hộp nhận trống / Only where the inbox is empty.")
@click.option("--serve", is_flag=True, help="Phục vụ qua HTTP, X-Road, PostgreSQL / Serve it live, until Ctrl-C.")
@click.option("--port", default=0, type=click.IntRange(0, 65534), help="Cổng HTTP; X-Road là cổng kế / With --serve.")
def sample(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    months: str,
    scale: float,
    seed: int,
    faults: bool,
    if_empty: bool,
    serve: bool,
    port: int,
) -> int:
    """Tạo tỉnh mẫu (dữ liệu mô phỏng) trong inbox / Make the sample province (synthetic) in the inbox."""
    from dx_pipeline import sample as samples

    if port and not serve:
        raise UsageError("'--port' goes with '--serve'.")
    if serve and (faults or if_empty):
        raise UsageError("'--faults' and '--if-empty' are for files: leave them out where the sample is served.")
    chosen = parse_months(months)
    if if_empty and settings.inbox.is_dir() and any(settings.inbox.iterdir()):
        return WELL
    filled = project.fill_references(settings, catalogue)
    if filled:
        words = both(
            "Tệp tham chiếu chưa có dòng nào nay có dòng của tỉnh mẫu",
            "Reference files without rows now have the sample province's",
        )
        screen.say(f"{words}: {', '.join(path.name for path in filled)}")
    if serve:
        from dx_pipeline.cli import serving

        serving.serve(settings, catalogue, chosen, scale=scale, seed=seed, port=port, as_json=as_json)
        return WELL
    with screen.bar("dx sample", samples.count(catalogue, chosen)):
        written = samples.make(settings, catalogue, chosen, scale=scale, seed=seed, faults=faults)
    if as_json:
        screen.show_json({"written": [str(path) for path in written], "seed": seed, "scale": scale})
    else:
        marked = both("DỮ LIỆU MÔ PHỎNG", "SYNTHETIC")
        screen.OUT.print(f"{len(written)} {both('tệp', 'files')}: {settings.inbox}  [dim]{marked}[/]")
    return WELL


@commands.command()
@on_project()
@click.argument("code", required=False)
@click.option("--unit", help="Mã hoặc tên đơn vị / Code or name of a unit (default: the province).")
@click.option("--units-on", type=click.DateTime(["%Y-%m-%d"]), help="Theo đơn vị của ngày / On the units of a day.")
def kpi(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    code: str | None,
    unit: str | None,
    units_on: datetime | None,
) -> int:
    """Xem KPI của bản đang công bố / Show the KPIs of the current release."""
    day = units_on.date() if units_on is not None else None
    if code is None and (day or unit):
        raise UsageError(f"'{'--units-on' if day else '--unit'}' is about one KPI: write its code.")
    if day is not None and day > inbox.today(settings):
        raise UsageError(f"the units of {day} are not known yet: write a day that has come.")
    if code is None:
        rows = figures.headline(settings, catalogue)
    elif unit is not None:
        rows = figures.of_unit(settings, catalogue, code, unit, day)
    elif day is None:
        rows = figures.of_one(settings, catalogue, code)
    else:
        rows = figures.on_units(settings, catalogue, code, day)
    if as_json:
        screen.show_json(rows)
        return WELL
    shown = [row for row in rows if unit is not None or row["unit_level"] == "province"]
    on_day = f" – {both('đơn vị ngày', 'units of')} {day}" if day else ""
    figures.show(f"{code or both(*PROVINCE)}{on_day}", shown)
    if day is not None:
        screen.say(both(*(INSIDE if unit else (f"{EVERY_UNIT[at]} {INSIDE[at]}" for at in (0, 1)))))
    elif code is not None and unit is None:
        figures.show_published(figures.published(settings, code))
    return WELL


@commands.command()
@on_project()
def doctor(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """Kiểm tra kho dữ liệu, các nguồn và khai báo / Check the warehouse, its sources and declarations."""
    findings = doctors.examine(settings, catalogue)
    if as_json:
        screen.show_json([finding.__dict__ for finding in findings])
    else:
        doctors.show(findings)
    return WELL if all(finding.is_well for finding in findings) else HELD_BACK

"""The commands. Exit status: 0 all is well, 1 something was held back, 2 wrong use."""

from __future__ import annotations

import atexit
import errno
import os
import sys
from pathlib import Path

import click
import duckdb
from rich.markup import escape

from dx_pipeline import __version__, workers
from dx_pipeline.cli import doctor as doctors
from dx_pipeline.cli import project, quarantine, screen, usage
from dx_pipeline.cli import run as runs
from dx_pipeline.cli.changes import change, diff
from dx_pipeline.cli.explain import explanation
from dx_pipeline.cli.integrity import verify
from dx_pipeline.cli.kpi import kpi
from dx_pipeline.cli.opening import open_report
from dx_pipeline.cli.options import AS_JSON, everywhere, on_project
from dx_pipeline.cli.options import as_json as json_option
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.releases import releases
from dx_pipeline.cli.revisions import revisions
from dx_pipeline.cli.run_report import RunReport
from dx_pipeline.cli.screen import pick
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


def main() -> None:
    """The entry point: run a command, and report an error as one sentence and an exit status."""
    try:
        usage.choose_language(sys.argv[1:])
        usage.translate(commands)
        limit_permissions()
        status = commands(standalone_mode=False)
    except click.ClickException as error:
        status = _refuse(usage.sentence(error), WRONG_USE)
    except click.exceptions.Exit as stopped:
        status = stopped.exit_code
    except click.Abort:
        status = _refuse(pick("đã dừng.", "stopped."), HELD_BACK)
    except DxError as error:
        is_wrong_use = isinstance(error, UsageError | DeclarationError)
        status = _refuse(screen.in_words(error), WRONG_USE if is_wrong_use else HELD_BACK)
    except RuntimeError as error:
        if not runs.is_stop(error):
            raise
        status = _refuse(pick("đã dừng.", "stopped."), HELD_BACK)
    except (MemoryError, duckdb.OutOfMemoryException):
        status = _refuse(f"{pick(*runs.TOO_LITTLE_MEMORY)}.", HELD_BACK)
    except OSError as error:
        if error.errno not in NO_ROOM_OR_RIGHT:
            raise
        where = f"{error.filename}: " if error.filename else ""
        status = _refuse(f"{where}{error.strerror}: {pick(*REMEDY)}.", HELD_BACK)
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
commands.add_command(kpi)
commands.add_command(open_report)
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
        screen.OUT.print(f"{folder}: {pick('đọc', 'read')} {folder / 'README.md'}", soft_wrap=True)
    return WELL


@commands.command()
@on_project(before=workers.start_server)  # what it imports takes as long as reading the declarations
@click.option("--months", help="Tháng hoặc khoảng tháng / A month or range: 2022-01 or 2022-01:2022-09.")
def run(settings: Settings, catalogue: Catalogue, as_json: bool, months: str | None) -> int:
    """Đọc các tháng, tính KPI, phát hành / Read the months, evaluate the KPIs, publish."""
    project.check(settings, catalogue)
    chosen = _months(settings, catalogue, months)
    with bar("dx run", runs.steps(catalogue, chosen)):
        report = RunReport.of(settings, catalogue, chosen, runs.run(settings, catalogue, chosen))
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
        raise UsageError("'--port' goes with '--serve'.", vi="'--port' đi cùng '--serve'.")
    if serve and (faults or if_empty):
        raise UsageError(
            "'--faults' and '--if-empty' are for files: leave them out where the sample is served.",
            vi="'--faults' và '--if-empty' dành cho tệp: hãy bỏ khi phục vụ trực tuyến.",
        )
    chosen = parse_months(months)
    if if_empty and settings.inbox.is_dir() and any(settings.inbox.iterdir()):
        return WELL
    filled = project.fill_references(settings, catalogue)
    if filled:
        words = pick(
            "Tệp tham chiếu chưa có dòng nào nay có dòng của tỉnh mẫu",
            "Reference files without rows now have the sample province's",
        )
        screen.say(f"{words}: {', '.join(path.name for path in filled)}")
    if serve:
        from dx_pipeline.cli import serving

        serving.serve(settings, catalogue, chosen, scale=scale, seed=seed, port=port, as_json=as_json)
        return WELL
    with bar("dx sample", samples.count(catalogue, chosen)):
        written = samples.make(settings, catalogue, chosen, scale=scale, seed=seed, faults=faults)
    if as_json:
        screen.show_json({"written": [str(path) for path in written], "seed": seed, "scale": scale})
    else:
        marked = pick("DỮ LIỆU MÔ PHỎNG", "SYNTHETIC")
        screen.OUT.print(f"{len(written)} {pick('tệp', 'files')}: {settings.inbox}  [dim]{marked}[/]")
    return WELL


@commands.command()
@on_project()
def doctor(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """Kiểm tra kho dữ liệu, các nguồn và khai báo / Check the warehouse, its sources and declarations."""
    with bar("dx doctor", doctors.steps(catalogue)):
        findings = doctors.examine(settings, catalogue)
    if as_json:
        screen.show_json([finding.as_json() for finding in findings])
    else:
        doctors.show(findings)
    return WELL if all(finding.is_well for finding in findings) else HELD_BACK

"""The commands. Exit status: 0 all is well, 1 something was held back, 2 wrong use."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from dx_pipeline import __version__, connectors, release, workers
from dx_pipeline.cli import doctor as doctors
from dx_pipeline.cli import figures, screen
from dx_pipeline.cli import run as runs
from dx_pipeline.connectors import inbox
from dx_pipeline.declarations.catalogue import Catalogue, open_project
from dx_pipeline.errors import DeclarationError, DxError, UsageError
from dx_pipeline.landing import attempts
from dx_pipeline.period import Month, parse_months
from dx_pipeline.settings import Settings
from dx_pipeline.tables import ledger
from dx_pipeline.tables.ledger import PartitionState

WELL, HELD_BACK, WRONG_USE = 0, 1, 2
SAMPLE_MONTHS = "2022-01:2022-09"


def main() -> None:
    """The entry point: run a command, turn what went wrong into one sentence and an exit status."""
    try:
        status = commands(standalone_mode=False)
    except click.ClickException as error:
        screen.say(f"dx: {error.format_message()}")
        status = WRONG_USE
    except click.exceptions.Exit as stopped:
        status = stopped.exit_code
    except click.Abort:
        screen.say("dx: stopped.")
        status = HELD_BACK
    except (UsageError, DeclarationError) as error:
        screen.say(f"dx: {error}")
        status = WRONG_USE
    except DxError as error:
        screen.say(f"dx: {error}")
        status = HELD_BACK
    _leave(status if isinstance(status, int) else WELL)


def _leave(status: int) -> None:
    """End the process without the interpreter's own shutdown, in which DuckDB prints about leaks."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what was registered still runs
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command: which project, which warehouse, and whether the answer is JSON."""

    @click.option(
        "--project",
        type=click.Path(file_okay=False, path_type=Path),
        help="Thư mục dự án / The project folder (default: DX_PROJECT, or the one you are in).",
    )
    @click.option(
        "--warehouse",
        type=click.Path(file_okay=False, path_type=Path),
        help="Thư mục kho dữ liệu / The warehouse folder (default: DX_WAREHOUSE, or the project's warehouse/).",
    )
    @click.option("--json", "as_json", is_flag=True, help="Trả lời bằng JSON / Answer in JSON.")
    @wraps(command)
    def wrapped(project: Path | None, warehouse: Path | None, **arguments: Any) -> Any:
        settings, catalogue = open_project(project, warehouse)
        return command(settings=settings, catalogue=catalogue, **arguments)

    return wrapped


@click.group()
@click.version_option(__version__, prog_name="dx")
def commands() -> None:
    """Từ tệp giao nhận đến KPI / From deliveries to KPIs."""


@commands.command()
@_common
@click.option("--months", help="Tháng hoặc khoảng tháng / A month or range: 2022-01 or 2022-01:2022-09.")
def run(settings: Settings, catalogue: Catalogue, as_json: bool, months: str | None) -> int:
    """Đọc các tháng, tính KPI, phát hành / Read the months, evaluate the KPIs, publish."""
    workers.start_server(settings)
    chosen = parse_months(months) if months else _months_known(settings, catalogue)
    with screen.bar("dx run", runs.steps(catalogue, chosen)):
        result = runs.run(settings, catalogue, chosen)
    held = [
        state
        for state in ledger.Ledger.read(settings, catalogue).held_back
        if state.key.month is None or state.key.month in chosen
    ]
    strays = inbox.strays(settings, frozenset(catalogue.monthly))
    silent = _silent(settings, catalogue, chosen)
    status = HELD_BACK if held or strays or silent or result.errors or not result.is_published else WELL
    if as_json:
        screen.show_json(_run_as_json(settings, result, held, strays, silent, status))
        return status
    if result.is_published:
        figures.show("KPI toàn tỉnh / The province's KPIs", figures.headline(settings))
        figures.show_connections(figures.connections(settings))
        _show_paths(settings)
        if not result.changed:
            screen.say("Không có gì thay đổi / Nothing changed: the release is the same.")
    for error in result.errors:
        screen.say(f"[red]Lỗi / Error[/]: {error}")
    for state in held:
        screen.say(f"[yellow]{doctors.STATE_WORDS[state.state]}[/] {state.key}: {state.problem}")
    for problem in silent:
        screen.say(f"[yellow]Không lấy được / Not fetched[/]: {problem}")
    for stray in strays:
        screen.say(f"[yellow]Không thuộc nguồn nào / Belongs nowhere[/]: {stray}")
    if not result.is_published:
        screen.say("[red]Chưa có bản công bố mới / There is no new release[/]: the last one stays current.")
    return status


def _months_known(settings: Settings, catalogue: Catalogue) -> tuple[Month, ...]:
    waiting = {month for name in catalogue.monthly for month in inbox.months_waiting(settings, name)}
    known = sorted({*waiting, *ledger.months_known(settings, catalogue)})
    if not known:
        message = f"there is nothing in {settings.inbox}: put deliveries there, or make the sample with 'dx sample'."
        raise UsageError(message)
    return tuple(known)


def _silent(settings: Settings, catalogue: Catalogue, months: tuple[Month, ...]) -> list[str]:
    """Why the latest attempt to fetch from each remote source failed, where it did."""
    remote = [name for name in catalogue.monthly if connectors.is_remote(catalogue.sources[name])]
    problems = (attempts.problem(settings, name, month) for name in remote for month in months)
    return [problem for problem in problems if problem is not None]


def _run_as_json(
    settings: Settings,
    result: runs.Result,
    held: list[PartitionState],
    strays: tuple[Path, ...],
    silent: list[str],
    status: int,
) -> dict[str, Any]:
    return {
        "status": status,
        "release_id": release.current_id(settings),
        "published": result.is_published,
        "changed": result.changed,
        "kpis": figures.headline(settings) if result.is_published else [],
        "connections": figures.connections(settings) if result.is_published else [],
        "held_back": [state.as_json() for state in held],
        "strays": [str(path) for path in strays],
        "not_fetched": silent,
        "errors": list(result.errors),
        "current": str(settings.current),
    }


def _show_paths(settings: Settings) -> None:
    for path, words in (
        (settings.current / release.DATABASE, "cơ sở dữ liệu / database"),
        (settings.current / "kpi", "bảng KPI dạng Parquet / KPI tables as Parquet"),
        (settings.current / "datapackage.json", "mô tả và nguồn gốc / description and inputs"),
    ):
        screen.OUT.print(f"{path}  [dim]{words}[/]", soft_wrap=True)


@commands.command()
@_common
@click.option("--months", default=SAMPLE_MONTHS, show_default=True, help="Tháng hoặc khoảng tháng / Months.")
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(min=0.001), help="Nhân số dòng / Rows.")
@click.option("--seed", default=2022, show_default=True, help="Hạt giống / Seed: the same seed gives the same bytes.")
@click.option("--faults", is_flag=True, help="Gài lỗi đã biết / Plant known defects, listed in sample_faults.json.")
@click.option("--if-empty", is_flag=True, help="Chỉ tạo khi hộp thư trống / Only where the inbox is empty.")
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
    """Tạo tỉnh mẫu (dữ liệu tổng hợp) trong inbox / Make the sample province (synthetic) in the inbox."""
    from dx_pipeline import sample as samples

    if port and not serve:
        message = "'--port' goes with '--serve'."
        raise UsageError(message)
    if serve:
        if faults or if_empty:
            message = "'--faults' and '--if-empty' are for files: leave them out where the sample is served."
            raise UsageError(message)
        from dx_pipeline.cli import serving

        serving.serve(settings, catalogue, parse_months(months), scale=scale, seed=seed, port=port, as_json=as_json)
        return WELL
    if if_empty and settings.inbox.is_dir() and any(settings.inbox.iterdir()):
        return WELL
    chosen = parse_months(months)
    with screen.bar("dx sample", samples.count(catalogue, chosen)):
        written = samples.make(settings, catalogue, chosen, scale=scale, seed=seed, faults=faults)
    if as_json:
        screen.show_json({"written": [str(path) for path in written], "seed": seed, "scale": scale})
    else:
        screen.OUT.print(f"{len(written)} tệp / files: {settings.inbox}  [dim]DỮ LIỆU TỔNG HỢP / SYNTHETIC[/]")
    return WELL


@commands.command()
@_common
@click.argument("code", required=False)
def kpi(settings: Settings, catalogue: Catalogue, as_json: bool, code: str | None) -> int:
    """Xem KPI của bản đang công bố / Show the KPIs of the current release."""
    rows = figures.of_one(settings, code) if code else figures.headline(settings)
    if as_json:
        screen.show_json(rows)
    else:
        figures.show(code or "KPI toàn tỉnh / The province's KPIs", rows)
    return WELL


@commands.group(name="release")
def releases() -> None:
    """Các bản công bố / Releases."""


@releases.command(name="list")
@_common
def list_releases(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """Liệt kê các bản còn giữ, mới nhất trước / List the releases that are kept, newest first."""
    found = release.kept(settings)
    if as_json:
        screen.show_json(
            [{"release_id": item.release_id, "current": item.is_current, "path": item.path} for item in found]
        )
        return WELL
    rows = [(item.release_id, "● đang dùng / current" if item.is_current else "", str(item.path)) for item in found]
    screen.show_table("Bản công bố / Releases", ("ID", "", "Thư mục / Folder"), rows)
    return WELL


@releases.command()
@_common
@click.argument("release_id", required=False)
def verify(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None) -> int:
    """Kiểm chứng một bản công bố / Check a release against its own description."""
    chosen = _chosen(settings, release_id)
    found = release.problems(chosen.path, catalogue)
    if as_json:
        screen.show_json({"release_id": chosen.release_id, "problems": found})
    else:
        for problem in found:
            screen.say(f"[red]{chosen.release_id}[/]: {problem}")
        if not found:
            screen.OUT.print(f"{chosen.release_id}: đã kiểm chứng / verified")
    return HELD_BACK if found else WELL


@releases.command()
@_common
@click.argument("release_id", required=False)
def rollback(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None) -> int:
    """Quay lại bản trước (hoặc bản nêu tên) / Switch back to the release before, or to the one named."""
    if release_id is None:
        older = [item for item in release.kept(settings) if not item.is_current]
        if not older:
            message = "there is no earlier release to go back to: see 'dx release list'."
            raise UsageError(message)
        release_id = older[0].release_id
    chosen = _chosen(settings, release_id)
    release.verify(chosen.path, catalogue)
    release.switch(settings, chosen.release_id)
    if as_json:
        screen.show_json({"release_id": chosen.release_id})
    else:
        screen.OUT.print(f"{chosen.release_id}: đang dùng / current")
    return WELL


def _chosen(settings: Settings, release_id: str | None) -> release.Kept:
    for item in release.kept(settings):
        if item.release_id == release_id or (release_id is None and item.is_current):
            return item
    message = f"there is no release '{release_id or 'current'}': see 'dx release list'."
    raise UsageError(message)


@commands.command()
@_common
def doctor(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """Khám hệ thống / Report what is well and what is not, and what to do about it."""
    findings = doctors.examine(settings, catalogue)
    if as_json:
        screen.show_json([finding.__dict__ for finding in findings])
    else:
        doctors.show(findings)
    return WELL if all(finding.is_well for finding in findings) else HELD_BACK

"""`dx quarantine`: the lines that broke their contract, what to do about them, and reading them again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from dx_pipeline.cli import screen
from dx_pipeline.cli.options import Command, on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.table import show_table
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.ingest import replay as read_again
from dx_pipeline.period import Month, parse_months
from dx_pipeline.progress import announce
from dx_pipeline.report.reason import Reason, reason
from dx_pipeline.settings import Settings
from dx_pipeline.tables import quarantine
from dx_pipeline.tables.partition import Key
from dx_pipeline.tables.quarantine import Chosen, Line
from dx_pipeline.tables.run import PartitionRun, RunResult

Row = dict[str, Any]

NOTHING = ("Không có dòng nào bị cách ly.", "No line is in quarantine.")
UNCHANGED = (
    "Không có gì thay đổi: từ lần đọc trước, chưa quy tắc, bố cục hay dòng tham chiếu nào của các tháng này được sửa.",
    "Nothing changed: no rule, layout or reference row of these months was corrected since they were read.",
)
WORDS = {
    "table_name": ("Bảng", "Table"),
    "source": ("Nguồn", "Source"),
    "month": ("Tháng", "Month"),
    "file_name": ("Tệp", "File"),
    "delivery_id": ("Mã tệp", "Delivery"),
    "agency": ("Mã cơ quan", "Agency"),
    "agency_name": ("Cơ quan", "Name"),
    "reason_code": ("Lý do", "Reason"),
    "column_name": ("Cột", "Column"),
    "age_days": ("Số ngày", "Days"),
    "line_count": ("Số dòng", "Lines"),
    "oldest_days": ("Lâu nhất (ngày)", "Oldest (days)"),
}
NUMBERS = {"age_days", "line_count", "oldest_days"}
SHOWN = ("file_name", "table_name", "month", "agency", "reason_code", "column_name")
"""The columns of the finest groups that a terminal has room for."""

FILTERS = (
    click.option("--table", help="Bảng / Table: programme.community_group."),
    click.option("--source", help="Nguồn / Source."),
    click.option("--reason", help="Mã lý do / Reason code: not_a_date."),
    click.option("--delivery", help="Tên tệp hoặc đầu mã băm / File name, or first digits of its SHA-256."),
    click.option("--agency", help="Mã đơn vị báo cáo hoặc nguồn / Code of who reported it, or source."),
    click.option("--months", help="Tháng hoặc khoảng tháng / A month or range: 2022-01 or 2022-01:2022-09."),
    click.option("--older-than", type=click.IntRange(min=0), help="Từ bao nhiêu ngày / So many days old, or more."),
)


def filtered(command: Command) -> Command:
    """The options that choose lines; the command gets them as `chosen`."""

    @wraps(command)
    def with_chosen(catalogue: Catalogue, months: str | None, **arguments: Any) -> Any:
        names = ("table", "source", "reason", "delivery", "agency", "older_than")
        chosen = Chosen(
            **{name: arguments.pop(name) for name in names}, months=parse_months(months) if months is not None else ()
        )
        for wanted, known, vi, en in (
            (chosen.table, catalogue.contracts, "bảng", "table"),
            (chosen.source, catalogue.sources, "nguồn", "source"),
        ):
            if wanted is not None and wanted not in known:
                listed = ", ".join(known)
                raise UsageError(
                    f"there is no {en} '{wanted}': known are {listed}.", f"không có {vi} '{wanted}': có {listed}."
                )
        return command(catalogue=catalogue, chosen=chosen, **arguments)

    decorated: Command = with_chosen
    for option in reversed(FILTERS):
        decorated = option(decorated)
    return decorated


@click.command()
@on_project
@filtered
@click.option("--by", type=click.Choice(list(quarantine.GROUPINGS)), help="Đếm theo / Count by.")
@click.option(
    "--workbooks",
    type=click.Path(file_okay=False, path_type=Path),
    help="Ghi cho mỗi cơ quan một sổ tính / Write a workbook for each agency into a folder.",
)
def list_lines(
    settings: Settings, catalogue: Catalogue, as_json: bool, chosen: Chosen, by: str | None, workbooks: Path | None
) -> int:
    """What `dx quarantine list` does."""
    today = settings.today
    columns = quarantine.GROUPINGS[by] if by else quarantine.FINEST
    with bar("dx quarantine list", 1 + (workbooks is not None)):
        announce("quarantine")
        found = quarantine.groups(settings, catalogue, chosen, today, columns)
        announce("workbooks")
        written = _write_workbooks(settings, catalogue, chosen, workbooks) if workbooks is not None else []
    if as_json:
        screen.show_json({"groups": found, "workbooks": [str(path) for path in written]})
        return 0
    if found:
        _show_groups(found, by)
    else:
        screen.say(pick(*NOTHING))
    for path in written:
        screen.OUT.print(str(path), soft_wrap=True, markup=False)
    return 0


@click.command()
@on_project
@filtered
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Số dòng / At most so many.")
@click.option(
    "--workbook",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ghi mọi dòng vào một sổ tính / Write all of them into a workbook.",
)
def show_lines(
    settings: Settings, catalogue: Catalogue, as_json: bool, chosen: Chosen, limit: int, workbook: Path | None
) -> int:
    """What `dx quarantine show` does."""
    today = settings.today
    found = quarantine.lines(settings, catalogue, chosen, today, None if workbook else limit)
    if workbook is not None:
        from dx_pipeline.report import delivery_workbook

        names = sorted({line.agency_name for line in found})
        delivery_workbook.write(catalogue, ", ".join(names), found, today, workbook)
    if as_json:
        screen.show_json([_as_json(catalogue, line) for line in found[:limit]])
        return 0
    if not found:
        screen.say(pick(*NOTHING))
    for line in found[:limit]:
        _show_line(catalogue, line)
    every = sum(row["line_count"] for row in quarantine.groups(settings, catalogue, chosen, today, ("table_name",)))
    if workbook is not None:
        screen.OUT.print(str(workbook), soft_wrap=True, markup=False)
    if every > limit:
        screen.say(f"{limit} / {every}: {pick('thêm --limit, hoặc --workbook TỆP', 'add --limit, or --workbook FILE')}")
    return 0


@click.command()
@on_project
@filtered
def replay(settings: Settings, catalogue: Catalogue, as_json: bool, chosen: Chosen) -> int:
    """What `dx quarantine replay` does."""
    from dx_pipeline.cli import run as runs

    today = settings.today
    keys = quarantine.partitions(settings, catalogue, chosen, today)
    before = _counted(settings, catalogue, keys)
    with bar("dx quarantine replay", 2 * len(keys) + len(catalogue.evaluated) + 1):
        results = _read_again(settings, catalogue, keys)
        changed = [result for result in results if result.changed]
        result = runs.run(settings, catalogue, []) if changed else None
    after = _counted(settings, catalogue, keys)
    rows = [
        {
            "table": key.table,
            "source": key.source,
            "month": str(key.month) if key.month else None,
            "lines_before": before.get(key, 0),
            "lines_after": after.get(key, 0),
            "problem": next((_problem(each.run) for each in changed if each.run.partition == key.name), None),
        }
        for key in keys
        if any((each.run.table, each.run.partition) == (key.table, key.name) for each in changed)
    ]
    errors = list(result.errors) if result is not None else []
    is_well = result is None or (result.is_published and not errors and not any(row["problem"] for row in rows))
    if as_json:
        screen.show_json({"changed": bool(changed), "partitions": rows, "errors": errors})
        return int(not is_well)
    _show_replay(rows, errors, has_lines=bool(keys))
    return int(not is_well)


def of_run(settings: Settings, catalogue: Catalogue, months: Sequence[Month]) -> list[Row]:
    """How many lines of the months of a run are in quarantine, by source, reason and column, the most first."""
    columns = ("source", "reason_code", "column_name")
    return quarantine.groups(settings, catalogue, Chosen(months=tuple(months)), settings.today, columns)


def by_source(rows: Iterable[Row]) -> list[str]:
    """A sentence a source with its lines in quarantine by reason."""
    sources: dict[str, list[Row]] = {}
    for row in rows:
        sources.setdefault(row["source"], []).append(row)
    sentences = []
    for source, found in sources.items():
        reasons = ", ".join(
            f"{screen.number(row['line_count'])} {row['reason_code']}{_of(row['column_name'])}" for row in found
        )
        see = pick(f"xem 'dx quarantine show --source {source}'", f"see 'dx quarantine show --source {source}'")
        sentences.append(f"{source}: {reasons}; {see}")
    return sentences


def _of(column: str | None) -> str:
    return f" ({column})" if column else ""


def _read_again(settings: Settings, catalogue: Catalogue, keys: Sequence[Key]) -> list[RunResult]:
    """Read the months of these partitions again, source by source; references first."""
    sources = sorted({key.source for key in keys}, key=lambda name: (not catalogue.sources[name].is_reference, name))
    months = {name: list(dict.fromkeys(key.month for key in keys if key.source == name)) for name in sources}
    return [result for name in sources for result in read_again(settings, catalogue, name, months[name])]


def _counted(settings: Settings, catalogue: Catalogue, keys: Sequence[Key]) -> dict[Key, int]:
    """How many lines of these partitions are in quarantine."""
    columns = ("table_name", "source", "month")
    rows = quarantine.groups(settings, catalogue, Chosen(), settings.today, columns) if keys else []
    counts = {(row["table_name"], row["source"], row["month"]): row["line_count"] for row in rows}
    return {key: counts.get((key.table, key.source, str(key.month) if key.month else None), 0) for key in keys}


def _write_workbooks(settings: Settings, catalogue: Catalogue, chosen: Chosen, folder: Path) -> list[Path]:
    """Write a workbook for each agency with chosen lines."""
    from dx_pipeline.report import delivery_workbook

    today = settings.today
    agencies: dict[str, list[Line]] = {}
    for line in quarantine.lines(settings, catalogue, chosen, today):
        agencies.setdefault(line.agency, []).append(line)
    written = []
    for agency, found in sorted(agencies.items()):
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', agency)}.xlsx"
        delivery_workbook.write(catalogue, f"{found[0].agency_name} ({agency})", found, today, path)
        written.append(path)
    return written


def _reason(catalogue: Catalogue, line: Line) -> Reason:
    return reason(catalogue, line.source, line.table_name, line.column_name, line.reason_code)


def _as_json(catalogue: Catalogue, line: Line) -> Row:
    why = _reason(catalogue, line)
    words = {"why_vi": why.why.vi, "why_en": why.why.en, "remedy_vi": why.remedy.vi, "remedy_en": why.remedy.en}
    return {**asdict(line), "heading": why.column, **words}


def _show_line(catalogue: Catalogue, line: Line) -> None:
    """Where one line is, why it is in quarantine, and what to do."""
    why = _reason(catalogue, line)
    place = f"{line.table_name} {line.source} {line.month or ''}".rstrip()
    where = f"{line.file_name}, {pick('dòng', 'line')} {line.delivery_line}{f', {why.column}' if why.column else ''}"
    held = f" ({pick('cả tệp bị giữ lại', 'the whole file is held back')})" if line.is_held_back else ""
    said = f"{pick(why.why.vi, why.why.en)} [{line.reason_code}]; {pick(why.remedy.vi, why.remedy.en)}."
    screen.OUT.print(escape(f"{place}: {where}{held}: {said}"), soft_wrap=True)


def _show_groups(rows: Sequence[Row], by: str | None) -> None:
    names = [*(quarantine.GROUPINGS[by] if by else SHOWN), "line_count", *([] if by == "age" else ["oldest_days"])]
    total = sum(row["line_count"] for row in rows)
    show_table(
        f"{pick('Dòng bị cách ly', 'Lines in quarantine')}: {screen.number(total)}",
        [pick(*WORDS[name]) for name in names],
        [[_cell(row, name) for name in names] for row in rows],
        right=[place for place, name in enumerate(names) if name in NUMBERS],
    )


def _cell(row: Row, name: str) -> str:
    if name in NUMBERS:
        return screen.number(row[name])
    text = "" if row[name] is None else str(row[name])
    return escape(text)


def _problem(run: PartitionRun) -> str | None:
    """Why the rows of a run were not published, in the reader's language."""
    return pick(str(run.problem_vi), run.problem) if run.problem is not None else None


def _show_replay(rows: Sequence[Row], errors: Sequence[str], *, has_lines: bool) -> None:
    for row in rows:
        place = f"{row['table']} {row['source']} {row['month'] or ''}".rstrip()
        counts = f"{screen.number(row['lines_before'])} → {screen.number(row['lines_after'])}"
        screen.OUT.print(f"{place}: {counts} {pick('dòng bị cách ly', 'lines in quarantine')}", soft_wrap=True)
        if row["problem"]:
            screen.say(f"[yellow]{pick('Giữ lại', 'Held back')}[/]: {place}: {escape(row['problem'])}")
    if not rows:
        screen.say(pick(*(UNCHANGED if has_lines else NOTHING)))
    for error in errors:
        screen.say(f"[red]{pick('Lỗi', 'Error')}[/]: {escape(error)}")

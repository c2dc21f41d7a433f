"""`dx change` and `dx release diff`: why values differ."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from dx_pipeline import release
from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.screen import both
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi.change import PARTS
from dx_pipeline.kpi.figure import protected
from dx_pipeline.period import Window
from dx_pipeline.release import difference as differences
from dx_pipeline.release.difference import Chosen, Difference
from dx_pipeline.settings import Settings

Row = dict[str, Any]

PART_WORDS = {
    "volume": ("số lượng", "volume"),
    "mix": ("cơ cấu đơn vị", "mix of units"),
    "rate": ("tỷ lệ của các đơn vị", "rates of the units"),
    "new_units": ("đơn vị mới", "new units"),
    "lost_units": ("đơn vị không còn", "lost units"),
    "coverage": ("độ phủ", "coverage"),
    "late_data": ("dữ liệu đến sau", "late data"),
    "revision": ("đính chính", "revision"),
    "definition": ("định nghĩa", "definition"),
    "not_separated": ("không tách được", "not separated"),
    "rounding": ("làm tròn", "rounding"),
}
SHOWN_FROM = Decimal("0.0005")
"""The least of a difference that has a line of its own on the screen."""

INSIDE = (
    "Chỉ dùng trong cơ quan: số của hai bản công bố cùng nhau có thể làm lộ số đã che.",
    "For use inside the office: figures of two releases together can reveal withheld ones.",
)


@click.command()
@on_project()
@click.argument("code")
@click.option("--unit", help="Mã đơn vị / Unit code (default: the province).")
@click.option("--window", help="Kỳ / Window: 2022-04, 2022-Q2, 2022-01:2022-06 or 2022 (default: the latest month).")
@click.option("--system", help="Hệ thống / System.")
@click.option("--statistic", help="Thống kê / Statistic, such as p95.")
@click.option("--against", help="So với kỳ / Against another window (default: the one before).")
@click.option("--against-unit", help="So với đơn vị / Against another unit.")
@click.option("--against-release", help="So với bản công bố / Against another release: see 'dx release list'.")
def change(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    code: str,
    unit: str | None,
    window: str | None,
    system: str | None,
    statistic: str | None,
    against: str | None,
    against_unit: str | None,
    against_release: str | None,
) -> int:
    """Vì sao một giá trị thay đổi / Why a value differs from another one."""
    if code not in catalogue.kpis:
        raise UsageError(f"'{code}' is no declared KPI; known are {', '.join(catalogue.kpis)}.")
    if sum(option is not None for option in (against, against_unit, against_release)) > 1:
        raise UsageError("'--against', '--against-unit' and '--against-release' exclude each other.")
    value = Chosen(
        code,
        Window.parse(window) if window else None,
        unit,
        system,
        statistic or catalogue.kpis[code].definition.statistic_names[0],
    )
    other = {"window": Window.parse(against) if against else None, "unit": against_unit}
    row = differences.change_of(
        settings,
        catalogue,
        _chosen(settings, "current"),
        value,
        {name: each for name, each in other.items() if each is not None},
        _chosen(settings, against_release) if against_release else None,
    )
    if as_json:
        screen.show_json(_plain(row))
        return 0
    _show_change(catalogue, row)
    if against_release and code in protected(catalogue):
        screen.say(both(*INSIDE))
    return 0


@click.command(name="diff")
@on_project()
@click.argument("before", default="predecessor")
@click.argument("after", default="current")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Số dòng / Rows of each kind.")
def diff(settings: Settings, catalogue: Catalogue, as_json: bool, before: str, after: str, limit: int) -> int:
    """Mọi giá trị khác nhau giữa hai bản công bố / Every value that differs between two releases, the largest first.

    Mặc định: bản đang dùng so với bản trước nó / By default the current one, against its predecessor.
    """
    later = _chosen(settings, after)
    earlier = release.predecessor_id(settings, later) if before == "predecessor" else before
    if earlier is None:
        raise UsageError(f"release {later} has no predecessor: name the release that it is compared with.")
    found = differences.difference(settings, catalogue, _chosen(settings, earlier), later)
    if as_json:
        screen.show_json({**vars(found), "changes": [_plain(row) for row in found.changes]})
        return 0
    title = both("Giá trị thay đổi", "Values that changed")
    _show_changes(catalogue, f"{title}: {found.before_id} → {found.after_id}", found.changes, limit)
    _show_seen(catalogue, both("Giá trị mới được công bố", "Values that appeared"), found.appeared, limit)
    _show_seen(catalogue, both("Giá trị không còn được công bố", "Values that vanished"), found.vanished, limit)
    _show_definitions(found)
    screen.say(both(*INSIDE))
    return 0


def _chosen(settings: Settings, release_id: str) -> str:
    """The id of a release on disk; `current` is the current one."""
    wanted = release.current_id(settings) if release_id == "current" else release_id
    if wanted is None or wanted not in {item.release_id for item in release.kept(settings)}:
        raise UsageError(f"there is no release '{release_id}': see 'dx release list'.")
    return wanted


def _show_change(catalogue: Catalogue, row: Row) -> None:
    """One difference: the two values, and a line for each part of it."""
    unit = row["unit_of_measure"]
    before, after = screen.number(row["value_before"], unit), screen.number(row["value"], unit)
    title = catalogue.kpis[row["kpi_code"]].definition.title
    against = f"{row['before_unit_code']}, {both('đến', 'until')} {row['before_window_end']:%d/%m/%Y}"
    screen.OUT.print(f"[bold]{both(title.vi, title.en)}[/]{screen.part(row)}", soft_wrap=True)
    screen.OUT.print(f"{row['unit_code']}, {screen.window(row)}: {before} → [bold]{after}[/]  [dim]({against})[/]")
    lines = [(both(*PART_WORDS[name]), _signed(row[name], row)) for name in _parts(row)]
    lines.append((f"[bold]{both('Chênh lệch', 'Difference')}[/]", f"[bold]{_signed(row['difference'], row)}[/]"))
    screen.show_table("", (both("Phần", "Part"), ""), lines, right=(1,))
    if row["synthetic"]:
        screen.OUT.print(both("DỮ LIỆU MÔ PHỎNG – không phải số liệu thật", "SYNTHETIC DATA – not real figures"))


def _show_changes(catalogue: Catalogue, title: str, rows: Sequence[Row], limit: int) -> None:
    lines = []
    for row in rows[:limit]:
        unit = row["unit_of_measure"]
        parts = (f"{both(*PART_WORDS[name])} {_signed(row[name], row)}" for name in _parts(row))
        values = f"{screen.number(row['value_before'], unit)} → {screen.number(row['value'], unit)}"
        lines.append((_named(catalogue, row), values, "\n".join(parts)))
    headings = (both("Giá trị", "Value"), both("Trước → sau", "Before → after"), both("Phần", "Parts"))
    _show_some(title, headings, lines, len(rows))


def _show_seen(catalogue: Catalogue, title: str, rows: Sequence[Row], limit: int) -> None:
    """Values that only one of two releases shows, and why the other one does not."""
    lines = []
    for row in rows[:limit]:
        shown = row["value_before"] if row["value"] is None else row["value"]
        lines.append((_named(catalogue, row), screen.number(shown, row["unit_of_measure"]), row["withheld_reason"]))
    headings = (both("Giá trị", "Value"), "", both("Vì sao bản kia không có", "Why not in the other"))
    _show_some(title, headings, lines, len(rows))


def _show_definitions(found: Difference) -> None:
    lines = [
        (f"{row['kpi_code']} {row['definition_version']}", row["state"], ", ".join(row["columns"]))
        for row in found.definitions
    ]
    headings = (both("Định nghĩa", "Definition"), "", both("Khác ở", "Differs in"))
    _show_some(both("Định nghĩa khác nhau", "Definitions that differ"), headings, lines, len(lines))
    if found.is_other_program:
        screen.say(
            both(
                "Hai bản do hai phiên bản phần mềm khác nhau tạo ra: phần thay đổi không tách được.",
                "They were made by two versions of the program: what it changed cannot be separated.",
            )
        )


def _show_some(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], count: int) -> None:
    """A table of the first lines of so many, if there are any."""
    shown = f"{len(lines)} / {count}" if len(lines) < count else str(count)
    if lines:
        screen.show_table(f"{title} ({shown})", headings, lines, right=())
    else:
        screen.OUT.print(f"{title}: 0")


def _named(catalogue: Catalogue, row: Row) -> str:
    """Which value a row is about, in a few lines."""
    kpi = catalogue.kpis.get(row["kpi_code"])
    title = both(kpi.definition.title.vi, kpi.definition.title.en, "\n") if kpi else row["kpi_code"]
    return f"{title}{screen.part(row)}\n[dim]{row['unit_code']}, {screen.window(row)}[/]"


def _parts(row: Row) -> list[str]:
    """The parts of a difference that are large enough to be shown."""
    return [name for name in PARTS if abs(row[name]) >= SHOWN_FROM]


def _plain(row: Row) -> Row:
    """A row whose exact decimals are numbers of JSON."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _signed(amount: Any, row: Row) -> str:
    """A part of a difference, with its sign; of percentages it is in percentage points."""
    text = screen.number(float(amount), decimals=3)
    points = f" {both('điểm', 'points', '/')}" if row["unit_of_measure"] == "percent" else ""
    return f"{'+' if amount > 0 else ''}{text}{points}"

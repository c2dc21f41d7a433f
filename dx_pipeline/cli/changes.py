"""`dx change` and `dx release diff`: why values differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

from dx_pipeline import release
from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.table import show_table
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError, UsageError
from dx_pipeline.kpi import words
from dx_pipeline.kpi.change import PARTS
from dx_pipeline.kpi.figure import protected
from dx_pipeline.period import Window
from dx_pipeline.release import difference as differences
from dx_pipeline.release.difference import Difference
from dx_pipeline.release.pair import Against, change_of
from dx_pipeline.release.question import Question
from dx_pipeline.release.rows import no_release
from dx_pipeline.settings import Settings

Row = dict[str, Any]

SHOWN_FROM = Decimal("0.0005")
"""The least of a difference that has a line of its own on the screen."""

PARTITIONS_SHOWN = 4
"""How many partitions and files of a table are listed."""

SHOWN = 10
"""How many changed values a run shows."""

NOT_COMPARED = ("Không so sánh được với bản công bố trước", "Not compared with the release before")

STATES = {"new": ("mới", "new"), "gone": ("không còn", "gone"), "changed": ("đã sửa", "changed")}
"""What became of a definition between two releases."""

OTHER_AREA = (
    "Địa bàn thay đổi: đơn vị có ở cả hai bên được so với nhau theo bảng tiếp nối, đơn vị khác là mới hoặc không còn.",
    "The area has changed: units of the area of both are compared by the successions, others are new or lost.",
)

INSIDE = (
    "Chỉ dùng trong cơ quan: số của hai bản công bố cùng nhau có thể làm lộ số đã che.",
    "For use inside the office: figures of two releases together can reveal withheld ones.",
)


@click.command()
@on_project
@click.argument("code")
@click.option("--unit", help="Mã hoặc tên đơn vị / Code or name of a unit (default: the province).")
@click.option("--window", help="Kỳ / Window: 2022-04, 2022-Q2, 2022-01:2022-06 or 2022 (default: the latest month).")
@click.option(
    "--part",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Ngày đầu của một phần kỳ / First day of a part, where the definition changes within the window.",
)
@click.option("--system", help="Hệ thống / System.")
@click.option("--statistic", help="Thống kê / Statistic, such as p95.")
@click.option("--against", help="So với kỳ / Against another window (default: the one before).")
@click.option("--against-unit", help="So với đơn vị / Against another unit, by code or name.")
@click.option("--against-release", help="So với bản công bố / Against another release: see 'dx release list'.")
def change(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    code: str,
    unit: str | None,
    window: str | None,
    part: datetime | None,
    system: str | None,
    statistic: str | None,
    against: str | None,
    against_unit: str | None,
    against_release: str | None,
) -> int:
    """What `dx change` does."""
    if sum(option is not None for option in (against, against_unit, against_release)) > 1:
        raise UsageError(
            "'--against', '--against-unit' and '--against-release' exclude each other.",
            vi="'--against', '--against-unit' và '--against-release' loại trừ nhau: hãy giữ một.",
        )
    asked = Question.written(code, unit, window, part, system, statistic)
    other = Against(
        Window.parse(against) if against else None,
        against_unit,
        _chosen(settings, against_release) if against_release else None,
    )
    with bar("dx change", differences.STEPS):
        row = change_of(settings, catalogue, _chosen(settings, "current"), asked, other)
    if as_json:
        screen.show_json(_plain(row))
        return 0
    _show_change(row)
    if against_release and code in protected(catalogue):
        screen.say(pick(*INSIDE))
    return 0


@click.command()
@on_project
@click.argument("before", default="predecessor")
@click.argument("after", default="current")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Số dòng / Rows of each kind.")
def diff(settings: Settings, catalogue: Catalogue, as_json: bool, before: str, after: str, limit: int) -> int:
    """What `dx release diff` does."""
    later = _chosen(settings, after)
    earlier = release.predecessor_id(settings, later) if before == "predecessor" else before
    if earlier is None:
        raise UsageError(
            f"release {later} has no predecessor: name the release that it is compared with.",
            vi=f"bản công bố {later} không có bản trước: hãy nêu bản để so.",
        )
    with bar("dx release diff", differences.STEPS):
        found = differences.difference(settings, catalogue, _chosen(settings, earlier), later)
    if as_json:
        tables = [vars(table) for table in found.tables]
        screen.show_json({**vars(found), "changes": [_plain(row) for row in found.changes], "tables": tables})
        return 0
    title = pick("Giá trị thay đổi", "Values that changed")
    _show_changes(catalogue, f"{title}: {found.before_id} → {found.after_id}", found.changes, limit)
    _show_reasons(found.changes[:limit])
    _show_seen(catalogue, pick("Giá trị mới được công bố", "Values that appeared"), found.appeared, limit)
    _show_seen(catalogue, pick("Giá trị không còn được công bố", "Values that vanished"), found.vanished, limit)
    _show_definitions(found)
    _show_tables(found, limit)
    screen.say(pick(*INSIDE))
    return 0


@dataclass(frozen=True)
class Changes:
    """The values that a run changed against the release before, the largest change first.

    Args:
        before_id, after_id: the two releases; None where there is nothing to compare.
        changed: as `dx release diff` has them.
        appeared, vanished: the values that only one of the two releases shows.
        not_compared: why they could not be compared.
    """

    before_id: str | None = None
    after_id: str | None = None
    changed: Sequence[Row] = ()
    appeared: Sequence[Row] = ()
    vanished: Sequence[Row] = ()
    not_compared: DxError | None = None

    @classmethod
    def since_the_last_release(cls, settings: Settings, catalogue: Catalogue, *, has_changed: bool) -> Changes:
        """The changes of the current release, if the run made it."""
        after = release.current_id(settings) if has_changed else None
        before = release.predecessor_id(settings, after) if after is not None else None
        if after is None or before is None:
            return cls()
        try:
            return cls(before, after, *differences.values(settings, catalogue, before, after))
        except DxError as error:  # the release before is of an older version, or was removed
            return cls(before, after, not_compared=error)

    def as_json(self) -> Row:
        """The largest changes, and how many there are."""
        return {
            "before_release_id": self.before_id,
            "release_id": self.after_id,
            "changed_count": len(self.changed),
            "appeared_count": len(self.appeared),
            "vanished_count": len(self.vanished),
            "largest": [_plain(row) for row in self.changed[:SHOWN]],
            "vanished": [_plain(row) for row in self.vanished[:SHOWN]],
            "problem": None if self.not_compared is None else str(self.not_compared),
        }

    def show(self, catalogue: Catalogue) -> None:
        """The largest changes and what vanished, as tables; nothing where nothing changed."""
        if self.not_compared is not None:
            screen.say(f"{pick(*NOT_COMPARED)}: {screen.in_words(self.not_compared)}")
        if self.changed:
            title = pick("Giá trị thay đổi", "Values that changed")
            _show_changes(catalogue, f"{title}: {self.before_id} → {self.after_id}", self.changed, SHOWN)
        if self.vanished:
            _show_seen(catalogue, pick("Giá trị không còn được công bố", "Values that vanished"), self.vanished, SHOWN)
        if self.appeared:
            title = pick("Giá trị mới được công bố", "Values that appeared")
            screen.paragraph(f"{title}: {screen.number(len(self.appeared))}")
        if self.changed or self.vanished:
            screen.say(pick(*INSIDE))


def _chosen(settings: Settings, release_id: str) -> str:
    """The id of a release on disk; `current` is the current one."""
    wanted = release.current_id(settings) if release_id == "current" else release_id
    if wanted is None or wanted not in {item.release_id for item in release.kept(settings)}:
        raise no_release(None if wanted is None else release_id)
    return wanted


def _show_change(row: Row) -> None:
    """One difference: the two values, and a line for each part of it."""
    unit = row["unit_of_measure"]
    before, after = screen.number(row["value_before"], unit), screen.number(row["value"], unit)
    screen.paragraph(f"[bold]{screen.title(row)}[/]{screen.part(row)}")
    named = {side: f"{row[f'{side}unit_code']} {row[f'{side}unit_name'] or ''}" for side in ("", "before_")}
    earlier = {name: row[f"before_{name}"] for name in ("window_type", "window_start", "window_end", "part_start")}
    ids = [each for each in (row["before_release_id"], row["release_id"]) if each is not None]
    screen.show_pairs(
        [
            (pick("Giá trị", "Value"), f"[bold]{after}[/]  {named['']}, {_window(row, row['part_end'])}"),
            (pick("So với", "Against"), f"{before}  {named['before_']}, {_window(earlier, row['before_window_end'])}"),
            (pick("Bản công bố", "Release"), " → ".join(dict.fromkeys(ids))),
        ]
    )
    lines = [(screen.in_words(words.PART[name]), _signed(row[name], row)) for name in _parts(row)]
    lines.append((f"[bold]{pick('Chênh lệch', 'Difference')}[/]", f"[bold]{_signed(row['difference'], row)}[/]"))
    show_table("", (pick("Phần", "Part"), ""), lines, right=(1,))
    _show_reasons([row])
    if row["unit_code"] != row["before_unit_code"] and (row["new_units"] or row["lost_units"]):
        screen.paragraph(pick(*OTHER_AREA))
    if row["synthetic"]:
        screen.paragraph(screen.in_words(words.SYNTHETIC))


def _window(row: Row, last_on: date | None) -> str:
    """A window, or the days of a part of it."""
    if row["part_start"] is None:
        return screen.window(row)
    days = " – ".join(map(screen.language().day, (row["part_start"], last_on)))
    return f"{days} ({pick('phần của', 'part of')} {screen.window(row)})"


def _show_reasons(rows: Sequence[Row]) -> None:
    """Why something of these differences cannot be separated, each reason once."""
    for reason in dict.fromkeys(row["not_separated_reason"] for row in rows):
        if reason is not None:
            label = screen.in_words(words.PART["not_separated"]).capitalize()
            screen.paragraph(f"{label}: {screen.in_words(words.NOT_SEPARATED[reason])}")


def _show_changes(catalogue: Catalogue, title: str, rows: Sequence[Row], limit: int) -> None:
    lines = []
    for row in rows[:limit]:
        unit = row["unit_of_measure"]
        parts = (f"{screen.in_words(words.PART[name])} {_signed(row[name], row)}" for name in _parts(row))
        values = f"{screen.number(row['value_before'], unit)} → {screen.number(row['value'], unit)}"
        lines.append((*_named(catalogue, row), values, ", ".join(parts)))
    headings = (*_headings(), pick("Trước → sau", "Before → after"), pick("Phần", "Parts"))
    _show_some(title, headings, lines, len(rows))


def _show_seen(catalogue: Catalogue, title: str, rows: Sequence[Row], limit: int) -> None:
    """Values that only one of two releases shows, and why the other one does not."""
    lines = []
    for row in rows[:limit]:
        shown = row["value_before"] if row["value"] is None else row["value"]
        reason = words.withheld(row, catalogue.province.suppress_below) or words.NO_VALUE
        lines.append((*_named(catalogue, row), screen.number(shown, row["unit_of_measure"]), screen.in_words(reason)))
    headings = (*_headings(), pick("Giá trị", "Value"), pick("Vì sao bản kia không có", "Why not in the other"))
    _show_some(title, headings, lines, len(rows))


def _show_definitions(found: Difference) -> None:
    lines = [
        (f"{row['kpi_code']} {row['definition_version']}", pick(*STATES[row["state"]]), ", ".join(row["columns"]))
        for row in found.definitions
    ]
    headings = (pick("Định nghĩa", "Definition"), "", pick("Khác ở", "Differs in"))
    _show_some(pick("Định nghĩa khác nhau", "Definitions that differ"), headings, lines, len(lines))
    if found.is_other_program:
        screen.say(screen.in_words(words.NOT_SEPARATED["other_program"]))


def _show_tables(found: Difference, limit: int) -> None:
    """The tables behind two releases that differ, with the files that only one of them has."""
    lines = [
        (
            table.name if table.is_read else f"{table.name} [dim]({pick('không KPI nào đọc', 'no KPI reads it')})[/]",
            ", ".join(_first(table.partitions)),
            ", ".join(_first(table.files)),
        )
        for table in found.tables[:limit]
    ]
    headings = (pick("Bảng", "Table"), pick("Phân vùng", "Partitions"), pick("Tệp", "Files"))
    _show_some(pick("Bảng khác nhau", "Tables that differ"), headings, lines, len(found.tables))


def _first(names: Sequence[str]) -> list[str]:
    rest = len(names) - PARTITIONS_SHOWN
    return [*names[:PARTITIONS_SHOWN], *([f"+ {rest}"] if rest > 0 else [])]


def _show_some(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], count: int) -> None:
    """A table of the first lines of so many, if there are any."""
    shown = f"{len(lines)} / {count}" if len(lines) < count else str(count)
    if lines:
        show_table(f"{title} ({shown})", headings, lines)
    else:
        screen.paragraph(f"{title}: 0")


def _headings() -> tuple[str, str, str]:
    """The headings of what `_named` returns."""
    return "KPI", pick("Đơn vị", "Unit"), pick("Kỳ", "Window")


def _named(catalogue: Catalogue, row: Row) -> tuple[str, str, str]:
    """Which value a row is about: of which KPI, unit and window."""
    kpi = catalogue.kpis.get(row["kpi_code"])
    title = screen.in_words(kpi.definition.title) if kpi else row["kpi_code"]
    return f"{title}{screen.part(row)}", row["unit_code"], screen.window(row)


def _parts(row: Row) -> list[str]:
    """The parts of a difference that are large enough to be shown."""
    return [name for name in PARTS if abs(row[name]) >= SHOWN_FROM]


def _plain(row: Row) -> Row:
    """A row whose exact decimals are numbers of JSON."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _signed(amount: Any, row: Row) -> str:
    """A part of a difference, with its sign; of percentages it is in percentage points."""
    return screen.language().difference(float(amount), row["unit_of_measure"], most_decimals=3)

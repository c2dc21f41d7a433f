"""`dx kpi`: the values of the current release, for people, as JSON or as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from dx_pipeline.cli import figures, kpi_table, screen
from dx_pipeline.cli.figures import Asked, Current
from dx_pipeline.cli.options import on_province
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.trend import series_of, trends
from dx_pipeline.declarations.level import LEVELS, Level
from dx_pipeline.declarations.province import Province
from dx_pipeline.errors import UsageError
from dx_pipeline.kpi import words
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings

Row = dict[str, Any]

PROVINCE = ("KPI toàn tỉnh", "The province's KPIs")
EVERY_UNIT = ("Mọi đơn vị: --json hoặc --csv.", "Every unit: --json or --csv.")
INSIDE = (
    "Chỉ dùng trong cơ quan: số của hai ngày khác nhau có thể làm lộ số đã che.",
    "For use inside the office: figures of two days together can reveal withheld ones.",
)


@click.command()
@on_province
@click.argument("code", required=False)
@click.option("--unit", help="Mã hoặc tên đơn vị / Code or name of a unit (default: the province).")
@click.option("--level", type=click.Choice(LEVELS), help="Mọi đơn vị của một cấp / Every unit of a level.")
@click.option("--month", help="Các kỳ kết thúc trong tháng này / Windows that end in this month: 2022-06.")
@click.option("--system", help="Hệ thống / System.")
@click.option("--units-on", type=click.DateTime(["%Y-%m-%d"]), help="Theo đơn vị của ngày / On the units of a day.")
@click.option("--csv", "as_csv", is_flag=True, help="Trả lời bằng CSV / Answer in CSV.")
def kpi(
    settings: Settings,
    province: Province,
    as_json: bool,
    as_csv: bool,
    code: str | None,
    unit: str | None,
    level: Level | None,
    month: str | None,
    system: str | None,
    units_on: datetime | None,
) -> int:
    """What `dx kpi` does."""
    day = units_on.date() if units_on is not None else None
    asked = Asked(code, unit, level, Month.parse(month) if month else None, system, day)
    _check(settings, asked, in_both=as_json and as_csv)
    with Current(settings) as current:
        if asked == Asked():
            rows = every = figures.headline(current, province)
        else:
            every = figures.every(current, province, asked)
            is_whole = day is not None and not asked.is_of_units and (as_json or as_csv)
            rows = every if is_whole else figures.chosen(every, asked)
        if as_json:
            screen.show_json(rows)
        elif as_csv:
            screen.show_csv(rows, list(rows[0]))
        else:
            _show(current, asked, rows, every)
    return 0


def _check(settings: Settings, asked: Asked, *, in_both: bool) -> None:
    """Check that the options go together.

    Raises:
        UsageError: they do not.
    """
    if in_both:
        raise UsageError("'--json' and '--csv' exclude each other.", vi="'--json' và '--csv' loại trừ nhau.")
    of_one = {"--units-on": asked.units_on, "--unit": asked.unit, "--level": asked.level}
    given = next((option for option, value in of_one.items() if value is not None), None)
    if asked.code is None and given and (asked.units_on is not None or asked.month is None):
        raise UsageError(
            f"'{given}' is about one KPI: write its code; or, for every KPI of '--unit' or '--level', a '--month'.",
            vi=f"'{given}' là về một KPI: hãy ghi mã KPI; hoặc, để xem mọi KPI của '--unit' hay '--level', '--month'.",
        )
    if asked.units_on is not None and asked.units_on > settings.today:
        raise UsageError(
            f"the units of {asked.units_on} are not known yet: write a day that has come.",
            vi=f"chưa biết các đơn vị của ngày {asked.units_on}: hãy ghi một ngày đã đến.",
        )


def _show(current: Current, asked: Asked, rows: Sequence[Row], every: Sequence[Row]) -> None:
    """The values for people, and what belongs to them: trends, connections, published figures."""
    day = asked.units_on
    if asked.code is None:
        by_series = trends(figures.by_month(current)) if asked == Asked() else trends(_of_same(every, rows))
        kpi_table.show(pick(*PROVINCE), rows, by_series, ["kpi", *(["unit"] if asked.is_of_units else [])])
        if asked == Asked():
            kpi_table.show_connections(figures.connections(current))
        return
    by_series = trends(_of_same(every, rows))
    has_parts = any(row["statistic"] or row["system"] for row in rows)
    named = [*(["unit"] if asked.level else []), *(["part"] if has_parts else [])]
    kpi_table.show(_title(asked, rows[0]), rows, by_series if asked.month else {}, named)
    if not asked.month:
        kpi_table.show_trends(by_series)
    if day is not None:
        screen.say(" ".join(pick(*each) for each in ([] if asked.is_of_units else [EVERY_UNIT]) + [INSIDE]))
    elif not asked.is_of_units:
        kpi_table.show_published(figures.published(current, asked.code))


def _of_same(every: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """All values of the figures that some rows are of."""
    wanted = set(map(series_of, rows))
    return [row for row in every if series_of(row) in wanted]


def _title(asked: Asked, row: Row) -> str:
    """What a table of one KPI is about."""
    about = [f"{screen.title(row)} ({asked.code})"]
    if asked.level is not None:
        about.append(screen.in_words(words.LEVEL[asked.level]))
    elif asked.unit is not None:
        about.append(f"{row['unit_code']} {row['unit_name'] or ''}".rstrip())
    if asked.units_on is not None:
        about.append(f"{pick('đơn vị ngày', 'units of')} {screen.language().day(asked.units_on)}")
    return " – ".join(about)

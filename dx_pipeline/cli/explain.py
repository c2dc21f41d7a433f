"""`dx explain`: what a value is made of, from its definition to the lines of the delivered files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import click
from rich.markup import escape

from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.revisions import CHANGES
from dx_pipeline.cli.screen import number
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi import words
from dx_pipeline.period import Month, consecutive
from dx_pipeline.release.explanation import STEPS, Explanation, Question, explain
from dx_pipeline.release.explanation.deliveries import Delivery, Quarantined
from dx_pipeline.release.explanation.lineage import ColumnOrigin
from dx_pipeline.release.explanation.rows import Counted, Ranges
from dx_pipeline.release.rows import Row
from dx_pipeline.settings import Settings

SHOWN = 12
"""The number of entries of a section that are shown (`--json` has all)."""

DISPOSITIONS = {
    "read": ("đã đọc", "read"),
    "refused": ("bị từ chối", "refused"),
    "held_back": ("bị giữ lại", "held back"),
    "superseded": ("đã thay thế", "superseded"),
    "proposed": ("chờ đính chính", "proposed"),
    "unrecognised": ("không nhận ra", "unrecognised"),
}
ROLES = {
    "numerator": ("tử số", "numerator"),
    "denominator": ("mẫu số", "denominator"),
    "rows": ("dòng được xét", "rows looked at"),
    "item": ("đối tượng", "item"),
    "looked_in": ("tìm trong", "looked for in"),
    "date": ("ngày", "date"),
    "unit": ("đơn vị", "unit"),
    "unit_code": ("đơn vị", "unit"),
    "system": ("hệ thống", "system"),
    "excluded": ("loại ra", "left out"),
    "key": ("khóa của dòng", "key of a row"),
    "value": ("giá trị", "value"),
    "statistic": ("thống kê", "statistic"),
}
BASES = {
    "flow": ("của kỳ", "of the window"),
    "stock": ("cuối kỳ", "at its end"),
    "latest": ("mới nhất", "the newest"),
    "earlier_states": ("có thể có dòng còn được tính", "may have rows that still count"),
    "later_states": ("có thể có tình trạng mới hơn", "may have later states"),
}
WHOSE = {"unit": ("của đơn vị này", "of this unit"), "delivery": ("cả lần giao", "whole delivery")}
STATES = {
    "current": ("mới nhất", "current"),
    "stale": ("còn giữ bản cũ", "stale"),
    "missing": ("chưa có", "missing"),
}

Pair = tuple[str, str]
"""A label and its text, both as Rich's markup."""


@click.command()
@on_project
@click.argument("code")
@click.option("--unit", help="Mã hoặc tên đơn vị / Code or name of a unit (default: the province).")
@click.option("--window", help="Kỳ / Window: 2022-04, 2022-Q2, 2022, 2022-01:2022-06 (year to date).")
@click.option(
    "--part",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Ngày đầu của một phần kỳ / First day of a part, where the definition changes within the window.",
)
@click.option("--system", help="Hệ thống / System (default: all together).")
@click.option("--statistic", help="Thống kê / Statistic, such as p95 (default: the first).")
@click.option("--release", "release_id", help="Bản công bố / Release (default: the current one).")
@click.option(
    "--inside",
    is_flag=True,
    help="Cho cán bộ trong cơ quan: cả tệp và dòng của hồ sơ / For analysts in the office: lines of dossiers too.",
)
def explanation(
    settings: Settings,
    catalogue: Catalogue,
    as_json: bool,
    code: str,
    unit: str | None,
    window: str | None,
    part: datetime | None,
    system: str | None,
    statistic: str | None,
    release_id: str | None,
    inside: bool,
) -> int:
    """What `dx explain` does."""
    asked = Question.written(code, unit, window, part, system, statistic)
    with bar("dx explain", STEPS):
        found = explain(settings, catalogue, asked, release_id, for_inside=inside)
    if as_json:
        screen.show_json(found.as_json())
    else:
        show(found)
    return 0


def show(found: Explanation) -> None:
    """Print an explanation: the answer, then its sources, section by section."""
    if found.for_inside is not None:
        screen.paragraph(f"[yellow]{screen.in_words(found.for_inside)}[/]")
    _show_answer(found)
    deliveries = sorted(found.deliveries, key=lambda each: each.disposition == "read")  # what is wrong comes first
    for title, pairs in (
        (pick("Định nghĩa", "Definition"), _definition(found)),
        (pick("Báo cáo và độ phủ", "Reports and coverage"), _reports(found)),
        (pick("Dòng được tính", "Rows counted"), _rows(found)),
        (pick("Phân vùng", "Partitions"), _partitions(found)),
        (pick("Lần giao", "Deliveries"), _limited(map(_delivery, deliveries), len(deliveries))),
        (pick("Cách ly", "Quarantine"), _limited(map(_quarantined, found.quarantined), len(found.quarantined))),
        (pick("Đã công bố, đính chính", "Published figure, revisions"), _published(found)),
        (pick("Cột nguồn", "Columns it comes from"), dict.fromkeys(_lineage(found.lineage))),
        ("SQL", [("", escape(found.definition["sql"].strip()))] if found.definition else []),
        (pick("Lưu ý", "Notes"), [("", screen.in_words(note)) for note in found.notes]),
    ):
        listed = list(pairs)
        if listed:
            screen.OUT.print()
            screen.paragraph(f"[bold]{title}[/]")
            screen.show_pairs(listed)


def _show_answer(found: Explanation) -> None:
    value = found.value
    screen.paragraph(f"[bold]{screen.title(value)}[/]{screen.part(value)}")
    unit = value["unit_of_measure"]
    shown = screen.language().measured(value["value"], unit, 6)
    if value["denominator"] is not None:
        shown += f"  =  {number(value['numerator'])} / {number(value['denominator'])}"
    elif value["numerator"] is not None and value["numerator"] != value["value"]:
        shown += f"  ({number(value['numerator'])})"
    mark = f"  * {screen.in_words(words.SYNTHETIC)}" if value["synthetic"] else ""
    screen.paragraph(f"[bold]{shown}[/]{mark}")
    pairs = [
        (pick("Đơn vị", "Unit"), f"{value['unit_code']}  {value['unit_name'] or ''}"),
        (pick("Kỳ", "Window"), f"{screen.window(value)}  ({_days(value)})"),
        (pick("Đánh giá", "Status"), _status(found)),
        (pick("Bản công bố", "Release"), value["release_id"]),
    ]
    if found.withheld is not None:
        pairs.insert(0, (pick("Không hiển thị", "Withheld"), f"[yellow]{screen.in_words(found.withheld)}[/]"))
    screen.show_pairs(pairs)
    screen.show_pairs([_part(found, part) for part in found.parts])


def _part(found: Explanation, part: Row) -> Pair:
    """The value of a part of a window, and how to ask for it."""
    shown = f"[bold]{number(part['value'], found.value['unit_of_measure'])}[/]"
    if part["denominator"] is not None:
        shown += f" = {number(part['numerator'])} / {number(part['denominator'])}"
    return (
        f"{part['part_start']} – {part['part_end']}",
        f"{shown}\n[dim]--window {found.window} --part {part['part_start']}[/]",
    )


def _days(value: Row) -> str:
    first, last = value["part_start"] or value["window_start"], value["part_end"] or value["window_end"]
    day = screen.language().day
    return f"{day(first)} – {day(last)}"


def _status(found: Explanation) -> str:
    value = found.value
    said = screen.status(value["status"])
    if value["target"] is not None:
        due = f", {pick('hạn', 'due')} {screen.language().day(value['target_due'])}" if value["target_due"] else ""
        said += f"; {pick('chỉ tiêu', 'target')} {number(value['target'], value['unit_of_measure'])}{due}"
    return said


def _definition(found: Explanation) -> Iterator[Pair]:
    definition = found.definition
    if definition is None:
        return
    until = f" – {definition['valid_to']}" if definition["valid_to"] else ""
    valid = f"{definition['definition_version']} ({pick('từ', 'from')} {definition['valid_from']}{until})"
    yield pick("Phiên bản", "Version"), valid
    for column, vi, en in (
        ("formula", "Công thức", "Formula"),
        ("denominator_scope", "Phạm vi mẫu số", "Denominator"),
        ("legal_basis", "Căn cứ", "Legal basis"),
    ):
        if definition[f"{column}_vi"]:
            yield pick(vi, en), pick(definition[f"{column}_vi"], definition[f"{column}_en"])
    yield pick("Chủ trì", "Owner"), definition["owner"]
    if not found.partitions and definition["reads"]:
        yield pick("Bảng nguồn", "Tables"), definition["reads"]


def _share(share: float | None) -> str:
    return pick("không công khai", "not public") if share is None else number(100 * share, "percent")


def _reports(found: Explanation) -> Iterator[Pair]:
    value, reports = found.value, found.reports
    whole, units, rows = (_share(value[name]) for name in ("coverage", "coverage_units", "coverage_rows"))
    parts = f"{pick('báo cáo được tính', 'reports counted')} {units}, {pick('dòng', 'rows')} {rows}"
    yield pick("Độ phủ", "Coverage"), f"{whole}  ({parts})"
    if reports.expected:
        held_back = pick("phân vùng bị giữ lại, chưa được tính", "of their partitions held back, not counted")
        not_counted = f"  [yellow]({reports.held_back} {held_back})[/]" if reports.held_back else ""
        arrived = pick("Báo cáo đã đến", "Reports arrived")
        yield arrived, f"{number(reports.received)} / {number(reports.expected)}{not_counted}"
    missing = [
        f"{each.source} {each.month} {each.table_name or ''} {each.reporter or ''} {each.reporter_name or ''}"
        f" ({pick('hạn', 'due')} {each.due_on})"
        for each in reports.missing
    ]
    if missing:
        yield pick("Còn thiếu", "Missing"), "\n".join(_first(missing))
    low = [
        f"{row['unit_code']} {row['unit_name']}: {number(100 * row['coverage'], 'percent')}"
        for row in reports.units_below
        if row["coverage"] is not None and row["coverage"] < 1
    ]
    if reports.units_below:
        yield pick("Đơn vị cấp dưới", "Units below"), "\n".join(_first(low)) or pick("đều 100%", "all 100%")
    if value["stale_inputs"]:
        yield pick("Còn giữ bản cũ", "Stale"), value["stale_inputs"]
    if value["revision"]:
        yield pick("Đính chính đã chấp nhận", "Revisions accepted"), str(value["revision"])


def _rows(found: Explanation) -> Iterator[Pair]:
    for item in found.counted:
        yield f"view.{item.view}", f"{pick(item.title_vi, item.title_en)}  ({item.first_on} – {item.last_on})"
        conditions = {"where": item.where, "counted": item.counted, "less": ", ".join(item.less) or None}
        conditions |= {"among": item.among, "distinct": item.item}
        if item.is_looked_in:
            conditions = {pick("tìm trong", "looked for where"): item.where, "distinct": item.item}
        for name, condition in conditions.items():
            if condition is not None:
                yield f"  {name}", escape(condition)
        yield from _row_counts(item)
        left_out = [reason for reason in item.excluded if reason.row_count != 0]
        for position, reason in enumerate(left_out):
            count = f"{number(reason.row_count)}  " if reason.row_count is not None else ""
            label = f"  {pick('loại ra', 'left out')}" if position == 0 else "  "
            yield label, f"{count}{pick(reason.vi, reason.en)}  [dim]{reason.reason}[/]"


def _row_counts(item: Counted) -> Iterator[Pair]:
    if item.row_count is not None:
        counted = ""
        if item.counted_count is not None and item.among is not None:
            counted = f", {pick('thuộc tử số', 'in the numerator')}: {number(item.counted_count)}"
        yield f"  {pick('số dòng', 'rows')}", f"{number(item.row_count)}{counted}"
    elif not item.is_public:
        yield f"  {pick('số dòng', 'rows')}", pick("không công khai", "not public")


def _partitions(found: Explanation) -> Iterator[Pair]:
    months: dict[tuple[str, str, str], dict[str, list[Month]]] = {}
    for each in found.partitions:
        place = (each.table_name, each.basis if each.month else "", each.state)
        of_source = months.setdefault(place, {}).setdefault(each.source, [])
        of_source += [each.month] if each.month else []
    for (table, basis, state), sources in months.items():
        about = [pick(*BASES[basis])] if basis else []
        if state != "current":
            about.append(f"[yellow]{pick(*STATES[state])}[/]")
        note = f"  [dim]({', '.join(about)})[/]" if about else ""
        yield table, "\n".join(_first([f"{source} {_stretches(of)}".strip() for source, of in sources.items()])) + note
    problems = [
        f"{each.source} {each.month or ''}: {escape(each.problem)}"
        for each in found.partitions
        if each.state != "current" and each.problem is not None
    ]
    if problems:
        yield pick("Vì sao", "Why"), "\n".join(_first(problems))


def _stretches(months: Sequence[Month]) -> str:
    """Months as stretches without a gap: `2022-01:2022-03, 2022-06`."""
    return ", ".join(str(first) if first == last else f"{first}:{last}" for first, last in consecutive(months))


def _delivery(each: Delivery) -> Pair:
    word = pick(*DISPOSITIONS[each.disposition])
    lines = [f"[bold]{escape(each.file_name)}[/]  {each.table_name or ''} {each.month or ''}"]
    lines += [each.delivery_id] if each.delivery_id is not None else []
    arrived = f"{each.delivered_at:%Y-%m-%d %H:%M}, " if each.delivered_at is not None else ""
    lines.append(f"{each.source}, {arrived}{word}")
    if each.problem or each.withheld:
        lines.append(f"[yellow]{escape(each.problem or each.withheld or '')}[/]")
    if each.rows_in is not None:
        parts = (
            ("nhận", "accepted", each.rows_accepted),
            ("trùng", "duplicate", each.rows_duplicate),
            ("lọc", "filtered", each.rows_filtered),
            ("cách ly", "quarantined", each.rows_quarantined),
        )
        counts = ", ".join(f"{pick(vi, en)} {number(count)}" for vi, en, count in parts if count)
        lines.append(f"{pick('dòng', 'rows')} {number(each.rows_in)}: {counts or '–'}")
    if each.lines is not None and (each.month is not None or each.lines_of == "unit"):
        whose = pick(*WHOSE[each.lines_of or "delivery"])
        lines.append(f"{pick('dòng tệp', 'lines')} {_ranges(each.lines)}  [dim]({whose})[/]")
    if each.counted_lines is not None and each.counted_lines != each.lines:
        lines.append(f"{pick('tử số', 'numerator')}: {_ranges(each.counted_lines)}")
    return "", "\n  ".join(lines)


def _quarantined(each: Quarantined) -> Pair:
    whose = pick(*WHOSE[each.rows_of])
    lines = f", {pick('dòng tệp', 'lines')} {_ranges(each.lines)}" if each.lines else ""
    about = f"{each.table_name} {each.source} {each.month or ''}: {each.reason_code} {each.column_name or ''}"
    delivery = f"\n  {each.delivery_id}" if each.delivery_id is not None else ""
    return "", f"{number(each.row_count)}  {about}{lines}  [dim]({whose})[/]{delivery}"


def _published(found: Explanation) -> Iterator[Pair]:
    published, value = found.published, found.value
    if published is not None:
        as_published = escape(str(published["value_as_published"]))
        said = f"{number(published['value'], value['unit_of_measure'])}  ({as_published})"
        if value["published_difference"] is not None:
            said += f"; {pick('chênh lệch', 'difference')} {number(value['published_difference'], decimals=6)}"
        yield pick("Đã công bố", "Published"), said
        if published["recomputed_value"] is not None:
            mark = "[yellow]≠[/] " if published["is_beyond_rounding"] else ""
            recomputed = number(published["recomputed_value"], value["unit_of_measure"])
            counts = f"{number(published['numerator'])} / {number(published['denominator'])}"
            yield pick("Tính lại", "Recomputed"), f"{mark}{recomputed}  ({counts})"
        if published["explanation_vi"] or published["explanation_en"]:
            explained = pick(published["explanation_vi"] or "", published["explanation_en"] or "")
            yield pick("Giải thích", "Explanation"), escape(explained)
        yield pick("Nguồn", "Source"), escape(str(published["source"]))
        if published["note"]:
            yield pick("Ghi chú", "Note"), escape(published["note"])
    for row in found.revisions:
        values = f"{number(row['value_before'])} → {number(row['value_after'])}"
        word = f"{pick(*CHANGES[row['change']])}, " if row["change"] in CHANGES else ""
        about = (
            f"{word}{row['reason']}, {row['table_name']} {row['source']} {row['month']}, {row['accepted_at']:%Y-%m-%d}"
        )
        yield pick("Đính chính", "Revision"), f"{values}  ({about})"


def _lineage(origins: Iterable[ColumnOrigin]) -> Iterator[Pair]:
    for origin in origins:
        sources = []
        for heading in origin.headings:
            says = "" if heading.says == "header" else f"{heading.says} "
            sources.append(f"{says}“{escape(heading.text)}” ({', '.join(heading.sources)})")
        if origin.derived_from:
            sources.append(f"{pick('dẫn xuất từ', 'derived from')} {origin.derived_from}")
        where = f"  ←  {'; '.join(sources)}" if sources else ""
        yield (
            pick(*ROLES.get(origin.role, (origin.role, origin.role))),
            f"{origin.table_name}.{origin.column_name}{where}",
        )


def _ranges(ranges: Ranges) -> str:
    return ", ".join(_first([str(first) if first == last else f"{first}–{last}" for first, last in ranges]))


def _first(items: Sequence[str]) -> list[str]:
    """The first items, and how many more there are."""
    rest = len(items) - SHOWN
    return [*items[:SHOWN], f"[dim]+ {rest} (--json)[/]"] if rest > 0 else list(items)


def _limited(pairs: Iterable[Pair], total: int) -> Iterator[Pair]:
    """The first pairs, and how many more there are."""
    for position, pair in enumerate(pairs):
        if position == SHOWN:
            yield "", f"[dim]+ {total - SHOWN} (--json)[/]"
            return
        yield pair

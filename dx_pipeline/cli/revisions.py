"""`dx revision`: proposed revisions of closed months, the values that they would change, and their acceptance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
from rich.markup import escape

from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.table import show_table
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError
from dx_pipeline.kpi import revision
from dx_pipeline.kpi.revision import Proposal
from dx_pipeline.settings import Settings
from dx_pipeline.tables.closing import REASONS, Reason

Row = dict[str, Any]


CHANGES = {
    "newly_shown": ("nay được hiển thị", "newly shown"),
    "withheld": ("nay bị che", "withheld now"),
    "not_enough_data": ("nay không đủ dữ liệu", "not enough data now"),
    "unit_appears": ("đơn vị mới", "the unit appears"),
    "unit_vanishes": ("đơn vị không còn", "the unit vanishes"),
}
"""What happened to a value that is not shown both before and after."""


def sentence(proposal: Proposal) -> str:
    """What is proposed for which closed month, in one sentence."""
    words = [name for _, name in proposal.late]
    newer, of_month = pick("tình trạng mới hơn, giao cho tháng", "newer states, delivered for"), proposal.later_states
    words += [f"{count} {newer} {month}" for month, count in of_month]
    return f"{proposal.key}: {', '.join(words)} ({proposal.proposal_id})"


@click.command()
@on_project
def list_proposals(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """What `dx revision list` does."""
    found = revision.proposals(settings)
    with bar("dx revision list", len(found) * (1 + len(catalogue.kpis))):
        shown = [{**proposal.as_json(), **_effect(settings, catalogue, proposal)} for proposal in found]
    if as_json:
        screen.show_json(shown)
        return 0
    for proposal, row in zip(found, shown, strict=True):
        show_changes(catalogue, proposal, row["changes"])
        for file in row["rows"]:
            screen.say(_rows(file))
        if row["problem"]:
            screen.say(f"[red]{pick('Không thể chấp nhận', 'It cannot be accepted')}[/]: {row['problem']}")
    if not found:
        screen.say(pick("Không có đề nghị đính chính nào.", "No revision is proposed."))
    return 0


@click.command()
@on_project
@click.argument("proposal_id")
@click.option(
    "--reason", type=click.Choice(REASONS), default="routine", show_default=True, help="Lý do / Reason (Eurostat)."
)
@click.option("--note", default="", help="Ghi chú / A note, which stays inside the office.")
def accept(settings: Settings, catalogue: Catalogue, as_json: bool, proposal_id: str, reason: Reason, note: str) -> int:
    """What `dx revision accept` does."""
    from dx_pipeline.cli import run as runs

    with bar("dx revision accept", 2 * len(catalogue.kpis)):
        accepted = revision.accept(settings, catalogue, proposal_id, reason, note)
        month = accepted.key.month
        result = runs.run(settings, catalogue, [month] if month else [])
    is_well = result.is_published and not result.errors
    if as_json:
        screen.show_json({**accepted.as_json(), "reason": reason, "published": is_well, "errors": list(result.errors)})
    else:
        screen.say(f"{pick('Đã chấp nhận', 'Accepted')}: {sentence(accepted)}")
        for error in result.errors:
            screen.say(f"[red]{pick('Lỗi', 'Error')}[/]: {error}")
    return int(not is_well)


def show_changes(catalogue: Catalogue, proposal: Proposal, changes: Sequence[Row]) -> None:
    """The province's values that a proposal would change, as a table, and how many of other units."""
    lines = []
    for row in changes:
        if row["unit_level"] != "province" or row["value_before"] == row["value_after"]:
            continue
        word = f" [dim]({pick(*CHANGES[row['change']])})[/]" if row["change"] in CHANGES else ""
        title, unit = catalogue.kpis[row["kpi_code"]].definition.title, row["unit_of_measure"]
        lines.append(
            (
                f"{screen.in_words(title)}{screen.part(row)}",
                screen.window(row),
                screen.number(row["value_before"], unit),
                f"[bold]{screen.number(row['value_after'], unit)}[/]{' *' if row['synthetic'] else ''}{word}",
            )
        )
    show_table(
        f"{pick('Đề nghị đính chính', 'Proposed revision')} {sentence(proposal)}",
        ("KPI", pick("Kỳ", "Window"), pick("Trước", "Before"), pick("Sau", "After")),
        lines,
        right=(2, 3),
    )
    others = Counter(row["change"] for row in changes if row["unit_level"] != "province")
    if others:
        words = {"changed": ("thay đổi", "changed"), **CHANGES}
        counted = ", ".join(f"{pick(*words[change])} {count}" for change, count in sorted(others.items()))
        screen.say(f"{pick('Giá trị của các đơn vị khác', 'Values of other units')} (--json): {counted}")


def _rows(file: Row) -> str:
    """Where the rows of one late file would go, in one sentence."""
    words = {
        "accepted": pick("được nhận", "accepted"),
        "duplicate": pick("trùng", "duplicate"),
        "filtered": pick("lọc bỏ", "filtered"),
        "quarantined": pick("cách ly", "quarantined"),
    }
    parts = ", ".join(f"{screen.number(file[name])} {word}" for name, word in words.items() if file[name])
    return f"{escape(file['file_name'])}: {parts or pick('không có dòng nào', 'no rows')}"


def _effect(settings: Settings, catalogue: Catalogue, proposal: Proposal) -> Row:
    """Where the rows of a proposal would go and which values it would change, or why it cannot be published."""
    try:
        found = revision.effect(settings, catalogue, proposal)
    except DxError as error:
        return {"problem": screen.in_words(error), "rows": [], "changes": []}
    names = dict(proposal.late)
    rows = [{"file_name": names[item.delivery_id], **item.model_dump(exclude={"delivery_id"})} for item in found.counts]
    return {"problem": None, "rows": rows, "changes": found.changes}

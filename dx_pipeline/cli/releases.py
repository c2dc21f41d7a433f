"""`dx release`: list, verify, switch, pin."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.markup import escape

from dx_pipeline import release, workers
from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.progress_bar import bar
from dx_pipeline.cli.reader import pick
from dx_pipeline.cli.table import show_table
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import UsageError
from dx_pipeline.progress import announce
from dx_pipeline.release.log import Event
from dx_pipeline.settings import Settings


@click.command()
@on_project
def list_releases(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:  # noqa: ARG001 - as every command
    """What `dx release list` does."""
    found = release.kept(settings)
    if as_json:
        screen.show_json([_as_json(item) for item in found])
        return 0
    zone = ZoneInfo(settings.time_zone)
    rows = [(item.release_id, _state(item), _published(item, zone)) for item in found]
    headings = ("ID", "", pick("Công bố lúc", "Published at"))
    show_table(f"{pick('Bản công bố', 'Releases')}: {settings.releases}", headings, rows)
    return 0


def _as_json(item: release.Kept) -> dict[str, Any]:
    """A release, with what the release log has of its latest publication."""
    line = item.published
    return {
        "release_id": item.release_id,
        "current": item.is_current,
        "pinned": item.is_pinned,
        "published_at": line.at if line is not None else None,
        "seals": line.seals if line is not None else None,
        "predecessor": line.predecessor if line is not None else None,
        "path": item.path,
    }


def _state(item: release.Kept) -> str:
    """What is to be known of a release before it is chosen."""
    words = (
        (item.is_current, f"● {pick('đang dùng', 'current')}"),
        (item.is_pinned, pick("đã ghim", "pinned")),
        (not item.has_parts, pick("bố cục cũ", "older layout")),
    )
    return ", ".join(word for is_so, word in words if is_so)


def _published(item: release.Kept, zone: ZoneInfo) -> str:
    """When a release was published, in the province's time."""
    return f"{item.published.at.astimezone(zone):%Y-%m-%d %H:%M}" if item.published is not None else ""


@click.command()
@on_project
@click.argument("release_id", required=False)
@click.option(
    "--rebuild", is_flag=True, help="Dựng lại từ nơi nhận rồi so sánh / Rebuild it from landing, and compare."
)
def verify(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None, rebuild: bool) -> int:
    """What `dx release verify` does."""
    if rebuild:
        workers.start_server(settings)  # what it imports takes as long as checking the release
    chosen = _chosen(settings, release_id)
    with bar("dx release verify", 1):
        announce(chosen.release_id)
        found = release.problems(chosen.path, catalogue)
    if rebuild and not found:
        found += _differences(settings, catalogue, chosen)
    if as_json:
        screen.show_json(
            {"release_id": chosen.release_id, "rebuilt": rebuild, "problems": [each.model_dump() for each in found]}
        )
    else:
        for problem in found:
            screen.say(f"[red]{chosen.release_id}[/]: {escape(screen.in_words(problem))}")
        if not found:
            words = pick("dựng lại giống hệt", "rebuilt, and equal") if rebuild else pick("đã kiểm chứng", "verified")
            screen.OUT.print(f"{chosen.release_id}: {words}")
    return int(bool(found))


def _differences(settings: Settings, catalogue: Catalogue, chosen: release.Kept) -> list[Bilingual]:
    """Every difference between a release and what it was built from gives now, each in one sentence."""
    again = release.Rebuild.of(settings, catalogue, chosen)
    with bar("dx release verify --rebuild", again.steps):
        return again.differences(settings, catalogue)


@click.command()
@on_project
def rollback(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:
    """What `dx release rollback` does."""
    before = release.before_current(settings)
    if before is None:
        raise UsageError(
            "there is no earlier release to go back to: see 'dx release list'.",
            vi="không có bản công bố nào trước bản này để quay lại: xem 'dx release list'.",
        )
    return _switch(settings, catalogue, before, "rolled_back", as_json=as_json)


@click.command()
@on_project
@click.argument("release_id")
def switch(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str) -> int:
    """What `dx release switch` does."""
    return _switch(settings, catalogue, _chosen(settings, release_id), "switched", as_json=as_json)


def _switch(settings: Settings, catalogue: Catalogue, chosen: release.Kept, event: Event, *, as_json: bool) -> int:
    """Verify a release, and make it the current one."""
    release.verify(chosen.path, catalogue)
    release.switch_to(settings, chosen.release_id, event)
    if as_json:
        screen.show_json({"release_id": chosen.release_id})
    else:
        screen.OUT.print(f"{chosen.release_id}: {pick('đang dùng', 'current')}")
    return 0


@click.command()
@on_project
@click.argument("release_id", required=False)
@click.option("--remove", is_flag=True, help="Thôi ghim / No longer keep it.")
def pin(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None, remove: bool) -> int:  # noqa: ARG001
    """What `dx release pin` does."""
    chosen = _chosen(settings, release_id)
    release.pin(settings, chosen.release_id, is_pinned=not remove)
    if as_json:
        screen.show_json({"release_id": chosen.release_id, "pinned": not remove})
    else:
        words = pick("thôi ghim", "no longer pinned") if remove else pick("đã ghim", "pinned")
        screen.OUT.print(f"{chosen.release_id}: {words}")
    return 0


def _chosen(settings: Settings, release_id: str | None) -> release.Kept:
    for item in release.kept(settings):
        if item.release_id == release_id or (release_id is None and item.is_current):
            return item
    raise UsageError(
        f"there is no release '{release_id or 'current'}': see 'dx release list'.",
        vi=f"không có bản công bố '{release_id or 'current'}': xem 'dx release list'.",
    )

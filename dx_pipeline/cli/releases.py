"""`dx release`: list, verify, roll back."""

from __future__ import annotations

import click
from rich.markup import escape

from dx_pipeline import release, workers
from dx_pipeline.cli import screen
from dx_pipeline.cli.options import on_project
from dx_pipeline.cli.screen import both
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.errors import UsageError
from dx_pipeline.settings import Settings


@click.group(name="release")
def releases() -> None:
    """Các bản công bố / Releases."""


@releases.command(name="list")
@on_project()
def list_releases(settings: Settings, catalogue: Catalogue, as_json: bool) -> int:  # noqa: ARG001 - as every command
    """Liệt kê các bản còn giữ, mới nhất trước / List the releases that are kept, newest first."""
    found = release.kept(settings)
    if as_json:
        screen.show_json(
            [{"release_id": item.release_id, "current": item.is_current, "path": item.path} for item in found]
        )
        return 0
    current = f"● {both('đang dùng', 'current')}"
    older = both("bố cục cũ", "older layout")
    rows = [
        (item.release_id, current if item.is_current else "" if item.has_parts else older, str(item.path))
        for item in found
    ]
    screen.show_table(both("Bản công bố", "Releases"), ("ID", "", both("Thư mục", "Folder")), rows)
    return 0


@releases.command()
@on_project(before=workers.start_server)
@click.argument("release_id", required=False)
@click.option(
    "--rebuild", is_flag=True, help="Dựng lại từ nơi nhận rồi so sánh / Rebuild it from landing, and compare."
)
def verify(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None, rebuild: bool) -> int:
    """Kiểm chứng một bản công bố / Check a release against its own description."""
    chosen = _chosen(settings, release_id)
    found = release.problems(chosen.path, catalogue)
    if rebuild:
        found += _differences(settings, catalogue, chosen)
    if as_json:
        screen.show_json(
            {"release_id": chosen.release_id, "rebuilt": rebuild, "problems": [each.model_dump() for each in found]}
        )
    else:
        for problem in found:
            screen.say(f"[red]{chosen.release_id}[/]: {escape(screen.in_words(problem))}")
        if not found:
            words = both("dựng lại giống hệt", "rebuilt, and equal") if rebuild else both("đã kiểm chứng", "verified")
            screen.OUT.print(f"{chosen.release_id}: {words}")
    return int(bool(found))


def _differences(settings: Settings, catalogue: Catalogue, chosen: release.Kept) -> list[Bilingual]:
    """Every difference between a release and what it was built from gives now, each in one sentence."""
    again = release.Rebuild.of(settings, catalogue, chosen)
    with screen.bar("dx release verify --rebuild", again.steps):
        return again.differences(settings, catalogue)


@releases.command()
@on_project()
@click.argument("release_id", required=False)
def rollback(settings: Settings, catalogue: Catalogue, as_json: bool, release_id: str | None) -> int:
    """Quay lại bản trước (hoặc bản nêu tên) / Switch back to the release before, or to the one named."""
    if release_id is None:
        older = [item for item in release.kept(settings) if item.has_parts and not item.is_current]
        if not older:
            raise UsageError("there is no earlier release to go back to: see 'dx release list'.")
        release_id = older[0].release_id
    chosen = _chosen(settings, release_id)
    release.verify(chosen.path, catalogue)
    release.switch(settings, chosen.release_id)
    if as_json:
        screen.show_json({"release_id": chosen.release_id})
    else:
        screen.OUT.print(f"{chosen.release_id}: {both('đang dùng', 'current')}")
    return 0


def _chosen(settings: Settings, release_id: str | None) -> release.Kept:
    for item in release.kept(settings):
        if item.release_id == release_id or (release_id is None and item.is_current):
            return item
    raise UsageError(f"there is no release '{release_id or 'current'}': see 'dx release list'.")

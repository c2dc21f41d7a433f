"""The inbox: what whoever may write there can do, and what is reported of it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from deliveries import GROUPS, MAY, groups, put
from engine import Engine, counts
from rich.console import Console
from rich.markup import escape

from dx_pipeline.cli import doctor
from dx_pipeline.connectors import inbox
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.period import Month
from dx_pipeline.storage import folder

SOURCE = "community_group"
SECRET = b"root:x:0:0"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the warehouse with a file that nobody delivered."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "passwd").write_bytes(SECRET)
    return place


def reasons(engine: Engine) -> dict[str, str]:
    """Why each thing in the inbox is not read, by its path there."""
    found = inbox.unread(engine.settings, engine.catalogue)
    return {str(stray).removeprefix(f"{engine.settings.inbox}/"): stray.why for stray in found}


def landed(engine: Engine) -> bytes:
    return b"".join(path.read_bytes() for path in engine.settings.landing.rglob("*") if path.is_file())


def test_what_is_no_file_is_neither_opened_nor_waited_for_and_is_listed(engine: Engine, outside: Path) -> None:
    month = put(engine.settings, SOURCE, groups(*GROUPS), name="groups.csv").parent
    os.mkfifo(month / "pipe")
    (month / "link.csv").symlink_to(outside / "passwd")
    (month / "folder").mkdir()
    here = Path.cwd()
    os.chdir(month)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    os.chdir(here)
    assert counts(engine.ingest(SOURCE)) == [(3, 3, 0, 0, 0)]
    assert SECRET not in landed(engine)
    assert reasons(engine) == {
        f"{SOURCE}/{MAY}/{name}": kind
        for name, kind in (("folder", "folder"), ("link.csv", "link"), ("pipe", "pipe"), ("socket", "socket"))
    }


@pytest.mark.parametrize("linked", [SOURCE, f"{SOURCE}/{MAY}"])
def test_no_folder_outside_the_inbox_is_opened(engine: Engine, outside: Path, linked: str) -> None:
    (outside / MAY).mkdir()
    (outside / MAY / "file.csv").write_bytes(SECRET)
    link = engine.settings.inbox / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(outside if linked == SOURCE else outside / MAY)
    assert engine.results(SOURCE) == []
    assert reasons(engine) == {linked: "link"}
    assert not engine.settings.landing.exists() or SECRET not in landed(engine)


def test_a_file_exchanged_for_a_link_while_it_is_read_stays_what_it_was(engine: Engine, outside: Path) -> None:
    path = put(engine.settings, SOURCE, groups(*GROUPS))
    arrivals = inbox.fetch(engine.settings, SOURCE, Month.parse(MAY))
    arrival = next(arrivals)
    path.unlink()
    path.symlink_to(outside / "passwd")
    assert arrival.file.read_bytes() == groups(*GROUPS)
    with pytest.raises(OSError, match=r".*"), folder.opened_file(engine.settings.inbox, SOURCE, MAY, path.name):
        pass


def test_a_folder_exchanged_for_a_link_is_not_written_into(engine: Engine, outside: Path) -> None:
    path = put(engine.settings, SOURCE, groups(*GROUPS, title="# 0912 345 678"))
    engine.ingest(SOURCE)
    (delivery,) = deliveries.landed(engine.settings, SOURCE, Month.parse(MAY))
    put(engine.settings, SOURCE, groups(*GROUPS, title="# 0912 345 678"))
    arrival = next(inbox.fetch(engine.settings, SOURCE, Month.parse(MAY)))
    path.parent.rename(outside / "moved")
    path.parent.symlink_to(outside)
    with pytest.raises(OSError, match=r".*"):
        deliveries.clean_inbox(engine.settings, arrival, delivery)
    assert sorted(item.name for item in outside.iterdir()) == ["moved", "passwd"]


def test_files_that_programs_leave_are_ignored_by_name_and_reported(engine: Engine) -> None:
    names = ("Thumbs.db", "~$groups.xlsx", ".DS_Store", "._groups.csv", "desktop.ini")
    for name in names:
        put(engine.settings, SOURCE, b"\x00\x01", name=name)
    run = engine.deliver(SOURCE, groups(*GROUPS), name="groups.csv")
    assert (run.published, run.problem, counts(run)) == (True, None, [(3, 3, 0, 0, 0)])
    assert set(reasons(engine).values()) == {"ignored"}
    assert {name.rpartition("/")[2] for name in reasons(engine)} == set(names)
    assert inbox.strays(engine.settings, engine.catalogue) == []


NAMES = {
    "t\u1ed5 5.csv".encode(): "t\u1ed5 5.csv",
    b"to\xff.csv": r"to\xff.csv",
    b"to\x1b[2J\n.csv": r"to\x1b[2J\x0a.csv",
    "to\u202egpj.csv".encode(): r"to\u202egpj.csv",
    b"[red]to[bold].csv": "[red]to[bold].csv",
    b"<b>to<.csv": "<b>to<.csv",
}
"""Names of files, and how they are shown."""


def test_a_file_name_is_escaped_wherever_it_is_shown_and_stops_nothing(engine: Engine) -> None:
    lacking = groups(*GROUPS).replace(b",so_thanh_vien", b"")
    for day, name in enumerate(NAMES, 1):
        put(engine.settings, SOURCE, lacking + b"\n" * day, name=os.fsdecode(name), day=day)
    refused = engine.ingest(SOURCE).refused
    assert [item.file_name for item in refused] == list(NAMES.values())
    assert inbox.new(engine.settings, SOURCE, Month.parse(MAY)) == ()
    console = Console(width=500, color_system=None)
    with console.capture() as captured:
        for item in refused:
            console.print(escape(item.file_name))
    assert captured.get().splitlines() == list(NAMES.values())


def test_a_stray_with_a_strange_name_can_be_shown(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    (engine.settings.inbox / os.fsdecode(b"x\xff[red]\x1b")).mkdir(parents=True)
    doctor.show(list(doctor.examine(engine.settings, engine.catalogue)))
    assert r"x\xff[red]\x1b(" in "".join(capsys.readouterr().out.split())  # wherever its lines are broken


@pytest.mark.parametrize("later", [2 * 86_400, 10**12])
def test_a_file_from_the_future_would_replace_all_that_come_later_and_is_not_read(engine: Engine, later: int) -> None:
    wrong = put(engine.settings, SOURCE, groups(*GROUPS[:2]), name="wrong.csv")
    os.utime(wrong, (time.time() + later, time.time() + later))
    assert engine.results(SOURCE) == []
    assert reasons(engine) == {f"{SOURCE}/{MAY}/wrong.csv": "future"}
    put(engine.settings, SOURCE, groups(*GROUPS), name="right.csv")
    assert counts(engine.ingest(SOURCE)) == [(3, 3, 0, 0, 0)]

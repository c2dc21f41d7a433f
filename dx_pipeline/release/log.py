"""Release log: what happened to each release, one JSON line each, in `releases/log.jsonl`.

Nothing in it is ever changed. Each line has the SHA-256 of the line before, so a changed, added or missing line shows.
The time is here and not in a release: the same inputs give the same release, byte for byte.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

NAME = "log.jsonl"
FIRST = "0" * len(files.EMPTY)
"""What the first line has in place of the SHA-256 of the line before."""

LOG = logging.getLogger(__name__)

Event = Literal["published", "switched", "rolled_back", "pinned", "unpinned", "removed"]


class Line(BaseModel):
    """What happened to one release.

    Args:
        number: 1 for the first line of a log.
        at: when, by the clock of the machine.
        event: what.
        release_id: to which release.
        seals: the SHA-256 of the manifest of each of its parts.
        contents: of a publication, the digest of the rows of all its tables.
        predecessor: the release that its values are compared with.
        reason: why, where the event does not say it.
        previous: the SHA-256 of the line before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: AwareDatetime
    event: Event
    release_id: str
    seals: dict[str, str]
    contents: str | None = None
    predecessor: str | None = None
    reason: str | None = None
    previous: str


@dataclass(frozen=True)
class ReleaseLog:
    """The log of a folder of releases.

    Args:
        lines: its lines up to the first one that is wrong.
        head: the SHA-256 of the last of them.
        wrong: the number of the first line that is wrong; None if all are right.
        is_cut: whether its last line is incomplete, because a process was killed while it wrote.
    """

    lines: tuple[Line, ...] = ()
    head: str = FIRST
    wrong: int | None = None
    is_cut: bool = False

    @classmethod
    def read(cls, releases: Path) -> ReleaseLog:
        """The log beside the releases; an empty one if there is none."""
        path = releases / NAME
        *whole, rest = path.read_bytes().split(b"\n") if path.is_file() else [b""]
        lines: list[Line] = []
        head = FIRST
        for number, text in enumerate(whole, 1):
            try:
                line = Line.model_validate_json(text)
            except ValidationError:
                return cls(tuple(lines), head, wrong=number)
            if (line.number, line.previous) != (number, head):
                return cls(tuple(lines), head, wrong=number)
            lines.append(line)
            head = sha256(text).hexdigest()
        return cls(tuple(lines), head, is_cut=bool(rest))

    @property
    def problem(self) -> Bilingual | None:
        """What is wrong with the log, in one sentence."""
        if self.wrong is None:
            return None
        return Bilingual(
            vi=f"releases/{NAME}: dòng {self.wrong} đã bị sửa, hoặc thiếu dòng trước đó. Hãy so với bản sao lưu;"
            " lần công bố tới để nhật ký này vào set_aside/ và mở nhật ký mới.",
            en=f"releases/{NAME}: line {self.wrong} was changed, or a line before it is missing. Compare it with a"
            " backup; the next publication moves this log to set_aside/ and begins a new one.",
        )

    @cached_property
    def published(self) -> dict[str, Line]:
        """By release, the line of its latest publication, in the order of publication."""
        found: dict[str, Line] = {}
        for line in self.lines:
            if line.event == "published":
                found.pop(line.release_id, None)
                found[line.release_id] = line
        return found

    @cached_property
    def with_other_contents(self) -> frozenset[str]:
        """The releases that were published with different rows: the same inputs give the same ones."""
        first: dict[str, str] = {}
        others = set()
        for line in self.lines:
            if line.event == "published":
                if line.contents is not None:  # an older version wrote none
                    first.setdefault(line.release_id, line.contents)
                if first.get(line.release_id) != line.contents:
                    others.add(line.release_id)
        return frozenset(others)

    @property
    def pinned(self) -> frozenset[str]:
        """The releases that are kept until they are unpinned."""
        return self._latest_of("pinned", rather_than="unpinned")

    @property
    def removed(self) -> frozenset[str]:
        """The releases that were removed since their latest publication."""
        return self._latest_of("removed", rather_than="published")

    def _latest_of(self, event: Event, rather_than: Event) -> frozenset[str]:
        """The releases for which one of two events is the later one."""
        latest = {line.release_id: line.event for line in self.lines if line.event in {event, rather_than}}
        return frozenset(release_id for release_id, last in latest.items() if last == event)

    def month_ends(self, zone: ZoneInfo) -> frozenset[str]:
        """The last release that was published in each month."""
        last: dict[Month, str] = {}
        for release_id, line in self.published.items():
            local = line.at.astimezone(zone)
            last[Month(local.year, local.month)] = release_id
        return frozenset(last.values())


def append(
    settings: Settings,
    event: Event,
    release_id: str,
    seals: dict[str, str],
    at: datetime,
    predecessor: str | None = None,
    contents: str | None = None,
) -> None:
    """Add a line; it is on the disk when this returns. Only a process that has the writers' lock may call it.

    An incomplete last line is removed. A log that was changed is set aside, and a new one is started.
    """
    path = settings.releases / NAME
    log, reason = ReleaseLog.read(settings.releases), None
    if log.problem is not None:
        LOG.warning("%s", log.problem.en)
        aside = files.set_aside(settings, path)
        log, reason = ReleaseLog(), f"the log before was changed: {aside.relative_to(settings.warehouse)}"
    line = Line(
        number=len(log.lines) + 1,
        at=at,
        event=event,
        release_id=release_id,
        seals=seals,
        contents=contents,
        predecessor=predecessor,
        reason=reason,
        previous=log.head,
    )
    with path.open("ab") as file:
        if log.is_cut:
            file.truncate(path.read_bytes().rindex(b"\n") + 1 if log.lines else 0)
        file.write(f"{line.model_dump_json(exclude_none=True)}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    files.sync(settings.releases)

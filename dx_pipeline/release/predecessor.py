"""The predecessor of a release: the release that was current when it was built. Values of the two are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi import change
from dx_pipeline.kpi.reference import units
from dx_pipeline.release import datapackage
from dx_pipeline.release.inputs import id_of
from dx_pipeline.release.log import ReleaseLog
from dx_pipeline.release.part import PUBLIC, Part
from dx_pipeline.release.store import current_id
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

VALUES = "kpi/value.parquet"


@dataclass(frozen=True)
class Predecessor:
    """The release before.

    Args:
        release_id: its id; None before the first release.
        values: its values, if they can be compared with.
        problem: why they cannot, in one sentence; `problem_vi` is the same in Vietnamese.
    """

    release_id: str | None
    values: change.Release | None = None
    problem: str | None = None
    problem_vi: str | None = None

    @classmethod
    def of(cls, settings: Settings, inputs: Mapping[str, Any]) -> Predecessor:
        """The predecessor of the release that is made of some inputs: the current one.

        A release that is current and made of these very inputs keeps its own predecessor.
        """
        current = current_id(settings)
        if current is not None and is_made_of(settings, current, inputs):
            return cls.named(settings, predecessor_id(settings, current))
        logged = ReleaseLog.read(settings.releases).published.get(current or "")
        if logged is not None:  # the current one may be damaged, and be the very one that is made of these inputs
            before = cls.named(settings, logged.predecessor)
            if id_of(inputs, before.as_json()) == current:
                return before
        return cls.named(settings, current)

    @classmethod
    def named(cls, settings: Settings, release_id: str | None) -> Predecessor:
        """A release by its id, and whether its values can be compared with."""
        if release_id is None:
            return cls(None)
        try:
            return cls(release_id, values_of(settings, release_id))
        except ReleaseError as error:
            return cls(release_id, problem=str(error), problem_vi=error.vi)

    def as_json(self) -> dict[str, str | None]:
        """The predecessor as the data package names it."""
        return {"release_id": self.release_id, "problem": self.problem}


def is_made_of(settings: Settings, release_id: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a release on disk is made of some inputs, with any predecessor."""
    about = _about(settings, release_id)
    return about is not None and about.get("inputs") == inputs


def predecessor_id(settings: Settings, release_id: str) -> str | None:
    """The id of the release that the values of one on disk are compared with; None if there was none."""
    about = _about(settings, release_id) or {}
    found: str | None = about.get("predecessor", {}).get("release_id")
    return found


def values_of(settings: Settings, release_id: str) -> change.Release:
    """The values of a release on disk, and what they were computed from.

    Raises:
        ReleaseError: they cannot be compared with; says why in one sentence.
    """
    about = _about(settings, release_id)
    if about is None:
        raise ReleaseError(
            f"release {release_id} is not on disk, or is of an older layout.",
            f"bản công bố {release_id} không còn trên đĩa, hoặc theo bố cục cũ.",
        )
    path = _public(settings, release_id) / VALUES
    if not path.is_file() or f"sha256:{files.digest(path)}" != about["hashes"][VALUES]:
        raise ReleaseError(
            f"{VALUES} of release {release_id} is not the file that was described.",
            f"{VALUES} của bản công bố {release_id} không phải là tệp đã được mô tả.",
        )
    missing = sorted(set(change.COMPARED) - set(pq.read_schema(path).names))
    if missing or "definitions" not in about["inputs"]:
        raise ReleaseError(
            f"release {release_id} was made by an older version, whose values cannot be compared.",
            f"bản công bố {release_id} do một phiên bản cũ tạo ra, nên không so sánh được giá trị.",
        )
    with opened(settings, release_id, PUBLIC) as connection:
        known = units(connection)
    return change.Release(release_id, path, change.Inputs.of(about["inputs"]), known.digest)


@contextmanager
def opened(settings: Settings, release_id: str, part: Part) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database of a part of a release on disk.

    Raises:
        ReleaseError: it is not there, or lacks a table or column that is read; names what.
    """
    path = settings.releases / release_id / part.name / part.database
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            yield connection
    except duckdb.IOException as error:
        raise ReleaseError(
            f"release {release_id} has no readable {part.name}/{part.database}.",
            f"không đọc được {part.name}/{part.database} của bản công bố {release_id}.",
        ) from error
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise lacking(release_id, error) from error


def lacking(release_id: str, error: duckdb.Error) -> ReleaseError:
    """Why a release of an older version cannot be read: a table or column was added since."""
    found = re.search(r"(?:Table with name|[Cc]olumn(?: named)?) \"?([\w.]+)", str(error))
    what = f"'{found[1]}'" if found else "a table"
    return ReleaseError(
        f"release {release_id} was made by an older version, without {what}: choose a newer one of 'dx release list',"
        " or make one with 'dx run'.",
        vi=f"bản công bố {release_id} do phiên bản phần mềm cũ tạo ra, không có {what}: hãy chọn bản mới hơn trong"
        " 'dx release list', hoặc tạo bản mới bằng 'dx run'.",
    )


def _public(settings: Settings, release_id: str) -> Path:
    return settings.releases / release_id / PUBLIC.name


def _about(settings: Settings, release_id: str) -> dict[str, Any] | None:
    """What the data package says of its release, with the hash of each file; None if it cannot be read."""
    try:
        package = datapackage.read(_public(settings, release_id))
        hashes = {resource["path"]: resource["dx"]["hash"] for resource in package["resources"]}
    except (ReleaseError, KeyError, TypeError):
        return None
    return {**package["dx"], "hashes": hashes}

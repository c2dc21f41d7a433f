"""The predecessor of a release: the release that was current when it was built. Values of the two are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dx_pipeline.errors import ReleaseError
from dx_pipeline.kpi import change
from dx_pipeline.release.datapackage import NAME
from dx_pipeline.release.part import PUBLIC
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
    return change.Release(release_id, path, change.Inputs.of(about["inputs"]))


def _public(settings: Settings, release_id: str) -> Path:
    return settings.releases / release_id / PUBLIC.name


def _about(settings: Settings, release_id: str) -> dict[str, Any] | None:
    """What the data package says of its release, with the hash of each file; None if it cannot be read."""
    try:
        package = json.loads((_public(settings, release_id) / NAME).read_text(encoding="utf-8"))
        hashes = {resource["path"]: resource["dx"]["hash"] for resource in package["resources"]}
    except (OSError, ValueError, KeyError):
        return None
    return {**package["dx"], "hashes": hashes}

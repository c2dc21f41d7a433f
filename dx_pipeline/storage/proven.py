"""Proven records: small JSON files of the pipeline's own that carry the digest of themselves.

The digest is of everything else in the file, whatever its layout, so a record that was changed by hand is found. A
record without one, of an older version, is believed.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, TypeVar

from pydantic import BaseModel

from dx_pipeline.storage import files

DIGEST = "digest"
"""The name under which a record has the digest of itself."""

SETTLED_NS = 1_000_000_000
"""A file that was written later than that ago may be written again with the same times."""

MOST_READ = 10_000
"""So many records are kept at most."""

Kept = TypeVar("Kept", bound=BaseModel)

_READ: dict[tuple[str, int, int, int, int], Any] = {}


def text(model: BaseModel) -> str:
    """The text of a record, its digest included."""
    values = json.loads(model.model_dump_json())
    return json.dumps({**values, DIGEST: digest(values)}, ensure_ascii=False, indent=1)


def digest(values: dict[str, Any]) -> str:
    """SHA-256 of the values of a record, without its digest."""
    about = {name: value for name, value in values.items() if name != DIGEST}
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def read(path: Path, kind: type[Kept]) -> Kept | None:
    """The record in a file; None if it is missing, is no file, cannot be read, or is not what was written.

    A record is read once in a process while its file is the same, going by inode, size and times.
    """
    try:
        about = path.lstat()
    except OSError:
        return None
    if time_ns() - max(about.st_mtime_ns, about.st_ctime_ns) < SETTLED_NS:
        return _read(path, kind)
    key = (str(path), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    if key not in _READ:
        if len(_READ) >= MOST_READ:
            _READ.clear()
        _READ[key] = _read(path, kind)
    found: Kept | None = _READ[key]
    return found


def forget() -> None:
    """Read every record anew from here on, whatever this process has read before."""
    _READ.clear()


def _read(path: Path, kind: type[Kept]) -> Kept | None:
    try:
        content = files.read(path)
        found = kind.model_validate_json(content)
        values = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return None
    return found if values.get(DIGEST) in {None, digest(values)} else None

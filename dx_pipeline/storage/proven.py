"""Proven records: small JSON files of the pipeline's own that carry the digest of themselves.

The digest is of everything else in the file, whatever its layout, so a record that was changed by hand is found. A
record without one, of an older version, is believed.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from dx_pipeline.storage import files

DIGEST = "digest"
"""The name under which a record has the digest of itself."""

Kept = TypeVar("Kept", bound=BaseModel)


def text(model: BaseModel) -> str:
    """The text of a record, its digest included."""
    values = json.loads(model.model_dump_json())
    return json.dumps({**values, DIGEST: digest(values)}, ensure_ascii=False, indent=1)


def digest(values: dict[str, Any]) -> str:
    """SHA-256 of the values of a record, without its digest."""
    about = {name: value for name, value in values.items() if name != DIGEST}
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def read(path: Path, kind: type[Kept]) -> Kept | None:
    """The record in a file; None if it is missing, is no file, cannot be read, or is not what was written."""
    try:
        content = files.read(path)
        found = kind.model_validate_json(content)
        values = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return None
    return found if values.get(DIGEST) in {None, digest(values)} else None

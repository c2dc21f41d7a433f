"""Files at an address: those of a month in a folder that fsspec can open (local, S3, SFTP, …).

A file lands once in each of its versions (size and time, or the store's own version). Protocols
other than local files need fsspec's driver for them, which is installed separately (`s3fs`,
`paramiko`, …); their credentials come from the environment, as fsspec has it. A link is not followed: whoever may put
one there could read what the pipeline may read. It fails an attempt, after the files have been fetched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from dx_pipeline import privacy
from dx_pipeline.connectors import inbox
from dx_pipeline.connectors.retry import FetchError, FetchTask, Page, arrived, fetch_page, prepared
from dx_pipeline.declarations.connector import Bounds, Files
from dx_pipeline.storage.folder import opened_file, readable

NAME = "address"
CHUNK_BYTES = 1024 * 1024


def pages(task: FetchTask, declared: Files) -> Iterator[Page]:
    """The files at the address for the month that have not landed in this version."""
    task = replace(task, stream=NAME)
    address = declared.address or ""
    folder = address.replace("{month}", str(task.month))
    if folder == address:
        folder = f"{address.rstrip('/')}/{task.month}"
    system, found = prepared(task, lambda: _listed(folder))
    known = {(item["name"], item["version"]) for item in (one.entry.cursor_range or {} for one in task.landed())}
    for about in sorted((item for item in found if not _is_link(item)), key=lambda item: str(item["name"])):
        name = readable(str(about["name"]).rsplit("/", 1)[-1])
        if inbox.is_ignored(name) or (name, _version(about)) in known:
            continue
        yield fetch_page(task, partial(_page, task, system, about, name))
    if any(map(_is_link, found)):
        yield fetch_page(task, _refuse_link)


def _is_link(about: dict[str, Any]) -> bool:
    return bool(about.get("islink")) or about["type"] == "link"


def _refuse_link() -> Page:
    raise FetchError("storage", error_code="link")


def _listed(folder: str) -> tuple[Any, list[dict[str, Any]]]:
    try:
        system, path = fsspec.core.url_to_fs(folder)
    except ImportError as error:
        raise FetchError("not_configured", error_code="driver_not_installed") from error
    except Exception as error:
        raise FetchError("not_configured", error_code="address") from error
    try:
        if not system.exists(path):
            return system, []
        return system, [about for about in system.ls(path, detail=True) if about["type"] == "file" or _is_link(about)]
    except Exception as error:  # each driver has exceptions of its own
        raise FetchError("storage") from error


def _page(task: FetchTask, system: Any, about: dict[str, Any], name: str) -> Page:  # noqa: ANN401 - fsspec is untyped
    size = int(about.get("size") or 0)
    if size > task.bounds.page_bytes:
        raise FetchError("too_large", error_code="page_bytes")
    # A name with personal data is not kept here either; that file is fetched every time.
    cursor_range = {"name": privacy.file_name(name)[0], "version": _version(about)}
    moment = _modified(about) or datetime.now(UTC)
    content = _chunks(system, str(about["name"]), task.bounds)
    return arrived(task, content, name, cursor_range, moment, received_bytes=size, record_count=None)


def _chunks(system: Any, path: str, bounds: Bounds) -> Iterator[bytes]:  # noqa: ANN401 - fsspec is untyped
    received, until = 0, time.monotonic() + bounds.answer_seconds
    try:
        with _opened(system, path) as handle:
            while chunk := handle.read(CHUNK_BYTES):
                received += len(chunk)
                if received > bounds.page_bytes:  # more than its folder says
                    raise FetchError("too_large", error_code="page_bytes", received_bytes=received)  # noqa: TRY301
                if time.monotonic() > until:
                    raise FetchError("timeout", error_code="answer_seconds", received_bytes=received)  # noqa: TRY301
                yield chunk
    except FetchError:
        raise
    except Exception as error:  # each driver has exceptions of its own
        raise FetchError("storage", is_transient=True) from error


@contextmanager
def _opened(system: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - fsspec is untyped
    """A file to read; one of this machine only if it still is a file."""
    if not isinstance(system, LocalFileSystem):
        with system.open(path, "rb") as handle:
            yield handle
        return
    place = Path(path)
    with opened_file(place.parent, place.name) as descriptor, open(descriptor, "rb", closefd=False) as handle:
        yield handle


def _version(about: dict[str, Any]) -> str:
    """What changes when the file does."""
    own = about.get("ETag") or about.get("etag") or about.get("md5Hash")
    moment = _modified(about)
    return str(own) if own else f"{about.get('size')} {moment.isoformat() if moment else ''}".strip()


def _modified(about: dict[str, Any]) -> datetime | None:
    moment = about.get("LastModified") or about.get("mtime")
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC)
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None

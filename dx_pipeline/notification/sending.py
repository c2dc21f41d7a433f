"""Sending: each cause once to each address. Addresses are secrets: they are in the environment, never in a message."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence

from pydantic import TypeAdapter, ValidationError

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.notification.cause import Cause
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

LOG = logging.getLogger(__name__)
MOST = 30
"""How many causes a message lists; more are counted."""

_SENT = TypeAdapter(dict[str, list[str]])


def notify(settings: Settings, catalogue: Catalogue, found: Sequence[Cause]) -> list[Bilingual]:
    """Send every cause to every declared address that does not know of it; return why an address got nothing.

    An address that failed gets the same causes with the next call. A cause that has gone is forgotten: if it comes
    back, it is sent again.
    """
    before = _sent(settings)
    after, failures = {}, []
    for name in catalogue.province.notify:
        known = set(before.get(name, []))
        new = [cause for cause in found if cause.key not in known]
        problem = _send(catalogue, name, new) if new else None
        if problem is not None:
            failures.append(problem)
            LOG.warning("%s", problem.en)
        every = {cause.key for cause in found}
        after[name] = sorted(every & known if problem is not None else every)
    if after != before:
        files.write_text(settings, settings.notified, json.dumps(after, ensure_ascii=False, indent=1))
    return failures


def problems(catalogue: Catalogue) -> Iterator[Bilingual]:
    """Which declared addresses cannot be used: variables that are not set, or are no address."""
    for name in catalogue.province.notify:
        if not os.environ.get(name):
            yield _not_set(name)
        elif not _is_address(os.environ[name]):
            yield _no_address(name)


def message(catalogue: Catalogue, new: Sequence[Cause]) -> tuple[str, str]:
    """The title and the text of a message about new causes, each in Vietnamese and in English."""
    title = f"dx-pipeline {catalogue.province.title.vi}: {len(new)} việc cần xử lý / {len(new)} to be dealt with"
    return title, "\n\n".join(_lines(new))


def _lines(new: Sequence[Cause]) -> Iterator[str]:
    for cause in new[:MOST]:
        yield f"{cause.sentence.vi}\n{cause.sentence.en}"
    if len(new) > MOST:
        yield f"… và {len(new) - MOST} việc khác: 'dx doctor' / and {len(new) - MOST} more: 'dx doctor'"


def _send(catalogue: Catalogue, name: str, new: Sequence[Cause]) -> Bilingual | None:
    """Send a message to the address in a variable; return why that failed, if it did."""
    from apprise import Apprise, NotifyFormat  # it takes a second to import: only who has something to send pays

    address = os.environ.get(name)
    if not address:
        return _not_set(name)
    service = Apprise()
    if not service.add(address):
        return _no_address(name)
    title, body = message(catalogue, new)
    if service.notify(title=title, body=body, body_format=NotifyFormat.TEXT):
        return None
    return Bilingual(
        vi=f"Địa chỉ trong {name} không nhận thông báo: kiểm tra địa chỉ và máy chủ; lần chạy sau sẽ gửi lại.",
        en=f"The address in {name} does not take notifications: check it and its server; the next run sends again.",
    )


def _is_address(text: str) -> bool:
    from apprise import Apprise

    return bool(Apprise().add(text))


def _not_set(name: str) -> Bilingual:
    return Bilingual(
        vi=f"Biến môi trường {name} (notify trong assets/province.yaml) chưa được đặt: đặt địa chỉ nhận thông báo.",
        en=f"The environment variable {name} (notify in assets/province.yaml) is not set: give it an address.",
    )


def _no_address(name: str) -> Bilingual:
    return Bilingual(
        vi=f"{name} không phải là địa chỉ nhận thông báo: viết theo docs/how-to/be-notified.md.",
        en=f"{name} is no address for notifications: write it as docs/how-to/be-notified.md shows.",
    )


def _sent(settings: Settings) -> dict[str, list[str]]:
    """The keys of the causes that each address knows of; of a damaged file nothing: then they are sent again."""
    try:
        return _SENT.validate_json(settings.notified.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}

"""`dx sample --serve`: says where the sample's systems are served, and serves them until Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from dx_pipeline import sample
from dx_pipeline.cli import screen
from dx_pipeline.cli.reader import pick
from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.kpi import words
from dx_pipeline.period import Month
from dx_pipeline.sample import live
from dx_pipeline.sample.live import Endpoint, LiveSystems
from dx_pipeline.settings import Settings


def serve(
    settings: Settings,
    catalogue: Catalogue,
    months: Sequence[Month],
    *,
    scale: float,
    seed: int,
    port: int,
    as_json: bool,
) -> None:
    """Serve until Ctrl-C or SIGTERM. See `live.serving`.

    Raises:
        UsageError: the sample has nothing for a month, a port is in use, or a source is not declared.
    """
    sample.check(months, scale)
    screen.say(pick("Đang chuẩn bị dữ liệu mẫu ...", "Making the sample ready ..."))
    with live.serving(settings, catalogue, months, scale=scale, seed=seed, port=port) as served:
        stop = _stop_event()
        if as_json:
            _show_json(served, months, scale, seed)
        else:
            _show(served)
        for why in served.absent:
            screen.say(f"[yellow]{pick('Không phục vụ', 'Not served')}[/]: {screen.in_words(why)}")
        screen.say(pick("Ctrl-C để dừng.", "Ctrl-C to stop."))
        stop.wait()


def _stop_event() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set, even in a background job of a shell, which otherwise ignores Ctrl-C.

    Made once everything is served: libraries that are imported until then install handlers of their own.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _show(served: LiveSystems) -> None:
    screen.paragraph(f"[bold]{screen.in_words(words.SYNTHETIC)}[/]")
    for endpoint in served.endpoints:
        _plain(f"\n# {screen.in_words(endpoint.title)}\n# {endpoint.file}\n# {endpoint.address}")
        for name, value in endpoint.environment.items():
            _plain(f"export {name}={shlex.quote(value)}")
        block = live.as_yaml(endpoint.attributes)
        _plain("".join(f"  {line}\n" for line in block.splitlines()).rstrip())
        _plain(f"# {screen.in_words(endpoint.note)}")
    sys.stdout.flush()


def _plain(text: str) -> None:
    """Text to be copied: neither marked up nor folded."""
    screen.OUT.print(text, markup=False, soft_wrap=True)


def _show_json(served: LiveSystems, months: Sequence[Month], scale: float, seed: int) -> None:
    """The whole document in one write: a reader that waits for it must not see a part."""
    document = {
        "synthetic": True,
        "months": [str(month) for month in months],
        "scale": scale,
        "seed": seed,
        "environment": {name: value for item in served.endpoints for name, value in item.environment.items()},
        "endpoints": {item.name: _described(item) for item in served.endpoints},
        "absent": [screen.in_words(why) for why in served.absent],
    }
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def _described(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "title": endpoint.title.model_dump(),
        "address": endpoint.address,
        "source": endpoint.source,
        "file": endpoint.file,
        "environment": sorted(endpoint.environment),
        "connector": endpoint.attributes["connector"],
        "note": endpoint.note.model_dump(),
        "declaration": endpoint.declaration,
    }

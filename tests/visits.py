"""A real browser, cut off from the network, and what goes wrong in the pages that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # importing it takes half a second, also where no browser is used
    from playwright.sync_api import Browser, BrowserContext, Page, Request

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE = "no Chromium is installed: 'apt-get install chromium' (Debian), then 'make test-browser' again."


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """A page, and what went wrong in it.

    Args:
        context: of the browser.
        allowed: how the addresses begin that may be asked for.
    """

    def __init__(self, context: BrowserContext, allowed: str = "file:") -> None:
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self._allowed = allowed
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._request)

    def open(self, path: Path) -> Page:
        """Open a file."""
        self.page.goto(path.as_uri())
        return self.page

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._allowed, "data:", "blob:")):
            self.problems.append(f"a request to {request.url}")

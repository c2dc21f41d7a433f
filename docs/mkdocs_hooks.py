"""Hooks of MkDocs: what `mkdocs.yml` cannot say.

Every decision is in the navigation. The pages are written for GitHub too, which reads some things in another way than
MkDocs: links to files outside `docs/` become plain text, titles of code blocks get quotation marks, and a list that
follows its sentence at once gets an empty line before it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>(?!https?:|#)[^)\s]+)\)")
LIST = re.compile(r"^(?P<sentence>(?!- |\d+\. |[ |#]).+)\n(?=- |\d+\. )", re.MULTILINE)
TITLE = re.compile(r"^(```\w+) title=([^\"\s]+)$", re.MULTILINE)


def on_config(config: Any) -> Any:  # noqa: ANN401 - MkDocs's own
    """The configuration, with every decision in its navigation."""
    pages = sorted(Path(config["docs_dir"]).glob("decisions/0*.md"))
    config["nav"].append({"Decisions": ["decisions/README.md", *(f"decisions/{page.name}" for page in pages)]})
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:  # noqa: ANN401 - MkDocs's own
    """A page's text as MkDocs reads it."""
    folder = PurePosixPath(page.file.src_uri).parent
    parts = CODE.split(markdown)  # text and code by turns
    for number, part in enumerate(parts):
        parts[number] = TITLE.sub(r'\1 title="\2"', part) if number % 2 else for_mkdocs(part, folder)
    return "".join(parts)


def for_mkdocs(text: str, folder: PurePosixPath) -> str:
    """Text between code blocks, of a page in a folder of `docs/`."""

    def within(found: re.Match[str]) -> str:
        climbs = PurePosixPath(found["target"]).parts.count("..")
        return found["text"] if climbs > len(folder.parts) else found[0]

    return LIST.sub(r"\g<sentence>\n\n", LINK.sub(within, text))

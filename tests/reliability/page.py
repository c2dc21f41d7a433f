"""The page with the results of the suites: each suite writes its own part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reliability.md"


def write(suite: str, command: str, tally: Mapping[str, int], violations: int) -> None:
    """Put the figures of a suite between its marks: its command, what was done how often, violations."""
    rows = "".join(f"| {what} | {count:,} |\n" for what, count in sorted(tally.items()))
    table = f"`{command}`\n\n| | |\n|---|---:|\n{rows}| **violations** | **{violations:,}** |\n"
    text = PAGE.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {suite} -->\n).*?(<!-- end of {suite} -->)", re.DOTALL)
    new, count = marks.subn(lambda found: f"{found[1]}{table}{found[2]}", text)
    if count != 1:
        raise RuntimeError(f"{PAGE} has no place for {suite}")
    PAGE.write_text(new, encoding="utf-8")

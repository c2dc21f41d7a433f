"""The page with the results of the suites: each suite writes its own part of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

Rows = Iterable[tuple[str, Sequence[int]]]
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reliability.md"


def write(suite: str, command: str, violations: int, heads: Sequence[str], rows: Rows) -> None:
    """Put the figures of a suite between its marks.

    Args:
        suite: its name in the marks.
        command: what made the figures.
        violations: how many it found.
        heads: what each figure counts.
        rows: what was done, and its figures.
    """
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    lines += [f"| {what} | {' | '.join(f'{figure:,}' for figure in figures)} |" for what, figures in rows]
    table = "\n".join([f"`{command}`: **{violations:,} violations**", "", *lines, ""])
    text = PAGE.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {suite} -->\n).*?(<!-- end of {suite} -->)", re.DOTALL)
    new, count = marks.subn(lambda found: f"{found[1]}{table}{found[2]}", text)
    if count != 1:
        raise RuntimeError(f"{PAGE} has no place for {suite}")
    PAGE.write_text(new, encoding="utf-8")

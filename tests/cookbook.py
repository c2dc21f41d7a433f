"""The cookbook's questions: run each one, and the answer as the table that the page prints.

As a command it writes the answers of the current release into the page, after `make run`:
`PYTHONPATH=. python tests/cookbook.py`. Read what changed before it is committed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

import dx_pipeline as dx

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cookbook.md"
FIRST = "```python\nimport dx_pipeline as dx\n\nr = dx.current()\n```\n"
QUESTION = re.compile(
    r"^### (?P<number>\d+)\. .*?^```(?P<kind>sql|python)\n(?P<body>.*?)^```\n(?:\n(?P<answer>(?:^\|[^\n]*\n)+))?",
    re.DOTALL | re.MULTILINE,
)
EMPTY = "–"


@dataclass(frozen=True)
class Question:
    """A question of the page: its number, its code, and the answer printed beneath."""

    number: int
    kind: str
    body: str
    answer: str


def questions() -> Iterator[Question]:
    """The questions, from top to bottom."""
    for found in QUESTION.finditer(PAGE.read_text(encoding="utf-8")):
        yield Question(int(found["number"]), found["kind"], found["body"], found["answer"] or "")


def answered(release: dx.Release, kind: str, body: str) -> str:
    """What a question's code gives: the frame of an SQL statement, or of the last expression of Python."""
    if kind == "sql":
        return table(release.sql(body))
    *statements, last = ast.parse(body).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {"dx": dx, "r": release}
    exec(compile(ast.Module(statements, []), str(PAGE), "exec"), names)  # noqa: S102 - the page's own code
    return table(eval(compile(ast.Expression(last.value), str(PAGE), "eval"), names))  # noqa: S307


def table(frame: pd.DataFrame) -> str:
    """A frame as a table of Markdown; a dash where there is no value."""
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    lines = [list(map(str, frame.columns)), ["---:" if is_number else "---" for is_number in numeric]]
    lines += [[cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """A value as the page prints it: days without a time, whole numbers without decimals."""
    if pd.isna(value):
        return EMPTY
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def main() -> None:
    """Write the answers into the page."""
    release = dx.current()

    def with_answer(found: re.Match[str]) -> str:
        shown = found[0].removesuffix(found["answer"] or "").rstrip("\n")
        return f"{shown}\n\n{answered(release, found['kind'], found['body'])}"

    PAGE.write_text(QUESTION.sub(with_answer, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Every question of the cookbook has the answer that the page prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cookbook
import pytest
from projects import PROJECT

import dx_pipeline as dx

QUESTIONS = list(cookbook.questions())


@pytest.fixture(scope="module")
def release(nine_months: Path) -> Iterator[dx.Release]:
    """The release that the page is about."""
    opened = dx.current(nine_months, PROJECT)
    yield opened
    opened.close()


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.number)
def test_a_question_has_the_answer_that_is_printed(release: dx.Release, asked: cookbook.Question) -> None:
    assert cookbook.answered(release, asked.kind, asked.body) == asked.answer


def test_there_are_twenty_five_questions_half_in_sql_half_in_pandas() -> None:
    text = cookbook.PAGE.read_text(encoding="utf-8")
    assert [asked.number for asked in QUESTIONS] == list(range(1, 26))
    assert text.count("\n### ") == 25
    kinds = [asked.kind for asked in QUESTIONS]
    assert {kinds.count("sql"), kinds.count("python")} == {12, 13}
    assert cookbook.FIRST in text

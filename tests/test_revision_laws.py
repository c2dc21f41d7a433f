"""Laws of revisions: whatever comes in whichever order, no closed month changes by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from engine import Engine, Rows
from hypothesis import Phase, given
from hypothesis import settings as examples
from projects import TRIAL, Fresh
from test_history import Delivered, arrivals, by_month, deliver, expected
from test_revision import accept, closing_on_25, proposals

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.errors import DxError
from dx_pipeline.tables import closing

pytestmark = pytest.mark.slow

Counted = Callable[[Sequence[Delivered]], Rows]


@pytest.fixture
def counted(references: Path, declared: Catalogue, fresh: Fresh) -> Counted:
    """The counts by month after a history in which every revision was accepted; none has changed by itself before.

    Files have names of their own: one that is put in the place of another withdraws it.
    """

    def after(history: Sequence[Delivered]) -> Rows:
        settings = replace(fresh(), project=TRIAL, threads=1)
        shutil.copytree(references, settings.warehouse, dirs_exist_ok=True)
        engine = closing_on_25(Engine(settings, declared))
        before: Rows = []
        for extract in history:
            closed = {found.month.first for found in closing.every(settings) if found.month is not None}
            deliver(engine, extract.month, *extract.states, name=extract.name, day=extract.day)
            counts = by_month(engine)
            assert [row for row in counts if row[0] in closed] == [row for row in before if row[0] in closed]
            before = counts
        held_back: set[str] = set()
        while found := [proposal for proposal in proposals(engine) if proposal.proposal_id not in held_back]:
            try:
                accept(engine, found[0])
            except DxError:  # no good row is among those of the month
                held_back.add(found[0].proposal_id)
            by_month(engine)
        return by_month(engine)

    return after


@examples(max_examples=examples().max_examples // 4, phases=[Phase.reuse, Phase.generate])
@given(history=arrivals())
def test_no_closed_month_changes_by_itself_and_with_all_revisions_the_latest_states_count(
    counted: Counted, history: list[Delivered]
) -> None:
    named = [replace(extract, name=f"{number}.csv") for number, extract in enumerate(history)]
    assert counted(named) == expected(named)

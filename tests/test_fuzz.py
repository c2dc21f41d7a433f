"""A few mutated deliveries of every format; `make fuzz` tries thousands."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "reliability"))

from forms import FORMS, Form, simply_read
from fuzz import Report, database, deliver, fuzz
from judgement import Outcome, violations
from mutation import Case

EACH = 4


def test_mutated_deliveries_end_as_a_sentence_or_as_what_the_file_says() -> None:
    report = Report()
    for tally, found in fuzz(range(EACH * len(FORMS)), seed=2022):
        report.add(tally, found)
    assert report.violations == []
    assert {"all: read", "all: refused", "all: withheld", "cells forbidden: read"} <= set(report.tally)


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_the_simple_readers_of_the_suite_read_what_is_sound(form: Form) -> None:
    seen = simply_read(form, form.write(form.base))
    assert seen is not None
    assert [record is not None for record in seen] == [True] * len(form.base.rows)


def test_the_suite_finds_a_delivery_that_is_refused_although_it_is_sound() -> None:
    made = Case(FORMS[0], "lines reordered", FORMS[0].write(FORMS[0].base), FORMS[0].codes)
    assert list(violations(made, Outcome("refused", "no."))) == ["a delivery of sound rows was refused: no."]


def test_json_for_a_source_of_answers_is_filtered_as_one_although_it_has_none_of_their_own_fields(
    tmp_path: Path,
) -> None:
    (form,) = (form for form in FORMS if form.name == "xroad_gzip")
    sound = '{"xRequestId": "A001", "serviceCode": "getList", "requestSize": 1, "succeeded": true, "note": "x"}'
    twice = sound.replace("{", '{"xRequestId": "A002", ')
    content = gzip.compress(f'{{"records": [{sound}, {twice}]}}'.encode())
    outcome = deliver(database(tmp_path), tmp_path, form, content)
    assert (len(outcome.accepted), outcome.quarantined, outcome.is_stripped) == (1, 1, True)

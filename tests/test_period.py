"""Months and windows are calendar arithmetic: no clock, no surprises at the ends of years."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.errors import UsageError
from dx_pipeline.period import WINDOW_TYPES, Month, Window, consecutive, parse_months, windows

MONTHS = st.builds(Month, st.integers(2000, 2100), st.integers(1, 12))


@given(MONTHS, st.integers(-200, 200))
def test_going_there_and_back_ends_where_it_began(month: Month, distance: int) -> None:
    assert month.plus(distance).plus(-distance) == month


@given(MONTHS)
def test_the_day_after_a_month_is_the_first_of_the_next(month: Month) -> None:
    assert date.fromordinal(month.last.toordinal() + 1) == month.plus(1).first


@given(st.lists(MONTHS, max_size=20))
def test_stretches_hold_every_month_once_and_leave_gaps_open(months: list[Month]) -> None:
    stretches = list(consecutive(months))
    covered = [month for first, last in stretches for month in first.through(last)]
    assert covered == sorted(set(months))
    for (_, end), (start, _) in pairwise(stretches):
        assert end.plus(1) < start


@given(st.lists(MONTHS, min_size=1, max_size=5))
def test_every_window_is_made_of_whole_months_of_one_year(months: list[Month]) -> None:
    for window in windows(months[:1], WINDOW_TYPES):
        assert window.start == window.months[0].first
        assert window.end == window.months[-1].last
        assert window.start.year == window.end.year


@given(MONTHS)
def test_a_window_is_read_as_it_is_written(month: Month) -> None:
    for window in windows([month], WINDOW_TYPES):
        assert Window.parse(str(window)) == window


@pytest.mark.parametrize(
    ("window", "before"),
    [
        ("2022-01", "2021-12"),
        ("2022-Q1", "2021-Q4"),
        ("2022", "2021"),
        ("2022-01:2022-06", "2021-01:2021-06"),
        ("2024-01:2024-02", "2023-01:2023-02"),
    ],
)
def test_the_window_before_is_of_the_same_kind(window: str, before: str) -> None:
    assert Window.parse(window).before == Window.parse(before)


@pytest.mark.parametrize(
    "text", ["", "2022-13", "2022-Q5", "22", "2022-02:2022-06", "2021-01:2022-06", "2022-06:2022-01"]
)
def test_other_texts_are_no_windows(text: str) -> None:
    with pytest.raises(UsageError):
        Window.parse(text)


def test_the_windows_of_a_month_are_a_month_a_quarter_a_year_to_date_and_a_year() -> None:
    assert set(windows([Month(2022, 5)], WINDOW_TYPES)) == {
        Window("month", date(2022, 5, 1), date(2022, 5, 31)),
        Window("quarter", date(2022, 4, 1), date(2022, 6, 30)),
        Window("ytd", date(2022, 1, 1), date(2022, 5, 31)),
        Window("year", date(2022, 1, 1), date(2022, 12, 31)),
    }


@pytest.mark.parametrize("text", ["2022", "2022-13", "2022-1", "may", "2022-06:2022-01"])
def test_what_is_no_month_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write"):
        parse_months(text)


def test_a_range_without_an_end_is_one_month() -> None:
    assert parse_months("2022-05:") == (Month(2022, 5),)

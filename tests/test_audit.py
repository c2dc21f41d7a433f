"""Audits: what holds, what does not, and what could not be asked are three different things."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from dx_pipeline import audit
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.suite import Expectation, Meta, Suite

WHY = Meta(reason=Bilingual(vi="vì sao", en="why"))


def judge(kind: str, severity: str = "critical", **kwargs: Any) -> Any:
    suite = Suite(
        name="t",
        expectations=(Expectation(type=kind, kwargs=kwargs, severity=severity, meta=WHY),),  # type: ignore[arg-type]
    )
    connection = duckdb.connect()
    connection.execute("CREATE TABLE staged AS SELECT i AS id, i % 10 AS digit FROM range(100) t(i)")
    try:
        (expected,) = audit.audit(connection, "staged", suite)
    finally:
        connection.close()
    return expected


def test_an_expectation_that_is_met_says_how_many_rows_it_saw() -> None:
    expected = judge("expect_column_values_to_not_be_null", column="id")
    assert (expected.status, expected.element_count, expected.unexpected_count) == ("met", 100, 0)


def test_an_expectation_that_is_not_met_counts_the_rows_that_break_it() -> None:
    expected = judge("expect_column_values_to_be_between", column="digit", max_value=7)
    assert (expected.status, expected.element_count, expected.unexpected_count) == ("unmet", 100, 20)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"kind": "expect_column_values_to_not_be_null", "column": "not_there"},
        {"kind": "unexpected_rows_expectation", "unexpected_rows_query": "SELECT nonsense FROM {batch}"},
    ],
)
def test_a_broken_expectation_is_not_bad_data(kwargs: dict[str, Any]) -> None:
    expected = judge(**kwargs)
    assert expected.status == "broken"
    assert expected.problem
    assert not audit.passes([expected])


def test_two_expectations_of_one_kind_are_both_evaluated() -> None:
    queries = ("SELECT * FROM {batch} WHERE digit = 3", "SELECT * FROM {batch} WHERE digit > 9")
    suite = Suite(
        name="t",
        expectations=tuple(
            Expectation(type="unexpected_rows_expectation", kwargs={"unexpected_rows_query": query}, meta=WHY)
            for query in queries
        ),
    )
    connection = duckdb.connect()
    connection.execute("CREATE TABLE staged AS SELECT i AS id, i % 10 AS digit FROM range(100) t(i)")
    first, second = audit.audit(connection, "staged", suite)
    connection.close()
    assert (first.status, second.status) == ("unmet", "met")


@pytest.mark.parametrize(("severity", "may_be_published"), [("critical", False), ("warning", True), ("info", True)])
def test_only_what_is_critical_holds_a_table_back(severity: str, may_be_published: bool) -> None:  # noqa: FBT001
    expected = judge("expect_column_values_to_be_between", severity=severity, column="digit", max_value=7)
    assert audit.passes([expected]) is may_be_published


def test_each_connection_is_judged_by_its_own_rows() -> None:
    outcomes = []
    for rows in (5, 50):
        connection = duckdb.connect()
        connection.execute(f"CREATE TABLE staged AS SELECT i AS id FROM range({rows}) t(i)")
        suite = Suite(
            name="t",
            expectations=(
                Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 10}, meta=WHY),
            ),
        )
        outcomes.append(audit.audit(connection, "staged", suite)[0].status)
        connection.close()
    assert outcomes == ["unmet", "met"]

"""Audits: met, unmet and broken are three different results."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from dx_pipeline import audit
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.suite import Expectation, Meta, Suite

WHY = Meta(reason=Bilingual(vi="vì sao", en="why"))


def expectation(kind: str, severity: str = "critical", **kwargs: Any) -> Any:
    suite = Suite(
        name="t",
        expectations=(Expectation(type=kind, kwargs=kwargs, severity=severity, meta=WHY),),  # type: ignore[arg-type]
    )
    connection = duckdb.connect()
    connection.execute("CREATE TABLE staged AS SELECT i AS id, i % 10 AS digit FROM range(100) t(i)")
    try:
        (result,) = audit.audit(connection, "staged", suite)
    finally:
        connection.close()
    return result


def test_an_expectation_that_is_met_says_how_many_rows_it_saw() -> None:
    result = expectation("expect_column_values_to_not_be_null", column="id")
    assert (result.status, result.element_count, result.unexpected_count) == ("met", 100, 0)


def test_an_expectation_that_is_not_met_counts_the_rows_that_break_it() -> None:
    result = expectation("expect_column_values_to_be_between", column="digit", max_value=7)
    assert (result.status, result.element_count, result.unexpected_count) == ("unmet", 100, 20)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"kind": "expect_column_values_to_not_be_null", "column": "not_there"},
        {"kind": "unexpected_rows_expectation", "unexpected_rows_query": "SELECT nonsense FROM {batch}"},
    ],
)
def test_a_broken_expectation_is_not_bad_data(kwargs: dict[str, Any]) -> None:
    result = expectation(**kwargs)
    assert result.status == "broken"
    assert result.problem
    assert not audit.passes([result])


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
    result = expectation("expect_column_values_to_be_between", severity=severity, column="digit", max_value=7)
    assert audit.passes([result]) is may_be_published


def test_each_connection_is_judged_by_its_own_rows() -> None:
    statuses = []
    for rows in (5, 50):
        connection = duckdb.connect()
        connection.execute(f"CREATE TABLE staged AS SELECT i AS id FROM range({rows}) t(i)")
        suite = Suite(
            name="t",
            expectations=(
                Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 10}, meta=WHY),
            ),
        )
        statuses.append(audit.audit(connection, "staged", suite)[0].status)
        connection.close()
    assert statuses == ["unmet", "met"]

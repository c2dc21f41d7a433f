"""Audits: met, unmet and broken are three different results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dx_pipeline import audit
from dx_pipeline.audit.expectations import complete
from dx_pipeline.audit.result import ExpectationResult
from dx_pipeline.audit.together import audit_each
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.suite import Suite

WORDS = {"vi": "Thử", "en": "Trial"}
META = {"reason": WORDS}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("CREATE TABLE staged AS SELECT i AS id, i % 10 AS digit FROM range(100) t(i)")
        yield made


def suite_of(*expectations: dict[str, Any]) -> Suite:
    suite = {"name": "t", "expectations": [{"meta": META, **expectation} for expectation in expectations]}
    return Suite.model_validate(suite)


def audited(connection: duckdb.DuckDBPyConnection, *expectations: dict[str, Any]) -> list[ExpectationResult]:
    return list(audit.audit(connection, "staged", suite_of(*expectations)))


def rows_where(condition: str) -> dict[str, Any]:
    return unexpected(f"SELECT * FROM {{batch}} WHERE {condition}")


def unexpected(query: str) -> dict[str, Any]:
    return {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}}


def digit_at_most(value: int, severity: str = "critical") -> dict[str, Any]:
    kwargs = {"column": "digit", "max_value": value}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "severity": severity}


def test_an_expectation_counts_its_rows_and_those_that_break_it(connection: duckdb.DuckDBPyConnection) -> None:
    met, unmet = audited(connection, digit_at_most(9), digit_at_most(7))
    assert (met.status, met.element_count, met.unexpected_count) == ("met", 100, 0)
    assert (unmet.status, unmet.element_count, unmet.unexpected_count) == ("unmet", 100, 20)


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "not_there"}},
        rows_where("nonsense"),
    ],
)
def test_a_broken_expectation_is_not_bad_data(connection: duckdb.DuckDBPyConnection, broken: dict[str, Any]) -> None:
    (result,) = audited(connection, broken)
    assert result.status == "broken"
    assert result.problem
    assert not audit.passes([result])


@pytest.mark.parametrize("condition", ["is_seen(id)", "id IN (SELECT id FROM staged WHERE is_seen(id))"])
def test_a_query_for_unexpected_rows_runs_once(connection: duckdb.DuckDBPyConnection, condition: str) -> None:
    seen: list[int] = []

    def is_seen(number: int) -> bool:
        seen.append(number)
        return number < 0

    connection.create_function("is_seen", is_seen, ["BIGINT"], "BOOLEAN", side_effects=True)
    (result,) = audited(connection, rows_where(condition))
    assert (result.status, result.unexpected_count, len(seen)) == ("met", 0, 100)


def test_a_broken_query_leaves_the_others_as_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    found = audited(connection, rows_where("digit > 9"), rows_where("nonsense"), rows_where("digit > 7"))
    assert [(each.status, each.unexpected_count) for each in found] == [("met", 0), ("broken", None), ("unmet", 20)]


@pytest.mark.parametrize(
    ("added", "repeated"),
    [("'499999'", 1), ("'500001'", 0), ("NULL", 0), ("NULL), (NULL", 1)],
)
def test_a_key_that_is_there_twice_is_found_in_a_large_table(
    connection: duckdb.DuckDBPyConnection, added: str, repeated: int
) -> None:
    connection.execute("CREATE OR REPLACE TABLE staged AS SELECT i::VARCHAR AS code FROM range(500_001) t(i)")
    connection.execute(f"CREATE OR REPLACE TABLE staged AS FROM (VALUES ({added})) AS row(code) UNION ALL FROM staged")
    query = "SELECT code FROM {batch} GROUP BY ALL HAVING count(*) > 1"
    key = {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}}
    (result,) = audited(connection, key)
    assert (result.status, result.unexpected_count) == ("unmet" if repeated else "met", repeated)


def test_two_expectations_of_one_kind_are_both_evaluated(connection: duckdb.DuckDBPyConnection) -> None:
    results = audited(connection, rows_where("digit = 3"), rows_where("digit > 9"))
    assert [result.status for result in results] == ["unmet", "met"]


@pytest.mark.parametrize(("severity", "may_be_published"), [("critical", False), ("warning", True), ("info", True)])
def test_only_critical_expectations_hold_a_table_back(
    connection: duckdb.DuckDBPyConnection,
    severity: str,
    may_be_published: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    assert audit.passes(audited(connection, digit_at_most(7, severity))) is may_be_published


ROWS = st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 9))), max_size=6)

SUITE = [
    {"type": "expect_table_columns_to_match_ordered_list", "kwargs": {"column_list": ["id", "digit"]}},
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1, "max_value": 4}},
    {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "digit", "max_value": 12}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "digit"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "digit", "mostly": 0.5}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["id", "digit"]}},
    digit_at_most(8),
    rows_where("digit > 7"),
    rows_where("digit NOT IN (SELECT i FROM range(9) t(i))"),
    rows_where("digit > (SELECT avg(digit) + 4 FROM {batch})"),
    rows_where("nonsense"),
    unexpected("SELECT id FROM {batch} GROUP BY ALL HAVING count(*) > 1"),
    unexpected("SELECT id FROM {batch} WHERE digit = 1 GROUP BY ALL"),
    unexpected("SELECT count(*) AS n FROM {batch} HAVING count(*) > 5"),
]


@given(st.lists(ROWS, min_size=1, max_size=4), st.lists(st.sampled_from(SUITE), min_size=1, max_size=4))
@example([[], [(0, None)], [(1, 1), (2, 2), (3, 9)]], SUITE)  # enough rows and values, but not in each
@example([[], [(0, None)]], [digit_at_most(8)])
@example([[(1, 0), (2, 9)], [(3, 9), (4, 9)]], SUITE)  # nothing far above the average of all, but above that of one
def test_tables_that_are_audited_together_have_the_results_that_each_has_alone(
    tables: list[list[tuple[int, int | None]]], expectations: list[dict[str, Any]]
) -> None:
    suite = suite_of(*expectations)
    with duckdb.connect() as instance, ExitStack() as opened:
        connections = []
        for number, rows in enumerate(tables):
            connection = opened.enter_context(instance.cursor())
            connection.execute(f"ATTACH ':memory:' AS part_{number}; USE part_{number}")
            connection.execute("CREATE TABLE staged (id INTEGER, digit INTEGER)")
            connection.executemany("INSERT INTO staged VALUES (?, ?)", rows) if rows else None
            connections.append(connection)
        alone = [audit.audit(connection, "staged", suite) for connection in connections]
        assert audit_each(connections, "staged", suite) == alone


def test_each_connection_is_audited_by_its_own_rows(connection: duckdb.DuckDBPyConnection) -> None:
    many = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 50}}
    statuses = [result.status for result in audited(connection, many)]
    connection.execute("DELETE FROM staged WHERE id > 5")
    statuses += [result.status for result in audited(connection, many)]
    assert statuses == ["met", "unmet"]


CONTRACT = Contract.model_validate(
    {
        "title": WORDS,
        "grain": WORDS,
        "origin": "observed",
        "key": ["code"],
        "columns": {
            "code": {"type": "text", "required": True, "pattern": "^[A-Z]{2}$", **WORDS},
            "unit_code": {"type": "text", "references": "reference.unit.unit_code", **WORDS},
            "size": {"type": "integer", "min": 1, "max": 9, **WORDS},
            "kind": {"type": "text", "allowed": ["a", "b"], **WORDS},
        },
    }
)


@pytest.mark.parametrize(
    ("row", "unmet"),
    [
        ("('AB', '72', 1, 'a')", []),
        ("(NULL, '72', 1, 'a')", ["table"]),
        ("('ABC', '72', 1, 'a')", ["table"]),
        ("('AB', '99', 1, 'a')", ["table"]),
        ("('AB', '72', 10, 'a')", ["table"]),
        ("('AB', '72', 1, 'c')", ["table"]),
        ("('AB', '72', 1, 'a'), ('AB', NULL, 2, 'b')", ["table"]),
    ],
)
def test_every_constraint_of_a_contract_is_an_expectation(row: str, unmet: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA reference; CREATE TABLE reference.unit AS SELECT '72' AS unit_code")
        connection.execute("CREATE TABLE staged (code VARCHAR, unit_code VARCHAR, size BIGINT, kind VARCHAR)")
        connection.execute(f"INSERT INTO staged VALUES {row}")
        results = audit.audit(connection, "staged", complete("t", CONTRACT, None))
    assert [result.subject for result in results if result.status == "unmet"] == unmet

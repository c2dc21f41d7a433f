"""Expectations that follow from a contract: its columns, the constraints on their values, its key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.sql import violations
from dx_pipeline.declarations.suite import Expectation, Meta, Suite


def complete(name: str, contract: Contract, suite: Suite | None) -> Suite:
    """The suite that runs: the contract's expectations, then those of `checks/`."""
    return Suite(name=name, expectations=(*_from_contract(contract), *(suite.expectations if suite else ())))


def _from_contract(contract: Contract) -> Iterator[Expectation]:
    """The contract as expectations: its columns, what their values must be, its key.

    All constraints on single values are one expectation: each expectation costs about 20 ms, and
    reading has already quarantined the rows that break them.
    """

    def expect(kind: str, vi: str, en: str, **kwargs: Any) -> Expectation:
        reason = Bilingual(vi=f"Hợp đồng dữ liệu: {vi}", en=f"Contract: {en}")
        return Expectation(type=kind, kwargs=kwargs, meta=Meta(reason=reason))

    yield expect(
        "expect_table_columns_to_match_ordered_list",
        "bảng có đúng các cột đã khai báo",
        "the table has exactly the declared columns",
        column_list=list(contract.stored),
    )
    broken = [condition for name, column in contract.stored.items() for condition, _ in violations(name, column)]
    yield expect(
        "unexpected_rows_expectation",
        "không dòng nào vi phạm quy tắc của một cột (bắt buộc, mã cho phép, mẫu, khoảng giá trị, tham chiếu)",
        "no row breaks a rule on a single column (required, allowed codes, pattern, range, reference)",
        unexpected_rows_query=f"SELECT * FROM {{batch}} WHERE {_escaped(' OR '.join(broken) or 'false')}",
    )
    if contract.key:
        yield expect(
            "unexpected_rows_expectation",
            f"khóa ({', '.join(contract.key)}) không trùng",
            f"the key ({', '.join(contract.key)}) is unique",
            unexpected_rows_query=(f"SELECT {', '.join(contract.key)} FROM {{batch}} GROUP BY ALL HAVING count(*) > 1"),
        )


def _escaped(sql: str) -> str:
    """SQL as GX takes it: braces, as in regular expressions, are doubled."""
    return sql.replace("{", "{{").replace("}", "}}")

"""Suites: what must be true of a table before it may replace the one that is published.

A suite is written in Great Expectations' own form. The expectations on single columns come from
the table's contract; `checks/` adds what only a person can know (how many rows a month has, which
totals must agree). Running a suite does not belong here: that is `audit`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft7Validator
from pydantic import Field

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.document import Bilingual, Declared, Document
from dx_pipeline.declarations.mistake import Mistake, no_column

Severity = Literal["critical", "warning", "info"]

WITHOUT_EFFECT = ("regex", "like_pattern", "of_type", "type_list", "column_type", "strftime_format")
"""Kinds of expectation that fail without a word, or always, on DuckDB (measured with GX 1.24)."""


class Meta(Declared):
    """Why the expectation is there, for readers of a failed check; `local`: it applies to this province alone."""

    reason: Bilingual
    local: bool = False


class Expectation(Declared):
    """One expectation, as Great Expectations writes it."""

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "critical"
    meta: Meta


class Suite(Declared):
    """The expectations of one table, named after it."""

    name: str
    expectations: tuple[Expectation, ...] = ()
    notes: str | None = None


def read(document: Document, contract: Contract) -> Suite:
    """The suite in `document`, checked against GX's own schemas and the columns of its table.

    Raises:
        DeclarationError: an expectation is unknown, takes no such argument, names a column that
            the contract does not have, or cannot work on DuckDB.
    """
    suite = document.read(Suite)
    for position, expectation in enumerate(suite.expectations):
        where = ("expectations", position, "type")
        if any(part in expectation.type for part in WITHOUT_EFFECT):
            without_effect = Mistake(
                f"'{expectation.type}' does not work on DuckDB: write it as unexpected_rows_expectation,"
                " with regexp_matches() in the query.",
                f"'{expectation.type}' không dùng được với DuckDB: hãy viết dạng unexpected_rows_expectation,"
                " với regexp_matches() trong câu truy vấn.",
            )
            raise document.error(without_effect, *where)
        schema = schemas().get(expectation.type)
        if schema is None:
            unknown = Mistake(
                f"'{expectation.type}' is no expectation of Great Expectations 1.24.",
                f"'{expectation.type}' không phải là kỳ vọng của Great Expectations 1.24: hãy ghi đúng tên.",
            )
            raise document.error(unknown, *where)
        given = {**expectation.kwargs, "severity": expectation.severity}
        problem = next(iter(Draft7Validator(schema).iter_errors(given)), None)
        if problem is not None:
            refused = Mistake(
                f"'{expectation.type}': {problem.message}.",
                f"'{expectation.type}' không nhận các tham số này: {problem.message}.",
            )
            raise document.error(refused, "expectations", position, "kwargs")
        for argument, name in _columns_of(expectation):
            if name not in contract.stored:
                wrong = no_column(name, suite.name, contract.stored)
                raise document.error(wrong, "expectations", position, "kwargs", argument)
    return suite


def _columns_of(expectation: Expectation) -> Iterator[tuple[str, str]]:
    for argument in ("column", "column_A", "column_B"):
        if isinstance(name := expectation.kwargs.get(argument), str):
            yield argument, name
    for argument in ("column_list", "column_set"):
        for name in expectation.kwargs.get(argument) or ():
            yield argument, name


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """GX's published JSON schema of each expectation's arguments, by expectation type.

    Read from the installed files, because importing GX takes seconds and loading definitions
    must not.
    """
    spec = find_spec("great_expectations")
    if spec is None or spec.origin is None:  # pragma: no cover - it is a pinned dependency
        message = "great-expectations is not installed"
        raise ModuleNotFoundError(message)
    folder = Path(spec.origin).parent / "expectations" / "core" / "schemas"
    found = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        if "properties" in schema:  # the folder has an index of them too
            kind = schema["properties"]["metadata"]["properties"]["expectation_type"]["const"]
            found[kind] = schema
    return found

"""Mistakes in declarations, each in one sentence in both languages: what is wrong, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic_core import ErrorDetails

from dx_pipeline.errors import RuleError


@dataclass(frozen=True)
class Mistake:
    """What is wrong and what to do, in English and Vietnamese."""

    en: str
    vi: str


QUOTES = Mistake(
    "not valid YAML: a text with ': ' in it is taken for a key and a value: put the text in quotes.",
    "YAML không hợp lệ: văn bản có ': ' bị hiểu là khóa và giá trị: hãy đặt văn bản trong dấu nháy.",
)
INDENTATION = Mistake(
    "not valid YAML: the line does not belong to what is above it: indent it as the lines of the same list or mapping.",
    "YAML không hợp lệ: dòng này không khớp với các dòng trên: hãy thụt lề như các dòng cùng danh sách hoặc cùng nhóm.",
)
OPEN = Mistake(
    "not valid YAML: a quote or bracket is opened and not closed: close it.",
    "YAML không hợp lệ: có dấu nháy hoặc dấu ngoặc mở mà không đóng: hãy đóng lại.",
)
OF_YAML = {
    "mapping values are not allowed": QUOTES,
    "could not find expected ':'": QUOTES,
    "cannot start any token": Mistake(
        "not valid YAML: a value begins with a character that YAML uses itself, or a line with a tab: put the value in"
        " quotes, and indent with spaces.",
        "YAML không hợp lệ: giá trị bắt đầu bằng ký tự riêng của YAML, hoặc dòng bắt đầu bằng tab: hãy đặt giá trị"
        " trong dấu nháy, và thụt lề bằng dấu cách.",
    ),
    "did not find expected ',' or": OPEN,
    "unexpected end of stream": OPEN,
    "did not find expected": INDENTATION,
    "expected <block end>": INDENTATION,
}
"""Sentences about what YAML complains of, by a part of its words."""

INCOMPLETE = Mistake(
    "not valid SQL: something is missing{after}: complete the expression.",
    "SQL không hợp lệ: thiếu một phần{after}: hãy viết đủ biểu thức.",
)

DAY = Mistake("'{given}' is no day: write YYYY-MM-DD.", "'{given}' không phải là ngày: hãy ghi YYYY-MM-DD.")
NUMBER = Mistake("'{given}' is no number: write a whole number.", "'{given}' không phải là số: hãy ghi một số nguyên.")
TRUTH = Mistake("'{given}' is neither true nor false: write one.", "'{given}' không phải true hay false: hãy ghi một.")
TEXT = Mistake("'{given}' is no text: put it in quotes.", "'{given}' không phải là văn bản: hãy đặt trong dấu nháy.")
LIST = Mistake("write a list: [a, b].", "hãy ghi một danh sách: [a, b].")
MAPPING = Mistake("write names with values: {name: value}.", "hãy ghi các tên kèm giá trị: {tên: giá trị}.")
OF_TYPES = {
    **dict.fromkeys(("date_from_datetime_parsing", "date_parsing", "date_type", "date_from_datetime_inexact"), DAY),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "float_parsing", "float_type"), NUMBER),
    **dict.fromkeys(("bool_parsing", "bool_type"), TRUTH),
    "string_type": TEXT,
    **dict.fromkeys(("tuple_type", "list_type"), LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), MAPPING),
    "too_short": Mistake("at least {min_length} are needed.", "cần ít nhất {min_length}."),
    "greater_than_equal": Mistake("{given} is too small: at least {ge}.", "{given} quá nhỏ: ít nhất là {ge}."),
    "less_than_equal": Mistake("{given} is too large: at most {le}.", "{given} quá lớn: nhiều nhất là {le}."),
    "string_pattern_mismatch": Mistake(
        "'{given}' has other characters than are allowed: it has to match {pattern}.",
        "'{given}' có ký tự không được phép: phải khớp với {pattern}.",
    ),
    "greater_than": Mistake("{given} is too small: it has to be above {gt}.", "{given} quá nhỏ: phải lớn hơn {gt}."),
    "string_too_short": Mistake(
        "'{given}' is too short: at least {min_length} characters.", "'{given}' quá ngắn: ít nhất {min_length} ký tự."
    ),
    "string_too_long": Mistake(
        "'{given}' is too long: at most {max_length} characters.", "'{given}' quá dài: nhiều nhất {max_length} ký tự."
    ),
    "union_tag_invalid": Mistake(
        "'{tag}' is not allowed: {discriminator} should be one of {expected_tags}.",
        "'{tag}' không được phép: {discriminator} phải là một trong {expected_tags}.",
    ),
    "union_tag_not_found": Mistake("{discriminator} is missing: write it.", "thiếu {discriminator}: hãy ghi vào."),
    "literal_error": Mistake(
        "'{given}' is not allowed: it should be {expected}.", "'{given}' không được phép: phải là {expected_vi}."
    ),
}
"""Sentences about values of the wrong type, by pydantic's name of the error."""


def no_column(name: str, table: str, columns: Iterable[str]) -> Mistake:
    """A table or view has no column of a name."""
    known = ", ".join(columns)
    return Mistake(
        f"'{name}' is no column of {table}: it has {known}.", f"{table} không có cột '{name}': các cột là {known}."
    )


def no_contract(table: str, origin: str) -> Mistake:
    """A table has no contract, or one of another origin."""
    schema, _, name = table.partition(".")
    return Mistake(
        f"{table} has no contract of origin '{origin}': write assets/contract/{schema}/{name}.yaml.",
        f"{table} chưa có hợp đồng dữ liệu với origin '{origin}': hãy viết assets/contract/{schema}/{name}.yaml.",
    )


def no_regular_expression(pattern: str, error: re.error) -> RuleError:
    """A pattern is none."""
    return RuleError(
        f"'{pattern}' is not a regular expression: {error}.",
        f"'{pattern}' không phải là biểu thức chính quy: {error}.",
    )


def no_time_zone(value: str) -> RuleError:
    """A time zone has no such name."""
    return RuleError(
        f"'{value}' is no time zone: write its name, such as Asia/Ho_Chi_Minh.",
        f"'{value}' không phải là múi giờ: hãy ghi tên múi giờ, chẳng hạn Asia/Ho_Chi_Minh.",
    )


def of_yaml(problem: str) -> Mistake:
    """Why a file is no YAML."""
    known = next((mistake for words, mistake in OF_YAML.items() if words in problem), None)
    return known or Mistake(f"not valid YAML: {problem}.", f"YAML không hợp lệ: {problem}.")


def of_value_in_yaml(value: str) -> Mistake:
    """A value has the form of a day or a number, and is none."""
    return Mistake(
        f"'{value}' is no day that there is: write YYYY-MM-DD, or put it in quotes if it is a text.",
        f"không có ngày '{value}': hãy ghi YYYY-MM-DD, hoặc đặt trong dấu nháy nếu là văn bản.",
    )


def of_sql(problem: str, context: str) -> Mistake:
    """Why a text is no SQL.

    Args:
        problem: what the parser says.
        context: the SQL up to where it stopped.
    """
    last = context.strip().splitlines()[-1].strip() if context.strip() else ""
    if any(words in problem for words in ("Required keyword", "Expect", "end of input")):
        en, vi = (f" {word} '{last}'" if last else "" for word in ("after", "sau"))
        return Mistake(INCOMPLETE.en.format(after=en), INCOMPLETE.vi.format(after=vi))
    if found := re.search(r'syntax error at or near "(?P<near>.*)"', problem):
        near = found["near"]
        text = f"'{context}'" if context else ""
        return Mistake(
            f"not valid SQL: {text or f'syntax error near {near!r}'}: look whether anything is missing or too much.",
            f"SQL không hợp lệ: {text or f'sai cú pháp gần {near!r}'}: hãy xem có thiếu hay thừa gì không.",
        )
    return Mistake(f"not valid SQL: {problem.rstrip('.!')}.", f"SQL không hợp lệ: {problem.rstrip('.!')}.")


def of_value(problem: ErrorDetails, allowed: Sequence[str]) -> Mistake:
    """What is wrong with a declared value.

    Args:
        problem: what pydantic says of it.
        allowed: the names that are known where it is.
    """
    named = ".".join(str(step) for step in problem["loc"])
    match problem["type"]:
        case "extra_forbidden":
            names = ", ".join(allowed)
            return Mistake(
                f"'{named}' is not known here{f': allowed are {names}' if names else ''}.",
                f"'{named}' không được biết ở đây{f': được phép có {names}' if names else ''}.",
            )
        case "missing":
            return Mistake(f"'{named}' is missing: write it.", f"thiếu '{named}': hãy ghi vào.")
        case "value_error":
            about = _of_rule(problem)
        case _:
            about = _of_type(problem)
    prefix = f"'{named}': " if named else ""
    return Mistake(f"{prefix}{about.en}", f"{prefix}{about.vi}")


def _of_rule(problem: ErrorDetails) -> Mistake:
    """A rule of our own is broken."""
    error = problem.get("ctx", {}).get("error")
    if isinstance(error, RuleError):
        return Mistake(error.en, error.vi)
    return Mistake(str(error), str(error))


def _of_type(problem: ErrorDetails) -> Mistake:
    """A value is not of the type or in the bounds that are declared for it."""
    mistake = OF_TYPES.get(problem["type"])
    if mistake is None:
        message = problem["msg"]
        said = f"{message[0].lower()}{message[1:]}{'' if message.endswith('.') else '.'}"
        return Mistake(said, said)
    context = {"given": problem["input"], **problem.get("ctx", {})}
    context["expected_vi"] = str(context.get("expected", "")).replace(" or ", " hoặc ")
    if mistake in {LIST, MAPPING}:
        return mistake
    return Mistake(mistake.en.format(**context), mistake.vi.format(**context))


def both_in_force(versions: tuple[int, int], before: date, at: tuple[str | int, ...]) -> RuleError:
    """Two versions are in force on the same day.

    Args:
        versions: their numbers.
        before: the last day that the earlier one may be in force.
        at: where the earlier one is declared.
    """
    earlier, later = versions
    return RuleError(
        f"versions {earlier} and {later} are in force on the same day: set valid_to of version {earlier} to {before} or"
        " earlier.",
        f"phiên bản {earlier} và {later} cùng có hiệu lực trong một ngày: hãy đặt valid_to của phiên bản {earlier} là"
        f" {before} hoặc sớm hơn.",
        at,
    )

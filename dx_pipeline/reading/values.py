"""Text to typed values: the SQL that types one column by its contract and layout, and gives a reason if it cannot.

Every expression is built from declarations only; no value of a delivery is part of it.
"""

from __future__ import annotations

from dx_pipeline.declarations import shape
from dx_pipeline.declarations.contract import DUCKDB_TYPES, Column
from dx_pipeline.declarations.source import Placement
from dx_pipeline.declarations.sql import literal, quoted
from dx_pipeline.vietnamese.spelling import spellings

NUMERIC = "0123456789.,+-"
"""The characters of numbers in any style: a text of these alone is ambiguous, and not just no number."""

WHOLE = r"[+-]?[0-9]+(\.0+)?"

ROUND = {"plain": r"[+-]?[1-9][0-9]{0,2}(\.000)+", "vi": r"[+-]?[1-9][0-9]{0,2}(,000)+"}
"""Round thousands as the other style writes them: `12.000` is twelve where a dot begins the decimals, but agencies
write twelve thousand so; `3,000` is the same in the Vietnamese styles."""

FEWEST_THOUSANDS = 1000

KNOWN_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y%m%d", "%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y")
"""A text that is a date in another of these styles than declared is ambiguous, and not just no date."""

EARLIEST, LATEST = "DATE '1900-01-01'", "DATE '2199-12-31'"


def clean(heading: str, *, is_words: bool) -> str:
    """The text under a heading, NULL for an empty cell; words also in NFC and with single spaces."""
    text = f"trim({quoted(heading)})"
    return f"nullif({_normal(text) if is_words else text}, '')"


def _normal(text: str) -> str:
    """NFC and single spaces. Most texts have them already, and checking is cheaper than normalising."""
    is_normal = f"strlen({text}) = length({text}) AND NOT contains({text}, '  ') AND NOT contains({text}, chr(9))"
    return rf"CASE WHEN {is_normal} THEN {text} ELSE trim(regexp_replace(nfc_normalize({text}), '\s+', ' ', 'g')) END"


def value(text: str, column: Column, placement: Placement) -> str:
    """The expression that gives the typed value of the cleaned `text`, NULL where it cannot be read."""
    mapped = _mapped(text, placement)
    match column.type:
        case "text":
            return mapped
        case "boolean":
            return f"CASE lower({mapped}) WHEN 'true' THEN true WHEN 'false' THEN false END"
        case "date" | "timestamp":
            return _moment(mapped, column, placement)
        case _:
            return _number(mapped, column, placement)


def unreadable(column: Column, placement: Placement, text: str) -> str:
    """The expression for the reason code of a text that gives no value."""
    if placement.values is not None:
        return "'unknown_word'"
    match column.type:
        case "boolean":
            return "'not_a_boolean'"
        case "date" | "timestamp":
            others = [style for style in KNOWN_DATES if style != placement.date]
            known = " OR ".join(_strptime(text, style) + " IS NOT NULL" for style in others)
            return f"CASE WHEN {known} THEN 'ambiguous_date' ELSE 'not_a_date' END"
        case "integer" | "number":
            return _unreadable_number(text, column, placement)
        case _:
            return "'unreadable'"


def _mapped(text: str, placement: Placement) -> str:
    if placement.values is None:
        return text
    words = {spelling: code for word, code in reversed(placement.values.items()) for spelling in spellings(word)}
    branches = " ".join(f"WHEN {literal(word)} THEN {literal(code)}" for word, code in words.items())
    return f"CASE {text} {branches} ELSE CASE {_normal(text)} {branches} END END"


def _number(text: str, column: Column, placement: Placement) -> str:
    bare, plain = _bare(text, placement)
    round_thousands = _is_round(bare, column, placement)
    fits = f"{_has_shape(bare, shape.number(placement.number, leading_zeros=True))} AND NOT {round_thousands}"
    if column.type == "number":
        number = f"try_cast({plain} AS DOUBLE)"
        return f"CASE WHEN {fits} AND isfinite({number}) THEN {number} END"
    whole = f"CASE WHEN {_has_shape(plain, WHOLE)} AND NOT {round_thousands} THEN try_cast({plain} AS BIGINT) END"
    if placement.number != "plain":
        return f"CASE WHEN {fits} THEN {whole} END"
    # Nearly every whole number is written as DuckDB prints it; only the others need the regular expression.
    return f"CASE WHEN try_cast({plain} AS BIGINT)::VARCHAR = {plain} THEN try_cast({plain} AS BIGINT) ELSE {whole} END"


def _unreadable_number(text: str, column: Column, placement: Placement) -> str:
    bare, plain = _bare(text, placement)
    is_number = _has_shape(bare, shape.number(placement.number, leading_zeros=True))
    if column.type == "integer":
        is_number = f"{is_number} AND {_has_shape(plain, WHOLE)}"
    return f"""CASE
        WHEN {is_number} AND NOT {_is_round(bare, column, placement)} THEN 'too_large'
        WHEN translate({text}, '{NUMERIC}', '') = '' THEN 'ambiguous_number'
        ELSE 'not_a_number' END"""


def _bare(text: str, placement: Placement) -> tuple[str, str]:
    """The expressions of a number without its percent sign, and of the same as DuckDB writes numbers."""
    bare = f"trim(rtrim({text}, '%'))" if placement.percent else text
    if placement.number == "vi":
        return bare, f"replace(replace({bare}, '.', ''), ',', '.')"
    return bare, f"replace({bare}, ',', '.')" if placement.number == "comma" else bare


def _is_round(bare: str, column: Column, placement: Placement) -> str:
    """The condition that a number may be so many thousands, by the other style; not where a column ends below them."""
    if column.type == "number" and column.max is not None and column.max < FEWEST_THOUSANDS:
        return "false"
    return _has_shape(bare, ROUND["plain" if placement.number == "plain" else "vi"])


def _moment(text: str, column: Column, placement: Placement) -> str:
    kind = DUCKDB_TYPES[column.type]
    if placement.date == shape.SECONDS:
        read = f"to_timestamp(try_cast({text} AS BIGINT))::{kind}"
    elif placement.date is not None:
        read = f"{_strptime(text, placement.date)}::{kind}"
    else:
        read = f"CASE WHEN {_has_shape(text, shape.ISO[column.type])} THEN try_cast({text} AS {kind}) END"
    return f"CASE WHEN ({read})::DATE BETWEEN {EARLIEST} AND {LATEST} THEN {read} END"


def _strptime(text: str, style: str) -> str:
    """The expression that reads a moment in one style; DuckDB alone takes `2022051` for 1 May in `%Y%m%d`."""
    read = f"try_strptime({text}, {literal(style)})"
    if not shape.has_adjacent_parts(style):
        return read
    return f"CASE WHEN {_has_shape(text, shape.moment(style))} THEN {read} END"


def _has_shape(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"

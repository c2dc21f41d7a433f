"""Judgement: what may become of a mutated delivery, by a few lines that share nothing with the pipeline."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from forms import UNITS, WORDS, Form, Rows, simply_read
from mutation import Case

from dx_pipeline.reading.conservation import Counts

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery.

    Args:
        ended: `read`, `refused` or `withheld`.
        sentence: why it was not read.
        counts: where its rows went.
        quarantined: how many rows are in quarantine.
        accepted: the accepted rows.
        is_stripped: whether the privacy filter took anything out.
    """

    ended: str
    sentence: str = ""
    counts: Counts | None = None
    quarantined: int = 0
    accepted: Sequence[Values] = ()
    is_stripped: bool = False


class UnsoundError(ValueError):
    """A value that a rule forbids."""


def violations(made: Case, outcome: Outcome) -> Iterator[str]:
    """What is wrong with what became of a mutation."""
    if outcome.counts is None:
        if not outcome.sentence.endswith("."):
            yield f"the refusal is no sentence: {outcome.sentence[-60:]!r}"
        if made.must is not None:
            yield f"a delivery of sound rows was refused: {outcome.sentence}"
        return
    if made.is_refused:
        yield f"it was not refused: {len(outcome.accepted)} rows were accepted"
    counts = outcome.counts
    if (counts.accepted, counts.quarantined) != (len(outcome.accepted), outcome.quarantined):
        yield "the counts are not those of the tables"
    if counts.rows_in != counts.accepted + counts.duplicate + counts.filtered + counts.quarantined:
        yield "rows in are not rows out"
    yield from _accepted(made, outcome)
    seen = None if made.is_broken else simply_read(made.form, made.content)
    if seen is not None:
        if len(seen) != counts.rows_in:
            yield f"the file has {len(seen)} rows, and {counts.rows_in} were counted"
        yield from _invented(made.form, seen, outcome)


def _accepted(made: Case, outcome: Outcome) -> Iterator[str]:
    """What the mutation itself says about the rows that may be accepted."""
    at = list(made.form.contract.columns).index("code")
    codes = [row[at] for row in outcome.accepted]
    if len(set(codes)) < len(codes):
        yield "a code was accepted twice"
    if accepted_bad := made.bad & set(codes):
        rows = [row for row in outcome.accepted if row[at] in accepted_bad]
        yield f"rows with a value that a rule forbids were accepted: {rows}"
    if made.must is not None and (lost := made.must - set(codes)):
        yield f"sound rows were not accepted: {sorted(lost)}"
    if made.is_of_base or made.must is not None:
        base = [_values(made.form, dict(zip(made.form.base.headings, row, strict=True))) for row in made.form.base.rows]
        for row in outcome.accepted:
            if row not in base:
                yield f"a row was accepted that was never written: {row}"


def _invented(form: Form, seen: Rows, outcome: Outcome) -> Iterator[str]:
    """Rows that were accepted although the file does not have them, or has them with what a rule forbids."""
    sound: dict[str, set[Values]] = {}
    for record in seen:
        try:
            values = _values(form, record or {})
        except UnsoundError:
            continue
        sound.setdefault(values[0], set()).add(values)
    for row in outcome.accepted:
        found = sound.get(row[0], set())
        if outcome.is_stripped and "area" in form.columns:
            found, row = {_without_words(each) for each in found}, _without_words(row)  # noqa: PLW2901
        if row not in found:
            yield f"a row was accepted that the file does not have so: {row}, {sorted(map(str, found))}"
        elif len(found) > 1 and not outcome.is_stripped:
            yield f"one of several rows with the code {row[0]} was accepted"


def _without_words(row: Values) -> Values:
    return (row[0], None, *row[2:])


def _values(form: Form, record: dict[str, Any]) -> Values:
    """The values of a row that keeps to every rule.

    Raises:
        UnsoundError: it does not.
    """
    found = []
    for name in form.contract.columns:
        text = _text(record.get(form.layout.headers[name]))
        if text is None and form.contract.columns[name].required:
            raise UnsoundError
        found.append(None if text is None else VALUES[name](text))
    return tuple(found)


def _text(value: Any) -> str | None:
    if isinstance(value, list | dict):
        raise UnsoundError
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else " ".join(unicodedata.normalize("NFC", str(value)).split())
    return text or None


def _matching(pattern: str) -> Callable[[str], str]:
    def value(text: str) -> str:
        if re.fullmatch(pattern, text, re.ASCII) is None:
            raise UnsoundError
        return text

    return value


def _number(pattern: str, ambiguous: str, most: float, kind: type[int | float]) -> Callable[[str], float]:
    def value(text: str) -> float:
        bare = text.rstrip("%").strip() if "%" in pattern else text
        if re.fullmatch(pattern, text, re.ASCII) is None or re.fullmatch(ambiguous, bare, re.ASCII):
            raise UnsoundError
        if "," in pattern:
            bare = bare.replace(".", "").replace(",", ".")
        number = float(bare)
        if not 0 <= number <= most or (kind is int and number != int(number)):
            raise UnsoundError
        return kind(number)

    return value


def _day(text: str) -> date:
    if re.fullmatch(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", text) is None:
        raise UnsoundError
    try:
        day = datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date()
    except ValueError:
        raise UnsoundError from None
    if (day.year, day.month) != (2022, 5):
        raise UnsoundError
    return day


def _one_of(values: dict[str, Any]) -> Callable[[str], Any]:
    def value(text: str) -> Any:
        if text not in values:
            raise UnsoundError
        return values[text]

    return value


_TRUTH = {"true": True, "false": False}
_WHOLE = r"[+-]?[0-9]+(\.0+)?"
_ROUND, _ROUND_VI = r"[+-]?[1-9][0-9]{0,2}(\.000)+", r"[+-]?[1-9][0-9]{0,2}(,000)+"
_VI = r"[+-]?([1-9][0-9]{0,2}(\.[0-9]{3})+|[0-9]+)"
VALUES: dict[str, Callable[[str], Any]] = {
    "code": _matching("[A-Z][0-9]{3}"),
    "area": str,
    "status": _one_of({unicodedata.normalize("NFC", word): code for word, code in WORDS.items()}),
    "unit_code": _one_of({unit: unit for unit in UNITS}),
    "dossier_count": _number(_VI + "(,0+)?", _ROUND_VI, 1e9, int),
    "member_count": _number(_WHOLE, _ROUND, 1e9, int),
    "amount_vnd": _number("[+-]?[0-9]+(,[0-9]+)?", _ROUND_VI, 1e15, float),
    "share_pct": _number(_VI + "(,[0-9]+)? ?%*", "(?!)", 100, float),
    "is_online": lambda text: _one_of(_TRUTH)(text.lower()),
    "received_on": _day,
    "operation": _one_of({"getList": "getList", "getState": "getState"}),
    "request_bytes": _number(_WHOLE, _ROUND, 1e9, int),
    "is_ok": lambda text: _one_of(_TRUTH)(text.lower()),
}

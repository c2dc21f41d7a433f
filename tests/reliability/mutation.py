"""Mutations: what is done to a sound delivery, by rule and seed."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forms import FORMS, Form, Grid

FORBIDDEN: dict[str, Sequence[Any]] = {
    "code": ("", "   ", "a001", "A001X", "A-1", "A0", "001", "Ạ001", "A\uff10\uff101"),
    "status": ("", "Đã hủy", "Open", "mở; đóng", "mo", "Mở.", "ĐANG MỞ"),
    "unit_code": ("99999", "2545", "254560", "25456.5", "xã A", "25 456"),
    "dossier_count": (
        "-1", "1.5", "12.34", "1e30", "1E3", "12,5", "mười", "1O", "l2", "99999999999999999999999", "1000000001",
        "3,000", "1 000", "0x10", "١٢", "1_000", "nan", "inf", "--1", "1,234,567", "12.3456", "=1+1", "0.123", "∞",
    ),
    "member_count": (
        "-1", "1.5", "1e30", "12,5", "ba", "2O", "99999999999999999999999", "1000000001", "12.000", "1.234.567",
        "1 000", "0x10", "nan", "Infinity", "5 người", "#REF!", "1e-3", "12.0000001", "−3",
    ),
    "amount_vnd": ("-0,5", "12.000", "3,000", "1e30", "inf", "2OO000", "1.234,5", "0,5đ", "9" * 40, "#N/A", ",5", "5,"),
    "share_pct": ("101%", "-0,1", "12.5", "100,01%", "1e30", "một nửa", "%", "1.000", "NaN%", "50 phần trăm"),
    "is_online": ("maybe", "2", "có", "yes", "Y"),
    "received_on": (
        "", "31/02/2022", "2022-05-03", "05/31/2022", "03/06/2022", "30/04/2022", "03/05/2021", "03/05/0022", "hôm qua",
        "03.05.2022", "44684", "3-5-2022", "00/05/2022", "03/05/22", "03/05/2022 25:00", "20220503", "03/05/12022",
    ),
    "operation": ("", "getNothing", "GETLIST", "getList/../x"),
    "request_bytes": ("-1", "1.5", "1e30", "many", "12,5", "99999999999999999999999", "12.000"),
    "is_ok": ("maybe", "2", "yes"),
}  # fmt: skip
"""By column: what its rule forbids as text, in every format."""

TYPED: dict[str, Sequence[Any]] = {
    "code": (None, 12, 1.5, True),
    "unit_code": (99999, 2545.5, True),
    "member_count": (-1, 1.5, 1e30, 1_000_000_001, True, 10**25),
    "received_on": (44684, True, 1.5),
    "request_bytes": (-1, 1.5, 1e30, 1_000_000_001, True, 10**25),
}
"""By column: what its rule forbids as a value of a typed format."""

NESTED: dict[str, Sequence[Any]] = {
    name: ([], {}, [1], {"a": 1}, [[[]]]) for name in ("code", "member_count", "received_on", "dossier_count")
}
"""What no column may have, in formats with records."""

ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1258",
    "cp1252",
    "utf-32",
    "utf-7",
    "shift_jis",
)
SOME_BYTES = (
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b'"',
    b"'",
    b";",
    b",",
    b"\xef\xbb\xbf",
    b"<",
    b"{",
    b"}",
    b"9",
    b"\\",
    b" ",
)


INSIDE_SHARE = 0.8
"""How many of the changes to bytes of a packed delivery are made to what is in it: most others break the packing."""


@dataclass(frozen=True)
class Case:
    """One mutated delivery.

    Args:
        form: what it was made in.
        kind: what was done to it.
        content: its bytes.
        must: the codes that must be accepted, with the values of the sound delivery; None where that is not known.
        bad: the codes that must not be accepted.
        is_refused: whether the delivery must be refused whole.
        is_of_base: whether no other values may be accepted than those of the sound delivery.
        is_broken: whether bytes within a format were changed that its other readers may not survive.
    """

    form: Form
    kind: str
    content: bytes
    must: frozenset[str] | None = None
    bad: frozenset[str] = frozenset()
    is_refused: bool = False
    is_of_base: bool = False
    is_broken: bool = False
    said: str = ""


def case(seed: int, number: int) -> Case:
    """The mutation of a number: the same with every run of the same seed."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - a repeatable order needs no secrecy
    form = FORMS[number % len(FORMS)]
    made = rng.choice(KINDS)(rng, form)
    return made if made is not None else _bytes(rng, form)


def _bytes(rng: random.Random, form: Form) -> Case:
    """Bytes changed, anywhere in the file or in what it packs."""
    kind, change = rng.choice(BYTE_CHANGES)
    times = rng.choice((1, 1, 1, 2, 4, 8)) if kind != "truncated" else 1

    def changed(content: bytes) -> bytes:
        for _ in range(times):
            content = change(rng, content)
        return content

    content = form.write(form.base)
    inside = rng.random() < INSIDE_SHARE
    if inside and form.is_packed:
        content = gzip.compress(changed(gzip.decompress(content)))
    elif inside and form.kind == "excel":
        content = _sheet_changed(content, changed)
    else:
        content = changed(content)
    return Case(form, f"bytes {kind}", content, is_broken=form.kind == "parquet")


def _sheet_changed(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with a change in the text of its sheet."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as book, zipfile.ZipFile(target, "w") as copy:
        for name in book.namelist():
            part = book.read(name)
            copy.writestr(name, change(part) if name in {"xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"} else part)
    return target.getvalue()


def _place(rng: random.Random, content: bytes) -> int:
    return rng.randrange(len(content)) if content else 0


def _flipped(rng: random.Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in content[at : at + 1]) + content[at + 1 :]


def _inserted(rng: random.Random, content: bytes) -> bytes:
    at = _place(rng, content)
    some = rng.choice(SOME_BYTES) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 4))
    return content[:at] + some + content[at:]


def _dropped(rng: random.Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + content[at + rng.choice((1, 1, 2, 7, 60)) :]


def _swapped(rng: random.Random, content: bytes) -> bytes:
    first, second = sorted((_place(rng, content), _place(rng, content)))
    changed = bytearray(content)
    if changed:
        changed[first], changed[second] = changed[second], changed[first]
    return bytes(changed)


def _repeated(rng: random.Random, content: bytes) -> bytes:
    at = _place(rng, content)
    return content[:at] + content[at : at + rng.randint(1, 90)] + content[at:]


def _truncated(rng: random.Random, content: bytes) -> bytes:
    return content[: _place(rng, content)]


BYTE_CHANGES = (
    ("flipped", _flipped), ("inserted", _inserted), ("dropped", _dropped), ("swapped", _swapped),
    ("repeated", _repeated), ("truncated", _truncated),
)  # fmt: skip


def _cell(rng: random.Random, form: Form) -> Case:
    """A cell, or some, with what a rule forbids there: these rows alone are not accepted."""
    rows, said = [list(row) for row in form.base.rows], []
    for place in rng.sample(range(len(rows)), rng.choice((1, 1, 2))):
        name = rng.choice([name for name in form.columns if name in FORBIDDEN])
        values = list(FORBIDDEN[name])
        if form.is_typed:
            values += TYPED.get(name, ())
        if form.kind in {"json", "ndjson"}:
            values += NESTED.get(name, ())
        if form.kind == "excel":  # there such a text is written as a formula
            values = [value for value in values if not str(value).startswith("=")]
        value = rng.choice(values)
        said.append(f"{name} = {value!r}")
        rows[place][form.columns.index(name)] = value
    changed = [row for row, sound in zip(rows, form.base.rows, strict=True) if row != list(sound)]
    at = form.columns.index("code")
    bad = {str(sound[at]) for row, sound in zip(rows, form.base.rows, strict=True) if row in changed}
    bad |= {row[at] for row in changed if isinstance(row[at], str)}
    must = frozenset(str(row[at]) for row in form.base.rows) - bad
    content = form.write(replace(form.base, rows=rows))
    return Case(form, "cells forbidden", content, must, frozenset(bad), said="; ".join(said))


def _lines(rng: random.Random, form: Form) -> Case:
    """Lines dropped, doubled and reordered: what is left is accepted as it was."""
    rows = [list(row) for row in form.base.rows]
    kind = rng.choice(("dropped", "doubled", "reordered"))
    if kind == "dropped":
        rows = rng.sample(rows, rng.randint(1, len(rows) - 1))
    elif kind == "doubled":
        rows += rng.choices(rows, k=rng.randint(1, 5))
    rng.shuffle(rows)
    must = frozenset(str(row[form.columns.index("code")]) for row in rows)
    return Case(form, f"lines {kind}", form.write(replace(form.base, rows=rows)), must, is_of_base=True)


def _with_columns(form: Form, order: Sequence[int]) -> Grid:
    return replace(
        form.base,
        headings=[form.base.headings[at] for at in order],
        rows=[[row[at] for at in order] for row in form.base.rows],
    )


def _columns(rng: random.Random, form: Form) -> Case | None:
    """Columns dropped, doubled and reordered: a delivery that lacks one, or has one twice, is refused."""
    if form.kind == "xroad":  # all of its fields are optional
        return None
    kind = rng.choice(("dropped", "doubled", "reordered"))
    order = list(range(len(form.columns)))
    if kind == "dropped":
        order.remove(rng.choice(order))
    elif kind == "doubled":
        order.insert(rng.choice(order), rng.choice(order))
    else:
        rng.shuffle(order)
    if kind == "doubled" and form.kind in {"json", "ndjson", "parquet"}:  # a name is there once in what writes them
        return None
    must = form.codes if kind == "reordered" else None
    content = form.write(_with_columns(form, order))
    return Case(form, f"columns {kind}", content, must, is_refused=kind != "reordered", is_of_base=True)


def _heading(rng: random.Random, form: Form) -> Case | None:
    """A heading changed to none of the layout, or two exchanged: the values are then those under the other."""
    if form.kind == "xroad":
        return None
    headings = list(form.base.headings)
    first, second = rng.sample(range(len(headings)), 2)
    if rng.random() < 0.5:
        headings[first], headings[second] = headings[second], headings[first]
        return Case(form, "headings exchanged", form.write(replace(form.base, headings=headings)))
    headings[first] = rng.choice(("", "x", headings[first] + " 2", headings[first][:-1], "Cột lạ", "1"))
    content = form.write(replace(form.base, headings=headings))
    return Case(form, "heading changed", content, is_refused=True, is_of_base=True)


def _encoding(rng: random.Random, form: Form) -> Case | None:
    """The text in another encoding: refused, or read as what it was."""
    if not form.encoding:
        return None
    content = form.write(form.base)
    text = (gzip.decompress(content) if form.is_packed else content).decode(form.encoding)
    name = rng.choice(ENCODINGS)
    content = text.encode(name, "replace")
    return Case(
        form, "encoding changed", gzip.compress(content) if form.is_packed else content, is_of_base=True, said=name
    )


KINDS: tuple[Callable[[random.Random, Form], Case | None], ...] = (
    *[_bytes] * 6, *[_cell] * 5, _lines, _columns, _heading, _encoding,
)  # fmt: skip

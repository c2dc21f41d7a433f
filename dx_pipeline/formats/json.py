"""JSON: an envelope around an array of records, or one object a line.

DuckDB reads a line that is no JSON as NULLs, so lines are read as text and checked by `json_valid`. The number of a
record is its position in the array, or its physical line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dx_pipeline.declarations.source import JsonEnvelope, Layout
from dx_pipeline.declarations.sql import literal, quoted, sql_file
from dx_pipeline.errors import DeliveryRefusedError
from dx_pipeline.formats import limits, refusal, undecoded
from dx_pipeline.formats.raw import SYNTHETIC_KEY, Raw, Reader, check_headings, format_of
from dx_pipeline.formats.text import opened, plain

LOOKED_AT = 100
"""At most how many records are searched for the names in use, to recognise a delivery's layout."""

BEYOND = "1e999"
"""Stands for a number that is beyond a double: a column of numbers refuses it as it refuses the number."""

SPACE = re.compile(r"[ \t\r\n]*")


def _names_of(records: list[Any]) -> list[str]:
    names = dict.fromkeys(name for record in records if isinstance(record, dict) for name in record)
    return [name for name in names if name != SYNTHETIC_KEY]


@dataclass(frozen=True)
class _Page:
    """One document of a delivery: its text, and what is in it."""

    text: str
    document: dict[str, Any]
    records: list[Any]


def _pages(path: Path, layout: Layout) -> list[_Page]:
    """The documents of a delivery, in order."""
    shape = format_of(layout, JsonEnvelope)
    with opened(path, "utf-8") as stream:
        content = limits.whole(stream)
    pages = []
    for text, document in _documents(content):
        records: Any = document
        for step in shape.records.split("."):
            refuse_repeated(records)
            records = records.get(step) if isinstance(records, dict) else None
        if not isinstance(records, list):
            raise DeliveryRefusedError(
                f"it has no array '{shape.records}' of records; ask the sender what changed.",
                f"không có mảng bản ghi '{shape.records}'; hãy hỏi nơi gửi xem có gì thay đổi.",
            )
        pages.append(_Page(text, document, records))
    if len(pages) > 1 and not shape.pages:
        raise DeliveryRefusedError(
            f"it is {len(pages)} JSON documents, not one; ask the sender for one,"
            " or declare 'pages: true' in its format.",
            f"tệp gồm {len(pages)} tài liệu JSON thay vì một; hãy đề nghị nơi gửi gửi một tài liệu, hoặc khai báo"
            " 'pages: true' trong định dạng.",
        )
    _check_counts(pages, shape)
    return pages


@lru_cache(maxsize=1)
def _documents(content: str) -> tuple[tuple[str, Any], ...]:
    """Each JSON document of a text, beside its part of the text.

    The last text is cached, because a delivery is read once for every layout that it may have.
    """
    return tuple(each_document(content, members))


class Repeated(dict[str, Any]):
    """An object with a name twice: `items` are all of its members, so what is written of it has the name twice, too."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:  # noqa: ANN401 - no view of a dictionary has a key twice
        """Every name with its value, in order."""
        return self._pairs


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its members, as `json` passes them; a name that is there twice is not lost."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def as_text(value: object, *, is_compact: bool = False) -> str:
    """JSON in UTF-8 letters. Half letters stay escaped, and numbers beyond a double are texts: JSON has neither."""
    separators = (",", ":") if is_compact else None
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(_finite(value), separators=separators)
    except ValueError:
        return as_text(_finite(value), is_compact=is_compact)
    return text


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return members([(name, _finite(content)) for name, content in value.items()])
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return BEYOND if isinstance(value, float) and not math.isfinite(value) else value


def refuse_repeated(value: object) -> None:
    """Raise DeliveryRefusedError if what is around the records has a name twice."""
    if isinstance(value, Repeated):
        raise DeliveryRefusedError(
            "a name is there twice around its records; ask the sender which one is right.",
            "một tên có hai lần ở phần bao quanh các bản ghi; hãy hỏi nơi gửi cái nào đúng.",
        )


def each_document(
    content: str, pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None
) -> Iterator[tuple[str, Any]]:
    """Each JSON document of a text, beside its part of the text; `pairs` makes an object of its members.

    Raises:
        DeliveryRefusedError: the text is something else.
    """
    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_constant=_refuse_constant)
    position = _after_space(content, 0)
    while True:
        try:
            document, end = decoder.raw_decode(content, position)
        except json.JSONDecodeError as error:
            raise DeliveryRefusedError(
                f"it is not JSON ({error.msg}, column {error.colno}); ask the sender for the whole answer.",
                f"không phải JSON ({error.msg}, cột {error.colno}); hãy đề nghị nơi gửi gửi đủ.",
                line=error.lineno,
            ) from None
        except RecursionError:
            raise refusal.too_deep() from None
        except ValueError:
            raise DeliveryRefusedError(
                "it has a number of thousands of digits; ask the sender which one is right.",
                "có số dài hàng nghìn chữ số; hãy hỏi nơi gửi số nào đúng.",
            ) from None
        yield content[position:end], document
        position = _after_space(content, end)
        if position == len(content):
            return


def _after_space(content: str, position: int) -> int:
    match = SPACE.match(content, position)
    return match.end() if match else position


def _refuse_constant(constant: str) -> None:
    raise DeliveryRefusedError(
        f"it has {constant}, which is no value of JSON; ask the sender for a number or null.",
        f"có {constant}, không phải là giá trị JSON; hãy đề nghị nơi gửi ghi số hoặc null.",
    )


def _check_counts(pages: list[_Page], shape: JsonEnvelope) -> None:
    """Compare the records with the number that pages announce: each page its own, or each page that of all."""
    counted = [
        (page.document[shape.count], len(page.records))
        for page in pages
        if shape.count is not None and page.document.get(shape.count) is not None
    ]
    total = sum(len(page.records) for page in pages)
    if all(announced == found for announced, found in counted) or all(announced == total for announced, _ in counted):
        return
    if not all(isinstance(announced, int) for announced, _ in counted):
        raise DeliveryRefusedError(
            f"'{shape.count}' is no number of records; ask the sender what changed.",
            f"'{shape.count}' không phải là số bản ghi; hãy hỏi nơi gửi xem có gì thay đổi.",
        )
    announced = sum(announced for announced, _ in counted)
    raise refusal.other_count(announced, total)


def _envelope_headings(path: Path, layout: Layout) -> list[str]:
    """The names that the first records use."""
    return _names_of([record for page in _pages(path, layout) for record in page.records][:LOOKED_AT])


def _load_envelope(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    pages = _pages(path, layout)
    steps = "".join(f'."{step}"' for step in format_of(layout, JsonEnvelope).records.split("."))
    texts = pa.table({"page": list(range(len(pages))), "content": pa.array([page.text for page in pages], pa.string())})
    connection.register("pages_as_arrow", texts)
    connection.execute(sql_file(__file__, "json_envelope"), {"records": f"${steps}"})
    connection.unregister("pages_as_arrow")
    is_synthetic = any(page.document.get(SYNTHETIC_KEY) is True for page in pages)
    has_records = any(page.records for page in pages)
    return _spread(connection, layout, name, has_records=has_records, is_synthetic=is_synthetic)


def _lines_headings(path: Path, _layout: Layout) -> list[str]:
    """The names that the first lines use."""
    records: list[Any] = []
    with opened(path, "utf-8") as text:
        text.reconfigure(errors="replace")  # a line that is no UTF-8 is a bad line, not a bad file
        while len(records) < LOOKED_AT and (line := text.readline(limits.LONGEST_JSON_LINE_BYTES)):
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    names = _names_of(records)
    if not names:
        raise DeliveryRefusedError(
            "no line of it is a JSON object; ask the sender for one object a line.",
            "không dòng nào là đối tượng JSON; hãy đề nghị nơi gửi ghi mỗi dòng một đối tượng.",
            line=1,
        )
    return names


def _load_lines(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, name: str) -> Raw:
    """See `formats.load`."""
    _lines_headings(path, layout)
    with (
        plain(connection, path, "utf-8") as unpacked,
        undecoded.set_aside(connection, unpacked, b"?") as (text, lines),
    ):
        connection.execute(
            sql_file(__file__, "json_lines"), {"path": str(text), "most_bytes": limits.LONGEST_JSON_LINE_BYTES}
        )
    ((marked,),) = connection.execute(
        f"SELECT coalesce(bool_or(text->>'$.{SYNTHETIC_KEY}' = 'true'), false) FROM json_record WHERE fault IS NULL"
    ).fetchall()
    raw = _spread(connection, layout, name, has_records=True, is_synthetic=marked)
    update = f"UPDATE {quoted(name)} SET fault = $fault WHERE line IN (SELECT unnest($lines::BIGINT[]))"
    connection.execute(update, {"fault": undecoded.NOT_UTF8, "lines": lines})
    return raw


def _spread(
    connection: duckdb.DuckDBPyConnection, layout: Layout, name: str, *, has_records: bool, is_synthetic: bool
) -> Raw:
    """Turn `json_record` (line, text, fault) into one column a heading."""
    names = {heading: heading for heading in layout.expected}
    if has_records:
        names |= _check_names(connection, layout)
    structure = json.dumps(dict.fromkeys(names.values(), "VARCHAR"), ensure_ascii=False)
    columns = ", ".join(f"record[{literal(printed)}] AS {quoted(heading)}" for heading, printed in names.items())
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {quoted(name)} AS
        SELECT line, fault, {columns}
        FROM (
            SELECT line, fault,
                json_transform(CASE WHEN fault IS NULL THEN text ELSE '{{}}' END, {literal(structure)}) AS record
            FROM json_record
        )
        """
    )
    ((rows,),) = connection.execute("SELECT count(*) FROM json_record").fetchall()
    connection.execute("DROP TABLE json_record")
    return Raw(name, rows, is_synthetic)


def _check_names(connection: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, str]:
    """Check the names in use by the layout; returns how each heading is spelt in the delivery."""
    found = connection.execute(sql_file(__file__, "json_names"), {"synthetic": SYNTHETIC_KEY}).fetchall()
    unknown = next((line for name, line, _ in found if name not in layout.expected), 1)
    if any(is_repeated for _, _, is_repeated in found):
        connection.execute(sql_file(__file__, "json_repeated"))
    printed = [name for name, _, _ in found]
    return dict(zip(check_headings(printed, layout, unknown), printed, strict=True))


ENVELOPE = Reader(_envelope_headings, _load_envelope)
LINES = Reader(_lines_headings, _load_lines)

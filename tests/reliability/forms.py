"""Forms: one small table as a delivery in every format, and a simple reader of each that is none of the pipeline's."""

from __future__ import annotations

import gzip
import html
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
from deliveries import contract, layout, workbook

from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout

TITLE = "# DỮ LIỆU MÔ PHỎNG"
UNITS = ("25456", "25459", "25630")
WORDS = {"Đang mở": "open", "Đã đóng": "closed"}

CONTRACT = contract(
    "code",
    code={"type": "text", "required": True, "pattern": "^[A-Z][0-9]{3}$"},
    area="text",
    status={"type": "text", "required": True, "allowed": ["open", "closed"]},
    unit_code={"type": "text", "references": "reference.unit.unit_code"},
    dossier_count={"type": "integer", "min": 0, "max": 10**9},
    member_count={"type": "integer", "min": 0, "max": 10**9},
    amount_vnd={"type": "number", "min": 0, "max": 10**15},
    share_pct={"type": "number", "min": 0, "max": 100},
    is_online="boolean",
    received_on={"type": "date", "required": True},
).model_copy(update={"month": "received_on"})
PLACED: dict[str, Any] = {
    "code": "Mã",
    "area": "Địa bàn",
    "status": {"header": "Tình trạng", "values": WORDS},
    "unit_code": "Mã xã",
    "dossier_count": {"header": "Số hồ sơ", "number": "vi"},
    "member_count": "Số thành viên",
    "amount_vnd": {"header": "Số tiền", "number": "comma"},
    "share_pct": {"header": "Tỷ lệ", "number": "vi", "percent": True},
    "is_online": "Trực tuyến",
    "received_on": {"header": "Ngày nhận", "date": "%d/%m/%Y"},
}
HEADINGS = [place["header"] if isinstance(place, dict) else place for place in PLACED.values()]
ROWS = [
    [
        f"A{number:03}",
        ("Đông Hòa", "Tân Hưng", "Long Thới", "")[number % 4],
        ("Đang mở", "Đã đóng")[number % 2],
        UNITS[number % 3],
        ("12", "1.234", "0", "12.000")[number % 4],
        str(number * 7),
        ("0,5", "200000", "")[number % 3],
        ("99,5%", "100%", "7")[number % 3],
        ("true", "false", "")[number % 3],
        f"{number + 1:02}/05/2022",
    ]
    for number in range(12)
]

EXCHANGES = contract(
    "code",
    code={"type": "text", "required": True, "pattern": "^[A-Z][0-9]{3}$"},
    operation={"type": "text", "required": True, "allowed": ["getList", "getState"]},
    request_bytes={"type": "integer", "min": 0, "max": 10**9},
    is_ok={"type": "boolean"},
)
FIELDS = {"code": "exchangeId", "operation": "operation", "request_bytes": "requestSize", "is_ok": "succeeded"}
CALLS = [[f"A{number:03}", ("getList", "getState")[number % 2], number * 7, number % 2 == 0] for number in range(12)]


@dataclass(frozen=True)
class Grid:
    """A table: its headings, and the cells of each row."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]


Rows = list[dict[str, Any] | None]
"""What a simple reader sees: each row by heading, None where a row is none."""


@dataclass(frozen=True)
class Form:
    """A way to write the table.

    Args:
        name: of the form.
        layout: how it is declared to the pipeline.
        contract: of its table.
        base: the sound delivery.
        write: makes a delivery of a grid.
        read: the rows of a delivery by simple code; None where that cannot read it.
        encoding: Python's name of its letters, where it is text.
    """

    name: str
    layout: Layout
    contract: Contract
    base: Grid
    write: Callable[[Grid], bytes]
    read: Callable[[bytes], Rows | None]
    encoding: str = ""

    @property
    def kind(self) -> str:
        """The kind of the format."""
        return self.layout.format.kind

    @property
    def columns(self) -> list[str]:
        """The columns, in the order of the sound delivery."""
        return list(self.layout.columns)

    @property
    def is_packed(self) -> bool:
        """Whether it is gzip."""
        return self.name.endswith("gzip")

    @property
    def is_typed(self) -> bool:
        """Whether its cells may be numbers and booleans."""
        return self.kind in {"excel", "json", "ndjson", "xroad"}

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the sound delivery."""
        return frozenset(str(row[self.columns.index("code")]) for row in self.base.rows)


def _csv(grid: Grid, delimiter: str, end: str) -> str:
    def cell(value: Any) -> str:
        text = str(value)
        return f'"{text}"' if delimiter in text else text

    return "".join(delimiter.join(map(cell, row)) + end for row in [[TITLE], grid.headings, *grid.rows])


def _csv_rows(text: str, delimiter: str) -> Rows | None:
    text = text.removeprefix("\ufeff")
    if "\r" in text.replace("\r\n", "") or text.count('"') % 2:
        return None
    lines = text.split("\n")
    if any(line.count('"') % 2 for line in lines):
        return None
    _, headings, *data = [_cells(line.removesuffix("\r"), delimiter) for line in lines] + [[], []]
    kept = [cells for cells in data if cells is None or any(cell.strip(" ") for cell in cells) or len(cells) > 1]
    if headings is None:
        return None
    return [_record(headings, cells) for cells in kept]


def _cells(line: str, delimiter: str) -> list[str] | None:
    """The fields of a line; None where a quotation mark is anywhere but around a whole field."""
    if '"' not in line:
        return line.split(delimiter)
    found = re.findall(
        rf'(?:^|(?<={re.escape(delimiter)}))(?:"([^"]*)"|([^"{re.escape(delimiter)}]*))(?={re.escape(delimiter)}|$)',
        line,
    )
    cells = [first or second for first, second in found]
    return cells if sum(len(cell) for cell in cells) + len(cells) - 1 + line.count('"') == len(line) else None


def _record(headings: Sequence[str], cells: Sequence[Any] | None) -> dict[str, Any] | None:
    if cells is None or len(cells) < len(headings) or len(set(headings)) < len(headings):
        return None
    return dict(zip([" ".join(heading.split()) for heading in headings], cells, strict=False))


def _of_bytes(content: bytes, encoding: str, delimiter: str) -> Rows | None:
    """Rows of CSV; of UTF-8, a line that is none is no row."""
    if encoding.startswith("utf-16") and len(content) % 2:
        return None
    try:
        return _csv_rows(content.decode(encoding), delimiter)
    except UnicodeError:
        return _csv_rows(content.decode(errors="replace"), delimiter) if encoding == "utf-8-sig" else None


def _csv_form(name: str, delimiter: str, end: str, encoding: str, letters: dict[str, str] | None = None) -> Form:
    shape = letters or {}
    packed = "compression" in shape

    def write(grid: Grid) -> bytes:
        content = _csv(grid, delimiter, end).encode(encoding, "replace")
        return gzip.compress(content, mtime=0) if packed else content

    def read(content: bytes) -> Rows | None:
        return _of_bytes(_unpacked(content), encoding, delimiter)

    declared = layout({"kind": "csv", "delimiter": delimiter, "preamble_rows": 1, **shape}, PLACED)
    return Form(name, declared, CONTRACT, Grid(HEADINGS, ROWS), write, read, encoding)


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _records(grid: Grid) -> list[dict[str, Any]]:
    return [dict(zip(grid.headings, row, strict=True)) for row in grid.rows]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else {**found, "": "twice"}


def _seen(record: Any) -> dict[str, Any] | None:
    """A record as cells; None where it is none, or has a name twice."""
    return None if not isinstance(record, dict) or "" in record else record


def _json_rows(content: bytes) -> Rows | None:
    document = json.loads(_unpacked(content).decode("utf-8-sig"), object_pairs_hook=_once)
    found = document.get("Data") if isinstance(document, dict) else None
    return [_seen(record) for record in found] if isinstance(found, list) else None


def _ndjson_rows(content: bytes) -> Rows | None:
    found: Rows = []
    for line in _unpacked(content).removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if b"\r" in line.rstrip(b"\r"):
            return None
        if line.strip(b" \r\t"):
            try:
                found.append(_seen(json.loads(line, object_pairs_hook=_once)))
            except (ValueError, RecursionError):
                found.append(None)
    return found


def _json_form(name: str, shape: dict[str, Any]) -> Form:
    is_lines = shape["kind"] == "ndjson"

    def write(grid: Grid) -> bytes:
        records = _records(grid)
        text = (
            "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            if is_lines
            else json.dumps({"Message": TITLE, "Data": records}, ensure_ascii=False)
        )
        return gzip.compress(text.encode(), mtime=0) if "compression" in shape else text.encode()

    read = _ndjson_rows if is_lines else _json_rows
    return Form(name, layout(shape, PLACED), CONTRACT, _typed(Grid(HEADINGS, ROWS)), write, read, "utf-8")


def _typed(grid: Grid) -> Grid:
    """The sound rows with counts as numbers."""
    at = HEADINGS.index("Số thành viên")
    return Grid(grid.headings, [[int(c) if place == at else c for place, c in enumerate(row)] for row in grid.rows])


_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def _sheet_rows(content: bytes) -> Rows | None:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        shared = [
            "".join(part.text or "" for part in item.iter(f"{_SHEET}t"))
            for item in ET.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{_SHEET}si")  # noqa: S314 - our own
        ]
        root = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own
    lines: list[list[Any]] = []
    for row in root.iter(f"{_SHEET}row"):
        cells: dict[int, Any] = {}
        for cell in row.iter(f"{_SHEET}c"):
            place = re.fullmatch(r"([A-Z])[0-9]+", cell.get("r", ""))
            text = cell.findtext(f"{_SHEET}v")
            if place is None or cell.get("t") not in {None, "s", "b"}:
                return None
            value = shared[int(text or "")] if cell.get("t") == "s" else text
            cells[ord(place[1]) - ord("A")] = (
                {"1": "true", "0": "false"}.get(text or "") if cell.get("t") == "b" else value
            )
        lines.append([cells.get(place) for place in range(max(cells, default=-1) + 1)])
    filled = [line for line in lines[1:] if any((str(cell).strip() if cell is not None else "") for cell in line)]
    return _grid_rows(filled)


def _grid_rows(lines: list[list[Any]]) -> Rows | None:
    if not lines:
        return None
    width = max(map(len, lines))
    headings, *data = [line + [None] * (width - len(line)) for line in lines]
    return [_record([str(heading or "") for heading in headings], cells) for cells in data]


def _html(grid: Grid) -> bytes:
    def line(cells: Sequence[Any]) -> str:
        return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>\n"

    body = "".join(map(line, [grid.headings, *grid.rows]))
    return f"<html><head><meta charset='utf-8'></head><body><p>{TITLE}</p><table>{body}</table></body></html>".encode()


def _html_rows(content: bytes) -> Rows | None:
    """Rows of a page whose tags are those that were written; of any other nothing is said."""
    text = content.decode()
    lines = re.findall(r"<tr>((?:<td>[^<>]*</td>)+)</tr>\n", text)
    rest = re.sub(r"<tr>(?:<td>[^<>]*</td>)+</tr>\n", "", text)
    if not re.fullmatch(
        r"<html><head><meta charset='utf-8'></head><body><p>[^<>]*</p><table></table></body></html>", rest
    ):
        return None
    cells = [[html.unescape(cell) for cell in re.findall(r"<td>([^<>]*)</td>", line)] for line in lines]
    return _grid_rows([cells[0], *(row for row in cells[1:] if any(cell.strip() for cell in row))] if cells else [])


def _parquet(grid: Grid) -> bytes:
    target = io.BytesIO()
    columns = [pa.array([str(row[at]) for row in grid.rows]) for at in range(len(grid.headings))]
    pq.write_table(pa.table(columns, names=list(grid.headings)), target)
    return target.getvalue()


def _parquet_rows(content: bytes) -> Rows | None:
    return list(pq.read_table(io.BytesIO(content)).to_pylist())


def _calls(grid: Grid) -> bytes:
    names = {"exchangeId": "xRequestId", "operation": "serviceCode"}
    records = [{names.get(name, name): value for name, value in record.items()} for record in _records(grid)]
    return gzip.compress(json.dumps({"records": records}, ensure_ascii=False).encode(), mtime=0)


def _call_rows(content: bytes) -> Rows | None:
    records = json.loads(gzip.decompress(content), object_pairs_hook=_once)["records"]
    names = {"xRequestId": "exchangeId", "serviceCode": "operation"}
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    if any({"serviceVersion", "restPath", "messageId"} & record.keys() for record in records):
        return None
    return [_seen({names.get(name, name): value for name, value in record.items()}) for record in records]


FORMS = (
    _csv_form("csv", ",", "\n", "utf-8-sig"),
    _csv_form("csv_of_excel", ";", "\r\n", "utf-8-sig"),
    _csv_form("csv_utf_16", "\t", "\r\n", "utf-16", letters={"encoding": "utf-16"}),
    _csv_form("csv_gzip", ",", "\n", "utf-8-sig", letters={"compression": "gzip"}),
    Form(
        "excel", layout({"kind": "excel", "preamble_rows": 1}, PLACED), CONTRACT, _typed(Grid(HEADINGS, ROWS)),
        lambda grid: workbook([[TITLE], grid.headings, *grid.rows]), _sheet_rows,
    ),
    Form("html", layout({"kind": "html"}, PLACED), CONTRACT, Grid(HEADINGS, ROWS), _html, _html_rows, "utf-8"),
    Form(
        "html_gzip", layout({"kind": "html", "compression": "gzip"}, PLACED), CONTRACT, Grid(HEADINGS, ROWS),
        lambda grid: gzip.compress(_html(grid), mtime=0), lambda content: _html_rows(_unpacked(content)), "utf-8",
    ),
    _json_form("json", {"kind": "json", "records": "Data"}),
    _json_form("json_gzip", {"kind": "json", "records": "Data", "compression": "gzip"}),
    _json_form("ndjson", {"kind": "ndjson"}),
    _json_form("ndjson_gzip", {"kind": "ndjson", "compression": "gzip"}),
    Form("parquet", layout({"kind": "parquet"}, PLACED), CONTRACT, Grid(HEADINGS, ROWS), _parquet, _parquet_rows),
    Form(
        "xroad_gzip", layout({"kind": "xroad"}, FIELDS), EXCHANGES, Grid(list(FIELDS.values()), CALLS), _calls,
        _call_rows,
    ),
)  # fmt: skip


def simply_read(form: Form, content: bytes) -> Rows | None:
    """The rows of a delivery by simple code; None where that cannot read it."""
    try:
        return form.read(content)
    except Exception:  # noqa: BLE001 - whatever a simple reader meets, it says nothing then
        return None

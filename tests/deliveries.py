"""Deliveries as plain values: small files in the very forms that agencies send."""

from __future__ import annotations

import io
import json
import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import xlsxwriter

from dx_pipeline import formats
from dx_pipeline.declarations.contract import Contract
from dx_pipeline.declarations.source import Layout, Source
from dx_pipeline.landing.delivery import Delivery, Entry
from dx_pipeline.period import Month
from dx_pipeline.reading import Loaded, rows
from dx_pipeline.reading.conservation import Counts
from dx_pipeline.settings import Settings
from dx_pipeline.storage.files import digest

MAY = "2022-05"
WORDS = {"vi": "Thử", "en": "Trial"}

GROUP_HEADINGS = "ma_to,ma_xa,ngay_thanh_lap,ngay_giai_the,so_thanh_vien"
GROUPS = (
    "TCN-25456-01,25456,15/02/2022,,7",
    "TCN-25459-01,25459,20/03/2022,,9",
    "TCN-25630-01,25630,01/04/2022,,5",
)

DOSSIER_HEADINGS = (
    "Mã hồ sơ;Mã TTHC;Cơ quan tiếp nhận;Kênh nộp;Ngày tiếp nhận;Ngày hẹn trả;Ngày hoàn thành;Tình trạng;"
    "Phí, lệ phí đã thu"
)
DOSSIERS = (
    "H53.07-220502-0001;2.000488;H53.07;Trực tuyến;02/05/2022;16/05/2022;12/05/2022;Đã giải quyết;200000",
    "H53.07-220503-0001;2.000488;H53.07;Trực tiếp;03/05/2022;17/05/2022;;Đang giải quyết;200000,5",
    "H53.20-220504-0001;2.000815;H53.20;;04/05/2022;04/05/2022;04/05/2022;Đã giải quyết;2000",
)

SECRETS = {
    "identity_number": "072085001234",
    "old_identity_number": "290123456",
    "phone": "0912 345 678",
    "foreign_phone": "+84 276 382 2233",
    "email": "nguyen.van.a@gmail.com",
    "health_card": "DN4720123456789",
    "social_insurance": "7215012345",
    "dossier_code": "000.00.07.H53-220510-0444",
    "ip_address": "10.53.7.25",
    "link": "https://dichvucong.tayninh.gov.vn/tep/88123",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3MiJ9.c2lnbmVk",
    "name": "Nguyễn Văn Bình",
}
"""Personal data of every kind that is recognised by its looks."""

OLD = "0123456789abcdef"
"""The release of an older layout."""


def groups(*rows: str, title: str = "# Danh sách tổ") -> bytes:
    """A return of community groups: a title line, headings, rows."""
    return "\n".join([title, GROUP_HEADINGS, *rows, ""]).encode()


def dossiers(*rows: str, title: str = "# Trích xuất một cửa") -> bytes:
    """An extract of dossiers: BOM, semicolons, CRLF."""
    return b"\xef\xbb\xbf" + "\r\n".join([title, DOSSIER_HEADINGS, *rows, ""]).encode()


def enterprises(*rows: tuple[str, str, str, int, int]) -> bytes:
    """Counts of digital-technology enterprises in a ministry's envelope."""
    names = ("districtCode", "vsicCode", "status", "enterpriseCount", "solutionProviderCount")
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return json.dumps({"DataCount": len(records), "Status": 1, "Message": "OK", "Data": records}).encode()


def put(
    settings: Settings, source: str, content: bytes, month: str = MAY, name: str = "file.dat", day: int = 5
) -> Path:
    """Drop a file into the inbox, as delivered on a day of the following month."""
    path = settings.inbox / source / month / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    year, number = int(month[:4]), int(month[5:]) + 1
    delivered = datetime(year + number // 13, (number - 1) % 12 + 1, day, 1, tzinfo=UTC).timestamp()
    os.utime(path, (delivered, delivered))
    return path


def in_older_layout(settings: Settings) -> None:
    """Put a release in place as it was made before releases had parts, and make it the current one."""
    folder = settings.releases / OLD
    folder.mkdir(parents=True)
    for name in ("dx.duckdb", "datapackage.json"):
        (folder / name).write_bytes(b"{}")
    os.utime(folder, (0, 0))
    settings.current.unlink(missing_ok=True)
    settings.current.symlink_to(Path("releases") / OLD)


def workbook(
    rows: Iterable[Sequence[object]], author: str = "", comment: str = "", **more: Iterable[Sequence[object]]
) -> bytes:
    """A workbook with the rows of its first sheet, a comment there, and the rows of more sheets by name."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"author": author} if author else {})
        for name, lines in {"Sheet1": rows, **more}.items():
            page = book.add_worksheet(name)
            for number, line in enumerate(lines):
                page.write_row(number, 0, line)
        if comment:
            book.worksheets()[0].write_comment(2, 0, comment)
    return content.getvalue()


def contract(*key: str, **columns: str | dict[str, Any]) -> Contract:
    """A contract of columns, each with its type, or with its type and rules."""
    of_type = {name: {"type": column} if isinstance(column, str) else column for name, column in columns.items()}
    worded = {name: {**WORDS, **column} for name, column in of_type.items()}
    return Contract.model_validate({"title": WORDS, "grain": WORDS, "key": key, "columns": worded})


def layout(shape: dict[str, Any], columns: dict[str, Any], **more: Any) -> Layout:
    """A layout of `statistics.trial`, whose columns are placed by their headings alone or in full."""
    placed = {name: {"header": place} if isinstance(place, str) else place for name, place in columns.items()}
    return Layout.model_validate({"table": "statistics.trial", "format": shape, "columns": placed, **more})


def source(*layouts: Layout) -> Source:
    """A source that delivers in these layouts."""
    declared = {"title": WORDS, "description": WORDS, "owner": "team:trial", "deliveries": layouts}
    return Source.model_validate(declared)


def landed(path: Path, day: datetime) -> Delivery:
    """A file as a delivery for May 2022 that has landed."""
    size, checksum = path.stat().st_size, digest(path)
    kept: dict[str, Any] = {"size_bytes": size, "kept_bytes": size, "delivery_id": checksum, "kept_sha256": checksum}
    entry = Entry(source="trial", month=MAY, file_name=path.name, connector="files", delivered_at=day, **kept)
    return Delivery(entry, path)


def staged(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, contract: Contract) -> Counts:
    """Read one file for May 2022, as ingest does: its rows are in `staged` and `quarantined` then."""
    delivery = landed(path, datetime(2022, 6, 1, tzinfo=UTC))
    loaded = Loaded(delivery, layout, formats.load(connection, path, layout, "raw"))
    (counts,) = rows.stage(connection, contract, [loaded], Month.parse(MAY))
    return counts


def accepted(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[tuple[object, ...]]:
    """The rows that `staged` accepted, in the contract's columns and the order of their lines."""
    columns = ", ".join(contract.columns)
    return connection.execute(f"SELECT {columns} FROM staged ORDER BY delivery_line").fetchall()


def readable(content: bytes) -> str:
    """Every text that can be read in bytes: as they are, unpacked, and in each encoding."""
    parts = [content.decode(codec, "ignore") for codec in ("latin-1", "utf-8", "utf-16-le", "utf-16-be", "cp1258")]
    packed = [content[found.start() :] for found in re.finditer(rb"\x1f\x8b\x08", content)]  # alone, or a part of it
    parts += [readable(zlib.decompressobj(31).decompress(some)) for some in packed]
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts += [readable(archive.read(part)) for part in archive.namelist()]
    if content.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(content))
        parts.append(f"{table.to_pylist()} {table.schema.metadata}")
    parts.append(re.sub(r"\\u([0-9a-fA-F]{4})", lambda escape: chr(int(escape[1], 16)), parts[1]))
    return unicodedata.normalize("NFC", "\n".join(parts))

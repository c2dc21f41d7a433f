"""Deliveries as plain values: small files in the very forms that agencies send."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from dx_pipeline.settings import Settings

MAY = "2022-05"

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

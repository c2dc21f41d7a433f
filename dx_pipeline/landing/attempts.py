"""The log of fetch attempts: each try to get one file, page or set of rows, with its result. Never rewritten.

    landing/.attempts/<source>/<YYYY-MM>.ndjson

One file a source and month, appended to and synced line by line; a line that a crash cut off is
recognised and left out. A file of the inbox is no attempt of ours: its line is derived from what has
landed, and so is that of a page that landed just before a crash.

An attempt has no personal data, addresses, query strings or tokens: only fixed words, numbers, and the
codes by which the other side names an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dx_pipeline.declarations.document import Bilingual
from dx_pipeline.declarations.source import Source
from dx_pipeline.landing import delivery as deliveries
from dx_pipeline.landing.delivery import Delivery
from dx_pipeline.period import Month
from dx_pipeline.settings import Settings
from dx_pipeline.storage import files

Status = Literal["ok", "unchanged", "empty", "failed"]

ErrorClass = Literal[
    "timeout",
    "connection_refused",
    "connection_lost",
    "dns",
    "tls",
    "http_4xx",
    "http_429",
    "http_5xx",
    "soap_fault",
    "malformed",
    "truncated",
    "too_large",
    "database",
    "storage",
    "not_configured",
]

UNREACHABLE: frozenset[ErrorClass] = frozenset(
    {"timeout", "connection_refused", "connection_lost", "dns", "tls", "http_429", "http_5xx", "not_configured"}
)
"""With these errors the other side as a whole is out of reach: the same run asks it nothing more."""

ADVICE: dict[ErrorClass, Bilingual] = {
    "timeout": Bilingual(
        vi="không trả lời kịp; lần chạy sau lấy tiếp từ phần đã nhận",
        en="did not answer in time; the next run goes on from what has landed",
    ),
    "connection_refused": Bilingual(
        vi="từ chối kết nối; hãy hỏi đơn vị vận hành xem máy chủ có đang chạy không",
        en="refused the connection; ask its operator whether it is up",
    ),
    "connection_lost": Bilingual(
        vi="ngắt kết nối giữa chừng; lần chạy sau lấy tiếp từ phần đã nhận",
        en="broke the connection off; the next run goes on from what has landed",
    ),
    "dns": Bilingual(
        vi="có tên máy chủ không tra được địa chỉ; hãy kiểm tra địa chỉ trong defs.yaml",
        en="has a name that cannot be resolved; check the address in its defs.yaml",
    ),
    "tls": Bilingual(
        vi="có chứng thư không được tin cậy, hoặc không tin cậy chứng thư bên ta; hãy kiểm tra các chứng thư",
        en="could not be trusted or did not trust us; check the certificates",
    ),
    "http_4xx": Bilingual(
        vi="từ chối yêu cầu; hãy kiểm tra đường dẫn, tham số và token",
        en="refused the request; check path, parameters and the token",
    ),
    "http_429": Bilingual(
        vi="yêu cầu chờ lâu hơn mức cho phép; hãy chạy lại sau",
        en="asked us to wait for longer than we do; run again later",
    ),
    "http_5xx": Bilingual(
        vi="gặp lỗi ở phía máy chủ; lần chạy sau lấy tiếp từ phần đã nhận",
        en="failed on its own side; the next run goes on from what has landed",
    ),
    "soap_fault": Bilingual(
        vi="trả lời bằng thông báo lỗi SOAP; hãy hỏi đơn vị vận hành máy chủ bảo mật về mã lỗi",
        en="answered with a fault; look its code up with the operator of the security server",
    ),
    "malformed": Bilingual(
        vi="trả lời không đúng như đã thống nhất; hãy hỏi đơn vị vận hành xem có gì thay đổi",
        en="did not answer as agreed; ask its operator what changed",
    ),
    "truncated": Bilingual(
        vi="gửi ít hơn số đã báo; lần chạy sau lấy lại", en="sent less than it announced; the next run asks again"
    ),
    "too_large": Bilingual(
        vi="gửi nhiều hơn giới hạn; nếu dữ liệu đúng thì hãy nâng giới hạn trong defs.yaml",
        en="sent more than is allowed; raise the bound in its defs.yaml if that is right",
    ),
    "database": Bilingual(
        vi="từ chối truy vấn; hãy kiểm tra bảng hoặc câu truy vấn, và quyền của tài khoản",
        en="refused the query; check the relation and the rights of the account",
    ),
    "storage": Bilingual(
        vi="không đọc được tại địa chỉ đã khai báo; hãy kiểm tra địa chỉ và quyền truy cập",
        en="could not be read from its address; check the address and the access rights",
    ),
    "not_configured": Bilingual(
        vi="chưa thể gửi yêu cầu; hãy đặt biến môi trường hoặc sửa địa chỉ trong defs.yaml",
        en="cannot be asked; set the environment variable or correct the address in its defs.yaml",
    ),
}


class FetchAttempt(BaseModel):
    """One try to fetch one page, file or set of rows.

    Args:
        stream: which of the source's requests it was; None for the inbox.
        duration_ms: None for a file of the inbox.
        received_bytes: what arrived, whether it was kept or not.
        record_count: None if unknown.
        status: `unchanged`: the same had landed before; `empty`: an answer without a record.
        error_code: the other side's own code: an HTTP status, a SOAP fault code, an SQLSTATE.
        delivery_id: what landed, or had landed before.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    month: str
    connector: str
    stream: str | None = None
    started_at: AwareDatetime
    duration_ms: int | None = None
    attempt: int = 1
    status: Status
    received_bytes: int
    record_count: int | None = None
    error_class: ErrorClass | None = None
    error_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.:-]{1,120}$")
    delivery_id: str | None = None

    @property
    def problem(self) -> Bilingual | None:
        """What went wrong and what to do, in one sentence; None if nothing did."""
        if self.error_class is None:
            return None
        code = f" ({self.error_code})" if self.error_code else ""
        stream = f" ({self.stream})" if self.stream else ""
        advice, named = ADVICE[self.error_class], f"{self.error_class}{code}"
        return Bilingual(
            vi=f"{self.source}{stream} {advice.vi}: {named}, lần thử {self.attempt}.",
            en=f"{self.source}{stream} {advice.en}: {named}, attempt {self.attempt}.",
        )


def append(settings: Settings, attempt: FetchAttempt) -> None:
    """Record an attempt, durably."""
    path = path_of(settings, attempt.source, Month.parse(attempt.month))
    files.make_private(settings, path.parent, settings.landing)
    files.clear_file(settings, path)
    line = attempt.model_dump_json(exclude_none=True).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, files.PRIVATE_FILE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a crash cut the last line off
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(settings: Settings, source: str, month: Month) -> Path:
    """Where the attempts of a source and month are recorded."""
    return settings.landing / deliveries.ATTEMPTS / source / f"{month}.ndjson"


def read(settings: Settings, source: str, month: Month) -> tuple[FetchAttempt, ...]:
    """Every attempt of a source and month, in the order in which they started."""
    recorded = tuple(_recorded(path_of(settings, source, month)))
    known = {attempt.delivery_id for attempt in recorded}
    derived = (
        _derived(item, month)
        for item in deliveries.landed(settings, source, month)
        if item.entry.cursor_range is None or item.entry.delivery_id not in known
    )
    return tuple(sorted((*recorded, *derived), key=lambda item: (item.started_at, item.attempt, item.stream or "")))


def months(settings: Settings, source: str) -> tuple[Month, ...]:
    """The months for which there is any attempt of a source."""
    return tuple(sorted({*_months_attempted(settings, source), *deliveries.months_landed(settings, source)}))


def recorded(settings: Settings, source: str) -> dict[str, int]:
    """How many attempts of a source the log has, by month; without those that are derived from what has landed."""
    months = sorted(_months_attempted(settings, source))
    return {str(month): sum(1 for _ in _recorded(path_of(settings, source, month))) for month in months}


def copy(settings: Settings, into: Settings, source: str, month: Month, count: int) -> None:
    """Copy the first attempts of a source and month into the log of another warehouse."""
    first = islice(_recorded(path_of(settings, source, month)), count)
    target = path_of(into, source, month)
    files.make_private(into, target.parent, into.landing)
    target.write_text("".join(f"{attempt.model_dump_json(exclude_none=True)}\n" for attempt in first), encoding="utf-8")


def problem(settings: Settings, source: str, month: Month) -> Bilingual | None:
    """Why a source's latest attempt of a month failed, in one sentence; None if it did not.

    Each stream counts for itself: a success of one does not hide the failure of another.
    """
    latest = {attempt.stream: attempt for attempt in read(settings, source, month)}
    return next((attempt.problem for _, attempt in sorted(latest.items(), key=str) if attempt.problem), None)


def rows(settings: Settings, sources: Mapping[str, Source]) -> Iterator[dict[str, Any]]:
    """The rows of `connection.attempt`, over all sources and months, in a repeatable order."""
    for source, declared in sorted(sources.items()):
        is_system = any(table.startswith("connection.") for table in declared.tables)
        for month in months(settings, source):
            for sequence, attempt in enumerate(read(settings, source, month), start=1):
                yield {
                    "source": source,
                    "system": source if is_system else None,
                    "month": attempt.month,
                    "sequence": sequence,
                    **attempt.model_dump(exclude={"source", "month"}),
                }


def _months_attempted(settings: Settings, source: str) -> Iterator[Month]:
    """The months that the log has a file of; what is named for no month is no file of the log."""
    for path in (settings.landing / deliveries.ATTEMPTS / source).glob("*.ndjson"):
        if (month := Month.named(path.stem)) is not None:
            yield month


def _recorded(path: Path) -> Iterator[FetchAttempt]:
    if not path.is_file():
        return
    for line in path.read_bytes().splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue  # cut off by a crash
        yield FetchAttempt.model_validate(values)


def _derived(delivery: Delivery, month: Month) -> FetchAttempt:
    """The attempt of a file of the inbox, or of a page whose attempt a crash kept from being recorded."""
    entry = delivery.entry
    is_fetched = entry.cursor_range is not None
    landed_at = datetime.fromtimestamp(delivery.content.stat().st_mtime, UTC)
    return FetchAttempt(
        source=entry.source,
        month=str(month),
        connector=entry.connector,
        stream=(entry.cursor_range or {}).get("stream"),
        started_at=landed_at if is_fetched else entry.delivered_at,
        status="ok",
        received_bytes=entry.size_bytes,
        delivery_id=entry.delivery_id,
    )

"""Rows of the province's tables as plain values: what a test says, and the rest filled in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")
EDGES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
BUCKETS = (*(f"duration_to_{edge}_ms_count" for edge in EDGES), "duration_over_10000_ms_count")
_NUMBERS = count(1)


def dossiers(
    number: int, agency: str, day: date, channel: str | None = "online", procedure: str = "1.000001"
) -> list[Row]:
    """So many dossiers that one agency received on a day."""
    return [
        {
            "dossier_code": f"{agency}-{day:%y%m%d}-{next(_NUMBERS):07}",
            "procedure_code": procedure,
            "agency_code": agency,
            "channel": channel,
            "received_on": day,
            "dossier_status": "in_progress",
        }
        for _ in range(number)
    ]


HEADINGS = {
    "dossier_code": "Mã hồ sơ",
    "procedure_code": "Mã TTHC",
    "agency_code": "Cơ quan tiếp nhận",
    "channel": "Kênh nộp",
    "received_on": "Ngày tiếp nhận",
    "due_on": "Ngày hẹn trả",
    "finished_on": "Ngày hoàn thành",
    "returned_on": "Ngày trả lại",
    "stopped_on": "Ngày dừng xử lý",
    "dossier_status": "Tình trạng",
    "supplement_count": "Số lần bổ sung",
    "supplement_requested_on": "Ngày yêu cầu bổ sung",
    "supplement_received_on": "Ngày nhận bổ sung",
    "has_complaint": "Có phản ánh, kiến nghị",
    "fee_vnd": "Phí, lệ phí đã thu",
    "paid_online": "Thanh toán trực tuyến",
    "has_electronic_result": "Cấp kết quả điện tử",
    "components_count": "Số thành phần hồ sơ",
    "components_digitised_count": "Số thành phần đã số hóa",
    "components_reused_count": "Số thành phần dùng lại",
    "has_digitised_result": "Số hóa kết quả",
    "is_synchronised": "Đã đồng bộ Cổng DVCQG",
}
WORDS = {
    "channel": {"online": "Trực tuyến", "direct": "Trực tiếp", "post": "Bưu chính"},
    "dossier_status": {
        "in_progress": "Đang giải quyết",
        "finished": "Đã giải quyết",
        "returned": "Trả lại",
        "stopped": "Dừng xử lý",
    },
}


def extract(rows: Iterable[Row]) -> bytes:
    """Dossiers as the one-stop system delivers them; a word that it does not know is written as it is."""
    lines = [";".join(_printed(name, row.get(name)) for name in HEADINGS) for row in rows]
    headings = ";".join(HEADINGS.values())
    return b"\xef\xbb\xbf" + "\r\n".join(["# Trích xuất một cửa", headings, *lines, ""]).encode()


def _printed(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return "Có" if value else "Không"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return "" if value is None else str(WORDS.get(column, {}).get(value, value))


def service(
    procedure: str, level: str, *, integrated: bool = False, authority: str = "commune", agency: str | None = None
) -> Row:
    """One online service: its level, who handles it, whether it is on the national portal."""
    place = {"authority_level": authority, "agency_code": agency}
    return {"procedure_code": procedure, "service_level": level, "is_integrated": integrated, **place}


def procedure(code: str, *, eligible: bool, fee: int = 0, requires_result: bool = True, days: int = 5) -> Row:
    """One procedure: whether it is eligible for full online handling, its fee, and the time that the law allows."""
    about = {"name_vi": code, "authority_level": "commune", "valid_from": date(2004, 1, 1)}
    handled = {"has_fee": fee > 0, "fee_vnd": fee, "requires_result": requires_result, "statutory_days": days}
    return {"procedure_code": code, "is_full_online_eligible": eligible, **about, **handled}


def group(code: str, unit: str, established: date, dissolved: date | None = None) -> Row:
    """One community group."""
    return {"group_code": code, "unit_code": unit, "established_on": established, "dissolved_on": dissolved}


def enterprises(unit: str, number: int, providers: int, status: str = "active", vsic: str = "6201") -> Row:
    """So many enterprises of a unit, of which some provide solutions."""
    counts = {"enterprise_count": number, "solution_provider_count": providers}
    return {"unit_code": unit, "vsic_code": vsic, "enterprise_status": status, **counts}


def plan(agency: str, issued: date | None, status: str = "issued") -> Row:
    """The plan of an agency."""
    return {"agency_code": agency, "plan_status": status, "issued_on": issued}


def milestone(code: str, status: str, completed: date | None = None, unit: str = "709", **more: str) -> Row:
    """One milestone of the Hòa Thành project, or of another."""
    about = {"project_code": "hoa_thanh_smart_city", "unit_code": unit, "sequence": 1, "name_vi": code, **more}
    return {"milestone_code": code, "milestone_status": status, "completed_on": completed, **about}


def operation(
    system: str, name: str, *, status: str = "connected", environment: str = "production", live: date = date(2021, 1, 1)
) -> Row:
    """One operation of a system, as the register has it."""
    way = {"direction": "both", "platform": "ngsp", "protocol": "rest", "has_personal_payload": False}
    state = {"environment": environment, "connection_status": status, "go_live_on": live}
    return {"system": system, "operation": name, "agreed_availability_pct": 99.0, **way, **state}


def traffic(
    system: str, name: str, at: str, buckets: Sequence[int], caller: int = 0, others: int = 0, **halves: int
) -> Row:
    """The calls of one operation in one hour (local time): how many in each bucket of durations, how many failed."""
    calls = sum(buckets)
    about = {"system": system, "operation": name, "hour_at": datetime.fromisoformat(at).replace(tzinfo=LOCAL)}
    failed = {"failed_client_count": caller, "failed_server_count": others, "failed_network_count": 0}
    padded = [*buckets, *[0] * (len(BUCKETS) - len(buckets))]
    counts = {"call_count": calls, "succeeded_count": calls - caller - others, **failed}
    return {**about, **counts, **dict(zip(BUCKETS, padded, strict=True)), **halves}


def attempts(system: str | None, *statuses: str, duration: int | None = 100) -> list[Row]:
    """Tries of the pipeline to fetch something of a system; those of an inbox have no duration."""
    about = {"connector": "http", "started_at": datetime(2025, 1, 1, tzinfo=LOCAL), "attempt": 1, "received_bytes": 0}
    return [
        {"system": system, "sequence": number, "status": status, "duration_ms": duration, **about}
        for number, status in enumerate(statuses, 1)
    ]


def system(name: str, *, planned: bool = True) -> Row:
    """One national system."""
    names = {"system": name, "name_vi": name, "name_en": name}
    return {**names, "is_planned": planned, "source": "x", "certainty": "U"}

"""Operations: what the national systems expose to a province, and how much each is used.

Names, directions and whether the payload is personal are as published or restated for the civil
status, judicial record, social insurance, business registration and service catalogue systems.
For the post and the legal documents no description of the interface was found: what is assumed of
them stands in `opaque.yaml`, where it is easy to correct. Volumes, speeds and failures are made up.
A test run of an operation has no traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from dx_pipeline.declarations.document import Document


@dataclass(frozen=True)
class Operation:
    """One operation of a system.

    Args:
        name: what the system calls it.
        direction: which way the content flows, as the register's contract has it.
        has_personal_payload: whether the content is personal, or leads to a person.
        calls: calls in a month without a holiday, at scale 1.
        median_ms: how long half of the calls take at most.
        failed_share: the share of the calls that fail in an ordinary hour.
        sent_bytes: the size of an average request.
        received_bytes: the size of an average response.
    """

    name: str
    direction: str
    has_personal_payload: bool
    calls: int
    median_ms: float
    failed_share: float
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True)
class Connection:
    """How the province reaches a system: for all of its operations alike."""

    consumer: str
    platform: str
    protocol: str
    go_live_on: date
    agreed_availability_pct: float
    operations: tuple[Operation, ...]


PERSONAL, IMPERSONAL = True, False
TO_NATION, TO_PROVINCE, BOTH = "province_to_national", "national_to_province", "both"
LEGAL_BASIS = "Nghị định 47/2020/NĐ-CP"

_OPAQUE = TypeAdapter(dict[str, Connection]).validate_python(Document(Path(__file__).with_name("opaque.yaml")).value)

CONNECTIONS = {
    "civil_status": Connection(
        "Sở Tư pháp", "ngsp", "rest", date(2020, 6, 15), 99.5,
        (
            Operation("dangKyHoTich", TO_NATION, PERSONAL, 96_000, 420, 0.008, 5_200, 640),
            Operation("danhMuc", TO_PROVINCE, IMPERSONAL, 9_000, 90, 0.003, 260, 18_400),
            Operation("traTrangThaiHoSo", TO_PROVINCE, IMPERSONAL, 214_000, 110, 0.004, 240, 380),
            Operation("ketQuaDangKyHS", TO_PROVINCE, PERSONAL, 88_000, 260, 0.006, 250, 3_900),
            Operation("dsHoSoDangKy", TO_PROVINCE, PERSONAL, 31_000, 340, 0.005, 310, 12_500),
            Operation("traHoSo", TO_PROVINCE, PERSONAL, 74_000, 240, 0.006, 240, 6_100),
            Operation("traDanhSachHoSo", TO_PROVINCE, PERSONAL, 12_000, 780, 0.009, 900, 48_000),
        ),
    ),
    "judicial_record": Connection(
        "Sở Tư pháp", "ngsp", "rest", date(2020, 11, 2), 99.0,
        (
            Operation("nhanHoSoDangKy", TO_NATION, PERSONAL, 21_000, 610, 0.014, 9_800, 420),
            Operation("traTrangThaiHs", TO_PROVINCE, PERSONAL, 118_000, 150, 0.006, 220, 340),
            Operation("traHoSo", TO_PROVINCE, PERSONAL, 24_000, 380, 0.009, 230, 8_600),
            Operation("traDanhMuc", TO_PROVINCE, IMPERSONAL, 4_000, 120, 0.003, 200, 9_400),
            Operation("danhDauHsThanhCong", TO_NATION, IMPERSONAL, 19_000, 130, 0.005, 260, 180),
            Operation("traDsTrangThaiHs", TO_PROVINCE, IMPERSONAL, 16_000, 330, 0.007, 280, 14_200),
        ),
    ),
    "social_insurance": Connection(
        "Sở Lao động - Thương binh và Xã hội", "ngsp", "soap", date(2021, 3, 22), 99.9,
        (
            Operation("getTraCuuTtHgdByMaSoBhxh", TO_PROVINCE, PERSONAL, 163_000, 290, 0.011, 780, 4_300),
            Operation("getMaSoBhxhTheoTieuChi", TO_PROVINCE, PERSONAL, 128_000, 520, 0.017, 860, 2_700),
            Operation("getTraCuuThongTinHgd", TO_PROVINCE, PERSONAL, 97_000, 450, 0.013, 810, 5_900),
        ),
    ),
    "business_registration": Connection(
        "Sở Kế hoạch và Đầu tư", "ngsp", "rest", date(2020, 9, 14), 99.5,
        (
            Operation("chiTietDoanhNghiep", TO_PROVINCE, PERSONAL, 187_000, 180, 0.005, 190, 7_200),
            Operation("danhSachHoSoTrongNgay", TO_PROVINCE, IMPERSONAL, 52_000, 310, 0.006, 240, 22_000),
            Operation("danhSachHoSo", TO_PROVINCE, IMPERSONAL, 36_000, 480, 0.008, 250, 41_000),
            Operation("tinhTrangHoSo", TO_PROVINCE, PERSONAL, 111_000, 160, 0.005, 200, 1_900),
        ),
    ),
    "service_catalogue": Connection(
        "Sở Thông tin và Truyền thông", "vdxp", "xroad", date(2021, 5, 10), 99.5,
        (
            Operation("Metadata/{list}", TO_PROVINCE, IMPERSONAL, 1_200, 140, 0.003, 210, 5_400),
            Operation("Category/{list}", BOTH, IMPERSONAL, 3_600, 260, 0.005, 320, 31_000),
        ),
    ),
    **_OPAQUE,
}  # fmt: skip
"""The connection of each system. A system that is not in here has no sample."""

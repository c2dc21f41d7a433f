"""Procedures: what people can apply for, at which agency, at what fee, and how often.

The number of services is calibrated to the article of mid-2022. All procedures are made up except
the few in the reference file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dx_pipeline.sample.draw import apportioned, generator, normalised, zipf
from dx_pipeline.sample.province import Province

LEVEL_4_SERVICES = 1_818
"""Level-4 services in mid-2022 (the article: 960 of 1.818)."""

LEVEL_3_SERVICES = 402
"""Made up: 2,220 services with those of level 4, of which 763 are the article's 34.37%."""

SERVICES_BY_LEVEL = {"province": 1_700, "district": 350, "commune": 170}
WITHOUT_SERVICE_BY_LEVEL = {"province": 150, "district": 60, "commune": 40}
DIRECT_DOSSIERS_BY_LEVEL = {"province": 0.22, "district": 0.22, "commune": 0.56}
ONLINE_DOSSIERS_BY_LEVEL = {"province": 0.46, "district": 0.24, "commune": 0.30}

FEES_VND = (0, 10_000, 20_000, 30_000, 50_000, 100_000, 150_000, 200_000, 300_000, 500_000, 1_200_000)
FEE_SHARES = (0.52, 0.05, 0.06, 0.07, 0.08, 0.07, 0.04, 0.05, 0.03, 0.02, 0.01)
TERMS_DAYS = {
    "province": (3, 5, 7, 10, 15, 20, 30),
    "district": (1, 3, 5, 7, 10, 15, 20),
    "commune": (0, 1, 2, 3, 5, 10),
}


@dataclass(frozen=True)
class Work:
    """What an agency does: its shares of the procedures and dossiers of the province level, and its fields."""

    procedures: float
    dossiers: float
    fields: tuple[str, ...]


WORK = {
    "Văn phòng UBND tỉnh": Work(0.8, 0.2, ("Hành chính tổng hợp",)),
    "Thanh tra tỉnh": Work(0.6, 0.1, ("Giải quyết khiếu nại, tố cáo", "Phòng, chống tham nhũng")),
    "Sở Thông tin và Truyền thông": Work(3, 1, ("Báo chí", "Xuất bản, in và phát hành", "Bưu chính")),
    "Sở Tài chính": Work(3, 0.4, ("Quản lý công sản", "Quản lý giá", "Tin học, thống kê")),
    "Sở Tư pháp": Work(9, 4, ("Công chứng", "Luật sư", "Đấu giá tài sản", "Quốc tịch")),
    "Sở Nội vụ": Work(6, 2.5, ("Tổ chức hành chính", "Thi đua, khen thưởng", "Tôn giáo")),
    "Sở Giáo dục và Đào tạo": Work(6, 3, ("Giáo dục trung học", "Văn bằng, chứng chỉ", "Quy chế thi")),
    "Sở Khoa học và Công nghệ": Work(4, 0.8, ("Sở hữu trí tuệ", "Tiêu chuẩn, đo lường, chất lượng")),
    "Sở Lao động - Thương binh và Xã hội": Work(8, 7, ("Người có công", "Việc làm", "Bảo trợ xã hội")),
    "Sở Văn hóa, Thể thao và Du lịch": Work(8, 1.5, ("Di sản văn hóa", "Thể dục thể thao", "Lữ hành")),
    "Sở Nông nghiệp và Phát triển nông thôn": Work(7, 3, ("Thú y", "Bảo vệ thực vật", "Thủy lợi")),
    "Ban Quản lý Khu kinh tế tỉnh": Work(3, 2, ("Đầu tư vào khu công nghiệp", "Lao động nước ngoài")),
    "Sở Ngoại vụ": Work(0.8, 0.4, ("Lãnh sự", "Hội nghị, hội thảo quốc tế")),
    "Sở Công Thương": Work(8, 7, ("Xúc tiến thương mại", "Lưu thông hàng hóa", "Điện lực", "Hóa chất")),
    "Sở Xây dựng": Work(4, 2, ("Hoạt động xây dựng", "Nhà ở và công sở", "Quy hoạch")),
    "Sở Giao thông vận tải": Work(8, 16, ("Đường bộ", "Đăng kiểm", "Đường thủy nội địa")),
    "Sở Kế hoạch và Đầu tư": Work(7, 14, ("Thành lập và hoạt động của doanh nghiệp", "Đấu thầu")),
    "Sở Tài nguyên và Môi trường": Work(7, 25, ("Đất đai", "Môi trường", "Tài nguyên nước")),
    "Sở Y tế": Work(9, 8, ("Khám bệnh, chữa bệnh", "Dược phẩm", "An toàn thực phẩm", "Trang thiết bị y tế")),
}
OTHER_WORK = Work(2, 1, ("Lĩnh vực khác",))
LOCAL_FIELDS = {
    "district": ("Hộ kinh doanh", "Đất đai", "Hộ tịch", "Chứng thực", "Xây dựng", "Giáo dục tiểu học"),
    "commune": ("Hộ tịch", "Chứng thực", "Bảo trợ xã hội", "Người có công", "Đất đai", "Tôn giáo"),
}


@dataclass(frozen=True)
class Known:
    """How a procedure of the reference file is used; shares are of the dossiers of its level."""

    service_level: str
    fee_vnd: int
    term_days: int
    direct_share: float
    online_share: float
    agency: str | None = None


KNOWN = {
    "2.000815": Known("level_3", 2_000, 0, 0.42, 0.02),
    "1.001193": Known("level_4", 0, 1, 0.11, 0.22),
    "2.000635": Known("level_4", 8_000, 1, 0.09, 0.14),
    "1.004873": Known("level_4", 15_000, 3, 0.07, 0.11),
    "1.000656": Known("level_4", 0, 1, 0.03, 0.05),
    "1.000894": Known("level_3", 0, 1, 0.03, 0.03),
    "2.000488": Known("level_4", 200_000, 10, 0.09, 0.13, "Sở Tư pháp"),
    "2.001610": Known("level_4", 50_000, 3, 0.02, 0.03, "Sở Kế hoạch và Đầu tư"),
}


@dataclass(frozen=True)
class Procedure:
    """A procedure. Shares are of all dossiers of the province; without a service none is online."""

    code: str
    level: str
    agency_code: str | None
    field_vi: str
    service_level: str | None
    fee_vnd: int
    term_days: int
    direct_share: float
    online_share: float

    @property
    def has_service(self) -> bool:
        """Whether there is an online service for it."""
        return self.service_level is not None


def procedures(reference: Path, province: Province, seed: int) -> tuple[Procedure, ...]:
    """Every procedure of the province, the known ones first."""
    known = tuple(_known(reference / "procedure.csv", province))
    levels = _service_levels(known, seed)
    made_up = [item for level in SERVICES_BY_LEVEL for item in _made_up(level, known, levels[level], province, seed)]
    # no code of the national database begins with 9
    numbers = range(100_000, 100_000 + 7 * len(made_up), 7)
    return (*known, *(replace(item, code=f"9.{number:06d}") for item, number in zip(made_up, numbers, strict=True)))


def _known(path: Path, province: Province) -> Iterator[Procedure]:
    with path.open(encoding="utf-8", newline="") as text:
        rows = {row["procedure_code"]: row for row in csv.DictReader(text)}
    for code, use in KNOWN.items():
        if code in rows:
            level = rows[code]["authority_level"]
            yield Procedure(
                code=code,
                level=level,
                agency_code=province.code_of(use.agency) if use.agency else None,
                field_vi=rows[code]["field_vi"],
                service_level=use.service_level,
                fee_vnd=use.fee_vnd,
                term_days=use.term_days,
                direct_share=DIRECT_DOSSIERS_BY_LEVEL[level] * use.direct_share,
                online_share=ONLINE_DOSSIERS_BY_LEVEL[level] * use.online_share,
            )


def _service_levels(known: tuple[Procedure, ...], seed: int) -> dict[str, list[str | None]]:
    """The service level of each made-up procedure, by authority level, in random order; the totals are exact."""
    rng = generator(seed, "service levels")
    open_3 = LEVEL_3_SERVICES - sum(item.service_level == "level_3" for item in known)
    open_4 = LEVEL_4_SERVICES - sum(item.service_level == "level_4" for item in known)
    pool = rng.permutation(["level_3"] * open_3 + ["level_4"] * open_4).tolist()
    levels: dict[str, list[str | None]] = {}
    for level, count in SERVICES_BY_LEVEL.items():
        wanted = count - sum(item.level == level for item in known)
        mixed: list[str | None] = [*pool[:wanted], *[None] * WITHOUT_SERVICE_BY_LEVEL[level]]
        pool = pool[wanted:]
        levels[level] = [mixed[position] for position in rng.permutation(len(mixed))]
    return levels


def _made_up(
    level: str, known: tuple[Procedure, ...], service_levels: list[str | None], province: Province, seed: int
) -> Iterator[Procedure]:
    """The made-up procedures of one authority level, without a code yet."""
    rng = generator(seed, f"procedures of the {level}")
    count = len(service_levels)
    places = list(_places(level, count, province))
    volume = normalised([volume for _, _, volume in places])
    eagerness = rng.lognormal(0.0, 0.9, count)
    is_open = np.array([1.0 if item == "level_4" else 0.5 if item else 0.0 for item in service_levels])
    direct = DIRECT_DOSSIERS_BY_LEVEL[level] - sum(item.direct_share for item in known if item.level == level)
    online = ONLINE_DOSSIERS_BY_LEVEL[level] - sum(item.online_share for item in known if item.level == level)
    direct_shares = (direct * volume).tolist()
    online_shares = (online * normalised(volume**0.8 * eagerness * is_open)).tolist()
    fees = rng.choice(FEES_VND, count, p=normalised(FEE_SHARES)).tolist()
    terms = rng.choice(TERMS_DAYS[level], count).tolist()
    columns = zip(places, service_levels, fees, terms, direct_shares, online_shares, strict=True)
    for (agency_code, field_vi, _), service_level, fee, term, direct_share, online_share in columns:
        yield Procedure("", level, agency_code, field_vi, service_level, fee, term, direct_share, online_share)


def _places(level: str, count: int, province: Province) -> Iterator[tuple[str | None, str, float]]:
    """Agency (None: every district or commune), field and relative volume of the procedures of a level."""
    work: dict[str | None, Work] = {None: Work(1, 1, LOCAL_FIELDS.get(level, ()))}
    if level == "province":
        work = {agency.code: WORK.get(agency.name, OTHER_WORK) for agency in province.specialised}
    counts = apportioned(count, [item.procedures for item in work.values()]).tolist()
    for (agency_code, item), own in zip(work.items(), counts, strict=True):
        for position, volume in enumerate((item.dossiers * zipf(own)).tolist()):
            yield agency_code, item.fields[position % len(item.fields)], volume

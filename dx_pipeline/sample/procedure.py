"""Procedures: what people can apply for, at which agency, at what fee, and how often.

The number of services is calibrated to the article of mid-2022. All procedures are made up except
the few in `procedures.csv`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dx_pipeline.period import Month
from dx_pipeline.sample.draw import apportioned, generator, normalised, zipf
from dx_pipeline.sample.province import FIRST_MONTH, History, rows

LEVEL_4_SERVICES = 1_818
"""Level-4 services in mid-2022 (the article: 960 of 1.818)."""

LEVEL_3_SERVICES = 402
"""Made up: 2,220 services with those of level 4, of which 763 are the article's 34.37%."""

SERVICES_BY_LEVEL = {"province": 1_700, "district": 350, "commune": 170}
WITHOUT_SERVICE_BY_LEVEL = {"province": 150, "district": 60, "commune": 40}
DIRECT_DOSSIERS_BY_LEVEL = {"province": 0.22, "district": 0.22, "commune": 0.56}
ONLINE_DOSSIERS_BY_LEVEL = {"province": 0.46, "district": 0.24, "commune": 0.30}

FULL_SERVICES = {"level_4": 878, "level_3": 22}
"""Services that the review of August 2022 finds to be fully online, by their level before it (made up)."""

ALSO_ELIGIBLE = {"level_4": 0.85, "level_3": 0.5, None: 0.05}
"""Shares (made up) of the other procedures that are eligible for full online handling, by their service's level."""

WITH_RESULT = 0.92
"""Share (made up) of the made-up procedures whose result is a document."""

MOST_COMPONENTS = 7
"""Of how many documents a dossier consists at the most (made up)."""

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


TO_THE_PROVINCE = 0.2
"""Share (made up) of the districts' procedures that the merged province handles itself; communes handle the others."""

PROVINCE_AGENCIES = {
    "Hộ kinh doanh": "Sở Kế hoạch và Đầu tư",
    "Đất đai": "Sở Tài nguyên và Môi trường",
    "Hộ tịch": "Sở Tư pháp",
    "Chứng thực": "Sở Tư pháp",
    "Xây dựng": "Sở Xây dựng",
    "Giáo dục tiểu học": "Sở Giáo dục và Đào tạo",
}
"""The agency that takes a district's procedure of a field to the province, by its name in the first month."""

FACTS = {row["procedure_code"]: row for row in rows(Path(__file__).with_name("procedures.csv"))}
"""What is known of real procedures, by code."""

MADE_UP_FROM = (date(2014, 1, 1), date(2021, 12, 31))
"""Between which days the made-up procedures came into force."""


@dataclass(frozen=True)
class Known:
    """How a real procedure is used; shares are of the dossiers of its level. Eligibility is assumed."""

    service_level: str
    fee_vnd: int
    term_days: int
    direct_share: float
    online_share: float
    agency: str | None = None
    is_eligible: bool = True


KNOWN = {
    "2.000815": Known("level_3", 2_000, 0, 0.42, 0.02, is_eligible=False),
    "1.001193": Known("level_4", 0, 1, 0.11, 0.22),
    "2.000635": Known("level_4", 8_000, 1, 0.09, 0.14),
    "1.004873": Known("level_4", 15_000, 3, 0.07, 0.11),
    "1.000656": Known("level_4", 0, 1, 0.03, 0.05),
    "1.000894": Known("level_3", 0, 1, 0.03, 0.03, is_eligible=False),
    "2.000488": Known("level_4", 200_000, 10, 0.09, 0.13, "Sở Tư pháp"),
    "2.001610": Known("level_4", 50_000, 3, 0.02, 0.03, "Sở Kế hoạch và Đầu tư"),
}

REPLACED = {"2.000488": ("3.000330", "Văn phòng UBND tỉnh")}
"""The code that replaces one, and who receives its dossiers: judicial records are the police's now, no agency's own."""


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
    is_full: bool = False
    is_eligible: bool = False
    requires_result: bool = True
    components: int = 1
    name_vi: str = ""
    valid_from: date = MADE_UP_FROM[0]
    valid_to: date | None = None

    @property
    def has_service(self) -> bool:
        """Whether there is an online service for it."""
        return self.service_level is not None


def procedures(history: History, seed: int) -> tuple[Procedure, ...]:
    """Every procedure of the province in the first month, the known ones first."""
    known = tuple(_known(history))
    levels = _service_levels(known, seed)
    made_up = [item for level in SERVICES_BY_LEVEL for item in _made_up(level, known, levels[level], history, seed)]
    # no code of the national database begins with 9
    codes = [f"9.{number:06d}" for number in range(100_000, 100_000 + 7 * len(made_up), 7)]
    passed = generator(seed, "procedures in force").integers(0, (MADE_UP_FROM[1] - MADE_UP_FROM[0]).days, len(codes))
    named = [
        replace(
            item,
            code=code,
            name_vi=f"Thủ tục mô phỏng {code} ({item.field_vi})",
            valid_from=MADE_UP_FROM[0] + timedelta(days=days),
        )
        for item, code, days in zip(made_up, codes, passed.tolist(), strict=True)
    ]
    return _with_documents(_eligible(_full((*known, *named), seed), seed), seed)


def in_month(first: Sequence[Procedure], history: History, month: Month, seed: int) -> tuple[Procedure, ...]:
    """The procedures of the first month, in the same order, with the code, level and agency they have in a month."""
    drawn = generator(seed, "procedures of former districts").random(len(first)).tolist()
    without_districts = not history.province_in(month).districts
    found = []
    for item, number in zip(first, drawn, strict=True):
        later = _replaced(item, history, month)
        if item.level == "district" and without_districts:
            agency = history.code_of(PROVINCE_AGENCIES[item.field_vi], month) if number < TO_THE_PROVINCE else None
            later = replace(item, level="province" if agency else "commune", agency_code=agency)
        elif later.agency_code is not None:
            later = replace(later, agency_code=history.units_of(later.agency_code, month)[0])
        found.append(later)
    return tuple(found)


def _replaced(item: Procedure, history: History, month: Month) -> Procedure:
    """The procedure that replaces one by a month, or the procedure itself."""
    if item.code not in REPLACED or item.valid_to is None or item.valid_to >= month.first:
        return item
    code, agency = REPLACED[item.code]
    dated = _dated(FACTS[code]["name_vi"], FACTS[code]["valid_from"], FACTS[code]["valid_to"])
    return replace(item, code=code, agency_code=history.code_of(agency, FIRST_MONTH), **dated)


def _dated(name_vi: str, valid_from: str, valid_to: str) -> dict[str, Any]:
    ends = date.fromisoformat(valid_to) if valid_to else None
    return {"name_vi": name_vi, "valid_from": date.fromisoformat(valid_from), "valid_to": ends}


def _known(history: History) -> Iterator[Procedure]:
    for code, use in KNOWN.items():
        facts = FACTS[code]
        level = facts["authority_level"]
        yield Procedure(
            code=code,
            level=level,
            agency_code=history.code_of(use.agency, FIRST_MONTH) if use.agency else None,
            field_vi=facts["field_vi"],
            service_level=use.service_level,
            fee_vnd=use.fee_vnd,
            term_days=use.term_days,
            direct_share=DIRECT_DOSSIERS_BY_LEVEL[level] * use.direct_share,
            online_share=ONLINE_DOSSIERS_BY_LEVEL[level] * use.online_share,
            is_eligible=use.is_eligible,
            **_dated(facts["name_vi"], facts["valid_from"], facts["valid_to"]),
        )


def _full(items: tuple[Procedure, ...], seed: int) -> tuple[Procedure, ...]:
    """The procedures, those whose service the review finds to be fully online marked."""
    rng = generator(seed, "full services")
    full: set[str] = set()
    for level, count in FULL_SERVICES.items():
        codes = [item.code for item in items if item.service_level == level]
        full |= {codes[position] for position in rng.permutation(len(codes))[:count].tolist()}
    return tuple(replace(item, is_full=item.code in full) for item in items)


def _eligible(items: tuple[Procedure, ...], seed: int) -> tuple[Procedure, ...]:
    """The procedures, those eligible for full online handling marked: every full service is, and some others."""
    drawn = generator(seed, "eligible procedures").random(len(items)).tolist()
    return tuple(
        replace(
            item,
            is_eligible=item.is_full
            or (item.is_eligible if item.code in KNOWN else number < ALSO_ELIGIBLE[item.service_level]),
        )
        for item, number in zip(items, drawn, strict=True)
    )


def _with_documents(items: tuple[Procedure, ...], seed: int) -> tuple[Procedure, ...]:
    """The procedures, with the number of documents that a dossier consists of, and whether the result is one."""
    rng = generator(seed, "documents of procedures")
    components = rng.integers(1, MOST_COMPONENTS + 1, len(items)).tolist()
    drawn = rng.random(len(items)).tolist()
    return tuple(
        replace(item, components=count, requires_result=item.code in KNOWN or number < WITH_RESULT)
        for item, count, number in zip(items, components, drawn, strict=True)
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
    level: str, known: tuple[Procedure, ...], service_levels: list[str | None], history: History, seed: int
) -> Iterator[Procedure]:
    """The made-up procedures of one authority level, without a code yet."""
    rng = generator(seed, f"procedures of the {level}")
    count = len(service_levels)
    places = list(_places(level, count, history))
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


def _places(level: str, count: int, history: History) -> Iterator[tuple[str | None, str, float]]:
    """Agency (None: every district or commune), field and relative volume of the procedures of a level."""
    work: dict[str | None, Work] = {None: Work(1, 1, LOCAL_FIELDS.get(level, ()))}
    if level == "province":
        work = {
            agency.code: WORK.get(agency.name, OTHER_WORK) for agency in history.province_in(FIRST_MONTH).specialised
        }
    counts = apportioned(count, [item.procedures for item in work.values()]).tolist()
    for (agency_code, item), own in zip(work.items(), counts, strict=True):
        for position, volume in enumerate((item.dossiers * zipf(own)).tolist()):
            yield agency_code, item.fields[position % len(item.fields)], volume

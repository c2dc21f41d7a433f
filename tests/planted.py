"""Personal data to plant, and innocent values that look like some: made by rule from lists, the same every time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import product

COMMON_SURNAMES = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Phùng Lục Nông".split()  # noqa: SIM905
OTHER_SURNAMES = "Thạch Kim Sơn Danh Châu Lâm Cao Mai".split()  # noqa: SIM905
OTHER_PEOPLES = ("Neáng Sóc", "Kpă", "Rmah", "Kpă Y")
MIDDLE = "Văn Thị Quốc Ngọc Đức Minh Ánh Ô Út".split()  # noqa: SIM905
GIVEN = "Đạt Ơn Ưng Ân Ổn Đào Ước Ấm Ý Yến Bình Hoa Dũng Sang Rinh Phi".split()  # noqa: SIM905
PROVINCES = ("072", "079", "001", "004", "096", "030", "051")
ATS = ("@", "@", " @ ", "\uff20")
HIDDEN_SIGNS = ("\u200b", "\u00ad", "\u2060", "\u202d")
WARDS = ("An Cơ", "Thanh Điền", "Long Hoa", "Ninh Sơn", "Cầu Khởi")


def _digits(rng: random.Random, count: int) -> str:
    return "".join(str(rng.randint(1, 9)) for _ in range(count))


def _name(rng: random.Random) -> str:
    surname, given = rng.choice(COMMON_SURNAMES + OTHER_SURNAMES), rng.choice(GIVEN)
    name = f"{surname} {rng.choice(MIDDLE)} {given}"
    middle = rng.choice(("Văn", "Thị"))
    others = (
        f"{surname} {middle} {given}".lower(),
        f"{surname.upper()} {middle.lower()} {given.upper()}",
        f"{surname}-{middle}-{given}".replace("Đ", "\u00d0"),
        f"{surname}{middle}{given}",
        f"{rng.choice(OTHER_PEOPLES)} {given}",
    )
    return rng.choice((name, name, name.upper(), *others))


def _identity_number(rng: random.Random) -> str:
    number = f"{rng.choice(PROVINCES)}{rng.randint(0, 3)}{_digits(rng, 8)}"
    gap = rng.choice((" ", "  ", "_", "-", "\u00a0", "\u2009", "–"))
    disguised = (
        gap.join((number[:3], number[3:6], number[6:9], number[9:])),
        gap.join((number[:4], number[4:6], number[6:])),
        number[:6] + rng.choice(HIDDEN_SIGNS) + number[6:],
    )
    return rng.choice((number, number, *disguised))


def _phone(rng: random.Random) -> str:
    number = f"{rng.choice('35789')}{_digits(rng, 8)}"
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
    return rng.choice(
        (
            f"0{number}",
            f"0{spaced}",
            f"+84 {spaced}",
            f"0{spaced}".replace(" ", "–"),
            f"0{number[:4]}\u200b{number[4:]}",
            f"0{spaced}".replace(" ", "."),
            "0276 3" + _digits(rng, 6),
        )
    )


KINDS: dict[str, Callable[[random.Random], str]] = {
    "name": _name,
    "identity_number": _identity_number,
    "identity_without_zero": lambda rng: f"72{rng.randint(0, 3)}{_digits(rng, 8)}",
    "old_identity_number": lambda rng: f"29{_digits(rng, 7)}",
    "phone": _phone,
    "email": lambda rng: (
        f"{rng.choice(('dat', 'ngoc.anh', 'on_72'))}{_digits(rng, 4)}"
        f"{rng.choice(ATS)}{rng.choice(('gmail.com', 'x.vn'))}"
    ),
    "health_card": lambda rng: f"{rng.choice(('DN', 'HN', 'TE'))}472{_digits(rng, 10)}",
    "social_insurance": lambda rng: f"72{_digits(rng, 8)}",
    "dossier_code": lambda rng: f"000.00.0{rng.randint(1, 9)}.H53-2205{rng.randint(10, 30)}-{_digits(rng, 4)}",
    "ip_address": lambda rng: f"10.{rng.randint(10, 250)}.{rng.randint(10, 250)}.{rng.randint(10, 250)}",
    "link": lambda rng: f"https://dichvucong.example.vn/tep/{_digits(rng, 6)}",
    "token": lambda rng: f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{_digits(rng, 5)}.c2ln{_digits(rng, 5)}",
    "birth_date": lambda rng: f"sinh ngày {rng.randint(10, 28)}/{rng.randint(10, 12)}/19{rng.randint(50, 99)}",
    "address": lambda rng: f"địa chỉ: {rng.randint(100, 999)} ấp {rng.choice(WARDS)} {_digits(rng, 3)}",
}
"""By kind, the rule that makes a value of it."""


def planted(seed: str, count: int) -> dict[str, list[str]]:
    """By kind, as many different values as asked for; another seed gives others."""
    rng = random.Random(seed)  # noqa: S311 - the same every time
    found: dict[str, list[str]] = {}
    for kind, rule in KINDS.items():
        values: dict[str, None] = {}
        while len(values) < count:
            values[rule(rng)] = None
        found[kind] = list(values)
    return found


STREETS = (
    "Trần Phú",
    "Lê Lợi",
    "Nguyễn Huệ",
    "Võ Thị Sáu",
    "Nguyễn Văn Cừ",
    "Phạm Văn Đồng",
    "Lý Thường Kiệt",
    "Hồ Chí Minh",
)
PLACES = (
    "Dương Minh Châu", "Châu Thành", "Tân Châu", "Hòa Thành", "Lộc Hưng", "An Tịnh", "Thái Bình", "Ninh Điền",
    "Trà Vong", "An Lục Long", "Cao Bằng", "Lâm Đồng", "Hà Nội", "Lai Châu", "Kim Sơn", "Mai Châu",
    "Ninh Bình", "Quảng Ninh",
    "Đồng Khởi", "Phan Rang", "Lương Hòa Lạc", "Sơn La", "Bà Rịa", "Hồ Chí Minh", "Bến Cầu", "Gò Dầu", "Trảng Bàng",
)  # fmt: skip
BUSINESSES = (
    "Công ty TNHH", "Công ty TNHH MTV", "Công ty Cổ phần", "DNTN", "Doanh nghiệp tư nhân", "Hộ kinh doanh", "Cửa hàng",
    "HTX", "Hợp tác xã", "Chi nhánh Công ty", "Cơ sở", "Nhà thuốc", "Khách sạn", "Quán", "Tiệm vàng",
)  # fmt: skip
AGENCIES = (
    "Sở Nội vụ", "Sở Công Thương", "Sở Tài nguyên và Môi trường", "Văn phòng UBND tỉnh",
    "Trung tâm Phục vụ hành chính công",
    "Ban Quản lý Khu kinh tế", "Thanh tra tỉnh", "Chi cục Kiểm lâm", "Phòng Kinh tế và Hạ tầng", "Bảo hiểm xã hội",
    "Tòa án nhân dân", "Trung tâm Lưu trữ lịch sử", "Đoàn Thanh niên", "Hội Nông dân", "Công an",
)  # fmt: skip
PLACES_OF_TITLES = (
    "Núi Bà Đen", "xã Bà Điểm", "Bà Rịa - Vũng Tàu", "cầu Ông Lãnh", "Ông Chủ tịch UBND", "đồng chí Bí thư", "bà con",
)  # fmt: skip
BEFORE_WORDS = ("lưu", "hồ sơ từ", "đoàn", "vi phạm", "phó", "cao", "hội đồng", "trình")
WORDS_WITH_MIDDLE = ("văn bản", "văn hóa xã", "văn nghệ", "văn phòng Sở", "thị trường", "thị trấn", "thị xã Trảng Bàng")
FIELDS = (
    "Hộ tịch", "Lý lịch tư pháp", "Đất đai", "Lưu trữ", "Lâm nghiệp", "Nông nghiệp", "An toàn thực phẩm",
    "Thi đua - khen thưởng",
    "Quan hệ lao động", "Văn hóa", "Thủy sản", "Phí, lệ phí", "Danh mục hồ sơ", "Cao su", "Đường bộ",
    "Tôn giáo", "Vi phạm",
)  # fmt: skip


def innocent() -> Iterator[str]:
    """Values that nobody's data are in, though many look like it."""
    yield from PLACES_OF_TITLES
    yield from (f"{before} {word}" for before, word in product(BEFORE_WORDS, WORDS_WITH_MIDDLE))
    yield from FIELDS
    yield from (text.upper() for text in FIELDS)
    yield from (text.title() for text in FIELDS)
    yield from PLACES
    yield from (f"{kind} {place}" for kind, place in product(("Huyện", "huyện", "Xã", "Phường", "TT."), PLACES))
    yield from (f"UBND {kind} {place}" for kind, place in product(("huyện", "xã", "thành phố"), PLACES))
    yield from (
        f"{kind} {street}" for kind, street in product(("đường", "Đường", "phường", "Trường THPT", "cầu"), STREETS)
    )
    yield from STREETS
    yield from (
        f"{agency} {place}" for agency, place in product(AGENCIES, ("", "tỉnh Tây Ninh", "huyện Dương Minh Châu"))
    )
    owners = [
        f"{surname} {middle} {given}"
        for surname, middle, given in zip(COMMON_SURNAMES, MIDDLE * 3, GIVEN * 2, strict=False)
    ]
    yield from (f"{business} {owner}" for business, owner in product(BUSINESSES, owners[:16]))
    yield from (
        f"{business} {surname} Phát" for business, surname in product(BUSINESSES, ("Kim", "Thạch", "Sơn", "Hoàng"))
    )
    rng = random.Random("innocent")  # noqa: S311 - the same every time
    for _ in range(120):
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2015, 2026)
        yield f"{day:02}/{month:02}/{year}"
        yield f"{year}-{month:02}-{day:02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00+07:00"
        yield f"{year}{month:02}{day:02}{rng.randint(0, 23):02}{rng.randint(0, 59):02}"
        yield f"Quyết định {rng.randint(1, 3000)}/QĐ-UBND ngày {day}/{month}/{year}"
        yield f"{rng.randint(1, 3)}.{rng.randint(100000, 999999)}"
        yield f"000.{rng.randint(0, 99):02}.{rng.randint(0, 99):02}.H53"
        yield f"{rng.randint(1, 999)}.{rng.randint(0, 999):03}.{rng.randint(0, 999):03} đồng"
        yield str(rng.randint(0, 99_999_999))
        yield f"{rng.randint(1, 99)},{rng.randint(0, 99)} %"
        yield f"v{rng.randint(1, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
        yield f"TCN-{rng.randint(25000, 26000)}-{rng.randint(1, 99):02}"
        yield f"{rng.randint(1, 90) * 1_000_000_000}"
        yield f"{day:02}–{month:02}–{year} – {rng.randint(10, 99)}\u00a0hồ sơ"
        yield f"{rng.randint(1, 999)}\u00a0{rng.randint(0, 999):03}\u00a0đồng"
        yield f"{day:02}_{month:02}_{year}_{rng.randint(10, 99)}"

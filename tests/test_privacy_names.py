"""Names of people are found in a text however they are written; what only looks like a name stays."""

from __future__ import annotations

import time

import pytest

from dx_pipeline.privacy import xroad_value
from dx_pipeline.vietnamese import names, personal_data

WITHIN = [
    ("do trần văn ơn trình", "trần văn ơn"), ("giao nguyễn thị bích phụ trách", "nguyễn thị bích"),
    ("\u00d0ặng Văn \u00d0ông nộp", "ặng Văn"), ("Lê thị Bé Ba nộp", "Bé Ba"), ("NGUYỄN văn ĐẶNG nộp", "ĐẶNG"),
    ("Nguyễn V. Đạm nộp", "Đạm"), ("Ng. Văn Đảm ký", "Đảm"), ("Công ty do Nguyễn Văn Ký làm chủ", "Văn Ký"),
    ("Cửa hàng của Phùng Quang Đạt", "Quang Đạt"), ("họ tên Lý Ẩn", "Lý Ẩn"), ("Họ và tên: Lý Ẩn, ấp 3", "Lý Ẩn"),
    ("đ/c Ưng Hoàng", "Ưng Hoàng"), ("Giao đồng chí Ưng Hoàng", "Ưng Hoàng"), ("Phạm-Thị-Lụa nộp", "Lụa"),
    ("Bùi.Thị.Ơ nộp", "Thị.Ơ"), ("Nguyễn/Thị/Liễu nộp", "Liễu"), ("Phạm_Thị_Lài", "Lài"), ("Lê-Văn-Đức", "Đức"),
    ("Phan\u200b Văn\u200b Ốc nộp", "Ốc"), ("Huỳnh\u00a0Văn\u00a0Ấy nộp", "Ấy"), ("Neáng Sóc Kha ký", "Sóc Kha"),
    ("Giao Kpă H'Lan", "Lan"), ("Giao Kpă H\u2019Lan ký", "Lan"), ("Y Blôk Niê nộp", "Blôk"),
    ("Bà Ơn, tổ 5, ấp Thạnh Đông", "Ơn"), ("Ông Ký", "Ký"), ("giao bà Mão", "Mão"), ("nộp: HuỳnhVănẤm", "Ấm"),
    ("VõVănUng", "Ung"), ("Phan Văn\nỐc ký", "Ốc"), ("nguyen van lanh nop", "lanh"), ("Đặng V\u01cen Tỉnh nộp", "Tỉnh"),
    ("Kính gửi Ông Chủ tịch Nguyễn Văn Đạt", "Đạt"), ("nhờ lê thị trường nộp hộ", "lê thị trường"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), WITHIN)
def test_a_name_is_found_within_a_text(text: str, part: str) -> None:
    assert part in text
    stripped, found = personal_data.strip(text)
    assert part not in stripped
    assert found == {"name": 1}


@pytest.mark.parametrize(
    "text", ["Kpă H\u2019Lan", "Neáng Sóc Kha", "\u00d0ỗ Út", "Phan\u200b Văn\u200b Ốc", "Rmah Hoa"]
)
def test_a_cell_that_is_a_name_goes(text: str) -> None:
    assert personal_data.strip(text, may_be_name=True) == ("", {"name": 1})


INNOCENT = [
    "Núi Bà Đen", "Bà Rịa", "xã Bà Điểm", "Cầu Ông Lãnh", "Bà con nông dân", "Ông Chủ tịch UBND xã", "Bà Mẹ Việt Nam",
    "đồng chí Bí thư Đảng ủy", "tình đồng chí", "lưu văn bản đến", "hồ sơ từ thị trấn Tân Châu", "đoàn văn nghệ xã",
    "vi phạm văn hóa giao thông", "phó văn phòng", "cao thị phần", "Hội đồng thị xã", "vi phạm thị trường",
    "Công ty TNHH Nguyễn Văn Ký", "Cửa hàng Lê Thị Bé Ba", "đường Nguyễn Văn Cừ", "Trường THPT Nguyễn Văn Trỗi",
    "do thi thong minh", "tu van luat", "luu van ban", "ho van ban", "Đô thị Thông minh", "Nay Bộ Nội vụ báo cáo",
    "Mức A. Đạt", "Phụ lục V. Đào tạo", "Lê Lợi", "Sở Văn hóa", "Văn Cao", "Họ tên", "Họ tên người nộp",
]  # fmt: skip


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_name_stays(text: str) -> None:
    assert personal_data.strip(text, may_be_name=True) == (text, {})


@pytest.mark.parametrize(
    "segment", ["nguyen-van-dat", "nguyen_thi_bich_ngoc", "tran.van.dat", "Nguyen-Van-Dat", "le-thi-ut", "cao-van-y"]
)
def test_a_segment_of_a_path_that_is_a_name_goes(segment: str) -> None:
    assert xroad_value.kept("restPath", f"/cong-dan/{segment}/ho-so") == ("/cong-dan/*/ho-so", "name")


@pytest.mark.parametrize(
    "segment",
    ["nguyen-du", "do-thi-thong-minh", "tu-van-phap-luat", "luu-van-ban", "ho-van-ban", "van-ban", "tran-phu", "le-loi",
     "nguyen-van-cu", "danh-muc", "quan-ly-van-ban", "ho-thi-hanh-an", "getNguyenVan", "v1"],
)  # fmt: skip
def test_a_segment_of_a_path_that_is_no_name_stays(segment: str) -> None:
    assert xroad_value.kept("restPath", f"/dvc/{segment}/x") == (f"/dvc/{segment}/x", None)


def test_every_listed_surname_of_another_people_makes_a_name() -> None:
    assert [surname for surname in names.PEOPLES.split() if not names.is_name(f"{surname} Lan")] == []


def test_a_text_of_nothing_but_names_is_searched_in_seconds() -> None:
    started = time.monotonic()
    stripped, _ = personal_data.strip("công ty Văn " + "Văn " * 20_000)
    assert personal_data.MARK in stripped
    assert time.monotonic() - started < 10

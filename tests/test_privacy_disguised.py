"""Personal data are found however they are written: with other spaces, dashes, digits, letters and marks."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dx_pipeline.vietnamese import personal_data
from dx_pipeline.vietnamese.heading import kind_of
from dx_pipeline.vietnamese.searchable import searchable

NUMBER = "072203100041"


def found_in(text: str) -> set[str]:
    """The kinds that are found within a text."""
    stripped, found = personal_data.strip(text)
    assert (stripped == text) == (not found)
    return set(found)


@pytest.mark.parametrize(
    "written",
    [
        "072\u00a0203\u00a0100\u00a0041", "072203\u200b100041", "072203\u00ad100041", "0722  0310  0041",
        "0722 03 100041", "072_203_100041", "072\u2009203\u2009100041", "072203\u2060100041",
        "072203\n100041", "072–203–100041",
        "072·203·100041", "072.203.100.041", "0-7220-3100041", "072203\t100041", "072203\u202d100041",
        "072203 100041",
        "".join(chr(0xFF10 + int(digit)) for digit in NUMBER), "".join(chr(0x660 + int(digit)) for digit in NUMBER),
        "".join(chr(0x1D7CE + int(digit)) for digit in NUMBER), "072203100041²",
    ],
)  # fmt: skip
def test_an_identity_number_is_found_however_its_digits_are_set_apart(written: str) -> None:
    for around in (f"Giao {written} ký", written, f"“{written}”, tổ 5"):
        assert found_in(around) == {"identity_number"}
    stripped, _ = personal_data.strip(f"Ngày 5/6: giao {written} ký — xong…")
    assert stripped.removesuffix(" ký — xong…").removesuffix("²") == f"Ngày 5/6: giao {personal_data.MARK}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cmnd:290.123.453", "identity_number"), ("CMND số 290 123 452", "identity_number"),
        ("hộ chiếu C1234567", "identity_number"), ("gọi 0912–345–679", "phone"),
        ("gọi 0912\u00a0345\u00a0677", "phone"),        ("gọi 0912\u200b345678", "phone"),
        ("+84 (0)913.456.789", "phone"), ("gọi 0912_345_678", "phone"),
        ("BHXH: 791 234 5683", "social_insurance"), ("thư c.d @ gmail.com", "email"),
        ("thư e.f\uff20gmail.com", "email"),        ("g.h[at]gmail[dot]com", "email"),
        ("phung.on (at) gmail.com", "email"), ("a.b@tay\u200bninh.vn", "email"),
        ("DN\u00a04\u00a079\u00a07212345679", "health_card"), ("\uff48\uff54\uff54\uff50\uff53://x.vn/1", "link"),
    ],
)  # fmt: skip
def test_other_numbers_and_addresses_are_found_in_disguise(text: str, kind: str) -> None:
    assert found_in(text) == {kind}


@pytest.mark.parametrize(
    "text",
    [
        "01-03-2022 2023", "từ 01.02.2022-05.03.2022", "0 0 1 0 0 0 0 0 0 0 0 0", "1\u00a0234\u00a0567 đồng",
        "Mã 001, 002, 003, 004", "01.02.03.04.05.06", "Chi BHXH: 1.234.567.000 đồng", "BHXH 01-03-2022 10 hồ sơ",
        "Cấp hộ chiếu 1.001193.000.00.00.H53", "Số CCCD đã cấp: 123.456.780 thẻ", "05_06_2022_10 hồ sơ", "10 @ 2.5",
        "Diện tích 25\u00a0m², ½ xã", "Kỳ 2021–2025: 72–85%", "từ 1/1/2022 – 30/6/2022", "“Biểu 06a” – quý II…",
    ],
)  # fmt: skip
def test_figures_and_dates_with_such_signs_stay(text: str) -> None:
    assert personal_data.strip(text) == (text, {})


def test_what_is_around_a_find_stays_as_it_is_written() -> None:
    text = "Kỳ\u00a02022 – “Ðồng\u200bTháp”: 0912–345–679, ½ xã\u00ad"
    assert personal_data.strip(text) == (text.replace("0912–345–679", personal_data.MARK), {"phone": 1})


def test_a_usual_text_is_its_own_copy() -> None:
    text = "Quyết định 766/QĐ-TTg ngày 23/6/2022, UBND xã Hòa Thành"
    assert searchable(unicodedata.normalize("NFC", text)).places is None


@pytest.mark.parametrize(
    "text", ["0\u03047\u03042\u03042\u030403100041", "0\ufe0f\u20e372203100041", "①②③ 072203100041"]
)
def test_marks_on_digits_hide_no_number(text: str) -> None:
    assert found_in(text) == {"identity_number"}


@pytest.mark.parametrize("heading", ["CC\u200bCD", "Họ\u00a0và\u2009tên", "\u00d0iện tho\u00adại", "ＣＭＮＤ"])  # noqa: RUF001
def test_a_heading_is_known_in_disguise(heading: str) -> None:
    assert kind_of(heading) is not None


@pytest.mark.parametrize("label", ["Ph\u200bùng_Quang_\u00d0ạt", "Phùng–Quang–Đạt", "PhùngQuang\u00adĐạt"])
def test_a_label_is_searched_in_its_copy(label: str) -> None:
    assert personal_data.in_label(label) == {"name": 1}


@pytest.mark.parametrize(
    ("text", "found"), [("naÂn", {}), ("aÅ", {}), ("bÅ naÆ", {}), ("NguyeÃn VaÊn An", {"name": 1})]
)
def test_letters_of_vni_are_read_once_in_small_and_capital_letters(text: str, found: dict[str, int]) -> None:
    assert personal_data.strip(text)[1] == found


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("0729 \u200b\u00ad–ÐÐ\u0301½²ﬃ")))
def test_every_letter_of_a_copy_leads_back_to_its_text(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    copy = searchable(normal)
    places = copy.places if copy.places is not None else tuple((at, at + 1) for at in range(len(normal)))
    assert len(places) == len(copy.text)
    assert list(places) == sorted(places)
    assert copy.replaced(re.compile("[0-9]"), lambda _: None) == normal
    personal_data.strip(text, may_be_name=True)

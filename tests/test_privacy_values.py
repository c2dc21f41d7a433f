"""What the privacy filter takes for personal, heading by heading and value by value."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from typing import Any

import pytest
from deliveries import SECRETS, contract, layout
from hypothesis import example, given
from hypothesis import strategies as st

from dx_pipeline.declarations.catalogue import Catalogue
from dx_pipeline.declarations.source import NumberStyle
from dx_pipeline.formats.undecoded import NOT_UTF8
from dx_pipeline.privacy.column import ColumnFilter, column_filters
from dx_pipeline.privacy.record import Cleaner
from dx_pipeline.vietnamese import heading, personal_data


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Họ và tên", "name"), ("HO_TEN", "name"), ("hoTenNguoiNop", "name"), ("applicantFullName", "name"),
        ("Ngày sinh", "birth_date"), ("dateOfBirth", "birth_date"), ("NĂM SINH", "birth_date"),
        ("Số CCCD/CMND", "identity_number"), ("so_giay_to", "identity_number"), ("passportNo", "identity_number"),
        ("Số điện thoại", "phone"), ("SĐT", "phone"), ("mobile_phone", "phone"), ("E-mail", "email"),
        ("Địa chỉ thường trú", "address"), ("diachi", "address"), ("Số thẻ BHYT", "health_card"),
        ("Mã số BHXH", "social_insurance"), ("Ghi chú", "free_text"), ("Trích yếu nội dung", "free_text"),
        ("messageUserId", "exchange_field"), ("representedPartyCode", "exchange_field"),
        ("faultString", "exchange_field"), ("securityServerInternalIp", "ip_address"), ("access_token", "token"),
        ("Hä vµ tªn", "name"), ("Hoï vaø teân", "name"), (unicodedata.normalize("NFD", "Họ tên"), "name"),
        ("Mã hồ sơ", None), ("Cơ quan / Tên", None), ("Cơ quan / Mã định danh", None), ("so_thanh_vien", None),
        ("Số người nộp trực tuyến", None), ("Lĩnh vực", None), ("messageId", None), ("serviceCode", None),
    ],
)  # fmt: skip
def test_a_heading_is_known_however_it_is_written(written: str, kind: str | None) -> None:
    assert heading.kind_of(written) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Quyết định 766/QĐ-TTg ngày 23/6/2022", "từ ngày 15/04/2022 đến ngày 14/05/2022", "1.2.0", "000.00.00.H53",
        "1.001193", "UBND huyện Dương Minh Châu", "Lý lịch tư pháp", "12:30:45", "20220515123000", "[stripped]",
        "getCitizenInfo/v1", "05-06-2022 10:00", "1.234.567 đồng", "2022-05-03T10:00:00+07:00",
    ],
)  # fmt: skip
def test_what_only_looks_a_little_personal_stays(text: str) -> None:
    assert personal_data.strip(text) == (text, {})


NUMBERS_OF_PEOPLE = [text for text in SECRETS.values() if text.replace(" ", "").isdigit() and text.startswith("0")]


@pytest.mark.parametrize("style", ["plain", "vi", "comma"])
@given(text=st.sampled_from(NUMBERS_OF_PEOPLE) | st.from_regex("0[0-9]{9}|0[0-9]{11}", fullmatch=True))
def test_a_number_of_a_person_is_no_number_of_a_column_in_any_style(style: NumberStyle, text: str) -> None:
    column = one_column("integer", number=style)
    found: Counter[str] = Counter()
    assert column.cell(text, found) == ""
    assert found


@pytest.mark.parametrize(
    ("kind", "placed", "texts"),
    [
        ("integer", {"number": "vi"}, ["912.345.678", "912345678", "-1.234", "0", "0,5"]),
        ("number", {"number": "comma", "percent": True}, ["912345678,5", "0", "0,5 %"]),
        ("number", {}, ["123456789012", "-0.5", "1e9"]),
        ("integer", {"values": {"912345678": "a"}}, ["912345678"]),
        ("timestamp", {"date": "%s"}, ["1652345678"]),
        ("timestamp", {"date": "%Y%m%d%H%M"}, ["202205031020"]),
        ("date", {}, ["2022-05-03", "2022-05-03T00:00:00"]),
    ],
)
def test_what_is_as_declared_stays_whatever_it_looks_like(
    kind: str, placed: dict[str, Any], texts: list[str], found: Counter[str]
) -> None:
    column = one_column(kind, **placed)
    assert [column.cell(text, found) for text in texts] == texts
    assert all(column.is_as_declared(text) for text in texts)
    assert not found


def one_column(kind: str, **placed: object) -> ColumnFilter:
    """The filter of a column under the heading `Số`."""
    filters = column_filters(
        ["Số"], layout({"kind": "ndjson"}, {"value": {"header": "Số", **placed}}), contract(value=kind)
    )
    return filters[0]


CAPITALS = "AÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬBCDĐEÈÉẺẼẸÊỀẾỂỄỆGHIÌÍỈĨỊKLMNOÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢPQRSTUÙÚỦŨỤƯỪỨỬỮỰVXYỲÝỶỸỴ"
GIVEN_NAMES = st.builds(str.__add__, st.sampled_from(CAPITALS), st.text(CAPITALS.lower(), max_size=5))


@given(names=st.lists(GIVEN_NAMES, min_size=1, max_size=4))
@example(names=["Đức", "Ánh"])
@example(names=["Ơn"])
@example(names=["Ư", "Ẩn"])
def test_a_name_is_found_with_any_vietnamese_capital(names: list[str]) -> None:
    name = " ".join(["Trần", *names])
    assert personal_data.strip(name, may_be_name=True) == ("", {"name": 1})
    stripped, found = personal_data.strip(f"gặp ông {name}, ngày mai")
    assert (stripped, found) == (f"gặp {personal_data.MARK}, ngày mai", {"name": 1})


@pytest.mark.parametrize("text", ["Trần nhà", "Lê ăn", "Hồ đập", "Phạm ớt", "Lý lịch"])
def test_a_word_that_is_no_capital_makes_no_name(text: str) -> None:
    assert personal_data.strip(text, may_be_name=True) == (text, {})


def test_every_kind_that_the_filter_counts_is_one_of_the_ledger(declared: Catalogue) -> None:
    counted = {*personal_data.PATTERNS, *heading.WITHIN, *heading.WHOLE, NOT_UTF8, "document_part", "repeated_name"}
    assert counted <= set(declared.contracts["ledger.stripped"].columns["kind"].allowed or ())


@pytest.fixture
def found() -> Counter[str]:
    """What a filter counts, by kind."""
    return Counter()


@pytest.mark.parametrize("code", ["0312345678", "3900123456", "0100109106-001", "H53"])
def test_a_tax_code_stays_where_organisations_are_named(code: str, found: Counter[str]) -> None:
    members = dict.fromkeys(("clientMemberCode", "serviceMemberCode", "client_member_code"), code)
    document = {"records": [{**members, "provider": f"VN/COM/{code}/LGSP"}]}
    assert Cleaner(None, None).anything(document, found) == document
    assert not found


def test_the_same_number_elsewhere_and_others_of_people_there_go(found: Counter[str]) -> None:
    record = {"serviceCode": "3900123456", "clientMemberCode": "072085001234"}
    record |= {"serviceMemberCode": "3900123456 0912345678", "provider": "VN/COM/3900123456/072085001234"}
    kept = Cleaner(None, None).anything(record, found)
    assert [number for number in ("072085001234", "3900123456") if number in json.dumps(kept)] == []
    assert (found["social_insurance"], found["identity_number"]) == (3, 2)


def test_tax_codes_stay_in_columns_that_a_layout_names(found: Counter[str]) -> None:
    ignored = ["clientMemberCode", "provider"]
    placed = layout({"kind": "ndjson"}, {"operation": "serviceMemberCode"}, ignored=ignored)
    record = {"serviceMemberCode": "3900123456", "clientMemberCode": "0312345678", "provider": "VN/COM/0312345678"}
    assert Cleaner(placed, contract(operation="text")).record(record, found) == record
    assert not found


def test_a_query_string_goes_and_its_path_stays() -> None:
    stripped = personal_data.strip("/dvc/v1/hoso?soGiayTo=1&x=2")  # noqa: B005 - not that strip
    assert stripped == ("/dvc/v1/hoso", {"query_string": 1})

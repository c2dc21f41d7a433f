"""Names of people: which texts are one, and which only look like one.

A name is a surname and one to four capitalised given names. Streets, wards and schools are named for people, and many
words and places begin like a surname, so a text is no name if it is a known place or has a known word in it.

The lists are general knowledge: common surnames of the Kinh, Hoa, Tày, Nùng, Thái, Mường, Khmer and Chăm (of other
peoples see `PEOPLES`); provinces
and districts that begin like a surname; persons for whom streets are named. They are checked against no register, and
are added to where a name passes or a place is taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

from dx_pipeline.vietnamese.spelling import comparable

COMMON = (
    "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Đoàn Trịnh Trương Đào Lương Lưu Tạ"
    " Phùng Quách Tô Kiều Tống Triệu Vương Đàm Tăng Nghiêm Lục Nông Bế Lò Lường Quàng Doãn Khuất Mạc Viên Hứa Thân"
    " Tôn Trầm Diệp Lữ Lã Lại Chu Cù Giáp Hàn Khổng Khúc Lăng Liễu Lư Nghị Nhâm Ngụy Ôn Sầm Tào Tiêu Thiều Tưởng"
    " Uông Vi Vòng Đàng Đổng Giản Huyền Khưu Lạc Lỗ Mẫn Nhữ Thẩm Trượng Vưu Hán Cầm Đèo"
)
"""Surnames; a name of two words may begin with one."""

AMBIGUOUS = (
    "An Bạch Cao Châu Chế Chung Danh Đoan Đồng Đới Giang Hà Hoa Hùng Kha Khương Kiên Kim La Lâm Lộc Ma Mã Mai Nhan Ninh"
    " Ông Phí Phó Phương Quan Quảng Sơn Thạch Thái Thi Thiên Tiết Tiền Tòa Tòng Trà Trang Triều Trình Từ Ung Văn Xa"
)
"""Surnames that more often begin a word or the name of a place: a name has two given names after them."""

PEOPLES = (
    "Neáng Néang Kpă Ksor Ksơr Rmah Rơmah Rahlan Siu Niê Mlô Êban Ayŭn Adrơng Kbuôr Bkrông Hđơk Puih Điểu"
    " Giàng Sùng Thào Phàn Tẩn Sồng"
)
"""Surnames, and words before a name, of the Khmer, the peoples of the Highlands, the Xtiêng, the Mông and the Dao.

Assumed: from general knowledge, checked against no register. Left out are those that are also common words (Nay, Vàng,
Mùa, Hạng, Chảo).
"""

CLEAR = "Nguyen Tran Pham Hoang Huynh Dang Bui Ngo Duong Doan Trinh Truong Phung Thach Quach Luong Vuong"
"""Surnames that are written without marks and are no other words."""

UNMARKED = (
    "Le Vo Vu Do Ho Ly Phan Dinh Dao Luu Ta To Kieu Tong Trieu Dam Tang Lam Mai Cao Ha Chau Kim Son Danh Luc Nong"
)
"""The same, for names of three words: shorter ones may be anything."""

PLACES = """
An Biên, An Dương, An Giang, An Khê, An Lão, An Minh, An Nhơn, An Phú, An Lục Long, An Vĩnh Ngãi, An Thới Đông,
An Phú Đông, An Phú Trung, An Bình Tây, An Ninh Đông, An Ninh Tây, An Nhựt Tân, Bạch Long Vĩ, Bạch Thông,
Cao Bằng, Cao Lãnh, Cao Lộc, Cao Phong, Châu Đốc, Châu Đức, Châu Phú, Châu Thành, Châu Thành A, Chu Prông,
Dương Minh Châu, Dương Kinh, Đào Xá, Đinh Hòa, Đồng Hỷ, Đồng Hới, Đồng Nai, Đồng Phú, Đồng Tháp, Đồng Xoài,
Đồng Xuân, Đồng Văn, Đồng Khởi, Đường Lâm, Giang Thành, Hà Đông, Hà Giang, Hà Nam, Hà Nội, Hà Quảng, Hà Tĩnh,
Hà Tiên, Hà Trung, Hồ Chí Minh, Hoa Lư, Hoàng Hóa, Hoàng Mai, Hoàng Sa, Hoàng Su Phì, Hoàng Liên Sơn, Kiên Giang,
Kiên Hải, Kiên Lương, Kiên Thụy, Kim Bảng, Kim Bôi, Kim Động, Kim Sơn, Kim Thành, Lạc Dương, Lạc Sơn, Lạc Thủy,
Lâm Bình, Lâm Đồng, Lâm Hà, Lâm Thao, Lộc Bình, Lộc Hà, Lộc Ninh, Lộc Hưng, Lục Nam, Lục Ngạn, Lục Yên,
Lương Sơn, Lương Tài, Lương Hòa, Lương Hòa Lạc, Lý Nhân, Lý Sơn, Mai Châu, Mai Sơn, Ma Lâm, Ninh Bình, Ninh Điền,
Ninh Giang, Ninh Hòa, Ninh Hải, Ninh Kiều, Ninh Phước, Ninh Sơn, Ninh Thạnh, Ninh Thuận, Phan Rang, Phan Rang Tháp Chàm,
Phan Thiết, Phú Quốc, Quan Hóa, Quan Sơn, Quảng Bình, Quảng Nam, Quảng Ngãi, Quảng Ninh, Quảng Trị, Sơn Dương, Sơn Động,
Sơn Hà, Sơn Hòa, Sơn La, Sơn Tây, Sơn Tịnh, Thạch An, Thạch Hà, Thạch Thành, Thạch Thất, Thái Bình, Thái Hòa,
Thái Nguyên, Thái Thụy, Tiên Thuận, Tô Hạp, Trà Bồng, Trà Cú, Trà Lĩnh, Trà My, Trà Ôn, Trà Vinh, Trà Vong,
Trần Văn Thời, Trần Đề, Triệu Phong, Triệu Sơn, Từ Liêm, Từ Sơn, Văn Bàn, Văn Chấn, Văn Giang, Văn Lâm, Văn Lãng,
Văn Quan, Văn Yên, Vi Xuyên, Viên An, Vũ Quang, Vũ Thư, Võ Nhai, Võ Xu, Phương Đông, Hoa Kỳ, Thái Lan, Triều Tiên
"""
"""Places that begin with a surname, separated by commas."""

PERSONS = """
Bà Triệu, Bùi Thị Xuân, Bùi Xuân Phái, Cao Bá Quát, Cao Thắng, Châu Văn Liêm, Chu Văn An, Chu Mạnh Trinh, Dương Bá Trạc,
Dương Quảng Hàm, Đào Duy Anh, Đào Duy Từ, Đào Tấn, Đặng Dung, Đặng Tất, Đặng Thai Mai, Đặng Thùy Trâm, Đinh Công Tráng,
Đinh Tiên Hoàng, Đoàn Thị Điểm, Đoàn Trần Nghiệp, Hà Huy Giáp, Hà Huy Tập, Hàn Mặc Tử, Hàn Thuyên, Hoàng Diệu,
Hoàng Hoa Thám, Hoàng Quốc Việt, Hoàng Văn Thụ, Hồ Tùng Mậu, Hồ Xuân Hương, Huỳnh Tấn Phát, Huỳnh Thúc Kháng,
Kim Đồng, Lê Chân, Lê Duẩn, Lê Đại Hành, Lê Hồng Phong, Lê Lai, Lê Lợi, Lê Ngọc Hân, Lê Quý Đôn, Lê Thánh Tôn,
Lê Thánh Tông, Lê Trọng Tấn, Lê Văn Duyệt, Lê Văn Hưu, Lê Văn Sỹ, Lê Văn Tám, Lương Thế Vinh, Lương Văn Can,
Lý Thái Tổ, Lý Thường Kiệt, Lý Tự Trọng, Mạc Đĩnh Chi, Mai Hắc Đế, Mai Thúc Loan, Ngô Gia Tự, Ngô Quyền, Ngô Thì Nhậm,
Ngô Tất Tố, Nguyễn Ái Quốc, Nguyễn An Ninh, Nguyễn Bỉnh Khiêm, Nguyễn Chí Thanh, Nguyễn Công Trứ, Nguyễn Du,
Nguyễn Đình Chiểu, Nguyễn Đình Thi, Nguyễn Hữu Cảnh, Nguyễn Hữu Thọ, Nguyễn Huệ, Nguyễn Khuyến, Nguyễn Lương Bằng,
Nguyễn Phong Sắc, Nguyễn Sinh Sắc, Nguyễn Tất Thành, Nguyễn Thái Bình, Nguyễn Thái Học, Nguyễn Thị Minh Khai,
Nguyễn Thiện Thuật, Nguyễn Trãi, Nguyễn Tri Phương, Nguyễn Trung Trực, Nguyễn Trường Tộ, Nguyễn Văn Cừ,
Nguyễn Văn Linh, Nguyễn Văn Trỗi, Nguyễn Viết Xuân, Nguyễn Xí, Ông Ích Khiêm, Phạm Hồng Thái, Phạm Hùng,
Phạm Ngọc Thạch, Phạm Ngũ Lão, Phạm Văn Đồng, Phan Bội Châu, Phan Châu Trinh, Phan Chu Trinh, Phan Đăng Lưu,
Phan Đình Giót, Phan Đình Phùng, Phan Huy Chú, Phan Huy Ích, Phùng Hưng, Phùng Khắc Khoan, Quang Trung, Tạ Uyên,
Tô Hiến Thành, Tô Hiệu, Tô Ngọc Vân, Tô Vĩnh Diện, Tôn Đức Thắng, Tôn Thất Tùng, Trần Bình Trọng, Trần Cao Vân,
Trần Đại Nghĩa, Trần Đăng Ninh, Trần Hưng Đạo, Trần Khánh Dư, Trần Khát Chân, Trần Nguyên Hãn, Trần Nhân Tông,
Trần Nhật Duật, Trần Phú, Trần Quang Khải, Trần Quốc Hoàn, Trần Quốc Toản, Trần Quý Cáp, Trần Thái Tông,
Trần Thủ Độ, Trần Văn Ơn, Trần Xuân Soạn, Trịnh Hoài Đức, Trương Định, Trương Công Định, Trương Hán Siêu,
Trương Quyền, Trương Vĩnh Ký, Triệu Quang Phục, Triệu Việt Vương, Văn Cao, Võ Chí Công, Võ Nguyên Giáp, Võ Thị Sáu,
Võ Văn Kiệt, Võ Văn Tần, Vũ Trọng Phụng, Võ Văn Truyện
"""
"""Persons for whom streets, wards and schools are named. Whoever has the same name today passes."""

FIRST_WORDS = """
an khang, an lạc, an ninh, an sinh, an tâm, an táng, an toàn, bạch kim, bạch mai, cao cấp, cao đài, cao đẳng, cao điểm,
cao học, cao su, cao tầng, cao tốc, cao tuổi, châu á, châu âu, châu lục, châu thổ, chu kỳ, chu trình, chung cư,
chung tay, danh bạ, danh hiệu, danh mục, danh sách, danh thắng, dương lịch, dương tính, đào tạo, đình chỉ,
đoàn kết, đoàn thể, đoàn viên, đồng bộ, đồng hành, đồng tháp, đồng thời, đồng ý, đổng lý, đường bộ,
đường dây, đường phố, đường sắt, đường thủy, giang sơn, hà mã, hàn quốc, hàn xì, hoa kỳ, hoa quả, hoàng cung, hồ bơi,
hồ chứa, hồ đập, hồ sơ, hùng vương, khổng lồ, kiên cố, kiều bào, kiều hối, kim khí, kim loại, kim ngạch, la bàn,
lạc hậu, lại quả, lâm nghiệp, lâm sản, lâm sàng, lâm sinh, lâm thời, lâm trường, lục địa, lục quân, lưu chiểu,
lưu động, lưu hành, lưu kho, lưu niệm, lưu thông, lưu trú, lưu trữ, lương hưu, lương thực, lương y, lý do, lý lịch,
lý luận, lý thuyết, ma túy, mai táng, mã bưu, mã cơ, mã định, mã đơn, mã hồ, mã hóa, mã số, mã thủ, mẫn cảm,
nghị định, nghị quyết, nghị sự, ninh bình, nông dân, nông lâm, nông nghiệp, nông sản, nông thôn, ông bà, phan thiết,
phí bảo, phí cấp, phí dịch, phí lệ, phí thẩm, phó ban, phó chánh, phó chủ, phó giám, phó hiệu, phó phòng, phó trưởng,
phó văn, phương án, phương pháp, phương thức, phương tiện, quan hệ, quan trắc, quan trọng, quảng cáo, quảng trường,
sơn mài, sơn nước, tạ ơn, thái cực, thái lan, thạch cao, thẩm định, thẩm phán, thẩm quyền, thân nhân,
thân thể, thi công, thi đua, thi hành, thi tuyển, thiên nhiên, thiên tai, tiền công, tiền điện, tiền giang, tiền lương,
tiền mặt, tiền nước, tiền phong, tiền thuê, tiêu chí, tiêu chuẩn, tiêu dùng, tiêu thụ, tiết kiệm, tòa án, tòa nhà,
tô giới, tôn giáo, tôn tạo, tổng cộng, tống đạt, trang bị, trang thiết, trang trại, trang trí, trang web, triển khai,
triều đình, triều cường, trình duyệt, trình độ, trình tự, trương mục, từ chối, từ điển, từ thiện, từ xa, văn bản,
văn bằng, văn hiến, văn hóa, văn học, văn nghệ, văn phòng, văn thư, văn xã, vi mô, vi phạm, vi sinh,
viên chức, viên quản, vũ khí, vũ trang, vũ trường, võ thuật, vương quốc, xa lộ
"""
"""Words of two syllables of which the first is a surname, too, separated by commas: no name begins with one."""

WORDS = """
bảo hiểm, bảo trợ, báo cáo, cấp phép, chứng thực, chuyển đổi, công chứng, công nghệ, công nghiệp, công thương,
công ty, công trình, công vụ, cửa hàng, du lịch, dịch vụ, đất đai, đầu tư, điện tử, điện lực, giao dịch, giáo dục,
giao thông, hành chính, hộ tịch, kế hoạch, khoa học, kinh doanh, kinh tế, lao động, môi trường, ngân hàng, ngân sách,
nhà nước, nội vụ, quản lý, quốc phòng, số hóa, sản xuất, tài chính, tài nguyên, thanh tra, thể thao, thông tin,
thủ tục, thủy sản, thương mại, thực phẩm, tiếp nhận, trả kết, trực tuyến, trung tâm, truyền thông, tư pháp, tư vấn,
vận tải, vật liệu, vệ sinh, thanh niên, đô thị, việc làm, xã hội, xăng dầu, xây dựng, xuất bản,
xuất nhập, y tế, viễn thông, lữ hành
"""
"""Words of two syllables that are in no name, separated by commas."""

ORGANISATION = (
    r"công ty|cty|tnhh|mtv|cổ phần|dntn|doanh nghiệp|hộ kinh doanh|hkd|hộ kd|cửa hàng|hợp tác xã|htx|cơ sở|nhà thuốc"
    r"|nhà hàng|khách sạn|quán|xí nghiệp|nhà máy|phòng khám|thương hiệu|tập đoàn|chi nhánh|siêu thị|đại lý|tiệm|garage"
    r"|trung tâm|ủy ban|uỷ ban|ubnd|hđnd|bệnh viện|trạm|ngân hàng|quỹ|giải thưởng|di tích|đền|chùa|lăng|co\.?,? ltd"
)
"""Words after which a name, in the same part of a sentence, is that of an organisation."""

PLACE = (
    r"đường|phố|phường|xã|huyện|quận|tỉnh|thành phố|tp\.?|thị xã|thị trấn|thôn|ấp|khu phố|kp\.?|hẻm|ngõ|ngách|kiệt"
    r"|đại lộ|quốc lộ|cầu|chợ|kênh|rạch|suối|hồ|núi|đảo|công viên|quảng trường|ngã tư|ngã ba|vòng xoay|đồn|bến xe"
    r"|khu dân cư|kdc|khu công nghiệp|kcn|trường|tiểu học|thcs|thpt|th|mầm non|mẫu giáo|trung học|đại học|cao đẳng"
    r"|học viện"
    r"|street|st\.?|road|ward|commune|district"
)
"""Words right after which a name is that of a place or a school."""

WITH_MIDDLE = """
văn bản, văn bằng, văn chương, văn hiến, văn hóa, văn học, văn khoa, văn kiện, văn minh, văn nghệ, văn phạm, văn phòng,
văn thư, văn tự, văn xã, thị chính, thị dân, thị giác, thị hiếu, thị hóa, thị lực, thị phần, thị sát, thị thực,
thị tộc, thị trấn, thị trường, thị trưởng, thị tứ, thị uy, thị xã, văn tai, văn hanh, văn chuyen, văn dong, văn de,
thị hanh, thị dua, thị cong, thị tuyen, thị diem, thị dau
"""
"""Words with a syllable that is also a middle name, separated by commas; the last ones only without their marks."""

NEVER_WORDS = "nguyễn trần lê huỳnh đặng bùi ngô phan trịnh trương quách nguyen tran le huynh dang bui ngo trinh"
"""Surnames after which a word such as *thị trường* is a given name, in small letters too."""

NO_ONE = """
bà rịa, bà đen, bà điểm, bà chiểu, bà quẹo, bà nà, bà chúa, bà huyện, bà hom, bà hạt, bà nhã, bà triệu, bà trưng, bà mẹ,
bà con, bà ngoại, bà nội, bà cụ, bà chủ, bà giám, bà phó, bà trưởng, bà hiệu, bà bí, ông lãnh, ông tạ, ông đốc, ông cọp,
ông táo, ông đạo, ông địa, ông trời, ông bà, ông cụ, ông nội, ông ngoại, ông chủ, ông giám, ông phó, ông trưởng, ông bí,
ông hiệu, ông chánh, ông cục, ông vụ, ông thứ, ông bộ, ông tổng, ông thủ, ông ích
"""
"""A title with a word that makes it a place or an office, separated by commas."""

_BREAK = re.compile(r"[,;:.()\[\]\n|]|\s[-–]\s")
_ORGANISATION = re.compile(rf"(?i)(?<!\w)(?:{ORGANISATION})(?!\w)")
_OWNER = re.compile(r"(?i)(?<!\w)(?:do|của|bởi|cho|với|giao|gặp|thuê)(?!\w)")
"""Words between an organisation and a name that is not its own."""

_PLACE = re.compile(rf"(?i)(?<!\w)(?:{PLACE})\s+$")
_CAMEL = re.compile(r"(?<=[^\W\d_])(?=(?:Văn|Thị)[^\W\d_])|(?<=Văn|Thị)(?=[^\W\d_])")
_SYLLABLE = re.compile(
    r"(?:b|ch?|d|gh?|gi|h|kh?|l|m|ngh?|nh?|ph?|qu|r|s|th?|tr|v|x)?[aeiouy]{1,3}(?:ch?|m|ng?|nh|p|t)?", re.IGNORECASE
)

CAPITALS = "".join(letter for letter in map(chr, range(0x1F00)) if unicodedata.category(letter) == "Lu")
GIVEN = rf"(?:(?:[{CAPITALS}]')?[{CAPITALS}][^\W\d_]{{0,6}})"
SEPARATOR = r"[ _\u00a0]{1,3}"
_JOINT = r"(?:[ _\u00a0\t\n]{1,3}|[-./])"


def folded(text: str) -> str:
    """A text without marks, in small letters."""
    apart = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).lower()


def _listed(text: str, *, are_marked: bool) -> frozenset[str]:
    """The entries of a list as they are compared, with their marks or without."""
    entries = {" ".join(entry.split()) for entry in text.replace("\n", " ").split(",")}
    return frozenset(comparable(entry).lower() if are_marked else folded(entry) for entry in entries)


def _any_of(*lists: str) -> str:
    names = sorted({name for each in lists for name in each.split()}, key=len, reverse=True)
    return "|".join([*names, *(name.upper() for name in names)])


_ALL = (COMMON, PEOPLES, AMBIGUOUS, CLEAR, UNMARKED)
MARKED = f"(?:{_any_of(COMMON, AMBIGUOUS)})"
SURNAME = f"(?:{_any_of(*_ALL)})"
OTHER_PEOPLE = (
    rf"(?:(?:{_any_of(PEOPLES)})(?:{SEPARATOR}{GIVEN}){{1,4}}"
    rf"|(?:Y{SEPARATOR}|H'){GIVEN}{SEPARATOR}(?:{_any_of(PEOPLES)}))(?![^\W_])"
)
INITIAL = rf"{MARKED}{SEPARATOR}[{CAPITALS}]\. ?{GIVEN}"
_MIDDLE_SYLLABLE = "(?i:văn|thị|van|thi)"
_ANY_SURNAME = rf"(?i:{'|'.join(' '.join(_ALL).split())}|Ng[.])"
MIDDLE = (
    rf"(?:(?=[^\W\d_]{{1,6}}[.]?{_JOINT}{_MIDDLE_SYLLABLE}){_ANY_SURNAME}{_JOINT}{_MIDDLE_SYLLABLE}"
    rf"(?:(?:{_JOINT}{GIVEN}){{1,3}}|(?:{_JOINT}[^\W\d_]{{1,7}}(?![^\W\d_])){{1,2}})"
    rf"|{SURNAME}(?:Văn|Thị){GIVEN})"
)
"""A name with *Văn* or *Thị*, in capitals or small letters, joined by blanks, hyphens, dots, slashes or nothing.

Of small letters two words are given names at most: more of them may be the rest of the sentence.
"""
_NAME_LIKE = frozenset({"van", "thi", "tu", "y"})
"""Syllables without marks that names have, and that words of the list have with other marks."""

_KNOWN = {are_marked: _listed(f"{PLACES},{PERSONS}", are_marked=are_marked) for are_marked in (True, False)}
_FIRST_WORDS = {are_marked: _listed(FIRST_WORDS, are_marked=are_marked) for are_marked in (True, False)}
_WORDS = {
    True: _listed(WORDS, are_marked=True),
    False: frozenset(word for word in _listed(WORDS, are_marked=False) if _NAME_LIKE.isdisjoint(word.split())),
}
_DIRECTIONS = frozenset(["đông", "tây", "nam", "bắc", "trung", "hạ", "thượng", "a", "b", "c", "d"])
_WITH_MIDDLE = {True: _listed(WITH_MIDDLE, are_marked=True), False: _listed(WITH_MIDDLE, are_marked=False)}
_NEVER_WORDS = frozenset(NEVER_WORDS.split())
_PEOPLES = frozenset(PEOPLES.lower().split())
_NO_ONE = _listed(NO_ONE, are_marked=True)
_MIDDLE = frozenset({"văn", "thị", "van", "thi"})


@cache
def _whole() -> re.Pattern[str]:
    """A name and nothing else; compiled when the first text is looked at, which most commands never do."""
    return re.compile(
        rf"(?:{_any_of(COMMON, CLEAR)})(?:{SEPARATOR}{GIVEN}){{1,4}}|{OTHER_PEOPLE}"
        rf"|(?:{_any_of(AMBIGUOUS, UNMARKED)})(?:{SEPARATOR}{GIVEN}){{2,4}}"
        rf"|(?:{'|'.join(' '.join(_ALL).lower().split())}){SEPARATOR}{_MIDDLE_SYLLABLE}"
        rf"(?:{SEPARATOR}[^\W\d_]{{1,7}}){{1,3}}"
    )


@lru_cache(maxsize=10_000)
def is_name(text: str) -> bool:
    """Whether all of a searchable text is the name of a person, as far as its looks go."""
    bare = text.strip(" \t\r\n\u00a0_.\"'*")
    return _whole().fullmatch(bare) is not None and not is_other(bare)


def is_slug(segment: str) -> bool:
    """Whether a segment of a path is a name with *van* or *thi*, its words joined by hyphens, dots or underscores."""
    words = " ".join(re.split(r"[-_.]+", segment))
    return has_middle(words.lower().split()) and is_name(words)


def has_middle(syllables: Sequence[str]) -> bool:
    """Whether the second of some syllables is *văn* or *thị*, with something after it."""
    return len(syllables) > 2 and syllables[1] in _MIDDLE  # noqa: PLR2004 - a surname, it, a given name


def is_no_one(text: str) -> bool:
    """Whether a title with a word after it is a place or an office, not a person."""
    return " ".join(comparable(text).lower().replace(":", " ").split()[:2]) in _NO_ONE


def is_other(text: str) -> bool:
    """Whether a text that has the form of a name is a place, or has words in it that no name has."""
    apart = re.sub(r"[-_./\u00a0]+", " ", _CAMEL.sub(" ", text))
    syllables = comparable(apart).lower().split()
    are_marked = not text.isascii()
    if " ".join(syllables) in _KNOWN[are_marked]:
        return True
    if has_middle(syllables):
        return _is_word_with_middle(apart.split(), syllables, are_marked=are_marked)
    pairs = [" ".join(pair) for pair in pairwise(syllables)]
    if pairs and (pairs[0] in _FIRST_WORDS[are_marked] or not _WORDS[are_marked].isdisjoint(pairs)):
        return True
    words = apart.split()
    if not words[0].isupper() and any(len(word) > 1 and word.isupper() for word in words):
        return True  # an abbreviation
    if syllables[-1] in _DIRECTIONS and " ".join(syllables[:-1]) in _KNOWN[are_marked]:
        return True
    return text.isascii() and syllables[0] not in _PEOPLES and not all(map(_SYLLABLE.fullmatch, syllables))


def _is_word_with_middle(words: Sequence[str], syllables: Sequence[str], *, are_marked: bool) -> bool:
    """Whether *văn* or *thị* in small letters belongs to the word after it (*văn bản*), or to *đô* (*do thi*)."""
    if not words[1].islower() or not words[2].islower() or syllables[0] in _NEVER_WORDS:
        return False
    return " ".join(syllables[1:3]) in _WITH_MIDDLE[are_marked] or (not are_marked and syllables[:2] == ["do", "thi"])


def is_of_organisation_or_place(before: str) -> bool:
    """Whether a name belongs to a street, a school, a business, by the words before it."""
    part = _BREAK.split(before)[-1]
    if _PLACE.search(part) is not None:
        return True
    last = deque(_ORGANISATION.finditer(part), maxlen=1)
    return bool(last) and _OWNER.search(part, last[0].end()) is None
